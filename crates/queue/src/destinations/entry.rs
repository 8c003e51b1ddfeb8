//! What the queue knows of one destination: open connections, failures, and until when it is left
//! alone.

use std::sync::Arc;

use ids::Timestamp;
use net::TokenBucket;
use tokio::sync::Semaphore;

use crate::answer::Answer;

/// What is known of one destination at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationState {
    /// The domain, as [`storage::spool_destination`] has it.
    pub destination: String,
    /// How many connections are open.
    pub connections: usize,
    /// How many of the open connections are idle.
    pub resting: usize,
    /// How many it may have now.
    pub allowed: usize,
    /// Visits in a row that found no server.
    pub failures: u32,
    /// The instant until which it is left alone, if it is.
    pub blocked_until: Option<Timestamp>,
    /// Why it could not be reached last, where it was not since.
    pub answer: Option<String>,
    /// Messages a minute that it gets, where that is bounded.
    pub per_minute: Option<u32>,
    /// When the next message may go, where that is later than now.
    pub paced_until: Option<Timestamp>,
    /// Whether something is due that waits for one of its connections.
    pub is_full: bool,
}

/// Connections that a destination of which nothing is known may have. Few, so that a daemon that
/// is killed again and again sends little twice, and a server is not met with a crowd.
pub(super) const CONNECTIONS_FIRST: usize = 2;

/// The connection that a visit to a destination uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// The first connection to it.
    First,
    /// A connection beside others.
    Another,
    /// A connection that was idle.
    Resting,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The earliest that is due, as far as is known.
    pub(super) due: Option<Timestamp>,
    pub(super) active: usize,
    /// How many of these have nothing to do, and what wakes one of them.
    pub(super) resting: usize,
    pub(super) resume: Arc<Semaphore>,
    pub(super) allowed: usize,
    /// Messages brought there since `allowed` grew.
    pub(super) successes: usize,
    /// Visits in a row that found no server.
    pub(super) failures: u32,
    pub(super) blocked_until: Timestamp,
    /// Why the last attempt to connect failed.
    pub(super) reason: Option<Answer>,
    /// Whether it waits for a connection of its route, which has as many as it may.
    pub(super) is_parked: bool,
    /// Whether it waits in line for a turn of its route.
    pub(super) awaits_turn: bool,
    /// How fast messages go there, where that is bounded.
    pub(super) pace: Option<Pace>,
}

#[derive(Debug, Clone)]
pub(super) struct Pace {
    pub(super) per_minute: u32,
    /// `None`: it shares the one of its way.
    pub(super) bucket: Option<TokenBucket>,
    /// When the next may go.
    pub(super) until: Timestamp,
    /// When one was to go last.
    pub(super) used: Timestamp,
}

/// What bounds messages a minute: a tenth of them go at once, so that connections are worth
/// opening.
pub(super) fn bucket(per_minute: u32, now: Timestamp) -> TokenBucket {
    TokenBucket::new((per_minute / 10).max(1), per_minute, now)
}

impl Entry {
    pub(super) fn new(per_destination_max: usize) -> Self {
        Self {
            due: None,
            active: 0,
            resting: 0,
            resume: Arc::new(Semaphore::new(0)),
            allowed: CONNECTIONS_FIRST.min(per_destination_max),
            successes: 0,
            failures: 0,
            blocked_until: Timestamp::default(),
            reason: None,
            is_parked: false,
            awaits_turn: false,
            pace: None,
        }
    }

    /// When it may be visited; `None`: not before something else happens.
    pub(super) fn place(&self) -> Option<Timestamp> {
        // One that could not be reached is tried by one connection.
        let allowed = if self.failures > 0 { 1 } else { self.allowed };
        let may_begin = self.active < allowed && !self.is_parked;
        let goes_on = (may_begin || self.resting > 0) && !self.awaits_turn;
        let due = self.due.filter(|_| goes_on)?;
        let paced_until = self.pace.as_ref().map_or(Timestamp::default(), |pace| pace.until);
        Some(due.max(self.blocked_until).max(paced_until))
    }

    /// `turn_at`: when it has its turn, where it waits in line for one.
    pub(super) fn state(
        &self,
        destination: &str,
        turn_at: Option<Timestamp>,
        now: Timestamp,
    ) -> DestinationState {
        let allowed = if self.failures > 0 { 1 } else { self.allowed };
        let due = self.due.is_some_and(|due| due <= now);
        let later = |at: Timestamp| Some(at).filter(|at| *at > now);
        DestinationState {
            destination: destination.to_owned(),
            connections: self.active,
            resting: self.resting,
            allowed,
            failures: self.failures,
            blocked_until: later(self.blocked_until),
            answer: self.reason.as_ref().map(Answer::to_string),
            per_minute: self.pace.as_ref().map(|pace| pace.per_minute),
            paced_until: turn_at.or(self.pace.as_ref().map(|pace| pace.until)).and_then(later),
            is_full: due && (self.active >= allowed || self.is_parked) && self.resting == 0,
        }
    }

    pub(super) fn lane(&self) -> Lane {
        match (self.active, self.resting) {
            (0, _) => Lane::First,
            (_, 0) => Lane::Another,
            _ => Lane::Resting,
        }
    }

    pub(super) fn is_forgettable(&self, now: Timestamp) -> bool {
        // After a minute nobody can tell a bucket from a new one: it holds a tenth of what a minute
        // brings.
        let is_full = |pace: &Pace| pace.used.plus_secs(60) <= now;
        let paced = !self.pace.as_ref().is_none_or(is_full);
        let waits = paced || self.is_parked || self.awaits_turn;
        let idle = self.due.is_none() && self.active == 0 && !waits;
        idle && (self.failures == 0 || self.blocked_until < now)
    }
}
