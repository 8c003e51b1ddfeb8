//! CALDAV:free-busy-query (RFC 4791 §7.10), and what of it scheduling needs.

use http_body_util::Full;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use ical::{Availability, BusyTimes, Component, Line, TimeRange};
use jiff::Timestamp;
use storage::{
    Account, Collection, CollectionKind, CollectionRights, Components, Home, ObjectId, ReadTx,
};

use super::pieces::pieces;
use crate::answer::Answer;
use crate::calendar_data::{self, floating};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::post::random_uuid;
use crate::resource::known::is_colleague;
use crate::resource::{Actor, Resource};
use crate::work::{Work, too_much};
use crate::xml::{Element, Name, QueryZone};

/// What says when somebody can be met, on their inbox: RFC 7953 §7.2.4, and as Apple's programs had
/// it before.
pub(crate) const AVAILABILITY: [Name; 2] =
    [Name::caldav("calendar-availability"), Name::calendar_server("calendar-availability")];

pub(crate) async fn query(
    exchange: &Exchange,
    found: Resource,
    range: TimeRange,
) -> Result<Answer> {
    let Resource::Collection(owner, collection) = found else {
        return Err(DavError::forbidden(Name::dav("supported-report")));
    };
    if collection.kind != CollectionKind::Calendar {
        return Err(DavError::forbidden(Name::dav("supported-report")));
    }
    // RFC 5545 §3.6.4: it has one.
    let uid = random_uuid()?;
    let body = exchange
        .read(move |exchange, tx| {
            let mut busy = BusyTimes::new(range, &tx.calendar_addresses(owner.id)?);
            let work = Work::new(&exchange.settings);
            let mut said = Availability::new(&busy);
            add(exchange, tx, &collection, (&mut busy, &mut said), &work)?;
            said.apply(&mut busy);
            let mut calendar = new_calendar();
            let mut part = busy.component(stamp(exchange));
            part.put(Line::new("UID", uid));
            calendar.components.push(part);
            Ok(calendar.render())
        })
        .await?;
    let mut answer = Response::new(Full::from(body));
    let kind = HeaderValue::from_static("text/calendar; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(answer)
}

/// When somebody is busy by all their calendars that count (RFC 6638 §9.1): to their organisation,
/// all of them; to others, those they are let know of. `None` where that is none.
pub(crate) fn of_account(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    (asker, account): (&Actor, &Account),
    range: TimeRange,
    work: &Work,
) -> Result<Option<BusyTimes>> {
    let actor = &asker.account;
    // R-SHARE-2: external users are not of the organisation.
    let knows_all =
        actor.id == account.id || !asker.is_external() && is_colleague(tx, asker, account)?;
    let mut busy = BusyTimes::new(range, &tx.calendar_addresses(account.id)?);
    let (mut said, mut is_told) = (Availability::new(&busy), knows_all);
    // R-CAL-4: what is booked takes the time of a room whatever is said of the calendar.
    let booked = tx.bookings_go(account.id)?;
    for collection in tx.list_collections(account.id, Home::Calendars)? {
        let takes_time = !collection.transparent || booked == Some(collection.id);
        if collection.kind != CollectionKind::Calendar || !takes_time {
            continue;
        }
        let rights = tx.collection_rights(actor.id, &collection)?;
        if knows_all || rights.contains(CollectionRights::FREE_BUSY) {
            is_told = true;
            add(exchange, tx, &collection, (&mut busy, &mut said), work)?;
        }
    }
    // What others share keeps nobody busy who did not say so.
    for collection in tx.list_guest_collections(account.id, Home::Calendars)? {
        let is_open = crate::resource::require_open(&collection).is_ok();
        if knows_all && is_open && !collection.transparent {
            add(exchange, tx, &collection, (&mut busy, &mut said), work)?;
        }
    }
    if is_told {
        add_of_inbox(exchange, tx, account, &mut said)?;
        // RFC 7953 §7.2.5: what stands in several places counts together.
        said.apply(&mut busy);
    }
    Ok(is_told.then_some(busy))
}

/// RFC 7953 §7.2.4: when somebody says they can be met at all counts as well.
fn add_of_inbox(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    account: &Account,
    availability: &mut Availability,
) -> Result<()> {
    let Some(inbox) = tx.find_collection(account.id, Home::Calendars, "inbox")? else {
        return Ok(());
    };
    let dead = tx.load_dead_properties(inbox.id, None)?;
    let said = AVAILABILITY.iter().find_map(|name| {
        let name = name.to_string();
        dead.iter().find(|dead| dead.name == name)
    });
    let Some(said) = said else { return Ok(()) };
    let text = Element::parse(said.value.as_bytes(), &exchange.settings.xml)?.text();
    let limits = &exchange.settings.objects.ical;
    let Ok(calendar) = Component::parse(text.as_bytes(), limits) else { return Ok(()) };
    let zone = floating(Some(&QueryZone::Id(tx.time_zone(account.id)?)), None);
    availability.add(&calendar, zone, limits).map_err(|error| {
        tracing::debug!(%error, "free and busy times refused");
        too_much()
    })
}

fn add(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    collection: &Collection,
    (busy, said): (&mut BusyTimes, &mut Availability),
    work: &Work,
) -> Result<()> {
    let zone = floating(None, collection.timezone.as_deref());
    let components = Components::EVENT | Components::FREE_BUSY | Components::AVAILABILITY;
    let window = calendar_data::window(&busy.range());
    let found = tx.find_in_range(collection.id, components, &window)?;
    let limits = &exchange.settings.objects.ical;
    for chunk in pieces(&found, |ranged| ranged.object.size_bytes) {
        let ids: Vec<ObjectId> = chunk.iter().map(|one| one.object.id).collect();
        for bytes in tx.load_object_bytes(&ids)?.values() {
            work.go_on(0)?;
            // RFC 4791 §7.10: what is left out would be free.
            calendar_data::add_busy((busy, said), bytes, &zone, limits).map_err(|error| {
                tracing::debug!(%error, "free and busy times refused");
                too_much()
            })?;
        }
    }
    Ok(())
}

/// A VCALENDAR of ours.
pub(crate) fn new_calendar() -> Component {
    let mut calendar = Component::new("VCALENDAR");
    calendar.lines.push(Line::new("VERSION", "2.0"));
    calendar.lines.push(Line::new("PRODID", "-//Posthorn//EN"));
    calendar
}

/// The time of an answer.
pub(crate) fn stamp(exchange: &Exchange) -> Timestamp {
    Timestamp::from_second(exchange.now().as_secs()).unwrap_or(Timestamp::UNIX_EPOCH)
}
