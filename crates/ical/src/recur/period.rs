//! The periods that a rule counts: years, months, weeks, days, hours, minutes, seconds.

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};

use super::rule::{Frequency, Rule};

/// A period of a rule (a day, week, month or year), and the way to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    /// Its first instant: of a year, the first of January, or what is that in the calendar of the
    /// rule.
    pub(super) start: DateTime,
}

impl Period {
    /// The one that `time` is in.
    pub(super) fn of(rule: &Rule, time: DateTime) -> Self {
        let date = time.date();
        let is_scaled = !rule.scale.is_gregorian();
        let start = match rule.frequency {
            Frequency::Yearly if is_scaled => rule.scale.year_start(date).at(0, 0, 0, 0),
            Frequency::Monthly if is_scaled => rule.scale.month_start(date).at(0, 0, 0, 0),
            Frequency::Yearly => date.first_of_year().to_datetime(Time::midnight()),
            Frequency::Monthly => date.first_of_month().to_datetime(Time::midnight()),
            Frequency::Weekly => week_start(date, rule).to_datetime(Time::midnight()),
            Frequency::Daily => date.to_datetime(Time::midnight()),
            Frequency::Hourly => date.at(time.hour(), 0, 0, 0),
            Frequency::Minutely => date.at(time.hour(), time.minute(), 0, 0),
            Frequency::Secondly => date.at(time.hour(), time.minute(), time.second(), 0),
        };
        Self { start }
    }

    /// The one `count` intervals later; `None` where the calendar ends.
    pub(super) fn later(self, rule: &Rule, count: i64) -> Option<Self> {
        let steps = i64::from(rule.interval).checked_mul(count)?;
        if !rule.scale.is_gregorian() && rule.frequency >= Frequency::Monthly {
            let date = self.start.date();
            let date = match rule.frequency {
                Frequency::Yearly => rule.scale.years_later(date, steps),
                _ => rule.scale.months_later(date, steps),
            };
            return Some(Self { start: date?.at(0, 0, 0, 0) });
        }
        let span = Span::new();
        let span = match rule.frequency {
            Frequency::Yearly => span.try_years(steps),
            Frequency::Monthly => span.try_months(steps),
            Frequency::Weekly => span.try_weeks(steps),
            Frequency::Daily => span.try_days(steps),
            Frequency::Hourly => span.try_hours(steps),
            Frequency::Minutely => span.try_minutes(steps),
            Frequency::Secondly => span.try_seconds(steps),
        };
        Some(Self { start: self.start.checked_add(span.ok()?).ok()? })
    }

    /// How many intervals later the first period is that ends after `time`; at least `1`. Only for
    /// periods shorter than a day: a whole day is passed over at once.
    pub(super) fn steps_to(self, rule: &Rule, time: DateTime) -> i64 {
        let unit_secs: i64 = match rule.frequency {
            Frequency::Hourly => 3600,
            Frequency::Minutely => 60,
            _ => 1,
        };
        let step_secs = unit_secs * i64::from(rule.interval);
        let gap = self.start.duration_until(time).as_secs();
        (gap / step_secs + i64::from(gap % step_secs != 0)).max(1)
    }
}

/// The first day of the week of a date.
pub(super) fn week_start(date: Date, rule: &Rule) -> Date {
    let into = date.weekday().since(rule.week_start);
    date.checked_sub(Span::new().days(i64::from(into))).unwrap_or(Date::MIN)
}
