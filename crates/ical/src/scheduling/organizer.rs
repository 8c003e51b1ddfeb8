//! What follows where an organizer changes an object (RFC 6638 §3.2.1, RFC 5546 §3.2.2, §3.2.5).

use std::collections::{BTreeSet, HashSet};
use std::convert::Infallible;

use jiff::Timestamp;

use super::changes::{Change, change, change_of_instance, invites, is_forced, seen};
use super::message::{Method, Outgoing};
use super::parts::{Instance, Parts, except, is_cancelled, next_sequence, sequence};
use super::users::{Agent, Scene, Users, partstat};
use crate::component::Component;
use crate::line::Line;
use crate::object::{CalendarObject, calendar_user};

/// LIMIT: instances that are cancelled one by one. Of more, the whole is sent.
const CANCELLED_MAX: usize = 20;

/// What is stored, and what is sent.
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
        _ => new.calendar().clone(),
    });
    let settled = stored.clone().and_then(|calendar| CalendarObject::of(calendar).ok());
    let settled = settled.filter(|object| mine(&object));
    let old = old.filter(mine).map(|old| Parts::of(old, scene.limits));
    let new = settled.as_ref().map(|new| Parts::of(new, scene.limits));
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

/// SEQUENCE grows and answers are void where it has another time.
fn settle(old: &CalendarObject, new: &CalendarObject, scene: &Scene<'_>) -> Component {
    let (old, new) = (Parts::of(old, scene.limits), Parts::of(new, scene.limits));
    let mut calendar = new.object.calendar().clone();
    let kind = new.object.kind().name();
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
            Change::None => sequence(known),
            _ => next_sequence(known),
        };
        if sequence(part) < least {
            // RFC 5546 §2.1.4: by the organizer's program; where that has not, by the server.
            part.put(Line::new("SEQUENCE", least.to_string()));
        }
        if what == Change::Rescheduled {
            reset_answers(part, scene);
        }
        keep_statuses(part, known);
    }
    calendar
}

/// RFC 6638 §7.3: how messages fared is the server's to say. Programs that do not know of it, or
/// have not read it yet, leave it out.
fn keep_statuses(part: &mut Component, known: &Component) {
    for line in part.lines.iter_mut().filter(|line| line.name() == "ATTENDEE") {
        let user = calendar_user(line.value());
        let mut lines = known.lines_named("ATTENDEE");
        let before = lines.find(|known| calendar_user(known.value()) == user);
        let status = before.and_then(|before| before.parameter("SCHEDULE-STATUS"));
        if let (None, Some(status)) = (line.parameter("SCHEDULE-STATUS"), status) {
            let status = status.to_owned();
            line.set_parameter("SCHEDULE-STATUS", status);
        }
    }
}

