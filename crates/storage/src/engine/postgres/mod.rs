//! PostgreSQL: several writers, each a transaction at a time, and the feed of other daemons by
//! LISTEN and NOTIFY.
//!
//! PostgreSQL groups the commits of its sessions itself; what a daemon does here is to keep
//! several of them busy.

mod closing;
mod connect;
mod notice;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use self::closing::Closing;
use self::connect::{connect, warn_of_unsafe_server};
use self::notice::{Listener, Notifier, Outbox, daemon_id};
use self::writer::Writer;
use super::pool::Pool;
use super::queue::Queue;
use super::{Engine, ReadWork, Shared, Submission, SubmitFuture, join};
use crate::sql::connection::Target;
use crate::sql::postgres::PostgresSql;
use crate::sql::{Dialect, Sql, Value};
use crate::{Result, StorageError, migrate};

/// Serialises migrations of daemons that start together. Any constant number would do.
const MIGRATION_LOCK: i64 = 0x706f_7374_686f_726e;

/// The engine for those who outgrow one machine.
pub(crate) struct PostgresEngine {
    queue: Queue,
    /// Writers and the listener.
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// The thread that tells other daemons; it ends after the writers, with what they left to tell.
    notifier: Mutex<Option<JoinHandle<()>>>,
    outbox: Arc<Outbox>,
    readers: Pool<PostgresSql>,
    shared: Arc<Shared>,
    config: Arc<Target>,
    closing: Arc<Closing>,
}

impl PostgresEngine {
    /// Connects, brings the schema up to date, starts the writers and the listener.
    pub(crate) fn start(url: &str, shared: Arc<Shared>) -> Result<Self> {
        let config = connect::parse(url)?;
        let connection = connect(&config)?;
        warn_of_unsafe_server(&connection)?;
        migrate(&mut PostgresSql::new(connection), &shared)?;
        let (queue, jobs) = Queue::new(&shared.settings, shared.statistics.clone());
        let engine = Self {
            queue,
            threads: Mutex::default(),
            notifier: Mutex::default(),
            outbox: Arc::default(),
            readers: Pool::new(shared.settings.readers),
            config: Arc::new(config),
            closing: Arc::default(),
            shared,
        };
        engine.start_feed()?;
        engine.start_writers(jobs)?;
        Ok(engine)
    }

    /// Before anything is written: who commits must be known to the others by then.
    fn start_feed(&self) -> Result<()> {
        let daemon = daemon_id()?;
        let connection = Listener::connect(&self.config)?;
        let listener = Listener {
            config: self.config.clone(),
            shared: self.shared.clone(),
            closing: self.closing.clone(),
            daemon,
            daemons: HashSet::new(),
        };
        let thread = spawn("storage-listener".to_owned(), move || listener.run(connection))?;
        lock(&self.threads).push(thread);
        let connection = Notifier::connect(&self.config, daemon)?;
        let notifier = Notifier {
            config: self.config.clone(),
            outbox: self.outbox.clone(),
            closing: self.closing.clone(),
            daemon,
        };
        let thread = spawn("storage-notifier".to_owned(), move || notifier.run(connection))?;
        *lock(&self.notifier) = Some(thread);
        Ok(())
    }

    fn start_writers(&self, jobs: mpsc::Receiver<Submission>) -> Result<()> {
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..self.shared.settings.writers.max(1) {
            let writer = Writer {
                sql: None,
                config: self.config.clone(),
                shared: self.shared.clone(),
                outbox: self.outbox.clone(),
            };
            let jobs = jobs.clone();
            let thread = spawn(format!("storage-writer-{number}"), move || writer.run(&jobs))?;
            lock(&self.threads).push(thread);
        }
        Ok(())
    }
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name)
        .spawn(work)
        .map_err(|cause| StorageError::Unavailable(cause.to_string()))
}

fn migrate(sql: &mut PostgresSql, shared: &Shared) -> Result<()> {
    let lock = |verb| format!("SELECT {verb}({MIGRATION_LOCK})");
    sql.batch(&lock("pg_advisory_lock"))?;
    let done = migrate_locked(sql, shared);
    // Ends with the connection in any case. After an error it would only hide the cause.
    let _ = sql.batch(&lock("pg_advisory_unlock"));
    done
}

fn migrate_locked(sql: &mut PostgresSql, shared: &Shared) -> Result<()> {
    sql.batch(migrate::VERSION_TABLE)?;
    let applied = (sql as &mut dyn Sql).query_all(
        "SELECT version, checksum FROM schema_version ORDER BY version",
        &[],
        |row| Ok((row.int(0)?, row.text(1)?.to_owned())),
    )?;
    for migration in migrate::pending(&applied)? {
        sql.batch("BEGIN")?;
        sql.batch(&migration.text(Dialect::Postgres))?;
        sql.execute(
            "INSERT INTO schema_version (version, checksum, applied) VALUES (?1, ?2, ?3)",
            &[
                Value::Int(migration.version),
                Value::Text(&migration.checksum()),
                Value::Int(shared.settings.clock.now().as_micros()),
            ],
        )?;
        sql.batch("COMMIT")?;
    }
    Ok(())
}

impl Engine for PostgresEngine {
    fn submit(&self, submission: Submission) -> SubmitFuture<'_> {
        Box::pin(self.queue.submit(submission))
    }

    fn submit_blocking(&self, submission: Submission) -> Result<()> {
        self.queue.submit_blocking(submission)
    }

    fn read_blocking(&self, work: ReadWork<'_>) -> Result<()> {
        const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let connect = || connect(&self.config).map(PostgresSql::new);
        let mut lease = self.readers.lease(connect)?;
        if lease.batch(BEGIN).is_err() {
            // The server may have been restarted since: all idle connections are of that age.
            drop(lease);
            self.readers.forget_idle();
            lease = self.readers.lease(connect)?;
            lease.batch(BEGIN)?;
        }
        let outcome = work(&mut self.shared.reading(&mut *lease));
        if lease.batch("COMMIT").is_ok() {
            lease.give_back();
        }
        outcome
    }

    fn close(&self) {
        self.closing.request();
        self.queue.close();
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            join(thread);
        }
        self.outbox.close();
        if let Some(thread) = lock(&self.notifier).take() {
            join(thread);
        }
        self.readers.close();
    }
}

impl Drop for PostgresEngine {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
