//! How slowly a peer may send what is held in memory until it is complete.

use std::time::Duration;

use tokio::time::Instant;

/// Bounds on the time a message takes to arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceSettings {
    /// Bytes a second on the average.
    pub rate_min: u64,
    /// How much longer a message may take than it should at that rate.
    pub grace: Duration,
    /// How long it may take at all.
    pub time_max: Duration,
}

impl Default for PaceSettings {
    fn default() -> Self {
        Self {
            // LIMIT: a satellite telephone sends 300 bytes a second.
            rate_min: 128,
            grace: Duration::from_secs(60),
            // LIMIT: 50 MiB in an hour is a modem.
            time_max: Duration::from_secs(3600),
        }
    }
}

/// How fast one message comes in, measured from its first byte.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    settings: PaceSettings,
    begun: Instant,
    bytes: u64,
}

impl Pace {
    /// A message that begins now.
    pub fn begin(settings: PaceSettings) -> Self {
        Self { settings, begun: Instant::now(), bytes: 0 }
    }

    /// Counts `bytes` more that came.
    pub fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// The instant by which more must have come.
    pub fn deadline(&self) -> Instant {
        let allowed = Duration::from_secs(self.bytes / self.settings.rate_min.max(1));
        let allowed = self.settings.grace.saturating_add(allowed).min(self.settings.time_max);
        self.begun + allowed
    }

    /// Whether the peer is too slow already.
    pub fn is_late(&self) -> bool {
        Instant::now() > self.deadline()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_is_given_for_what_came_up_to_an_end() {
        let settings = PaceSettings {
            rate_min: 100,
            grace: Duration::from_secs(60),
            time_max: Duration::from_secs(600),
        };
        let mut pace = Pace::begin(settings);
        let begun = Instant::now();
        for (bytes, expect) in [(0, 60), (99, 60), (1, 61), (3_900, 100), (1_000_000, 600)] {
            pace.add(bytes);
            assert_eq!((pace.deadline() - begun).as_secs(), expect);
        }
        assert!(!pace.is_late());
        tokio::time::advance(Duration::from_secs(601)).await;
        assert!(pace.is_late());
    }
}
