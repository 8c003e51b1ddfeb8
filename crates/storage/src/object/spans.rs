//! The occurrences of an event as a packed list: pairs of a start, as the distance from the one
//! before, and a length, in seconds, as variable-length numbers; before them a byte of flags and
//! the instant up to which the list is whole.

use ical::CalendarObject;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use message::varint::{push_varint, take_varint, unzigzag, zigzag};

use super::calendar::is_floating;
use super::prepare::{ObjectFault, ObjectLimits};

/// LIMIT: occurrences that are listed: seven years of weeks, in some two kilobytes.
const LISTED_MAX: usize = 400;

const FLOATING: u8 = 1;

/// Dates and floating times are elsewhere for somebody else by at most this much: no clock is
/// further from UTC.
const FLOATING_SECS: i64 = 26 * 3600;

const DAY: i64 = 24 * 3600;

/// How much of a series is listed: the first of these that fits, in days.
const REACHES: [i64; 7] = [100 * 366, 20 * 366, 7 * 366, 2 * 366, 366, 90, 14];

/// The list of an event that recurs; none where nothing of it fits.
pub(super) fn pack(
    object: &CalendarObject,
    limits: &ObjectLimits,
) -> Result<Option<Vec<u8>>, ObjectFault> {
    let invalid = |error| ObjectFault::Malformed(ical::Invalid::Data(error));
    let zones = object.zones(TimeZone::UTC, &limits.ical);
    let occurrences = object.occurrences(&zones, &limits.ical).map_err(invalid)?;
    let Some((begin, end)) = occurrences.span() else { return Ok(None) };
    // At most so many of a window, in no order.
    let gather = |to: Timestamp, max: usize| {
        let mut found = Vec::new();
        let too_many = occurrences.any(None, &(begin..to), |one| {
            found.push((one.start.as_second(), one.end.as_second()));
            found.len() > max
        });
        too_many.map(|too_many| (!too_many).then_some(found)).map_err(invalid)
    };
    let year = later(begin, 366);
    if gather(year, LISTED_MAX)?.is_none() {
        let max = usize::try_from(limits.instances_max).unwrap_or(usize::MAX);
        if gather(year, max)?.is_none() {
            return Err(ObjectFault::TooManyInstances { max: limits.instances_max });
        }
    }
    for days in REACHES {
        let to = later(begin, days);
        if let Some(mut spans) = gather(to, LISTED_MAX)? {
            spans.sort_unstable();
            let whole_to = if end < to { i64::MAX } else { to.as_second() };
            let packed = encode(whole_to, spans.into_iter());
            let floats = is_floating(object, limits);
            return Ok(Some(if floats { mark_floating(packed) } else { packed }));
        }
    }
    Ok(None)
}

fn later(begin: Timestamp, days: i64) -> Timestamp {
    let days = SignedDuration::from_secs(days * DAY);
    begin.checked_add(days).unwrap_or(Timestamp::MAX)
}

/// Says that its occurrences may be elsewhere on the clock.
fn mark_floating(mut packed: Vec<u8>) -> Vec<u8> {
    if let Some(flags) = packed.first_mut() {
        *flags |= FLOATING;
    }
    packed
}

fn encode(whole_to: i64, spans: impl Iterator<Item = (i64, i64)>) -> Vec<u8> {
    let mut packed = vec![0];
    packed.extend_from_slice(&whole_to.to_le_bytes());
    let mut before = 0;
    for (start, end) in spans {
        push_varint(&mut packed, zigzag(start.wrapping_sub(before)));
        push_varint(&mut packed, zigzag(end.saturating_sub(start)));
        before = start;
    }
    packed
}

/// What a packed list says of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// An occurrence overlaps it.
    Yes,
    /// No occurrence overlaps it.
    No,
    /// It hangs on a time zone, or the list has ended before.
    Unknown,
}

/// Whether an occurrence overlaps the seconds from `start` up to `end`.
pub(super) fn ask(packed: &[u8], start: i64, end: i64) -> Said {
    let Some((&flags, mut rest)) = packed.split_first() else { return Said::Unknown };
    let floating = flags & FLOATING != 0;
    let margin = if floating { FLOATING_SECS } else { 0 };
    let Some((whole_to, spans)) = rest.split_first_chunk::<8>() else { return Said::Unknown };
    let whole_to = i64::from_le_bytes(*whole_to);
    rest = spans;
    let (from, to) = (start.saturating_sub(margin), end.saturating_add(margin));
    let mut at = 0_i64;
    while !rest.is_empty() {
        let (Some(gap), Some(length)) = (take_varint(&mut rest), take_varint(&mut rest)) else {
            return Said::Unknown;
        };
        let length = unzigzag(length);
        at = at.wrapping_add(unzigzag(gap));
        let ends = at.saturating_add(length);
        // RFC 4791 §9.9: what has no length overlaps where it begins in the window.
        let overlaps = at < to && (ends > from || (length == 0 && at >= from));
        if overlaps {
            return if floating { Said::Unknown } else { Said::Yes };
        }
        if at >= to {
            break;
        }
    }
    if to > whole_to { Said::Unknown } else { Said::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_answer_as_their_spans_do() {
        let packed = encode(1_000, [(-50, -40), (100, 110), (150, 400), (200, 200)].into_iter());
        for (start, end, expect) in [
            (-100, -50, Said::No),
            (-100, -49, Said::Yes),
            (-40, 100, Said::No),
            (-41, 0, Said::Yes),
            (110, 150, Said::No),
            (105, 106, Said::Yes),
            (200, 201, Said::Yes),
            (390, 999, Said::Yes),
            (400, 1_000, Said::No),
            (400, 1_001, Said::Unknown),
            (5_000, 6_000, Said::Unknown),
        ] {
            assert_eq!(ask(&packed, start, end), expect, "{start}..{end}");
        }
        let floating = mark_floating(packed);
        assert_eq!(ask(&floating, 100, 110), Said::Unknown);
        assert_eq!(ask(&floating, -1_000_000, -900_000), Said::No);
    }

    /// As every version has written them.
    #[test]
    fn lists_are_stored_in_these_bytes() {
        let spans = [
            (-50, -40),
            (13, 77),
            (1_767_600_060, 1_767_603_660),
            (1_767_600_060, 1_767_600_060),
            (i64::MAX, i64::MIN),
        ];
        let packed = encode(0x0102_0304_0506_0708, spans.into_iter());
        let expect = [
            &[0][..],
            &[8, 7, 6, 5, 4, 3, 2, 1],
            &[0x63, 0x14],
            &[0x7e, 0x80, 0x01],
            &[0xde, 0xbe, 0xdb, 0x95, 0x0d, 0xa0, 0x38],
            &[0x00, 0x00],
            &[0x86, 0xc1, 0xa4, 0xea, 0xf2, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ];
        assert_eq!(packed, expect.concat());
        assert_eq!(mark_floating(packed)[..2], [1, 8]);
    }

    #[test]
    fn what_is_no_list_says_nothing() {
        for damaged in [
            &b""[..],
            b"\0",
            b"\0\0\0\0\0\0\0\0\0\x80",
            &[0xff; 40],
            // More than 64 bits.
            b"\0\0\0\0\0\0\0\0\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02\x02",
        ] {
            assert_eq!(ask(damaged, 0, 1), Said::Unknown);
        }
    }
}
