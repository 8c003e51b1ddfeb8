//! Time zones of accounts: an instant on the owner's clock.

use ids::Timestamp;
use jiff::tz::TimeZone;
use message::date::DateTime;
use storage::LocalTime;

/// Whether there is a time zone of this name; the empty one is UTC.
pub fn zone_exists(name: &str) -> bool {
    name.is_empty() || TimeZone::get(name).is_ok()
}

/// The zone of an account. One that is known no more is UTC.
pub(crate) fn zone_of(name: &str) -> TimeZone {
    match name {
        "" => TimeZone::UTC,
        name => TimeZone::get(name).unwrap_or(TimeZone::UTC),
    }
}

fn instant(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_second(at.as_secs()).unwrap_or_default()
}

/// Minutes east of UTC.
pub(crate) fn offset_mins(zone: &TimeZone, at: Timestamp) -> i16 {
    i16::try_from(zone.to_offset(instant(at)).seconds() / 60).unwrap_or(0)
}

/// The instant with the offset it has there.
pub(crate) fn date_time(zone: &TimeZone, at: Timestamp) -> DateTime {
    DateTime::with_offset(at.as_secs(), offset_mins(zone, at))
}

/// What the clock there shows, and the day of the week, Monday being 0. `None` in no year that
/// has four digits.
pub(crate) fn local(zone: &TimeZone, at: Timestamp) -> Option<(LocalTime, u8)> {
    let shown = zone.to_datetime(instant(at));
    let number = |part: i8| u32::try_from(part).unwrap_or(0);
    let time = LocalTime::new([
        u32::try_from(shown.year()).unwrap_or(0),
        number(shown.month()),
        number(shown.day()),
        number(shown.hour()),
        number(shown.minute()),
        number(shown.second()),
    ]);
    let day = shown.weekday().to_monday_zero_offset();
    Some((time.ok()?, u8::try_from(day).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_those_of_the_zone() {
        // 2026-03-29T00:59:59Z and one second later: Zurich goes from +01:00 to +02:00.
        for (secs, zone, shown, offset, day) in [
            (1_774_745_999, "Europe/Zurich", "2026-03-29T01:59:59", 60, 6),
            (1_774_746_000, "Europe/Zurich", "2026-03-29T03:00:00", 120, 6),
            (1_774_745_999, "", "2026-03-29T00:59:59", 0, 6),
            (1_774_745_999, "America/Los_Angeles", "2026-03-28T17:59:59", -420, 5),
            (1_774_745_999, "No/Where", "2026-03-29T00:59:59", 0, 6),
        ] {
            let (zone, at) = (zone_of(zone), Timestamp::from_secs(secs));
            let (time, weekday) = local(&zone, at).unwrap();
            assert_eq!((time.as_str(), weekday), (shown, day));
            assert_eq!(offset_mins(&zone, at), offset);
        }
        assert!(zone_exists("") && zone_exists("Europe/Zurich") && !zone_exists("No/Where"));
    }
}
