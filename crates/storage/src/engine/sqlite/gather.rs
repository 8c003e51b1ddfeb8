//! How long the writer waits for company before it begins a batch.
//!
//! Writers that were told of one commit write again at about the same time, a little after the
//! first of them. If that first one were a batch of its own, all others would wait for its
//! commit, then it for theirs, and every second commit would be of one. So the writer waits a
//! moment for as many as it has just seen. One that writes alone is never waited for.
//!
//! It pays where a commit is mostly waiting for the disk, which they share. Where it is mostly
//! work, waiting is time lost: while it does the work of some, the others get ready.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;

/// LIMIT: what waiting may cost, as a share of what a commit waits for the disk beyond its work,
/// and at most.
const PATIENCE_SHARE: u32 = 8;
const PATIENCE_MAX: Duration = Duration::from_millis(1);
/// How much longer than it works a commit has to wait for the disk. Measured where both take about
/// as long: ten writers get a fifth more done when nobody is waited for.
const WORK_WEIGHT: u32 = 4;
/// How often the queue is looked at meanwhile.
const PAUSE: Duration = Duration::from_micros(20);

/// What a batch took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Took {
    pub(super) working: Duration,
    pub(super) syncing: Duration,
}

/// What the last batch teaches about the next.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    expected: usize,
    patience: Duration,
}

impl Gathering {
    /// A batch of `first` and what comes with it, at most `max`.
    pub(super) fn take<J>(&self, first: J, jobs: &mut Receiver<J>, max: usize) -> VecDeque<J> {
        let mut batch = VecDeque::from([first]);
        let mut deadline = None;
        loop {
            while batch.len() < max
                && let Ok(next) = jobs.try_recv()
            {
                batch.push_back(next);
            }
            if batch.len() >= self.expected.min(max) {
                return batch;
            }
            let now = Instant::now();
            if now >= *deadline.get_or_insert(now + self.patience) {
                return batch;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// A batch of `jobs` was so much work and then waited so long for the disk; `queued` came
    /// meanwhile.
    pub(super) fn learn(&mut self, jobs: usize, took: Took, queued: usize) {
        self.expected = jobs + queued;
        let gain = took.syncing.saturating_sub(took.working.saturating_mul(WORK_WEIGHT));
        self.patience = (gain / PATIENCE_SHARE).min(PATIENCE_MAX);
        if self.patience < PAUSE {
            self.expected = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_there_and_no_more_than_allowed() {
        let (sender, mut jobs) = tokio::sync::mpsc::channel(10);
        (1..5).for_each(|number| sender.try_send(number).unwrap());
        let mut gathering = Gathering::default();
        assert_eq!(gathering.take(0, &mut jobs, 3), [0, 1, 2]);
        // As many as expected are there: nobody is waited for.
        gathering.learn(1, Took { syncing: Duration::MAX, ..Took::default() }, 2);
        assert_eq!(gathering.take(9, &mut jobs, 10), [9, 3, 4]);
    }

    #[test]
    fn waits_for_those_who_wrote_before_but_not_for_ever() {
        let (sender, mut jobs) = tokio::sync::mpsc::channel(10);
        let mut gathering = Gathering::default();
        let [short, long] = [100, 800].map(Duration::from_micros);
        gathering.learn(2, Took { working: short, syncing: long }, 0);
        assert_eq!(gathering.take(0, &mut jobs, 10), [0]);
        // Long enough for the other thread, whatever the machine does.
        gathering.patience = Duration::from_secs(600);
        let late = std::thread::spawn(move || sender.blocking_send(1).unwrap());
        assert_eq!(gathering.take(0, &mut jobs, 10), [0, 1]);
        late.join().unwrap();
        // There is more to do than to wait for.
        gathering.learn(2, Took { working: long, syncing: short }, 0);
        assert_eq!((gathering.expected, gathering.patience), (0, Duration::ZERO));
    }
}
