//! PERIOD (RFC 5545 §3.3.9): a start with an end or a duration.

use jiff::{SignedDuration, Timestamp};

use super::{Duration, Time, Value};
use crate::error::Error;
use crate::line::Line;
use crate::zone::Zones;

/// From a time to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// When it begins.
    pub start: Time,
    /// When it ends.
    pub end: End,
}

/// How the end of a period is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By its time, in the zone of the start.
    At(Value),
    /// After this duration.
    After(Duration),
}

impl Period {
    /// One value of a property such as FREEBUSY or RDATE;VALUE=PERIOD.
    pub fn of(line: &Line, text: &str) -> Result<Self, Error> {
        let (start, end) = text.split_once('/').ok_or(Error::Value("period"))?;
        let start = Time::with_zone(line, start)?;
        let end = match end.trim_start().starts_with(['P', '+', '-']) {
            true => End::After(Duration::parse(end)?),
            false => End::At(Value::parse(end)?),
        };
        Ok(Self { start, end })
    }

    /// When it begins and ends; it never ends before it begins.
    pub fn instants(&self, zones: &Zones) -> (Timestamp, Timestamp) {
        let zone = zones.zone_of(&self.start);
        let start = zone.instant(self.start.value.civil());
        let end = match self.end {
            End::At(value) => zones.instant(&Time { value, zone: self.start.zone.clone() }),
            End::After(duration) => {
                let days = Duration { seconds: 0, ..duration };
                let day = days.after(self.start.value.civil()).map(|day| zone.instant(day));
                let rest = SignedDuration::from_secs(duration.seconds);
                day.unwrap_or(start).checked_add(rest).unwrap_or(Timestamp::MAX)
            }
        };
        (start, end.max(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read() {
        let line = Line::new("RDATE", "").with("TZID", "Europe/Vienna");
        let period = Period::of(&line, "19960403T020000Z/19960403T040000Z").unwrap();
        assert_eq!(period.start.zone, None);
        assert_eq!(period.end, End::At(Value::parse("19960403T040000Z").unwrap()));
        let period = Period::of(&line, "19960404T010000/PT3H").unwrap();
        assert_eq!(period.start.zone.as_deref(), Some("Europe/Vienna"));
        assert_eq!(period.end, End::After(Duration { days: 0, seconds: 10_800 }));
        for text in ["", "19960404", "19960404T010000Z/", "/PT3H"] {
            assert!(Period::of(&line, text).is_err(), "{text}");
        }
    }
}
