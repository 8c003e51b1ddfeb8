//! Counters of a store, for metrics. Monotonic; read at any time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a store has done since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    queued: AtomicU64,
    commits: AtomicU64,
    jobs: AtomicU64,
    commit_micros: AtomicU64,
    largest_batch: AtomicU64,
}

/// A copy of the counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatisticsSnapshot {
    /// Write transactions submitted.
    pub submitted: u64,
    /// Commits that reached stable storage.
    pub commits: u64,
    /// Write transactions in those commits.
    pub transactions: u64,
    /// Time spent in commits with their transactions, in microseconds.
    pub commit_micros: u64,
    /// The most transactions that shared a commit.
    pub largest_batch: u64,
}

impl Statistics {
    pub(crate) fn queued(&self) {
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, jobs: usize, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.jobs.fetch_add(jobs as u64, Ordering::Relaxed);
        self.commit_micros.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
        self.largest_batch.fetch_max(jobs as u64, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> StatisticsSnapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatisticsSnapshot {
            submitted: read(&self.queued),
            commits: read(&self.commits),
            transactions: read(&self.jobs),
            commit_micros: read(&self.commit_micros),
            largest_batch: read(&self.largest_batch),
        }
    }
}
