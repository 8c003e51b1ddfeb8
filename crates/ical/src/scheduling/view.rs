//! What one person sees of an object (RFC 6638 §3.2.6), and what is told of how that changes.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::changes::{invites, is_forced, seen};
use super::parts::{
    Instance, Parts, bytes_made, except, is_cancelled, is_from_there, next_sequence, places,
    sequence,
};
use super::users::{Users, partstat};
use crate::component::Component;
use crate::line::Line;

/// The components that somebody is invited by, as they are told of them.
#[derive(Debug, Default)]
pub(super) struct View {
    parts: Vec<(Instance, Component)>,
    places: HashMap<Instance, usize>,
    /// Instances that are taken out, for them or for all.
    excepted: Vec<Timestamp>,
    /// The first of those that are taken out with all that follow.
    ends: Option<Timestamp>,
}

impl View {
    pub(super) fn of(user: &str, parts: &Parts<'_>) -> Self {
        let mut view = Self::default();
        let has_master = parts.master().is_some_and(|master| invites(master, user));
        if has_master {
            view.excepted = parts.excepted().to_vec();
        }
        let mut hidden = Vec::new();
        for (instance, part) in parts.iter() {
            if invites(part, user) {
                view.parts.push((instance, part.clone()));
            } else if let (Some(at), true) = (instance, has_master) {
                hidden.push(at);
                if is_from_there(part) {
                    view.ends = Some(view.ends.map_or(at, |known| known.min(at)));
                }
            }
        }
        if has_master {
            view.hide(&hidden, parts);
        }
        view.places = places(&view.parts);
        view.excepted.extend(hidden);
        view.excepted.sort_unstable();
        view
    }

    /// Takes instances out of the one that recurs.
    fn hide(&mut self, hidden: &[Timestamp], parts: &Parts<'_>) {
        let Some(place) = self.parts.iter().position(|(instance, _)| instance.is_none()) else {
            return;
        };
        if let Some(end) = self.ends {
            let Some(ended) = parts.ended_before(end) else {
                // Nothing of it is before that: what they are in are single instances.
                self.parts.remove(place);
                return;
            };
            if let Some((_, master)) = self.parts.get_mut(place) {
                *master = ended;
            }
        }
        let ends = self.ends;
        let Some((_, master)) = self.parts.get_mut(place) else { return };
        let single = hidden.iter().filter(|at| ends.is_none_or(|end| **at < end));
        except(master, single.copied(), &parts.zones);
    }

    fn find(&self, instance: Instance) -> Option<&Component> {
        let found = self.places.get(&instance).and_then(|place| self.parts.get(*place));
        found.map(|(_, part)| part)
    }

    pub(super) fn master(&self) -> Option<&Component> {
        self.find(None)
    }

    pub(super) fn into_parts(self) -> Vec<Component> {
        self.parts.into_iter().map(|(_, part)| part).collect()
    }

