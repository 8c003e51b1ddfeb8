//! Recurrence rules (RFC 5545 §3.3.10, RFC 7529): the parts of RRULE as values that are in range.

use std::fmt;

use jiff::civil::{DateTime, Weekday};

use super::calendar::{Place, day_of};
use super::scale::Scale;
use crate::time::Value;

/// The unit of the rule: FREQ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Frequency {
    /// SECONDLY
    Secondly,
    /// MINUTELY
    Minutely,
    /// HOURLY
    Hourly,
    /// DAILY
    Daily,
    /// WEEKLY
    Weekly,
    /// MONTHLY
    Monthly,
    /// YEARLY
    Yearly,
}

/// What becomes of a month that a year does not have, and of a day that a month, or a year, does
/// not have (RFC 7529 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Skip {
    /// The date is left out, as in RFC 5545.
    #[default]
    Omit,
    /// The month or day before is taken.
    Backward,
    /// The next month or day is taken.
    Forward,
}

/// A value of BYMONTH: a month, or a leap month (RFC 7529 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Month {
    /// From 1, leap months not counted.
    pub number: i8,
    /// Whether it is the leap month that follows the one of this number (RFC 7529 §4.2).
    pub is_leap: bool,
}

impl Month {
    /// A month that is no leap month.
    pub fn regular(number: i8) -> Self {
        Self { number, is_leap: false }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.number, if self.is_leap { "L" } else { "" })
    }
}

/// The last time a rule may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Until(pub Value);

/// A value of BYDAY: a weekday, and which one of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByDay {
    /// The first, second … of the month or year; from its end below 0; 0: each of them.
    pub nth: i16,
    /// Which day of the week.
    pub weekday: Weekday,
}

/// A rule. Numbers stand in ascending order, each of them once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The calendar system: RSCALE.
    pub scale: Scale,
    /// The unit: FREQ.
    pub frequency: Frequency,
    /// INTERVAL, from 1
    pub interval: u32,
    /// COUNT, from 1
    pub count: Option<u32>,
    /// The last instant, inclusive: UNTIL.
    pub until: Option<Until>,
    /// The seconds: BYSECOND.
    pub by_second: Vec<i8>,
    /// The minutes: BYMINUTE.
    pub by_minute: Vec<i8>,
    /// The hours: BYHOUR.
    pub by_hour: Vec<i8>,
    /// The weekdays: BYDAY.
    pub by_day: Vec<ByDay>,
    /// BYMONTHDAY, -31 to 31
    pub by_month_day: Vec<i8>,
    /// BYYEARDAY, -366 to 366, or as many as the longest year has
    pub by_year_day: Vec<i16>,
    /// BYWEEKNO, -53 to 53, or as many as the longest year has
    pub by_week_no: Vec<i8>,
    /// BYMONTH, 1 to 12 or 13
    pub by_month: Vec<Month>,
    /// BYSETPOS, in the range of BYYEARDAY
    pub by_set_pos: Vec<i16>,
    /// The first day of the week: WKST.
    pub week_start: Weekday,
    /// What becomes of dates that do not exist: SKIP.
    pub skip: Skip,
}

impl Rule {
    /// A rule with a frequency alone.
    pub fn new(frequency: Frequency) -> Self {
        Self {
            scale: Scale::Gregorian,
            frequency,
            interval: 1,
            count: None,
            until: None,
            by_second: Vec::new(),
            by_minute: Vec::new(),
            by_hour: Vec::new(),
            by_day: Vec::new(),
            by_month_day: Vec::new(),
            by_year_day: Vec::new(),
            by_week_no: Vec::new(),
            by_month: Vec::new(),
            by_set_pos: Vec::new(),
            week_start: Weekday::Monday,
            skip: Skip::Omit,
        }
    }

    /// Whether it goes on for ever.
    pub fn is_endless(&self) -> bool {
        self.count.is_none() && self.until.is_none()
    }

    /// Whether RFC 5545 is all that it asks for: neither another calendar nor anything in the place
    /// of what does not exist.
    pub(super) fn is_plain(&self) -> bool {
        self.scale.is_gregorian() && self.skip == Skip::Omit
    }

    /// The rule without its times of day.
    pub(super) fn of_days(self) -> Self {
        let (by_hour, by_minute, by_second) = (Vec::new(), Vec::new(), Vec::new());
        Self { by_hour, by_minute, by_second, ..self }
    }

    /// How many times one of its periods may have, or a few more, before BYSETPOS chooses.
    pub(super) fn times_max(&self) -> usize {
        let of = |from: Frequency, list: &[i8]| match self.frequency < from {
            true => 1,
            false => list.len().max(1),
        };
        let hours = of(Frequency::Daily, &self.by_hour);
        let minutes = of(Frequency::Hourly, &self.by_minute);
        self.days_max() * hours * minutes * of(Frequency::Minutely, &self.by_second)
    }

    fn days_max(&self) -> usize {
        let months = match self.by_month.len() {
            0 => self.scale.months_max(),
            named => named,
        };
        let (all, months) = match self.frequency {
            Frequency::Yearly => (months * 31, months),
            Frequency::Monthly => (31, 1),
            Frequency::Weekly => (7, 1),
            _ => return 1,
        };
        let named = [
            self.by_month_day.len() * months,
            self.by_year_day.len(),
            self.by_week_no.len() * 7,
            // A year has no more of any.
            self.by_day.len() * usize::from(self.scale.year_weeks_max().unsigned_abs()),
        ];
        // Without any of them it is the day of the start.
        named.into_iter().filter(|days| *days > 0).min().unwrap_or(months).min(all)
    }

    /// RFC 5545 §3.3.10: what a rule leaves open is taken from its start.
    pub(super) fn completed(&self, start: DateTime) -> Self {
        let mut rule = self.clone();
        if rule.frequency >= Frequency::Daily && rule.by_hour.is_empty() {
            rule.by_hour = vec![start.hour()];
        }
        if rule.frequency >= Frequency::Hourly && rule.by_minute.is_empty() {
            rule.by_minute = vec![start.minute()];
        }
        if rule.frequency >= Frequency::Minutely && rule.by_second.is_empty() {
            rule.by_second = vec![start.second()];
        }
        let weekday = ByDay { nth: 0, weekday: start.weekday() };
        let (month, day) = rule.place(start);
        let has_days = !(rule.by_day.is_empty()
            && rule.by_month_day.is_empty()
            && rule.by_year_day.is_empty());
        match rule.frequency {
            Frequency::Yearly if !rule.by_week_no.is_empty() && !has_days => {
                rule.by_day = vec![weekday];
            }
            Frequency::Yearly if !has_days => {
                rule.by_month_day = vec![day];
                if rule.by_month.is_empty() {
                    rule.by_month = vec![month];
                }
            }
            Frequency::Monthly if !has_days => rule.by_month_day = vec![day],
            Frequency::Weekly if rule.by_day.is_empty() => rule.by_day = vec![weekday],
            _ => {}
        }
        rule
    }

    /// The month and the day of it that a time is on. RFC 7529 §3: in the calendar of the rule.
    fn place(&self, time: DateTime) -> (Month, i8) {
        if self.scale.is_gregorian() {
            return (Month::regular(time.month()), time.day());
        }
        let place = Place::of(self.scale, day_of(time.date()));
        (place.month, i8::try_from(place.day).unwrap_or(i8::MAX))
    }
}
