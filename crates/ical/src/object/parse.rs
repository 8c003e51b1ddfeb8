//! What may be stored as one resource (RFC 4791 §4.1).

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::availability;
use super::facts::calendar_user;
use super::invalid::Invalid;
use super::kind::ComponentKind;
use crate::component::Component;
use crate::error::Error;
use crate::fold::{logical_lines, unfold};
use crate::limits::Limits;
use crate::recur::{Occurrences, RULES_MAX, Rule};
use crate::time::{Duration, Period, Time, Value};
use crate::zone::{Zone, Zones};

/// One UID's components, in a VCALENDAR that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarObject {
    calendar: Component,
    kind: ComponentKind,
    uid: String,
}

impl CalendarObject {
    /// Reads and checks. What RFC 5545 asks for and nobody misses (DTSTAMP, PRODID, a VTIMEZONE for
    /// each TZID) is not asked for: what a client cannot store, its user loses.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Invalid> {
        is_text(bytes).then_some(()).ok_or(Invalid::Lacks("text in UTF-8"))?;
        Self::of(Component::parse(bytes, limits)?)
    }

    /// The object that an already parsed VCALENDAR is.
    pub fn of(calendar: Component) -> Result<Self, Invalid> {
        if !calendar.is("VCALENDAR") {
            return Err(Invalid::Lacks("VCALENDAR"));
        }
        let says = |name, value: &str| {
            calendar.lines_named(name).all(|line| line.value().trim().eq_ignore_ascii_case(value))
        };
        // RFC 5545 §3.7.4: 1.0 is vCalendar, which is another format.
        if !says("VERSION", "2.0") {
            return Err(Invalid::Lacks("VERSION:2.0"));
        }
        if !says("CALSCALE", "GREGORIAN") {
            return Err(Invalid::Scale);
        }
        // RFC 4791 §4.1: METHOD makes a message of an object.
        if calendar.line("METHOD").is_some() {
            return Err(Invalid::Object("it has a METHOD"));
        }
        let object = Self::of_message(calendar)?;
        object.parts().try_for_each(|part| needs(part, object.kind))?;
        if object.kind == ComponentKind::Availability {
            let zones = object.zones(TimeZone::UTC, &Limits::DEFAULT);
            object.parts().try_for_each(|part| availability::check(part, &zones))?;
        }
        Ok(object)
    }

    /// What a message may be about: RFC 5546 §3.2 has it without a time where that is said already.
    pub(crate) fn of_message(calendar: Component) -> Result<Self, Invalid> {
        if !calendar.is("VCALENDAR") {
            return Err(Invalid::Lacks("VCALENDAR"));
        }
        let (kind, uid) = kind_and_uid(&calendar)?;
        let object = Self { calendar, kind, uid };
        object.parts().try_for_each(check)?;
        // RFC 7953 §3.1: what recurs of it is within.
        let within = object.parts().flat_map(|part| part.components_named("AVAILABLE"));
        within.into_iter().try_for_each(check)?;
        Ok(object)
    }

    /// The whole VCALENDAR.
    pub fn calendar(&self) -> &Component {
        &self.calendar
    }

    /// The whole VCALENDAR, to be changed or given away.
    pub fn into_calendar(self) -> Component {
        self.calendar
    }

    /// The kind of component that it holds.
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// The UID, which names the object everywhere.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Its components of that kind: the one that recurs, and those that override instances of it.
    pub fn parts(&self) -> impl Iterator<Item = &Component> {
        self.calendar.components.iter().filter(|part| part.is(self.kind.name()))
    }

    /// The calendar user who organizes it, in the spelling by which they are compared.
    ///
    /// # Errors
    /// Its components name several.
    pub fn organizer(&self) -> Result<Option<String>, SeveralOrganizers> {
        let mut found: Option<String> = None;
        for line in self.parts().filter_map(|part| part.line("ORGANIZER")) {
            let user = calendar_user(line.value());
            if found.as_ref().is_some_and(|known| *known != user) {
                return Err(SeveralOrganizers);
            }
            found = Some(user);
        }
        Ok(found)
    }

    /// Everybody who is invited by one of its components, each once, in the same spelling.
    pub fn attendees(&self) -> BTreeSet<String> {
        let lines = self.parts().flat_map(|part| part.lines_named("ATTENDEE"));
        lines.map(|line| calendar_user(line.value())).collect()
    }

    /// The zones it may name.
    pub fn zones(&self, floating: impl Into<Zone>, limits: &Limits) -> Zones {
        Zones::of(&self.calendar, floating, limits)
    }

    /// Whether it says of a time, again and again, more often than `max` in a year, that somebody
    /// is available (RFC 7953 §8).
    pub fn is_available_more_than(&self, max: usize, limits: &Limits) -> Result<bool, Error> {
        let zones = self.zones(TimeZone::UTC, limits);
        for part in self.parts().filter(|_| self.kind == ComponentKind::Availability) {
            if availability::recurs_more_than(part, max, &zones, limits)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// When it takes place.
    pub fn occurrences(&self, zones: &Zones, limits: &Limits) -> Result<Occurrences, Error> {
        let parts: Vec<&Component> = self.parts().collect();
        Occurrences::of(&parts, zones, limits)
    }
}

/// RFC 6638 §3.2.4.2: an object has one organizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeveralOrganizers;

/// RFC 5545 §3.1.4. Some programs fold within a character, so folds are no part of the question.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0)
        && (std::str::from_utf8(bytes).is_ok()
            || logical_lines(bytes).all(|raw| std::str::from_utf8(&unfold(raw)).is_ok()))
}

