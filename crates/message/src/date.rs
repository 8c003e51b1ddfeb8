//! The ways mail writes an instant: RFC 5322 §3.3 with the obsolete forms of §4.3, the IMAP
//! `date-time`, the IMAP `date` of SEARCH (RFC 9051 §9), and the `date-time` of RFC 3339 §5.6.
//!
//! **Invariant:** a [`DateTime`] lies in the years 1 to 9999, so every form can write it.
//! **Absent:** the current time and time zone names beyond those of RFC 5322 §4.3.

mod rfc3339;

pub use rfc3339::{format_rfc3339, parse_rfc3339};

use crate::header::without_comments;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

const DAY_SECS: i64 = 86_400;
// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const SECS_MIN: i64 = -62_135_596_800;
const SECS_MAX: i64 = 253_402_300_799;

/// An instant with the zone it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DateTime {
    unix_secs: i64,
    offset_mins: i16,
}

impl DateTime {
    /// The instant in UTC, clamped to the years 1 to 9999.
    pub fn from_unix_secs(unix_secs: i64) -> Self {
        Self { unix_secs: unix_secs.clamp(SECS_MIN, SECS_MAX), offset_mins: 0 }
    }

    /// The instant as seen `offset_mins` east of UTC. Out of ±23:59 the offset becomes 0.
    pub fn with_offset(unix_secs: i64, offset_mins: i16) -> Self {
        let offset_mins = if offset_mins.unsigned_abs() < 1440 { offset_mins } else { 0 };
        let local = unix_secs.saturating_add(i64::from(offset_mins) * 60);
        if (SECS_MIN..=SECS_MAX).contains(&local) && (SECS_MIN..=SECS_MAX).contains(&unix_secs) {
            return Self { unix_secs, offset_mins };
        }
        Self::from_unix_secs(unix_secs)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn unix_secs(self) -> i64 {
        self.unix_secs
    }

    /// Minutes east of UTC.
    pub const fn offset_mins(self) -> i16 {
        self.offset_mins
    }

    /// The calendar day in the zone it was written in. SENTON and its kin compare this one:
    /// RFC 9051 §6.4.4 disregards time and time zone.
    pub fn local_day(self) -> Day {
        Day(self.local_secs().div_euclid(DAY_SECS) as i32)
    }

    /// The calendar day in UTC.
    pub fn utc_day(self) -> Day {
        Day(self.unix_secs.div_euclid(DAY_SECS) as i32)
    }

    fn local_secs(self) -> i64 {
        self.unix_secs + i64::from(self.offset_mins) * 60
    }

    fn split(self) -> Split {
        let secs = self.local_secs();
        let day = self.local_day();
        let (year, month, day_of_month) = day.civil();
        let rest = secs.rem_euclid(DAY_SECS);
        Split {
            weekday: WEEKDAYS[day.0.rem_euclid(7) as usize],
            day: day_of_month,
            month: MONTHS[month as usize - 1],
            year,
            time: [rest / 3600, rest / 60 % 60, rest % 60],
            sign: if self.offset_mins < 0 { '-' } else { '+' },
            zone: [self.offset_mins.unsigned_abs() / 60, self.offset_mins.unsigned_abs() % 60],
        }
    }
}

struct Split {
    weekday: &'static str,
    day: u32,
    month: &'static str,
    year: i32,
    time: [i64; 3],
    sign: char,
    zone: [u16; 2],
}

/// A calendar day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(i32);

impl Day {
    /// From the number of days since 1970-01-01.
    pub const fn new(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    pub const fn get(self) -> i32 {
        self.0
    }

    /// `date-text = date-day "-" date-month "-" date-year` (RFC 9051 §9), without its quotes.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut fields = text.split(|&byte| byte == b'-');
        let (day, month, year) = (fields.next()?, fields.next()?, fields.next()?);
        if fields.next().is_some() || day.len() > 2 || year.len() != 4 {
            return None;
        }
        Self::from_civil(number(year)? as i32, month_number(month)?, number(day)?)
    }

