//! Whose turn it is to write: the writer thread's, which takes what is queued, or of somebody who
//! finds nobody writing and writes where they are.
//!
//! To hand a job to a thread and to be told of its outcome takes two changes of thread, which are a
//! seventh of what a small commit takes on a quick disk. That pays where the thread finds more to
//! do than one job. Who writes alone, and little, does without.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;

use super::writer::Writer;
use crate::engine::queue::Queue;
use crate::engine::{Extent, Submission};

/// The writer, of whom there is one.
pub(super) struct Turn {
    /// None once all is written that will be.
    writer: Mutex<Option<Writer>>,
    /// The thread has a job and waits for the writer: nobody gets before it.
    is_wanted: AtomicBool,
}

impl Turn {
    pub(super) fn new(writer: Writer) -> Self {
        Self { writer: Mutex::new(Some(writer)), is_wanted: AtomicBool::new(false) }
    }

    /// What the writer thread does: writes until the queue is closed and empty.
    pub(super) fn run(&self, mut jobs: mpsc::Receiver<Submission>) {
        while let Some(first) = jobs.blocking_recv() {
            self.is_wanted.store(true, Ordering::SeqCst);
            let Some(mut turn) = self.wait() else { return };
            self.is_wanted.store(false, Ordering::SeqCst);
            let Some(writer) = turn.as_mut() else { return };
            writer.write_all(first, &mut jobs);
        }
        if let Some(writer) = self.wait().and_then(|mut turn| turn.take()) {
            writer.finish();
        }
    }

    /// Writes `submission` on this thread where it is brief, nobody else writes or just did, and
    /// this thread may be blocked; gives it back where it is to be queued.
    pub(super) fn write_here(&self, queue: &Queue, submission: Submission) -> Option<Submission> {
        let is_brief = submission.extent == Extent::Brief;
        if !is_brief || self.is_wanted.load(Ordering::SeqCst) || !queue.is_empty() || !may_block() {
            return Some(submission);
        }
        let mut turn = match self.writer.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => return Some(submission),
        };
        let Some(writer) = turn.as_mut().filter(|writer| writer.is_alone()) else {
            return Some(submission);
        };
        let queued = || usize::from(!queue.is_empty() || self.is_wanted.load(Ordering::SeqCst));
        let mut waiting = Some(submission);
        // The tasks of this thread go on elsewhere meanwhile. Where the system has no thread for
        // them, the runtime panics before anything was done.
        let written = catch_unwind(AssertUnwindSafe(|| {
            tokio::task::block_in_place(|| {
                if let Some(submission) = waiting.take() {
                    writer.write_one(submission, queued);
                }
            });
        }));
        match written {
            Err(panic) if waiting.is_none() => resume_unwind(panic),
            _ => waiting,
        }
    }

    /// Waits for the writer. None where a panic left it half way: nobody writes any more then.
    fn wait(&self) -> Option<MutexGuard<'_, Option<Writer>>> {
        self.writer.lock().ok()
    }
}

/// Whether the runtime can do without the thread that asks. Where all threads for blocking work are
/// taken, it may have to wait for this one until the write is done.
fn may_block() -> bool {
    Handle::try_current().is_ok_and(|runtime| {
        runtime.runtime_flavor() == RuntimeFlavor::MultiThread
            && runtime.metrics().num_workers() > 1
    })
}