/// RFC 6638 §3.2.8.
fn reset_answers(part: &mut Component, scene: &Scene<'_>) {
    for line in part.lines.iter_mut().filter(|line| line.name() == "ATTENDEE") {
        let is_asked = !scene.users.is(line.value()) && Agent::of(line) == Agent::Server;
        if is_asked && line.parameter("PARTSTAT").is_some_and(|answer| answer != "NEEDS-ACTION") {
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
    if after.is_empty() {
        if let (Some(old), false, false) = (old, before.is_empty(), before.is_over()) {
            let parts = before.cancelled();
            let calendar = old.object.calendar();
            outgoing.push(Outgoing::new(user, Method::Cancel, calendar, parts, scene));
        }
        return;
    }
    let Some(new) = new else { return };
    let calendar = new.object.calendar();
    if after.is_over() {
        if !before.is_over() && !before.is_empty() {
            let parts = after.cancelled();
            outgoing.push(Outgoing::new(user, Method::Cancel, calendar, parts, scene));
        }
        return;
    }
    let gone = before.lost(&after, new);
    let few = gone.len() <= CANCELLED_MAX;
    if let (Some(old), true) = (old, few) {
        for instance in &gone {
            let part = old.find(Some(*instance)).cloned();
            let part = part.or_else(|| old.instance_of_master(*instance));
            let parts: Vec<Component> = part.into_iter().collect();
            let parts = parts.into_iter().map(|part| cancelled(part, new)).collect();
            outgoing.push(Outgoing::new(user, Method::Cancel, calendar, parts, scene));
        }
    }
    let is_news = before.is_empty() || !few || before.seen() != after.seen();
    if is_news || after.asks_anew(&before, user) {
        let parts = after.parts.into_iter().map(|(_, part)| part).collect();
        outgoing.push(Outgoing::new(user, Method::Request, calendar, parts, scene));
    }
}

/// What somebody who is asked again is sent of an object; `None` where there is nothing for them.
pub(super) fn request_for(user: &str, parts: &Parts<'_>) -> Option<Vec<Component>> {
    let view = View::of(user, parts);
    let is_asked = !view.is_empty() && !view.is_over();
    is_asked.then(|| view.parts.into_iter().map(|(_, part)| part).collect())
}

fn cancelled(mut part: Component, new: &Parts<'_>) -> Component {
    let newest = new.iter().map(|(_, part)| sequence(part)).max().unwrap_or(0);
    let number = newest.max(sequence(&part));
    part.put(Line::new("SEQUENCE", number.to_string()));
    part.put(Line::new("STATUS", "CANCELLED"));
    part
}

/// What one person sees of an object (RFC 6638 §3.2.6).
#[derive(Debug, Default)]
struct View {
    parts: Vec<(Instance, Component)>,
    /// Instances that are taken out, for them or for all.
    excepted: Vec<Timestamp>,
}

impl View {
    fn of(user: &str, parts: &Parts<'_>) -> Self {
        let mut view = Self::default();
        let has_master = parts.master().is_some_and(|master| invites(master, user));
        if has_master {
            view.excepted = parts.excepted().to_vec();
        }
        let mut hidden = Vec::new();
        for (instance, part) in parts.iter() {
            if invites(part, user) {
                view.parts.push((instance, part.clone()));
            } else if let (Some(instance), true) = (instance, has_master) {
                hidden.push(instance);
            }
        }
        let master = view.parts.iter_mut().find(|(instance, _)| instance.is_none());
        if let Some((_, master)) = master {
            hidden.iter().for_each(|instance| except(master, *instance, &parts.zones));
        }
        view.excepted.extend(hidden);
        view.excepted.sort_unstable();
        view
    }

    /// Whether an instance is taken out.
    fn excepts(&self, at: Timestamp) -> bool {
        self.excepted.binary_search(&at).is_ok()
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether all of it is cancelled.
    fn is_over(&self) -> bool {
        !self.is_empty() && self.parts.iter().all(|(_, part)| is_cancelled(part))
    }

    /// Whether somebody is asked who was not any more, or has to be (RFC 6638 §3.2.8, §7.2).
    fn asks_anew(&self, before: &Self, user: &str) -> bool {
        let users = Users::new(&[user]);
        let is_asked = |part: &Component| {
            users.attendee(part).is_some_and(|line| partstat(line) == "NEEDS-ACTION")
        };
        self.parts.iter().any(|(instance, part)| {
            let forced = users.attendee(part).is_some_and(|line| is_forced(line, "REQUEST"));
            let known = before.parts.iter().find(|(other, _)| other == instance);
            forced || is_asked(part) && known.is_some_and(|(_, known)| !is_asked(known))
        })
    }

    fn seen(&self) -> Vec<(Instance, Vec<String>)> {
        let parts = self.parts.iter();
        let mut all: Vec<_> = parts.map(|(instance, part)| (*instance, seen(part))).collect();
        all.sort_unstable();
        all
    }

    /// Instances that were there and are no more.
    fn lost(&self, after: &Self, new: &Parts<'_>) -> BTreeSet<Timestamp> {
        let had_master = self.parts.iter().any(|(instance, _)| instance.is_none());
        let has_master = after.parts.iter().any(|(instance, _)| instance.is_none());
        let mut lost = BTreeSet::new();
        if had_master && has_master {
            let fresh = after.excepted.iter().filter(|at| !self.excepts(**at));
            let is_over = |at: Timestamp| new.find(Some(at)).is_some_and(is_cancelled);
            lost.extend(fresh.filter(|at| !is_over(**at)));
        }
        for (instance, _) in &self.parts {
            let Some(at) = instance else { continue };
            let is_there = after.parts.iter().any(|(other, _)| other == instance)
                || has_master && !after.excepts(*at) && new.has_instance(*at);
            if !is_there && !self.excepts(*at) {
                lost.insert(*at);
            }
        }
        lost
    }

    /// RFC 5546 §3.2.5: CANCEL has the next SEQUENCE.
    fn cancelled(&self) -> Vec<Component> {
        self.parts
            .iter()
            .map(|(_, part)| {
                let mut part = part.clone();
                let number = match is_cancelled(&part) {
                    true => sequence(&part),
                    false => next_sequence(&part),
                };
                part.put(Line::new("SEQUENCE", number.to_string()));
                part.put(Line::new("STATUS", "CANCELLED"));
                part
            })
            .collect()
    }
}
