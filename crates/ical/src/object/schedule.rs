//! When an object is, made ready for questions (RFC 4791 §9.9).

use std::ops::Range;

use jiff::Timestamp;

use super::availability::availability_ends;
use super::kind::ComponentKind;
use super::parse::CalendarObject;
use super::span::busy_periods;
use crate::component::Component;
use crate::error::Error;
use crate::limits::Limits;
use crate::query::TimeRange;
use crate::recur::{Occurrence, Occurrences};
use crate::time::Time;
use crate::zone::{Zone, Zones};

/// The times of all components of an object. It holds nothing else of the object, so that many may
/// be kept in memory.
#[derive(Debug, Clone)]
pub struct Schedule {
    kind: ComponentKind,
    occurrences: Occurrences,
    parts: Vec<Part>,
}

/// What a component says of its time, other than its occurrences.
#[derive(Debug, Clone)]
struct Part {
    timing: Timing,
    /// The time zone in which days are counted.
    zone: Zone,
}

/// Which row of the tables of RFC 4791 §9.9 a component is in.
#[derive(Debug, Clone)]
enum Timing {
    /// Events and journal entries: each occurrence overlaps where it takes place.
    Plain,
    /// DTSTART and DURATION of a task.
    StartAndDuration,
    /// DTSTART and DUE of a task.
    StartAndDue,
    /// DUE of a task.
    Due,
    /// COMPLETED and CREATED of a task, neither of which need be there.
    Progress { completed: Option<Timestamp>, created: Option<Timestamp> },
    /// DTSTART and DTEND of free and busy times.
    Between(Timestamp, Timestamp),
    /// The time that availability speaks of (RFC 7953 §7.2.2).
    Scope(Timestamp, Timestamp),
    /// Periods of FREEBUSY.
    Periods(Vec<(Timestamp, Timestamp)>),
}

impl Schedule {
    /// The schedule of an object, with floating times in the zone of `zones`.
    pub fn of(object: &CalendarObject, zones: &Zones, limits: &Limits) -> Result<Self, Error> {
        let zone = |part: &Component| {
            let start = part.line("DTSTART").or_else(|| part.line("DUE"));
            let time = start.and_then(|line| Time::of(line).ok());
            time.map_or_else(|| zones.find(None), |time| zones.zone_of(&time))
        };
        let part = |part| Part { timing: Timing::of(part, object.kind(), zones), zone: zone(part) };
        Ok(Self {
            kind: object.kind(),
            occurrences: object.occurrences(zones, limits)?,
            parts: object.parts().map(part).collect(),
        })
    }

    /// The kind of component that the object holds.
    pub fn kind(&self) -> ComponentKind {
        self.kind
    }

    /// The occurrences of the object.
    pub fn occurrences(&self) -> &Occurrences {
        &self.occurrences
    }

    /// Whether anything in the object overlaps the range.
    pub fn overlaps(&self, range: &TimeRange) -> Result<bool, Error> {
        self.overlaps_at(None, range)
    }

    /// Whether the component of this number overlaps the range.
    pub(crate) fn part_overlaps(&self, part: usize, range: &TimeRange) -> Result<bool, Error> {
        self.overlaps_at(Some(part), range)
    }

    fn overlaps_at(&self, part: Option<usize>, range: &TimeRange) -> Result<bool, Error> {
        let is_meant = |at: usize| part.is_none_or(|part| part == at);
        let fixed = match part {
            Some(at) => self.parts.get(at..=at).unwrap_or_default(),
            None => &self.parts,
        };
        if fixed.iter().any(|part| part.timing.is_within(range)) {
            return Ok(true);
        }
        self.occurrences.any(part, &range.window(), |one| {
            is_meant(one.component)
                && self.parts.get(one.component).is_some_and(|part| part.timing.has(one, range))
        })
    }

    /// The occurrences with which anything of it overlaps the range, in order of their start.
    pub(crate) fn within(&self, range: &TimeRange) -> Result<Vec<Occurrence>, Error> {
        self.occurrences.such(&range.window(), |one| {
            let part = self.parts.get(one.component);
            part.is_some_and(|part| part.timing.has(one, range) || part.timing.is_within(range))
        })
    }

    /// Whether an occurrence of the component of that number is such, among those that touch a
    /// window.
    pub(crate) fn any_of_part(
        &self,
        part: usize,
        window: &Range<Timestamp>,
        mut is_such: impl FnMut(&Occurrence) -> bool,
    ) -> Result<bool, Error> {
        self.occurrences.any(Some(part), window, |one| one.component == part && is_such(one))
    }

    /// Where days of the component of that number are counted.
    pub(crate) fn zone(&self, part: usize) -> Option<&Zone> {
        self.parts.get(part).map(|part| &part.zone)
    }
}

impl Timing {
    fn of(part: &Component, kind: ComponentKind, zones: &Zones) -> Self {
        let has = |name| part.line(name).is_some();
        let instant = |name| {
            let time = part.line(name).and_then(|line| Time::of(line).ok());
            time.map(|time| zones.instant(&time))
        };
        match kind {
            ComponentKind::Todo => match (has("DTSTART"), has("DUE"), has("DURATION")) {
                (true, true, _) => Self::StartAndDue,
                (true, false, true) => Self::StartAndDuration,
                (true, false, false) => Self::Plain,
                (false, true, _) => Self::Due,
                (false, false, _) => {
                    Self::Progress { completed: instant("COMPLETED"), created: instant("CREATED") }
                }
            },
            ComponentKind::FreeBusy => match (instant("DTSTART"), instant("DTEND")) {
                (Some(start), Some(end)) => Self::Between(start, end),
                _ => Self::Periods(busy_periods(part, zones).collect()),
            },
            ComponentKind::Availability => {
                // What cannot be read is everywhere.
                let ends = availability_ends(part, zones);
                let (start, end) = ends.unwrap_or((Timestamp::MIN, Timestamp::MAX));
                Self::Scope(start, end)
            }
            ComponentKind::Event | ComponentKind::Journal | ComponentKind::Poll => Self::Plain,
        }
    }

    /// Whether it overlaps by itself, without any occurrence.
    fn is_within(&self, range: &TimeRange) -> bool {
        let TimeRange { start, end } = *range;
        match self {
            Self::Plain | Self::StartAndDuration | Self::StartAndDue | Self::Due => false,
            Self::Progress { completed: Some(completed), created: Some(created) } => {
                (start <= *created || start <= *completed) && (end >= *created || end >= *completed)
            }
            Self::Progress { completed: Some(completed), created: None } => {
                start <= *completed && end >= *completed
            }
            Self::Progress { completed: None, created: Some(created) } => end > *created,
            Self::Progress { completed: None, created: None } => true,
            Self::Between(from, to) => start <= *to && end > *from,
            Self::Scope(from, to) => start < *to && end > *from,
            Self::Periods(periods) => periods.iter().any(|(from, to)| start < *to && end > *from),
        }
    }

    /// Whether an occurrence overlaps.
    fn has(&self, one: &Occurrence, range: &TimeRange) -> bool {
        let TimeRange { start, end } = *range;
        match self {
            Self::Plain => one.overlaps(&range.window()),
            Self::StartAndDuration => start <= one.end && (end > one.start || end >= one.end),
            Self::StartAndDue => {
                (start < one.end || start <= one.start) && (end > one.start || end >= one.end)
            }
            // RFC 4791 §9.9 has `end >= DUE`, of an instant. Of a date, it is due all that day.
            Self::Due => start < one.end && end >= one.start,
            Self::Progress { .. } | Self::Between(..) | Self::Scope(..) | Self::Periods(_) => false,
        }
    }
}
