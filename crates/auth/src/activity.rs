//! What accounts are told of sign-ins later (R-SMTP-5), until whoever writes it takes it.
//!
//! **Invariants:** noting takes a lock for a moment and waits for nothing; equal events are one;
//! memory is bounded, and what does not fit is counted and left out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ids::{AccountId, Timestamp};
use storage::{Activity, ActivityKind, Grant, Protocol};

use crate::AuthError;

/// LIMIT: different events that wait to be written; each takes some 300 bytes. Refusals take half
/// of them at most.
const PENDING_MAX: usize = 10_000;

/// LIMIT: bytes that are kept of what a program says of itself.
const PROGRAM_BYTES_MAX: usize = 240;

/// Whom an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Concerned {
    /// An account that exists.
    Account(AccountId),
    /// The primary address that somebody tried, whether an account has it or not.
    Name(String),
}

/// The parts of an event by which events are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    concerned: Concerned,
    kind: ActivityKind,
    protocol: Option<Protocol>,
    peer: Option<IpAddr>,
    program: String,
    detail: &'static str,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    first: Timestamp,
    last: Timestamp,
    count: u64,
}

/// Events that wait to be written.
#[derive(Debug, Default)]
pub struct ActivityLog {
    pending: Mutex<HashMap<Key, Times>>,
    left_out: AtomicU64,
}

impl ActivityLog {
    /// Somebody signed in to an account.
    pub(crate) fn signed_in(
        &self,
        account: AccountId,
        grant: Grant,
        protocol: Protocol,
        peer: IpAddr,
        now: Timestamp,
    ) {
        self.add(sign_in(account, grant, protocol, peer, String::new()), 1, now);
    }

    /// Notes that somebody was refused.
    pub(crate) fn refused(
        &self,
        name: String,
        error: &AuthError,
        protocol: Protocol,
        peer: IpAddr,
        now: Timestamp,
    ) {
        let (kind, detail) = match error {
            AuthError::Wrong => (ActivityKind::WrongPassword, ""),
            AuthError::Blocked => (ActivityKind::Refused, "blocked"),
            AuthError::Maintenance => (ActivityKind::Refused, "in maintenance"),
            AuthError::Throttled { .. } => (ActivityKind::Refused, "told to wait"),
            AuthError::Unavailable => return,
        };
        let concerned = Concerned::Name(name);
        let (protocol, peer, program) = (Some(protocol), Some(peer), String::new());
        self.add(Key { concerned, kind, protocol, peer, program, detail }, 1, now);
    }

    /// An account sent a message.
    pub fn sent(&self, account: AccountId, now: Timestamp) {
        let concerned = Concerned::Account(account);
        let (kind, program) = (ActivityKind::Sent, String::new());
        self.add(Key { concerned, kind, protocol: None, peer: None, program, detail: "" }, 1, now);
    }

    /// The program that signed in just now says what it is.
    pub(crate) fn program(
        &self,
        account: AccountId,
        grant: Grant,
        protocol: Protocol,
        peer: IpAddr,
        program: &str,
    ) {
        if program.is_empty() {
            return;
        }
        let nameless = sign_in(account, grant, protocol, peer, String::new());
        let end = program.floor_char_boundary(PROGRAM_BYTES_MAX);
        let program = program.get(..end).unwrap_or_default().to_owned();
        let mut pending = self.pending();
        let Some(times) = pending.get_mut(&nameless) else { return };
        let at = times.last;
        times.count -= 1;
        if times.count == 0 {
            pending.remove(&nameless);
        }
        drop(pending);
        self.add(Key { program, ..nameless }, 1, at);
    }

    fn add(&self, key: Key, count: u64, now: Timestamp) {
        let mut pending = self.pending();
        // Who tries names without end must not keep the sign-in that comes of it out of the log.
        let max = match key.kind {
            ActivityKind::WrongPassword | ActivityKind::Refused => PENDING_MAX / 2,
            _ => PENDING_MAX,
        };
        let is_full = pending.len() >= max;
        match pending.get_mut(&key) {
            Some(times) => {
                times.count += count;
                times.last = times.last.max(now);
            }
            None if is_full => {
                self.left_out.fetch_add(count, Ordering::Relaxed);
            }
            None => {
                pending.insert(key, Times { first: now, last: now, count });
            }
        }
    }

    /// Everything noted since the last call, by whom it concerns; that is to be written.
    pub fn take(&self) -> HashMap<Concerned, Vec<Activity>> {
        let pending = std::mem::take(&mut *self.pending());
        let mut taken: HashMap<Concerned, Vec<Activity>> = HashMap::new();
        for (key, Times { first, last, count }) in pending {
            let Key { concerned, kind, protocol, peer, program, detail } = key;
            let protocol = protocol.map(|protocol| protocol.as_str().to_owned());
            let (protocol, detail) = (protocol.unwrap_or_default(), detail.to_owned());
            let event = Activity { kind, protocol, peer, program, detail, first, last, count };
            taken.entry(concerned).or_default().push(event);
        }
        for events in taken.values_mut() {
            events.sort_by_key(|event| event.last);
        }
        taken
    }

    /// How many events were left out, as there were too many.
    pub fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<Key, Times>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sign_in(
    account: AccountId,
    grant: Grant,
    protocol: Protocol,
    peer: IpAddr,
    program: String,
) -> Key {
    let detail = match grant {
        Grant::Password => "password",
        Grant::AccessKey(_) => "app password or token",
        Grant::Certificate => "certificate",
    };
    Key {
        concerned: Concerned::Account(account),
        kind: ActivityKind::SignedIn,
        protocol: Some(protocol),
        peer: Some(peer.to_canonical()),
        program,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JULIE: AccountId = AccountId::new(1);
    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn equal_events_are_folded_and_programs_named() {
        let log = ActivityLog::default();
        for secs in 1..=3 {
            log.signed_in(JULIE, Grant::Password, Protocol::Imap, HOME, at(secs));
        }
        log.program(JULIE, Grant::Password, Protocol::Imap, HOME, "Mutt 2.2");
        let taken = log.take();
        let rows: Vec<(&str, u64, Timestamp)> = taken[&Concerned::Account(JULIE)]
            .iter()
            .map(|event| (event.program.as_str(), event.count, event.first))
            .collect();
        assert_eq!(rows.len(), 2);
        assert!(rows.contains(&("", 2, at(1))) && rows.contains(&("Mutt 2.2", 1, at(3))));
        assert!(log.take().is_empty());
        // Of what was written already nothing is said again.
        log.program(JULIE, Grant::Password, Protocol::Imap, HOME, "Mutt 2.2");
        assert!(log.take().is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let log = ActivityLog::default();
        for n in 0..PENDING_MAX + 5 {
            let name = format!("a{n}@b.test");
            log.refused(name, &AuthError::Wrong, Protocol::Imap, HOME, at(1));
        }
        // Who signs in is still noted.
        log.signed_in(JULIE, Grant::Password, Protocol::Imap, HOME, at(2));
        let left_out = (PENDING_MAX - PENDING_MAX / 2 + 5) as u64;
        assert_eq!((log.take().len(), log.left_out()), (PENDING_MAX / 2 + 1, left_out));
    }
}
