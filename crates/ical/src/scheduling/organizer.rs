//! What follows where an organizer changes an object (RFC 6638 §3.2.1, RFC 5546 §3.2.2, §3.2.5).

use std::collections::HashSet;
use std::convert::Infallible;

use super::changes::{Change, change, change_of_instance, served};
use super::message::{Method, Outgoing};
use super::parts::{Instance, Parts, next_sequence, sequence};
use super::users::{ANSWERED_SEQUENCE, ASKED_SEQUENCE, Agent, Scene, without_numbers};
use super::view::View;
use crate::component::Component;
use crate::line::Line;
use crate::object::{CalendarObject, calendar_user};

/// LIMIT: instances that are cancelled one by one. Of more, the whole is sent.
const CANCELLED_MAX: usize = 20;

/// The outcome of a change by the organizer: the object to store and the messages to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizerChange {
    /// The object to be stored: SEQUENCE and PARTSTAT as the rules want them. `None` where it is
    /// deleted. RFC 6638 §7.3: how the messages fared is still to be said in it.
    pub stored: Option<Component>,
    /// Messages, in order.
    pub outgoing: Vec<Outgoing>,
}

/// `old` is what was stored, `new` what was put. There may be a message for each attendee, with all
/// of the object: CALDAV:max-attendees-per-instance (RFC 4791 §5.2.9) is to be asked for before. An
/// object that the person does not organize, or
/// that invites nobody, has no consequences.
pub fn organizer_change(
    old: Option<&CalendarObject>,
    new: Option<&CalendarObject>,
    scene: &Scene<'_>,
) -> OrganizerChange {
    let mut outgoing = Vec::new();
    let Ok(stored) = organizer_change_with(old, new, scene, |message| {
        outgoing.push(message);
        Ok::<_, Infallible>(())
    });
    OrganizerChange { stored, outgoing }
}

/// The same, with each message given away before the next one is made: all of them together are as
/// large as the object is for each who is invited. What is to be stored, or the first error.
pub fn organizer_change_with<E>(
    old: Option<&CalendarObject>,
    new: Option<&CalendarObject>,
    scene: &Scene<'_>,
    mut send: impl FnMut(Outgoing) -> Result<(), E>,
) -> Result<Option<Component>, E> {
    let mine = |object: &&CalendarObject| object.parts().all(|part| scene.users.organize(part));
    let stored = new.map(|new| match (old.filter(mine), mine(&new)) {
        (Some(old), true) => settle(old, new, scene),
        _ => as_put(new),
    });
    let settled = stored.clone().and_then(|calendar| CalendarObject::of(calendar).ok());
    let settled = settled.filter(|object| mine(&object));
    let old = old.filter(mine).map(|old| Parts::of(old, scene.limits));
    let new = settled.as_ref().map(|new| Parts::of(new, scene.limits));
    if let (Some(old), Some(new)) = (&old, &new) {
        new.expect(old);
        // What is taken out of it, for all or for some.
        old.expect(new);
        old.expect_these(new.excepted().iter().copied());
    }
    let mut outgoing = Vec::new();
    for user in invited(&[&old, &new], scene) {
        tell(&user, old.as_ref(), new.as_ref(), scene, &mut outgoing);
        outgoing.drain(..).try_for_each(&mut send)?;
    }
    Ok(stored.map(|mut calendar| {
        let lines = calendar.components.iter_mut().flat_map(|part| part.lines.iter_mut());
        // RFC 6638 §7.2: it is not kept.
        lines.for_each(|line| line.remove_parameter("SCHEDULE-FORCE-SEND"));
        calendar
    }))
}

/// What was put, without what the server remembers of answers: that is not a program's to say, nor
/// is it true of the copy of another meeting.
fn as_put(new: &CalendarObject) -> Component {
    let mut calendar = new.calendar().clone();
    let lines = calendar.components.iter_mut().flat_map(|part| part.lines.iter_mut());
    lines.filter(|line| line.name() == "ATTENDEE").for_each(without_numbers);
    calendar
}

