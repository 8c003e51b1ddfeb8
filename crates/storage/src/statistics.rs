//! Counters of a store, for metrics. Monotonic; read at any time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds, inclusive, of [`StatisticsSnapshot::batch_sizes`]; the last is unbounded.
pub const BATCH_SIZES: [u64; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, u64::MAX];

/// Upper bounds, inclusive, in microseconds, of [`StatisticsSnapshot::commit_times`]; the last is
/// unbounded.
pub const COMMIT_MICROS: [u64; 10] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, u64::MAX];

/// What a store has done since it was opened.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    queued: AtomicU64,
    left: AtomicU64,
    commits: AtomicU64,
    jobs: AtomicU64,
    commit_micros: AtomicU64,
    largest_batch: AtomicU64,
    indexed: AtomicU64,
    queued_bytes: AtomicU64,
    batch_sizes: [AtomicU64; BATCH_SIZES.len()],
    commit_times: [AtomicU64; COMMIT_MICROS.len()],
}

/// A copy of the counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatisticsSnapshot {
    /// Write transactions submitted.
    pub submitted: u64,
    /// Write transactions that wait for a writer now.
    pub waiting: u64,
    /// Commits that reached stable storage.
    pub commits: u64,
    /// Write transactions in those commits.
    pub transactions: u64,
    /// Time spent in commits with their transactions, in microseconds.
    pub commit_micros: u64,
    /// The most transactions that shared a commit.
    pub largest_batch: u64,
    /// Messages that were put into the search index.
    pub indexed: u64,
    /// Memory of the messages that wait for a writer or are being written now.
    pub queued_bytes: u64,
    /// Commits by how many transactions shared them, within [`BATCH_SIZES`].
    pub batch_sizes: [u64; BATCH_SIZES.len()],
    /// Commits by how long they took, within [`COMMIT_MICROS`].
    pub commit_times: [u64; COMMIT_MICROS.len()],
}

impl Statistics {
    pub(crate) fn queued(&self) {
        add(&self.queued, 1);
    }

    /// Messages take so much memory in the queue.
    pub(crate) fn entered(&self, bytes: u64) {
        add(&self.queued_bytes, bytes);
    }

    /// Counts bytes as no longer waiting: they are written, or refused.
    pub(crate) fn left(&self, bytes: u64) {
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A writer took these from the queue.
    pub(crate) fn taken(&self, jobs: usize) {
        add(&self.left, jobs as u64);
    }

    pub(crate) fn committed(&self, jobs: usize, took: Duration) {
        let (jobs, micros) = (jobs as u64, took.as_micros() as u64);
        add(&self.commits, 1);
        add(&self.jobs, jobs);
        add(&self.commit_micros, micros);
        self.largest_batch.fetch_max(jobs, Ordering::Relaxed);
        count(&self.batch_sizes, &BATCH_SIZES, jobs);
        count(&self.commit_times, &COMMIT_MICROS, micros);
    }

    pub(crate) fn indexed(&self, messages: u64) {
        add(&self.indexed, messages);
    }

    pub(crate) fn snapshot(&self) -> StatisticsSnapshot {
        // In this order, so that nothing has left that was not queued.
        let left = read(&self.left);
        let submitted = read(&self.queued);
        StatisticsSnapshot {
            submitted,
            waiting: submitted.saturating_sub(left),
            commits: read(&self.commits),
            transactions: read(&self.jobs),
            commit_micros: read(&self.commit_micros),
            largest_batch: read(&self.largest_batch),
            indexed: read(&self.indexed),
            queued_bytes: read(&self.queued_bytes),
            batch_sizes: self.batch_sizes.each_ref().map(read),
            commit_times: self.commit_times.each_ref().map(read),
        }
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Counts `value` in the first bucket whose bound it does not exceed.
fn count(buckets: &[AtomicU64], bounds: &[u64], value: u64) {
    let bucket = buckets.iter().zip(bounds).find(|(_, bound)| value <= **bound);
    if let Some((bucket, _)) = bucket {
        add(bucket, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_counted_by_size_and_time() {
        let statistics = Statistics::default();
        for (jobs, micros) in [(1, 250), (2, 251), (3, 1_000_001), (300, 0)] {
            (0..jobs).for_each(|_| statistics.queued());
            statistics.taken(jobs);
            statistics.committed(jobs, Duration::from_micros(micros));
        }
        statistics.queued();
        let seen = statistics.snapshot();
        assert_eq!((seen.submitted, seen.waiting), (307, 1));
        assert_eq!((seen.commits, seen.transactions, seen.largest_batch), (4, 306, 300));
        assert_eq!(seen.commit_micros, 1_000_502);
        assert_eq!(seen.batch_sizes, [1, 1, 1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(seen.commit_times, [2, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
}
