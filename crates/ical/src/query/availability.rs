//! When somebody can be met at all: VAVAILABILITY (RFC 7953), as free and busy times count it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::free_busy::{Busy, BusyTimes, merge};
use crate::component::Component;
use crate::error::Error;
use crate::limits::Limits;
use crate::object::availability_ends;
use crate::recur::Occurrences;
use crate::zone::{Zone, Zones};

type Span = (Timestamp, Timestamp);

/// LIMIT: components whose word counts in one answer: RFC 7953 §8 wants a bound.
const COMPONENTS_MAX: usize = 1_000;

/// What somebody says of their availability, in several places.
#[derive(Debug, Clone)]
pub struct Availability {
    /// The range that is asked about.
    range: Span,
    /// The components by their priority, from the one that counts least.
    by_priority: BTreeMap<u8, Vec<Said>>,
    count: usize,
}

/// What one VAVAILABILITY says.
#[derive(Debug, Clone)]
struct Said {
    /// The span of time that it is about.
    scope: Span,
    /// What all of it is that is not available. `None`: free.
    busy: Option<Busy>,
    /// The spans in which they are available, ascending and apart.
    available: Vec<Span>,
}

impl Availability {
    /// An empty availability, for the range that `busy` is about.
    pub fn new(busy: &BusyTimes) -> Self {
        let range = busy.range();
        Self { range: (range.start, range.end), by_priority: BTreeMap::new(), count: 0 }
    }

    /// Adds the VAVAILABILITY components of a calendar.
    pub fn add(
        &mut self,
        calendar: &Component,
        floating: impl Into<Zone>,
        limits: &Limits,
    ) -> Result<(), Error> {
        let zones = Zones::of(calendar, floating, limits);
        for one in calendar.components_named("VAVAILABILITY") {
            let (start, end) = availability_ends(one, &zones)?;
            let scope = (start.max(self.range.0), end.min(self.range.1));
            if scope.0 >= scope.1 {
                continue;
            }
            self.count += 1;
            if self.count > COMPONENTS_MAX {
                return Err(Error::TooLarge("components of availability"));
            }
            let available = available(one, scope, &zones, limits)?;
            let said = Said { scope, busy: busy_type(one), available };
            self.by_priority.entry(priority(one)).or_default().push(said);
        }
        Ok(())
    }

    /// Makes busy whatever time it says somebody cannot be met.
    pub fn apply(self, busy: &mut BusyTimes) {
        let mut unavailable: Vec<(Span, Busy)> = Vec::new();
        // RFC 7953 §4: what is said with a lower priority counts no more where another speaks.
        for said in self.by_priority.into_values().rev() {
            let scopes = merge(said.iter().map(|one| one.scope).collect());
            unavailable = unavailable
                .into_iter()
                .flat_map(|(span, busy)| {
                    outside(span, &scopes).into_iter().map(move |span| (span, busy))
                })
                .collect();
            unavailable.extend(together(&said));
        }
        for ((start, end), kind) in unavailable {
            busy.push(start, end, kind);
        }
    }
}

/// What components of one priority make of the time they speak of. RFC 7953 §5: all of it is busy
/// first, then what any of them calls available is free; §4: of two kinds of busy one counts.
fn together(said: &[Said]) -> Vec<(Span, Busy)> {
    let available = merge(said.iter().flat_map(|one| one.available.iter().copied()).collect());
    let mut taken = available;
    let mut all = Vec::new();
    for kind in [Busy::Busy, Busy::Unavailable, Busy::Tentative] {
        let of_kind = said.iter().filter(|one| one.busy == Some(kind)).map(|one| one.scope);
        let scopes = merge(of_kind.collect());
        let left: Vec<Span> = scopes.iter().flat_map(|scope| outside(*scope, &taken)).collect();
        taken = merge(taken.into_iter().chain(scopes).collect());
        all.extend(left.into_iter().map(|span| (span, kind)));
    }
    all
}

/// RFC 7953 §4: 1 is the highest, 9 the lowest; 0 or none below that.
fn priority(one: &Component) -> u8 {
    let said = one.line("PRIORITY").and_then(|line| line.value().trim().parse::<u8>().ok());
    said.filter(|priority| (1..=9).contains(priority)).unwrap_or(10)
}

/// RFC 7953 §3.2, BUSYTYPE: BUSY-UNAVAILABLE where nothing is said.
fn busy_type(one: &Component) -> Option<Busy> {
    match one.line("BUSYTYPE") {
        None => Some(Busy::Unavailable),
        Some(line) => Busy::find(Some(line.value().trim())),
    }
}

/// When somebody is available by the AVAILABLE parts of one, in order.
fn available(
    one: &Component,
    scope: Span,
    zones: &Zones,
    limits: &Limits,
) -> Result<Vec<Span>, Error> {
    let mut by_uid: BTreeMap<String, Vec<&Component>> = BTreeMap::new();
    for part in one.components_named("AVAILABLE") {
        let uid = part.line("UID").map(|line| line.text().trim().to_owned());
        by_uid.entry(uid.unwrap_or_default()).or_default().push(part);
    }
    let mut spans = Vec::new();
    for parts in by_uid.values() {
        let found = Occurrences::of(parts, zones, limits)?.within(&(scope.0..scope.1))?;
        spans.extend(found.into_iter().map(|at| (at.start.max(scope.0), at.end.min(scope.1))));
        if spans.len() > limits.occurrences_max {
            return Err(Error::TooLarge("available times"));
        }
    }
    Ok(merge(spans))
}

/// What of a span none of the others covers; they are in order and apart.
fn outside(span: Span, others: &[Span]) -> Vec<Span> {
    let (mut start, end) = span;
    let mut left = Vec::new();
    let from = others.partition_point(|(_, until)| *until <= start);
    for (from, to) in others.iter().skip(from) {
        if *from >= end {
            break;
        }
        if *from > start {
            left.push((start, *from));
        }
        start = start.max(*to);
    }
    if start < end {
        left.push((start, end));
    }
    left
}
