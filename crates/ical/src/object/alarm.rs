//! The instants at which alarms go off (RFC 5545 §3.6.6, §3.8.6): relative to the start or end of
//! each occurrence, or absolute, with repetitions.

use jiff::{SignedDuration, Timestamp};

use super::schedule::Schedule;
use crate::component::Component;
use crate::error::Error;
use crate::query::TimeRange;
use crate::recur::Occurrence;
use crate::time::{DAY_SECS, Duration, Time};
use crate::zone::{CLOCKS_APART, Zone, Zones};

/// An alarm of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Alarm {
    trigger: Trigger,
    /// How often it goes off again.
    repeat: u32,
    /// How long after each time it goes off again.
    pause: SignedDuration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Trigger {
    At(Timestamp),
    FromStart(Duration),
    FromEnd(Duration),
}

impl Alarm {
    /// `None` where it never goes off.
    pub(crate) fn of(alarm: &Component, zones: &Zones) -> Option<Self> {
        let line = alarm.line("TRIGGER")?;
        let is = |name, value| {
            line.parameter(name).is_some_and(|found: &str| found.eq_ignore_ascii_case(value))
        };
        let trigger = match Duration::parse(line.value()) {
            Ok(duration) if is("RELATED", "END") => Trigger::FromEnd(duration),
            Ok(duration) => Trigger::FromStart(duration),
            Err(_) => Trigger::At(zones.instant(&Time::of(line).ok()?)),
        };
        let number = alarm.line("REPEAT").and_then(|line| line.value().trim().parse().ok());
        let pause = alarm.line("DURATION").and_then(|line| Duration::parse(line.value()).ok());
        let pause = pause.unwrap_or_default();
        let pause = SignedDuration::from_secs(pause.days * DAY_SECS + pause.seconds);
        // RFC 5545 §3.8.6.2: one without the other is nothing.
        let repeat = if pause.is_positive() { number.unwrap_or(0) } else { 0 };
        Some(Self { trigger, repeat, pause })
    }

    /// Whether it goes off in the range, for any occurrence of the component of that number.
    pub(crate) fn overlaps(
        &self,
        schedule: &Schedule,
        part: usize,
        range: &TimeRange,
    ) -> Result<bool, Error> {
        let (duration, by_end) = match self.trigger {
            Trigger::At(instant) => return Ok(self.goes_off(instant, range)),
            Trigger::FromStart(duration) => (duration, false),
            Trigger::FromEnd(duration) => (duration, true),
        };
        let Some(zone) = schedule.zone(part) else { return Ok(false) };
        let offset = SignedDuration::from_secs(duration.days * DAY_SECS + duration.seconds);
        // Days by the calendar take some hours more or less than 24, as the clock changes.
        let slack = if duration.days == 0 { SignedDuration::ZERO } else { CLOCKS_APART };
        let until_last = self.pause.checked_mul(i32::try_from(self.repeat).unwrap_or(i32::MAX));
        let until_last = until_last.unwrap_or(SignedDuration::MAX);
        let first = offset.saturating_add(until_last).saturating_add(slack);
        let window = range.start.checked_sub(first).unwrap_or(Timestamp::MIN)
            ..range.end.checked_sub(offset.saturating_sub(slack)).unwrap_or(Timestamp::MAX);
        schedule.any_of_part(part, &window, |one| {
            self.goes_off(trigger_of(one, duration, by_end, zone), range)
        })
    }

    /// RFC 4791 §9.9: one of its triggers is enough.
    fn goes_off(&self, first: Timestamp, range: &TimeRange) -> bool {
        let behind_secs = range.start.duration_since(first).as_secs();
        let pause_secs = self.pause.as_secs();
        let number = match (behind_secs > 0, self.repeat) {
            (false, _) => 0,
            (true, 0) => return false,
            (true, _) => behind_secs / pause_secs + i64::from(behind_secs % pause_secs != 0),
        };
        let later = SignedDuration::from_secs(number.saturating_mul(pause_secs));
        let at = first.checked_add(later).unwrap_or(Timestamp::MAX);
        number <= i64::from(self.repeat) && at >= range.start && at < range.end
    }
}

fn trigger_of(one: &Occurrence, duration: Duration, by_end: bool, zone: &Zone) -> Timestamp {
    // RFC 5545 §3.8.6.3: the end of a task is when it is due.
    let base = if by_end { one.due } else { one.start };
    let day = match duration.days {
        0 => base,
        // RFC 5545 §3.3.6: days as the calendar counts them.
        _ => {
            let days = Duration { seconds: 0, ..duration };
            days.after(zone.local(base)).map_or(base, |local| zone.instant(local))
        }
    };
    day.checked_add(SignedDuration::from_secs(duration.seconds)).unwrap_or(Timestamp::MAX)
}
