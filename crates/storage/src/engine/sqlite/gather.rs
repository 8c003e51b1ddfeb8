//! How long the writer waits for company before it begins a batch.
//!
//! Writers that were told of one commit write again at about the same time, a little after the
//! first of them. If that first one began a batch at once, it would find those in it that had
//! waited for the commit before, and they would take turns for ever, each commit with half of
//! them. A writer that waits a moment for as many as it has just seen has them all in one.
//!
//! That pays where commits are what the disk has few of, which it shows only by what gets done:
//! one that is held to a number of writes a second answers soon while it is asked seldom. Where the
//! disk is quick, waiting is time lost: while the writer does the work of some, the others get
//! ready. Measured on such a one: ten writers get a sixth more done when nobody is waited for. So
//! both manners are tried in turn, and the better is kept to. Who writes alone is never waited for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;

/// LIMIT: what waiting may add to a commit, whatever the disk is like.
const PATIENCE_MAX: Duration = Duration::from_millis(4);
/// How often the queue is looked at meanwhile.
const PAUSE: Duration = Duration::from_micros(20);
/// What a commit takes is the mean over so many.
const MEMORY: u32 = 16;

/// Commits over which it is counted what gets done.
const EPOCH: u32 = 32;
/// Epochs of the better manner before the other is tried again.
const SETTLED: u32 = 12;
/// The other manner has to get so much more done, in percent: less is chance.
const GAIN: u128 = 108;
/// When nobody has written for so long, what gets done is not for the writer to say.
const IDLE: Duration = Duration::from_millis(5);

/// What the last batches teach about the next.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// How many writers wrote or wanted to write in the last group.
    expected: usize,
    /// What a commit takes, its work included.
    taking: Duration,
    trial: Trial,
}

