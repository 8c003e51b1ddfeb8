//! What a VAVAILABILITY has to be (RFC 7953 §3.1), and of which time it speaks.

use jiff::{SignedDuration, Timestamp};

use super::invalid::Invalid;
use crate::component::Component;
use crate::error::Error;
use crate::limits::Limits;
use crate::line::Line;
use crate::recur::Occurrences;
use crate::time::{DAY_SECS, Duration, Time, Value};
use crate::zone::Zones;

/// LIMIT: AVAILABLE parts of one component (RFC 7953 §8).
const PARTS_MAX: usize = 500;
const YEAR: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Properties that stand once, if at all.
const ONCE: [&str; 9] = [
    "BUSYTYPE",
    "DTSTAMP",
    "DTSTART",
    "DTEND",
    "DURATION",
    "PRIORITY",
    "RECURRENCE-ID",
    "RRULE",
    "UID",
];

/// When the time begins and ends that a VAVAILABILITY speaks of. RFC 7953 §3.1: without DTSTART, or
/// without DTEND and DURATION, it has no beginning, or no end.
pub(crate) fn availability_ends(
    one: &Component,
    zones: &Zones,
) -> Result<(Timestamp, Timestamp), Error> {
    let at = |name: &str| -> Result<Option<Timestamp>, Error> {
        let time = one.line(name).map(Time::of).transpose()?;
        Ok(time.map(|time| zones.instant(&time)))
    };
    let start = at("DTSTART")?;
    let end = match (at("DTEND")?, start, one.line("DURATION")) {
        (Some(end), ..) => end,
        (None, Some(start), Some(line)) => {
            let length = Duration::parse(line.value())?;
            let seconds = length.days.saturating_mul(DAY_SECS).saturating_add(length.seconds);
            start.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
        }
        (None, ..) => Timestamp::MAX,
    };
    Ok((start.unwrap_or(Timestamp::MIN), end))
}

/// The rules of RFC 7953 §3.1 for a component, whose values are what they have to be.
pub(super) fn check(one: &Component, zones: &Zones) -> Result<(), Invalid> {
    if one.line("RECURRENCE-ID").is_some() || one.line("RRULE").is_some() {
        return Err(Invalid::Object("availability as a whole does not recur"));
    }
    check_times(one)?;
    if one.line("DURATION").is_some() && one.line("DTSTART").is_none() {
        return Err(Invalid::Object("a duration from no beginning"));
    }
    let (start, end) = availability_ends(one, zones)?;
    // RFC 7953 §7.2.2
    if end < start {
        return Err(Invalid::Object("it ends before it begins"));
    }
    // RFC 7953 §3.2
    let is_free = |line: &Line| line.value().trim().eq_ignore_ascii_case("FREE");
    if one.line("BUSYTYPE").is_some_and(is_free) {
        return Err(Invalid::Object("what is free is said by AVAILABLE"));
    }
    // RFC 5545 §3.8.1.9
    let is_priority = |line: &Line| line.value().trim().parse::<u8>().is_ok_and(|at| at <= 9);
    if !one.lines_named("PRIORITY").all(is_priority) {
        return Err(Invalid::Data(Error::Value("priority")));
    }
    let parts: Vec<&Component> = one.components_named("AVAILABLE").collect();
    if parts.len() > PARTS_MAX {
        return Err(Invalid::Data(Error::TooLarge("times of availability")));
    }
    for part in parts {
        if part.line("DTSTART").is_none() || part.line("UID").is_none() {
            return Err(Invalid::Object("AVAILABLE has a UID and a beginning"));
        }
        check_times(part)?;
    }
    Ok(())
}

fn check_times(part: &Component) -> Result<(), Invalid> {
    if ONCE.iter().any(|name| part.lines_named(name).count() > 1) {
        return Err(Invalid::Object("a property of availability stands there twice"));
    }
    if part.line("DTEND").is_some() && part.line("DURATION").is_some() {
        return Err(Invalid::Object("it has an end and a duration"));
    }
    for line in part.lines.iter().filter(|line| matches!(line.name(), "DTSTART" | "DTEND")) {
        let time = Time::of(line)?;
        // RFC 7953 §3.1: in UTC or in a zone.
        let is_fixed = match time.value {
            Value::Utc(_) => true,
            Value::Local(_) => time.zone.is_some(),
            Value::Date(_) => false,
        };
        if !is_fixed {
            return Err(Invalid::Object("availability is in UTC or in a time zone"));
        }
    }
    Ok(())
}

/// Whether one AVAILABLE comes back more often than so many times in its first year.
pub(super) fn recurs_more_than(
    one: &Component,
    max: usize,
    zones: &Zones,
    limits: &Limits,
) -> Result<bool, Error> {
    for part in one.components_named("AVAILABLE").filter(|part| part.line("RRULE").is_some()) {
        let all = Occurrences::of(&[part], zones, limits)?;
        let Some((begin, _)) = all.span() else { continue };
        let mut count = 0;
        let end = begin.checked_add(YEAR).unwrap_or(Timestamp::MAX);
        let is_too_often = all.any(None, &(begin..end), |_| {
            count += 1;
            count > max
        })?;
        if is_too_often {
            return Ok(true);
        }
    }
    Ok(false)
}
