//! Rooms (R-CAL-4): they accept where they are free and decline where they are not, in the
//! transaction that books them. Their account is locked, so of two that want one hour one is
//! second.

use std::collections::BTreeSet;
use std::collections::hash_map::{Entry, HashMap};
use std::ops::Range;

use ical::scheduling::{Decision, Outgoing, Users, attendee_change, decided};
use ical::{BusyTimes, CalendarObject, Component, Schedule, TimeRange, Zones};
use ids::AccountId;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::collection::{Collection, CollectionKind, Components, Home};
use crate::object::{ObjectId, PreparedObject};
use crate::sql::Value;
use crate::{Account, AccountTx, ReadTx, Result, StorageError, WriteTx};

/// LIMIT: how far ahead a series is looked at. Two endless ones that have not met in five years
/// may meet after.
const AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_hours(5 * 366 * 24);
/// LIMIT: instances of a series that are looked at one by one: every day of those years.
const INSTANCES_MAX: usize = 2_000;

/// What a room makes of an invitation.
pub(super) struct Booking {
    /// What stands in its calendar; nothing where it is declined.
    pub(super) copy: Option<Component>,
    /// What the organizer is told.
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
        let asked = CalendarObject::of(copy.clone()).map_err(unread)?;
        if asked.parts().all(is_cancelled) {
            return Ok(Booking { copy: None, reply: None });
        }
        let taken = self.taken_instances(&asked, users)?;
        let decision = match &taken {
            Taken::All => Decision::Decline,
            Taken::Some(instances) => Decision::AcceptBut(instances),
        };
        let scene = self.scene(users);
        let answered = decided(&asked, decision, &scene);
        let now = CalendarObject::of(answered.clone()).map_err(unread)?;
        let change = attendee_change(Some(&asked), Some(&now), &scene);
        let reply = change.ok().and_then(|change| change.reply);
        let copy = match taken {
            Taken::All => None,
            Taken::Some(_) => Some(answered),
        };
        Ok(Booking { copy, reply })
    }

    /// Whether what a person puts into the calendar of a room takes it at a time when something
    /// else has it. The account is locked, so of two that come at once one is second.
    pub(super) fn is_double_booked(
        &mut self,
        collection: &Collection,
        object: &PreparedObject,
    ) -> Result<bool> {
        let account = self.account;
        let counts = collection.kind == CollectionKind::Calendar && !collection.transparent;
        if !counts || object.component() != Components::EVENT || !self.is_room(account)? {
            return Ok(false);
        }
        let limits = self.settings.scheduling.objects.ical;
        let Some(asked) = object.read_again(&limits) else { return Ok(false) };
        let mut bookings = Bookings::of(self, asked.uid())?;
        let zones = asked.zones(TimeZone::UTC, &limits);
        let Ok(schedule) = Schedule::of(&asked, &zones, &limits) else { return Ok(true) };
        let now = Timestamp::from_second(self.now.as_secs()).unwrap_or(Timestamp::UNIX_EPOCH);
        let end = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        // What is free, declined or cancelled takes nothing.
        let mut busy = BusyTimes::new(TimeRange { start: now, end }, &bookings.addresses);
        if busy.add(&asked, &schedule, &zones).is_err() {
            return Ok(true);
        }
        let periods = busy.periods();
        if periods.len() > INSTANCES_MAX {
            return Ok(true);
        }
        for (start, end, _) in periods {
            if bookings.overlap(self, &(start..end))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn taken_instances(&mut self, asked: &CalendarObject, users: &Users) -> Result<Taken> {
        let limits = self.settings.scheduling.objects.ical;
        let now = self.scene(users).now;
        let end = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        let zones = asked.zones(TimeZone::UTC, &limits);
        let Ok(all) = asked.occurrences(&zones, &limits) else { return Ok(Taken::All) };
        // What is further ahead than that is looked at where it begins.
        let start = all.span().map_or(now, |(first, _)| first.max(now));
        let end = end.max(start.checked_add(AHEAD).unwrap_or(Timestamp::MAX));
        let Ok(instances) = all.within(&(now..end)) else { return Ok(Taken::All) };
        if instances.len() > INSTANCES_MAX {
            return Ok(Taken::All);
        }
        let cancelled: Vec<bool> = asked.parts().map(is_cancelled).collect();
        let mut bookings = Bookings::of(self, asked.uid())?;
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

/// An object of a room's calendar, read once.
type Read = Option<(CalendarObject, Schedule, Zones)>;

/// What stands in the calendars of a room, but for one UID.
struct Bookings {
    calendars: Vec<Collection>,
    but: String,
    addresses: Vec<String>,
    read: HashMap<ObjectId, Read>,
}

impl Bookings {
    fn of(tx: &mut AccountTx<'_, '_>, but: &str) -> Result<Self> {
        let account = tx.account;
        let mut calendars = tx.list_collections(account, Home::Calendars)?;
        calendars.retain(|one| one.kind == CollectionKind::Calendar && !one.transparent);
        let addresses = tx.calendar_addresses(account)?;
        Ok(Self { calendars, but: but.to_owned(), addresses, read: HashMap::new() })
    }

    fn overlap(&mut self, tx: &mut AccountTx<'_, '_>, hours: &Range<Timestamp>) -> Result<bool> {
        let window = hours.start.as_second()..hours.end.as_second();
        let range = TimeRange { start: hours.start, end: hours.end };
        for at in 0..self.calendars.len() {
            let Some(calendar) = self.calendars.get(at) else { continue };
            let found = tx.find_in_range(calendar.id, Components::EVENT, &window)?;
            for one in found.iter().filter(|one| one.object.uid != self.but) {
                let mut busy = BusyTimes::new(range, &self.addresses);
                let read = match self.read.entry(one.object.id) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => place.insert(read(tx, one.object.id)?),
                };
                // What cannot be followed may be at any time.
                let is_free = match read {
                    Some((object, schedule, zones)) => {
                        busy.add(object, schedule, zones).is_ok() && busy.periods().is_empty()
                    }
                    None => false,
                };
                if !is_free {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

fn read(tx: &mut AccountTx<'_, '_>, object: ObjectId) -> Result<Read> {
    let limits = tx.settings.scheduling.objects.ical;
    let bytes = tx.load_object(object)?;
    let Ok(object) = CalendarObject::parse(&bytes, &limits) else { return Ok(None) };
    let zones = object.zones(TimeZone::UTC, &limits);
    let schedule = Schedule::of(&object, &zones, &limits).ok();
    Ok(schedule.map(|schedule| (object, schedule, zones)))
}