    /// The proleptic Gregorian date, if it exists and the year is 1 to 9999.
    pub fn from_civil(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=9999).contains(&year) || day == 0 || day > month_days(year, month)? {
            return None;
        }
        // Years begin in March, so that the leap day is the last of its year.
        let shifted = if month > 2 { year } else { year - 1 };
        let march_month = (month as i32 + 9) % 12;
        let days_before = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400;
        let day_of_year = (153 * march_month + 2) / 5 + day as i32 - 1;
        // 719,468 days lie between 0000-03-01 and 1970-01-01.
        Some(Self(days_before + day_of_year - 719_468))
    }

    /// Year, month (1 to 12) and day of the month.
    pub fn civil(self) -> (i32, u32, u32) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * march_month + 2) / 5 + 1) as u32;
        let month = ((march_month + 2) % 12 + 1) as u32;
        let year = era * 400 + year_of_era + i32::from(month <= 2);
        (year, month, day)
    }
}

fn month_days(year: i32, month: u32) -> Option<u32> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => Some(29),
        2 => Some(28),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

/// `date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE`
/// (RFC 9051 §9), without its quotes.
pub fn parse_internal_date(text: &[u8]) -> Option<DateTime> {
    if text.len() != 26 || text.get(20) != Some(&b' ') || text.get(11) != Some(&b' ') {
        return None;
    }
    let day = match text.first()? {
        b' ' => Day::parse(text.get(1..11)?)?,
        _ => Day::parse(text.get(..11)?)?,
    };
    let time = text.get(12..20)?;
    if time.get(2) != Some(&b':') || time.get(5) != Some(&b':') {
        return None;
    }
    at(day, within_day(time_of_day(time)?), numeric_zone(text.get(21..)?)?)
}

/// Reverses [`parse_internal_date`].
pub fn format_internal_date(date: DateTime) -> String {
    let Split { day, month, year, time: [h, m, s], sign, zone: [zh, zm], .. } = date.split();
    format!("{day:02}-{month}-{year:04} {h:02}:{m:02}:{s:02} {sign}{zh:02}{zm:02}")
}

/// `date-time` of RFC 5322 §3.3, for Date and Received.
pub fn format_rfc5322(date: DateTime) -> String {
    let Split { weekday, day, month, year, time: [h, m, s], sign, zone: [zh, zm] } = date.split();
    format!("{weekday}, {day} {month} {year:04} {h:02}:{m:02}:{s:02} {sign}{zh:02}{zm:02}")
}

/// `date-time` of RFC 5322 §3.3 with the obsolete forms of RFC 5322 §4.3, and forms that many
/// programs wrote: C's `asctime` order, hyphens in the date, no zone (taken as UTC).
pub fn parse_rfc5322(value: &[u8]) -> Option<DateTime> {
    let mut found = Found::default();
    // LIMIT: a date has six words; more than sixteen is no date.
    for word in words(value).into_iter().take(16) {
        found.take(&word);
    }
    let day = Day::from_civil(full_year(found.year?)?, found.month?, found.day?)?;
    at(day, found.time?, found.zone.unwrap_or(0))
}

#[derive(Default)]
struct Found {
    day: Option<u32>,
    month: Option<u32>,
    year: Option<(u32, usize)>,
    time: Option<i64>,
    zone: Option<i16>,
}

impl Found {
    fn take(&mut self, word: &[u8]) {
        match word.first() {
            Some(b'+' | b'-') => self.zone = self.zone.or_else(|| numeric_zone(word)),
            Some(b'0'..=b'9') if word.contains(&b':') => {
                self.time = self.time.or_else(|| time_of_day(word).map(within_day));
            }
            Some(b'0'..=b'9') if self.day.is_none() => self.day = number(word),
            Some(b'0'..=b'9') if self.year.is_none() => {
                self.year = number(word).map(|year| (year, word.len()));
            }
            Some(_) if self.month.is_none() && month_number(word).is_some() => {
                self.month = month_number(word);
            }
            Some(_) if self.time.is_some() && self.zone.is_none() => {
                self.zone = named_zone(word);
            }
            _ => {}
        }
    }
}

