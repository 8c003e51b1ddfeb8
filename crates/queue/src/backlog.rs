//! How much waits, and how: counted behind what is asked for it, as every recipient is looked at.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ids::Timestamp;
use storage::SpoolTotals;

use crate::queue::Inner;
use crate::schedule::after;

/// A count takes at most one in so many parts of the time, however many there are.
const SHARE: u32 = 100;

/// The recipients that waited in the queue at the last count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Recipients that an operator holds.
    pub held: u64,
    /// Recipients that were tried, and wait for the next time.
    pub deferred: u64,
    /// Recipients of messages that are to be sent later.
    pub scheduled: u64,
    /// How long the oldest message has waited that may go, held or not.
    pub oldest: Duration,
}

/// The last count, and when the next may be.
#[derive(Debug, Default)]
pub(crate) struct Counted(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    totals: SpoolTotals,
    is_counting: bool,
    next: Timestamp,
}

impl Counted {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted last, as of now.
    pub(crate) fn backlog(&self, now: Timestamp) -> Backlog {
        let SpoolTotals { held, deferred, scheduled, since, .. } = self.state().totals;
        let secs = since.map_or(0, |since| now.as_secs() - since.as_secs());
        let oldest = Duration::from_secs(u64::try_from(secs).unwrap_or(0));
        Backlog { held, deferred, scheduled, oldest }
    }

    /// Whether it is time to count, which whoever asks does then.
    fn begin(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let begins = !state.is_counting && state.next <= now;
        state.is_counting |= begins;
        begins
    }

    fn end(&self, totals: Option<SpoolTotals>, next: Timestamp) {
        let mut state = self.state();
        if let Some(totals) = totals {
            state.totals = totals;
        }
        (state.is_counting, state.next) = (false, next);
    }
}

impl Inner {
    /// Counts what waits, beside what else is done, unless that was done a moment ago for what it
    /// takes.
    pub(crate) fn begin_count(self: &Arc<Self>) {
        if !self.counted.begin(self.store.now()) {
            return;
        }
        let inner = self.clone();
        self.shutdown.spawn(async move {
            let began = Instant::now();
            let now = inner.store.now();
            let totals = inner.store.read_through(move |tx| tx.spool_totals(now)).await;
            if let Err(error) = &totals {
                tracing::warn!(%error, "what waits in the queue cannot be counted");
            }
            inner.counted.end(totals.ok(), after(now, began.elapsed() * SHARE));
            inner.progressed();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_ages() {
        let at = Timestamp::from_secs;
        let counted = Counted::default();
        assert_eq!(counted.backlog(at(100)), Backlog::default());
        assert!(counted.begin(at(100)));
        // One count at a time, and none before its share of the time is over.
        assert!(!counted.begin(at(100)));
        let totals = SpoolTotals { held: 1, deferred: 2, scheduled: 3, ..SpoolTotals::default() };
        counted.end(Some(SpoolTotals { since: Some(at(40)), ..totals }), at(150));
        assert!(!counted.begin(at(149)));
        let backlog = Backlog { held: 1, deferred: 2, scheduled: 3, oldest: Duration::ZERO };
        assert_eq!(
            counted.backlog(at(101)),
            Backlog { oldest: Duration::from_secs(61), ..backlog }
        );
        assert!(counted.begin(at(150)));
        // What failed leaves what was known; what is for later is not old.
        counted.end(None, at(150));
        assert_eq!(counted.backlog(at(40)), backlog);
        assert_eq!(counted.backlog(at(10)), backlog);
        assert!(counted.begin(at(150)));
    }
}
