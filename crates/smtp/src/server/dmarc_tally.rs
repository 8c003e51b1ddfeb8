//! What was found of mail in the name of domains that want reports, between two writes
//! (RFC 7489 §7.2).
//!
//! **Invariant:** memory is bounded, whatever is made up by who sends.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ids::Timestamp;
use mailauth::dmarc::{DmarcVerdict, Policy};
use mailauth::reports::{DmarcRow, Observation};
use storage::{DmarcCount, DmarcResult};

/// LIMIT: kinds of messages that are told apart between two writes; more are not told of.
const KINDS_MAX: usize = 10_000;
/// RFC 7489 §7.2: days by UTC.
const DAY_SECS: i64 = 86_400;

/// Messages by what was found.
#[derive(Debug, Default)]
pub struct DmarcTally {
    kinds: Mutex<HashMap<(i64, String, DmarcRow), DmarcCount>>,
}

impl DmarcTally {
    /// A message with which `done` was done.
    pub(super) fn count(&self, one: Observation, done: Policy, is_spam: bool, now: Timestamp) {
        let day = now.as_secs().div_euclid(DAY_SECS);
        let is_genuine = one.verdict == DmarcVerdict::Pass;
        let count = DmarcCount {
            messages: 1,
            genuine: is_genuine.into(),
            spam: (is_genuine && is_spam).into(),
        };
        let row = with_reason(one, done);
        self.add(&mut self.kinds(), (day, row.0, row.1), count);
    }

    /// What was counted since, in an order.
    pub fn take(&self) -> Vec<(DmarcResult, DmarcCount)> {
        let taken = std::mem::take(&mut *self.kinds());
        let result = |((day, domain, row), count)| {
            let details = serde_json::to_string(&row).unwrap_or_default();
            (DmarcResult { day, domain, details }, count)
        };
        let mut taken: Vec<_> = taken.into_iter().map(result).collect();
        // Daemons that write at a time take rows in one order.
        taken.sort_by(|(one, _), (other, _)| one.cmp(other));
        taken
    }

    /// Puts back results that could not be written.
    pub fn put_back(&self, counted: Vec<(DmarcResult, DmarcCount)>) {
        let mut kinds = self.kinds();
        for (DmarcResult { day, domain, details }, count) in counted {
            if let Ok(row) = serde_json::from_str(&details) {
                self.add(&mut kinds, (day, domain, row), count);
            }
        }
    }

    fn add(
        &self,
        kinds: &mut HashMap<(i64, String, DmarcRow), DmarcCount>,
        key: (i64, String, DmarcRow),
        count: DmarcCount,
    ) {
        if kinds.len() < KINDS_MAX || kinds.contains_key(&key) {
            kinds.entry(key).or_default().add(count);
        }
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<(i64, String, DmarcRow), DmarcCount>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The row with what was done, and why, where that is more than this domain asked for: as another
/// author did, or as the sender's domain disowns the host and that is obeyed here.
fn with_reason(one: Observation, done: Policy) -> (String, DmarcRow) {
    let Observation { domain, asked, mut row, .. } = one;
    row.disposition = done;
    if done > asked {
        row.reason =
            Some(("other".to_owned(), "by the policy of another author or sender".to_owned()));
    }
    (domain, row)
}

#[cfg(test)]
mod tests {
    use mailauth::dmarc::PublishedPolicy;
    use mailauth::reports::DmarcSpf;

    use super::*;

    fn observation(source: &str, verdict: DmarcVerdict) -> Observation {
        let policy = PublishedPolicy {
            policy: Policy::Quarantine,
            subdomains: Policy::Quarantine,
            dkim_strict: false,
            spf_strict: false,
            percent: 100,
            failure_options: "0".to_owned(),
        };
        let path = DmarcSpf {
            domain: "a.test".to_owned(),
            scope: "mfrom".to_owned(),
            result: "pass".to_owned(),
        };
        let row = DmarcRow {
            policy,
            source: source.to_owned(),
            disposition: Policy::None,
            reason: None,
            dkim: false,
            spf: verdict == DmarcVerdict::Pass,
            header_from: "a.test".to_owned(),
            envelope_from: "a.test".to_owned(),
            signatures: Vec::new(),
            path,
        };
        let asked = if verdict == DmarcVerdict::Pass { Policy::None } else { Policy::Quarantine };
        let (domain, published) = ("a.test".to_owned(), Policy::Quarantine);
        Observation { domain, verdict, published, asked, row }
    }

    #[test]
    fn messages_that_are_alike_are_one_row() {
        let (tally, now) = (DmarcTally::default(), Timestamp::from_secs(2 * DAY_SECS + 1));
        for is_spam in [false, true, false] {
            let passed = observation("192.0.2.1", DmarcVerdict::Pass);
            tally.count(passed, Policy::None, is_spam, now);
        }
        let failed = observation("192.0.2.1", DmarcVerdict::Fail);
        tally.count(failed, Policy::Quarantine, true, now);
        let passed = observation("192.0.2.1", DmarcVerdict::Pass);
        tally.count(passed, Policy::Reject, false, now);
        let taken = tally.take();
        let mut counts: Vec<_> = taken
            .iter()
            .map(|(result, count)| {
                let row: DmarcRow = serde_json::from_str(&result.details).unwrap();
                let why = row.reason.map(|(kind, _)| kind).unwrap_or_default();
                let DmarcCount { messages, genuine, spam } = *count;
                (row.disposition, why, messages, genuine, spam)
            })
            .collect();
        counts.sort();
        assert_eq!(
            counts,
            [
                (Policy::None, String::new(), 3, 3, 1),
                (Policy::Quarantine, String::new(), 1, 0, 0),
                (Policy::Reject, "other".to_owned(), 1, 1, 0),
            ]
        );
        assert!(taken.iter().all(|(result, _)| result.day == 2));
        assert_eq!(tally.take(), []);
        tally.put_back(taken.clone());
        assert_eq!(tally.take(), taken);
    }

    #[test]
    fn kinds_are_bounded() {
        let tally = DmarcTally::default();
        for n in 0..KINDS_MAX + 5 {
            let one = observation(&n.to_string(), DmarcVerdict::Pass);
            tally.count(one, Policy::None, false, Timestamp::default());
        }
        assert_eq!(tally.take().len(), KINDS_MAX);
    }
}