/// SEQUENCE grows and answers are void where it has another time.
fn settle(old: &CalendarObject, new: &CalendarObject, scene: &Scene<'_>) -> Component {
    let (old, new) = (Parts::of(old, scene.limits), Parts::of(new, scene.limits));
    new.expect(&old);
    let mut calendar = as_put(new.object);
    let kind = new.object.kind().name();
    let told = Told::of(&old, &new);
    let parts = calendar.components.iter_mut().filter(|part| part.is(kind));
    for ((instance, put), part) in new.iter().zip(parts) {
        let (what, known) = match (old.find(instance), old.master()) {
            (Some(before), _) => (change(before, &old, put, &new), before),
            (None, Some(master)) if instance.is_some() => {
                (change_of_instance(master, &old, put, &new), master)
            }
            _ => continue,
        };
        let least = match what {
            // RFC 5546 §3.2.5: CANCEL has a new number, and who is asked again has to have no older
            // one. All others hear that the people are others.
            Change::None if served(known).is_subset(&served(put)) => sequence(known),
            _ => next_sequence(known),
        };
        let least = least.max(told.least(instance, put));
        if sequence(part) < least {
            // RFC 5546 §2.1.4: by the organizer's program; where that has not, by the server.
            part.put(Line::new("SEQUENCE", least.to_string()));
        }
        keep_statuses(part, known);
        if old.find(instance).is_none() {
            // What they answered to all of them says nothing of how old an answer to this one is.
            let people = part.lines.iter_mut().filter(|line| line.name() == "ATTENDEE");
            people.for_each(|line| line.remove_parameter(ANSWERED_SEQUENCE));
        }
        if what == Change::Rescheduled {
            reset_answers(part, scene);
        }
    }
    calendar
}

/// What others are going to be told with the number of another component, or against one.
struct Told {
    /// The SEQUENCE for instances that are again as the series has them: they are told of with the
    /// number of the whole.
    taken_back: u64,
    /// Attendees who are no longer in the whole meeting, but may be in instances of it.
    leavers: HashSet<String>,
    /// The SEQUENCE with which the whole meeting is cancelled for these.
    end: u64,
}

impl Told {
    fn of(old: &Parts<'_>, new: &Parts<'_>) -> Self {
        let mut told = Self { taken_back: 0, leavers: HashSet::new(), end: 0 };
        for (instance, part) in old.iter() {
            let Some(at) = instance else { continue };
            if new.find(instance).is_none() && new.has_instance(at) {
                told.taken_back = told.taken_back.max(next_sequence(part));
            }
        }
        let Some(master) = old.master() else { return told };
        let left = new.master().map(served).unwrap_or_default();
        told.leavers = served(master).difference(&left).cloned().collect();
        told.end = next_sequence(master);
        told
    }

    /// RFC 5546 §2.1.5: what is not older than what is told with it, or before it.
    fn least(&self, instance: Instance, part: &Component) -> u64 {
        match instance {
            None => self.taken_back,
            Some(_) if self.leavers.is_empty() || served(part).is_disjoint(&self.leavers) => 0,
            Some(_) => self.end,
        }
    }
}

/// RFC 6638 §7.3: how messages fared is the server's to say, and with which numbers people were
/// asked and have answered. Programs that do not know of it, or have not read it yet, leave it out.
fn keep_statuses(part: &mut Component, known: &Component) {
    for line in part.lines.iter_mut().filter(|line| line.name() == "ATTENDEE") {
        let user = calendar_user(line.value());
        let mut lines = known.lines_named("ATTENDEE");
        let before = lines.find(|known| calendar_user(known.value()) == user);
        let said = |name| before.and_then(|before| before.parameter(name));
        if let (None, Some(status)) = (line.parameter("SCHEDULE-STATUS"), said("SCHEDULE-STATUS")) {
            line.set_parameter("SCHEDULE-STATUS", status);
        }
        for name in [ASKED_SEQUENCE, ANSWERED_SEQUENCE] {
            if let Some(number) = said(name) {
                line.set_parameter(name, number);
            }
        }
    }
}

