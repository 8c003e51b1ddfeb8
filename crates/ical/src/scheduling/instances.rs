//! Which instants are instances of a series, without expanding it further than needed.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use jiff::{SignedDuration, Timestamp};

use crate::recur::{Occurrence, Occurrences};
use crate::zone::Zones;

/// LIMIT: how often one series is followed. Where it is counted that is from its start, and there
/// may be tens of thousands of instants to ask for: those that are said beforehand are found out
/// together.
const FOLLOWED_MAX: usize = 8;

/// What was found out of one series, and what is going to be asked.
#[derive(Default)]
pub(super) struct Instances {
    /// The series; `None` where it cannot be followed.
    series: OnceCell<Option<Occurrences>>,
    known: RefCell<HashMap<Timestamp, bool>>,
    expected: RefCell<Vec<Timestamp>>,
    followed: Cell<usize>,
}

impl Instances {
    /// Says what may be asked for. Nothing is looked for until one is.
    pub(super) fn expect(&self, instants: impl Iterator<Item = Timestamp>) {
        self.expected.borrow_mut().extend(instants);
    }

    /// Whether there is an instance at an instant, overridden or not; `None` where that is not to
    /// be found out.
    pub(super) fn has(
        &self,
        at: Timestamp,
        zones: &Zones,
        series: impl FnOnce() -> Option<Occurrences>,
    ) -> Option<bool> {
        if let Some(known) = self.find(at) {
            return Some(known);
        }
        let series = self.series.get_or_init(series).as_ref()?;
        let mut asked = self.expected.take();
        asked.push(at);
        self.follow(series, asked, zones);
        if self.find(at).is_none() {
            // All of them together were too far apart; it may be near by itself.
            self.follow(series, vec![at], zones);
        }
        self.find(at)
    }

    fn find(&self, at: Timestamp) -> Option<bool> {
        self.known.borrow().get(&at).copied()
    }

    /// Goes through a series once, from the first to the last of some instants.
    fn follow(&self, series: &Occurrences, asked: Vec<Timestamp>, zones: &Zones) {
        let mut known = self.known.borrow_mut();
        let mut asked: HashSet<Timestamp> =
            asked.into_iter().filter(|at| !known.contains_key(at)).collect();
        let Some(window) = window(&asked) else { return };
        if self.followed.get() >= FOLLOWED_MAX {
            return;
        }
        self.followed.set(self.followed.get() + 1);
        let is_last = |one: &Occurrence| {
            let at = zones.instant(&one.id);
            if asked.remove(&at) {
                known.insert(at, true);
            }
            asked.is_empty()
        };
        if series.any(None, &window, is_last).is_ok() {
            known.extend(asked.into_iter().map(|at| (at, false)));
        }
    }
}

fn window(asked: &HashSet<Timestamp>) -> Option<Range<Timestamp>> {
    let (first, last) = (asked.iter().min()?, asked.iter().max()?);
    let end = last.checked_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
    Some(*first..end)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{CalendarObject, Limits};

    fn series(rule: &str) -> (Occurrences, Zones) {
        let text = format!(
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART:20260101T000000Z\nRRULE:{rule}\n\
             END:VEVENT\nEND:VCALENDAR\n"
        );
        let object = CalendarObject::parse(text.as_bytes(), &Limits::DEFAULT).unwrap();
        let zones = object.zones(TimeZone::UTC, &Limits::DEFAULT);
        let parts: Vec<_> = object.parts().collect();
        (Occurrences::of(&parts, &zones, &Limits::DEFAULT).unwrap(), zones)
    }

    fn hour(number: i64) -> Timestamp {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        start + SignedDuration::from_hours(number)
    }

    /// A rule that is counted is followed from its start for each question.
    #[test]
    fn what_is_said_beforehand_is_found_out_together() {
        let (all, zones) = series("FREQ=HOURLY;COUNT=50000");
        let late = 49_000..51_000;
        let instances = Instances::default();
        instances.expect(late.clone().map(hour));
        for number in late {
            let is_there = instances.has(hour(number), &zones, || Some(all.clone()));
            assert_eq!(is_there, Some(number < 50_000), "{number}");
        }
        assert_eq!(instances.followed.get(), 1);
        let between = hour(5) + SignedDuration::from_mins(5);
        assert_eq!(instances.has(between, &zones, || None), Some(false));
        assert_eq!(instances.followed.get(), 2);
    }

    #[test]
    fn a_series_is_followed_so_often_and_no_more() {
        let (all, zones) = series("FREQ=DAILY");
        let instances = Instances::default();
        for day in 0..10 {
            let found = instances.has(hour(day * 24), &zones, || Some(all.clone()));
            assert_eq!(found, (day < 8).then_some(true));
        }
        assert_eq!(instances.followed.get(), FOLLOWED_MAX);
    }

    /// Of instants that are further apart than a series is followed, each is found by itself.
    #[test]
    fn what_is_far_apart_is_found_by_itself() {
        let (all, zones) = series("FREQ=MINUTELY");
        let instances = Instances::default();
        let far = [hour(1), hour(24 * 365), hour(24 * 3650)];
        instances.expect(far.into_iter());
        for at in far {
            assert_eq!(instances.has(at, &zones, || Some(all.clone())), Some(true));
        }
    }
}
