//! When to try again: doubling pauses with jitter, so that what failed together does not come
//! back together.

use std::time::Duration;

use ids::Timestamp;

/// The first pause of a destination that cannot be reached, and the longest.
const DESTINATION_FIRST: Duration = Duration::from_secs(60);
const DESTINATION_MAX: Duration = Duration::from_secs(3600);

/// The pause after so many attempts failed (at least one), `chance` between 0 and 1: doubled with
/// each, up to a fifth longer or shorter.
pub(crate) fn pause(first: Duration, max: Duration, attempts: u32, chance: f64) -> Duration {
    let doubled =
        first.saturating_mul(1u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(max).mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0))
}

/// The pause of what was not tried, for what was said to others: as long as it has waited, so that
/// it doubles without attempts; bounds and jitter are those of [`pause`].
pub(crate) fn pause_unasked(
    first: Duration,
    max: Duration,
    waited: Duration,
    chance: f64,
) -> Duration {
    pause(waited.max(first), max, 1, chance)
}

/// Like [`pause`], for a destination.
pub(crate) fn destination_pause(failures: u32, chance: f64) -> Duration {
    pause(DESTINATION_FIRST, DESTINATION_MAX, failures, chance)
}

/// An instant later by so much.
pub(crate) fn after(now: Timestamp, pause: Duration) -> Timestamp {
    let micros = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_add(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let secs = |attempts, chance| {
            pause(Duration::from_secs(300), Duration::from_secs(14_400), attempts, chance).as_secs()
        };
        let even: Vec<u64> = (1..=8).map(|attempts| secs(attempts, 0.5)).collect();
        assert_eq!(even, [300, 600, 1200, 2400, 4800, 9600, 14_400, 14_400]);
        assert_eq!((secs(1, 0.0), secs(1, 1.0)), (240, 360));
        assert_eq!((secs(0, 0.5), secs(99, 0.5)), (300, 14_400));
        assert_eq!(destination_pause(1, 0.5).as_secs(), 60);
        assert_eq!(destination_pause(40, 0.5).as_secs(), 3600);
    }

    #[test]
    fn who_is_not_asked_backs_off_too() {
        let (first, max) = (Duration::from_secs(300), Duration::from_secs(14_400));
        let secs = |waited, chance| {
            pause_unasked(first, max, Duration::from_secs(waited), chance).as_secs()
        };
        assert_eq!(
            [0, 300, 301, 600, 1200, 99_999].map(|at| secs(at, 0.5)),
            [300, 300, 301, 600, 1200, 14_400]
        );
        assert_eq!((secs(0, 0.0), secs(0, 1.0)), (240, 360));
    }

    #[test]
    fn instants_do_not_overflow() {
        let late = Timestamp::from_micros(i64::MAX - 1);
        assert_eq!(after(late, Duration::from_secs(1)).as_micros(), i64::MAX);
    }
}
