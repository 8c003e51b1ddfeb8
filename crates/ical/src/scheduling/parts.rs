//! The components of an object by the instance they are about.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::end::end_before;
use super::instances::Instances;
use crate::component::Component;
use crate::limits::Limits;
use crate::line::Line;
use crate::object::CalendarObject;
use crate::recur::Occurrences;
use crate::time::{Time, Value};
use crate::zone::Zones;

/// Which instance: the one that recurs, or one of it by the instant of its RECURRENCE-ID.
pub(crate) type Instance = Option<Timestamp>;

/// An object whose components are found by instance.
pub(crate) struct Parts<'o> {
    pub(crate) object: &'o CalendarObject,
    pub(crate) zones: Zones,
    parts: Vec<(Instance, &'o Component)>,
    /// Where they are, of several the first: an object may have thousands, and each is asked for.
    places: HashMap<Instance, usize>,
    limits: Limits,
    excepted: OnceCell<Vec<Timestamp>>,
    /// The instances of the recurring component: they are asked for once for each attendee.
    instances: Instances,
    /// What is left of the one that recurs, before an instant.
    ended: RefCell<HashMap<Timestamp, Option<Component>>>,
}

impl<'o> Parts<'o> {
    pub(crate) fn of(object: &'o CalendarObject, limits: &Limits) -> Self {
        let zones = object.zones(TimeZone::UTC, limits);
        let master = object.parts().find(|part| part.line("RECURRENCE-ID").is_none());
        let start = master.and_then(|master| time_of(master, "DTSTART"));
        let instance = |part: &Component| {
            let id = time_of(part, "RECURRENCE-ID")?;
            Some(zones.instant(&as_series(start.as_ref(), id)))
        };
        let parts: Vec<_> = object.parts().map(|part| (instance(part), part)).collect();
        Self {
            object,
            zones,
            places: places(&parts),
            parts,
            limits: *limits,
            excepted: OnceCell::new(),
            instances: Instances::default(),
            ended: RefCell::default(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Instance, &'o Component)> {
        self.parts.iter().copied()
    }

    /// Where the component of an instance is among them.
    pub(super) fn place(&self, instance: Instance) -> Option<usize> {
        self.places.get(&instance).copied()
    }

    pub(crate) fn find(&self, instance: Instance) -> Option<&'o Component> {
        let found = self.place(instance).and_then(|place| self.parts.get(place));
        found.map(|(_, part)| *part)
    }

    pub(crate) fn master(&self) -> Option<&'o Component> {
        self.find(None)
    }

    /// What describes an instance: a component of its own, or the one that recurs.
    pub(crate) fn describing(&self, instance: Instance) -> Option<&'o Component> {
        self.find(instance).or_else(|| self.master())
    }

    /// The instants that EXDATE takes out, in order.
    pub(crate) fn excepted(&self) -> &[Timestamp] {
        self.excepted.get_or_init(|| {
            let start = self.master().and_then(|master| time_of(master, "DTSTART"));
            let lines = self.master().into_iter().flat_map(|master| master.lines_named("EXDATE"));
            let times = lines.flat_map(Time::list).filter_map(Result::ok);
            let times = times.map(|time| as_series(start.as_ref(), time));
            let mut instants: Vec<_> = times.map(|time| self.zones.instant(&time)).collect();
            instants.sort_unstable();
            instants
        })
    }

    /// Says that [`has_instance`](Self::has_instance) is going to be asked for instances of another
    /// object.
    pub(super) fn expect(&self, of: &Parts<'_>) {
        self.expect_these(of.iter().filter_map(|(instance, _)| instance));
    }

    /// Like `expect`, for these instants only.
    pub(crate) fn expect_these(&self, instants: impl Iterator<Item = Timestamp>) {
        self.instances.expect(instants);
    }

    /// Whether the one that recurs has such an instance, overridden or not. Whoever asks for more
    /// than a few says so before.
    pub(crate) fn has_instance(&self, at: Timestamp) -> bool {
        self.find_instance(at).unwrap_or(false)
    }

    /// Like `has_instance`; `None` where that cannot be found out.
    pub(super) fn find_instance(&self, at: Timestamp) -> Option<bool> {
        self.instances.has(at, &self.zones, || {
            Occurrences::of(&[self.master()?], &self.zones, &self.limits).ok()
        })
    }

    /// One instance of the one that recurs as a component of its own.
    pub(crate) fn instance_of_master(&self, at: Timestamp) -> Option<Component> {
        self.instance_of(self.master()?, at)
    }

    /// Like `instance_of_master`, of any component that recurs.
    pub(super) fn instance_of(&self, master: &Component, at: Timestamp) -> Option<Component> {
        let start = time_of(master, "DTSTART")?;
        let zone = self.zones.zone_of(&start);
        let local = zone.local(at);
        let shift = start.value.civil().duration_until(local);
        let mut part = Component::new(&master.name());
        part.lines.extend(master.lines.iter().filter(|line| !is_of_series(line)).cloned());
        part.components.extend(master.components.iter().cloned());
        for line in &mut part.lines {
            if matches!(line.name(), "DTSTART" | "DTEND" | "DUE")
                && let Ok(time) = Time::of(line)
            {
                let civil = time.value.civil();
                let moved = civil.checked_add(shift).unwrap_or(civil);
                line.set_value(time.value.at(moved).to_string());
            }
        }
        part.lines.push(recurrence_id(&start, start.value.at(local)));
        Some(part)
    }

    /// The one that recurs as far as it is before an instant; `None` where nothing of it is.
    pub(super) fn ended_before(&self, at: Timestamp) -> Option<Component> {
        if let Some(known) = self.ended.borrow().get(&at) {
            return known.clone();
        }
        let master = self.master().cloned();
        let ended = master.and_then(|master| end_before(master, at, &self.zones, &self.limits));
        self.ended.borrow_mut().insert(at, ended.clone());
        ended
    }
}

