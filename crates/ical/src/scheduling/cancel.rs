//! What becomes of an attendee's copy where CANCEL comes (RFC 5546 §3.2.5).

use std::collections::HashSet;

use jiff::Timestamp;

use super::parts::{Instance, Parts, except, is_cancelled, is_from_there, sequence, time_of};
use super::receive::{Ignored, assemble};
use crate::component::Component;
use crate::line::Line;

/// The whole stays as cancelled, for its reader to see; an instance is taken out.
pub(super) fn cancel(existing: &Parts<'_>, message: &Parts<'_>) -> Result<Component, Ignored> {
    let mut news: Vec<(Instance, &Component)> = Vec::new();
    let mut said: HashSet<Instance> = HashSet::new();
    let mut ignored = Ignored::Unknown;
    for (instance, part) in message.iter() {
        // What is not here does not keep what is.
        let Some(known) = known_of(existing, instance, part) else { continue };
        ignored = Ignored::Stale;
        let is_out = instance.is_some_and(|at| is_taken_out(existing, at)) && !is_from_there(part);
        if !is_out && !is_stale_cancel(known, part) && said.insert(instance) {
            news.push((instance, part));
        }
    }
    if news.is_empty() {
        return Err(ignored);
    }
    let mut left = Left::of(existing);
    // Of several ends the first is one to all that follow.
    let ends = news.iter().filter(|(_, part)| is_from_there(part));
    if let Some((Some(at), part)) = ends.min_by_key(|(instance, _)| *instance) {
        left.end_from(*at, part);
    }
    for (instance, part) in news.iter().filter(|(_, part)| !is_from_there(part)) {
        match instance {
            None => left.end_all(part),
            Some(at) => left.take_out(*at, part),
        }
    }
    let parts = left.into_parts();
    Ok(assemble(existing.object.calendar(), Some(message.object.calendar()), parts))
}

/// The component of the stored copy that a CANCEL for this instance is about, if it has one.
fn known_of<'o>(
    existing: &Parts<'o>,
    instance: Instance,
    part: &Component,
) -> Option<&'o Component> {
    if instance.is_none() {
        // RFC 5546 §3.2.5: the whole, of which instances alone may be here.
        let mut alone = existing.iter().map(|(_, known)| known);
        return existing.master().or_else(|| alone.find(|known| is_news_alone(known, part)));
    }
    if !is_from_there(part) {
        return existing.describing(instance);
    }
    let after = || existing.iter().find(|(known, _)| *known >= instance).map(|(_, part)| part);
    existing.master().or_else(after)
}

/// QUIRK(Exchange, Google): CANCEL has the SEQUENCE of the last REQUEST, or none at all.
fn is_stale_cancel(known: &Component, news: &Component) -> bool {
    news.line("SEQUENCE").is_some() && sequence(news) < sequence(known) || is_cancelled(known)
}

/// Whether the end of a whole is one of an instance alone, too. Whoever is left with some of a
/// series hears of its end, and of these after that; the first may come again.
fn is_news_alone(known: &Component, news: &Component) -> bool {
    let age = |part: &Component| {
        (sequence(part), time_of(part, "DTSTAMP").map(|time| time.value.civil()))
    };
    let is_newer = match news.line("SEQUENCE") {
        Some(_) => age(news) > age(known),
        None => age(news).1 > age(known).1,
    };
    is_newer && !is_cancelled(known)
}

/// Whether an instance has been taken out already: mail may come twice.
fn is_taken_out(existing: &Parts<'_>, at: Timestamp) -> bool {
    existing.find(Some(at)).is_none() && existing.excepted().binary_search(&at).is_ok()
}

fn end(known: &mut Component, news: &Component) {
    known.put(Line::new("STATUS", "CANCELLED"));
    known.components.retain(|inner| !inner.is("VALARM"));
    let number = sequence(known).max(sequence(news));
    known.put(Line::new("SEQUENCE", number.to_string()));
    if let Some(stamp) = news.line("DTSTAMP") {
        known.put(stamp.clone());
    }
}

/// A stored copy while components and instances are taken out of it.
struct Left<'e, 'o> {
    existing: &'e Parts<'o>,
    /// The remaining components, in the order of the stored copy.
    parts: Vec<(Instance, Component)>,
    /// Instances whose components go.
    out: HashSet<Timestamp>,
    /// The instant from which on all instances are cancelled.
    out_from: Option<Timestamp>,
}

impl<'e, 'o> Left<'e, 'o> {
    fn of(existing: &'e Parts<'o>) -> Self {
        let parts = existing.iter().map(|(instance, part)| (instance, part.clone())).collect();
        Self { existing, parts, out: HashSet::new(), out_from: None }
    }

    fn at(&mut self, instance: Instance) -> Option<&mut Component> {
        let place = self.existing.place(instance)?;
        self.parts.get_mut(place).map(|(_, part)| part)
    }

    fn take_out(&mut self, at: Timestamp, news: &Component) {
        let zones = &self.existing.zones;
        let is_out = self.existing.excepted().binary_search(&at).is_ok();
        if let Some(master) = self.at(None) {
            except(master, Some(at).filter(|_| !is_out).into_iter(), zones);
            self.out.insert(at);
        } else if let Some(known) = self.at(Some(at)) {
            // An instance alone, of a series that is not here.
            end(known, news);
        }
    }

    /// The whole is over, with all that is here of it.
    fn end_all(&mut self, news: &Component) {
        let is_whole = self.existing.master().is_some();
        let over =
            self.parts.iter_mut().filter(|(_, known)| is_whole || is_news_alone(known, news));
        over.for_each(|(_, known)| end(known, news));
    }

    /// RFC 5546 §3.2.5 (a): an instance and all that follow.
    fn end_from(&mut self, at: Timestamp, news: &Component) {
        let ended = self.existing.ended_before(at);
        if let (Some(ended), Some(master)) = (ended, self.at(None)) {
            *master = ended;
            self.out_from = Some(at);
            return;
        }
        // Nothing is before it, or what there is are instances alone.
        let is_whole = self.existing.master().is_some();
        let after = self.parts.iter_mut().filter(|(instance, _)| is_whole || *instance >= Some(at));
        after.for_each(|(_, known)| end(known, news));
    }

    fn into_parts(self) -> Vec<(Instance, Component)> {
        let Self { mut parts, out, out_from, .. } = self;
        parts.retain(|(instance, _)| {
            instance.is_none_or(|at| !out.contains(&at) && out_from.is_none_or(|from| at < from))
        });
        parts
    }
}
