//! Years and months of any calendar, as days in a row (RFC 7529 §3).
//!
//! Where the months of a calendar follow the moon, they are known exactly for two centuries, and
//! before and after those by what the moon does in the long run.

use icu_calendar::cal::hijri::{TabularAlgorithmEpoch, TabularAlgorithmLeapYears};
use icu_calendar::cal::{
    ChineseTraditional, Coptic, Ethiopian, Gregorian, Hebrew, Hijri, Indian, KoreanTraditional,
    Persian,
};
use icu_calendar::types::RataDie;
use jiff::Span;
use jiff::civil::{Date, date};

use super::rule::Month;
use super::scale::Scale;

/// A day by its number; the first is that of January of the year 1, a Monday.
pub(super) type Day = i64;

const FIRST: Date = date(1, 1, 1);

/// LIMIT: no year that a date can be in begins or ends further from the first day.
const DAYS_MAX: Day = 4_000_000;

/// LIMIT: months of a year, a leap month with them.
const MONTHS_MAX: usize = 13;

/// From the first day of a year to its midst, in any calendar: years have 353 to 385 days.
const MIDST_OF_YEAR: Day = 180;

/// From the first day of a month of the moon to its midst: they have 29 or 30 days.
const MIDST_OF_MONTH: Day = 14;

pub(super) fn day_of(date: Date) -> Day {
    date.duration_since(FIRST).as_hours() / 24 + 1
}

/// `None` behind the last date there is, and before the first.
pub(super) fn date_of(day: Day) -> Option<Date> {
    FIRST.checked_add(Span::new().try_days(day - 1).ok()?).ok()
}

/// Where in a calendar a day is.
pub(super) struct Place {
    year: i64,
    pub(super) month: Month,
    month_days: i64,
    /// The day of the month, from 1.
    pub(super) day: i64,
    year_days: i64,
    /// The day of the year, from 1.
    year_day: i64,
}

impl Place {
    pub(super) fn of(scale: Scale, day: Day) -> Self {
        let tables = |epoch| Hijri::new_tabular(TabularAlgorithmLeapYears::TypeII, epoch);
        match scale {
            Scale::Chinese => place(ChineseTraditional::new(), day),
            Scale::Dangi => place(KoreanTraditional::new(), day),
            Scale::Coptic => place(Coptic, day),
            Scale::Ethiopic | Scale::EthiopicAmeteAlem => place(Ethiopian::new(), day),
            Scale::Hebrew => place(Hebrew, day),
            Scale::Indian => place(Indian, day),
            Scale::Persian => place(Persian, day),
            Scale::IslamicCivil => place(tables(TabularAlgorithmEpoch::Friday), day),
            Scale::IslamicThursday => place(tables(TabularAlgorithmEpoch::Thursday), day),
            Scale::IslamicUmmAlQura => place(Hijri::new_umm_al_qura(), day),
            Scale::Gregorian
            | Scale::Iso8601
            | Scale::Buddhist
            | Scale::Japanese
            | Scale::RepublicOfChina => place(Gregorian, day),
        }
    }
}

fn place<C: icu_calendar::Calendar>(calendar: C, day: Day) -> Place {
    let date = icu_calendar::Date::from_rata_die(RataDie::new(day), calendar);
    let month = date.month().to_input();
    Place {
        year: date.year().extended_year().into(),
        month: Month {
            number: i8::try_from(month.number()).unwrap_or_default(),
            is_leap: month.is_leap(),
        },
        month_days: date.days_in_month().into(),
        day: date.day_of_month().0.into(),
        year_days: date.days_in_year().into(),
        year_day: date.day_of_year().0.into(),
    }
}

/// A month of some year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct MonthOfYear {
    pub(super) month: Month,
    pub(super) first: Day,
    pub(super) days: i64,
}

/// A year, and its months in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Year {
    pub(super) first: Day,
    pub(super) days: i64,
    months: [MonthOfYear; MONTHS_MAX],
    count: usize,
}

