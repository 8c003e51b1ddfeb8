//! The one who writes: takes all jobs that wait, runs them in one transaction, commits.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::mpsc;

use super::gather::Gathering;
use super::log::Log;
use super::pack_sync::PackSync;
use super::statement;
use crate::blob::{Placed, PreparedBlob};
use crate::engine::{Finished, Reach, Shared, Submission};
use crate::feed::Publication;
use crate::sql::sqlite::SqliteSql;
use crate::{ReadTx, Result, StorageError, WriteTx};

pub(super) struct Writer {
    connection: Connection,
    log: Log,
    packs: PackSync,
    gathering: Gathering,
    shared: Arc<Shared>,
}

/// A batch while it runs.
struct Batch {
    waiting: VecDeque<Submission>,
    /// Wait as well: they name what was appended to packs, and run last, so that they alone fail
    /// where that does not become durable.
    packed: VecDeque<Submission>,
    /// Ran well; told once the commit is done.
    ran: Vec<(Submission, Publication)>,
    /// Left nothing behind.
    failed: Vec<(Submission, StorageError)>,
}

impl Batch {
    /// Whether a failure of one of its jobs need not be undone alone: because it is the only one,
    /// or because all can run again.
    fn can_start_over(&self) -> bool {
        let jobs = || self.waiting.iter().chain(&self.packed);
        jobs().count() == 1 || jobs().all(|submission| submission.job.may_run_again())
    }

    /// Takes out the jobs whose bodies could not be written, and those that name what was.
    fn set_apart(&mut self, placed: &Placed) {
        for submission in std::mem::take(&mut self.waiting) {
            let bodies = || submission.messages.iter().filter_map(|message| message.body.as_ref());
            let is_lost = bodies().any(|body| placed.lost.contains(&body.hash));
            match &placed.failure {
                Some(cause) if is_lost => self.failed.push((submission, again(cause))),
                _ if placed.to_sync.is_some() && bodies().any(PreparedBlob::is_packed) => {
                    self.packed.push_back(submission);
                }
                _ => self.waiting.push_back(submission),
            }
        }
    }
}

/// What became of a batch that was run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Done,
    /// The group was rolled back: nothing of it was kept.
    Undone,
}

/// How one job ended.
enum Ran {
    Well(Publication),
    RolledBack,
}

impl Writer {
    pub(super) fn new(connection: Connection, log: Log, shared: Arc<Shared>) -> Self {
        let packs = PackSync::start(shared.blobs.clone());
        Self { connection, log, packs, gathering: Gathering::default(), shared }
    }

    /// Whether whoever wrote last was the only one who wanted to.
    pub(super) fn is_alone(&self) -> bool {
        self.gathering.is_alone()
    }

    /// Writes `first` and what waits behind it, in one commit.
    pub(super) fn write_all(&mut self, first: Submission, jobs: &mut mpsc::Receiver<Submission>) {
        let waiting = self.gathering.take(first, jobs, self.shared.settings.batch_max);
        self.write_batch(waiting, || jobs.len());
    }

    /// Writes `submission`, for whom the caller waits; `queued` tells how many came meanwhile.
    pub(super) fn write_one(&mut self, submission: Submission, queued: impl FnOnce() -> usize) {
        self.gathering.begin(Instant::now());
        self.write_batch(VecDeque::from([submission]), queued);
    }

    fn write_batch(&mut self, waiting: VecDeque<Submission>, queued: impl FnOnce() -> usize) {
        let taken = waiting.len();
        self.shared.statistics.taken(taken);
        let started = Instant::now();
        self.commit(waiting);
        let now = Instant::now();
        self.gathering.learn(taken, now.duration_since(started), queued(), now);
        self.log.tend(&self.connection);
    }

    /// Nothing more will be written.
    pub(super) fn finish(self) {
        self.log.finish(&self.connection);
    }

