//! A date and time on the clock of whoever it belongs to, in no time zone: R-RESP-2 has times in
//! the account's zone, also after that changes.

use crate::{Result, StorageError};

/// `2026-07-01T08:00:00`: texts of it compare as instants do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalTime(String);

impl LocalTime {
    /// Year, month, day, hour, minute, second.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where there is no such date or time.
    pub fn new(parts: [u32; 6]) -> Result<Self> {
        let [year, month, day, hour, minute, second] = parts;
        let valid = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_of(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        match valid {
            true => {
                Ok(Self(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")))
            }
            false => Err(StorageError::Invalid("there is no such date or time")),
        }
    }

    /// `2026-07-01`, which is its first second, `2026-07-01T08:00` or with seconds; a blank in
    /// place of the T is read too.
    pub fn parse_start(text: &str) -> Result<Self> {
        Self::parse(text, [0, 0, 0])
    }

    /// Like `parse_start`, for an end: a date alone is its last second, a minute its last.
    pub fn parse_end(text: &str) -> Result<Self> {
        Self::parse(text, [23, 59, 59])
    }

    fn parse(text: &str, missing: [u32; 3]) -> Result<Self> {
        let wrong = StorageError::Invalid("not a date or time such as 2026-07-01T08:00");
        let (date, time) = match text.split_once(['T', ' ']) {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let date = numbers(date, '-', &[4, 2, 2]);
        let time = time.map_or(Some(Vec::new()), |time| numbers(time, ':', &[2, 2, 2]));
        let (Some(&[year, month, day]), Some(time)) = (date.as_deref(), time) else {
            return Err(wrong);
        };
        if time.len() == 1 {
            return Err(wrong);
        }
        let part = |at: usize| time.get(at).or(missing.get(at)).copied().unwrap_or(0);
        Self::new([year, month, day, part(0), part(1), part(2)])
    }

    /// The text, such as `2026-07-01T08:00:00`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn stored(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

/// Numbers of these many digits, the last ones optional where there are three.
fn numbers(text: &str, separator: char, widths: &[usize]) -> Option<Vec<u32>> {
    let words: Vec<&str> = text.split(separator).collect();
    if words.len() > widths.len() {
        return None;
    }
    let number = |(word, width): (&&str, &usize)| {
        let digits = word.len() == *width && word.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| word.parse().ok()).flatten()
    };
    words.iter().zip(widths).map(number).collect()
}

fn days_of(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, start, end) in [
            ("2026-07-01", "2026-07-01T00:00:00", "2026-07-01T23:59:59"),
            ("2026-07-01T08:00", "2026-07-01T08:00:00", "2026-07-01T08:00:59"),
            ("2026-07-01 08:00:30", "2026-07-01T08:00:30", "2026-07-01T08:00:30"),
            ("2024-02-29", "2024-02-29T00:00:00", "2024-02-29T23:59:59"),
        ] {
            assert_eq!(LocalTime::parse_start(text).unwrap().as_str(), start);
            assert_eq!(LocalTime::parse_end(text).unwrap().as_str(), end);
        }
        for text in [
            "",
            "2026",
            "2026-07",
            "2026-7-1",
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-07-01T",
            "2026-07-01T08",
            "2026-07-01T24:00",
            "2026-07-01T08:00:60",
            "2026-07-01T08:00Z",
            "0000-01-01",
            "2026-07-01-01",
        ] {
            assert!(LocalTime::parse_start(text).is_err(), "{text}");
        }
    }
}
