//! The days of a period that a rule of RFC 5545 names (the table of its §3.3.10).

use jiff::Span;
use jiff::civil::Date;

use super::period::week_start;
use super::rule::{ByDay, Frequency, Month, Rule};

/// The days of the period that begins with `first`, ascending; each once.
pub(super) fn dates(rule: &Rule, first: Date) -> Vec<Date> {
    let mut found: Vec<Date> = match rule.frequency {
        Frequency::Yearly if !rule.by_week_no.is_empty() => weeks_of_year(rule, first),
        Frequency::Yearly => {
            let months = (1..=12).filter(|month| is_named_month(rule, *month));
            months.flat_map(|month| month_dates(rule, first.year(), month)).collect()
        }
        Frequency::Monthly if is_named_month(rule, first.month()) => {
            month_dates(rule, first.year(), first.month())
        }
        Frequency::Monthly => Vec::new(),
        Frequency::Weekly => following(first, 7).collect(),
        Frequency::Daily | Frequency::Hourly | Frequency::Minutely | Frequency::Secondly => {
            vec![first]
        }
    };
    found.retain(|date| is_allowed(rule, *date));
    found.sort_unstable();
    found.dedup();
    found
}

/// Empty lists leave everything open.
fn is_named<T: PartialEq>(list: &[T], value: T) -> bool {
    list.is_empty() || list.contains(&value)
}

fn is_named_month(rule: &Rule, number: i8) -> bool {
    is_named(&rule.by_month, Month::regular(number))
}

fn following(first: Date, count: i64) -> impl Iterator<Item = Date> {
    (0..count).filter_map(move |days| first.checked_add(Span::new().days(days)).ok())
}

/// The days of a month, or those that BYMONTHDAY names of it.
fn month_dates(rule: &Rule, year: i16, month: i8) -> Vec<Date> {
    let Ok(first) = Date::new(year, month, 1) else { return Vec::new() };
    let length = first.days_in_month();
    let mut found: Vec<Date> = following(first, i64::from(length)).collect();
    if rule.by_month_day.is_empty() {
        return found;
    }
    found.retain(|date| has_month_day(rule, *date));
    found
}

fn has_month_day(rule: &Rule, date: Date) -> bool {
    let from_end = date.day() - date.days_in_month() - 1;
    is_named(&rule.by_month_day, date.day()) || rule.by_month_day.contains(&from_end)
}

/// The days of the weeks that BYWEEKNO names. Weeks are those of ISO 8601, but for the day they
/// begin with: the first has at least four days in the year. Some of its days may be in another.
fn weeks_of_year(rule: &Rule, first: Date) -> Vec<Date> {
    let first_week = |year: i16| {
        // The fourth of January is always in the first week.
        Date::new(year, 1, 4).ok().map(|date| week_start(date, rule))
    };
    let (Some(begin), Some(end)) = (first_week(first.year()), first_week(first.year() + 1)) else {
        return Vec::new();
    };
    let weeks = i8::try_from(days_between(begin, end) / 7).unwrap_or(53);
    let mut found = Vec::new();
    for number in 1..=weeks {
        if rule.by_week_no.contains(&number) || rule.by_week_no.contains(&(number - weeks - 1)) {
            let days = following(begin, i64::from(number) * 7)
                .skip((usize::from(number.unsigned_abs()) - 1) * 7);
            found.extend(days);
        }
    }
    found.retain(|date| is_named_month(rule, date.month()));
    found
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

/// What remains to be asked of a day, whatever the period.
fn is_allowed(rule: &Rule, date: Date) -> bool {
    let by_month_day = match rule.frequency {
        Frequency::Yearly if !rule.by_week_no.is_empty() => has_month_day(rule, date),
        Frequency::Yearly | Frequency::Monthly => true,
        _ => has_month_day(rule, date),
    };
    is_named_month(rule, date.month())
        && by_month_day
        && has_year_day(rule, date)
        && has_day(rule, date)
}

fn has_year_day(rule: &Rule, date: Date) -> bool {
    let from_end = date.day_of_year() - date.days_in_year() - 1;
    let names = |day: i16| rule.by_year_day.binary_search(&day).is_ok();
    rule.by_year_day.is_empty() || names(date.day_of_year()) || names(from_end)
}

fn has_day(rule: &Rule, date: Date) -> bool {
    rule.by_day.is_empty() || rule.by_day.iter().any(|day| is_day(rule, *day, date))
}

/// RFC 5545 §3.3.10: the nth such day of the month in a monthly rule, and in a yearly one with
/// BYMONTH; else of the year.
fn is_day(rule: &Rule, day: ByDay, date: Date) -> bool {
    if date.weekday() != day.weekday {
        return false;
    }
    let in_month = rule.frequency == Frequency::Monthly || !rule.by_month.is_empty();
    let (ordinal, length) = match in_month {
        true => (i16::from(date.day()), i16::from(date.days_in_month())),
        false => (date.day_of_year(), date.days_in_year()),
    };
    match day.nth {
        0 => true,
        nth if nth > 0 => nth == (ordinal - 1) / 7 + 1,
        nth => -nth == (length - ordinal) / 7 + 1,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Weekday;

    use super::*;

    #[test]
    fn weeks_begin_where_the_rule_says() {
        let mut rule = Rule::new(Frequency::Yearly);
        rule.by_week_no = vec![1, -1];
        rule.by_day = vec![ByDay { nth: 0, weekday: Weekday::Monday }];
        let found = dates(&rule, Date::new(2020, 1, 1).unwrap());
        let expect = [Date::new(2019, 12, 30).unwrap(), Date::new(2020, 12, 28).unwrap()];
        assert_eq!(found, expect);
        rule.week_start = Weekday::Sunday;
        let found = dates(&rule, Date::new(2020, 1, 1).unwrap());
        // 2020 begins on a Wednesday: its first week from Sunday the 29th has four days in it.
        let expect = [Date::new(2019, 12, 30).unwrap(), Date::new(2020, 12, 28).unwrap()];
        assert_eq!(found, expect);
    }

    #[test]
    fn last_days_are_counted_from_the_end() {
        let mut rule = Rule::new(Frequency::Monthly);
        rule.by_day = vec![ByDay { nth: -1, weekday: Weekday::Friday }];
        let found = dates(&rule, Date::new(2024, 2, 1).unwrap());
        assert_eq!(found, [Date::new(2024, 2, 23).unwrap()]);
        rule.by_day = Vec::new();
        rule.by_month_day = vec![-1, 30];
        assert_eq!(dates(&rule, Date::new(2024, 2, 1).unwrap()), [Date::new(2024, 2, 29).unwrap()]);
    }
}
