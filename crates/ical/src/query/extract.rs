//! The parts of an object that a report asks for (RFC 4791 §9.6): components and properties by
//! name, expanded or limited to a range.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::range::TimeRange;
use super::selection::{
    CalendarSelection, ComponentSelection, PropertySelection, RecurrenceSelection, Which,
};
use crate::component::Component;
use crate::error::Error;
use crate::limits::Limits;
use crate::line::Line;
use crate::object::{CalendarObject, Schedule};
use crate::recur::Occurrence;
use crate::text::split_list;
use crate::time::{DAY_SECS, Duration, Period, Time, Value};
use crate::zone::Zones;

/// The properties that make a component recur.
const RECURRENCE: [&str; 4] = ["RRULE", "RDATE", "EXDATE", "EXRULE"];

impl CalendarSelection {
    /// What is asked for of an object. Untouched lines are as they were. Before a series is
    /// followed, `may_go_on` is asked whether there is time for that: it may be many times.
    ///
    /// [`Error::Endless`] where there is none, or following it would cost more than the limits
    /// allow.
    pub fn apply(
        &self,
        object: &CalendarObject,
        schedule: &Schedule,
        zones: &Zones,
        limits: &Limits,
        may_go_on: &dyn Fn() -> bool,
    ) -> Result<Component, Error> {
        let in_time = || if may_go_on() { Ok(()) } else { Err(Error::Endless) };
        let mut calendar = match self.recurrence {
            RecurrenceSelection::AsStored => object.calendar().clone(),
            RecurrenceSelection::Expand(range) => {
                in_time()?;
                expand(object, schedule, zones, &range, limits)?
            }
            RecurrenceSelection::Limit(range) => {
                let overlaps = |at| in_time().and_then(|()| schedule.part_overlaps(at, &range));
                limit_overrides(object, overlaps, zones, &range, limits)?
            }
        };
        if let Some(range) = &self.free_busy {
            let parts = calendar.components.iter_mut().filter(|part| part.is("VFREEBUSY"));
            parts.for_each(|part| limit_free_busy(part, zones, range));
        }
        if let Some(selection) = &self.component {
            select_component(&mut calendar, selection);
        }
        Ok(calendar)
    }
}

/// RFC 4791 §9.6.5: no recurrence, no zones; an occurrence is a component.
fn expand(
    object: &CalendarObject,
    schedule: &Schedule,
    zones: &Zones,
    range: &TimeRange,
    limits: &Limits,
) -> Result<Component, Error> {
    let parts: Vec<&Component> = object.parts().collect();
    let sizes: Vec<usize> = parts.iter().map(|part| part.written_bytes()).collect();
    let mut bytes = 0;
    let occurrences = schedule.occurrences();
    let recurs = occurrences.recurs() || parts.iter().any(|p| p.line("RECURRENCE-ID").is_some());
    let mut expanded: Vec<Component> = Vec::new();
    // RFC 4791 §9.9 draws edges of its own for tasks: what the filter finds is shown.
    for one in schedule.within(range)? {
        if let (Some(part), Some(size)) = (parts.get(one.component), sizes.get(one.component)) {
            bytes += size;
            if bytes > limits.bytes_max {
                return Err(Error::TooLarge("expansion"));
            }
            expanded.push(instance(part, &one, recurs, zones));
        }
    }
    // Tasks that are at no time of their own.
    for (at, part) in parts.iter().enumerate() {
        let has_time = part.line("DTSTART").is_some() || part.line("DUE").is_some();
        if !has_time && schedule.part_overlaps(at, range)? {
            expanded.push((*part).clone());
        }
    }
    let mut calendar = object.calendar().without_components();
    let kind = object.kind().name();
    let others = object.calendar().components.iter();
    let others = others.filter(|other| !other.is("VTIMEZONE") && !other.is(kind));
    calendar.components = others.cloned().chain(expanded).collect();
    Ok(calendar)
}

/// An occurrence of a series as a component of its own.
fn instance(part: &Component, one: &Occurrence, recurs: bool, zones: &Zones) -> Component {
    let mut instance = part.clone();
    instance.lines.retain(|line| !RECURRENCE.contains(&line.name()));
    let has_end = part.line("DTEND").is_some() || part.line("DUE").is_some();
    for line in &mut instance.lines {
        match line.name() {
            "DTSTART" => put_time(line, one.start, one.shift),
            "DTEND" | "DUE" => put_time(line, one.end, one.shift),
            _ => put_in_utc(line, zones),
        }
    }
    if !has_end && !has_usual_length(part, one) {
        // RDATE with a period of its own.
        instance.lines.retain(|line| line.name() != "DURATION");
        let name = if part.is("VTODO") { "DUE" } else { "DTEND" };
        instance.put(Line::new(name, utc(one.end)));
    }
    if recurs {
        let id = match one.id.value {
            Value::Date(_) => {
                Line::new("RECURRENCE-ID", one.id.value.to_string()).with("VALUE", "DATE")
            }
            // RFC 4791 §9.6.5: only what has a zone is given in UTC.
            Value::Local(_) if one.id.zone.is_none() => {
                Line::new("RECURRENCE-ID", one.id.value.to_string())
            }
            _ => Line::new("RECURRENCE-ID", utc(zones.instant(&one.id))),
        };
        instance.put(id);
    }
    instance
}

