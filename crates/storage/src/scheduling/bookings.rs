//! What stands in the calendars of a room, and when it takes the room (R-CAL-4).
//!
//! All of it is asked in the transaction that books, for which everybody else waits: each series is
//! followed once for all the times that are near each other, in so many steps and no more.

use std::collections::hash_map::{Entry, HashMap};
use std::ops::Range;

use ical::{BusyTimes, CalendarObject, Schedule, TimeRange, Zones};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::rooms::{counts, look_ahead};
use crate::collection::{Collection, Components, Home};
use crate::object::{Object, ObjectId};
use crate::{AccountTx, Result};

/// LIMIT: steps in which one change of a room's calendars looks at what stands there, as
/// [`ical::Occurrences::within_steps`] counts them: less than a second. Behind them the room counts as
/// taken.
const STEPS_MAX: usize = 2_000_000;
/// LIMIT: those of one series that a room takes. One that is counted is followed from its start by each
/// booking after it, though nothing of it is ahead: four decades of days are taken.
pub(super) const SERIES_STEPS_MAX: usize = 50_000;
/// How far apart times are at most for which a series is followed together: those of each month are.
const APART: SignedDuration = SignedDuration::from_hours(32 * 24);

/// An object of a room's calendar, with its times.
pub(super) type Timed = (CalendarObject, Schedule, Zones);

/// One that was read.
struct Known {
    /// `None`: it cannot be, and may be at any time.
    timed: Option<Timed>,
    /// When it takes the room, within a span; in order, and none overlaps another.
    busy: Option<(Range<Timestamp>, Vec<Range<Timestamp>>)>,
}

/// What stands in the calendars of a room, but for one UID.
pub(super) struct Bookings {
    pub(super) calendars: Vec<Collection>,
    pub(super) but: String,
    /// Nor does this count, which goes.
    pub(super) replaced: Option<ObjectId>,
    addresses: Vec<String>,
    known: HashMap<ObjectId, Known>,
    /// What is looked at together.
    spans: Vec<Range<Timestamp>>,
    /// A span that is, whatever is asked for.
    always: Option<Range<Timestamp>>,
    steps_left: usize,
}

impl Bookings {
    pub(super) fn of(tx: &mut AccountTx<'_, '_>, but: &str) -> Result<Self> {
        let account = tx.account;
        let booked = tx.bookings_go(account)?;
        let mut calendars = tx.list_collections(account, Home::Calendars)?;
        calendars.retain(|one| counts(one, Components::EVENT, booked));
        Ok(Self {
            calendars,
            but: but.to_owned(),
            replaced: None,
            addresses: tx.calendar_addresses(account)?,
            known: HashMap::new(),
            spans: Vec::new(),
            always: None,
            steps_left: STEPS_MAX,
        })
    }

    /// Says that many objects are going to be asked about, most of which are within a span.
    pub(super) fn expect_always(&mut self, span: Range<Timestamp>) {
        self.always = Some(span);
    }

    /// Says which times are going to be asked for.
    pub(super) fn expect(&mut self, times: impl Iterator<Item = Range<Timestamp>>) {
        let mut times: Vec<Range<Timestamp>> = times.collect();
        times.sort_unstable_by_key(|one| (one.start, one.end));
        self.spans.clear();
        self.spans.extend(self.always.clone());
        let first = self.spans.len();
        for one in times {
            let near = |last: &&mut Range<Timestamp>| one.start.duration_since(last.end) <= APART;
            match self.spans.get_mut(first..).and_then(<[_]>::last_mut).filter(near) {
                Some(last) => last.end = last.end.max(one.end),
                None => self.spans.push(one),
            }
        }
    }

