//! When something of an object is at all (RFC 4791 §9.9), so that most need not be looked at.

use jiff::{SignedDuration, Timestamp};

use super::availability::availability_ends;
use super::kind::ComponentKind;
use super::parse::CalendarObject;
use crate::component::Component;
use crate::limits::Limits;
use crate::query::TimeRange;
use crate::time::{Period, Time};
use crate::zone::Zones;

/// LIMIT: no clock is further from UTC. See `zone`.
const FURTHEST: SignedDuration = SignedDuration::from_hours(26);

/// The range that every time of an object lies in, wherever floating times are looked at from;
/// both of its ends belong to it. `None` where no range of time ever finds it.
pub(super) fn span(object: &CalendarObject, zones: &Zones, limits: &Limits) -> Option<TimeRange> {
    let parts = object.parts().filter_map(|part| match object.kind() {
        ComponentKind::FreeBusy => free_busy(part, zones),
        ComponentKind::Todo if !is_timed(part) => Some(unscheduled(part, zones)),
        ComponentKind::Availability => availability_ends(part, zones).ok(),
        _ => None,
    });
    let listed = parts.reduce(|(first, last), (start, end)| (first.min(start), last.max(end)));
    let recurring = match object.kind() {
        ComponentKind::Event | ComponentKind::Todo | ComponentKind::Journal => {
            object.occurrences(zones, limits).ok().and_then(|all| all.span())
        }
        _ => None,
    };
    let (start, end) = match (listed, recurring) {
        (Some((a, b)), Some((c, d))) => (a.min(c), b.max(d)),
        (one, other) => one.or(other)?,
    };
    if !object.parts().any(|part| floats(part, zones)) {
        return Some(TimeRange { start, end });
    }
    Some(TimeRange {
        start: start.checked_sub(FURTHEST).unwrap_or(Timestamp::MIN),
        end: end.checked_add(FURTHEST).unwrap_or(Timestamp::MAX),
    })
}

/// Whether a task is at some time by itself.
pub(crate) fn is_timed(part: &Component) -> bool {
    part.line("DTSTART").is_some() || part.line("DUE").is_some()
}

fn instant(part: &Component, name: &str, zones: &Zones) -> Option<Timestamp> {
    part.line(name).and_then(|line| Time::of(line).ok()).map(|time| zones.instant(&time))
}

/// RFC 4791 §9.9: a task without start and due time is where it was created and completed, or
/// everywhere.
fn unscheduled(part: &Component, zones: &Zones) -> (Timestamp, Timestamp) {
    match (instant(part, "CREATED", zones), instant(part, "COMPLETED", zones)) {
        (Some(created), Some(completed)) => (created.min(completed), created.max(completed)),
        (None, Some(completed)) => (completed, completed),
        (Some(created), None) => (created, Timestamp::MAX),
        (None, None) => (Timestamp::MIN, Timestamp::MAX),
    }
}

fn free_busy(part: &Component, zones: &Zones) -> Option<(Timestamp, Timestamp)> {
    let ends = ["DTSTART", "DTEND"].map(|name| instant(part, name, zones));
    if let [Some(start), Some(end)] = ends {
        return Some((start, end.max(start)));
    }
    busy_periods(part, zones)
        .reduce(|(first, last), (start, end)| (first.min(start), last.max(end)))
}

/// The periods of FREEBUSY, of whatever type.
pub(crate) fn busy_periods<'c>(
    part: &'c Component,
    zones: &'c Zones,
) -> impl Iterator<Item = (Timestamp, Timestamp)> + 'c {
    part.lines_named("FREEBUSY").flat_map(move |line| {
        crate::text::split_list(line.value())
            .filter_map(move |text| Period::of(line, text).ok())
            .map(move |period| period.instants(zones))
    })
}

/// Whether anything of it is at a time that depends on who looks at it.
fn floats(part: &Component, zones: &Zones) -> bool {
    let timed = ["DTSTART", "DTEND", "DUE", "RDATE", "RECURRENCE-ID", "COMPLETED", "CREATED"];
    part.lines.iter().filter(|line| timed.contains(&line.name())).any(|line| {
        Time::list(line).any(|time| time.is_ok_and(|time| zones.is_floating(&time)))
            // A list of periods.
            || line.value().contains('/') && Period::of(line, line.value())
                .map_or(true, |period| zones.is_floating(&period.start))
    })
}
