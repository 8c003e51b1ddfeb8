//! A clock that stands still until a test moves it.

use std::sync::atomic::{AtomicI64, Ordering};

use ids::{Clock, Timestamp};

/// An [`ids::Clock`] under the test's control. Share it through an `Arc`.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub const fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_micros()))
    }

    /// Moves the clock to `now`, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_micros(), Ordering::SeqCst);
    }

    /// Moves the clock by `secs` seconds and returns what it shows then.
    pub fn advance_secs(&self, secs: i64) -> Timestamp {
        let step = secs.saturating_mul(1_000_000);
        let before = self.0.fetch_add(step, Ordering::SeqCst);
        Timestamp::from_micros(before.saturating_add(step))
    }
}

impl Default for ManualClock {
    /// Shows 2026-01-05T08:00:00Z, a Monday.
    fn default() -> Self {
        Self::new(Timestamp::from_secs(1_767_600_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_only_when_told() {
        let clock = ManualClock::new(Timestamp::from_secs(10));
        assert_eq!(clock.now(), clock.now());
        assert_eq!(clock.advance_secs(5), Timestamp::from_secs(15));
        clock.set(Timestamp::from_secs(3));
        assert_eq!(clock.now(), Timestamp::from_secs(3));
    }
}
