//! Routes that have a bound on connections of their own, for all destinations that go their way
//! together.

use std::collections::{HashMap, VecDeque};

/// By the name of a route, what is known of it.
#[derive(Debug, Default)]
pub(super) struct Ways {
    ways: HashMap<String, Way>,
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

    /// Gives back the place of a connection that ended.
    pub(super) fn leave(&mut self, way: &str) {
        if let Some(found) = self.ways.get_mut(way) {
            found.active = found.active.saturating_sub(1);
            if found.active == 0 && found.parked.is_empty() {
                self.ways.remove(way);
            }
        }
    }

    /// The destination that has waited longest for this way, which waits no more.
    pub(super) fn unpark(&mut self, way: &str) -> Option<String> {
        self.ways.get_mut(way)?.parked.pop_front()
    }

    /// Whether another connection may be opened that way.
    pub(super) fn has_room(&self, way: &str, connections_max: usize) -> bool {
        self.ways.get(way).is_none_or(|found| found.active < connections_max)
    }

    /// Forgets every connection and everybody who waits.
    pub(super) fn clear(&mut self) {
        self.ways.clear();
    }
}
