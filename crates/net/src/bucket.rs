//! A token bucket, for what a peer may do before it has signed in.

use ids::Timestamp;

/// Allows `burst` actions at once and `per_minute` more each minute.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    burst: u32,
    per_minute: u32,
    /// Tokens in micro-minutes: one whole token is 60,000,000.
    level: u64,
    updated: Timestamp,
}

/// One token, in the unit of `level`: micros of a minute, so that `per_minute` tokens per
/// minute is `per_minute` units per microsecond.
const TOKEN: u64 = 60_000_000;

impl TokenBucket {
    /// A full bucket.
    pub fn new(burst: u32, per_minute: u32, now: Timestamp) -> Self {
        Self { burst, per_minute, level: u64::from(burst) * TOKEN, updated: now }
    }

    /// Takes one token; the error says after how many seconds there will be one.
    pub fn take(&mut self, now: Timestamp) -> Result<(), u64> {
        if self.count(now) > 0 {
            self.level -= TOKEN;
            return Ok(());
        }
        Err(self.missing_micros().div_ceil(1_000_000))
    }

    /// How many tokens there are now.
    pub fn count(&mut self, now: Timestamp) -> u64 {
        // A clock that was set back adds nothing, and counts on from where it is.
        let elapsed = u64::try_from(now.as_micros().saturating_sub(self.updated.as_micros()));
        self.updated = now;
        self.level = self
            .level
            .saturating_add(elapsed.unwrap_or(0).saturating_mul(u64::from(self.per_minute)))
            .min(u64::from(self.burst) * TOKEN);
        self.level / TOKEN
    }

    /// From when on there is one, as seen when it was asked last.
    pub fn ready_at(&self) -> Timestamp {
        let micros = i64::try_from(self.missing_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.updated.as_micros().saturating_add(micros))
    }

    /// Puts back a token that was taken and not used.
    pub fn give_back(&mut self) {
        self.level = self.level.saturating_add(TOKEN).min(u64::from(self.burst) * TOKEN);
    }

    /// In how many microseconds there is a token.
    fn missing_micros(&self) -> u64 {
        TOKEN.saturating_sub(self.level).div_ceil(u64::from(self.per_minute.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_then_rate() {
        let at = Timestamp::from_secs;
        let mut bucket = TokenBucket::new(3, 6, at(100));
        for (secs, expect) in [
            (100, Ok(())),
            (100, Ok(())),
            (100, Ok(())),
            (100, Err(10)),
            (104, Err(6)),
            (110, Ok(())),
            (110, Err(10)),
            (90, Err(10)),
            (100, Ok(())),
            (100_000, Ok(())),
            (100_000, Ok(())),
            (100_000, Ok(())),
            (100_000, Err(10)),
        ] {
            assert_eq!(bucket.take(at(secs)), expect, "at {secs}");
        }
    }

    #[test]
    fn what_was_not_used_is_put_back() {
        let at = Timestamp::from_secs;
        let mut bucket = TokenBucket::new(2, 6, at(100));
        assert_eq!((bucket.count(at(100)), bucket.ready_at()), (2, at(100)));
        assert_eq!((bucket.take(at(100)), bucket.take(at(104))), (Ok(()), Ok(())));
        assert_eq!((bucket.count(at(104)), bucket.ready_at()), (0, at(110)));
        bucket.give_back();
        assert_eq!((bucket.count(at(104)), bucket.take(at(104))), (1, Ok(())));
        (0..9).for_each(|_| bucket.give_back());
        assert_eq!(bucket.count(at(104)), 2);
    }

    #[test]
    fn nothing_overflows() {
        let mut bucket = TokenBucket::new(u32::MAX, u32::MAX, Timestamp::from_micros(i64::MIN));
        assert_eq!(bucket.take(Timestamp::from_micros(i64::MAX)), Ok(()));
        let mut shut = TokenBucket::new(0, 0, Timestamp::from_secs(0));
        assert_eq!(shut.take(Timestamp::from_secs(1_000_000)), Err(60));
    }
}
