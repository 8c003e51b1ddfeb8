//! The days of a period that a rule of RFC 7529 names: one that counts by another calendar than
//! the Gregorian, or moves what does not exist. All others are in `dates`.

use jiff::civil::Date;

use super::calendar::{Day, MonthOfYear, Year, Years, date_of, day_of};
use super::rule::{ByDay, Frequency, Month, Rule, Skip};

/// The days of the period that begins with `first`, ascending; each once.
pub(super) fn scaled_dates(rule: &Rule, years: &mut Years, first: Date) -> Vec<Date> {
    let mut period = Period { rule, years };
    let mut found = period.days(day_of(first));
    found.retain(|day| period.has_day(*day));
    found.sort_unstable();
    found.dedup();
    found.into_iter().filter_map(date_of).collect()
}

struct Period<'p> {
    rule: &'p Rule,
    years: &'p mut Years,
}

impl Period<'_> {
    /// What all parts name but BYDAY. RFC 7529 §4.1: BYMONTH, what becomes of missing months,
    /// BYWEEKNO, BYYEARDAY, BYMONTHDAY, what becomes of missing days.
    fn days(&mut self, first: Day) -> Vec<Day> {
        let (rule, year) = (self.rule, self.years.year_of(first));
        match rule.frequency {
            Frequency::Yearly if !rule.by_week_no.is_empty() => {
                let mut found = self.week_days(&year);
                found.retain(|day| self.is_allowed(*day));
                found
            }
            Frequency::Yearly if !rule.by_year_day.is_empty() => {
                let numbers = rule.by_year_day.iter().map(|number| i64::from(*number));
                let days = numbers.filter_map(|number| position(number, year.days, rule.skip));
                let mut found: Vec<Day> = days.map(|at| year.first + at).collect();
                found.retain(|day| self.has_month(*day) && self.has_month_day(*day));
                found
            }
            Frequency::Yearly => {
                let months = self.named_months(&year);
                months.into_iter().flat_map(|month| month_days(rule, month)).collect()
            }
            Frequency::Monthly if self.has_month(first) => {
                month_days(rule, year.month_of(first)).collect()
            }
            Frequency::Monthly => Vec::new(),
            Frequency::Weekly => (first..first + 7).filter(|day| self.is_allowed(*day)).collect(),
            Frequency::Daily | Frequency::Hourly | Frequency::Minutely | Frequency::Secondly => {
                Some(first).filter(|day| self.is_allowed(*day)).into_iter().collect()
            }
        }
    }

    /// The months of a year that BYMONTH names, or that stand for those. RFC 7529 §4.1: only leap
    /// months may be missing; the one before is that which they follow.
    fn named_months(&mut self, year: &Year) -> Vec<MonthOfYear> {
        let (rule, all) = (self.rule, year.months());
        if rule.by_month.is_empty() {
            return all.to_vec();
        }
        let find = |month: Month| all.iter().find(|one| one.month == month).copied();
        let mut found: Vec<MonthOfYear> = Vec::new();
        for month in &rule.by_month {
            let number = month.number;
            found.extend(find(*month).or_else(|| match rule.skip {
                Skip::Omit => None,
                Skip::Backward => find(Month::regular(number)),
                Skip::Forward if number < rule.scale.months() => find(Month::regular(number + 1)),
                Skip::Forward => {
                    let next = self.years.year_of(year.end());
                    next.months().first().copied()
                }
            }));
        }
        found
    }

    /// Whether the month of a day is one that BYMONTH names. A rule of weeks or days makes no
    /// month that does not exist: nothing stands for what is missing.
    fn has_month(&mut self, day: Day) -> bool {
        let rule = self.rule;
        if rule.by_month.is_empty() {
            return true;
        }
        let year = self.years.year_of(day);
        let month = year.month_of(day);
        if rule.frequency < Frequency::Monthly {
            return rule.by_month.contains(&month.month);
        }
        // The first month may stand for the last of the year before.
        let is_behind = month.first == year.first && rule.skip == Skip::Forward;
        self.named_months(&year).contains(&month)
            || is_behind && {
                let before = self.years.year_of(year.first - 1);
                self.named_months(&before).contains(&month)
            }
    }

    /// The days of the weeks that BYWEEKNO names. Weeks are those of ISO 8601, but for the day
    /// they begin with and the calendar: the first has at least four days in the year.
    fn week_days(&self, year: &Year) -> Vec<Day> {
        let first_week = |first: Day| self.week_start(first + 3);
        let begin = first_week(year.first);
        let weeks = (first_week(year.end()) - begin) / 7;
        let numbers = self.rule.by_week_no.iter().map(|number| i64::from(*number));
        let found = numbers.filter_map(|number| position(number, weeks, self.rule.skip));
        found.flat_map(|at| (0..7).map(move |day| begin + at * 7 + day)).collect()
    }

    fn week_start(&self, day: Day) -> Day {
        let start = i64::from(self.rule.week_start.to_sunday_zero_offset());
        day - (day - start).rem_euclid(7)
    }

    /// Whether the parts that name days of a year or month leave a day that is there anyway.
    fn is_allowed(&mut self, day: Day) -> bool {
        self.has_month(day) && self.has_month_day(day) && self.has_year_day(day)
    }

    fn has_month_day(&mut self, day: Day) -> bool {
        let numbers = &self.rule.by_month_day;
        if numbers.is_empty() {
            return true;
        }
        let month = self.years.year_of(day).month_of(day);
        let names = |number: &i8| {
            position((*number).into(), month.days, Skip::Omit) == Some(day - month.first)
        };
        numbers.iter().any(names)
    }

    fn has_year_day(&mut self, day: Day) -> bool {
        let numbers = &self.rule.by_year_day;
        if numbers.is_empty() {
            return true;
        }
        let year = self.years.year_of(day);
        let names = |number: &i16| {
            position((*number).into(), year.days, Skip::Omit) == Some(day - year.first)
        };
        numbers.iter().any(names)
    }

    fn has_day(&mut self, day: Day) -> bool {
        let rule = self.rule;
        rule.by_day.is_empty() || rule.by_day.iter().any(|named| self.is_day(*named, day))
    }

    /// RFC 5545 §3.3.10: the nth such day of the month in a monthly rule, and in a yearly one with
    /// BYMONTH; else of the year.
    fn is_day(&mut self, named: ByDay, day: Day) -> bool {
        if day.rem_euclid(7) != i64::from(named.weekday.to_sunday_zero_offset()) {
            return false;
        }
        if named.nth == 0 {
            return true;
        }
        let year = self.years.year_of(day);
        let in_month = self.rule.frequency == Frequency::Monthly || !self.rule.by_month.is_empty();
        let (first, days) = match in_month {
            true => (year.month_of(day).first, year.month_of(day).days),
            false => (year.first, year.days),
        };
        match i64::from(named.nth) {
            nth if nth > 0 => nth == (day - first) / 7 + 1,
            nth => -nth == (first + days - 1 - day) / 7 + 1,
        }
    }
}

/// The days of a month, or those that BYMONTHDAY names of it.
fn month_days(rule: &Rule, month: MonthOfYear) -> impl Iterator<Item = Day> {
    let all = if rule.by_month_day.is_empty() { month.days } else { 0 };
    let named = rule.by_month_day.iter();
    let named = named.filter_map(move |number| position((*number).into(), month.days, rule.skip));
    (0..all).chain(named).map(move |at| month.first + at)
}

/// Where in a row of so many a number is, from 0; below 0 it counts from the end.
///
/// RFC 7529 §4.1: where there is none, it is the valid one before or behind. What counts from the
/// end is missing before the first, so that the one before is in the row before.
fn position(number: i64, length: i64, skip: Skip) -> Option<i64> {
    let at = if number > 0 { number - 1 } else { length + number };
    match skip {
        _ if (0..length).contains(&at) => Some(at),
        Skip::Omit => None,
        Skip::Backward => Some(at.clamp(-1, length - 1)),
        Skip::Forward => Some(at.clamp(0, length)),
    }
}
