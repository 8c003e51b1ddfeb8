//! What a peer may do that has not said yet who it is.

use ids::Timestamp;

use crate::TokenBucket;

/// Counts what a peer does before it signs in: its commands, and those of them that failed.
#[derive(Debug, Clone)]
pub struct Stranger {
    commands: TokenBucket,
    errors_left: u32,
}

impl Stranger {
    /// A peer that has done nothing yet. The session ends with its `errors_max`th failed command.
    pub fn new(commands_per_minute: u32, errors_max: u32, now: Timestamp) -> Self {
        let commands = TokenBucket::new(commands_per_minute, commands_per_minute, now);
        Self { commands, errors_left: errors_max }
    }

    /// Counts a command; whether there were not too many.
    pub fn may_command(&mut self, now: Timestamp) -> bool {
        match self.commands.take(now) {
            Ok(()) => true,
            Err(wait) => {
                tracing::debug!(wait, "too many commands before sign-in");
                false
            }
        }
    }

    /// Counts a command that failed; whether there were not too many.
    pub fn may_fail(&mut self) -> bool {
        self.errors_left = self.errors_left.saturating_sub(1);
        self.errors_left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_counted_by_time_and_failures_for_good() {
        let at = Timestamp::from_secs;
        let mut peer = Stranger::new(2, 3, at(0));
        let commands = [0, 0, 0, 30, 30].map(|secs| peer.may_command(at(secs)));
        assert_eq!(commands, [true, true, false, true, false]);
        assert_eq!([(); 4].map(|()| peer.may_fail()), [true, true, false, false]);
        assert!(!Stranger::new(2, 0, at(0)).may_fail());
    }
}
