//! What of a change matters to whom (RFC 5546 §2.1.4, RFC 6638 §3.2.8).

use std::collections::{BTreeSet, HashSet};

use super::parts::{Parts, is_cancelled, time_of};
use super::users::Agent;
use crate::component::Component;
use crate::line::Line;
use crate::object::calendar_user;
use crate::recur::{Rule, Until};
use crate::time::{DAY_SECS, Duration, Time};
use crate::zone::Zones;

/// What one component is, compared with what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Its time did not change.
    None,
    /// It takes place less: who agreed to the rest still does.
    Narrowed,
    /// It is at another time, or at more times: everybody is asked anew.
    Rescheduled,
}

/// When the first of a component begins and how long it takes, however that is said.
fn timing(part: &Component, zones: &Zones) -> (Option<i64>, Option<i64>) {
    let instant = |name| time_of(part, name).map(|time| zones.instant(&time));
    let start = instant("DTSTART");
    let end = instant("DTEND").or_else(|| instant("DUE"));
    let length = match (part.line("DURATION"), start, end) {
        (_, Some(start), Some(end)) => Some(end.duration_since(start).as_secs()),
        (Some(line), _, _) => {
            Duration::parse(line.value()).ok().map(|length| length.days * DAY_SECS + length.seconds)
        }
        (None, Some(_), None) => {
            let is_day = time_of(part, "DTSTART").is_some_and(|time| time.value.is_date());
            Some(if is_day { DAY_SECS } else { 0 })
        }
        (None, None, end) => end.map(|end| end.as_second()),
    };
    (start.map(|start| start.as_second()), length)
}

/// How a component differs from the one in its place.
pub(super) fn change(
    old: &Component,
    old_in: &Parts<'_>,
    new: &Component,
    new_in: &Parts<'_>,
) -> Change {
    let made = change_of_series(old, old_in, new, new_in);
    let except = times(old, "EXDATE", &old_in.zones);
    let except_now = times(new, "EXDATE", &new_in.zones);
    let cancelled = is_cancelled(new) && !is_cancelled(old);
    match made {
        Change::Rescheduled => Change::Rescheduled,
        // RFC 6638 §3.2.8: what brings instances back.
        _ if except.difference(&except_now).next().is_some() => Change::Rescheduled,
        _ if except != except_now || cancelled => Change::Narrowed,
        made => made,
    }
}

/// Like `change`, for the properties that make instances, not for those that take some out.
fn change_of_series(
    old: &Component,
    old_in: &Parts<'_>,
    new: &Component,
    new_in: &Parts<'_>,
) -> Change {
    if timing(old, &old_in.zones) != timing(new, &new_in.zones) {
        return Change::Rescheduled;
    }
    let more = times(old, "RDATE", &old_in.zones);
    let more_now = times(new, "RDATE", &new_in.zones);
    match rule_change(old, new) {
        Change::Rescheduled => Change::Rescheduled,
        // RFC 6638 §3.2.8: what makes new ones.
        _ if more_now.difference(&more).next().is_some() => Change::Rescheduled,
        Change::None if more == more_now => Change::None,
        _ => Change::Narrowed,
    }
}

/// Whether the instances of one that recurs are at other times, or at more of them.
pub(super) fn is_moved(
    old: &Component,
    old_in: &Parts<'_>,
    new: &Component,
    new_in: &Parts<'_>,
) -> bool {
    change_of_series(old, old_in, new, new_in) == Change::Rescheduled
}

/// How an instance that has become a component of its own differs from what it was before.
pub(super) fn change_of_instance(
    master: &Component,
    old_in: &Parts<'_>,
    new: &Component,
    new_in: &Parts<'_>,
) -> Change {
    let id = time_of(new, "RECURRENCE-ID").map(|id| new_in.zones.instant(&id).as_second());
    let (start, length) = timing(new, &new_in.zones);
    if start != id || length != timing(master, &old_in.zones).1 {
        return Change::Rescheduled;
    }
    if is_cancelled(new) { Change::Narrowed } else { Change::None }
}

fn times(part: &Component, name: &str, zones: &Zones) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in part.lines_named(name) {
        for time in Time::list(line) {
            match time {
                Ok(time) => found.insert(zones.instant(&time).to_string()),
                // A list of periods, which is compared as it is written.
                Err(_) => found.insert(line.value().to_owned()),
            };
        }
    }
    found
}