// Words outside comments, split at blanks, commas, and where a hyphen or a zone is glued on.
fn words(value: &[u8]) -> Vec<Vec<u8>> {
    // LIMIT: the longest date in use has some 60 bytes; comments are allowed to add to it.
    let value = value.get(..256).unwrap_or(value);
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut word = Vec::new();
    for byte in with_plain_times(&without_comments(value)) {
        match byte {
            b' ' | b',' | b')' => {}
            b'+' | b'-' if word.is_empty() => {
                word.push(byte);
                continue;
            }
            b'+' | b'-' if word.contains(&b':') => {
                words.push(std::mem::replace(&mut word, vec![byte]));
                continue;
            }
            b'-' => {}
            _ => {
                word.push(byte);
                continue;
            }
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    words.push(word);
    words
}

// RFC 5322 §4.3 allows blanks around the colons of the time.
fn with_plain_times(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' if plain.last() == Some(&b':') => {}
            b' ' | b'\t' | b'\r' | b'\n' => plain.push(b' '),
            b':' => {
                plain.truncate(plain.trim_ascii_end().len());
                plain.push(byte);
            }
            _ => plain.push(byte),
        }
    }
    plain
}

fn at(day: Day, time_of_day: i64, offset_mins: i16) -> Option<DateTime> {
    let local = i64::from(day.0) * DAY_SECS + time_of_day;
    let unix_secs = local - i64::from(offset_mins) * 60;
    (SECS_MIN..=SECS_MAX)
        .contains(&unix_secs)
        .then(|| DateTime::with_offset(unix_secs, offset_mins))
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 6 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

fn month_number(name: &[u8]) -> Option<u32> {
    let name = name.get(..3)?;
    let index = MONTHS.iter().position(|month| month.as_bytes().eq_ignore_ascii_case(name))?;
    Some(index as u32 + 1)
}

// hh ":" mm [":" ss], fractions of a second dropped.
fn time_of_day(text: &[u8]) -> Option<i64> {
    let mut fields = text.split(|&byte| byte == b':');
    let hour = number(fields.next()?)?;
    let minute = number(fields.next()?)?;
    let second = match fields.next() {
        Some(text) => number(text.split(|&byte| byte == b'.').next()?)?,
        None => 0,
    };
    // RFC 5322 §3.3 allows second 60, for leap seconds.
    (fields.next().is_none() && hour < 24 && minute < 60 && second <= 60)
        .then(|| i64::from(hour * 3600 + minute * 60 + second))
}

// RFC 9051 §6.4.4: SENTON goes by the day as it is written, to which a leap second belongs.
fn within_day(time_of_day: i64) -> i64 {
    time_of_day.min(DAY_SECS - 1)
}

fn numeric_zone(text: &[u8]) -> Option<i16> {
    let (sign, digits) = text.split_first()?;
    let number = number(digits).filter(|_| digits.len() == 4)? as i16;
    let mins = number / 100 * 60 + number % 100;
    match sign {
        b'+' if number % 100 < 60 && mins < 1440 => Some(mins),
        b'-' if number % 100 < 60 && mins < 1440 => Some(-mins),
        _ => None,
    }
}

// RFC 5322 §4.3: the zones of North America have meaning, every other name counts as -0000.
fn named_zone(name: &[u8]) -> Option<i16> {
    const NAMED: [(&str, i16); 8] = [
        ("EST", -300),
        ("EDT", -240),
        ("CST", -360),
        ("CDT", -300),
        ("MST", -420),
        ("MDT", -360),
        ("PST", -480),
        ("PDT", -420),
    ];
    if !name.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let known = NAMED.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    Some(known.map_or(0, |(_, mins)| *mins))
}

// RFC 5322 §4.3: two digits up to 49 are 20xx, the others and three digits count from 1900.
fn full_year((year, digits): (u32, usize)) -> Option<i32> {
    let year = i32::try_from(year).ok()?;
    match digits {
        1 | 2 if year < 50 => Some(year + 2000),
        1..=3 => Some(year + 1900),
        4 => Some(year),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5322_dates_in_every_dress() {
        for (text, expect) in [
            // RFC 5322 §A.1.1, §A.5, §A.6.2
            ("Fri, 21 Nov 1997 09:55:06 -0600", Some((880_127_706, -360))),
            (
                "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)",
                Some((-27_723_480, -210)),
            ),
            ("21 Nov 97 09:55:06 GMT", Some((880_106_106, 0))),
            (" Mon, 7 Feb 94 21:52:25 PST ", Some((760_686_745, -480))),
            ("Mon Feb  7 21:52:25 1994", Some((760_657_945, 0))),
            ("7-Feb-1994 21:52:25-0800", Some((760_686_745, -480))),
            ("Mon, 7 Feb 1994 21:52:25.123 +0000 (a (b) c)", Some((760_657_945, 0))),
            ("Sat, 31 Dec 2016 23:59:60 +0000", Some((1_483_228_799, 0))),
            ("31 Dec 2016 (\\() 21:30:10 +0000", Some((1_483_219_810, 0))),
            ("31 Dec 2016 21(a) :30 : 10.5 (\\)) +0100", Some((1_483_216_210, 60))),
            ("Mon, 7 Feb 94 21 :52\r\n : 25 PST", Some((760_686_745, -480))),
            ("Mon, 7 February 104 00:00:00 Z", Some((1_076_112_000, 0))),
            ("30 Feb 2020 00:00:00 +0000", None),
            ("1 Jan 0000 00:00:00 +0000", None),
            ("1 Jan 2020 24:00:00 +0000", None),
            ("1 Jan 20200 10:00:00 +0000", None),
            ("yesterday", None),
            ("", None),
            ("((((((((", None),
        ] {
            let found = parse_rfc5322(text.as_bytes()).map(|d| (d.unix_secs(), d.offset_mins()));
            assert_eq!(found, expect, "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_of_its_day() {
        for date in [
            parse_rfc5322(b"31 Dec 2016 23:59:60 +0000"),
            parse_internal_date(b"31-Dec-2016 23:59:60 +0000"),
        ] {
            assert_eq!(date.map(DateTime::local_day), Day::from_civil(2016, 12, 31));
        }
    }

    #[test]
    fn internal_dates_round_trip() {
        for (text, expect) in [
            ("17-Jul-1996 02:44:25 -0700", Some(837_596_665)),
            (" 1-Jan-1970 00:00:00 +0000", Some(0)),
            ("01-jan-1970 01:00:00 +0100", Some(0)),
            ("29-Feb-2000 12:00:00 +0000", Some(951_825_600)),
            ("29-Feb-1900 12:00:00 +0000", None),
            ("1-Jan-1970 00:00:00 +0000", None),
            ("01-Jan-1970 00:00:00 +2400", None),
            ("01-Jan-1970 00:00:00 0000", None),
            ("01-Jan-1970T00:00:00 +0000", None),
            ("", None),
        ] {
            let found = parse_internal_date(text.as_bytes());
            assert_eq!(found.map(DateTime::unix_secs), expect, "{text}");
            if let Some(date) = found {
                assert_eq!(parse_internal_date(format_internal_date(date).as_bytes()), found);
                assert_eq!(parse_rfc5322(format_rfc5322(date).as_bytes()), found);
            }
        }
        let date = parse_internal_date(b"17-Jul-1996 02:44:25 -0700").unwrap();
        assert_eq!(format_internal_date(date), "17-Jul-1996 02:44:25 -0700");
        assert_eq!(format_rfc5322(date), "Wed, 17 Jul 1996 02:44:25 -0700");
    }

    #[test]
    fn every_day_is_its_own() {
        let mut day = Day::from_civil(1, 1, 1).unwrap();
        let last = Day::from_civil(9999, 12, 31).unwrap();
        while day < last {
            let (year, month, of_month) = day.civil();
            assert_eq!(Day::from_civil(year, month, of_month), Some(day));
            day = Day(day.0 + 1);
        }
        assert_eq!(Day::from_civil(1970, 1, 1), Some(Day(0)));
        assert_eq!(Day::parse(b"1-Feb-1994"), Day::from_civil(1994, 2, 1));
        assert_eq!(Day::parse(b"1-Feb-94"), None);
    }

    #[test]
    fn the_ends_of_time_can_be_written() {
        for secs in [i64::MIN, i64::MAX, SECS_MIN, SECS_MAX] {
            for offset in [-1439, 0, 1439, i16::MIN, i16::MAX] {
                let date = DateTime::with_offset(secs, offset);
                assert_eq!(parse_internal_date(format_internal_date(date).as_bytes()), Some(date));
            }
        }
    }
}
