//! What follows where an attendee changes their copy (RFC 6638 §3.2.2, RFC 5546 §3.2.3).

use jiff::Timestamp;

use super::changes::{Change, change, is_forced};
use super::delegation::take_back;
use super::message::{Method, Outgoing};
use super::parts::{Instance, Parts, is_cancelled, sequence, time_of};
use super::users::{Agent, Scene, partstat, without_numbers};
use crate::component::Component;
use crate::line::Line;
use crate::object::{CalendarObject, calendar_user};

/// LIMIT: instances that are refused one by one.
const REFUSED_MAX: usize = 50;

/// The messages that a change by an attendee sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttendeeChange {
    /// The object to be stored; `None` where it is deleted.
    pub stored: Option<Component>,
    /// The answer to the organizer, if there is anything to be answered.
    pub reply: Option<Outgoing>,
}

/// A change that only the organizer makes: CALDAV:allowed-attendee-scheduling-object-change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForbiddenChange(pub &'static str);

/// Properties that an answer has beside those of RFC 5546 §3.2.3: QUIRK(Google): it passes over
/// answers that do not say what they are about.
const TOLD: [&str; 11] = [
    "UID",
    "RECURRENCE-ID",
    "DTSTART",
    "DTEND",
    "DUE",
    "DURATION",
    "SUMMARY",
    "LOCATION",
    "ORGANIZER",
    "COMMENT",
    "SEQUENCE",
];

/// `old` is what was stored, `new` what was put; nothing where it was deleted. Objects that the
/// person is not invited by, or answers by other means, have no consequences.
pub fn attendee_change(
    old: Option<&CalendarObject>,
    new: Option<&CalendarObject>,
    scene: &Scene<'_>,
) -> Result<AttendeeChange, ForbiddenChange> {
    let mut stored = new.map(|new| {
        let mut calendar = new.calendar().clone();
        let lines = calendar.components.iter_mut().flat_map(|part| part.lines.iter_mut());
        lines.for_each(|line| {
            line.remove_parameter("SCHEDULE-FORCE-SEND");
            without_numbers(line);
        });
        calendar
    });
    let nothing = |stored| Ok(AttendeeChange { stored, reply: None });
    let Some(known) = new.or(old) else { return nothing(stored) };
    let Some(organizer) = organizer_of(known, scene) else { return nothing(stored) };
    let old = old.map(|old| Parts::of(old, scene.limits));
    let answers = match (old.as_ref(), new) {
        (old, Some(new)) => {
            let new = Parts::of(new, scene.limits);
            if let Some(old) = old {
                check(old, &new)?;
                if let Some(stored) = &mut stored {
                    take_back(old, &new, stored, scene.users);
                    keep_numbers(old, &new, stored);
                }
            }
            changed_answers(old, &new, &organizer, scene)
        }
        (Some(old), None) => refusals(old, scene),
        (None, None) => Vec::new(),
    };
    if answers.is_empty() {
        return nothing(stored);
    }
    let of = known.calendar();
    let reply = Outgoing::new(organizer.value(), Method::Reply, of, answers, scene);
    Ok(AttendeeChange { stored, reply: Some(reply) })
}

/// RFC 6638 §3.1: somebody else organizes it, by way of the server, and the person takes part.
fn organizer_of(object: &CalendarObject, scene: &Scene<'_>) -> Option<Line> {
    let organizer = object.parts().find_map(|part| part.line("ORGANIZER"))?;
    let takes_part = object.parts().any(|part| scene.users.attendee(part).is_some());
    let by_server = Agent::of(organizer) == Agent::Server && !scene.users.is(organizer.value());
    (takes_part && by_server).then(|| organizer.clone())
}

/// RFC 6638 §3.2.2.1: who and when is up to the organizer. What else programs write by themselves
/// (categories, colours, other descriptions) stays with the attendee.
fn check(old: &Parts<'_>, new: &Parts<'_>) -> Result<(), ForbiddenChange> {
    for (instance, part) in new.iter() {
        let Some(before) = old.describing(instance) else { continue };
        let organizer =
            |part: &Component| part.line("ORGANIZER").map(|line| calendar_user(line.value()));
        if organizer(before) != organizer(part) {
            return Err(ForbiddenChange("the organizer"));
        }
        let Some(own) = old.find(instance) else {
            // So that they can answer for it alone; it is where it was.
            if instance.is_some_and(|at| is_elsewhere(part, at, new)) {
                return Err(ForbiddenChange("the time"));
            }
            continue;
        };
        // An exception is theirs to make; what brings an instance back is not.
        if change(own, old, part, new) == Change::Rescheduled {
            return Err(ForbiddenChange("the time"));
        }
    }
    Ok(())
}

