//! What becomes of an attendee's copy where REQUEST or CANCEL comes (RFC 5546 §3.2.2, §3.2.5,
//! RFC 6638 §4.1).

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;

use super::cancel::cancel;
use super::changes::{Change, change, change_of_instance, is_moved, seen};
use super::delegation::keep_own_answer;
use super::icloud::{have_one_organizer, renew_organizer};
use super::message::{Message, Method, without_schedule_parameters};
use super::parts::{Instance, Parts, bytes, is_cancelled, sequence, time_of};
use super::users::{Scene, partstat};
use crate::component::Component;
use crate::line::Line;
use crate::object::{CalendarObject, calendar_user};

/// Why a message changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// The stored copy is as new as the message, or newer.
    Stale,
    /// The person does not take part.
    NotInvited,
    /// The message is about a meeting that the calendar does not hold.
    Unknown,
    /// The stored copy has another organizer.
    OtherOrganizer,
    /// The message has another method.
    OtherMethod,
    /// What it says has no room in the meeting.
    TooLarge,
}

/// The object to be stored for an attendee. `existing` is their copy, of the same UID.
pub fn receive(
    existing: Option<&CalendarObject>,
    message: &Message,
    scene: &Scene<'_>,
) -> Result<Component, Ignored> {
    if existing.is_some_and(|existing| !have_one_organizer(existing, &message.object)) {
        // RFC 5546 §6.1: nobody speaks for another organizer.
        return Err(Ignored::OtherOrganizer);
    }
    let existing = existing.map(|existing| Parts::of(existing, scene.limits));
    let message_parts = Parts::of(&message.object, scene.limits);
    let mut made = match message.method {
        Method::Request => request(existing.as_ref(), &message_parts, scene),
        Method::Cancel => cancel(existing.as_ref().ok_or(Ignored::Unknown)?, &message_parts),
        Method::Reply => Err(Ignored::OtherMethod),
    }?;
    if existing.is_some() {
        renew_organizer(&mut made, &message_parts);
    }
    Ok(made)
}

pub(super) fn organizer(object: &CalendarObject) -> Option<String> {
    let line = object.parts().find_map(|part| part.line("ORGANIZER"));
    line.map(|line| calendar_user(line.value()))
}

/// RFC 5546 §2.1.5: by SEQUENCE, then by DTSTAMP.
fn is_stale(known: &Component, news: &Component) -> bool {
    let stamp = |part: &Component| time_of(part, "DTSTAMP").map(|time| time.value.civil());
    (sequence(news), stamp(news)) < (sequence(known), stamp(known))
}

fn request(
    existing: Option<&Parts<'_>>,
    message: &Parts<'_>,
    scene: &Scene<'_>,
) -> Result<Component, Ignored> {
    if !message.iter().any(|(_, part)| scene.users.attendee(part).is_some()) {
        return Err(Ignored::NotInvited);
    }
    message.expect(message);
    existing.into_iter().for_each(|existing| message.expect(existing));
    let mut parts: Vec<(Instance, Component)> = Vec::new();
    let mut said: HashSet<Instance> = HashSet::new();
    for (instance, part) in message.iter() {
        let known = existing.and_then(|existing| existing.find(instance));
        if known.is_some_and(|known| is_stale(known, part)) || !said.insert(instance) {
            continue;
        }
        parts.push((instance, taken_over(existing, instance, part, message, scene)));
    }
    if said.is_empty() {
        return Err(Ignored::Stale);
    }
    if let Some(existing) = existing {
        leave_to_series(existing, message, scene, &mut parts);
        keep_others(existing, message, &said, &mut parts);
    }
    let of = message.object.calendar();
    Ok(assemble(of, existing.map(|existing| existing.object.calendar()), parts))
}

/// A component of a message with what is the attendee's own: alarms, whether it takes time, and
/// their answer, unless it was to something else.
fn taken_over(
    existing: Option<&Parts<'_>>,
    instance: Instance,
    part: &Component,
    message: &Parts<'_>,
    scene: &Scene<'_>,
) -> Component {
    let mut new = part.clone();
    new.components.retain(|inner| !inner.is("VALARM"));
    new.lines.iter_mut().for_each(without_schedule_parameters);
    let Some(existing) = existing else { return new };
    let Some(known) = existing.describing(instance) else { return new };
    let what = match (existing.find(instance), instance) {
        (Some(known), _) => change(known, existing, part, message),
        (None, Some(_)) => change_of_instance(known, existing, part, message),
        (None, None) => Change::Rescheduled,
    };
    new.components.extend(known.components_named("VALARM").cloned());
    for name in ["TRANSP", "CATEGORIES", "COLOR"] {
        // QUIRK(Google, Exchange): TRANSP:OPAQUE in every message. It is the reader's to say.
        let own: Vec<Line> = known.lines_named(name).cloned().collect();
        if !own.is_empty() {
            new.lines.retain(|line| line.name() != name);
            new.lines.extend(own);
        }
    }
    // RFC 6638 §7.1: by whom they answer is the attendee's to say.
    let agent = known.line("ORGANIZER").and_then(|line| line.parameter("SCHEDULE-AGENT"));
    if let (Some(agent), Some(line)) = (agent, line_mut(&mut new, "ORGANIZER")) {
        line.set_parameter("SCHEDULE-AGENT", agent);
    }
    // RFC 5546 §3.2.5: who was taken out of it is asked anew where they are invited again.
    if what != Change::Rescheduled && !is_cancelled(known) {
        keep_own_answer(known, &mut new, scene.users);
    }
    new
}

