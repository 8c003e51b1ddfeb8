//! SQLite: one writer thread whose commits many jobs share, and a pool of connections to read.
//!
//! While one commit waits for the disk, further jobs queue; the next commit takes them all. So
//! the cost of durability is shared by whoever writes at the same time.

use std::path::Path;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::mpsc;

use super::pool::Pool;
use super::{Engine, Finished, ReadWork, Submission, SubmitFuture};
use crate::blob::BlobStore;
use crate::feed::{Feed, Publication};
use crate::sql::Dialect;
use crate::sql::sqlite::{SqliteSql, error};
use crate::statistics::Statistics;
use crate::{ReadTx, Result, Settings, StorageError, WriteTx, migrate};

/// LIMIT: prepared statements kept per connection; there are some 150 texts in all.
const STATEMENTS: usize = 256;
/// LIMIT: pages the log may hold before the writer copies it into the database itself. 64 MiB at
/// 4 KiB a page: reading slows down with a longer log.
const LOG_PAGES_MAX: i64 = 16 * 1024;

/// The embedded engine.
pub(crate) struct SqliteEngine {
    queue: Mutex<Option<mpsc::Sender<Submission>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Pool<Connection>,
    shared: Arc<Shared>,
}

/// What the writer and the readers have in common.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) blobs: Arc<BlobStore>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) statistics: Arc<Statistics>,
}

fn database_path(settings: &Settings) -> std::path::PathBuf {
    settings.data_dir.join("posthorn.db")
}

/// Opens the database, brings its schema up to date.
pub(crate) fn open_writer(settings: &Settings) -> Result<Connection> {
    let connection = Connection::open(database_path(settings)).map_err(error)?;
    configure(&connection)?;
    // Only effective on a new file; lets `maintain` give space back.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(error)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(error)?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StorageError::Unavailable(format!("no write-ahead log here, only {mode}")));
    }
    // A promise is kept: with FULL the log is synced at every commit.
    connection.pragma_update(None, "synchronous", "FULL").map_err(error)?;
    // The writer decides when the log is copied.
    connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(error)?;
    migrate(&connection, settings)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(error)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(error)?;
    // In KiB: 64 MiB of pages per connection at most.
    connection.pragma_update(None, "cache_size", -64 * 1024).map_err(error)?;
    connection.pragma_update(None, "mmap_size", 1_i64 << 30).map_err(error)?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(error)?;
    Ok(())
}

fn migrate(connection: &Connection, settings: &Settings) -> Result<()> {
    connection.execute_batch(migrate::VERSION_TABLE).map_err(error)?;
    let mut statement = connection
        .prepare("SELECT version, checksum FROM schema_version ORDER BY version")
        .map_err(error)?;
    let applied = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .and_then(Iterator::collect)
        .map_err(error)?;
    drop(statement);
    let applied: Vec<(i64, String)> = applied;
    for migration in migrate::pending(&applied)? {
        connection.execute_batch("BEGIN IMMEDIATE").map_err(error)?;
        let done = connection.execute_batch(&migration.text(Dialect::Sqlite)).and_then(|()| {
            connection.execute(
                "INSERT INTO schema_version (version, checksum, applied) VALUES (?1, ?2, ?3)",
                (migration.version, migration.checksum(), settings.clock.now().as_micros()),
            )?;
            connection.execute_batch("COMMIT")
        });
        if let Err(cause) = done {
            // The error matters more than how the rollback went.
            let _ = connection.execute_batch("ROLLBACK");
            return Err(error(cause));
        }
    }
    Ok(())
}

fn open_reader(settings: &Settings) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database_path(settings), flags).map_err(error)?;
    configure(&connection)?;
    connection.pragma_update(None, "query_only", true).map_err(error)?;
    Ok(connection)
}

