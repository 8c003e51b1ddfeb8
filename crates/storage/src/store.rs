//! The store itself: opening, closing, and what stands behind it.

mod read;
mod upkeep;
mod write;

use std::fs::File;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};

use ids::{AccountId, CollectionId, ModSeq, Timestamp};
use tokio::sync::oneshot;

use crate::blob::BlobStore;
use crate::directory::RecipientCache;
use crate::engine::{Engine, PostgresEngine, ReadWork, Shared, SqliteEngine, open_sqlite};
use crate::feed::{Feed, FeedReader, Publication, read_modseq, read_since};
use crate::lesson::LessonNotices;
use crate::maintain::Progress;
use crate::message_store::ContentCache;
use crate::search::{SearchCache, Waiting};
use crate::sort_keys::SortKeyCache;
use crate::spool::SpoolNotices;
use crate::statistics::Statistics;
use crate::view::{Snapshot, load_snapshot};
use crate::{Database, EventNotices, ReadTx, Result, Settings, StatisticsSnapshot, StorageError};

/// A store. Clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Box<dyn Engine>,
    shared: Arc<Shared>,
    maintenance: Mutex<Progress>,
    sort_keys: SortKeyCache,
    /// Keeps every other process off the data directory while it is held.
    _lock: File,
}

impl Store {
    /// Opens the store, making what is absent and bringing its schema up to date. Blocks.
    ///
    /// # Errors
    /// [`StorageError::InUse`] where another process has the data directory;
    /// [`StorageError::Unavailable`] where it can't be read or written, or was made by a newer
    /// version.
    pub fn open(settings: Settings) -> Result<Self> {
        std::fs::create_dir_all(&settings.data_dir).map_err(unavailable)?;
        let lock = lock_directory(&settings)?;
        let reader = Arc::new(OnceLock::<Weak<Inner>>::new());
        let feed_reader = StoreReader { store: reader.clone() };
        let shared = Arc::new(Shared {
            blobs: Arc::new(BlobStore::open(&settings)?),
            feed: Arc::new(Feed::new(Box::new(feed_reader), settings.view_cache_messages_max)),
            contents: ContentCache::new(settings.content_cache_bytes),
            index: SearchCache::new(settings.index_cache_bytes),
            recipients: RecipientCache::new(&settings.database),
            statistics: Arc::new(Statistics::default()),
            waiting: Waiting::default(),
            spooled: SpoolNotices::default(),
            lessons: LessonNotices::default(),
            events: EventNotices::default(),
            pushes: crate::PushNotices::default(),
            current: RwLock::new(Arc::new(settings.clone())),
            settings,
        });
        let engine: Box<dyn Engine> = match &shared.settings.database {
            Database::Sqlite => {
                let connection = open_sqlite(&shared.settings)?;
                Box::new(SqliteEngine::start(connection, shared.clone())?)
            }
            Database::Postgres(url) => Box::new(PostgresEngine::start(url, shared.clone())?),
        };
        let sort_keys = SortKeyCache::new(shared.settings.sort_keys_bytes_max);
        let maintenance = Mutex::default();
        let inner = Arc::new(Inner { engine, shared, maintenance, sort_keys, _lock: lock });
        // Set once, here.
        let _ = reader.set(Arc::downgrade(&inner));
        Ok(Self { inner })
    }

    /// Where who teaches a filter hears what people say of mail by moving it; it says nothing
    /// without [`Settings::lessons`](crate::Settings::lessons).
    pub fn lesson_notices(&self) -> &LessonNotices {
        &self.inner.shared.lessons
    }

    /// Where the queue hears of what was spooled.
    pub fn spool_notices(&self) -> &SpoolNotices {
        &self.inner.shared.spooled
    }

    /// Where the daemon hears of what happened in mailboxes and starts scripts.
    pub fn event_notices(&self) -> &EventNotices {
        &self.inner.shared.events
    }

    /// Collections that changed, for who tells push services.
    pub fn push_notices(&self) -> &crate::PushNotices {
        &self.inner.shared.pushes
    }

