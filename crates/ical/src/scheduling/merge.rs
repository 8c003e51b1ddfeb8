//! What a client has not seen yet of the answers of others (RFC 6638 §3.2.10.1).

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::changes::seen;
use super::parts::{Parts, bytes, bytes_made, sequence};
use super::users::{ANSWERED_SEQUENCE, ASKED_SEQUENCE, Scene};
use crate::component::Component;
use crate::line::Line;
use crate::object::{CalendarObject, calendar_user};

/// Parameters of ATTENDEE that answers change, or what is made of them.
const ANSWERED: [&str; 7] = [
    "PARTSTAT",
    "SCHEDULE-STATUS",
    "RSVP",
    "DELEGATED-TO",
    "SENT-BY",
    ANSWERED_SEQUENCE,
    ASKED_SEQUENCE,
];

/// What was put, with the answers of everybody but the owner as they are stored.
pub fn keep_answers(
    stored: &CalendarObject,
    put: &CalendarObject,
    scene: &Scene<'_>,
) -> CalendarObject {
    let (stored, new) = (Parts::of(stored, scene.limits), Parts::of(put, scene.limits));
    let mut calendar = put.calendar().clone();
    let kind = put.kind().name();
    let master = stored.master().map(Answers::of);
    let parts = calendar.components.iter_mut().filter(|part| part.is(kind));
    for ((instance, _), part) in new.iter().zip(parts) {
        match (stored.find(instance), &master) {
            (Some(known), _) if instance.is_some() => Answers::of(known).keep(part, scene),
            (_, Some(master)) => master.keep(part, scene),
            _ => {}
        }
    }
    calendar.components.extend(answered_alone(&stored, &new, scene));
    CalendarObject::of(calendar).unwrap_or_else(|_| put.clone())
}

/// RFC 6638 §4.2: an answer about one instance has made a component of it, which the client does
/// not know. What else has been said of an instance, and is not said any more, is taken away.
fn answered_alone(stored: &Parts<'_>, new: &Parts<'_>, scene: &Scene<'_>) -> Vec<Component> {
    // LIMIT: what is larger than an object may be is refused anyway.
    let mut room = scene.limits.bytes_max;
    let size_bytes = new.master().map_or(0, bytes_made).max(1);
    let mut answered = Vec::new();
    new.expect(stored);
    for (instance, known) in stored.iter() {
        let Some(at) = instance else { continue };
        if new.find(instance).is_some()
            || !is_by_answer(stored, at, known, scene)
            || !new.has_instance(at)
        {
            continue;
        }
        let Some(left) = room.checked_sub(size_bytes) else { break };
        room = left;
        if let Some(mut part) = new.instance_of_master(at) {
            // It is as new as it was: whoever has it answers to that.
            part.put(Line::new("SEQUENCE", sequence(known).to_string()));
            Answers::of(known).keep(&mut part, scene);
            answered.push(part);
        }
    }
    answered
}

/// Whether an instance is as the series has it, but for answers.
fn is_by_answer(stored: &Parts<'_>, at: Timestamp, known: &Component, scene: &Scene<'_>) -> bool {
    // What is much smaller is not made of it, and not worth making it for.
    let is_like = |master| bytes(master) / 2 <= bytes(known) + 1_024;
    if !stored.master().is_some_and(is_like) {
        return false;
    }
    let Some(mut plain) = stored.instance_of_master(at) else { return false };
    keep_delegates(&mut plain, known, scene);
    seen(&plain) == seen(known)
}

/// The ATTENDEEs of a component by who they are, of several lines the first.
struct Answers<'k> {
    part: &'k Component,
    lines: HashMap<String, &'k Line>,
}

impl<'k> Answers<'k> {
    fn of(part: &'k Component) -> Self {
        let mut lines = HashMap::new();
        for line in part.lines_named("ATTENDEE") {
            lines.entry(calendar_user(line.value())).or_insert(line);
        }
        Self { part, lines }
    }

    /// Puts them into what was put, but for the owner's own.
    fn keep(&self, part: &mut Component, scene: &Scene<'_>) {
        for line in part.lines.iter_mut().filter(|line| line.name() == "ATTENDEE") {
            let known = self.lines.get(&calendar_user(line.value()));
            if let Some(known) = known.filter(|_| !scene.users.is(line.value())) {
                keep_answer(line, known);
            }
        }
        keep_delegates(part, self.part, scene);
    }
}

/// RFC 5546 §3.2.3: who has come to it by an answer. An organizer is told of them by another tag,
/// and may leave them out.
fn keep_delegates(part: &mut Component, known: &Component, scene: &Scene<'_>) {
    if scene.users.organize(known) {
        return;
    }
    let is_delegate = |line: &&Line| line.parameter("DELEGATED-FROM").is_some();
    let mut delegates = known.lines_named("ATTENDEE").filter(is_delegate).peekable();
    if delegates.peek().is_none() {
        return;
    }
    let there = part.lines_named("ATTENDEE").map(|line| calendar_user(line.value()));
    let mut there: HashSet<String> = there.collect();
    for line in delegates {
        let user = calendar_user(line.value());
        if !scene.users.is(&user) && there.insert(user) {
            part.lines.push(line.clone());
        }
    }
}

fn keep_answer(line: &mut Line, known: &Line) {
    for name in ANSWERED {
        let values = |line: &Line| {
            let found = line.parameters().iter().find(|parameter| parameter.name == name);
            found.map(|parameter| parameter.values.clone())
        };
        match values(known) {
            Some(said) if values(line).as_ref() != Some(&said) => {
                line.set_parameter_values(name, said);
            }
            Some(_) => {}
            None => line.remove_parameter(name),
        }
    }
}
