//! When somebody is busy (RFC 4791 §7.10, RFC 5545 §3.6.4).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::range::TimeRange;
use crate::component::Component;
use crate::error::Error;
use crate::line::Line;
use crate::object::{CalendarObject, ComponentKind, Schedule, calendar_user};
use crate::text::split_list;
use crate::time::{Period, Value};
use crate::zone::Zones;

/// How busy: FBTYPE (RFC 5545 §3.2.9), without FREE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Busy {
    /// BUSY-TENTATIVE.
    Tentative,
    /// BUSY.
    Busy,
    /// BUSY-UNAVAILABLE.
    Unavailable,
}

impl Busy {
    fn name(self) -> &'static str {
        match self {
            Self::Tentative => "BUSY-TENTATIVE",
            Self::Busy => "BUSY",
            Self::Unavailable => "BUSY-UNAVAILABLE",
        }
    }

    /// RFC 5545 §3.2.9: what is not known counts as BUSY.
    pub(super) fn find(name: Option<&str>) -> Option<Self> {
        match name.map(str::to_ascii_uppercase).as_deref() {
            Some("FREE") => None,
            Some("BUSY-TENTATIVE") => Some(Self::Tentative),
            Some("BUSY-UNAVAILABLE") => Some(Self::Unavailable),
            _ => Some(Self::Busy),
        }
    }
}

/// LIMIT: periods that are kept apart. Of more, those that meet become one; where there are still
/// as many, the answer would be too large.
const PERIODS_MAX: usize = 100_000;

/// The busy times of somebody within a range.
#[derive(Debug, Clone)]
pub struct BusyTimes {
    range: TimeRange,
    /// The addresses of the owner, in the form of [`calendar_user`].
    users: Vec<String>,
    periods: Vec<(Timestamp, Timestamp, Busy)>,
}

impl BusyTimes {
    /// None yet. `users` are the addresses of the person, whose own answers to invitations count.
    pub fn new(range: TimeRange, users: &[String]) -> Self {
        let users = users.iter().map(|user| calendar_user(user)).collect();
        Self { range, users, periods: Vec::new() }
    }

    /// The range that the busy times are of.
    pub fn range(&self) -> TimeRange {
        self.range
    }

    /// Adds what an object makes of the person's time.
    pub fn add(
        &mut self,
        object: &CalendarObject,
        schedule: &Schedule,
        zones: &Zones,
    ) -> Result<(), Error> {
        self.add_in_steps(object, schedule, zones, &mut { usize::MAX })
    }

    /// Like `add`, within a number of steps, as [`Occurrences::within_steps`] counts them.
    ///
    /// [`Occurrences::within_steps`]: crate::Occurrences::within_steps
    pub fn add_in_steps(
        &mut self,
        object: &CalendarObject,
        schedule: &Schedule,
        zones: &Zones,
        left: &mut usize,
    ) -> Result<(), Error> {
        match object.kind() {
            ComponentKind::Event => {
                let kinds: Vec<Option<Busy>> =
                    object.parts().map(|part| self.busy_of(part)).collect();
                if kinds.iter().all(Option::is_none) {
                    return Ok(());
                }
                let window = self.range.window();
                for one in schedule.occurrences().within_steps(&window, left)? {
                    if let Some(Some(busy)) = kinds.get(one.component) {
                        self.push(one.start, one.end, *busy);
                    }
                }
            }
            ComponentKind::FreeBusy => {
                object.parts().for_each(|part| self.add_periods(part, zones));
            }
            // RFC 4791 §7.10: tasks and journal entries take no time.
            _ => {}
        }
        if self.periods.len() > PERIODS_MAX {
            self.periods = self.periods();
        }
        match self.periods.len() > PERIODS_MAX {
            true => Err(Error::TooLarge("busy times")),
            false => Ok(()),
        }
    }

    fn add_periods(&mut self, part: &Component, zones: &Zones) {
        for line in part.lines_named("FREEBUSY") {
            let Some(busy) = Busy::find(line.parameter("FBTYPE")) else { continue };
            for text in split_list(line.value()) {
                if let Ok(period) = Period::of(line, text) {
                    let (start, end) = period.instants(zones);
                    self.push(start, end, busy);
                }
            }
        }
    }