    /// What it runs with: what it was opened with, or what has taken its place.
    pub fn settings(&self) -> Arc<Settings> {
        self.inner.shared.current()
    }

    /// Has the limits and spans of time of other settings hold for every transaction from now on.
    /// What opening takes up (places, connections, memory, the clock) stays as it is.
    pub fn replace_settings(&self, settings: Settings) {
        let mut current = self.inner.shared.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(settings);
    }

    /// The current instant by the store's clock.
    pub fn now(&self) -> Timestamp {
        self.inner.shared.settings.clock.now()
    }

    #[cfg(test)]
    pub(crate) fn packs(&self) -> Option<&crate::blob::Packs> {
        self.inner.shared.blobs.packs()
    }

    pub(crate) fn sort_key_cache(&self) -> &SortKeyCache {
        &self.inner.sort_keys
    }

    /// What the store has done so far.
    pub fn statistics(&self) -> StatisticsSnapshot {
        self.inner.shared.statistics.snapshot()
    }

    /// Ends writing: what was submitted is done, later writes are refused. Blocks.
    pub fn close(&self) {
        self.inner.engine.close();
    }
}

impl Inner {
    fn read<T>(&self, closure: impl FnOnce(&mut ReadTx<'_>) -> Result<T> + Send) -> Result<T>
    where
        T: Send,
    {
        self.read_by(|work| self.engine.read_blocking(work), closure)
    }

    fn read_through<T>(
        &self,
        closure: impl FnOnce(&mut ReadTx<'_>) -> Result<T> + Send,
    ) -> Result<T>
    where
        T: Send,
    {
        self.read_by(
            |work| self.engine.read_through_blocking(work),
            |tx| {
                tx.contents = None;
                closure(tx)
            },
        )
    }

    fn read_by<T>(
        &self,
        read: impl FnOnce(ReadWork<'_>) -> Result<()>,
        closure: impl FnOnce(&mut ReadTx<'_>) -> Result<T> + Send,
    ) -> Result<T>
    where
        T: Send,
    {
        let (mut closure, mut value) = (Some(closure), None);
        read(&mut |tx| {
            if let Some(closure) = closure.take() {
                value = Some(closure(tx)?);
            }
            Ok(())
        })?;
        value.ok_or_else(|| StorageError::Internal("a read did not run".to_owned()))
    }
}

/// How the feed reads, without keeping the store open.
struct StoreReader {
    store: Arc<OnceLock<Weak<Inner>>>,
}

impl StoreReader {
    fn inner(&self) -> Result<Arc<Inner>> {
        self.store
            .get()
            .and_then(Weak::upgrade)
            .ok_or_else(|| StorageError::Unavailable("the store is closed".to_owned()))
    }
}

impl FeedReader for StoreReader {
    fn modseq(&self, account: AccountId) -> Result<ModSeq> {
        self.inner()?.read(|tx| read_modseq(&mut *tx.sql, account))
    }

    fn since(&self, account: AccountId, since: ModSeq) -> Result<Option<(Publication, ModSeq)>> {
        self.inner()?.read(|tx| read_since(&mut *tx.sql, account, since))
    }

    fn snapshot(&self, account: AccountId, mailbox: CollectionId) -> Result<Snapshot> {
        self.inner()?.read(|tx| load_snapshot(&mut *tx.sql, account, mailbox))
    }
}

/// Two daemons on one SQLite directory would each believe to be the only writer.
fn lock_directory(settings: &Settings) -> Result<File> {
    let path = settings.data_dir.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(path).map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(StorageError::InUse("another process has the data directory open"))
        }
        Err(std::fs::TryLockError::Error(cause)) => Err(unavailable(cause)),
    }
}

fn unavailable(cause: std::io::Error) -> StorageError {
    StorageError::of_io("data directory", &cause)
}

/// Runs `work` on a thread where blocking is allowed.
pub(crate) async fn blocking<T, F>(label: &'static str, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    let (done, outcome) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        // The receiver is gone where the caller was cancelled.
        let _ = done.send(work());
    });
    outcome.await.map_err(|_| StorageError::Internal(format!("{label} panicked")))?
}
