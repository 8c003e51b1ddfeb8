//! The engines: how transactions are begun, batched and made durable.
//!
//! An engine takes jobs. A write job is a closure over a [`WriteTx`] with somebody waiting for
//! its outcome; the engine runs it, makes it durable, publishes what it changed, and only then
//! tells whoever waits. Nothing outside knows how many jobs shared a commit.

mod job;
mod pool;
mod postgres;
mod sqlite;

use std::sync::Arc;

pub(crate) use job::{Finished, ReadWork, WriteJob, write_job};
pub(crate) use postgres::PostgresEngine;
pub(crate) use sqlite::{Shared, SqliteEngine, open_writer as open_sqlite};

use crate::{PreparedMessage, Result};

/// A write and what must be durable before it runs.
pub(crate) struct Submission {
    pub(crate) job: Box<dyn WriteJob>,
    /// Messages whose large blobs the job will name.
    pub(crate) messages: Vec<Arc<PreparedMessage>>,
}

/// One engine. Object safe, so that a store is one type whatever runs below it.
pub(crate) trait Engine: Send + Sync {
    /// Queues a write, waiting for a place.
    fn submit(&self, submission: Submission) -> SubmitFuture<'_>;
    /// Queues a write, blocking for a place. Not for async threads.
    fn submit_blocking(&self, submission: Submission) -> Result<()>;
    /// Runs a read on the calling thread, in one snapshot. Not for async threads.
    fn read_blocking(&self, work: ReadWork<'_>) -> Result<()>;
    /// Ends writing: what is queued is done, later writes are refused.
    fn close(&self);
}

/// Completes when a submission has its place in the queue.
pub(crate) type SubmitFuture<'e> = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send + 'e>>;
