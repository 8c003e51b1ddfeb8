//! Messages in batches of bounded size: what one read transaction takes on.

use storage::{Snapshot, Want};

use crate::types::NumberSet;

/// LIMIT: messages of one batch.
const BATCH_MESSAGES: usize = 512;
/// LIMIT: bytes of messages (RFC822.SIZE) whose text one batch reads, one message at least; so
/// much memory an answer takes, twice.
const BATCH_BYTES: u64 = 512 * 1024;

/// Sequence numbers, batch by batch.
pub(super) struct Batches<'s> {
    known: &'s Snapshot,
    ranges: std::slice::Iter<'s, (u32, u32)>,
    /// What is left of the range under way.
    current: std::ops::RangeInclusive<u32>,
    whole_messages: bool,
}

impl<'s> Batches<'s> {
    pub(super) fn new(known: &'s Snapshot, seqs: &'s NumberSet, want: Want) -> Self {
        Self {
            known,
            ranges: seqs.ranges().iter(),
            #[expect(clippy::reversed_empty_ranges, reason = "nothing is under way yet")]
            current: 1..=0,
            whole_messages: want.contains(Want::TEXT),
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = Vec<u32>;

    fn next(&mut self) -> Option<Vec<u32>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_MESSAGES {
            if self.current.is_empty() {
                let Some(&(first, last)) = self.ranges.next() else { break };
                self.current = first..=last.min(self.known.exists());
                continue;
            }
            let seq = *self.current.start();
            if self.whole_messages {
                bytes += self.known.by_seq(seq).map_or(0, |entry| u64::from(entry.size_bytes()));
                if bytes > BATCH_BYTES && !batch.is_empty() {
                    break;
                }
            }
            batch.push(seq);
            self.current.next();
        }
        (!batch.is_empty()).then_some(batch)
    }
}