fn line_mut<'c>(part: &'c mut Component, name: &str) -> Option<&'c mut Line> {
    part.lines.iter_mut().find(|line| line.name() == name)
}

/// An instance that was something else, and is as the series has it now, needs no component: one
/// would stay as it is where the series changes.
fn leave_to_series(
    existing: &Parts<'_>,
    message: &Parts<'_>,
    scene: &Scene<'_>,
    parts: &mut Vec<(Instance, Component)>,
) {
    let own = |part: &Component| scene.users.attendee(part).map(partstat);
    let master = parts.iter().find(|(instance, _)| instance.is_none());
    let Some(answer) = master.map(|(_, master)| own(master)) else { return };
    parts.retain(|(instance, part)| {
        let Some(at) = *instance else { return true };
        let (said, known) = (message.find(*instance), existing.find(*instance));
        let was_other = |said| known.is_some_and(|known| seen(known) != seen(said));
        // An answer to it alone stays one.
        let is_answered = |said| own(part) != answer && own(part) != own(said);
        let is_left = said.is_some_and(|said| {
            !is_answered(said) && was_other(said) && is_as_in_series(said, at, message)
        });
        !is_left
    });
}

/// Whether a message says of an instance what it says of the series, answers included.
fn is_as_in_series(part: &Component, at: Timestamp, message: &Parts<'_>) -> bool {
    // What is much smaller is something else, and not worth making an instance for.
    let is_like = |master| bytes(master) / 2 <= bytes(part) + 1_024;
    if !message.master().is_some_and(is_like) || !message.has_instance(at) {
        return false;
    }
    let answers = |part: &Component| {
        let lines = part.lines_named("ATTENDEE");
        let answers = lines.map(|line| (calendar_user(line.value()), partstat(line)));
        answers.collect::<BTreeSet<_>>()
    };
    let plain = message.instance_of_master(at);
    plain.is_some_and(|plain| seen(&plain) == seen(part) && answers(&plain) == answers(part))
}

/// What a message does not speak of. One about some instances leaves the rest; one about the whole
/// leaves other instances where they are still instances of it.
fn keep_others(
    existing: &Parts<'_>,
    message: &Parts<'_>,
    said: &HashSet<Instance>,
    parts: &mut Vec<(Instance, Component)>,
) {
    let has_master = message.master().is_some();
    // What the reader took out for themselves, and the organizer has still, moves nothing.
    let is_moved = match (existing.master(), message.master()) {
        (Some(old), Some(new)) => is_moved(old, existing, new, message),
        _ => false,
    };
    // Who is left with instances of what is over has these alone: to delete the rest is no answer.
    let is_over = !has_master && existing.master().is_some_and(is_cancelled);
    let excepted = message.excepted();
    for (instance, part) in existing.iter().filter(|(instance, _)| !said.contains(instance)) {
        let stays = match instance {
            _ if is_over => !is_cancelled(part),
            // The message was stale about it, or not about it.
            None => true,
            Some(_) if !has_master => true,
            // RFC 5546 §3.2.2.1: a new time of the whole is that of all instances.
            Some(at) => {
                !is_moved && excepted.binary_search(&at).is_err() && message.has_instance(at)
            }
        };
        if stays {
            parts.push((instance, part.clone()));
        }
    }
    parts.sort_by_key(|(instance, _)| *instance);
}

/// A VCALENDAR of components, with the zones of one or two others.
pub(super) fn assemble(
    of: &Component,
    and: Option<&Component>,
    parts: Vec<(Instance, Component)>,
) -> Component {
    let mut calendar = of.clone();
    calendar.lines.retain(|line| line.name() != "METHOD");
    calendar.components.retain(|inner| inner.is("VTIMEZONE"));
    for zone in and.into_iter().flat_map(|other| other.components_named("VTIMEZONE")) {
        let id = |zone: &Component| zone.line("TZID").map(|line| line.text().trim().to_owned());
        if !calendar.components.iter().any(|known| id(known) == id(zone)) {
            calendar.components.push(zone.clone());
        }
    }
    calendar.components.extend(parts.into_iter().map(|(_, part)| part));
    calendar
}
