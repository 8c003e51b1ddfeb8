//! Values of the parameters of MAIL that say on what terms a message is sent on.

use ids::Timestamp;
use message::date::parse_rfc3339;

use crate::error::SyntaxError;
use crate::types::{ByMode, DeliverBy, Hold, Priority};

/// RFC 4865 §3: `future-release-integer = 1*9DIGIT`, a positive number.
const HOLD_DIGITS_MAX: usize = 9;
/// RFC 2852 §4: `by-time = ["-" / "+"]1*9digit`.
const BY_DIGITS_MAX: usize = 9;

/// RFC 4865 §3: `hold-for-param = "HOLDFOR=" future-release-interval`.
pub(super) fn parse_hold_for(value: Option<&str>) -> Result<Hold, SyntaxError> {
    let secs = value.and_then(|value| digits(value, HOLD_DIGITS_MAX));
    let secs = secs.and_then(|secs| u32::try_from(secs).ok()).filter(|secs| *secs > 0);
    secs.map(Hold::For).ok_or(SyntaxError::ParameterValue)
}

/// RFC 4865 §3: `hold-until-param = "HOLDUNTIL=" future-release-date-time`.
pub(super) fn parse_hold_until(value: Option<&str>) -> Result<Hold, SyntaxError> {
    value.and_then(date_time_utc).map(Hold::Until).ok_or(SyntaxError::ParameterValue)
}

/// RFC 2852 §4: `by-value = by-time";"by-mode[by-trace]`.
pub(super) fn parse_deliver_by(value: Option<&str>) -> Result<DeliverBy, SyntaxError> {
    let parse = || {
        let (time, rest) = value?.split_once(';')?;
        let (negative, number) = match time.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, time.strip_prefix('+').unwrap_or(time)),
        };
        let secs = digits(number, BY_DIGITS_MAX)?;
        let (mode, trace) = match rest.to_ascii_uppercase().as_str() {
            "N" => (ByMode::Notify, false),
            "NT" => (ByMode::Notify, true),
            "R" => (ByMode::Return, false),
            "RT" => (ByMode::Return, true),
            _ => return None,
        };
        let secs = if negative { -secs } else { secs };
        // RFC 2852 §4: what goes back when it is late must have some time.
        (mode == ByMode::Notify || secs > 0).then_some(DeliverBy { secs, mode, trace })
    };
    parse().ok_or(SyntaxError::ParameterValue)
}

/// RFC 6710 §7: `priority-value = (["-"] NZDIGIT) / "0"`.
pub(super) fn parse_priority(value: Option<&str>) -> Result<Priority, SyntaxError> {
    let valid = |text: &&str| match text.as_bytes() {
        [b'0'..=b'9'] => true,
        [b'-', digit] => (b'1'..=b'9').contains(digit),
        _ => false,
    };
    let number = value.filter(valid).and_then(|text| text.parse().ok());
    number.and_then(Priority::new).ok_or(SyntaxError::ParameterValue)
}

/// RFC 3339 §5.6: `date-time`, in UTC alone (RFC 4865 §3).
fn date_time_utc(text: &str) -> Option<Timestamp> {
    let at = text.ends_with(['Z', 'z']).then(|| parse_rfc3339(text.as_bytes()))?;
    at.map(|at| Timestamp::from_secs(at.unix_secs()))
}

/// At most so many digits, at least one.
fn digits(text: &str, max: usize) -> Option<i64> {
    let valid = (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_are_understood() {
        let hold = |text| parse_hold_for(Some(text)).ok();
        assert_eq!(hold("86400"), Some(Hold::For(86_400)));
        assert_eq!(hold("999999999"), Some(Hold::For(999_999_999)));
        for text in ["", "0", "-1", "+1", "1.5", "1000000000", "1h"] {
            assert_eq!(hold(text), None, "{text}");
        }
        let until = |text| match parse_hold_until(Some(text)) {
            Ok(Hold::Until(at)) => Some(at.as_secs()),
            _ => None,
        };
        assert_eq!(until("2026-01-05T08:01:00Z"), Some(1_767_600_060));
        assert_eq!(until("2026-01-05t08:01:00.25z"), Some(1_767_600_060));
        assert_eq!(until("2016-12-31T23:59:60Z"), Some(1_483_228_800));
        for text in [
            "2026-01-05T08:01:00",
            "2026-01-05T08:01:00+01:00",
            "2026-13-05T08:01:00Z",
            "2026-02-30T08:01:00Z",
            "2026-01-05T24:01:00Z",
            "2026-01-05T8:01:00Z",
            "2026-01-05T08:01:00.Z",
            "26-01-05T08:01:00Z",
            "2026-01-05 08:01:00Z",
            "é",
        ] {
            assert_eq!(until(text), None, "{text}");
        }
        assert!(parse_hold_for(None).is_err() && parse_hold_until(None).is_err());
    }

    #[test]
    fn deadlines_are_understood() {
        let by = |secs, mode, trace| Some(DeliverBy { secs, mode, trace });
        for (text, expect) in [
            ("120;R", by(120, ByMode::Return, false)),
            ("+98;rt", by(98, ByMode::Return, true)),
            ("-20;N", by(-20, ByMode::Notify, false)),
            ("0;NT", by(0, ByMode::Notify, true)),
            ("0;R", None),
            ("-1;R", None),
            ("120", None),
            ("120;", None),
            ("120;T", None),
            ("1000000000;N", None),
            ("--1;N", None),
            (";N", None),
        ] {
            assert_eq!(parse_deliver_by(Some(text)).ok(), expect, "{text}");
        }
    }

    #[test]
    fn priorities_are_understood() {
        for (text, expect) in [
            ("0", Some(0)),
            ("9", Some(9)),
            ("-9", Some(-9)),
            ("-0", None),
            ("+1", None),
            ("10", None),
            ("", None),
            ("x", None),
        ] {
            let found = parse_priority(Some(text)).ok();
            assert_eq!(found.map(Priority::get), expect, "{text}");
        }
    }
}
