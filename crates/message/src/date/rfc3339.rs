//! `date-time` of RFC 3339 §5.6.

use super::{DAY_SECS, DateTime, Day, at, number, numeric_zone, time_of_day};

/// `date-time` of RFC 3339 §5.6, in any zone; fractions of a second are dropped. RFC 3339 §5.6: `T`
/// and `Z` may be small letters.
pub fn parse_rfc3339(text: &[u8]) -> Option<DateTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let (separator, rest) = rest.split_first()?;
    let (time, rest) = rest.split_at_checked(8)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    if !separator.eq_ignore_ascii_case(&b'T')
        || !matches!(time, [_, _, b':', _, _, b':', s1, s2]
        if s1.is_ascii_digit() && s2.is_ascii_digit())
    {
        return None;
    }
    let year = i32::try_from(number(&[y1, y2, y3, y4])?).ok()?;
    let day = Day::from_civil(year, number(&[m1, m2])?, number(&[d1, d2])?)?;
    let zone = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let end = fraction.iter().position(|byte| !byte.is_ascii_digit())?;
            fraction.get(end..).filter(|_| end > 0)?
        }
    };
    let offset_mins = match *zone {
        [b'Z' | b'z'] => 0,
        [sign, h1, h2, b':', m1, m2] => numeric_zone(&[sign, h1, h2, m1, m2])?,
        _ => return None,
    };
    at(day, time_of_day(time)?, offset_mins)
}

/// `date-time` of RFC 3339 §5.6, in UTC to the second.
pub fn format_rfc3339(date: DateTime) -> String {
    let DateTime { unix_secs, .. } = date;
    let (year, month, day) = date.utc_day().civil();
    let rest = unix_secs.rem_euclid(DAY_SECS);
    let (h, m, s) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::SECS_MAX;

    #[test]
    fn instants_of_rfc_3339_round_trip() {
        for (text, expect) in [
            ("1970-01-01T00:00:00Z", Some((0, 0))),
            // RFC 3339 §5.8
            ("1985-04-12T23:20:50.52Z", Some((482_196_050, 0))),
            ("1996-12-19T16:39:57-08:00", Some((851_042_397, -480))),
            ("1990-12-31T15:59:60-08:00", Some((662_688_000, -480))),
            ("1937-01-01T12:00:27.87+00:20", Some((-1_041_337_173, 20))),
            ("2006-12-31t23:59:59z", Some((1_167_609_599, 0))),
            ("2000-02-29T12:00:00.25+01:00", Some((951_822_000, 60))),
            ("9999-12-31T23:59:59Z", Some((SECS_MAX, 0))),
            ("9999-12-31T23:59:59-00:01", None),
            ("0000-01-01T00:00:00Z", None),
            ("2001-02-29T12:00:00Z", None),
            ("2000-13-01T12:00:00Z", None),
            ("2000-01-01T24:00:00Z", None),
            ("2000-01-01T12:00:61Z", None),
            ("2000-01-01 12:00:00Z", None),
            ("2000-01-01T12:00:00", None),
            ("2000-01-01T12:00Z", None),
            ("2000-01-01T12:00:5.Z", None),
            ("2000-01-01T12:0::00Z", None),
            ("2000-01-01T12:00:00+1:00", None),
            ("2000-01-01T12:00:00+0100", None),
            ("2000-01-01T12:00:00+01:60", None),
            ("2000-01-01T12:00:00+24:00", None),
            ("2000-01-01T12:00:00.Z", None),
            ("2000-01-01T12:00:00.25", None),
            ("2000-01-01T12:00:00Z ", None),
            ("2000-1-01T12:00:00.0Z", None),
            ("20000-01-01T12:00:00Z", None),
            ("+200-01-01T12:00:00Z", None),
            ("2000-01-01T12:00:\u{e9}Z", None),
            ("", None),
        ] {
            let found = parse_rfc3339(text.as_bytes());
            assert_eq!(found.map(|at| (at.unix_secs(), at.offset_mins())), expect, "{text}");
            if let Some(date) = found {
                let again = parse_rfc3339(format_rfc3339(date).as_bytes());
                assert_eq!(again.map(DateTime::unix_secs), Some(date.unix_secs()), "{text}");
            }
        }
    }
}