impl SqliteEngine {
    /// Starts the writer on an opened database.
    pub(crate) fn start(connection: Connection, shared: Arc<Shared>) -> Result<Self> {
        let (queue, jobs) = mpsc::channel(shared.settings.queue_max.max(1));
        let copier = start_copier(&shared.settings)?;
        let writer = Writer { connection, copier, shared: shared.clone() };
        let handle = std::thread::Builder::new()
            .name("storage-writer".to_owned())
            .spawn(move || writer.run(jobs))
            .map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            writer: Mutex::new(Some(handle)),
            readers: Pool::new(shared.settings.readers),
            shared,
        })
    }

    fn queue(&self) -> Result<mpsc::Sender<Submission>> {
        lock(&self.queue).clone().ok_or_else(closed)
    }
}

fn closed() -> StorageError {
    StorageError::Unavailable("the store is closed".to_owned())
}

impl Engine for SqliteEngine {
    fn submit(&self, submission: Submission) -> SubmitFuture<'_> {
        Box::pin(async move {
            self.shared.statistics.queued();
            self.queue()?.send(submission).await.map_err(|_| closed())
        })
    }

    fn submit_blocking(&self, submission: Submission) -> Result<()> {
        self.shared.statistics.queued();
        self.queue()?.blocking_send(submission).map_err(|_| closed())
    }

    fn read_blocking(&self, work: ReadWork<'_>) -> Result<()> {
        let lease = self.readers.lease(|| open_reader(&self.shared.settings))?;
        statement(&lease, "BEGIN")?;
        let sql = &mut SqliteSql::new(&lease);
        let outcome = work(&mut ReadTx { sql, blobs: &self.shared.blobs });
        // Ends the snapshot; a connection on which that fails is not used again.
        if statement(&lease, "COMMIT").is_ok() {
            lease.give_back();
        }
        outcome
    }

    fn close(&self) {
        lock(&self.queue).take();
        if let Some(writer) = lock(&self.writer).take() {
            // A writer that panicked has nothing more to say.
            let _ = writer.join();
        }
        self.readers.close();
    }
}

impl Drop for SqliteEngine {
    fn drop(&mut self) {
        self.close();
    }
}

/// The one thread that writes.
struct Writer {
    connection: Connection,
    copier: SyncSender<()>,
    shared: Arc<Shared>,
}

/// A job that ran well and waits for the commit.
struct Ran {
    submission: Submission,
    publication: Publication,
}

impl Writer {
    fn run(self, mut jobs: mpsc::Receiver<Submission>) {
        while let Some(first) = jobs.blocking_recv() {
            let mut batch = vec![first];
            while batch.len() < self.shared.settings.batch_max
                && let Ok(next) = jobs.try_recv()
            {
                batch.push(next);
            }
            self.commit_batch(batch);
            self.tend_log();
        }
        copy_log(&self.connection, "PRAGMA wal_checkpoint(TRUNCATE)");
    }

    /// Runs a batch in one transaction, then publishes and tells, in order.
    fn commit_batch(&self, batch: Vec<Submission>) {
        let started = Instant::now();
        let jobs = batch.len();
        let mut failed = Vec::new();
        let outcome = self.write_batch(batch, &mut failed);
        for (submission, cause) in failed {
            submission.job.finish(Err(cause));
        }
        let outcome = match outcome {
            Ok(ran) => ran,
            Err((ran, cause)) => {
                tracing::warn!(%cause, jobs, "a commit failed; nothing of it was kept");
                for job in ran {
                    job.submission.job.finish(Err(again(&cause)));
                }
                return;
            }
        };
        self.shared.statistics.committed(jobs, started.elapsed());
        for ran in outcome {
            self.shared.feed.publish(&ran.publication);
            ran.submission.job.finish(Ok(Finished::of(&ran.publication)));
        }
    }

