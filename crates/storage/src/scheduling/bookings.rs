//! What stands in the calendars of a room, and when it takes the room (R-CAL-4).
//!
//! All of it is asked in the transaction that books, for which everybody else waits: each series is
//! followed once for all the times that are near each other, in so many steps and no more.

use std::collections::HashMap;
use std::ops::Range;

use ical::{BusyTimes, CalendarObject, Schedule, TimeRange, Zones};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::rooms::{AHEAD, counts, look_ahead};
use crate::collection::{Collection, Components, Home};
use crate::object::{Object, ObjectId};
use crate::{AccountTx, Result};

/// LIMIT: steps in which one transaction looks at what stands in rooms, as
/// [`ical::Occurrences::within_steps`] counts them: less than a second. Behind them every room
/// counts as taken.
const STEPS_MAX: usize = 2_000_000;
/// LIMIT: the same of one that puts many objects there, as imports and restores do: a few seconds.
const STEPS_MANY_MAX: usize = 4 * STEPS_MAX;
/// Steps that a question to the database counts as.
const QUERY_STEPS: usize = 50;
/// Bytes of an object that are read in a step's time.
const BYTES_A_STEP: u64 = 32;
/// LIMIT: those of one series that a room takes. One that is counted is followed from its start by
/// each booking after it, though nothing of it is ahead: four decades of days are taken.
pub(super) const SERIES_STEPS_MAX: usize = 50_000;
/// How far apart times are at most for which a series is followed together: those of each month
/// are.
const APART: SignedDuration = SignedDuration::from_hours(32 * 24);

/// An object of a room's calendar, with its times.
pub(super) type Timed = (CalendarObject, Schedule, Zones);

/// A booking that has been read.
struct Known {
    /// What was read: it may be another in the same transaction.
    hash: [u8; 32],
    /// `None`: it cannot be, and may be at any time.
    timed: Option<Timed>,
    /// When it takes the room, within a span; in order, and none overlaps another.
    busy: Option<(Range<Timestamp>, Vec<Range<Timestamp>>)>,
}

/// What a transaction has seen of what stands in rooms, and in how many steps it may go on. All
/// that it looks at counts together, and nothing is read or followed twice that need not be.
pub(crate) struct BookingWork {
    pub(super) steps_left: usize,
    /// Whether it puts many objects there.
    is_for_many: bool,
    known: HashMap<ObjectId, Known>,
}

impl Default for BookingWork {
    fn default() -> Self {
        Self { steps_left: STEPS_MAX, is_for_many: false, known: HashMap::new() }
    }
}

impl BookingWork {
    /// Says that the transaction is going to put many objects into a calendar.
    pub(crate) fn expect_many(&mut self) {
        if !self.is_for_many {
            self.is_for_many = true;
            self.steps_left += STEPS_MANY_MAX - STEPS_MAX;
        }
    }

    /// Takes steps away. Whether they were there; where they were not, none is any more.
    fn take(&mut self, steps: usize) -> bool {
        let left = self.steps_left.checked_sub(steps);
        self.steps_left = left.unwrap_or(0);
        left.is_some()
    }

    /// Takes away those of reading an object of this size.
    pub(super) fn take_read(&mut self, size_bytes: u64) -> bool {
        let steps = usize::try_from(size_bytes / BYTES_A_STEP).unwrap_or(usize::MAX);
        self.take(steps.saturating_add(QUERY_STEPS))
    }
}

/// The meetings in the calendars of a room, but for one UID.
pub(super) struct Bookings {
    pub(super) calendars: Vec<Collection>,
    pub(super) but: String,
    /// Nor does this count, which goes.
    pub(super) replaced: Option<ObjectId>,
    addresses: Vec<String>,
    /// What is looked at together.
    spans: Vec<Range<Timestamp>>,
    /// A span that is, whatever is asked for.
    always: Option<Range<Timestamp>>,
}

impl Bookings {
    pub(super) fn of(tx: &mut AccountTx<'_, '_>, but: &str) -> Result<Self> {
        let account = tx.account;
        let booked = tx.bookings_go(account)?;
        let mut calendars = tx.list_collections(account, Home::Calendars)?;
        calendars.retain(|one| counts(one, Components::EVENT, booked));
        let mut bookings = Self {
            calendars,
            but: but.to_owned(),
            replaced: None,
            addresses: tx.calendar_addresses(account)?,
            spans: Vec::new(),
            always: None,
        };
        if tx.booking_work.is_for_many {
            bookings.expect_years(tx.moment());
        }
        Ok(bookings)
    }

    /// Says that many objects are going to be asked about, most of which are within some years.
    pub(super) fn expect_years(&mut self, now: Timestamp) {
        self.always = Some(now..now.checked_add(AHEAD).unwrap_or(Timestamp::MAX));
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
        let left_to_follow = &mut tx.booking_work.steps_left;
        let periods = look_ahead(schedule.occurrences(), now, left_to_follow, |window, steps| {
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
            if !tx.booking_work.take(QUERY_STEPS) {
                return Ok(true);
            }
            let found = tx.find_in_range(calendar.id, Components::EVENT, &window)?;
            if !tx.booking_work.take(found.len()) {
                return Ok(true);
            }
            let is_other =
                |object: &Object| object.uid != self.but && Some(object.id) != self.replaced;
            for one in found.iter().filter(|one| is_other(&one.object)) {
                know(tx, &one.object)?;
                let BookingWork { known, steps_left, .. } = &mut tx.booking_work;
                // What there was no time to read may be at any time.
                let Some(known) = known.get_mut(&one.object.id) else { return Ok(true) };
                if known.takes(hours, &span, &self.addresses, steps_left) {
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

/// Reads an object, unless it was already, or the steps for that are not left.
fn know(tx: &mut AccountTx<'_, '_>, object: &Object) -> Result<()> {
    let known = tx.booking_work.known.get(&object.id);
    if known.is_some_and(|known| known.hash == object.hash) {
        return Ok(());
    }
    tx.booking_work.known.remove(&object.id);
    if tx.booking_work.take_read(object.size_bytes) {
        let known = Known { hash: object.hash, timed: read(tx, object.id)?, busy: None };
        tx.booking_work.known.insert(object.id, known);
    }
    Ok(())
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
