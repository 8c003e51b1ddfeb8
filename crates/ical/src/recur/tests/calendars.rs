//! Calendars from the first date to the last, and rules in them.

use jiff::civil::{Date, DateTime, Weekday, date};

use super::super::calendar::{Year, Years, date_of, day_of};
use super::super::dates::dates;
use super::super::scaled::scaled_dates;
use crate::Limits;
use crate::recur::{ByDay, Frequency, Month, Rule, Scale, Times};

fn scales() -> impl Iterator<Item = Scale> {
    Scale::names().map(|name| Scale::named(name).unwrap())
}

/// Where something begins or ends: the calendars, the tables they are read from, and the dates.
const SPANS: [(i16, i16); 5] = [(0, 15), (1575, 1590), (1875, 1920), (2070, 2180), (9980, 9999)];

/// Every year and month begins where the one before ends, and one more each time is as far as all
/// of them at once.
#[test]
fn years_and_months_follow_each_other() {
    for scale in scales().filter(|scale| !scale.is_gregorian()) {
        for (from, to) in SPANS {
            let begin = scale.year_start(date(from, 7, 1));
            let mut year = Year::of(scale, day_of(begin));
            let (mut years, mut months) = (0, 0);
            while year.first <= day_of(date(to, 12, 31)) {
                is_whole(scale, &year);
                assert_eq!(scale.years_later(begin, years), date_of(year.first), "{scale} {years}");
                for month in year.months() {
                    let later = scale.months_later(begin, months);
                    assert_eq!(later, date_of(month.first), "{scale} {begin} {months}");
                    months += 1;
                }
                let next = Year::of(scale, year.end());
                assert_eq!(next.first, year.end(), "{scale} {year:?} {next:?}");
                (year, years) = (next, years + 1);
            }
        }
    }
}

fn is_whole(scale: Scale, year: &Year) {
    let months = year.months();
    let count = months.len() - usize::from(months.iter().any(|one| one.month.is_leap));
    assert_eq!(count, usize::from(scale.months().unsigned_abs()), "{scale} {year:?}");
    assert!(months.iter().all(|one| scale.has_month(one.month)), "{scale} {year:?}");
    assert!(months.is_sorted_by_key(|one| one.month), "{scale} {year:?}");
    assert_eq!(months.iter().map(|one| one.days).sum::<i64>(), year.days, "{scale}");
    assert!(year.days <= scale.year_days_max().into(), "{scale} {year:?}");
}

#[test]
fn far_is_as_far_back() {
    let mut random = fastrand::Rng::with_seed(7529);
    for scale in scales().filter(|scale| !scale.is_gregorian()) {
        for _ in 0..500 {
            let begin = date(random.i16(1..4000), random.i8(1..=12), random.i8(1..=28));
            let (year, month) = (scale.year_start(begin), scale.month_start(begin));
            let (years, months) = (random.i64(0..5_800), random.i64(0..70_000));
            let there = scale.years_later(year, years).unwrap();
            assert_eq!(scale.years_later(there, -years), Some(year), "{scale} {begin} {years}");
            let there = scale.months_later(month, months).unwrap();
            assert_eq!(scale.months_later(there, -months), Some(month), "{scale} {begin} {months}");
        }
        let begin = scale.year_start(date(1, 7, 1));
        for count in [200_000, i64::from(u32::MAX) * 3, i64::MAX, i64::MIN] {
            assert_eq!(scale.years_later(begin, count), None, "{scale}");
            assert_eq!(scale.months_later(begin, count), None, "{scale}");
        }
    }
}

/// No date is too early or too late, in whatever calendar.
#[test]
fn dates_from_the_first_to_the_last() {
    let limits = Limits { idle_periods_max: 20, ..Limits::default() };
    let mut random = fastrand::Rng::with_seed(7529);
    let parts = [
        "FREQ=YEARLY",
        "FREQ=YEARLY;INTERVAL=4294967295",
        "FREQ=MONTHLY;INTERVAL=4294967295",
        "FREQ=YEARLY;SKIP=FORWARD;BYMONTHDAY=31,-31",
        "FREQ=YEARLY;SKIP=BACKWARD;BYWEEKNO=53,-53,1;BYDAY=SU",
        "FREQ=YEARLY;SKIP=FORWARD;BYYEARDAY=366,-366,1",
        "FREQ=MONTHLY;SKIP=BACKWARD;BYMONTHDAY=31,-31",
        "FREQ=MONTHLY;BYDAY=-1FR;BYMONTH=1,12",
        "FREQ=WEEKLY;BYMONTH=12",
        "FREQ=DAILY;BYMONTHDAY=-1",
        "FREQ=HOURLY;BYYEARDAY=-1,1",
    ];
    for scale in scales() {
        for part in parts {
            let rule = Rule::parse(&format!("RSCALE={scale};{part}")).unwrap();
            let mut starts = vec![date(0, 1, 1), date(1, 1, 1), date(9999, 12, 31), Date::MIN];
            starts.extend((0..8).map(|_| date(random.i16(0..=9999), random.i8(1..=12), 1)));
            for start in starts {
                let start = start.at(9, 0, 0, 0);
                let mut times = Times::new(&rule, start, None, &limits);
                times.skip_to(start.checked_add(jiff::Span::new().years(5)).unwrap_or(start));
                let found: Vec<DateTime> = times.take(9).collect();
                assert!(found.is_sorted_by(|one, next| one < next), "{rule} {found:?}");
            }
        }
    }
}

/// Both ways to find the days of a period agree where both may be gone.
#[test]
fn plain_rules_are_the_same_by_either_way() {
    let mut random = fastrand::Rng::with_seed(5545);
    let days = [Weekday::Monday, Weekday::Thursday, Weekday::Sunday];
    let mut years = Years::of(Scale::Gregorian);
    let mut found = 0;
    for _ in 0..4_000 {
        let frequency =
            [Frequency::Yearly, Frequency::Monthly, Frequency::Weekly, Frequency::Daily];
        let mut rule = Rule::new(frequency[random.usize(..4)]);
        let mut some = |max: usize| random.usize(..max) < 1;
        let (month, day, year, week, by) = (some(2), some(3), some(5), some(4), some(2));
        if month {
            rule.by_month = (0..3).map(|_| Month::regular(random.i8(1..=12))).collect();
        }
        if day {
            rule.by_month_day = (0..4).map(|_| random.i8(-31..=31)).filter(|n| *n != 0).collect();
        }
        if year {
            rule.by_year_day = (0..9).map(|_| random.i16(-366..=366)).collect();
            rule.by_year_day.retain(|number| *number != 0);
            rule.by_year_day.sort_unstable();
        }
        if week {
            rule.by_week_no = (0..4).map(|_| random.i8(-53..=53)).filter(|n| *n != 0).collect();
        }
        if by {
            let nth = if random.bool() { 0 } else { random.i16(-5..=5) };
            rule.by_day = vec![ByDay { nth, weekday: days[random.usize(..3)] }];
        }
        rule.week_start = days[random.usize(..3)];
        // What does not go together is nothing to agree on.
        if Rule::parse(&rule.to_string()).is_err() {
            continue;
        }
        for _ in 0..5 {
            let at = date(random.i16(1..9998), random.i8(1..=12), random.i8(1..=28));
            let first = match rule.frequency {
                Frequency::Yearly => at.first_of_year(),
                Frequency::Monthly => at.first_of_month(),
                _ => at,
            };
            let plain = dates(&rule, first);
            assert_eq!(scaled_dates(&rule, &mut years, first), plain, "{rule} {first}");
            found += plain.len();
        }
    }
    assert!(found > 10_000, "{found}");
}
