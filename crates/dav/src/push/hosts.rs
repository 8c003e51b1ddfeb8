//! Push services that do not answer: one that is down costs those it serves, and nobody else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// LIMIT: services that are remembered; where more fail, all are tried anew.
const SERVICES_MAX: usize = 1_000;
/// Failures, one after the other, after which a service is left alone: one of them may be the fault
/// of a single subscription.
const FAILURES_BEFORE_REST: u32 = 3;
/// For how long it is; it doubles from attempt to attempt, of which there is one at a time then.
const REST_MIN: Duration = Duration::from_secs(30);
const REST_DOUBLINGS_MAX: u32 = 4;
/// How long others wait for what comes of the attempt.
const ATTEMPT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Hosts {
    failing: Mutex<HashMap<String, Failing>>,
}

#[derive(Debug)]
struct Failing {
    times: u32,
    rests_until: Instant,
    is_tried: bool,
}

impl Hosts {
    /// Whether a service may be asked now; if not, for how long it is left alone.
    pub(super) fn ask(&self, authority: &str, now: Instant) -> Result<(), Duration> {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(one) = failing.get_mut(authority) else { return Ok(()) };
        if one.rests_until > now {
            return Err(one.rests_until.duration_since(now));
        }
        if one.times >= FAILURES_BEFORE_REST {
            (one.rests_until, one.is_tried) = (now + ATTEMPT, true);
        }
        Ok(())
    }

    /// Forgets the failures of a service that answered, with whatever status.
    pub(super) fn answered(&self, authority: &str) {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner).remove(authority);
    }

    /// Counts a failure of a service that did not answer.
    pub(super) fn failed(&self, authority: &str, now: Instant) {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        if failing.len() >= SERVICES_MAX && !failing.contains_key(authority) {
            failing.clear();
        }
        let fresh = Failing { times: 0, rests_until: now, is_tried: false };
        let one = failing.entry(authority.to_owned()).or_insert(fresh);
        // Of those that were under way together, the first that is too many counts.
        if one.rests_until > now && !one.is_tried {
            return;
        }
        one.times = one.times.saturating_add(1);
        one.is_tried = false;
        one.rests_until = match one.times.checked_sub(FAILURES_BEFORE_REST) {
            Some(more) => now + REST_MIN * 2_u32.pow(more.min(REST_DOUBLINGS_MAX)),
            None => now,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_left_alone_and_tried_by_one() {
        let hosts = Hosts::default();
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let left = |secs| hosts.ask("a.test", at(secs)).err().map(|left| left.as_secs());
        (0..2).for_each(|_| hosts.failed("a.test", start));
        assert_eq!(left(0), None);
        (0..9).for_each(|_| hosts.failed("a.test", start));
        assert_eq!((left(0), left(29)), (Some(30), Some(1)));
        assert_eq!(hosts.ask("a.test:8443", start), Ok(()), "that is another");
        assert_eq!((left(30), left(30)), (None, Some(60)), "one tries, the others wait");
        hosts.failed("a.test", at(50));
        assert_eq!((left(50), left(109)), (Some(60), Some(1)));
        assert_eq!(left(110), None);
        hosts.answered("a.test");
        assert_eq!((left(110), left(110)), (None, None));
        for secs in 0..20 {
            hosts.failed("b.test", at(secs * 10_000));
        }
        let left = hosts.ask("b.test", at(190_000)).unwrap_err();
        assert_eq!(left, Duration::from_secs(480));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let hosts = Hosts::default();
        let now = Instant::now();
        for number in 0..SERVICES_MAX * 2 + 1 {
            (0..3).for_each(|_| hosts.failed(&number.to_string(), now));
        }
        assert_eq!(hosts.failing.lock().unwrap().len(), 1);
    }
}
