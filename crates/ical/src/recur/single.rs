//! When a component takes place by itself, recurrence apart: its start, its length and its time
//! zone.

use jiff::{SignedDuration, Timestamp};

use crate::component::Component;
use crate::error::Error;
use crate::time::{Duration, Time, Value};
use crate::zone::{Zone, Zones};

/// A day on which daylight saving ends (RFC 5545 §3.3.6). Where a zone goes over the date line a
/// day is as good as twice as long, once; there is room for that in what the reach of a set adds.
const LONG_DAY_SECS: i64 = 25 * 3_600;

/// The times of one component, without what its rule adds.
#[derive(Debug, Clone)]
pub(super) struct Single {
    pub(super) component: usize,
    /// RECURRENCE-ID, or the start.
    pub(super) id: Time,
    pub(super) start: Time,
    /// The time zone of the start.
    pub(super) zone: Zone,
    pub(super) length: Length,
    /// A task that is due on the date it begins on, or that is due on a date and begins nowhere: it
    /// takes all of that day, but is due when the day begins (RFC 5545 §3.8.2.3).
    pub(super) is_due_at_begin: bool,
}

/// How long it takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Length {
    /// A length in days and time of day, counted by the calendar: a day may last 23 or 25 hours.
    Nominal(Duration),
    /// A length in exact seconds.
    Exact(SignedDuration),
}

impl Single {
    pub(super) fn of(
        component: &Component,
        at: usize,
        zones: &Zones,
    ) -> Result<Option<Self>, Error> {
        let named = |name| component.line(name).map(Time::of).transpose();
        let end = match named("DTEND")? {
            Some(end) => Some(end),
            None => named("DUE")?,
        };
        let Some(start) = named("DTSTART")?.or_else(|| end.clone()) else { return Ok(None) };
        let mut is_due_at_begin = false;
        let length = match (component.line("DURATION"), end) {
            (_, Some(end)) if end.value.is_date() && start.value.is_date() => {
                let days = start.value.civil().date().until(end.value.civil().date());
                let days = days.map_or(0, |span| i64::from(span.get_days()));
                is_due_at_begin = days < 1 && component.is("VTODO");
                Length::Nominal(Duration { days: days.max(1), seconds: 0 })
            }
            // RFC 5545 §3.8.5.3: with DTEND, all of them take as long as the first.
            (_, Some(end)) => {
                let exact = zones.instant(&end).duration_since(zones.instant(&start));
                Length::Exact(exact.max(SignedDuration::ZERO))
            }
            (Some(line), None) => Length::Nominal(Duration::parse(line.value())?),
            // RFC 5545 §3.6.1: a date alone is a day, a time alone has no length.
            (None, None) => {
                Length::Nominal(Duration { days: i64::from(start.value.is_date()), seconds: 0 })
            }
        };
        let zone = zones.zone_of(&start);
        Ok(Some(Self { component: at, id: start.clone(), start, zone, length, is_due_at_begin }))
    }

    /// The instant at which the first occurrence begins.
    pub(super) fn begin(&self) -> Timestamp {
        self.zone.instant(self.start.value.civil())
    }

    /// When it ends if it begins at `start`, which is `begin`.
    pub(super) fn end(&self, start: Value, begin: Timestamp, length: Option<Length>) -> Timestamp {
        length.unwrap_or(self.length).end(start, begin, &self.zone).max(begin)
    }
}

impl Length {
    fn end(self, start: Value, begin: Timestamp, zone: &Zone) -> Timestamp {
        let (day, rest) = match self {
            Self::Exact(exact) => (begin, exact),
            Self::Nominal(duration) => {
                // RFC 5545 §3.3.6: days as the calendar counts, then the exact rest.
                let days = Duration { seconds: 0, ..duration };
                let day = days.after(start.civil()).unwrap_or(start.civil());
                let day = if duration.days == 0 { begin } else { zone.instant(day) };
                (day, SignedDuration::from_secs(duration.seconds))
            }
        };
        day.checked_add(rest).unwrap_or(Timestamp::MAX)
    }

    /// An upper bound on how long any occurrence of this length takes: a nominal day counts 25
    /// hours, for the day on which clocks are set back. Negative durations, which RFC 5545 §3.3.6
    /// allows for alarms, count as zero: such an event ends where it begins.
    pub(super) fn longest(self) -> SignedDuration {
        let length = match self {
            Self::Exact(exact) => exact,
            Self::Nominal(duration) => SignedDuration::from_secs(
                duration.days.saturating_mul(LONG_DAY_SECS) + duration.seconds,
            ),
        };
        length.max(SignedDuration::ZERO)
    }
}