/// RFC 6638 §3.2.8.
fn reset_answers(part: &mut Component, scene: &Scene<'_>) {
    let asked = sequence(part).to_string();
    for line in part.lines.iter_mut().filter(|line| line.name() == "ATTENDEE") {
        if scene.users.is(line.value()) || Agent::of(line) != Agent::Server {
            continue;
        }
        // RFC 5546 §2.1.5: what was answered to another time is no answer to this one.
        line.set_parameter(ASKED_SEQUENCE, asked.as_str());
        if line.parameter("PARTSTAT").is_some_and(|answer| answer != "NEEDS-ACTION") {
            line.set_parameter("PARTSTAT", "NEEDS-ACTION");
        }
    }
}

/// Everybody who is invited before or afterwards, each once.
fn invited(all: &[&Option<Parts<'_>>], scene: &Scene<'_>) -> Vec<String> {
    let (mut users, mut known) = (Vec::new(), HashSet::new());
    let parts = all.iter().filter_map(|parts| parts.as_ref()).flat_map(Parts::iter);
    for line in parts.flat_map(|(_, part)| part.lines_named("ATTENDEE")) {
        let user = calendar_user(line.value());
        // RFC 6638 §3.2.1: never to oneself.
        if !scene.users.is(&user) && known.insert(user.clone()) {
            users.push(user);
        }
    }
    users
}

/// What one person is told.
fn tell(
    user: &str,
    old: Option<&Parts<'_>>,
    new: Option<&Parts<'_>>,
    scene: &Scene<'_>,
    outgoing: &mut Vec<Outgoing>,
) {
    let before = old.map(|old| View::of(user, old)).unwrap_or_default();
    let after = new.map(|new| View::of(user, new)).unwrap_or_default();
    let Some(of) = new.filter(|_| !after.is_empty()).or(old) else { return };
    let calendar = of.object.calendar();
    let mut send = |method, parts| {
        outgoing.push(Outgoing::new(user, method, calendar, parts, scene));
    };
    let was_over = before.is_empty() || before.is_over();
    let Some(new) = new.filter(|_| !after.is_empty()) else {
        if !was_over {
            send(Method::Cancel, before.cancelled());
        }
        return;
    };
    let whole = before.lost_whole(&after);
    if after.is_over() {
        if !was_over {
            send(Method::Cancel, whole.map_or_else(|| after.cancelled(), |whole| vec![whole]));
        }
        return;
    }
    let mut is_news = after.has_news(&before);
    if let Some(whole) = whole {
        // RFC 6638 §3.2.1.2, RFC 5546 §3.2.5: what is left of it for them is told after.
        send(Method::Cancel, vec![whole]);
        is_news = true;
    } else if let Some(old) = old {
        let lost = before.lost(&after, old, new);
        let few = lost.len() <= CANCELLED_MAX;
        let is_whole = after.master().is_some();
        let lost = lost.into_iter().filter(|_| few || !is_whole);
        let lost = lost.filter_map(|at| after.lost_part(at, old));
        let lost = lost.map(|part| cancelled(part, new));
        match few {
            true => lost.for_each(|part| send(Method::Cancel, vec![part])),
            // Where there is no whole to be told of instead, nothing else says that they are over.
            false if !is_whole => send(Method::Cancel, lost.collect()),
            false => is_news = true,
        }
    }
    if is_news || after.asks_anew(&before, user) {
        let back = before.taken_back(&after, new, user);
        send(Method::Request, after.into_parts().into_iter().chain(back).collect());
    }
}

/// What somebody who is asked again is sent of an object; `None` where there is nothing for them.
pub(super) fn request_for(user: &str, parts: &Parts<'_>) -> Option<Vec<Component>> {
    let view = View::of(user, parts);
    let is_asked = !view.is_empty() && !view.is_over();
    is_asked.then(|| view.into_parts())
}

fn cancelled(mut part: Component, new: &Parts<'_>) -> Component {
    let newest = new.iter().map(|(_, part)| sequence(part)).max().unwrap_or(0);
    let number = newest.max(sequence(&part));
    part.put(Line::new("SEQUENCE", number.to_string()));
    part.put(Line::new("STATUS", "CANCELLED"));
    part
}