fn rule_change(old: &Component, new: &Component) -> Change {
    let rules = |part: &Component| {
        let mut rules: Vec<String> = part
            .lines_named("RRULE")
            .map(|line| {
                Rule::parse(line.value())
                    .map_or_else(|_| line.value().to_owned(), |r| r.to_string())
            })
            .collect();
        rules.sort_unstable();
        rules
    };
    let (old, new) = (rules(old), rules(new));
    if old == new {
        return Change::None;
    }
    match (&old[..], &new[..]) {
        // RFC 6638 §3.2.8: an earlier end makes no instance.
        ([old], [new]) if is_shorter(old, new) => Change::Narrowed,
        (_, []) => Change::Narrowed,
        _ => Change::Rescheduled,
    }
}

fn is_shorter(old: &str, new: &str) -> bool {
    let (Ok(old), Ok(new)) = (Rule::parse(old), Rule::parse(new)) else { return false };
    let endless = |rule: &Rule| Rule { count: None, until: None, ..rule.clone() };
    let ends_earlier = match (old.until, new.until) {
        (Some(Until(old)), Some(Until(new))) => new.civil() <= old.civil(),
        (None, Some(_)) => old.count.is_none(),
        (_, None) => false,
    };
    let counts_less = match (old.count, new.count) {
        (Some(old), Some(new)) => new <= old,
        (None, Some(_)) => old.until.is_none(),
        (_, None) => false,
    };
    endless(&old) == endless(&new) && (ends_earlier || counts_less)
}

/// Properties that change by themselves, or are the reader's own.
const VOLATILE: [&str; 6] =
    ["DTSTAMP", "LAST-MODIFIED", "CREATED", "SEQUENCE", "TRANSP", "REQUEST-STATUS"];

/// QUIRK(Thunderbird): it writes down which reminders were dismissed or put off, and how often it
/// did; the second for each instance, whose time follows the name.
const REMINDERS: [&str; 3] = ["X-MOZ-LASTACK", "X-MOZ-SNOOZE-TIME", "X-MOZ-GENERATION"];

/// Whether a property is about reminders of one reader, and concerns nobody else.
pub(super) fn is_of_reminders(line: &Line) -> bool {
    REMINDERS.iter().any(|name| line.name().starts_with(name))
}

/// A component as those who are invited see it: equal where nothing is new to them.
pub(super) fn seen(part: &Component) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for line in &part.lines {
        match line.name() {
            name if VOLATILE.contains(&name) || name == "EXDATE" => {}
            _ if is_of_reminders(line) => {}
            // RFC 5546 §3.2.2: who takes part, not what they answered.
            "ATTENDEE" => {
                let role = line.parameter("ROLE").unwrap_or("REQ-PARTICIPANT");
                seen.push(format!("ATTENDEE {} {role}", calendar_user(line.value())));
            }
            "ORGANIZER" => seen.push(format!("ORGANIZER {}", calendar_user(line.value()))),
            // The same hour in another zone is another time.
            name => match line.parameter("TZID") {
                Some(zone) => seen.push(format!("{name};{}:{}", zone.trim(), line.value())),
                None => seen.push(format!("{name}:{}", line.value())),
            },
        }
    }
    seen.sort_unstable();
    seen
}

/// Whether somebody is invited by a component, and hears of it from the server.
pub(super) fn invites(part: &Component, user: &str) -> bool {
    let mut lines = part.lines_named("ATTENDEE");
    lines.any(|line| calendar_user(line.value()) == user && Agent::of(line) == Agent::Server)
}

/// The attendees of the component that the server schedules for: SCHEDULE-AGENT is SERVER or absent
/// (RFC 6638 §7.1).
pub(super) fn served(part: &Component) -> HashSet<String> {
    let lines = part.lines_named("ATTENDEE").filter(|line| Agent::of(line) == Agent::Server);
    lines.map(|line| calendar_user(line.value())).collect()
}

/// Whether the organizer wants a message to be sent, come what may (RFC 6638 §7.2).
pub(super) fn is_forced(line: &Line, method: &str) -> bool {
    line.parameter("SCHEDULE-FORCE-SEND").is_some_and(|value| value.eq_ignore_ascii_case(method))
}
