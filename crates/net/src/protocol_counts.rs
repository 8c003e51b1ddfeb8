//! What the sessions of one protocol count, for the metrics page.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that only grow: commands by their name and result, messages taken and refused.
///
/// **Invariant:** what a peer sends makes no new counter: what is no command of the protocol is
/// counted as [`OTHER`](Self::OTHER).
#[derive(Debug)]
pub struct ProtocolCounts {
    commands: Vec<&'static str>,
    results: &'static [&'static str],
    /// For each command its results; those of all that is none at the end.
    cells: Vec<AtomicU64>,
    stored: AtomicU64,
    deferred: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
}

/// What became of a message that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageResult {
    /// The message is on stable storage.
    Stored,
    /// Refused for now.
    Deferred,
    /// Refused for good.
    Refused,
}

impl ProtocolCounts {
    /// The name of all that is no command.
    pub const OTHER: &'static str = "other";

    /// Counters of `commands`, which end in one of `results`.
    pub fn new(
        commands: impl IntoIterator<Item = &'static str>,
        results: &'static [&'static str],
    ) -> Self {
        let commands: Vec<_> = commands.into_iter().chain([Self::OTHER]).collect();
        let cells = (0..commands.len() * results.len()).map(|_| AtomicU64::new(0)).collect();
        Self {
            commands,
            results,
            cells,
            stored: AtomicU64::new(0),
            deferred: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// A command, in any case, ended in `result`.
    pub fn count_command(&self, command: &[u8], result: &str) {
        let is_it = |name: &&str| name.as_bytes().eq_ignore_ascii_case(command);
        let row = self.commands.iter().position(is_it).unwrap_or(self.commands.len() - 1);
        let column = self.results.iter().position(|name| *name == result);
        let cell = column.and_then(|column| self.cells.get(row * self.results.len() + column));
        if let Some(cell) = cell {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A message was handed in.
    pub fn count_message(&self, result: MessageResult) {
        let counter = match result {
            MessageResult::Stored => &self.stored,
            MessageResult::Deferred => &self.deferred,
            MessageResult::Refused => &self.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the bytes of messages that were stored.
    pub fn count_message_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Each command with each result, and how often it was so.
    pub fn commands(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> + '_ {
        let names = self.commands.iter();
        let pairs = names.flat_map(|name| self.results.iter().map(move |result| (*name, *result)));
        pairs.zip(&self.cells).map(|((name, result), cell)| (name, result, read(cell)))
    }

    /// How many messages there were, by outcome.
    pub fn messages(&self) -> [(&'static str, u64); 3] {
        [
            ("stored", read(&self.stored)),
            ("deferred", read(&self.deferred)),
            ("refused", read(&self.refused)),
        ]
    }

    /// Bytes of messages that were stored.
    pub fn message_bytes(&self) -> u64 {
        read(&self.bytes)
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_command_makes_no_counter() {
        let counts = ProtocolCounts::new(["NOOP", "QUIT"], &["ok", "err"]);
        for (command, result) in [
            ("NOOP", "ok"),
            ("noop", "err"),
            ("QUIT", "ok"),
            ("XYZZY", "err"),
            ("", "err"),
            ("QUIT", "?"),
        ] {
            counts.count_command(command.as_bytes(), result);
        }
        let counted: Vec<_> = counts.commands().collect();
        assert_eq!(
            counted,
            [
                ("NOOP", "ok", 1),
                ("NOOP", "err", 1),
                ("QUIT", "ok", 1),
                ("QUIT", "err", 0),
                ("other", "ok", 0),
                ("other", "err", 2),
            ]
        );
        counts.count_message(MessageResult::Stored);
        counts.count_message_bytes(7);
        assert_eq!(counts.messages()[0], ("stored", 1));
        assert_eq!(counts.message_bytes(), 7);
    }
}