/// Whether DURATION says how long an occurrence is. Days may be some hours longer or shorter.
fn has_usual_length(part: &Component, one: &Occurrence) -> bool {
    let duration = part.line("DURATION").map(|line| Duration::parse(line.value()));
    let Ok(duration) = duration.unwrap_or(Ok(Duration::default())) else { return true };
    let is_day = part.line("DTSTART").is_some_and(|line| !line.value().contains('T'));
    let days = duration.days.max(i64::from(is_day && duration.seconds == 0));
    let usual = SignedDuration::from_secs(days * DAY_SECS + duration.seconds);
    let slack = SignedDuration::from_hours(if days == 0 { 0 } else { 3 });
    one.end.duration_since(one.start).checked_sub(usual).is_none_or(|more| more.abs() <= slack)
}

/// A start or an end: dates and floating times stay such, the rest is in UTC.
fn put_time(line: &mut Line, instant: Timestamp, shift: SignedDuration) {
    let Ok(time) = Time::of(line) else { return };
    let value = match time.value {
        Value::Local(_) if time.zone.is_some() => utc(instant),
        Value::Utc(_) => utc(instant),
        Value::Date(_) | Value::Local(_) => {
            let civil = time.value.civil();
            time.value.at(civil.checked_add(shift).unwrap_or(civil)).to_string()
        }
    };
    line.remove_parameter("TZID");
    if line.value() != value {
        line.set_value(value);
    }
}

/// Any other property that names a zone.
fn put_in_utc(line: &mut Line, zones: &Zones) {
    if line.parameter("TZID").is_none() {
        return;
    }
    let times: Result<Vec<String>, Error> =
        Time::list(line).map(|time| time.map(|time| utc(zones.instant(&time)))).collect();
    if let Ok(times) = times {
        line.set_value(times.join(","));
    }
    line.remove_parameter("TZID");
}

fn utc(instant: Timestamp) -> String {
    Value::Utc(TimeZone::UTC.to_datetime(instant)).to_string()
}

/// RFC 4791 §9.6.6: an overridden instance matters where it is in the range, or would have been.
fn limit_overrides(
    object: &CalendarObject,
    overlaps: impl Fn(usize) -> Result<bool, Error>,
    zones: &Zones,
    range: &TimeRange,
    limits: &Limits,
) -> Result<Component, Error> {
    let window = range.window();
    let master = object.parts().find(|part| part.line("RECURRENCE-ID").is_none());
    let plain = master.map(|master| length_of(master, zones, limits)).transpose()?;
    let mut keep = Vec::new();
    for (at, part) in object.parts().enumerate() {
        let Some(line) = part.line("RECURRENCE-ID") else {
            keep.push(true);
            continue;
        };
        let id = zones.instant(&Time::of(line)?);
        let goes_on = line.parameter("RANGE").is_some() && id < range.end;
        let end = id.checked_add(plain.unwrap_or_default()).unwrap_or(Timestamp::MAX);
        let was = id < window.end && (end > window.start || id == end && id >= window.start);
        keep.push(goes_on || was || overlaps(at)?);
    }
    let mut keep = keep.into_iter();
    let mut calendar = object.calendar().clone();
    let kind = object.kind().name();
    calendar.components.retain(|part| !part.is(kind) || keep.next().unwrap_or(true));
    Ok(calendar)
}

/// How long the instances of a series are.
fn length_of(master: &Component, zones: &Zones, limits: &Limits) -> Result<SignedDuration, Error> {
    let mut first = master.clone();
    first.lines.retain(|line| !RECURRENCE.contains(&line.name()));
    let all = crate::recur::Occurrences::of(&[&first], zones, limits)?;
    let span = all.span().map(|(start, end)| end.duration_since(start));
    Ok(span.unwrap_or_default())
}

/// RFC 4791 §9.6.7: only periods that overlap the range.
fn limit_free_busy(part: &mut Component, zones: &Zones, range: &TimeRange) {
    for line in &mut part.lines {
        if line.name() != "FREEBUSY" {
            continue;
        }
        let overlaps = |text: &&str| {
            Period::of(line, text).is_ok_and(|period| {
                let (start, end) = period.instants(zones);
                start < range.end && end > range.start
            })
        };
        let kept = split_list(line.value()).filter(overlaps).collect::<Vec<_>>().join(",");
        if kept != line.value() {
            line.set_value(kept);
        }
    }
    part.lines.retain(|line| line.name() != "FREEBUSY" || !line.value().is_empty());
}

/// RFC 4791 §9.6.1: what is not asked for is left out. As deep as the selection is.
fn select_component(component: &mut Component, selection: &ComponentSelection) {
    select_properties(&mut component.lines, &selection.properties);
    let Which::Some(wanted) = &selection.components else { return };
    component.components.retain_mut(|inner| {
        let found = wanted.iter().find(|wanted| inner.is(&wanted.name));
        found.is_some_and(|wanted| {
            select_component(inner, wanted);
            true
        })
    });
}

/// RFC 4791 §9.6.4, RFC 6352 §10.4.2: with `novalue`, the name and the parameters.
pub(super) fn select_properties(lines: &mut Vec<Line>, wanted: &Which<PropertySelection>) {
    let Which::Some(wanted) = wanted else { return };
    lines.retain_mut(|line| {
        let found = wanted.iter().find(|wanted| {
            // RFC 6352 §10.4.2: a name without a group is meant of every group.
            match (wanted.name.split_once('.'), line.group()) {
                (Some((group, name)), Some(other)) => {
                    group.eq_ignore_ascii_case(other) && name == line.name()
                }
                _ => wanted.name == line.name(),
            }
        });
        if found.is_some_and(|wanted| !wanted.with_value) {
            line.set_value("");
        }
        found.is_some()
    });
}
