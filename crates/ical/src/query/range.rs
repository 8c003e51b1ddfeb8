//! Ranges of time, as `time-range` (RFC 4791 §9.9) and other elements give them: half open, in UTC.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::error::Error;
use crate::time::Value;
use crate::zone::Zone;

/// From an instant up to another, which is out of it. Open ends are the first and the last instant
/// there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// When it begins.
    pub start: Timestamp,
    /// When it is over.
    pub end: Timestamp,
}

impl TimeRange {
    /// All time.
    pub const ALWAYS: Self = Self { start: Timestamp::MIN, end: Timestamp::MAX };

    /// RFC 4791 §9.9: one end at least, both in UTC, the start before the end.
    pub fn parse(start: Option<&str>, end: Option<&str>) -> Result<Self, Error> {
        let instant = |text: &str| match Value::parse(text)? {
            Value::Utc(utc) => Ok(Zone::Known(TimeZone::UTC).instant(utc)),
            Value::Date(_) | Value::Local(_) => Err(Error::Value("time range")),
        };
        let range = Self {
            start: start.map(instant).transpose()?.unwrap_or(Timestamp::MIN),
            end: end.map(instant).transpose()?.unwrap_or(Timestamp::MAX),
        };
        let is_one = (start.is_some() || end.is_some()) && range.start < range.end;
        is_one.then_some(range).ok_or(Error::Value("time range"))
    }

    /// The range in the form that expansion takes.
    pub fn window(&self) -> Range<Timestamp> {
        self.start..self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_in_utc_and_run_forward() {
        let range = TimeRange::parse(Some("20060104T000000Z"), None).unwrap();
        assert_eq!(range.start.to_string(), "2006-01-04T00:00:00Z");
        assert_eq!(range.end, Timestamp::MAX);
        let far = TimeRange::parse(None, Some("99991231T235959Z")).unwrap();
        assert_eq!(far, TimeRange::ALWAYS);
        for (start, end) in [
            (None, None),
            (Some("20060104"), None),
            (Some("20060104T000000"), None),
            (Some("20060104T000000Z"), Some("20060104T000000Z")),
            (Some("20060105T000000Z"), Some("20060104T000000Z")),
            (Some("soon"), None),
        ] {
            assert!(TimeRange::parse(start, end).is_err(), "{start:?} {end:?}");
        }
    }
}
