//! A write closure with its type forgotten, so that an engine can queue it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ids::ModSeq;
use tokio::sync::oneshot;

use crate::feed::Publication;
use crate::{Change, Committed, ReadTx, Result, StorageError, WriteTx};

/// A read in one snapshot.
pub(crate) type ReadWork<'w> = &'w mut (dyn FnMut(&mut ReadTx<'_>) -> Result<()> + Send);

/// A write closure and who waits for it.
pub(crate) trait WriteJob: Send {
    /// Runs the closure. An error means: roll back what it did. Once, unless it
    /// [may run again](Self::may_run_again).
    fn run(&mut self, tx: &mut WriteTx<'_>) -> std::result::Result<(), Failed>;
    /// Whether it can be run anew after what it did was rolled back.
    fn may_run_again(&self) -> bool;
    /// Tells the outcome. `commit` is an error where the commit failed after `run` was well.
    fn finish(self: Box<Self>, commit: Result<Finished>);
}

/// The closure failed; its error is kept for [`WriteJob::finish`].
pub(crate) struct Failed;

/// A committed job's changes and outcome, to be published and delivered.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    pub(crate) changes: Vec<Change>,
    pub(crate) modseq: ModSeq,
}

impl Finished {
    /// What `publication` tells the writer itself.
    pub(crate) fn of(publication: &Publication) -> Self {
        Self {
            changes: publication.changes.clone(),
            modseq: publication.modseqs.values().max().copied().unwrap_or_default(),
        }
    }
}

struct Typed<T, C> {
    label: &'static str,
    closure: C,
    outcome: Option<Result<T>>,
    waiter: oneshot::Sender<Result<Committed<T>>>,
}

/// A closure as a job calls it.
trait Closure<T>: Send {
    /// Whether it can be called more than once.
    const REPEATS: bool;
    fn call(&mut self, tx: &mut WriteTx<'_>) -> Option<Result<T>>;
}

struct Once<F>(Option<F>);

impl<T, F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send> Closure<T> for Once<F> {
    const REPEATS: bool = false;

    fn call(&mut self, tx: &mut WriteTx<'_>) -> Option<Result<T>> {
        Some(self.0.take()?(tx))
    }
}

struct Repeated<F>(F);

impl<T, F: Fn(&mut WriteTx<'_>) -> Result<T> + Send> Closure<T> for Repeated<F> {
    const REPEATS: bool = true;

    fn call(&mut self, tx: &mut WriteTx<'_>) -> Option<Result<T>> {
        Some(self.0(tx))
    }
}

/// Where the outcome of a job arrives.
pub(crate) type Outcome<T> = oneshot::Receiver<Result<Committed<T>>>;

/// A job that runs `closure`, and where its outcome arrives.
pub(crate) fn write_job<T, F>(label: &'static str, closure: F) -> (Box<dyn WriteJob>, Outcome<T>)
where
    T: Send + 'static,
    F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
{
    typed(label, Once(Some(closure)))
}

/// A job of a closure that may run again, after the group it shared a transaction with was rolled
/// back.
pub(crate) fn repeatable_job<T, F>(
    label: &'static str,
    closure: F,
) -> (Box<dyn WriteJob>, Outcome<T>)
where
    T: Send + 'static,
    F: Fn(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
{
    typed(label, Repeated(closure))
}

fn typed<T, C>(label: &'static str, closure: C) -> (Box<dyn WriteJob>, Outcome<T>)
where
    T: Send + 'static,
    C: Closure<T> + 'static,
{
    let (waiter, outcome) = oneshot::channel();
    (Box::new(Typed { label, closure, outcome: None, waiter }), outcome)
}

impl<T, C> WriteJob for Typed<T, C>
where
    T: Send + 'static,
    C: Closure<T>,
{
    fn run(&mut self, tx: &mut WriteTx<'_>) -> std::result::Result<(), Failed> {
        let closure = &mut self.closure;
        // A panic in one unit of work must not end the thread all others wait for. What the
        // closure left half done is rolled back.
        let called = catch_unwind(AssertUnwindSafe(|| closure.call(tx))).unwrap_or_else(|_| {
            tracing::error!(label = self.label, "a write transaction panicked");
            Some(Err(StorageError::Internal(format!("{} panicked", self.label))))
        });
        let Some(outcome) = called else { return Err(Failed) };
        let failed = outcome.is_err();
        self.outcome = Some(outcome);
        if failed { Err(Failed) } else { Ok(()) }
    }

    fn may_run_again(&self) -> bool {
        C::REPEATS
    }

    fn finish(self: Box<Self>, commit: Result<Finished>) {
        let outcome = match (self.outcome, commit) {
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(finished)) => {
                Ok(Committed { value, changes: finished.changes, modseq: finished.modseq })
            }
            (None, Ok(_)) => Err(StorageError::Internal(format!("{} did not run", self.label))),
        };
        // Nobody waits any more where the caller went away; the work is done all the same.
        let _ = self.waiter.send(outcome);
    }
}
