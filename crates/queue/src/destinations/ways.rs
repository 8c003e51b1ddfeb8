//! Routes that have bounds of their own, for all destinations that go their way together: on
//! connections, on messages a minute.

use std::collections::{HashMap, VecDeque};

use ids::Timestamp;
use net::TokenBucket;

use super::entry::bucket;

/// In microseconds.
const MINUTE: i64 = 60_000_000;

/// By the name of a route, what is known of it.
#[derive(Debug, Default)]
pub(super) struct Ways {
    ways: HashMap<String, Way>,
    turns: HashMap<String, Turns>,
}

/// How fast messages go one way.
#[derive(Debug)]
struct Turns {
    per_minute: u32,
    bucket: TokenBucket,
    /// When the last one who waits has its turn.
    last: Timestamp,
}

#[derive(Debug, Default)]
struct Way {
    /// Connections of its destinations.
    active: usize,
    /// Destinations that wait for one, the first first.
    parked: VecDeque<String>,
}

impl Ways {
    /// A connection for `destination` is wanted; otherwise it is parked.
    pub(super) fn enter(&mut self, way: &str, connections_max: usize, destination: &str) -> bool {
        let found = match self.ways.get_mut(way) {
            Some(found) => found,
            None => self.ways.entry(way.to_owned()).or_default(),
        };
        let enters = found.active < connections_max;
        match enters {
            true => found.active += 1,
            false => found.parked.push_back(destination.to_owned()),
        }
        enters
    }

    /// Another connection there, whatever the bound: it was open when the bound changed.
    pub(super) fn count(&mut self, way: &str) {
        self.ways.entry(way.to_owned()).or_default().active += 1;
    }

    /// One of its connections ended.
    pub(super) fn leave(&mut self, way: &str) {
        if let Some(found) = self.ways.get_mut(way) {
            found.active = found.active.saturating_sub(1);
            if found.active == 0 && found.parked.is_empty() {
                self.ways.remove(way);
            }
        }
    }

    /// Who is let go next.
    pub(super) fn unpark(&mut self, way: &str) -> Option<String> {
        self.ways.get_mut(way)?.parked.pop_front()
    }

    /// A message is about to go that way. The error says when whoever sends it has its next turn: each
    /// who is refused another one, in the order in which they asked, so that a thousand domains do not
    /// all come for one message.
    pub(super) fn take_turn(
        &mut self,
        way: &str,
        per_minute: u32,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let fresh = || Turns { per_minute, bucket: bucket(per_minute, now), last: now };
        let turns = self.turns.entry(way.to_owned()).or_insert_with(fresh);
        if turns.per_minute != per_minute {
            *turns = fresh();
        }
        turns.bucket.take(now).map_err(|secs| {
            let soonest = now.plus_secs(i64::try_from(secs).unwrap_or(i64::MAX));
            let next = turns.last.as_micros().saturating_add(MINUTE / i64::from(per_minute.max(1)));
            turns.last = soonest.max(Timestamp::from_micros(next));
            turns.last
        })
    }

    /// Nothing is known any more, nor is anybody parked; what went a minute ago is not forgotten.
    pub(super) fn clear(&mut self) {
        self.ways.clear();
        for turns in self.turns.values_mut() {
            turns.last = Timestamp::default();
        }
    }
}
