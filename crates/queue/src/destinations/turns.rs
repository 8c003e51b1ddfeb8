//! How fast messages go: to a destination, or one way, where a route has a bound for all that go
//! it.
//!
//! Who finds no turn on a way waits in line, and nobody who comes later is before it: the first is
//! *called* as soon as there is a turn, which it has then for itself. So a thousand domains do not
//! all come for one message, and a turn for which somebody called has nothing any more is the next
//! one's.

use std::collections::{HashMap, VecDeque};

use ids::Timestamp;
use net::TokenBucket;

use super::Destinations;
use super::entry::{Pace, bucket};
use super::ways::Ways;
use crate::settings::Settings;

/// A minute in microseconds.
const MINUTE: i64 = 60_000_000;

/// How fast messages go one way.
#[derive(Debug)]
pub(super) struct Turns {
    per_minute: u32,
    bucket: TokenBucket,
    /// Destinations without a turn, the first first.
    waiting: VecDeque<String>,
    /// The destination whose turn it is.
    called: Option<Called>,
}

#[derive(Debug)]
struct Called {
    destination: String,
    /// Whether a visit there is on its way.
    comes: bool,
}

/// Turns by the name of the route that they use.
pub(super) type TurnsByWay = HashMap<String, Turns>;

impl Turns {
    fn new(per_minute: u32, now: Timestamp) -> Self {
        let bucket = bucket(per_minute, now);
        Self { per_minute, bucket, waiting: VecDeque::new(), called: None }
    }

    fn is_called(&self, destination: &str) -> bool {
        self.called.as_ref().is_some_and(|called| called.destination == destination)
    }

    /// A turn, unless others are before; the error says when there is one, if each of them takes
    /// theirs.
    fn take(&mut self, destination: &str, awaits: bool, now: Timestamp) -> Result<(), Timestamp> {
        let is_called = self.is_called(destination);
        let is_first = is_called || (self.called.is_none() && self.waiting.is_empty());
        if is_called {
            self.called = None;
        }
        if is_first && self.bucket.take(now).is_ok() {
            return Ok(());
        }
        if !awaits {
            self.waiting.push_back(destination.to_owned());
        }
        let place = self.waiting.iter().position(|one| one == destination).unwrap_or(0);
        Err(self.turn_at(place, now))
    }

    /// When the turn of the one at that place in line is.
    fn turn_at(&self, place: usize, now: Timestamp) -> Timestamp {
        let before = i64::try_from(place + usize::from(self.called.is_some())).unwrap_or(i64::MAX);
        let pause = (MINUTE / i64::from(self.per_minute.max(1))).saturating_mul(before);
        let first = self.bucket.ready_at().max(now);
        Timestamp::from_micros(first.as_micros().saturating_add(pause))
    }
}

impl Destinations {
    /// A message is about to go there. The error says when the next may, as it looks now.
    pub(crate) fn take_turn(
        &mut self,
        destination: &str,
        per_minute: u32,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        if per_minute == 0 || self.here.contains(destination) {
            self.change(destination, |entry| entry.pace = None);
            return Ok(());
        }
        if let Some(way) = self.settings.paced_way(destination) {
            let turns = self.turns.entry(way.to_owned());
            let turns = turns.or_insert_with(|| Turns::new(per_minute, now));
            if turns.per_minute != per_minute {
                // Who waits keeps its place.
                (turns.per_minute, turns.bucket) = (per_minute, bucket(per_minute, now));
            }
            let awaits = self.entries.get(destination).is_some_and(|entry| entry.awaits_turn);
            let turn = turns.take(destination, awaits, now);
            let pace = Pace { per_minute, bucket: None, until: now, used: now };
            self.change(destination, |entry| {
                entry.awaits_turn |= turn.is_err();
                entry.pace = Some(pace);
            });
            return turn;
        }
        let mut turn = Ok(());
        self.change(destination, |entry| {
            let is_other = |pace: &Pace| pace.per_minute != per_minute || pace.bucket.is_none();
            if entry.pace.as_ref().is_none_or(is_other) {
                let bucket = Some(bucket(per_minute, now));
                entry.pace = Some(Pace { per_minute, bucket, until: now, used: now });
            }
            let Some(pace) = &mut entry.pace else { return };
            pace.used = now;
            if let Some(Err(secs)) = pace.bucket.as_mut().map(|bucket| bucket.take(now)) {
                pace.until = now.plus_secs(i64::try_from(secs).unwrap_or(i64::MAX));
                turn = Err(pace.until);
            }
        });
        turn
    }

