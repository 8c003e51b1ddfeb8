//! What is counted between two writes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use ids::Timestamp;
use storage::TlsResult;

use crate::hosts::Exit;
use crate::policy::Followed;
use crate::report_days::day_of;

/// LIMIT: kinds of sessions that are told apart between two writes; more are not counted.
const KINDS_MAX: usize = 10_000;
/// LIMIT: TLSA records of one host that are told.
const RECORDS_MAX: usize = 5;

/// Sessions by how they went.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Whether anybody is told.
    counts: AtomicBool,
    kinds: Mutex<HashMap<TlsResult, u64>>,
}

impl Tally {
    pub(crate) fn new(counts: bool) -> Self {
        Self { counts: AtomicBool::new(counts), kinds: Mutex::default() }
    }

    /// Counts from now on, or no longer; what was counted is written down in any case.
    pub(crate) fn set_counting(&self, counts: bool) {
        self.counts.store(counts, Ordering::Relaxed);
    }

    fn is_counting(&self) -> bool {
        self.counts.load(Ordering::Relaxed)
    }

    /// A session with a server of a domain; `result` is empty where nothing failed.
    pub(crate) fn count(
        &self,
        domain: &str,
        followed: &Followed,
        exit: &Exit,
        result: &'static str,
        now: Timestamp,
    ) {
        if !self.is_counting() {
            return;
        }
        let (policy_type, policy) = described(followed);
        // Of what went well nobody asks where.
        let (host, address) = match result {
            "" => (String::new(), String::new()),
            _ => (exit.host.name.clone(), exit.host.address.ip().to_string()),
        };
        self.add(TlsResult {
            day: day_of(now),
            domain: domain.to_owned(),
            policy_type: policy_type.to_owned(),
            policy,
            result: result.to_owned(),
            host,
            address,
        });
    }

    /// A policy that could not be had, and why (RFC 8460 §4.3.2.2).
    pub(crate) fn count_fetch(&self, domain: &str, result: &'static str, now: Timestamp) {
        self.add(TlsResult {
            day: day_of(now),
            domain: domain.to_owned(),
            policy_type: "sts".to_owned(),
            policy: String::new(),
            result: result.to_owned(),
            host: String::new(),
            address: String::new(),
        });
    }

    fn add(&self, kind: TlsResult) {
        if !self.is_counting() {
            return;
        }
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() < KINDS_MAX || kinds.contains_key(&kind) {
            *kinds.entry(kind).or_insert(0) += 1;
        }
    }

    /// What was counted since, in an order.
    pub(super) fn take(&self) -> Vec<(TlsResult, u64)> {
        let taken = std::mem::take(&mut *self.kinds.lock().unwrap_or_else(PoisonError::into_inner));
        let mut taken: Vec<_> = taken.into_iter().collect();
        // Daemons that write at a time take rows in one order.
        taken.sort();
        taken
    }

    /// What could not be written.
    pub(super) fn put_back(&self, counted: Vec<(TlsResult, u64)>) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, sessions) in counted {
            if kinds.len() < KINDS_MAX || kinds.contains_key(&kind) {
                *kinds.entry(kind).or_insert(0) += sessions;
            }
        }
    }
}

/// RFC 8460 §4.4: the type of a policy, and its lines.
fn described(followed: &Followed) -> (&'static str, String) {
    match followed {
        Followed::Nobody => ("no-policy-found", String::new()),
        Followed::Sts(policy) => ("sts", policy.lines().join("\n")),
        Followed::Tlsa(records) => {
            let line = |record: &net::TlsaRecord| {
                let data: String =
                    record.data.iter().take(64).map(|b| format!("{b:02X}")).collect();
                format!("{} {} {} {data}", record.usage, record.selector, record.matching)
            };
            let lines: Vec<String> = records.iter().take(RECORDS_MAX).map(line).collect();
            ("tlsa", lines.join("\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use smtp::client::Host;

    use super::*;

    const FETCH: &str = "sts-policy-fetch-error";

    fn exit() -> Exit {
        let name = "mx.there.test".to_owned();
        let host = Host { name, address: ([192, 0, 2, 1], 25).into(), source: None };
        Exit { host, secure: true, bases: Vec::new(), names: Vec::new() }
    }

    #[test]
    fn sessions_are_told_apart() {
        let tally = Tally::new(true);
        let now = Timestamp::from_secs(3 * 86_400 + 5);
        let tlsa = Followed::Tlsa(vec![net::TlsaRecord {
            usage: 3,
            selector: 1,
            matching: 1,
            data: vec![0xAB, 1],
        }]);
        for result in ["", "", "certificate-expired"] {
            tally.count("there.test", &Followed::Nobody, &exit(), result, now);
        }
        tally.count("there.test", &tlsa, &exit(), "", now);
        tally.count_fetch("there.test", FETCH, now);
        let found: Vec<_> = tally
            .take()
            .into_iter()
            .map(|(row, n)| {
                format!("{} {} {} {} {n}", row.day, row.policy_type, row.policy, row.host)
            })
            .collect();
        assert_eq!(
            found,
            [
                "3 no-policy-found   2",
                "3 no-policy-found  mx.there.test 1",
                "3 sts   1",
                "3 tlsa 3 1 1 AB01  1",
            ]
        );
        assert_eq!(tally.take(), []);
    }

    #[test]
    fn kinds_are_bounded_and_nobody_counts_for_nobody() {
        let off = Tally::new(false);
        off.count_fetch("there.test", FETCH, Timestamp::default());
        assert_eq!(off.take(), []);
        // What was counted is told, also where nothing more is to be.
        off.set_counting(true);
        off.count_fetch("there.test", FETCH, Timestamp::default());
        off.set_counting(false);
        off.count_fetch("there.test", FETCH, Timestamp::default());
        let counted: Vec<u64> = off.take().into_iter().map(|(_, sessions)| sessions).collect();
        assert_eq!(counted, [1]);
        let tally = Tally::new(true);
        for n in 0..KINDS_MAX + 5 {
            tally.count_fetch(&format!("{n}.test"), FETCH, Timestamp::default());
        }
        tally.count_fetch("1.test", FETCH, Timestamp::default());
        let taken = tally.take();
        assert_eq!(taken.len(), KINDS_MAX);
        tally.put_back(taken);
        let sessions: u64 = tally.take().iter().map(|(_, n)| *n).sum();
        assert_eq!(sessions, KINDS_MAX as u64 + 1);
    }
}