    /// Whether an instance is taken out.
    fn excepts(&self, at: Timestamp) -> bool {
        self.ends.is_some_and(|end| at >= end) || self.excepted.binary_search(&at).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether the whole meeting is cancelled.
    pub(super) fn is_over(&self) -> bool {
        !self.is_empty() && self.parts.iter().all(|(_, part)| is_cancelled(part))
    }

    /// Whether anything is new to the one who sees it.
    pub(super) fn has_news(&self, before: &Self) -> bool {
        before.is_empty() || self.has_back(before) || before.seen() != self.seen()
    }

    /// RFC 6638 §3.2.1.2: whether an instance was taken out that is there again.
    fn has_back(&self, before: &Self) -> bool {
        self.master().is_some() && before.excepted.iter().any(|at| !self.excepts(*at))
    }

    /// Whether somebody is asked who was not any more, or has to be (RFC 6638 §3.2.8, §7.2).
    pub(super) fn asks_anew(&self, before: &Self, user: &str) -> bool {
        let users = Users::new(&[user]);
        let is_asked = |part: &Component| {
            users.attendee(part).is_some_and(|line| partstat(line) == "NEEDS-ACTION")
        };
        self.parts.iter().any(|(instance, part)| {
            let forced = users.attendee(part).is_some_and(|line| is_forced(line, "REQUEST"));
            let known = before.find(*instance);
            forced || is_asked(part) && known.is_some_and(|known| !is_asked(known))
        })
    }

    /// What is equal where nothing is new. RFC 5546 §2.1.5: the number of an instance is, for an
    /// answer with an older one counts for nothing. That of the whole grows with every instance
    /// that is taken out, which is told by itself.
    fn seen(&self) -> Vec<(Instance, Vec<String>, Option<u64>)> {
        let parts = self.parts.iter();
        let mut all: Vec<_> = parts
            .map(|(instance, part)| (*instance, seen(part), instance.map(|_| sequence(part))))
            .collect();
        all.sort_unstable();
        all
    }

    /// Instances that were there and are no more, where there is a whole as there was.
    pub(super) fn lost(
        &self,
        after: &Self,
        old: &Parts<'_>,
        new: &Parts<'_>,
    ) -> BTreeSet<Timestamp> {
        let (had_master, has_master) = (self.master().is_some(), after.master().is_some());
        let fresh_end = after.ends.filter(|end| !self.excepts(*end));
        let mut lost = BTreeSet::new();
        if had_master && has_master {
            let fresh = after.excepted.iter().filter(|at| !self.excepts(**at));
            let is_over = |at: Timestamp| new.find(Some(at)).is_some_and(is_cancelled);
            // What is taken out may never have been there: of a series that has moved, it is not.
            let was = |at| old.find(Some(at)).is_some() || old.find_instance(at).unwrap_or(true);
            lost.extend(fresh.filter(|at| !is_over(**at) && was(**at)));
        }
        for (instance, _) in &self.parts {
            let Some(at) = instance else { continue };
            let is_there = after.find(*instance).is_some()
                || has_master && !after.excepts(*at) && new.has_instance(*at);
            if !is_there && !self.excepts(*at) {
                lost.insert(*at);
            }
        }
        // The first of all that follow stands for them.
        lost.retain(|at| fresh_end.is_none_or(|end| *at <= end));
        lost
    }

    /// What tells of an instance that is lost, of what there was.
    pub(super) fn lost_part(&self, at: Timestamp, old: &Parts<'_>) -> Option<Component> {
        let part = old.find(Some(at)).cloned();
        let mut part = part.or_else(|| old.instance_of_master(at))?;
        let is_end = self.ends == Some(at) || self.master().is_none() && is_from_there(&part);
        let line = part.lines.iter_mut().find(|line| line.name() == "RECURRENCE-ID")?;
        match is_end {
            // RFC 5546 §3.2.5 (a)
            true => line.set_parameter("RANGE", "THISANDFUTURE"),
            false => line.remove_parameter("RANGE"),
        }
        Some(part)
    }

    /// What is over for who was invited to the whole, and is left with instances of it.
    pub(super) fn lost_whole(&self, after: &Self) -> Option<Component> {
        let whole = self.master().filter(|master| !is_cancelled(master))?;
        after.master().is_none().then(|| cancelled(whole))
    }

    /// Instances that are as the series has them, and were not: it does not say so of itself where
    /// what was told of one is kept until something else is. LIMIT: as many as what was seen and
    /// what is have room for; of the others, when they are.
    pub(super) fn taken_back(&self, after: &Self, new: &Parts<'_>, user: &str) -> Vec<Component> {
        let Some(master) = after.master() else { return Vec::new() };
        let room: usize =
            self.parts.iter().chain(&after.parts).map(|(_, part)| bytes_made(part)).sum();
        let instances = self.parts.iter().filter_map(|(instance, _)| *instance);
        let back = instances.filter(|at| {
            after.find(Some(*at)).is_none() && !after.excepts(*at) && new.has_instance(*at)
        });
        let whole = room / bytes_made(master).max(1);
        let users = Users::new(&[user]);
        let thin = thin(master, &users);
        let made = back.enumerate().filter_map(|(number, at)| match number < whole {
            true => new.instance_of_master(at),
            false => new.instance_of(&thin, at),
        });
        made.collect()
    }

    pub(super) fn cancelled(&self) -> Vec<Component> {
        self.parts.iter().map(|(_, part)| cancelled(part)).collect()
    }
}

/// LIMIT: bytes of a title or a place in what says little more than when something is.
const TITLE_BYTES_MAX: usize = 200;

/// What says of an instance when it is, to one person, and little more.
fn thin(master: &Component, users: &Users) -> Component {
    let is_said = |line: &&Line| match line.name() {
        "UID" | "SEQUENCE" | "DTSTART" | "DTEND" | "DUE" | "DURATION" | "ORGANIZER" => true,
        "SUMMARY" | "LOCATION" => line.bytes() <= TITLE_BYTES_MAX,
        "ATTENDEE" => users.is(line.value()),
        _ => false,
    };
    let mut thin = Component::new(&master.name());
    thin.lines.extend(master.lines.iter().filter(is_said).cloned());
    thin
}

/// RFC 5546 §3.2.5: CANCEL has the next SEQUENCE.
fn cancelled(part: &Component) -> Component {
    let mut part = part.clone();
    let number = match is_cancelled(&part) {
        true => sequence(&part),
        false => next_sequence(&part),
    };
    part.put(Line::new("SEQUENCE", number.to_string()));
    part.put(Line::new("STATUS", "CANCELLED"));
    part
}