    /// Whether any time that something takes is taken already, or cannot be told. `left` is how
    /// many times of it may be looked at.
    pub(super) fn meet(
        &mut self,
        tx: &mut AccountTx<'_, '_>,
        (asked, schedule, zones): &Timed,
        left: &mut usize,
    ) -> Result<bool> {
        let now = tx.moment();
        // What is free, declined or cancelled takes nothing.
        let periods = look_ahead(schedule.occurrences(), now, |window, steps| {
            let range = TimeRange { start: window.start, end: window.end };
            let mut busy = BusyTimes::new(range, &self.addresses);
            busy.add_in_steps(asked, schedule, zones, steps).map(|()| busy.periods())
        });
        let Some(periods) = periods else { return Ok(true) };
        let Some(rest) = left.checked_sub(periods.len()) else { return Ok(true) };
        *left = rest;
        self.expect(periods.iter().map(|(start, end, _)| *start..*end));
        for (start, end, _) in periods {
            if self.overlap(tx, &(start..end))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether anything takes the room then, or cannot be told.
    pub(super) fn overlap(
        &mut self,
        tx: &mut AccountTx<'_, '_>,
        hours: &Range<Timestamp>,
    ) -> Result<bool> {
        let window = hours.start.as_second()..hours.end.as_second();
        let is_around = |span: &&Range<Timestamp>| is_within(hours, span);
        let span = self.spans.iter().find(is_around).unwrap_or(hours).clone();
        for at in 0..self.calendars.len() {
            let Some(calendar) = self.calendars.get(at) else { continue };
            let found = tx.find_in_range(calendar.id, Components::EVENT, &window)?;
            self.steps_left = self.steps_left.saturating_sub(found.len());
            let (but, replaced) = (&self.but, self.replaced);
            let is_other = |object: &Object| object.uid != *but && Some(object.id) != replaced;
            for one in found.iter().filter(|one| is_other(&one.object)) {
                let known = match self.known.entry(one.object.id) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => {
                        place.insert(Known { timed: read(tx, one.object.id)?, busy: None })
                    }
                };
                if known.takes(hours, &span, &self.addresses, &mut self.steps_left) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

impl Known {
    /// Whether it takes the room then, which is within a span.
    fn takes(
        &mut self,
        hours: &Range<Timestamp>,
        span: &Range<Timestamp>,
        addresses: &[String],
        steps_left: &mut usize,
    ) -> bool {
        // What cannot be followed may be at any time.
        let Some((object, schedule, zones)) = &self.timed else { return true };
        let is_known = |(of, _): &&(Range<Timestamp>, _)| is_within(hours, of);
        if self.busy.as_ref().filter(is_known).is_none() {
            let range = TimeRange { start: span.start, end: span.end };
            let mut busy = BusyTimes::new(range, addresses);
            if busy.add_in_steps(object, schedule, zones, steps_left).is_err() {
                return true;
            }
            let periods = busy.periods().into_iter().map(|(start, end, _)| start..end);
            self.busy = Some((span.clone(), periods.collect()));
        }
        let busy = self.busy.as_ref().map_or(&[][..], |(_, periods)| periods);
        let at = busy.partition_point(|one| one.end <= hours.start);
        // What takes no time is in nobody's way.
        hours.start < hours.end && busy.get(at).is_some_and(|one| one.start < hours.end)
    }
}

fn is_within(hours: &Range<Timestamp>, span: &Range<Timestamp>) -> bool {
    span.start <= hours.start && hours.end <= span.end
}

/// An object with its times; `None` where it cannot be read or followed.
pub(super) fn read(tx: &mut AccountTx<'_, '_>, object: ObjectId) -> Result<Option<Timed>> {
    let limits = tx.settings.scheduling.objects.ical;
    let bytes = tx.load_object(object)?;
    let Ok(object) = CalendarObject::parse(&bytes, &limits) else { return Ok(None) };
    let zones = object.zones(TimeZone::UTC, &limits);
    let schedule = Schedule::of(&object, &zones, &limits).ok();
    Ok(schedule.map(|schedule| (object, schedule, zones)))
}