/// Where the components of instances are, of several the first.
pub(super) fn places<C>(parts: &[(Instance, C)]) -> HashMap<Instance, usize> {
    let mut places = HashMap::with_capacity(parts.len());
    for (place, (instance, _)) in parts.iter().enumerate() {
        places.entry(*instance).or_insert(place);
    }
    places
}

/// Whether a property of the one that recurs is about all of its instances.
pub(super) fn is_of_series(line: &Line) -> bool {
    matches!(line.name(), "RRULE" | "RDATE" | "EXDATE" | "EXRULE" | "RECURRENCE-ID")
}

/// How long the properties are, about, that one instance of it has.
pub(super) fn bytes(part: &Component) -> usize {
    part.lines.iter().filter(|line| !is_of_series(line)).map(Line::bytes).sum()
}

/// How long that instance is, about, with all that it has inside.
pub(super) fn bytes_made(part: &Component) -> usize {
    bytes(part) + part.components.iter().map(bytes_of_all).sum::<usize>()
}

/// How long all of a component is, about.
pub(super) fn bytes_of_all(part: &Component) -> usize {
    let lines: usize = part.lines.iter().map(Line::bytes).sum();
    lines + part.components.iter().map(bytes_of_all).sum::<usize>()
}

/// Whether a component is about an instance and all that follow (RFC 5545 §3.2.13).
pub(super) fn is_from_there(part: &Component) -> bool {
    let range = part.line("RECURRENCE-ID").and_then(|line| line.parameter("RANGE"));
    range.is_some_and(|range| range.trim().eq_ignore_ascii_case("THISANDFUTURE"))
}

/// RECURRENCE-ID of the type and in the zone of a start (RFC 5545 §3.8.4.4).
pub(crate) fn recurrence_id(start: &Time, value: Value) -> Line {
    let line = Line::new("RECURRENCE-ID", value.to_string());
    match (&start.zone, value) {
        (_, Value::Date(_)) => line.with("VALUE", "DATE"),
        (Some(zone), _) => line.with("TZID", zone),
        (None, _) => line,
    }
}

pub(crate) fn time_of(part: &Component, name: &str) -> Option<Time> {
    part.line(name).and_then(|line| Time::of(line).ok())
}

/// LIMIT: the largest SEQUENCE: RFC 5545 §3.3.8 has no larger integer. What is above counts as it.
const SEQUENCE_MAX: u64 = i32::MAX as u64;

/// SEQUENCE (RFC 5545 §3.8.7.4); 0 where there is none.
pub(super) fn sequence(part: &Component) -> u64 {
    let line = part.line("SEQUENCE");
    let number = line.and_then(|line| line.value().trim().parse().ok()).unwrap_or(0);
    number.min(SEQUENCE_MAX)
}

/// The SEQUENCE after that of a component.
pub(super) fn next_sequence(part: &Component) -> u64 {
    (sequence(part) + 1).min(SEQUENCE_MAX)
}

/// Whether a component is cancelled.
pub(super) fn is_cancelled(part: &Component) -> bool {
    part.line("STATUS").is_some_and(|line| line.value().trim().eq_ignore_ascii_case("CANCELLED"))
}

/// QUIRK(Exchange, some importers): the day alone, of a series that has a time.
fn as_series(start: Option<&Time>, id: Time) -> Time {
    match (start, id.value) {
        (Some(start), Value::Date(day)) if !start.value.is_date() => {
            let civil = day.to_datetime(start.value.civil().time());
            Time { value: start.value.at(civil), zone: start.zone.clone() }
        }
        _ => id,
    }
}

/// Takes instances out of the one that recurs.
pub(super) fn except(
    master: &mut Component,
    instants: impl Iterator<Item = Timestamp>,
    zones: &Zones,
) {
    let Some(start) = time_of(master, "DTSTART") else { return };
    let zone = zones.zone_of(&start);
    master.lines.extend(instants.map(|at| {
        let mut line = recurrence_id(&start, start.value.at(zone.local(at)));
        line.set_name("EXDATE");
        line
    }));
}
