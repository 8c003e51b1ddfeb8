//! Passwords verified lately: programs sign in many times an hour, and argon2id is slow on
//! purpose.

use ids::Timestamp;

use crate::{bounded::BoundedMap, mac::Mac};

/// Attempts that were right, for a few minutes. Holds keyed hashes only.
#[derive(Debug)]
pub(crate) struct VerifiedCache {
    verified: BoundedMap<Mac, Timestamp>,
    ttl_secs: i64,
}

impl VerifiedCache {
    pub(crate) fn new(entries_max: usize, ttl_secs: u32) -> Self {
        Self { verified: BoundedMap::new(entries_max), ttl_secs: ttl_secs.into() }
    }

    /// Remembers fewer or more from now on, and for another time.
    pub(crate) fn limit(&mut self, entries_max: usize, ttl_secs: u32) {
        self.verified.limit(entries_max);
        self.ttl_secs = ttl_secs.into();
    }

    /// Whether this attempt was right less than the time to live ago.
    pub(crate) fn contains(&self, attempt: &Mac, now: Timestamp) -> bool {
        // An entry from the future (the clock was set back) is not believed either.
        self.verified
            .find(attempt)
            .is_some_and(|&since| since <= now && now < since.plus_secs(self.ttl_secs))
    }

    /// Remembers an attempt that was right. Being used does not make it live longer.
    pub(crate) fn put(&mut self, attempt: Mac, now: Timestamp) {
        self.verified.put(attempt, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_end() {
        let at = Timestamp::from_secs;
        let mut cache = VerifiedCache::new(2, 300);
        cache.put([1; 32], at(1_000));
        for (secs, expect) in [(1_000, true), (1_299, true), (1_300, false), (999, false)] {
            assert_eq!(cache.contains(&[1; 32], at(secs)), expect, "at {secs}");
        }
        cache.put([2; 32], at(1_001));
        cache.put([3; 32], at(1_002));
        assert!(!cache.contains(&[1; 32], at(1_003)));
        assert!(cache.contains(&[2; 32], at(1_003)));
    }
}