impl Year {
    /// The one that a day is in.
    pub(super) fn of(scale: Scale, day: Day) -> Self {
        let place = Place::of(scale, day);
        let first = day - place.year_day + 1;
        let mut year = Self {
            first,
            days: place.year_days,
            months: [MonthOfYear::default(); MONTHS_MAX],
            count: 0,
        };
        let mut next = first;
        for month in &mut year.months {
            if next >= first + year.days {
                break;
            }
            let place = Place::of(scale, next);
            *month = MonthOfYear { month: place.month, first: next, days: place.month_days };
            next += place.month_days;
            year.count += 1;
        }
        year
    }

    pub(super) fn months(&self) -> &[MonthOfYear] {
        self.months.get(..self.count).unwrap_or_default()
    }

    /// The month that one of its days is in.
    pub(super) fn month_of(&self, day: Day) -> MonthOfYear {
        let behind = self.months().partition_point(|month| month.first <= day);
        self.months().get(behind.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// The first day of the next.
    pub(super) fn end(&self) -> Day {
        self.first + self.days
    }
}

/// The years of a calendar. What is asked for is mostly what was asked for before.
#[derive(Debug, Clone)]
pub(super) struct Years {
    scale: Scale,
    last: Option<Year>,
}

impl Years {
    pub(super) fn of(scale: Scale) -> Self {
        Self { scale, last: None }
    }

    /// The year that a day is in.
    pub(super) fn year_of(&mut self, day: Day) -> Year {
        let last = self.last.filter(|year| (year.first..year.end()).contains(&day));
        let year = last.unwrap_or_else(|| Year::of(self.scale, day));
        self.last = Some(year);
        year
    }
}

impl Scale {
    /// The first day of the year that a date is in.
    pub(super) fn year_start(self, date: Date) -> Date {
        let day = day_of(date);
        date_of(day - Place::of(self, day).year_day + 1).unwrap_or(Date::MIN)
    }

    /// The first day of the month that a date is in.
    pub(super) fn month_start(self, date: Date) -> Date {
        let day = day_of(date);
        date_of(day - Place::of(self, day).day + 1).unwrap_or(Date::MIN)
    }

    /// The first day of the year so many years later; `None` where dates end.
    pub(super) fn years_later(self, date: Date, count: i64) -> Option<Date> {
        let from = day_of(date);
        let year = Place::of(self, from).year.checked_add(count)?;
        // The midst of a year: leap days and leap months do not lead out of it.
        let mut guess = from.checked_add(days_of(count, self.year_millidays())? + MIDST_OF_YEAR)?;
        // Where they do, it is the year beside.
        for _ in 0..3 {
            let place = Place::of(self, Some(guess).filter(is_near)?);
            if place.year == year {
                return date_of(guess - place.year_day + 1);
            }
            guess += days_of(year - place.year, self.year_millidays())?;
        }
        None
    }

    /// The first day of the month so many months later; `None` where dates end. Leap months
    /// count as others do.
    pub(super) fn months_later(self, date: Date, count: i64) -> Option<Date> {
        if self.is_lunisolar() {
            // Days of a month of the moon, in millionths: in ten thousand years a day or two is
            // lost, and no month begins further from where it does in the long run. The midst of
            // a month is still in it.
            let days = count.checked_mul(29_530_590)? / 1_000_000;
            let midst = day_of(date).checked_add(days + MIDST_OF_MONTH).filter(is_near)?;
            return date_of(midst - Place::of(self, midst).day + 1);
        }
        let year = Year::of(self, day_of(date));
        let of_year = year.months().iter().position(|month| month.first == day_of(date))?;
        let months = i64::try_from(of_year).ok()?.checked_add(count)?;
        let per_year = i64::from(self.months());
        let first = date_of(year.first)?;
        let year = self.years_later(first, months.div_euclid(per_year))?;
        let at = usize::try_from(months.rem_euclid(per_year)).ok()?;
        date_of(Year::of(self, day_of(year)).months().get(at)?.first)
    }
}

fn is_near(day: &Day) -> bool {
    day.abs() <= DAYS_MAX
}

fn days_of(count: i64, millidays: i64) -> Option<i64> {
    Some(count.checked_mul(millidays)? / 1_000)
}
