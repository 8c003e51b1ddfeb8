//! The store itself: opening, units of work, views, subscriptions.

use std::fs::File;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use ids::{AccountId, CollectionId, ContentId, ModSeq, Timestamp};
use tokio::sync::oneshot;

use crate::blob::BlobStore;
use crate::check::{check_consistency, repair};
use crate::directory::{DirectoryQuestion, RecipientCache};
use crate::engine::{
    Engine, Outcome, PostgresEngine, Reach, Shared, SqliteEngine, Submission, WriteJob,
    open_sqlite, repeatable_job, write_job,
};
use crate::feed::{Feed, FeedReader, Publication, read_modseq, read_since};
use crate::lesson::LessonNotices;
use crate::maintain::{Progress, maintain};
use crate::message_store::{Content, ContentCache, Want};
use crate::search::{self, SearchCache, Waiting};
use crate::sort_keys::SortKeyCache;
use crate::spool::SpoolNotices;
use crate::statistics::Statistics;
use crate::view::{Snapshot, load_snapshot};
use crate::{
    AccountTx, Address, Committed, Database, Finding, Indexed, MailboxView, Maintained,
    PreparedMessage, ReadTx, Repaired, Resolution, Result, Settings, StatisticsSnapshot,
    StorageError, Subscription, WriteTx,
};

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
            events: crate::EventNotices::default(),
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

    /// A unit of work: all of it or nothing. Completes when it is on stable storage, in every
    /// view, and published. The closure runs on a storage thread and has no effect outside `tx`.
    ///
    /// # Errors
    /// What the closure returned; [`StorageError::Unavailable`] where the commit failed.
    pub async fn write<T, F>(&self, label: &'static str, closure: F) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.write_with(label, Vec::new(), closure).await
    }

    /// Like [`write`](Self::write) for a closure that stores `messages`: their large blobs are
    /// durable before it runs, with one sync for all writers at that time.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn write_with<T, F>(
        &self,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.write_reaching(Reach::All, label, messages, closure).await
    }

    /// Like [`write_with`](Self::write_with) for a closure that adds `messages` and changes
    /// nothing else: no account, address or domain. What is known of recipients stays so.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn write_messages<T, F>(
        &self,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.write_reaching(Reach::Messages, label, messages, closure).await
    }

    /// Like [`write_messages`](Self::write_messages) for a closure that may run more than once, each
    /// time after all it did before was rolled back: so it shares the commit of others that may at
    /// less cost than where each has to be rolled back by itself.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn deliver_messages<T, F>(
        &self,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: Fn(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.submit(Reach::Messages, label, messages, repeatable_job(label, closure)).await
    }

    async fn write_reaching<T, F>(
        &self,
        reach: Reach,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.submit(reach, label, messages, write_job(label, closure)).await
    }

    async fn submit<T>(
        &self,
        reach: Reach,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        (job, outcome): (Box<dyn WriteJob>, Outcome<T>),
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
    {
        if self.inner.shared.blobs.must_upload(&messages) {
            let (store, messages) = (self.clone(), messages.clone());
            blocking("upload", move || store.upload(&messages)).await?;
        }
        self.inner.engine.submit(Submission::new(job, messages, reach)).await?;
        outcome.await.map_err(|_| lost(label))?
    }

    /// [`write_with`](Self::write_with) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn write_with_blocking<T, F>(
        &self,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        if self.inner.shared.blobs.must_upload(&messages) {
            self.upload(&messages)?;
        }
        let (job, outcome) = write_job(label, closure);
        self.inner.engine.submit_blocking(Submission::new(job, messages, Reach::All))?;
        outcome.blocking_recv().map_err(|_| lost(label))?
    }

    /// [`write`](Self::write) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn write_blocking<T, F>(&self, label: &'static str, closure: F) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.write_with_blocking(label, Vec::new(), closure)
    }

    /// A unit of work on one account.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn account_write<T, F>(
        &self,
        account: AccountId,
        label: &'static str,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        self.account_write_with(account, label, Vec::new(), closure).await
    }

    /// A unit of work on one account that stores `messages`.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub async fn account_write_with<T, F>(
        &self,
        account: AccountId,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        self.write_with(label, messages, move |tx| closure(&mut tx.account(account)?)).await
    }

    /// [`account_write_with`](Self::account_write_with) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn account_write_blocking<T, F>(
        &self,
        account: AccountId,
        label: &'static str,
        messages: Vec<Arc<PreparedMessage>>,
        closure: F,
    ) -> Result<Committed<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut AccountTx<'_, '_>) -> Result<T> + Send + 'static,
    {
        self.write_with_blocking(label, messages, move |tx| closure(&mut tx.account(account)?))
    }

    /// Reads in one snapshot, off the async threads. Never waits for a writer.
    ///
    /// # Errors
    /// What the closure returned; [`StorageError::Unavailable`] where nothing can be read now.
    pub async fn read<T, F>(&self, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let store = self.clone();
        blocking("read", move || store.read_blocking(closure)).await
    }

    /// [`read`](Self::read) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_blocking<T, F>(&self, closure: F) -> Result<T>
    where
        T: Send,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send,
    {
        self.inner.read(closure)
    }

    /// Where mail to `address` goes, see [`ReadTx::resolve`]. What was asked before and cannot
    /// have changed is answered from memory.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub async fn find_recipient(&self, address: &Address) -> Result<Resolution> {
        let recipients = &self.inner.shared.recipients;
        if let Some(resolution) = recipients.find(address) {
            return Ok(resolution);
        }
        let (edition, asked) = (recipients.edition(), address.clone());
        let found = self.read(move |tx| tx.resolve(&asked)).await?;
        recipients.keep(edition, address, &found);
        Ok(found)
    }

    /// Whether a question about the directory has to be asked: `None` where it was answered with yes
    /// since the directory last changed. The text is to say all that the answer depends on but the
    /// directory; an answer that time alone can change is not to be kept.
    pub fn ask_directory(&self, text: String) -> Option<DirectoryQuestion> {
        self.inner.shared.recipients.ask(text)
    }

    /// Keeps the yes to a question, read after it was asked.
    pub fn keep_granted(&self, question: DirectoryQuestion) {
        self.inner.shared.recipients.grant(question);
    }

    /// Parses, hashes and compresses a message, off the async threads where that takes long.
    ///
    /// # Errors
    /// [`StorageError::TooBig`] for one larger than the store takes.
    pub async fn prepare(&self, bytes: Vec<u8>) -> Result<PreparedMessage> {
        let (size_bytes, limit_bytes) =
            (bytes.len() as u64, self.inner.shared.settings.message_bytes_max);
        if size_bytes > limit_bytes {
            return Err(StorageError::TooBig { size_bytes, limit_bytes });
        }
        self.prepare_version(bytes).await
    }

    /// The same for what rules made of a message: whether that is too big is for the transaction
    /// to say, which then goes by the message as it came.
    pub async fn prepare_version(&self, bytes: Vec<u8>) -> Result<PreparedMessage> {
        /// LIMIT: up to here preparing takes less than moving to another thread would delay.
        const INLINE_BYTES: usize = 32 * 1024;
        if bytes.len() <= INLINE_BYTES {
            return Ok(PreparedMessage::new(bytes));
        }
        blocking("prepare", move || Ok(PreparedMessage::new(bytes))).await
    }

    /// The shared view of a mailbox of `account`.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such mailbox.
    pub async fn open_view(
        &self,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Result<MailboxView> {
        if let Some(view) = self.inner.shared.feed.opened_view(account, mailbox) {
            return Ok(view);
        }
        let store = self.clone();
        blocking("open view", move || store.open_view_blocking(account, mailbox)).await
    }

    /// What is wanted of `ids`, where all of it is in memory, which bodies and part indices never
    /// are: no I/O, nothing waits. The same as [`ReadTx::load_contents`] would read, as contents
    /// never change.
    pub fn held_contents(&self, ids: &[ContentId], want: Want) -> Option<Vec<Content>> {
        let held = self.inner.shared.contents.contents(ids, want);
        (held.len() == ids.len()).then_some(held)
    }

    /// The view of a mailbox if it is in memory. No I/O.
    pub fn held_view(&self, account: AccountId, mailbox: CollectionId) -> Option<MailboxView> {
        self.inner.shared.feed.opened_view(account, mailbox)
    }

    /// [`open_view`](Self::open_view) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`open_view`](Self::open_view).
    pub fn open_view_blocking(
        &self,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Result<MailboxView> {
        self.inner.shared.feed.open_view(account, mailbox)
    }

    /// Every change of `account` from now on. Subscribe before the first read.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such account.
    pub async fn subscribe(&self, account: AccountId) -> Result<Subscription> {
        if let Some(subscription) = self.inner.shared.feed.subscribe_watched(account) {
            return Ok(subscription);
        }
        let store = self.clone();
        blocking("subscribe", move || store.subscribe_blocking(account)).await
    }

    /// [`subscribe`](Self::subscribe) for threads. Not for async code.
    ///
    /// # Errors
    /// As for [`subscribe`](Self::subscribe).
    pub fn subscribe_blocking(&self, account: AccountId) -> Result<Subscription> {
        self.inner.shared.feed.subscribe(account)
    }

    /// Checks every invariant of the stored data, reading every byte of it; empty means clean.
    /// Blocks for as long as that takes; writers go on meanwhile.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the data can't be read now.
    pub fn check_consistency(&self) -> Result<Vec<Finding>> {
        // What is in memory says nothing about what is stored.
        self.read_blocking(|tx| check_consistency(&mut tx.passing_by()))
    }

    /// Computes every counted number anew and says which were wrong. Messages, names and
    /// addresses are never touched. Blocks.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the data can't be written now.
    pub fn repair(&self) -> Result<Vec<Repaired>> {
        let repaired = self.write_blocking("repair", repair)?.value;
        self.inner.shared.waiting.look_again();
        Ok(repaired)
    }

    /// Gives up what nobody needs any more: expunged messages past their retention, the change
    /// log past its days, contents and blobs that nothing names, and their space. To be called
    /// now and then. Blocks for as long as that takes; works in small steps, so that writers hardly
    /// notice. One call at a time does the work, another waits for it.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the data can't be written now. What was done until
    /// then is done.
    pub fn maintain(&self) -> Result<Maintained> {
        let mut progress =
            self.inner.maintenance.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        maintain(self, &self.inner.shared.blobs, &mut progress)
    }

    /// Brings the search index up to date with the accounts that have waited long enough, in
    /// small transactions; what came in the last seconds is left to the next call. Between two of
    /// them it ends where `ended` says so. Blocks for as long as that takes.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the data can't be read or written now. What was done
    /// until then is done, the rest is done by a later call.
    pub fn index(&self, ended: &dyn Fn() -> bool) -> Result<Indexed> {
        let waiting = &self.inner.shared.waiting;
        let mut done = Indexed::default();
        while self.settings().search_index
            && !ended()
            && let Some(account) = waiting.take(self)?
        {
            let indexed = search::update(self, account, ended).inspect_err(|_| {
                waiting.look_again();
            })?;
            if ended() {
                waiting.look_again();
            }
            done.messages += indexed.messages;
            done.merged += indexed.merged;
        }
        self.inner.shared.statistics.indexed(done.messages);
        Ok(done)
    }

    /// Has the next [`index`](Self::index) look at every account: for what other daemons wrote
    /// and did not come to index.
    pub fn index_all(&self) {
        self.inner.shared.waiting.look_again();
    }

    /// How many messages wait to be indexed, as far as is known, and since when the first.
    pub fn index_lag(&self) -> (u64, Option<Timestamp>) {
        self.inner.shared.waiting.lag()
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
    pub fn event_notices(&self) -> &crate::EventNotices {
        &self.inner.shared.events
    }

    /// Puts large bodies that no row names yet into the object store.
    fn upload(&self, messages: &[Arc<PreparedMessage>]) -> Result<()> {
        let blobs = &self.inner.shared.blobs;
        let unknown = self.inner.read(|tx| blobs.unknown(tx, messages))?;
        blobs.upload_large(&unknown)
    }

    /// What the store was opened with.
    pub fn settings(&self) -> &Settings {
        &self.inner.shared.settings
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
        let (mut closure, mut value) = (Some(closure), None);
        self.engine.read_blocking(&mut |tx| {
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

fn lost(label: &'static str) -> StorageError {
    StorageError::Unavailable(format!("{label} was not finished"))
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
