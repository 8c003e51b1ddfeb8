//! PostgreSQL: several writers, each a transaction at a time, and the feed of other daemons by
//! LISTEN and NOTIFY.
//!
//! PostgreSQL groups the commits of its sessions itself; what a daemon does here is to keep
//! several of them busy.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ids::{AccountId, ModSeq};
use postgres::fallible_iterator::FallibleIterator;
use postgres::{Client, Config, NoTls};
use tokio::sync::mpsc;

use super::pool::Pool;
use super::{Engine, Finished, ReadWork, Shared, Submission, SubmitFuture, closed, join};
use crate::feed::Publication;
use crate::sql::postgres::{PostgresSql, error};
use crate::sql::{Dialect, Sql, Value};
use crate::{ReadTx, Result, StorageError, WriteTx, migrate};

/// The channel that daemons tell each other their commits on.
const CHANNEL: &str = "posthorn_change";
/// Serialises migrations of daemons that start together. Any constant number would do.
const MIGRATION_LOCK: i64 = 0x706f_7374_686f_726e;
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// LIMIT: pauses between attempts to connect again, doubling from the first to the last.
const RETRY_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// How often the listener looks whether the store was closed.
const LISTEN_PAUSE: Duration = Duration::from_millis(500);

type Jobs = Mutex<mpsc::Receiver<Submission>>;

/// The engine for those who outgrow one machine.
pub(crate) struct PostgresEngine {
    queue: Mutex<Option<mpsc::Sender<Submission>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    readers: Pool<PostgresSql>,
    shared: Arc<Shared>,
    config: Arc<Config>,
    closing: Arc<Closing>,
}

/// Tells threads that pause to end.
#[derive(Default)]
struct Closing {
    requested: AtomicBool,
    lock: Mutex<()>,
    signal: Condvar,
}

impl Closing {
    fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
        self.signal.notify_all();
    }

    fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// Pauses, not longer than until closing is requested.
    fn pause(&self, time: Duration) {
        let held = lock(&self.lock);
        if !self.is_requested() {
            drop(self.signal.wait_timeout(held, time));
        }
    }
}

impl PostgresEngine {
    /// Connects, brings the schema up to date, starts the writers and the listener.
    pub(crate) fn start(url: &str, shared: Arc<Shared>) -> Result<Self> {
        let mut config: Config = url
            .parse()
            .map_err(|cause| StorageError::Unavailable(format!("database address: {cause}")))?;
        config.application_name("posthorn").connect_timeout(CONNECT_TIMEOUT);
        migrate(&mut PostgresSql::new(connect(&config)?), &shared)?;
        let (queue, jobs) = mpsc::channel(shared.settings.queue_max.max(1));
        let engine = Self {
            queue: Mutex::new(Some(queue)),
            threads: Mutex::default(),
            readers: Pool::new(shared.settings.readers),
            config: Arc::new(config),
            closing: Arc::default(),
            shared,
        };
        engine.start_threads(jobs)?;
        Ok(engine)
    }

    fn start_threads(&self, jobs: mpsc::Receiver<Submission>) -> Result<()> {
        let jobs = Arc::new(Mutex::new(jobs));
        let daemon = daemon_id()?;
        for number in 0..self.shared.settings.writers.max(1) {
            let writer = Writer {
                sql: None,
                config: self.config.clone(),
                shared: self.shared.clone(),
                daemon: daemon.clone(),
            };
            let jobs = jobs.clone();
            self.spawn(format!("storage-writer-{number}"), move || writer.run(&jobs))?;
        }
        let mut client = connect(&self.config)?;
        listen(&mut client)?;
        let (config, shared, closing) =
            (self.config.clone(), self.shared.clone(), self.closing.clone());
        let listener = Listener { config, shared, closing, daemon };
        self.spawn("storage-listener".to_owned(), move || listener.run(client))
    }

    fn spawn(&self, name: String, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let handle = std::thread::Builder::new()
            .name(name)
            .spawn(work)
            .map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
        lock(&self.threads).push(handle);
        Ok(())
    }

    fn queue(&self) -> Result<mpsc::Sender<Submission>> {
        lock(&self.queue).clone().ok_or_else(closed)
    }
}

fn connect(config: &Config) -> Result<Client> {
    config.connect(NoTls).map_err(error)
}

fn listen(client: &mut Client) -> Result<()> {
    client.batch_execute(&format!("LISTEN {CHANNEL}")).map_err(error)
}

/// Names this daemon in notices, so that it knows its own.
fn daemon_id() -> Result<String> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
    Ok(format!("{:016x}", u64::from_le_bytes(bytes)))
}

