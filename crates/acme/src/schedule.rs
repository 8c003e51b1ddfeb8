//! When a certificate is ordered again: before it expires, or when the server suggests, with pauses
//! after failures.

use std::time::Duration;

use ids::Timestamp;

/// The first pause after a failure; it doubles with each.
const PAUSE_SECS: u64 = 300;
/// LIMIT: the longest. Those who issue count failures by the hour and by the week.
const PAUSE_SECS_MAX: u64 = 12 * 3600;

/// When it is renewed: after two thirds of its life, and some of the rest earlier by chance, so
/// that not everybody comes at once. `chance` is between 0 and 1.
pub(crate) fn renewal(begins: Timestamp, ends: Timestamp, chance: f64) -> Timestamp {
    let life = (ends.as_secs() - begins.as_secs()).max(0);
    let early = (life as f64 / 20.0 * chance.clamp(0.0, 1.0)) as i64;
    begins.plus_secs(life * 2 / 3 - early)
}

/// When it is tried again after so many failures in a row; not before the server said.
pub(crate) fn again(failures: u32, said_secs: Option<u64>, chance: f64) -> Duration {
    let doubled = PAUSE_SECS.saturating_mul(1 << failures.saturating_sub(1).min(20));
    let pause = doubled.min(PAUSE_SECS_MAX);
    // Up to a quarter more.
    let jitter = (pause as f64 / 4.0 * chance.clamp(0.0, 1.0)) as u64;
    Duration::from_secs((pause + jitter).max(said_secs.unwrap_or(0)))
}

/// RFC 9773 §4.2: a moment by chance within the window that the server suggests.
pub(crate) fn within(start: i64, end: i64, chance: f64) -> Timestamp {
    let length = end.saturating_sub(start).max(0);
    let at = start.saturating_add((length as f64 * chance.clamp(0.0, 1.0)) as i64);
    // LIMIT: the year 9999.
    Timestamp::from_secs(at.clamp(0, 253_402_300_799))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_ahead_of_time() {
        let (begins, day) = (Timestamp::from_secs(1_000_000), 86_400);
        for (days, chance, expect_secs) in [
            (90, 0.0, 60 * day),
            (90, 1.0, 60 * day - 90 * day / 20),
            (6, 0.0, 4 * day),
            (0, 0.5, 0),
            (-3, 0.5, 0),
        ] {
            let ends = begins.plus_secs(days * day);
            assert_eq!(renewal(begins, ends, chance), begins.plus_secs(expect_secs), "{days}");
        }
    }

    #[test]
    fn pauses_grow_to_a_bound_and_are_as_long_as_was_said() {
        for (failures, said, chance, secs) in [
            (1, None, 0.0, 300),
            (2, None, 0.0, 600),
            (2, None, 1.0, 750),
            (8, None, 0.0, 38_400),
            (9, None, 0.0, 43_200),
            (u32::MAX, None, 0.0, 43_200),
            (1, Some(10), 0.0, 300),
            (1, Some(4_000), 0.0, 4_000),
        ] {
            assert_eq!(again(failures, said, chance).as_secs(), secs, "{failures} {said:?}");
        }
    }

    #[test]
    fn suggested_windows() {
        let secs = |start, end, chance| within(start, end, chance).as_secs();
        assert_eq!(secs(100, 200, 0.0), 100);
        assert_eq!(secs(100, 200, 0.5), 150);
        assert_eq!(secs(200, 100, 0.5), 200);
        assert_eq!(secs(i64::MIN, i64::MAX, 0.0), 0);
    }
}
