//! Calendar objects as reports look at them.

use ical::{CalendarObject, ComponentFilter, ComponentKind, Schedule, TimeRange, Zones};
use jiff::tz::TimeZone;

use crate::xml::{CalendarDataRequest, QueryZone};

/// The zone of floating times: of the query, else of the calendar, else UTC (RFC 4791 §7.3).
pub(crate) fn floating(query: Option<&QueryZone>, calendar: Option<&str>) -> TimeZone {
    let of_text = |text: &str| {
        let object = ical::Component::parse(text.as_bytes(), &ical::Limits::default()).ok()?;
        let zone = object.components_named("VTIMEZONE").next()?;
        let id = zone.line("TZID")?.text().trim().to_owned();
        by_id(&id)
    };
    let found = match query {
        Some(QueryZone::Object(text)) => of_text(text),
        Some(QueryZone::Id(id)) => by_id(id),
        None => calendar.and_then(of_text),
    };
    found.unwrap_or(TimeZone::UTC)
}

/// A zone by its name, as `ical` finds it.
fn by_id(id: &str) -> Option<TimeZone> {
    TimeZone::get(id.trim_start_matches('/')).ok()
}

/// An object with all that it takes to look at its times.
struct Looked {
    object: CalendarObject,
    zones: Zones,
    schedule: Schedule,
}

fn look(bytes: &[u8], floating: &TimeZone, limits: &ical::Limits) -> Option<Looked> {
    let object = CalendarObject::parse(bytes, limits).ok()?;
    let zones = object.zones(floating.clone(), limits);
    let schedule = Schedule::of(&object, &zones, limits).ok()?;
    Some(Looked { object, zones, schedule })
}

/// Whether an object is what a filter asks for.
pub(crate) fn matches(
    bytes: &[u8],
    filter: &ComponentFilter,
    floating: &TimeZone,
    limits: &ical::Limits,
) -> bool {
    look(bytes, floating, limits)
        .is_some_and(|looked| filter.matches(&looked.object, &looked.schedule, &looked.zones))
}

/// What is asked for of an object; `None` where it cannot be given, as of an expansion without an
/// end.
pub(crate) fn select(
    bytes: &[u8],
    wanted: &CalendarDataRequest,
    floating: &TimeZone,
    limits: &ical::Limits,
) -> Option<String> {
    if wanted.selection.is_whole() {
        return Some(ical::to_utf8(bytes).into_owned());
    }
    let Looked { object, zones, schedule } = look(bytes, floating, limits)?;
    let selected = wanted.selection.apply(&object, &schedule, &zones, limits).ok()?;
    Some(ical::to_utf8(&selected.render()).into_owned())
}

/// Adds what an object makes of somebody's time; an error where that cannot be said.
pub(crate) fn add_busy(
    (busy, said): (&mut ical::BusyTimes, &mut ical::Availability),
    bytes: &[u8],
    floating: &TimeZone,
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