fn kind_and_uid(calendar: &Component) -> Result<(ComponentKind, String), Invalid> {
    let mut found: Option<(ComponentKind, String)> = None;
    let mut has_master = false;
    for part in &calendar.components {
        // Of components that nobody knows, one resource holds what its client put there.
        let Some(kind) = ComponentKind::find(&part.name()) else { continue };
        let uid = part.line("UID").map(|line| line.text().trim().to_owned());
        let uid = uid.filter(|uid| !uid.is_empty()).ok_or(Invalid::Object("it has no UID"))?;
        match &found {
            // RFC 4791 §4.1: one type of component, one UID.
            Some((other, _)) if *other != kind => {
                return Err(Invalid::Object("it has components of several types"));
            }
            Some((_, other)) if *other != uid => {
                return Err(Invalid::Object("it has several UIDs"));
            }
            _ => found = Some((kind, uid)),
        }
        let is_master = part.line("RECURRENCE-ID").is_none();
        if is_master && has_master {
            return Err(Invalid::Object("it has several components without RECURRENCE-ID"));
        }
        has_master |= is_master;
    }
    found.ok_or(Invalid::Object("it has no component"))
}

/// Whether a component says when it is.
fn needs(part: &Component, kind: ComponentKind) -> Result<(), Invalid> {
    let has = |name| part.line(name).is_some();
    if kind == ComponentKind::Event && !has("DTSTART") {
        // RFC 5545 §3.6.1: required where there is no METHOD.
        return Err(Invalid::Lacks("DTSTART"));
    }
    if kind == ComponentKind::Todo && has("RRULE") && !has("DTSTART") && !has("DUE") {
        return Err(Invalid::Lacks("DTSTART"));
    }
    Ok(())
}

/// Whether the values that a server looks at are what they have to be.
fn check(part: &Component) -> Result<(), Invalid> {
    let rules = part.lines.iter().filter(|line| matches!(line.name(), "RRULE" | "EXRULE"));
    if rules.count() > RULES_MAX {
        return Err(Invalid::Data(Error::TooLarge("rules")));
    }
    for line in &part.lines {
        match line.name() {
            "DTSTART" | "DTEND" | "DUE" | "RECURRENCE-ID" | "COMPLETED" | "CREATED" | "DTSTAMP"
            | "LAST-MODIFIED" => {
                Time::of(line)?;
            }
            "EXDATE" => Time::list(line).try_for_each(|time| time.map(drop))?,
            "RDATE" => {
                for text in crate::text::split_list(line.value()) {
                    match text.trim() {
                        "" => {}
                        text if text.contains('/') => drop(Period::of(line, text)?),
                        text => drop(Value::parse(text)?),
                    }
                }
            }
            "FREEBUSY" => {
                for text in crate::text::split_list(line.value()) {
                    Period::of(line, text)?;
                }
            }
            "RRULE" | "EXRULE" => drop(Rule::parse(line.value())?),
            "DURATION" => drop(Duration::parse(line.value())?),
            _ => {}
        }
    }
    Ok(())
}
