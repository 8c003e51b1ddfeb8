//! The threads that write: a transaction each, and what becomes of one whose commit was lost.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::connect::{connect, connect_writer};
use super::lock;
use super::notice::Outbox;
use crate::engine::{Finished, Shared, Submission};
use crate::feed::Publication;
use crate::sql::connection::Target;
use crate::sql::postgres::PostgresSql;
use crate::{ReadTx, Result, StorageError, WriteTx};

/// What the writers take their work from.
pub(super) type Jobs = Mutex<mpsc::Receiver<Submission>>;

/// LIMIT: how long a writer asks what became of a commit it had no answer to. A server that
/// starts again is back by then.
const SETTLE_TIME: Duration = Duration::from_secs(30);
const SETTLE_PAUSE: Duration = Duration::from_millis(200);

/// One of the threads that write.
pub(super) struct Writer {
    pub(super) sql: Option<PostgresSql>,
    pub(super) config: Arc<Target>,
    pub(super) shared: Arc<Shared>,
    pub(super) outbox: Arc<Outbox>,
}

impl Writer {
    pub(super) fn run(mut self, jobs: &Jobs) {
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
        let finished = self.transaction(&mut submission).map(|publication| {
            self.shared.statistics.committed(1, started.elapsed());
            self.shared.publish(&publication);
            self.outbox.tell(&publication.modseqs);
            Finished::of(&publication)
        });
        submission.job.finish(finished);
    }

    fn transaction(&mut self, submission: &mut Submission) -> Result<Publication> {
        let (mut sql, transaction) = self.begin()?;
        let outcome = run(&mut sql, &self.shared, submission);
        let publication = match outcome {
            Ok(publication) => publication,
            Err(cause) => {
                // A connection that can't roll back is of no more use.
                self.sql = sql.batch("ROLLBACK").ok().map(|()| sql);
                return Err(cause);
            }
        };
        match sql.batch("COMMIT") {
            Ok(()) => {
                self.sql = Some(sql);
                Ok(publication)
            }
            Err(cause) => {
                drop(sql);
                self.settle(publication, &transaction, &cause)
            }
        }
    }

    /// A connection with a transaction begun, and the transaction's number; an old connection
    /// that died is replaced once.
    fn begin(&mut self) -> Result<(PostgresSql, String)> {
        if let Some(mut sql) = self.sql.take()
            && let Ok(transaction) = sql.begin()
        {
            return Ok((sql, transaction));
        }
        let mut sql = PostgresSql::new(connect_writer(&self.config)?);
        let transaction = sql.begin()?;
        Ok((sql, transaction))
    }

    /// A commit was sent and not answered: it may have happened. Whoever waits is told it failed
    /// only if it did, else mail would be delivered twice.
    fn settle(
        &self,
        publication: Publication,
        transaction: &str,
        cause: &StorageError,
    ) -> Result<Publication> {
        tracing::warn!(%cause, "a commit had no answer");
        match self.outcome(transaction) {
            Outcome::Committed => Ok(publication),
            Outcome::Aborted => Err(StorageError::Unavailable(cause.to_string())),
            Outcome::Unknown => {
                // If it was committed, the views must learn it; if not, they find nothing new.
                for (account, modseq) in &publication.modseqs {
                    self.shared.feed.remote(*account, *modseq);
                }
                self.outbox.tell(&publication.modseqs);
                Err(StorageError::Unavailable(format!("whether it was committed: {cause}")))
            }
        }
    }

    fn outcome(&self, transaction: &str) -> Outcome {
        let ask = format!("SELECT pg_xact_status('{transaction}'::xid8)");
        let started = Instant::now();
        while started.elapsed() < SETTLE_TIME {
            // Where the server can't be reached, or the old session still works on it: again.
            if let Ok(connection) = connect(&self.config) {
                match connection.simple(&ask) {
                    Ok(Some(status)) if status == "committed" => return Outcome::Committed,
                    Ok(Some(status)) if status == "aborted" => return Outcome::Aborted,
                    // Too long ago for the server to remember.
                    Ok(None) => return Outcome::Unknown,
                    // A number it has yet to give out: it stopped before it kept anything.
                    Err(StorageError::Internal(_)) => return Outcome::Aborted,
                    Ok(Some(_)) | Err(_) => {}
                }
            }
            std::thread::sleep(SETTLE_PAUSE);
        }
        Outcome::Unknown
    }
}

/// What became of a transaction.
enum Outcome {
    Committed,
    Aborted,
    Unknown,
}

/// Runs the closure of a submission, up to what can still be rolled back.
fn run(sql: &mut PostgresSql, shared: &Shared, submission: &mut Submission) -> Result<Publication> {
    let now = shared.settings.clock.now();
    let settings = shared.current();
    let others_max = settings.shared_mailboxes_max;
    let read =
        ReadTx { sql: &mut *sql, blobs: &shared.blobs, contents: None, index: None, others_max };
    let mut tx = WriteTx::new(read, now, &settings, Some(&shared.feed));
    tx.put_bodies(&submission.messages)?;
    let outcome = submission.job.run(&mut tx);
    let publication = tx.into_publication();
    if outcome.is_err() {
        // The job knows its own error; this one is not seen.
        return Err(StorageError::Internal("rolled back".to_owned()));
    }
    // The server answers the COMMIT of a transaction in which a statement failed as if all were
    // well, and rolls back.
    match sql.failure() {
        None => Ok(publication),
        Some(cause) => Err(StorageError::Internal(format!("a statement failed: {cause}"))),
    }
}
