//! Rooms (R-CAL-4): they accept where they are free and decline where they are not, in the
//! transaction that books them. Their account is locked, so of two that want one hour one is
//! second.

use std::collections::BTreeSet;
use std::ops::Range;

use ical::scheduling::{Decision, Outgoing, Users, attendee_change, decided};
use ical::{CalendarObject, Component, Line, Occurrences, Schedule};
use ids::{AccountId, CollectionId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::bookings::{Bookings, SERIES_STEPS_MAX, read};
use crate::collection::{Collection, CollectionKind, Components};
use crate::object::{Object, PreparedObject};
use crate::sql::Value;
use crate::{Account, AccountTx, ReadTx, Result, StorageError, WriteTx};

/// LIMIT: how far ahead a series is looked at that does not end, or has too many instances, from
/// now or from where it begins. Two endless ones that have not met in five years may meet after.
pub(super) const AHEAD: SignedDuration = SignedDuration::from_hours(5 * 366 * 24);
/// LIMIT: instances of a series that are looked at one by one: every day of those years.
const INSTANCES_MAX: usize = 2_000;

/// What a room makes of an invitation.
pub(super) struct Booking {
    /// The room's own copy of the meeting; `None` where it is declined.
    pub(super) copy: Option<Component>,
    /// The reply to the organizer.
    pub(super) reply: Option<Outgoing>,
}

impl ReadTx<'_> {
    /// Whether an account is a room.
    pub fn is_room(&mut self, account: AccountId) -> Result<bool> {
        let found = self.sql.query_one(
            "SELECT 1 FROM room WHERE account_id = ?1",
            &[Value::Int(account.get())],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// The calendar that the bookings of a room go into; `None` of an account that is none. What it
    /// holds takes the time of the room, whatever is said of the calendar.
    pub fn bookings_go(&mut self, account: AccountId) -> Result<Option<CollectionId>> {
        if !self.is_room(account)? {
            return Ok(None);
        }
        Ok(self.calendar_for(account, Components::EVENT)?.map(|calendar| calendar.id))
    }

    /// All rooms, by address.
    pub fn list_rooms(&mut self) -> Result<Vec<Account>> {
        let rooms = self.sql.query_all("SELECT account_id FROM room", &[], |row| row.int(0))?;
        let mut all = self.list_accounts()?;
        all.retain(|account| rooms.contains(&account.id.get()));
        Ok(all)
    }
}

impl WriteTx<'_> {
    /// Makes a room of an account.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] for an account that has no calendars.
    pub fn make_room(&mut self, account: AccountId) -> Result<()> {
        let mut tx = self.account(account)?;
        if tx.load_account(account)?.mail_only {
            return Err(StorageError::Invalid("a room has a calendar"));
        }
        tx.drop_password_link()?;
        tx.make_first_collections()?;
        tx.sql.execute(
            "INSERT INTO room (account_id) VALUES (?1) ON CONFLICT (account_id) DO NOTHING",
            &[Value::Int(account.get())],
        )?;
        Ok(())
    }
}

impl AccountTx<'_, '_> {
    /// What the room answers to a copy of a meeting that would be stored.
    pub(super) fn book(&mut self, copy: &Component, users: &Users) -> Result<Booking> {
        let unread = |_| StorageError::Invalid("the invitation cannot be read");
        let mut copy = copy.clone();
        copy.components.iter_mut().for_each(take_time);
        let asked = CalendarObject::of(copy).map_err(unread)?;
        if asked.parts().all(is_cancelled) {
            return Ok(Booking { copy: None, reply: None });
        }
        let taken = self.taken_instances(&asked, users)?;
        let scene = self.scene(users);
        let partly = match &taken {
            Taken::All => None,
            // What has no room for an answer to each instance is declined as a whole.
            Taken::Some(instances) => decided(&asked, Decision::AcceptBut(instances), &scene),
        };
        // Nor has what is too large with its time zones, and folded.
        let partly = partly.filter(|made| self.prepare_copy(made).is_ok());
        let is_booked = partly.is_some();
        let answered = partly.or_else(|| decided(&asked, Decision::Decline, &scene));
        let Some(answered) = answered else { return Ok(Booking { copy: None, reply: None }) };
        let now = CalendarObject::of(answered).map_err(unread)?;
        let change = attendee_change(Some(&asked), Some(&now), &scene);
        let reply = change.ok().and_then(|change| change.reply);
        let copy = is_booked.then(|| now.into_calendar());
        Ok(Booking { copy, reply })
    }

    /// Whether what stands in a calendar of the room takes its time there, as far as what it is
    /// does anywhere.
    pub(super) fn takes_room(
        &mut self,
        calendar: &Collection,
        component: Components,
    ) -> Result<bool> {
        let account = self.account;
        let booked = self.bookings_go(account)?;
        Ok(component != Components::EVENT || counts(calendar, component, booked))
    }

    /// Whether what a person puts into the calendar of a room takes it at a time when something
    /// else has it. The account is locked, so of two that come at once one is second.
    pub(crate) fn is_double_booked(
        &mut self,
        collection: &Collection,
        object: &PreparedObject,
    ) -> Result<bool> {
        let account = self.account;
        if object.component() != Components::EVENT || !self.is_room(account)? {
            return Ok(false);
        }
        if !counts(collection, object.component(), self.bookings_go(account)?) {
            return Ok(false);
        }
        if !self.booking_work.take_read(object.size_bytes) {
            return Ok(true);
        }
        let limits = self.settings.scheduling.objects.ical;
        let Some(asked) = object.read_again(&limits) else { return Ok(false) };
        let mut bookings = Bookings::of(self, asked.uid())?;
        let zones = asked.zones(TimeZone::UTC, &limits);
        let Ok(schedule) = Schedule::of(&asked, &zones, &limits) else { return Ok(true) };
        bookings.meet(self, &(asked, schedule, zones), &mut { INSTANCES_MAX })
    }

    /// Whether the room has something else then, for an object that comes from a calendar that
    /// takes no time into one that does, where `replaced` goes.
    pub(crate) fn is_double_booked_by_transfer(
        &mut self,
        (from, object): (&Collection, &Object),
        to: &Collection,
        replaced: Option<&Object>,
    ) -> Result<bool> {
        let account = self.account;
        if object.component != Components::EVENT || !self.is_room(account)? {
            return Ok(false);
        }
        let booked = self.bookings_go(account)?;
        if counts(from, object.component, booked) || !counts(to, object.component, booked) {
            return Ok(false);
        }
        if !self.booking_work.take_read(object.size_bytes) {
            return Ok(true);
        }
        let Some(asked) = read(self, object.id)? else { return Ok(true) };
        let mut bookings = Bookings::of(self, &object.uid)?;
        bookings.replaced = replaced.map(|replaced| replaced.id);
        bookings.meet(self, &asked, &mut { INSTANCES_MAX })
    }

    /// Whether the room has something else at the times of all that a calendar holds, which took no
    /// time and is to take it, where the calendar `without` goes.
    pub(crate) fn is_double_booked_by_opening(
        &mut self,
        calendar: &Collection,
        without: Option<CollectionId>,
    ) -> Result<bool> {
        let account = self.account;
        let is_shut = calendar.kind == CollectionKind::Calendar && calendar.transparent;
        if !is_shut || !self.is_room(account)? || self.bookings_go(account)? == Some(calendar.id) {
            return Ok(false);
        }
        let ahead = self.now.as_secs()..i64::MAX;
        let ahead = self.find_in_range(calendar.id, Components::EVENT, &ahead)?;
        if ahead.len() > INSTANCES_MAX {
            return Ok(true);
        }
        let mut bookings = Bookings::of(self, "")?;
        bookings.calendars.retain(|one| Some(one.id) != without);
        bookings.calendars.push(calendar.clone());
        bookings.expect_years(self.moment());
        let mut left = INSTANCES_MAX;
        for one in ahead {
            if !self.booking_work.take_read(one.object.size_bytes) {
                return Ok(true);
            }
            let Some(asked) = read(self, one.object.id)? else { return Ok(true) };
            bookings.but = one.object.uid;
            if bookings.meet(self, &asked, &mut left)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(super) fn moment(&self) -> Timestamp {
        Timestamp::from_second(self.now.as_secs()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn taken_instances(&mut self, asked: &CalendarObject, users: &Users) -> Result<Taken> {
        let limits = self.settings.scheduling.objects.ical;
        let now = self.scene(users).now;
        let zones = asked.zones(TimeZone::UTC, &limits);
        let Ok(all) = asked.occurrences(&zones, &limits) else { return Ok(Taken::All) };
        let left = &mut self.booking_work.steps_left;
        let instances =
            look_ahead(&all, now, left, |window, steps| all.within_steps(&window, steps));
        let Some(instances) = instances else { return Ok(Taken::All) };
        let cancelled: Vec<bool> = asked.parts().map(is_cancelled).collect();
        let mut bookings = Bookings::of(self, asked.uid())?;
        bookings.expect(instances.iter().map(|one| one.start..one.end));
        let (mut taken, mut free) = (BTreeSet::new(), 0);
        for one in instances {
            if cancelled.get(one.component) == Some(&true) {
                continue;
            }
            match bookings.overlap(self, &(one.start..one.end))? {
                true => drop(taken.insert(zones.instant(&one.id))),
                false => free += 1,
            }
        }
        Ok(match free == 0 && !taken.is_empty() {
            true => Taken::All,
            false => Taken::Some(taken),
        })
    }
}

/// Which instances a room is not free for.
enum Taken {
    All,
    Some(BTreeSet<Timestamp>),
}

fn is_cancelled(part: &Component) -> bool {
    part.line("STATUS").is_some_and(|line| line.value().trim().eq_ignore_ascii_case("CANCELLED"))
}

/// What is found of a series: in all that is ahead of it where it ends and that is not too much,
/// else in the years from now, or from where it begins. `None` where that is too much as well. What
/// it takes is taken from the steps that are left.
pub(super) fn look_ahead<T>(
    all: &Occurrences,
    now: Timestamp,
    steps_left: &mut usize,
    mut look: impl FnMut(Range<Timestamp>, &mut usize) -> std::result::Result<Vec<T>, ical::Error>,
) -> Option<Vec<T>> {
    let (first, last) = all.span().unwrap_or((now, now));
    let after = |instant: Timestamp, by| instant.checked_add(by).unwrap_or(Timestamp::MAX);
    let whole = after(last.max(now), SignedDuration::from_secs(1));
    let years = after(first.max(now), AHEAD);
    let ends = (!all.is_endless()).then_some(whole).into_iter().chain([years]);
    let mut found = ends.filter_map(|end| {
        let most = SERIES_STEPS_MAX.min(*steps_left);
        let mut left = most;
        let found = look(now..end, &mut left).ok();
        *steps_left -= most - left;
        found
    });
    found.find(|found| found.len() <= INSTANCES_MAX)
}

/// Whether what is of this kind takes the time of a room there. What is `booked` does, whatever is
/// said of the calendar that it stands in.
pub(super) fn counts(
    collection: &Collection,
    component: Components,
    booked: Option<CollectionId>,
) -> bool {
    collection.kind == CollectionKind::Calendar
        && (!collection.transparent || Some(collection.id) == booked)
        && component == Components::EVENT
}

/// Whether a meeting leaves its people free (RFC 5545 §3.8.2.7) is said of these, not of the room.
fn take_time(part: &mut Component) {
    let transp = part.line("TRANSP").map(|line| line.value().trim().to_owned());
    if transp.is_some_and(|transp| transp.eq_ignore_ascii_case("TRANSPARENT")) {
        part.put(Line::new("TRANSP", "OPAQUE"));
    }
}