/// Whether an instance begins at another time than its series has it.
fn is_elsewhere(part: &Component, at: Timestamp, new: &Parts<'_>) -> bool {
    let (Some(id), Some(start)) = (time_of(part, "RECURRENCE-ID"), time_of(part, "DTSTART")) else {
        return false;
    };
    id.value.is_date() == start.value.is_date() && new.zones.instant(&start) != at
}

/// RFC 5546 §2.1.4: SEQUENCE is the organizer's, and so is DTSTAMP of what they sent. What is
/// stored says with which number the attendee was asked, so that the next answer has it too, and
/// what the organizer says next is newer. QUIRK(DAVx5): an exception that it makes has SEQUENCE:1,
/// whatever the series has; other programs leave it out. Most write when they put it into DTSTAMP.
fn keep_numbers(old: &Parts<'_>, new: &Parts<'_>, stored: &mut Component) {
    let kind = new.object.kind().name();
    let parts = stored.components.iter_mut().filter(|part| part.is(kind));
    for ((instance, _), part) in new.iter().zip(parts) {
        let Some(asked) = old.describing(instance) else { continue };
        if sequence(part) != sequence(asked) {
            part.put(Line::new("SEQUENCE", sequence(asked).to_string()));
        }
        if let Some(stamp) = asked.line("DTSTAMP")
            && time_of(part, "DTSTAMP") != time_of(asked, "DTSTAMP")
        {
            part.put(stamp.clone());
        }
    }
}

/// Instances whose answer is another one, and those that are taken out.
fn changed_answers(
    old: Option<&Parts<'_>>,
    new: &Parts<'_>,
    organizer: &Line,
    scene: &Scene<'_>,
) -> Vec<Component> {
    let forced = is_forced(organizer, "REPLY");
    let answer = |part: &Component| scene.users.attendee(part).map(partstat);
    let mut answers = Vec::new();
    for (instance, part) in new.iter() {
        let Some(now) = answer(part) else { continue };
        let known = old.and_then(|old| old.describing(instance));
        // A first copy that the person put there answers where it says something.
        let before = known.and_then(answer).unwrap_or_else(|| "NEEDS-ACTION".to_owned());
        if (now != before || forced) && !is_cancelled(part) {
            // RFC 5546 §2.1.5: with the number of what they were asked.
            let number = sequence(known.unwrap_or(part));
            let mut answer = answered(part, scene, None);
            answer.put(Line::new("SEQUENCE", number.to_string()));
            answers.push(answer);
        }
    }
    let Some(old) = old else { return answers };
    let fresh = new.excepted().iter().filter(|at| old.excepted().binary_search(at).is_err());
    for at in fresh.copied().take(REFUSED_MAX) {
        let part = old.find(Some(at)).cloned().or_else(|| old.instance_of_master(at));
        if let Some(part) = part.filter(|part| may_refuse(part, scene)) {
            answers.push(answered(&part, scene, Some("DECLINED")));
        }
    }
    answers
}

/// RFC 6638 §3.2.2.4: who deletes it will not come.
fn refusals(old: &Parts<'_>, scene: &Scene<'_>) -> Vec<Component> {
    let parts = old.iter().filter(|(_, part): &(Instance, &Component)| may_refuse(part, scene));
    parts.map(|(_, part)| answered(part, scene, Some("DECLINED"))).collect()
}

fn may_refuse(part: &Component, scene: &Scene<'_>) -> bool {
    let answer = scene.users.attendee(part).map(partstat);
    !is_cancelled(part) && answer.is_some_and(|answer| answer != "DECLINED")
}

/// RFC 5546 §3.2.3: one ATTENDEE, who answers.
fn answered(part: &Component, scene: &Scene<'_>, answer: Option<&str>) -> Component {
    let mut reply = Component::new(&part.name());
    let told = part.lines.iter().filter(|line| TOLD.contains(&line.name()));
    reply.lines.extend(told.cloned());
    if let Some(own) = scene.users.attendee(part) {
        let mut own = own.clone();
        own.remove_parameter("RSVP");
        if let Some(answer) = answer {
            own.set_parameter("PARTSTAT", answer);
        }
        reply.lines.push(own);
    }
    if reply.line("SEQUENCE").is_none() {
        reply.lines.push(Line::new("SEQUENCE", sequence(part).to_string()));
    }
    reply.lines.push(Line::new("REQUEST-STATUS", "2.0;Success"));
    reply
}
