//! Dates as programs write them into tables. Whether day or month comes first is told from all
//! dates of a column together.

/// A day that is not a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Day {
    pub(super) year: Option<i16>,
    pub(super) month: i8,
    pub(super) day: i8,
}

/// Which number comes first in the dates of a column whose year is last. A program writes all of
/// a column in one way, so that one date tells it of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    /// No date of the column tells.
    #[default]
    Unknown,
    DayFirst,
    MonthFirst,
}

impl Order {
    /// What is known with one more value of the column. Where values are against each other, days
    /// are first, and those that cannot be so are not read.
    pub(super) fn with(self, text: &str) -> Self {
        let Some((sign, [first, second, third])) = parts(text) else { return self };
        let is_no_month = |part: &str| part.parse().is_ok_and(|number: u32| number > 12);
        match third.len() == YEAR_DIGITS && sign != '.' {
            true if is_no_month(first) => Self::DayFirst,
            true if is_no_month(second) && self == Self::Unknown => Self::MonthFirst,
            _ => self,
        }
    }

    fn is_day_first(self, sign: char) -> bool {
        match (self, sign) {
            // Nobody writes 12.31.1980.
            (_, '.') | (Self::DayFirst, _) => true,
            (Self::MonthFirst, _) => false,
            // Month before day, as Outlook writes it in America; in the Netherlands and in Denmark
            // it is 31-12-1980.
            (Self::Unknown, sign) => sign == '-',
        }
    }
}

/// A year of two digits may be of two centuries: it is none.
const YEAR_DIGITS: usize = 4;

/// `1980-12-31` and `1980/12/31`, `19801231`, `--12-31` and `--1231`, `12/31/1980` and `31/12/1980`
/// as the column has it, `31.12.1980`, `31-12-1980`; a time behind it is left out. `None` where all
/// is 0: `0/0/00` is what Outlook writes for no date.
pub(super) fn date(text: &str, order: Order) -> Result<Option<Day>, Unreadable> {
    if let Some(rest) = text.strip_prefix("--") {
        let (month, day) = match rest.split_once('-') {
            Some(parts) => parts,
            None if rest.len() == 4 => rest.split_at_checked(2).ok_or(Unreadable)?,
            None => return Err(Unreadable),
        };
        return day_of(None, month, day).map(Some);
    }
    if let Some((year, month, day)) = without_signs(text) {
        return day_of(Some(year), month, day).map(Some);
    }
    let (sign, [first, second, third]) = parts(text).ok_or(Unreadable)?;
    if [first, second, third].iter().all(|part| part.bytes().all(|digit| digit == b'0')) {
        return Ok(None);
    }
    let (year, month, day) = match first.len() == YEAR_DIGITS {
        true => (first, second, third),
        false if order.is_day_first(sign) => (third, second, first),
        false => (third, first, second),
    };
    match year.len() == YEAR_DIGITS {
        true => day_of(Some(year), month, day).map(Some),
        false => Err(Unreadable),
    }
}

fn day_of(year: Option<&str>, month: &str, day: &str) -> Result<Day, Unreadable> {
    let number = |text: &str| text.parse().map_err(|_| Unreadable);
    let year = year.map(str::parse).transpose().map_err(|_| Unreadable)?;
    let day = Day { year, month: number(month)?, day: number(day)? };
    // Without a year, one that has the 29th of February.
    match jiff::civil::Date::new(day.year.unwrap_or(1604), day.month, day.day) {
        Ok(_) => Ok(day),
        Err(_) => Err(Unreadable),
    }
}

/// `19801231`
fn without_signs(text: &str) -> Option<(&str, &str, &str)> {
    let (digits, rest) = number(text)?;
    if digits.len() != 8 || !is_end(rest) {
        return None;
    }
    let (year, rest) = digits.split_at_checked(YEAR_DIGITS)?;
    let (month, day) = rest.split_at_checked(2)?;
    Some((year, month, day))
}

/// Three numbers and the sign that stands between them.
fn parts(text: &str) -> Option<(char, [&str; 3])> {
    let (first, rest) = number(text)?;
    let sign = rest.chars().next().filter(|sign| matches!(sign, '-' | '/' | '.'))?;
    // QUIRK(Outlook in Czech): `31. 12. 1980`.
    let (second, rest) = number(rest.strip_prefix(sign)?.trim_start())?;
    let (third, rest) = number(rest.strip_prefix(sign)?.trim_start())?;
    // QUIRK(Outlook in Hungarian): `1980. 12. 31.`
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    is_end(rest).then_some((sign, [first, second, third]))
}

/// Whether nothing is left but the time.
fn is_end(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', 'T'])
}

fn number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())
}