fn migrate(sql: &mut PostgresSql, shared: &Shared) -> Result<()> {
    let lock = |verb| format!("SELECT {verb}({MIGRATION_LOCK})");
    sql.batch(&lock("pg_advisory_lock"))?;
    let done = migrate_locked(sql, shared);
    // Ends with the connection in any case.
    sql.batch(&lock("pg_advisory_unlock"))?;
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
        let outcome = work(&mut ReadTx { sql: &mut *lease, blobs: &self.shared.blobs });
        if lease.batch("COMMIT").is_ok() {
            lease.give_back();
        }
        outcome
    }

    fn close(&self) {
        self.closing.request();
        lock(&self.queue).take();
        for thread in std::mem::take(&mut *lock(&self.threads)) {
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

/// One of the threads that write.
struct Writer {
    sql: Option<PostgresSql>,
    config: Arc<Config>,
    shared: Arc<Shared>,
    daemon: String,
}

impl Writer {
    fn run(mut self, jobs: &Jobs) {
        loop {
            // One thread waits for the next job, the others for their turn to wait.
            let next = lock(jobs).blocking_recv();
            let Some(submission) = next else { return };
            self.run_job(submission);
        }
    }

    fn run_job(&mut self, mut submission: Submission) {
        self.shared.statistics.taken(1);
        let started = Instant::now();
        let outcome = self.transaction(&mut submission);
        if outcome.is_err() {
            // Whatever state the connection is in, a new one is in none.
            self.sql = self.sql.take().and_then(rolled_back);
        }
        let finished = outcome.map(|publication| {
            self.shared.statistics.committed(1, started.elapsed());
            self.shared.feed.publish(&publication);
            Finished::of(&publication)
        });
        submission.job.finish(finished);
    }

    fn transaction(&mut self, submission: &mut Submission) -> Result<Publication> {
        let shared = self.shared.clone();
        let notice = format!(":{}", self.daemon);
        let sql = self.begin()?;
        let now = shared.settings.clock.now();
        let read = ReadTx { sql: &mut *sql, blobs: &shared.blobs };
        let mut tx = WriteTx::new(read, now, &shared.settings);
        let outcome = submission.job.run(&mut tx);
        let publication = tx.into_publication();
        if outcome.is_err() {
            // The job knows its own error; this one is not seen.
            return Err(StorageError::Internal("rolled back".to_owned()));
        }
        for (account, modseq) in &publication.modseqs {
            let payload = format!("{account}:{modseq}{notice}");
            sql.execute("SELECT pg_notify('posthorn_change', ?1)", &[Value::Text(&payload)])?;
        }
        sql.batch("COMMIT")?;
        Ok(publication)
    }

    /// A connection with a transaction begun; an old one that died is replaced once.
    fn begin(&mut self) -> Result<&mut PostgresSql> {
        let mut sql = match self.sql.take() {
            Some(sql) => sql,
            None => PostgresSql::new(connect(&self.config)?),
        };
        if sql.batch("BEGIN").is_err() {
            sql = PostgresSql::new(connect(&self.config)?);
            sql.batch("BEGIN")?;
        }
        Ok(self.sql.insert(sql))
    }
}

/// The connection after its transaction was undone; `None` if it is of no more use.
fn rolled_back(mut sql: PostgresSql) -> Option<PostgresSql> {
    sql.batch("ROLLBACK").ok().map(|()| sql)
}

/// The thread that hears what other daemons commit.
struct Listener {
    config: Arc<Config>,
    shared: Arc<Shared>,
    closing: Arc<Closing>,
    daemon: String,
}

impl Listener {
    fn run(self, mut client: Client) {
        while !self.closing.is_requested() {
            if let Err(cause) = self.hear(&mut client) {
                tracing::warn!(%cause, "the change feed of the database broke off");
                let Some(fresh) = self.connect_again() else { return };
                client = fresh;
                // Notices were lost meanwhile.
                self.shared.feed.resync_all();
            }
        }
    }

    /// Passes notices on until closing is requested.
    fn hear(&self, client: &mut Client) -> Result<()> {
        while !self.closing.is_requested() {
            let mut notifications = client.notifications();
            let mut waiting = notifications.timeout_iter(LISTEN_PAUSE);
            while let Some(notice) = waiting.next().map_err(error)? {
                self.pass_on(notice.payload());
            }
            drop(waiting);
            drop(notifications);
            if client.is_closed() {
                return Err(StorageError::Unavailable("the connection closed".to_owned()));
            }
        }
        Ok(())
    }

    fn pass_on(&self, payload: &str) {
        let mut words = payload.split(':');
        let account = words.next().and_then(|word| word.parse().ok());
        let modseq = words.next().and_then(|word| word.parse().ok());
        let (Some(account), Some(modseq)) = (account, modseq) else { return };
        if words.next() != Some(&self.daemon) {
            self.shared.feed.remote(AccountId::new(account), ModSeq::new(modseq));
        }
    }

    fn connect_again(&self) -> Option<Client> {
        let [mut pause, longest] = RETRY_PAUSES;
        loop {
            self.closing.pause(pause);
            if self.closing.is_requested() {
                return None;
            }
            let fresh =
                connect(&self.config).and_then(|mut client| listen(&mut client).map(|()| client));
            match fresh {
                Ok(client) => return Some(client),
                Err(cause) => tracing::warn!(%cause, "the database can't be reached"),
            }
            pause = (pause * 2).min(longest);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
