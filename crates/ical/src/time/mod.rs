//! Dates, times, durations and periods (RFC 5545 §3.3.4 to §3.3.9).

mod duration;
mod period;
mod value;

pub use duration::Duration;
pub use period::{End, Period};
pub use value::{Time, Value};

/// Seconds of a day whose clock does not change.
pub(crate) const DAY_SECS: i64 = 24 * 3_600;

/// A number of exactly so many digits at the start of `text`, and what follows.
pub(crate) fn digits(text: &str, count: usize) -> Option<(i32, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let plain = number.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| number.parse().ok()).flatten().map(|number| (number, rest))
}
