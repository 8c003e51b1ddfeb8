//! Tells whether two objects differ in nothing but alarms.

use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::zone::Zone;

use super::is_note;

/// What is raised whenever something is written, also an alarm alone.
/// QUIRK(Thunderbird): X-MOZ-GENERATION counts how often.
const RAISED: [&str; 3] = ["DTSTAMP", "LAST-MODIFIED", "X-MOZ-GENERATION"];

/// Whether one object says what another does but for alarms and what is noted of them. What
/// programs write anew with every alarm makes no difference, nor what another program only writes
/// otherwise: the order of properties, its own name, the description of a time zone that everybody
/// knows. What cannot be read says something else.
pub fn is_same_but_alarms(one: &[u8], other: &[u8], limits: &Limits) -> bool {
    let read = |object| Component::parse(object, limits).ok().map(|calendar| said(&calendar, 0));
    match (read(one), read(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// What a component says, in one spelling. As deep as [`Limits::depth_max`] let it be read.
fn said(component: &Component, depth: usize) -> Said {
    let is_part = depth == 1 && ["VEVENT", "VTODO"].iter().any(|name| component.is(name));
    let is_passed_over = |line: &Line| match depth {
        0 => is_default(line),
        1 => RAISED.contains(&line.name()) || is_part && is_note(line.name()),
        _ => false,
    };
    let lines = component.lines.iter().filter(|line| !is_passed_over(line));
    let mut lines: Vec<Spelled> = lines.map(spelled).collect();
    lines.sort_unstable();
    let within = component.components.iter();
    let within = within.filter(|within| match depth {
        0 => !is_known_zone(within),
        _ => !(is_part && within.is("VALARM")),
    });
    let mut within: Vec<Said> = within.map(|within| said(within, depth + 1)).collect();
    within.sort_unstable();
    Said { name: component.name(), lines, within }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    name: String,
    lines: Vec<Spelled>,
    within: Vec<Said>,
}

/// Name, value, and parameters with their values.
type Spelled = (String, String, Vec<(String, Vec<String>)>);

fn spelled(line: &Line) -> Spelled {
    let parameters = line.parameters().iter();
    let mut parameters: Vec<(String, Vec<String>)> =
        parameters.map(|one| (one.name.clone(), one.values.clone())).collect();
    parameters.sort_unstable();
    (line.name().to_owned(), line.value().to_owned(), parameters)
}

/// Whether a line of a calendar says who wrote it, or what holds without it (RFC 5545 §3.7.1).
fn is_default(line: &Line) -> bool {
    match line.name() {
        "PRODID" => true,
        "CALSCALE" => line.value().trim().eq_ignore_ascii_case("GREGORIAN"),
        _ => false,
    }
}

fn is_known_zone(component: &Component) -> bool {
    let id = component.line("TZID").filter(|_| component.is("VTIMEZONE"));
    id.is_some_and(|id| Zone::named(id.value().trim()).is_some())
}