    /// Runs a batch in one transaction, then publishes and tells, in order.
    fn commit(&self, waiting: VecDeque<Submission>) {
        let started = Instant::now();
        let jobs = waiting.len();
        let (packed, ran) = (VecDeque::new(), Vec::with_capacity(jobs));
        let mut batch = Batch { waiting, packed, ran, failed: Vec::new() };
        let outcome = self.write(&mut batch);
        for (submission, cause) in batch.failed {
            // Whoever writes the same again must not rely on what may not have become durable, for
            // whatever reason it failed.
            self.shared.blobs.forget_places(&submission.messages);
            submission.job.finish(Err(cause));
        }
        match outcome {
            Ok(()) => {
                self.shared.statistics.committed(jobs, started.elapsed());
                if batch.ran.iter().any(|(submission, _)| submission.reach == Reach::All) {
                    self.shared.recipients.renew();
                }
                for (submission, publication) in batch.ran {
                    self.shared.publish(&publication);
                    submission.job.finish(Ok(Finished::of(&publication)));
                }
            }
            Err(cause) => {
                tracing::warn!(%cause, jobs, "a commit failed; nothing of it was kept");
                let ran = batch.ran.into_iter().map(|(submission, _)| submission);
                for submission in ran.chain(batch.waiting).chain(batch.packed) {
                    self.shared.blobs.forget_places(&submission.messages);
                    submission.job.finish(Err(again(&cause)));
                }
            }
        }
    }

    /// The transaction. After an error nothing of the batch is in the database.
    fn write(&self, batch: &mut Batch) -> Result<()> {
        // From here on, so that what is looked up does not begin a transaction of its own each
        // time.
        self.statement("BEGIN IMMEDIATE")?;
        let writers = batch.waiting.len();
        let messages = batch.waiting.iter().flat_map(|submission| &submission.messages);
        let blobs = &self.shared.blobs;
        let placed = blobs.place_large(&self.connection, messages, writers);
        let placed = placed.inspect_err(|_| self.roll_back())?;
        batch.set_apart(&placed);
        let Some(epoch) = placed.to_sync else { return self.transact(batch, || Ok(())) };
        // The bodies become durable while the rows that name them are written.
        let mut syncing = Some(self.packs.begin(epoch));
        self.transact(batch, || match syncing.take() {
            Some(syncing) => syncing.finish(),
            None => self.packs.now(epoch),
        })
    }

    /// Runs the jobs, and commits those of which `sync` says that all they name is durable.
    fn transact(&self, batch: &mut Batch, mut sync: impl FnMut() -> Result<()>) -> Result<()> {
        if batch.can_start_over() {
            if self.transact_at_once(batch, &mut sync)? == Attempt::Done {
                return Ok(());
            }
            self.statement("BEGIN IMMEDIATE")?;
        }
        let written = self
            .run_jobs(batch)
            .and_then(|()| self.run_packed(batch, sync))
            .and_then(|()| self.statement("COMMIT"));
        written.inspect_err(|_| self.roll_back())
    }

    /// Runs all jobs without savepoints, for which SQLite would copy every page that a job changes:
    /// measured as a quarter of the writer's work. Where one fails, nothing of them is kept and all
    /// wait again; one that is alone has failed then.
    fn transact_at_once(
        &self,
        batch: &mut Batch,
        sync: &mut impl FnMut() -> Result<()>,
    ) -> Result<Attempt> {
        let jobs = batch.waiting.len() + batch.packed.len();
        let mut publications = Vec::with_capacity(jobs);
        for submission in batch.waiting.iter_mut().chain(&mut batch.packed) {
            match self.run_closure(submission) {
                Some(publication) => publications.push(publication),
                None => break,
            }
        }
        let all_well = publications.len() == jobs;
        let synced = if all_well && !batch.packed.is_empty() { sync() } else { Ok(()) };
        if all_well && synced.is_ok() {
            self.statement("COMMIT").inspect_err(|_| self.roll_back())?;
            let ran = batch.waiting.drain(..).chain(batch.packed.drain(..));
            batch.ran.extend(ran.zip(publications));
            return Ok(Attempt::Done);
        }
        self.roll_back();
        if jobs > 1 {
            return Ok(Attempt::Undone);
        }
        let cause = synced.err().unwrap_or_else(ended_early);
        for submission in batch.waiting.drain(..).chain(batch.packed.drain(..)) {
            batch.failed.push((submission, again(&cause)));
        }
        Ok(Attempt::Done)
    }

