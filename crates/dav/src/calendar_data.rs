//! Calendar objects as reports match and send them, expanded or limited to a range (RFC 4791 §9.6);
//! as GET sends them, too, with or without the time zones that the client knows (RFC 7809).

use std::borrow::Cow;

use ical::{CalendarObject, ComponentFilter, ComponentKind, Schedule, TimeRange, Zone, Zones};
use jiff::tz::TimeZone;

use crate::work::Work;
use crate::xml::{CalendarDataRequest, QueryZone, ZonesSent};

/// The zone of floating times: of the query, else of the calendar, else UTC (RFC 4791 §7.3).
pub(crate) fn floating(query: Option<&QueryZone>, calendar: Option<&str>) -> Zone {
    let of_text = |text: &str| {
        let limits = ical::Limits::default();
        let calendar = ical::Component::parse(text.as_bytes(), &limits).ok()?;
        Zone::described(&calendar, &limits)
    };
    let found = match query {
        Some(QueryZone::Object(text)) => of_text(text),
        Some(QueryZone::Id(id)) => Zone::named(id),
        None => calendar.and_then(of_text),
    };
    found.unwrap_or(Zone::Known(TimeZone::UTC))
}

/// An object with all that it takes to look at its times.
struct Looked {
    object: CalendarObject,
    zones: Zones,
    schedule: Schedule,
}

fn look(bytes: &[u8], floating: &Zone, limits: &ical::Limits) -> Option<Looked> {
    let object = CalendarObject::parse(bytes, limits).ok()?;
    let zones = object.zones(floating.clone(), limits);
    let schedule = Schedule::of(&object, &zones, limits).ok()?;
    Some(Looked { object, zones, schedule })
}

/// Whether an object is what a filter asks for. Where there is no time left to find out, it is.
pub(crate) fn matches(
    bytes: &[u8],
    filter: &ComponentFilter,
    floating: &Zone,
    limits: &ical::Limits,
    work: &Work,
) -> bool {
    let in_time = || work.go_on_in_time().is_ok();
    look(bytes, floating, limits).is_some_and(|Looked { object, schedule, zones }| {
        filter.matches(&object, &schedule, &zones, &in_time)
    })
}

/// What is asked for of an object; `None` where it cannot be given, as of an expansion without an
/// end, or for want of time.
pub(crate) fn select(
    bytes: &[u8],
    wanted: &CalendarDataRequest,
    floating: &Zone,
    limits: &ical::Limits,
    work: &Work,
) -> Option<String> {
    if wanted.selection.is_whole() {
        let bytes = with_zones(bytes.into(), wanted.zones, limits);
        return Some(ical::to_utf8(&bytes).into_owned());
    }
    let Looked { object, zones, schedule } = look(bytes, floating, limits)?;
    let in_time = || work.go_on_in_time().is_ok();
    let selected = wanted.selection.apply(&object, &schedule, &zones, limits, &in_time);
    let mut selected = selected.ok()?;
    send_zones(&mut selected, wanted.zones);
    let text = String::from_utf8(selected.render());
    Some(text.unwrap_or_else(|other| ical::to_utf8(other.as_bytes()).into_owned()))
}

/// An object with the time zones that are asked for; byte for byte where nothing is.
pub(crate) fn with_zones<'b>(
    bytes: Cow<'b, [u8]>,
    zones: ZonesSent,
    limits: &ical::Limits,
) -> Cow<'b, [u8]> {
    if zones == ZonesSent::AsStored {
        return bytes;
    }
    let Ok(mut calendar) = ical::Component::parse(&bytes, limits) else { return bytes };
    match send_zones(&mut calendar, zones) {
        true => calendar.render().into(),
        false => bytes,
    }
}

/// Leaves out or adds definitions of time zones as `zones` asks; whether that changed anything.
fn send_zones(calendar: &mut ical::Component, zones: ZonesSent) -> bool {
    match zones {
        ZonesSent::AsStored => false,
        ZonesSent::All => ical::describe_zones(calendar),
        ZonesSent::Unknown => ical::leave_out_known_zones(calendar),
    }
}

/// Adds what an object makes of somebody's time; an error where that cannot be said.
pub(crate) fn add_busy(
    (busy, said): (&mut ical::BusyTimes, &mut ical::Availability),
    bytes: &[u8],
    floating: &Zone,
    limits: &ical::Limits,
) -> Result<(), ical::Error> {
    match look(bytes, floating, limits) {
        Some(Looked { object, .. }) if object.kind() == ComponentKind::Availability => {
            said.add(object.calendar(), floating.clone(), limits)
        }
        Some(Looked { object, zones, schedule }) => busy.add(&object, &schedule, &zones),
        None => Ok(()),
    }
}

/// A range as seconds, which storage compares.
pub(crate) fn window(range: &TimeRange) -> std::ops::Range<i64> {
    range.start.as_second()..range.end.as_second()
}