    /// The transaction itself. Jobs that fail go to `failed` and leave nothing behind.
    #[expect(clippy::type_complexity, reason = "one caller, which takes it apart at once")]
    fn write_batch(
        &self,
        batch: Vec<Submission>,
        failed: &mut Vec<(Submission, StorageError)>,
    ) -> std::result::Result<Vec<Ran>, (Vec<Ran>, StorageError)> {
        let blobs = batch.iter().flat_map(|submission| &submission.messages);
        let prepared = self.shared.blobs.place_large(&self.connection, blobs);
        let begun = prepared.and_then(|()| self.statement("BEGIN IMMEDIATE"));
        let mut ran = Vec::with_capacity(batch.len());
        if let Err(cause) = begun {
            ran.extend(batch.into_iter().map(not_run));
            return Err((ran, cause));
        }
        for mut submission in batch {
            match self.run_job(&mut submission) {
                Ok(publication) => ran.push(Ran { submission, publication }),
                Err(cause) => failed.push((submission, cause)),
            }
        }
        if let Err(cause) = self.statement("COMMIT") {
            // SQLite may have rolled back by itself already.
            let _ = self.statement("ROLLBACK");
            return Err((ran, cause));
        }
        Ok(ran)
    }

    /// One job in its own savepoint.
    fn run_job(&self, submission: &mut Submission) -> Result<Publication> {
        self.statement("SAVEPOINT job")?;
        let mut sql = SqliteSql::new(&self.connection);
        let read = ReadTx { sql: &mut sql, blobs: &self.shared.blobs };
        let now = self.shared.settings.clock.now();
        let mut tx = WriteTx::new(read, now, &self.shared.settings);
        let outcome = submission.job.run(&mut tx);
        let publication = tx.into_publication();
        if outcome.is_err() {
            self.statement("ROLLBACK TO job")?;
            self.statement("RELEASE job")?;
            // The job knows its own error; this one is not seen.
            return Err(StorageError::Internal("rolled back".to_owned()));
        }
        self.statement("RELEASE job")?;
        Ok(publication)
    }

    fn statement(&self, sql: &'static str) -> Result<()> {
        statement(&self.connection, sql)
    }

    /// Keeps the write-ahead log short. A thread of its own copies it beside the writing; only
    /// what that leaves over, when it falls behind, is copied here. Once all is copied and no
    /// reader needs it, SQLite begins the log anew.
    fn tend_log(&self) {
        let pages = self.log_pages();
        if pages >= LOG_PAGES_MAX {
            // A full channel means that a copy is asked for already.
            let _ = self.copier.try_send(());
        }
        if pages >= 2 * LOG_PAGES_MAX {
            copy_log(&self.connection, "PRAGMA wal_checkpoint(PASSIVE)");
        }
    }

    fn log_pages(&self) -> i64 {
        let log = database_path(&self.shared.settings).with_extension("db-wal");
        std::fs::metadata(Path::new(&log)).map_or(0, |file| (file.len() / 4096) as i64)
    }
}

/// Copies the log into the database. Failing is no loss: it stays and is copied later.
fn copy_log(connection: &Connection, sql: &'static str) {
    if let Err(cause) = connection.query_row(sql, [], |_| Ok(())) {
        tracing::warn!(%cause, "the write-ahead log could not be copied");
    }
}

fn statement(connection: &Connection, sql: &'static str) -> Result<()> {
    let mut statement = connection.prepare_cached(sql).map_err(error)?;
    statement.raw_execute().map(drop).map_err(error)
}

/// The thread that copies the log while the writer goes on; ends with the writer.
fn start_copier(settings: &Settings) -> Result<SyncSender<()>> {
    let connection = Connection::open(database_path(settings)).map_err(error)?;
    configure(&connection)?;
    let (ask, asked) = std::sync::mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("storage-log".to_owned())
        .spawn(move || {
            while asked.recv().is_ok() {
                copy_log(&connection, "PRAGMA wal_checkpoint(PASSIVE)");
            }
        })
        .map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
    Ok(ask)
}

fn not_run(submission: Submission) -> Ran {
    Ran { submission, publication: Publication::default() }
}

/// The same error for every job of a failed commit.
fn again(cause: &StorageError) -> StorageError {
    match cause {
        StorageError::Corrupt(text) => StorageError::Corrupt(text.clone()),
        StorageError::Unavailable(text) => StorageError::Unavailable(text.clone()),
        other => StorageError::Unavailable(other.to_string()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
