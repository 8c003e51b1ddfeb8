//! SQLite: one writer whose commits many jobs share, and a pool of connections to read.
//!
//! While one commit waits for the disk, further jobs queue; the next commit takes them all. So
//! the cost of durability is shared by whoever writes at the same time.

mod gather;
mod log;
mod log_ahead;
mod log_room;
mod open;
mod pack_sync;
mod turn;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use self::log::Log;
use self::open::{open_reader, open_unmapped};
use self::turn::Turn;
use self::writer::Writer;
use super::pool::{Lease, Pool};
use super::queue::Queue;
use super::{Engine, ReadWork, Shared, Submission, SubmitFuture, join};
use crate::sql::sqlite::{SqliteSql, error};
use crate::{Result, StorageError};

pub(crate) use self::open::open_writer;

/// The embedded engine.
pub(crate) struct SqliteEngine {
    queue: Queue,
    turn: Arc<Turn>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Pool<Connection>,
    /// Connections that map no file into memory and keep a small cache.
    unmapped: Pool<Connection>,
    shared: Arc<Shared>,
}

impl SqliteEngine {
    /// Starts the writer on an opened database.
    pub(crate) fn start(connection: Connection, shared: Arc<Shared>) -> Result<Self> {
        let (queue, jobs) = Queue::new(&shared.settings, shared.statistics.clone());
        let log = Log::start(&shared.settings)?;
        let turn = Arc::new(Turn::new(Writer::new(connection, log, shared.clone())));
        let writing = turn.clone();
        let handle = std::thread::Builder::new()
            .name("storage-writer".to_owned())
            .spawn(move || writing.run(jobs))
            .map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
        Ok(Self {
            queue,
            turn,
            thread: Mutex::new(Some(handle)),
            readers: Pool::new(shared.settings.readers),
            unmapped: Pool::new(shared.settings.readers),
            shared,
        })
    }
}

impl Engine for SqliteEngine {
    fn submit(&self, submission: Submission) -> SubmitFuture<'_> {
        Box::pin(async {
            let submission = self.queue.enter(submission).await?;
            match self.turn.write_here(&self.queue, submission) {
                Some(submission) => self.queue.send(submission).await,
                None => Ok(()),
            }
        })
    }

    fn submit_blocking(&self, submission: Submission) -> Result<()> {
        self.queue.submit_blocking(submission)
    }

    fn read_blocking(&self, work: ReadWork<'_>) -> Result<()> {
        self.read_on(self.readers.lease(|| open_reader(&self.shared.settings))?, work)
    }

    /// With the file mapped, all that was looked at would count as this process's memory until the
    /// system needs it.
    fn read_through_blocking(&self, work: ReadWork<'_>) -> Result<()> {
        self.read_on(self.unmapped.lease(|| open_unmapped(&self.shared.settings))?, work)
    }

    fn close(&self) {
        self.queue.close();
        // Whoever reads keeps the writer from emptying the log.
        self.readers.close();
        self.unmapped.close();
        if let Some(thread) = lock(&self.thread).take() {
            join(thread);
        }
    }
}

impl SqliteEngine {
    /// Reads in one snapshot.
    fn read_on(&self, lease: Lease<'_, Connection>, work: ReadWork<'_>) -> Result<()> {
        statement(&lease, "BEGIN")?;
        let sql = &mut SqliteSql::new(&lease);
        let outcome = work(&mut self.shared.reading(sql));
        // A connection on which the snapshot does not end is not used again.
        if statement(&lease, "COMMIT").is_ok() {
            lease.give_back();
        }
        outcome
    }
}

impl Drop for SqliteEngine {
    fn drop(&mut self) {
        self.close();
    }
}

fn statement(connection: &Connection, sql: &'static str) -> Result<()> {
    let mut statement = connection.prepare_cached(sql).map_err(error)?;
    statement.raw_execute().map(drop).map_err(error)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
