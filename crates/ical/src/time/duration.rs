//! DURATION (RFC 5545 §3.3.6): nominal days and exact seconds, with one sign for both.

use jiff::civil::DateTime;

use super::DAY_SECS;
use crate::error::Error;

/// LIMIT: days of a duration, a thousand years of them.
const DAYS_MAX: i64 = 366_000;

/// Days are days of the calendar, the rest is exact: a day that ends daylight saving has 25 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Duration {
    /// Weeks and days.
    pub days: i64,
    /// Hours, minutes and seconds; with the sign of the days, if they have one.
    pub seconds: i64,
}

impl Duration {
    /// ```text
    /// dur-value = (["+"] / "-") "P" (dur-date / dur-time / dur-week)
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text.trim()).ok_or(Error::Value("duration"))
    }

    fn read(text: &str) -> Option<Self> {
        let (sign, rest) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let mut rest = rest.strip_prefix('P')?;
        let mut duration = Self::default();
        let mut in_time = false;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('T').filter(|_| !in_time) {
                (in_time, rest) = (true, after);
                continue;
            }
            let end = rest.bytes().position(|byte| !byte.is_ascii_digit())?;
            let number: i64 = rest.get(..end)?.parse().ok()?;
            let (days, seconds) = match (rest.as_bytes().get(end)?, in_time) {
                (b'W', false) => (7, 0),
                (b'D', false) => (1, 0),
                (b'H', true) => (0, 3600),
                (b'M', true) => (0, 60),
                (b'S', true) => (0, 1),
                _ => return None,
            };
            duration.days = duration.days.checked_add(number.checked_mul(days)?)?;
            duration.seconds = duration.seconds.checked_add(number.checked_mul(seconds)?)?;
            rest = rest.get(end + 1..)?;
        }
        let fits = duration.days <= DAYS_MAX && duration.seconds <= DAYS_MAX * DAY_SECS;
        (fits && text.len() > 2)
            .then_some(Self { days: sign * duration.days, seconds: sign * duration.seconds })
    }

    /// The local time so much later, without any change of the clock between; `None` where the
    /// calendar ends.
    pub fn after(self, time: DateTime) -> Option<DateTime> {
        let span = jiff::Span::new().try_days(self.days).ok()?.try_seconds(self.seconds).ok()?;
        time.checked_add(span).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, days, seconds) in [
            ("P15DT5H0M20S", 15, 18_020),
            ("P7W", 49, 0),
            ("-PT15M", 0, -900),
            ("+P1D", 1, 0),
            ("PT0S", 0, 0),
        ] {
            assert_eq!(Duration::parse(text), Ok(Duration { days, seconds }), "{text}");
        }
        for text in
            ["", "P", "-P", "1D", "PD", "P1H", "PT1D", "P1", "P99999999999999999999D", "P1DT1DT"]
        {
            assert_eq!(Duration::parse(text), Err(Error::Value("duration")), "{text}");
        }
    }
}
