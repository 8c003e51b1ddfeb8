//! What is known in memory of each destination: when something is due, how many connections it
//! has and may have, and whether it is left alone for a while. No I/O, no clock.

mod entry;
#[cfg(test)]
mod tests;
mod turns;
mod ways;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ids::Timestamp;
use tokio::sync::Semaphore;

pub use self::entry::DestinationState;
use self::entry::{CONNECTIONS_FIRST, Entry, Lane};
use self::turns::TurnsByWay;
use self::ways::Ways;
use crate::answer::Answer;
use crate::schedule::{after, destination_pause};
use crate::settings::Settings;

/// LIMIT: destinations held; of more, those left out are found by a later look at the spool.
pub(crate) const DESTINATIONS_MAX: usize = 100_000;

/// LIMIT: bytes kept of why a destination could not be reached.
const REASON_BYTES_MAX: usize = 500;

/// One in so many connections is for destinations that have none.
const RESERVED_SHARE: usize = 4;

/// The destinations that there is mail for, with their connections, failures and turns.
#[derive(Debug)]
pub(crate) struct Destinations {
    entries: HashMap<String, Entry>,
    /// The destinations that may be visited, by when: one set for each [`Lane`].
    ready: [BTreeSet<(Timestamp, String)>; 3],
    active: usize,
    active_max: usize,
    per_destination_max: usize,
    /// The settings whose bounds of routes hold.
    settings: Arc<Settings>,
    ways: Ways,
    turns: TurnsByWay,
    /// Domains of ours, as far as visits found out: these go no way that has a bound.
    here: HashSet<String>,
}

/// How many destinations wait for what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waits {
    /// Left alone, as no server there could be used.
    pub blocked: u64,
    /// Having had their messages of this minute.
    pub paced: u64,
    /// Having as many connections as they may.
    pub full: u64,
}

