//! A series that ends earlier than its rules say (RFC 5546 §3.2.5).

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::parts::time_of;
use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::recur::Occurrences;
use crate::text::split_list;
use crate::time::{Time, Value};
use crate::zone::Zones;

/// LIMIT: times that a rule is followed for, to learn whether it has ended before. One with more is
/// given the new end.
const FOLLOWED_MAX: usize = 10_000;

/// The one that recurs without an instance and all that follow; `None` where it begins there, or
/// after.
pub(super) fn end_before(
    mut master: Component,
    at: Timestamp,
    zones: &Zones,
    limits: &Limits,
) -> Option<Component> {
    let start = time_of(&master, "DTSTART").filter(|start| zones.instant(start) < at)?;
    let until = last_before(&start, at, zones);
    let goes_on: Vec<bool> =
        master.lines_named("RRULE").map(|rule| goes_on(&master, rule, at, zones, limits)).collect();
    let rules = master.lines.iter_mut().filter(|line| line.name() == "RRULE");
    for (rule, _) in rules.zip(goes_on).filter(|(_, goes_on)| *goes_on) {
        rule.set_value(ended(rule.value(), until));
    }
    master.lines.retain_mut(|line| line.name() != "RDATE" || keep_earlier(line, at, zones));
    Some(master)
}

/// RFC 5545 §3.3.10: UNTIL is a date where the start is one, floating where it is, else in UTC.
fn last_before(start: &Time, at: Timestamp, zones: &Zones) -> Value {
    let second = SignedDuration::from_secs(1);
    let local = zones.zone_of(start).local(at);
    match start.value {
        Value::Date(_) => Value::Date(local.date().yesterday().unwrap_or(local.date())),
        Value::Local(_) if zones.is_floating(start) => {
            Value::Local(local.checked_sub(second).unwrap_or(local))
        }
        _ => Value::Utc(TimeZone::UTC.to_datetime(at.checked_sub(second).unwrap_or(at))),
    }
}

/// Whether a rule makes any time at an instant or after; also where that is not to be found out.
fn goes_on(master: &Component, rule: &Line, at: Timestamp, zones: &Zones, limits: &Limits) -> bool {
    let mut alone = Component::new(&master.name());
    alone.lines.extend(master.line("DTSTART").cloned());
    alone.lines.push(rule.clone());
    let candidates_max = limits.candidates_max.min(FOLLOWED_MAX);
    let occurrences_max = limits.occurrences_max.min(FOLLOWED_MAX);
    let limits = Limits { candidates_max, occurrences_max, ..*limits };
    let Ok(all) = Occurrences::of(&[&alone], zones, &limits) else { return true };
    all.any(None, &(at..Timestamp::MAX), |one| zones.instant(&one.id) >= at).unwrap_or(true)
}

/// A rule with another end. RFC 5545 §3.3.10: COUNT does not stand beside UNTIL.
fn ended(rule: &str, until: Value) -> String {
    let is_end = |part: &str| {
        let name = part.split_once('=').map_or(part, |(name, _)| name).trim();
        name.eq_ignore_ascii_case("COUNT") || name.eq_ignore_ascii_case("UNTIL")
    };
    let parts = rule.split(';').map(str::trim).filter(|part| !part.is_empty() && !is_end(part));
    let mut parts: Vec<String> = parts.map(str::to_owned).collect();
    parts.push(format!("UNTIL={until}"));
    parts.join(";")
}

/// Takes what is not before an instant out of RDATE. Whether anything is left in it.
fn keep_earlier(line: &mut Line, at: Timestamp, zones: &Zones) -> bool {
    let is_earlier = |text: &&str| {
        // RFC 5545 §3.8.5.2: it may have periods.
        let start = text.split_once('/').map_or(*text, |(start, _)| start);
        Time::with_zone(line, start).map_or(true, |start| zones.instant(&start) < at)
    };
    let kept: Vec<&str> = split_list(line.value()).filter(is_earlier).collect();
    let (is_any, kept) = (!kept.is_empty(), kept.join(","));
    if kept.len() != line.value().len() {
        line.set_value(kept);
    }
    is_any
}
