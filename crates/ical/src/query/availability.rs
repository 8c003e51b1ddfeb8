//! When somebody can be met at all: VAVAILABILITY (RFC 7953), as free and busy times count it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::free_busy::{Busy, BusyTimes, merge};
use crate::component::Component;
use crate::error::Error;
use crate::limits::Limits;
use crate::recur::Occurrences;
use crate::time::{Duration, Time};
use crate::zone::Zones;

type Span = (Timestamp, Timestamp);

impl BusyTimes {
    /// Adds what a calendar with VAVAILABILITY components says: whatever they do not call available
    /// is busy. Where several speak of one time, the one of the highest priority counts.
    pub fn add_availability(
        &mut self,
        calendar: &Component,
        floating: TimeZone,
        limits: &Limits,
    ) -> Result<(), Error> {
        let zones = Zones::of(calendar, floating, limits);
        let mut all: Vec<&Component> = calendar.components_named("VAVAILABILITY").collect();
        // RFC 7953 §4, PRIORITY: 1 is the highest, 9 the lowest; 0 or none below that.
        all.sort_by_key(|one| std::cmp::Reverse(priority(one)));
        let mut unavailable: Vec<(Span, Busy)> = Vec::new();
        for one in all {
            let Some(scope) = self.scope_of(one, &zones)? else { continue };
            // What was said of this time with a lower priority counts no more.
            unavailable = unavailable
                .into_iter()
                .flat_map(|(span, busy)| {
                    outside(span, &[scope]).into_iter().map(move |s| (s, busy))
                })
                .collect();
            let Some(busy) = busy_type(one) else { continue };
            let available = available(one, scope, &zones, limits)?;
            unavailable.extend(outside(scope, &available).into_iter().map(|span| (span, busy)));
        }
        for ((start, end), busy) in unavailable {
            self.push(start, end, busy);
        }
        Ok(())
    }

    /// The time that one speaks of, within what is asked for. RFC 7953 §3.1: without DTSTART or
    /// DTEND and DURATION it has no beginning or no end.
    fn scope_of(&self, one: &Component, zones: &Zones) -> Result<Option<Span>, Error> {
        let at = |name: &str| -> Result<Option<Timestamp>, Error> {
            let time = one.line(name).map(Time::of).transpose()?;
            Ok(time.map(|time| zones.instant(&time)))
        };
        let start = at("DTSTART")?.unwrap_or(Timestamp::MIN);
        let end = match (at("DTEND")?, one.line("DURATION")) {
            (Some(end), _) => end,
            (None, Some(line)) => {
                let length = Duration::parse(line.value())?;
                let seconds = length.days.saturating_mul(86_400).saturating_add(length.seconds);
                let length = jiff::SignedDuration::from_secs(seconds);
                start.checked_add(length).unwrap_or(Timestamp::MAX)
            }
            (None, None) => Timestamp::MAX,
        };
        let (start, end) = (start.max(self.range().start), end.min(self.range().end));
        Ok((start < end).then_some((start, end)))
    }
}

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
    for (from, to) in others {
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