    /// A turn that was taken there is not needed: nothing is sent.
    pub(crate) fn return_turn(&mut self, destination: &str) {
        if let Some(way) = self.settings.paced_way(destination) {
            if let Some(turns) = self.turns.get_mut(way) {
                turns.bucket.give_back();
            }
            return;
        }
        self.change(destination, |entry| {
            if let Some(bucket) = entry.pace.as_mut().and_then(|pace| pace.bucket.as_mut()) {
                bucket.give_back();
            }
        });
    }

    /// How many more turns one who goes to a destination may take on its way now; `None` where that
    /// has no bound.
    pub(crate) fn turns_left(&mut self, destination: &str, now: Timestamp) -> Option<u64> {
        let way = self.settings.paced_way(destination)?;
        let turns = self.turns.get_mut(way)?;
        let is_free = turns.called.is_none() && turns.waiting.is_empty();
        Some(if is_free { turns.bucket.count(now) } else { 0 })
    }

    /// Calls whoever has the next turn, on each way where somebody waits for one.
    pub(super) fn call(&mut self, now: Timestamp) {
        let is_asked = |turns: &Turns| turns.called.is_some() || !turns.waiting.is_empty();
        let asked = self.turns.iter().filter(|(_, turns)| is_asked(turns));
        let ways: Vec<String> = asked.map(|(way, _)| way.clone()).collect();
        for way in ways {
            while let Some(next) = self.call_on(&way, now) {
                // One for whom nothing is due then, or which is left alone, is passed over.
                self.change(&next, |entry| entry.awaits_turn = false);
            }
        }
    }

    /// Calls the next one on that way; `None` where nobody is to be called, or one was and comes.
    fn call_on(&mut self, way: &str, now: Timestamp) -> Option<String> {
        let turns = self.turns.get_mut(way)?;
        if let Some(called) = &turns.called {
            let entry = self.entries.get(&called.destination);
            let is_left_alone = entry.is_some_and(|entry| entry.blocked_until > now);
            let may_come = entry.and_then(|entry| entry.place()).is_some_and(|at| at <= now);
            if may_come || (called.comes && !is_left_alone) {
                return None;
            }
            turns.called = None;
        }
        if !first_has_room(&self.settings, &self.ways, turns) || turns.bucket.count(now) == 0 {
            return None;
        }
        let destination = turns.waiting.pop_front()?;
        turns.called = Some(Called { destination: destination.clone(), comes: false });
        Some(destination)
    }

    /// A visit begins there, or goes on: it asks for its turn, or ends.
    pub(super) fn comes(&mut self, destination: &str) {
        self.change_called(destination, |called| {
            if let Some(called) = called {
                called.comes = true;
            }
        });
    }

    /// The last visit there ended. Who was called and has not come yet may still do so.
    pub(super) fn comes_no_more(&mut self, destination: &str) {
        self.change_called(destination, |called| {
            called.take_if(|called| called.comes);
        });
    }

    fn change_called(&mut self, destination: &str, change: impl FnOnce(&mut Option<Called>)) {
        let Some(way) = self.settings.paced_way(destination) else { return };
        if let Some(turns) = self.turns.get_mut(way).filter(|turns| turns.is_called(destination)) {
            change(&mut turns.called);
        }
    }

    /// When the next one is to be called; where there is no connection, its end is waited for
    /// instead.
    pub(super) fn next_call(&self) -> Option<Timestamp> {
        let waited_for = |turns: &&Turns| {
            turns.called.is_none() && first_has_room(&self.settings, &self.ways, turns)
        };
        self.turns.values().filter(waited_for).map(|turns| turns.bucket.ready_at()).min()
    }

    /// When those who wait have their turns, as it looks now.
    pub(super) fn calls(&self, now: Timestamp) -> HashMap<&str, Timestamp> {
        let mut calls = HashMap::new();
        for turns in self.turns.values() {
            for (place, destination) in turns.waiting.iter().enumerate() {
                calls.insert(destination.as_str(), turns.turn_at(place, now));
            }
        }
        calls
    }

    /// Nobody waits any more: all ask anew. What went a minute ago is not forgotten.
    pub(super) fn clear_turns(&mut self) {
        for turns in self.turns.values_mut() {
            turns.waiting.clear();
            turns.called = None;
        }
    }
}

/// Whether somebody waits who can be called: who is has a connection to be had.
fn first_has_room(settings: &Settings, ways: &Ways, turns: &Turns) -> bool {
    turns.waiting.front().is_some_and(|first| {
        settings.bound_for(first).is_none_or(|(way, most)| ways.has_room(way, most))
    })
}