    /// RFC 4791 §7.10: by TRANSP and STATUS; beside them, by what the person answered.
    fn busy_of(&self, part: &Component) -> Option<Busy> {
        let is = |name: &str, value: &str| {
            part.line(name).is_some_and(|line| line.value().trim().eq_ignore_ascii_case(value))
        };
        if is("TRANSP", "TRANSPARENT") || is("STATUS", "CANCELLED") {
            return None;
        }
        let own = part
            .lines_named("ATTENDEE")
            .find(|line| self.users.contains(&calendar_user(line.value())));
        let answer = own.map(|line| line.parameter("PARTSTAT").unwrap_or("NEEDS-ACTION"));
        match answer.map(str::to_ascii_uppercase).as_deref() {
            Some("DECLINED" | "DELEGATED") => None,
            Some("TENTATIVE" | "NEEDS-ACTION") => Some(Busy::Tentative),
            _ if is("STATUS", "TENTATIVE") => Some(Busy::Tentative),
            _ => Some(Busy::Busy),
        }
    }

    /// Adds one period; what lies out of the range is cut off.
    pub fn push(&mut self, start: Timestamp, end: Timestamp, busy: Busy) {
        let (start, end) = (start.max(self.range.start), end.min(self.range.end));
        if start < end {
            self.periods.push((start, end, busy));
        }
    }

    /// The periods in order, none of which overlaps another: where two do, the busier counts.
    pub fn periods(&self) -> Vec<(Timestamp, Timestamp, Busy)> {
        let mut taken: Vec<(Timestamp, Timestamp, Busy)> = Vec::new();
        for busy in [Busy::Unavailable, Busy::Busy, Busy::Tentative] {
            let of_kind = self.periods.iter().filter(|(_, _, kind)| *kind == busy);
            let merged = merge(of_kind.map(|(start, end, _)| (*start, *end)).collect());
            let free: Vec<_> =
                merged.into_iter().flat_map(|period| without(period, &taken)).collect();
            taken.extend(free.into_iter().map(|(start, end)| (start, end, busy)));
            taken.sort_unstable();
        }
        taken
    }

    /// The VFREEBUSY that says so. `stamp` is the time of the answer.
    pub fn component(&self, stamp: Timestamp) -> Component {
        let mut component = Component::new("VFREEBUSY");
        component.lines.push(Line::new("DTSTAMP", utc(stamp)));
        component.lines.push(Line::new("DTSTART", utc(self.range.start)));
        component.lines.push(Line::new("DTEND", utc(self.range.end)));
        for (start, end, busy) in self.periods() {
            let value = format!("{}/{}", utc(start), utc(end));
            let line = Line::new("FREEBUSY", value);
            component.lines.push(match busy {
                Busy::Busy => line,
                _ => line.with("FBTYPE", busy.name()),
            });
        }
        component
    }
}

pub(super) fn merge(mut periods: Vec<(Timestamp, Timestamp)>) -> Vec<(Timestamp, Timestamp)> {
    periods.sort_unstable();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(periods.len());
    for (start, end) in periods {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// What of a period is not taken; `taken` is in order.
fn without(
    period: (Timestamp, Timestamp),
    taken: &[(Timestamp, Timestamp, Busy)],
) -> Vec<(Timestamp, Timestamp)> {
    let (mut start, end) = period;
    let mut free = Vec::new();
    let from = taken.partition_point(|(_, until, _)| *until <= start);
    for (busy_start, busy_end, _) in taken.iter().skip(from) {
        if *busy_start >= end {
            break;
        }
        if *busy_start > start {
            free.push((start, *busy_start));
        }
        start = start.max(*busy_end);
    }
    if start < end {
        free.push((start, end));
    }
    free
}

fn utc(instant: Timestamp) -> String {
    Value::Utc(TimeZone::UTC.to_datetime(instant)).to_string()
}