impl Gathering {
    /// A batch of `first` and what comes with it, at most `max`.
    pub(super) fn take<J>(&mut self, first: J, jobs: &mut Receiver<J>, max: usize) -> VecDeque<J> {
        let mut batch = VecDeque::from([first]);
        let begun = Instant::now();
        self.begin(begun);
        loop {
            while batch.len() < max
                && let Ok(next) = jobs.try_recv()
            {
                batch.push_back(next);
            }
            if batch.len() >= self.expected.min(max) || begun.elapsed() >= self.patience() {
                return batch;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// A batch is begun.
    pub(super) fn begin(&mut self, now: Instant) {
        self.trial.begin(now);
    }

    /// Whether the last batch was of one, and nobody came meanwhile.
    pub(super) fn is_alone(&self) -> bool {
        self.expected <= 1
    }

    /// How long those who are missing are waited for.
    fn patience(&self) -> Duration {
        match self.trial.waits {
            true => self.taking.min(PATIENCE_MAX),
            false => Duration::ZERO,
        }
    }

    /// A batch of `jobs` took so long and was done `now`; `queued` came meanwhile.
    pub(super) fn learn(&mut self, jobs: usize, took: Duration, queued: usize, now: Instant) {
        self.expected = jobs + queued;
        self.taking = (self.taking * (MEMORY - 1) + took.min(PATIENCE_MAX)) / MEMORY;
        // Alone there is nothing to be tried.
        match self.expected {
            1 => self.trial.start_over(now),
            _ => self.trial.count(jobs, now),
        }
    }
}

/// The two manners, of which one is the better.
#[derive(Debug, Default)]
struct Trial {
    /// Whether those who are missing are waited for now.
    waits: bool,
    /// What the better manner got done: the time of a thousand jobs, in nanoseconds.
    best: Option<u128>,
    /// Epochs until the other is tried; none are left while it is.
    left: u32,
    /// The commits of the epoch under way.
    commits: u32,
    jobs: u128,
    since: Option<Instant>,
    /// When the last commit was done.
    done: Option<Instant>,
}

impl Trial {
    /// A batch is begun.
    fn begin(&mut self, now: Instant) {
        if self.done.is_none_or(|done| now.saturating_duration_since(done) > IDLE) {
            self.start_over(now);
        }
    }

    /// The epoch under way says nothing.
    fn start_over(&mut self, now: Instant) {
        (self.commits, self.jobs, self.since, self.done) = (0, 0, Some(now), Some(now));
    }

    /// A batch is done.
    fn count(&mut self, jobs: usize, now: Instant) {
        self.commits += 1;
        self.jobs += jobs as u128;
        self.done = Some(now);
        if self.commits < EPOCH {
            return;
        }
        let elapsed =
            self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let cost = elapsed.as_nanos() * 1_000 / self.jobs.max(1);
        self.start_over(now);
        self.judge(cost);
    }

    /// An epoch in the present manner had this cost.
    fn judge(&mut self, cost: u128) {
        match self.best {
            Some(best) if self.left == 0 => {
                // The other manner was tried.
                if cost * GAIN < best * 100 {
                    self.best = Some(cost);
                } else {
                    self.waits = !self.waits;
                }
                self.left = SETTLED;
            }
            best => {
                // What others do to the machine changes: the newest counts as much as all before.
                self.best = Some(best.map_or(cost, |best| (best + cost) / 2));
                self.left = self.left.saturating_sub(1);
                if self.left == 0 {
                    self.waits = !self.waits;
                }
            }
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
        gathering.trial.waits = true;
        assert_eq!(gathering.take(0, &mut jobs, 3), [0, 1, 2]);
        // As many as expected are there: nobody is waited for.
        gathering.learn(1, Duration::MAX, 2, Instant::now());
        assert_eq!(gathering.take(9, &mut jobs, 10), [9, 3, 4]);
    }

    #[test]
    fn waits_in_one_manner_only_and_not_for_ever() {
        let taking = Duration::from_secs(600);
        let mut gathering = Gathering { expected: 2, taking, ..Gathering::default() };
        assert_eq!(gathering.patience(), Duration::ZERO);
        gathering.trial.waits = true;
        assert_eq!(gathering.patience(), PATIENCE_MAX);
        let (_sender, mut jobs) = tokio::sync::mpsc::channel(10);
        assert_eq!(gathering.take(0, &mut jobs, 10), [0]);
    }

    /// How many of so many epochs are in the manner that waits, where a job takes this long in it,
    /// and ten in the other.
    fn waiting(epochs: u32, millis: u64) -> u32 {
        let (mut trial, mut now, mut waiting) = (Trial::default(), Instant::now(), 0);
        trial.start_over(now);
        for _ in 0..epochs {
            waiting += u32::from(trial.waits);
            for _ in 0..EPOCH {
                let each = if trial.waits { millis } else { 10 };
                now += Duration::from_millis(each * 4);
                trial.count(4, now);
            }
        }
        waiting
    }

    #[test]
    fn the_better_manner_is_kept_to() {
        let tries = 130_u32.div_ceil(SETTLED + 1);
        assert_eq!(waiting(130, 12), tries);
        // No better is worse.
        assert_eq!(waiting(130, 10), tries);
        assert_eq!(waiting(130, 5), 130 - tries);
    }

    #[test]
    fn pauses_count_for_nothing() {
        let mut trial = Trial::default();
        let start = Instant::now();
        for hour in 0..100 {
            let now = start + Duration::from_secs(3600 * hour);
            trial.begin(now);
            trial.count(1, now);
        }
        assert_eq!((trial.commits, trial.best), (1, None));
    }

    #[test]
    fn who_writes_alone_is_not_kept_waiting() {
        let (_sender, mut jobs) = tokio::sync::mpsc::channel(10);
        let mut gathering = Gathering::default();
        for _ in 0..1_000 {
            gathering.learn(1, PATIENCE_MAX, 0, Instant::now());
            assert_eq!(gathering.take(0, &mut jobs, 10), [0]);
            assert!(!gathering.trial.waits);
        }
    }
}
