//! The results of TLS sessions, added up in memory between two writes to storage.

use std::collections::HashMap;
use std::net::IpAddr;
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
/// LIMIT: bytes of all TLSA records that are told, so that storage, which keeps a thousand of a
/// policy, cuts none. Digests fit, and a key of RSA with up to 3,072 bits; a whole certificate
/// seldom.
const RECORD_BYTES_MAX: usize = 860;

/// Sessions by how they went.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Whether results are counted, since reports are sent.
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

    /// A session with a server of a domain, from an address of ours where it came to one; `result`
    /// is empty where nothing failed.
    pub(crate) fn count(
        &self,
        domain: &str,
        followed: &Followed,
        (exit, source): (&Exit, Option<IpAddr>),
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
            _ => (exit.host.name.clone(), addresses(exit.host.address.ip(), source)),
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

    /// Puts back results that could not be written.
    pub(super) fn put_back(&self, counted: Vec<(TlsResult, u64)>) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, sessions) in counted {
            if kinds.len() < KINDS_MAX || kinds.contains_key(&kind) {
                *kinds.entry(kind).or_insert(0) += sessions;
            }
        }
    }
}

/// Both ends of a session, as they are kept: that of the server, and ours behind a blank.
fn addresses(server: IpAddr, ours: Option<IpAddr>) -> String {
    match ours {
        Some(ours) => format!("{server} {ours}"),
        None => server.to_string(),
    }
}

/// The server's address, and ours, which is empty where it is not known.
pub(super) fn split_addresses(kept: &str) -> (&str, &str) {
    kept.split_once(' ').unwrap_or((kept, ""))
}

/// RFC 8460 §4.4: the type of a policy, and its lines.
fn described(followed: &Followed) -> (&'static str, String) {
    match followed {
        Followed::Nobody => ("no-policy-found", String::new()),
        Followed::Sts(policy) => ("sts", policy.lines().join("\n")),
        Followed::Tlsa(records) => ("tlsa", tlsa_lines(records).join("\n")),
    }
}

/// RFC 6698 §2.2, each as it stands in the zone. What is too long is left out: a part of it would
/// be another record, which matches nothing.
fn tlsa_lines(records: &[net::TlsaRecord]) -> Vec<String> {
    let mut room = RECORD_BYTES_MAX;
    let line = |record: &net::TlsaRecord| {
        let kind = format!("{} {} {}", record.usage, record.selector, record.matching);
        room = room.checked_sub(kind.len() + 2 + 2 * record.data.len())?;
        let data: String = record.data.iter().map(|byte| format!("{byte:02X}")).collect();
        Some(format!("{kind} {data}"))
    };
    records.iter().take(RECORDS_MAX).filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use smtp::client::Host;

    use super::*;

    const FETCH: &str = "sts-policy-fetch-error";

    fn exit() -> Exit {
        let name = "mx.there.test".to_owned();
        let host = Host { name, address: ([192, 0, 2, 1], 25).into(), source: None };
        Exit { host, secure: true, bases: Vec::new(), names: Vec::new(), has_others: false }
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
        let ours = Some(IpAddr::from([198, 51, 100, 7]));
        for (result, ours) in [("", None), ("", ours), ("certificate-expired", ours)] {
            tally.count("there.test", &Followed::Nobody, (&exit(), ours), result, now);
        }
        // It came to no session.
        tally.count("there.test", &Followed::Nobody, (&exit(), None), "validation-failure", now);
        tally.count("there.test", &tlsa, (&exit(), None), "", now);
        tally.count_fetch("there.test", FETCH, now);
        let found: Vec<_> = tally
            .take()
            .into_iter()
            .map(|(row, n)| {
                let (server, ours) = split_addresses(&row.address);
                let ends = format!("{} {server} {ours}", row.host);
                format!("{} {} {} {ends} {n}", row.day, row.policy_type, row.policy)
            })
            .collect();
        assert_eq!(
            found,
            [
                "3 no-policy-found     2",
                "3 no-policy-found  mx.there.test 192.0.2.1 198.51.100.7 1",
                "3 no-policy-found  mx.there.test 192.0.2.1  1",
                "3 sts     1",
                "3 tlsa 3 1 1 AB01    1",
            ]
        );
        assert_eq!(tally.take(), []);
    }

    /// What is in full in the DNS is told in full, or not at all.
    #[test]
    fn no_record_is_cut() {
        let record = |selector, bytes| net::TlsaRecord {
            usage: 3,
            selector,
            matching: 0,
            data: vec![0xAB; bytes],
        };
        let whole = |bytes| format!("3 1 0 {}", "AB".repeat(bytes));
        // A key of RSA with 2,048 bits, and a certificate.
        let lines = tlsa_lines(&[record(1, 294), record(0, 1_203), record(1, 91)]);
        assert_eq!(lines, [whole(294), whole(91)]);
        let many = tlsa_lines(&[70_000, 300, 120, 400, 1, 1].map(|n| record(1, n)));
        assert_eq!(many, [whole(300), whole(120)]);
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
