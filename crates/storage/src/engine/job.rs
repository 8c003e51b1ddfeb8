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
    /// Runs the closure once. An error means: roll back what it did.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> std::result::Result<(), Failed>;
    /// Tells the outcome. `commit` is an error where the commit failed after `run` was well.
    fn finish(self: Box<Self>, commit: Result<Finished>);
}

/// The closure failed; its error is kept for [`WriteJob::finish`].
pub(crate) struct Failed;

/// What a committed job did.
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

struct Typed<T, F> {
    label: &'static str,
    closure: Option<F>,
    outcome: Option<Result<T>>,
    waiter: oneshot::Sender<Result<Committed<T>>>,
}

/// A job that runs `closure`, and where its outcome arrives.
pub(crate) fn write_job<T, F>(
    label: &'static str,
    closure: F,
) -> (Box<dyn WriteJob>, oneshot::Receiver<Result<Committed<T>>>)
where
    T: Send + 'static,
    F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
{
    let (waiter, outcome) = oneshot::channel();
    (Box::new(Typed { label, closure: Some(closure), outcome: None, waiter }), outcome)
}

impl<T, F> WriteJob for Typed<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
{
    fn run(&mut self, tx: &mut WriteTx<'_>) -> std::result::Result<(), Failed> {
        let Some(closure) = self.closure.take() else { return Err(Failed) };
        // A panic in one unit of work must not end the thread all others wait for. What the
        // closure left half done is rolled back with its savepoint.
        let outcome = catch_unwind(AssertUnwindSafe(|| closure(tx))).unwrap_or_else(|_| {
            tracing::error!(label = self.label, "a write transaction panicked");
            Err(StorageError::Internal(format!("{} panicked", self.label)))
        });
        let failed = outcome.is_err();
        self.outcome = Some(outcome);
        if failed { Err(Failed) } else { Ok(()) }
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