    /// Rolls back the transaction.
    fn roll_back(&self) {
        if !self.connection.is_autocommit() {
            // Where even that fails, the next BEGIN does too, and says why.
            let _ = self.statement("ROLLBACK");
        }
    }

    /// Runs the jobs that name what was appended to packs; rolled back where `sync` fails.
    fn run_packed(&self, batch: &mut Batch, sync: impl FnOnce() -> Result<()>) -> Result<()> {
        if batch.packed.is_empty() {
            return Ok(());
        }
        self.statement("SAVEPOINT packed")?;
        let before = batch.ran.len();
        // None of the others waits any more.
        std::mem::swap(&mut batch.waiting, &mut batch.packed);
        self.run_jobs(batch)?;
        if let Err(cause) = sync() {
            tracing::warn!(%cause, "bodies did not become durable; what names them is not kept");
            self.statement("ROLLBACK TO packed")?;
            for (submission, _) in batch.ran.drain(before..) {
                batch.failed.push((submission, again(&cause)));
            }
        }
        self.statement("RELEASE packed")
    }

    fn run_jobs(&self, batch: &mut Batch) -> Result<()> {
        while let Some(mut submission) = batch.waiting.pop_front() {
            let outcome = self.run_job(&mut submission);
            // A full disk can end the whole transaction, not only the job that met it. What came
            // before the job is gone then, and what would follow it would not be in one either.
            let ended = self.connection.is_autocommit();
            match outcome {
                Ok(Ran::Well(publication)) if !ended => batch.ran.push((submission, publication)),
                // The job knows its own error; this one is not seen.
                Ok(_) => batch.failed.push((submission, ended_early())),
                Err(cause) => {
                    batch.failed.push((submission, again(&cause)));
                    return Err(cause);
                }
            }
            if ended {
                return Err(ended_early());
            }
        }
        Ok(())
    }

    /// One job in its own savepoint. An error means that the state of the transaction is unknown.
    fn run_job(&self, submission: &mut Submission) -> Result<Ran> {
        self.statement("SAVEPOINT job")?;
        let publication = self.run_closure(submission);
        if self.connection.is_autocommit() {
            return Ok(Ran::RolledBack);
        }
        match publication {
            Some(publication) => {
                self.statement("RELEASE job")?;
                Ok(Ran::Well(publication))
            }
            None => {
                self.statement("ROLLBACK TO job")?;
                self.statement("RELEASE job")?;
                Ok(Ran::RolledBack)
            }
        }
    }

    /// What a job tells; `None` where what it did is to be undone, or was.
    fn run_closure(&self, submission: &mut Submission) -> Option<Publication> {
        let mut sql = SqliteSql::new(&self.connection);
        let settings = self.shared.current();
        let others_max = settings.shared_mailboxes_max;
        let read = ReadTx {
            sql: &mut sql,
            blobs: &self.shared.blobs,
            contents: None,
            index: None,
            others_max,
        };
        let now = self.shared.settings.clock.now();
        let mut tx = WriteTx::new(read, now, &settings, Some(&self.shared.feed));
        let outcome = submission.job.run(&mut tx);
        let publication = tx.into_publication();
        (outcome.is_ok() && !self.connection.is_autocommit()).then_some(publication)
    }

    fn statement(&self, sql: &'static str) -> Result<()> {
        statement(&self.connection, sql)
    }
}

pub(super) fn ended_early() -> StorageError {
    StorageError::Unavailable("the database ended the transaction".to_owned())
}

/// The error for every job of a failed commit: what is neither Corrupt nor NoSpace is Unavailable,
/// with its text.
fn again(cause: &StorageError) -> StorageError {
    match cause {
        StorageError::Corrupt(text) => StorageError::Corrupt(text.clone()),
        StorageError::NoSpace(text) => StorageError::NoSpace(text.clone()),
        StorageError::Unavailable(text) => StorageError::Unavailable(text.clone()),
        other => StorageError::Unavailable(other.to_string()),
    }
}
