//! The engines: how transactions are begun, batched and made durable.
//!
//! An engine takes jobs. A write job is a closure over a [`WriteTx`] with somebody waiting for
//! its outcome; the engine runs it, makes it durable, publishes what it changed, and only then
//! tells whoever waits. Nothing outside knows how many jobs shared a commit.

mod job;
mod pool;
mod postgres;
mod queue;
mod sqlite;

use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

pub(crate) use job::{Finished, Outcome, ReadWork, WriteJob, repeatable_job, write_job};
pub(crate) use postgres::PostgresEngine;
pub(crate) use queue::Room;
pub(crate) use sqlite::{SqliteEngine, open_writer as open_sqlite};

use crate::blob::BlobStore;
use crate::directory::RecipientCache;
use crate::feed::{Feed, Publication};
use crate::lesson::LessonNotices;
use crate::message_store::ContentCache;
use crate::search::{SearchCache, Waiting};
use crate::spool::SpoolNotices;
use crate::sql::Sql;
use crate::statistics::Statistics;
use crate::{EventNotices, PreparedMessage, PushNotices, ReadTx, Result, Settings, StorageError};

/// What the threads of an engine have in common with the store.
pub(crate) struct Shared {
    /// What the store was opened with.
    pub(crate) settings: Settings,
    /// The settings as they are now: those that may change while the daemon runs were replaced
    /// here.
    pub(crate) current: RwLock<Arc<Settings>>,
    pub(crate) blobs: Arc<BlobStore>,
    pub(crate) contents: ContentCache,
    pub(crate) index: SearchCache,
    pub(crate) recipients: RecipientCache,
    pub(crate) feed: Arc<Feed>,
    pub(crate) statistics: Arc<Statistics>,
    pub(crate) waiting: Waiting,
    pub(crate) spooled: SpoolNotices,
    pub(crate) lessons: LessonNotices,
    pub(crate) events: EventNotices,
    pub(crate) pushes: PushNotices,
}

impl Shared {
    /// Tells whoever has to know what was committed.
    fn publish(&self, publication: &Publication) {
        self.feed.publish(publication);
        self.waiting.note(publication, self.settings.clock.now());
        if !publication.spooled.is_empty() {
            self.spooled.note(&publication.spooled);
        }
        if !publication.lessons.is_empty() {
            self.lessons.note(&publication.lessons);
        }
        if !publication.events.is_empty() {
            self.events.note(&publication.events);
        }
        self.pushes.note(&publication.changes);
    }
}

impl Shared {
    /// What holds for a transaction that begins now.
    pub(crate) fn current(&self) -> Arc<Settings> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A transaction that reads committed state over `sql`.
    pub(crate) fn reading<'s>(&'s self, sql: &'s mut dyn Sql) -> ReadTx<'s> {
        let others_max = self.current().shared_mailboxes_max;
        ReadTx {
            sql,
            blobs: &self.blobs,
            contents: Some(&self.contents),
            index: Some(&self.index),
            others_max,
        }
    }
}

/// A write and what must be durable before it runs.
pub(crate) struct Submission {
    pub(crate) job: Box<dyn WriteJob>,
    /// Messages whose large blobs the job will name.
    pub(crate) messages: Vec<Arc<PreparedMessage>>,
    pub(crate) reach: Reach,
    pub(crate) extent: Extent,
    /// Given by the queue.
    pub(crate) room: Option<Room>,
}

impl Submission {
    pub(crate) fn new(
        job: Box<dyn WriteJob>,
        messages: Vec<Arc<PreparedMessage>>,
        reach: Reach,
    ) -> Self {
        Self { job, messages, reach, extent: Extent::Any, room: None }
    }

    /// The same, of so much work.
    pub(crate) fn of_extent(self, extent: Extent) -> Self {
        Self { extent, ..self }
    }
}

/// What a write may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everything in the store.
    All,
    /// Messages, objects and what is counted of them; no account, address or domain.
    Messages,
}

/// How much work a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// As a rule some rows, done in about the time of the commit itself; what one message or object
    /// brings with it, as a post to a list does, may be more. It may be done where it is asked for:
    /// whoever waits for it hears of nothing else meanwhile.
    Brief,
    /// However much.
    Any,
}

impl Extent {
    /// The work of storing `messages`, in so many mailboxes in all.
    pub fn of_messages(messages: &[Arc<PreparedMessage>], copies: usize) -> Self {
        /// LIMIT: bytes of messages, and how often they are stored, in a brief write.
        const BRIEF_BYTES: u64 = 512 << 10;
        const BRIEF_COPIES: usize = 16;
        let bytes: u64 = messages.iter().map(|message| message.memory_bytes()).sum();
        match copies <= BRIEF_COPIES && bytes <= BRIEF_BYTES {
            true => Self::Brief,
            false => Self::Any,
        }
    }

    /// The work of changing flags of so many messages.
    pub fn of_flags(messages: u64) -> Self {
        /// LIMIT: messages changed in a brief write.
        const BRIEF_FLAGS: u64 = 64;
        if messages <= BRIEF_FLAGS { Self::Brief } else { Self::Any }
    }
}

/// One engine. Object safe, so that a store is one type whatever runs below it.
pub(crate) trait Engine: Send + Sync {
    /// Queues a write, waiting for a place.
    fn submit(&self, submission: Submission) -> SubmitFuture<'_>;
    /// Queues a write, blocking for a place. Not for async threads.
    fn submit_blocking(&self, submission: Submission) -> Result<()>;
    /// Runs a read on the calling thread, in one snapshot. Not for async threads.
    fn read_blocking(&self, work: ReadWork<'_>) -> Result<()>;
    /// Like `read_blocking`, for work that reads very much and keeps nothing of it in memory.
    fn read_through_blocking(&self, work: ReadWork<'_>) -> Result<()> {
        self.read_blocking(work)
    }
    /// Ends writing: what is queued is done, later writes are refused.
    fn close(&self);
}

/// Completes when a submission has its place in the queue.
pub(crate) type SubmitFuture<'e> = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + 'e>>;

fn closed() -> StorageError {
    StorageError::Unavailable("the store is closed".to_owned())
}

/// Waits for a thread of the engine. The last owner of a store can be one of these threads, when
/// a write closure held it; such a thread ends by itself.
fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != std::thread::current().id() {
        // One that panicked has nothing more to say.
        let _ = thread.join();
    }
}