impl Destinations {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            entries: HashMap::new(),
            ready: Default::default(),
            active: 0,
            active_max: settings.connections_max.max(1),
            per_destination_max: settings.connections_per_destination_max.max(1),
            settings,
            ways: Ways::default(),
            turns: TurnsByWay::default(),
            here: HashSet::new(),
        }
    }

    /// Notes that a message for a destination is due at that instant.
    pub(crate) fn note(&mut self, destination: &str, due: Timestamp) {
        if !self.entries.contains_key(destination) {
            if self.entries.len() >= DESTINATIONS_MAX {
                return;
            }
            self.entries.insert(destination.to_owned(), Entry::new(self.per_destination_max));
        }
        self.change(destination, |entry| {
            entry.due = Some(entry.due.map_or(due, |known| known.min(due)));
        });
    }

    /// Begins a visit to the destination that has waited longest, if one may be visited now. Visits
    /// that rest go on by themselves.
    pub(crate) fn begin_visit(&mut self, now: Timestamp) -> Option<String> {
        loop {
            self.call(now);
            let (at, destination) = self.first()?;
            if *at > now {
                return None;
            }
            let destination = destination.clone();
            if !self.enter_way(&destination) {
                continue;
            }
            self.comes(&destination);
            let mut begins = true;
            self.change(&destination, |entry| {
                entry.due = None;
                if entry.resting > 0 {
                    entry.resting -= 1;
                    entry.resume.add_permits(1);
                    begins = false;
                } else {
                    entry.active += 1;
                }
            });
            if begins {
                self.active += 1;
                return Some(destination);
            }
        }
    }

    /// The route of a destination that has a bound on connections.
    fn way_of(&self, destination: &str) -> Option<(String, usize)> {
        let (way, most) = self.settings.bound_for(destination)?;
        (!self.here.contains(destination)).then(|| (way.to_owned(), most))
    }

    /// Whether a connection of the destination's route is to be had, where that has a bound. Visits
    /// that rest have theirs.
    fn enter_way(&mut self, destination: &str) -> bool {
        let Some((way, most)) = self.way_of(destination) else { return true };
        let rests = self.entries.get(destination).is_some_and(|entry| entry.resting > 0);
        if rests || self.ways.enter(&way, most, destination) {
            return true;
        }
        self.change(destination, |entry| entry.is_parked = true);
        false
    }

    /// A connection of a route ended: one who waits for it, and could use it now, goes on.
    fn leave_way(&mut self, way: &str, now: Timestamp) {
        self.ways.leave(way);
        while let Some(next) = self.ways.unpark(way) {
            let mut goes_on = false;
            self.change(&next, |entry| {
                entry.is_parked = false;
                goes_on = entry.place().is_some_and(|at| at <= now);
            });
            if goes_on {
                return;
            }
        }
    }

    /// A visit found out whether a destination is a domain of ours: what is brought to mailboxes
    /// here takes nobody's connection.
    pub(crate) fn learn(&mut self, destination: &str, is_here: bool, now: Timestamp) {
        if self.here.contains(destination) == is_here || self.here.len() >= DESTINATIONS_MAX {
            return;
        }
        let bound = self.settings.bound_for(destination).map(|(way, _)| way.to_owned());
        if bound.is_none() && self.settings.rate_for(destination) == 0 {
            return;
        }
        match is_here {
            true => self.here.insert(destination.to_owned()),
            false => self.here.remove(destination),
        };
        self.change(destination, |entry| entry.awaits_turn &= !is_here);
        let Some(way) = bound else { return };
        let active = self.entries.get(destination).map_or(0, |entry| entry.active);
        match is_here {
            true => (0..active).for_each(|_| self.leave_way(&way, now)),
            false => (0..active).for_each(|_| self.ways.count(&way)),
        }
    }

    /// Whether a destination is known to be a domain of ours.
    pub(crate) fn is_here(&self, destination: &str) -> bool {
        self.here.contains(destination)
    }

    /// Whether something is due there that no visit has.
    pub(crate) fn is_due(&self, destination: &str, now: Timestamp) -> bool {
        self.entries.get(destination).and_then(|entry| entry.due).is_some_and(|due| due <= now)
    }

    /// A visit has nothing to do and keeps its connection for what may come. What is given back has
    /// a permit for it then; `None` where others need the connection more.
    pub(crate) fn rest(&mut self, destination: &str) -> Option<Arc<Semaphore>> {
        if self.active > self.active_max / 2 {
            return None;
        }
        let mut resume = None;
        self.change(destination, |entry| {
            entry.resting += 1;
            resume = Some(entry.resume.clone());
        });
        resume
    }

    /// It does not wait any longer; whether something came in the same moment, for which there is a
    /// permit.
    pub(crate) fn end_rest(&mut self, destination: &str) -> bool {
        let mut resumed = true;
        self.change(destination, |entry| {
            if entry.resting > 0 {
                entry.resting -= 1;
                resumed = false;
            }
        });
        resumed
    }

    /// A visit is about to claim: what is noted from here on may not be in its hands.
    pub(crate) fn claiming(&mut self, destination: &str) {
        self.change(destination, |entry| entry.due = None);
    }

    /// A visit ended.
    pub(crate) fn end_visit(&mut self, destination: &str, now: Timestamp) {
        self.active = self.active.saturating_sub(1);
        self.change(destination, |entry| entry.active = entry.active.saturating_sub(1));
        // Of several it may be another than the one that comes for its turn.
        if self.entries.get(destination).is_none_or(|entry| entry.active == 0) {
            self.comes_no_more(destination);
        }
        if let Some((way, _)) = self.way_of(destination) {
            self.leave_way(&way, now);
        }
        if self.entries.get(destination).is_some_and(|entry| entry.is_forgettable(now)) {
            self.entries.remove(destination);
        }
    }

    /// Forgets those with nothing to do of which nothing need be known, so that there is room for
    /// others.
    pub(crate) fn forget_idle(&mut self, now: Timestamp) {
        self.entries.retain(|_, entry| !entry.is_forgettable(now));
    }

    /// A server there took a message: it may have more connections.
    pub(crate) fn succeeded(&mut self, destination: &str) {
        let most = self.per_destination_max;
        self.change(destination, |entry| {
            entry.failures = 0;
            entry.reason = None;
            entry.blocked_until = Timestamp::default();
            entry.successes += 1;
            if entry.successes >= entry.allowed {
                entry.successes = 0;
                entry.allowed = (entry.allowed + 1).min(most);
            }
        });
    }

    /// No server there could be used: it is left alone for a while, until the instant given back.
    pub(crate) fn failed(
        &mut self,
        destination: &str,
        reason: Option<Answer>,
        now: Timestamp,
        chance: f64,
    ) -> Timestamp {
        let mut until = now;
        self.change(destination, |entry| {
            if let Some(reason) = reason {
                entry.reason = Some(reason.within(REASON_BYTES_MAX));
            }
            // Several connections that fail at once are one failure.
            if entry.blocked_until <= now {
                entry.failures = entry.failures.saturating_add(1);
                entry.blocked_until = after(now, destination_pause(entry.failures, chance));
                entry.allowed = CONNECTIONS_FIRST.min(entry.allowed);
                entry.successes = 0;
            }
            until = entry.blocked_until;
        });
        until
    }

    /// Takes over other bounds on connections.
    pub(crate) fn limit(&mut self, settings: Arc<Settings>) {
        self.active_max = settings.connections_max.max(1);
        self.per_destination_max = settings.connections_per_destination_max.max(1);
        self.settings = settings;
        self.ways.clear();
        self.clear_turns();
        let most = self.per_destination_max;
        let names: Vec<String> = self.entries.keys().cloned().collect();
        for name in names {
            let mut active = 0;
            self.change(&name, |entry| {
                entry.allowed = entry.allowed.min(most);
                // Whoever is due asks for a connection anew.
                entry.is_parked = false;
                // So does who waits for a turn of its way.
                entry.awaits_turn = false;
                entry.pace.take_if(|pace| pace.bucket.is_none());
                active = entry.active;
            });
            if let Some((way, _)) = self.way_of(&name) {
                (0..active).for_each(|_| self.ways.count(&way));
            }
        }
    }

    /// The instant until which the destination is left alone, if it is.
    pub(crate) fn blocked_until(&self, destination: &str, now: Timestamp) -> Option<Timestamp> {
        let entry = self.entries.get(destination)?;
        Some(entry.blocked_until).filter(|until| *until > now)
    }

    /// Why it could not be reached last, where it was not since.
    pub(crate) fn reason(&self, destination: &str) -> Option<Answer> {
        self.entries.get(destination)?.reason.clone()
    }

    /// Lets a destination be tried at once: an operator asked for it.
    pub(crate) fn unblock(&mut self, destination: &str) {
        self.change(destination, |entry| entry.blocked_until = Timestamp::default());
    }

    /// The state of every destination.
    pub(crate) fn states(&self, now: Timestamp) -> Vec<DestinationState> {
        let calls = self.calls(now);
        let state = |(name, entry): (&String, &Entry)| {
            entry.state(name, calls.get(name.as_str()).copied(), now)
        };
        self.entries.iter().map(state).collect()
    }

    /// How many wait for what.
    pub(crate) fn waits(&self, now: Timestamp) -> Waits {
        let mut waits = Waits::default();
        for entry in self.entries.values() {
            let allowed = if entry.failures > 0 { 1 } else { entry.allowed };
            let is_paced =
                entry.awaits_turn || entry.pace.as_ref().is_some_and(|pace| pace.until > now);
            let is_due = entry.due.is_some_and(|due| due <= now);
            waits.blocked += u64::from(entry.blocked_until > now);
            waits.paced += u64::from(is_due && is_paced);
            let is_full = entry.active >= allowed || entry.is_parked;
            waits.full += u64::from(is_due && is_full && entry.resting == 0);
        }
        waits
    }

    /// When the next visit may begin.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        [self.first().map(|(at, _)| *at), self.next_call()].into_iter().flatten().min()
    }

    /// The destination to visit next. The last connections are for destinations that have none, so
    /// that a few whose servers are slow keep nobody waiting.
    fn first(&self) -> Option<&(Timestamp, String)> {
        let shared = self.active_max - self.active_max / RESERVED_SHARE;
        let [first, another, resting] = &self.ready;
        let first = first.first().filter(|_| self.active < self.active_max);
        let another = another.first().filter(|_| self.active < shared);
        [first, another, resting.first()].into_iter().flatten().min()
    }

    fn change(&mut self, destination: &str, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.get_mut(destination) else { return };
        let before = (entry.place(), entry.lane());
        change(entry);
        let after = (entry.place(), entry.lane());
        if before == after {
            return;
        }
        if let (Some(at), lane) = before {
            self.lane(lane).remove(&(at, destination.to_owned()));
        }
        if let (Some(at), lane) = after {
            self.lane(lane).insert((at, destination.to_owned()));
        }
    }

    fn lane(&mut self, lane: Lane) -> &mut BTreeSet<(Timestamp, String)> {
        let [first, another, resting] = &mut self.ready;
        match lane {
            Lane::First => first,
            Lane::Another => another,
            Lane::Resting => resting,
        }
    }
}
