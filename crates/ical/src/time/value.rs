//! DATE and DATE-TIME, floating, in UTC, or in a zone (RFC 5545 §3.3.4, §3.3.5).

use jiff::civil::{Date, DateTime};

use super::digits;
use crate::error::Error;
use crate::line::Line;
use crate::text::split_list;

/// A value before its zone is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// `19980118`
    Date(Date),
    /// `19980118T230000`
    Local(DateTime),
    /// `19980119T070000Z`
    Utc(DateTime),
}

impl Value {
    /// ```text
    /// date      = date-fullyear date-month date-mday
    /// date-time = date "T" time ["Z"]
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text.trim()).ok_or(Error::Value("date or date-time"))
    }

    fn read(text: &str) -> Option<Self> {
        let (year, rest) = digits(text, 4)?;
        let (month, rest) = digits(rest, 2)?;
        let (day, rest) = digits(rest, 2)?;
        let narrow = |number: i32| i8::try_from(number).ok();
        let date = Date::new(i16::try_from(year).ok()?, narrow(month)?, narrow(day)?).ok()?;
        if rest.is_empty() {
            return Some(Self::Date(date));
        }
        let (hour, rest) = digits(rest.strip_prefix('T')?, 2)?;
        let (minute, rest) = digits(rest, 2)?;
        let (second, rest) = digits(rest, 2)?;
        // RFC 5545 §3.3.12: where leap seconds are not known, 60 is 59.
        let second = if second == 60 { 59 } else { second };
        let time = date.to_datetime(
            jiff::civil::Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, 0).ok()?,
        );
        match rest {
            "" => Some(Self::Local(time)),
            "Z" | "z" => Some(Self::Utc(time)),
            _ => None,
        }
    }

    /// The date, or the date and time, whatever the zone.
    pub fn civil(self) -> DateTime {
        match self {
            Self::Date(date) => date.to_datetime(jiff::civil::Time::midnight()),
            Self::Local(time) | Self::Utc(time) => time,
        }
    }

    /// Whether it is a DATE.
    pub fn is_date(self) -> bool {
        matches!(self, Self::Date(_))
    }

    /// A value of the same kind at another time.
    #[must_use]
    pub fn at(self, time: DateTime) -> Self {
        match self {
            Self::Date(_) => Self::Date(time.date()),
            Self::Local(_) => Self::Local(time),
            Self::Utc(_) => Self::Utc(time),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = self.civil();
        write!(f, "{:04}{:02}{:02}", time.year(), time.month(), time.day())?;
        if self.is_date() {
            return Ok(());
        }
        write!(f, "T{:02}{:02}{:02}", time.hour(), time.minute(), time.second())?;
        if matches!(self, Self::Utc(_)) { f.write_str("Z") } else { Ok(()) }
    }
}

/// A value with the zone that its property names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// The value itself.
    pub value: Value,
    /// TZID, where one is named and means something: dates and UTC have none.
    pub zone: Option<String>,
}

impl Time {
    /// The value of a property such as DTSTART.
    pub fn of(line: &Line) -> Result<Self, Error> {
        Self::with_zone(line, line.value())
    }

    /// The values of a property that has a list of them, such as EXDATE.
    pub fn list(line: &Line) -> impl Iterator<Item = Result<Self, Error>> {
        split_list(line.value())
            .filter(|value| !value.trim().is_empty())
            .map(|value| Self::with_zone(line, value))
    }

    pub(crate) fn with_zone(line: &Line, text: &str) -> Result<Self, Error> {
        let value = Value::parse(text)?;
        let zone = match value {
            Value::Local(_) => line.parameter("TZID").map(str::to_owned),
            Value::Date(_) | Value::Utc(_) => None,
        };
        Ok(Self { value, zone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_written() {
        for text in ["19970714", "19980118T230000", "19980119T070000Z", "16010101T000000"] {
            assert_eq!(Value::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Value::parse("19970630T235960Z").unwrap().to_string(), "19970630T235959Z");
        for text in [
            "",
            "1997",
            "19970732",
            "19970230",
            "1997 0714",
            "19970714T25",
            "19970714T250000",
            "19980119T230000-0800",
            "١٩٩٧0714",
            "+9970714",
        ] {
            assert_eq!(Value::parse(text), Err(Error::Value("date or date-time")), "{text}");
        }
    }
}
