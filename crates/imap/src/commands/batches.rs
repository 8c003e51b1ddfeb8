//! Messages in batches of bounded size: what one read transaction takes on.

use storage::{Snapshot, Want};

use crate::types::NumberSet;

/// LIMIT: messages of one batch.
const BATCH_MESSAGES: usize = 512;
/// LIMIT: bytes one batch reads of its messages, whatever it wants of them, one message at
/// least; so much memory an answer takes, four times: read and rendered, the batch on its way to
/// the client and the next.
pub(super) const BATCH_BYTES: u64 = 512 * 1024;

/// How often a batch holds its messages: each attribute that gives the whole is one more.
pub(super) type Copies = u64;

/// Sequence numbers, batch by batch.
pub(super) struct Batches<'s> {
    known: &'s Snapshot,
    seqs: &'s NumberSet,
    /// Where the next batch begins.
    next: u32,
    descending: bool,
    copies: Option<Copies>,
}

impl<'s> Batches<'s> {
    pub(super) fn new(known: &'s Snapshot, seqs: &'s NumberSet, want: Want) -> Self {
        Self {
            known,
            seqs,
            next: 1,
            descending: false,
            // Known beforehand, so that not the sizes of many are asked to read few.
            copies: want.contains(Want::TEXT).then_some(1),
        }
    }

    /// From the highest number to the lowest.
    pub(super) fn descending(mut self) -> Self {
        (self.next, self.descending) = (self.known.exists(), true);
        self
    }

    /// The same batches for an answer that gives whole messages this many times.
    pub(super) fn giving(mut self, copies: Copies) -> Self {
        self.copies = self.copies.map(|one| one.max(copies));
        self
    }

    /// The next batch, unless it is a single message that is too large for one.
    pub(super) fn next_small(&mut self) -> Option<Vec<u32>> {
        let before = self.next;
        let batch = self.next()?;
        if self.is_large(&batch) {
            self.next = before;
            return None;
        }
        Some(batch)
    }

    /// Whether it is a single message that is too large for a batch.
    pub(super) fn is_large(&self, batch: &[u32]) -> bool {
        matches!(batch, [seq] if self.bytes_of(*seq) > BATCH_BYTES)
    }

    /// What a message takes, as far as is known beforehand.
    fn bytes_of(&self, seq: u32) -> u64 {
        let copies = self.copies.unwrap_or(0);
        self.known.by_seq(seq).map_or(0, |entry| copies * u64::from(entry.size_bytes()))
    }

    /// The next batch begins with `seq`: it was more than could be read at once.
    pub(super) fn go_back_to(&mut self, seq: u32) {
        self.next = seq;
    }

    /// The first number from `self.next` on.
    fn following(&self) -> Option<u32> {
        let ranges = self.seqs.ranges();
        if self.descending {
            let above = ranges.partition_point(|&(first, _)| first <= self.next);
            let range = above.checked_sub(1).and_then(|at| ranges.get(at));
            return range.map(|&(_, last)| last.min(self.next));
        }
        let at = ranges.partition_point(|&(_, last)| last < self.next);
        let first = ranges.get(at).map(|&(first, _)| first.max(self.next));
        first.filter(|&seq| seq <= self.known.exists())
    }
}

impl Iterator for Batches<'_> {
    type Item = Vec<u32>;

    fn next(&mut self) -> Option<Vec<u32>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_MESSAGES
            && let Some(seq) = self.following()
        {
            bytes += self.bytes_of(seq);
            if bytes > BATCH_BYTES && !batch.is_empty() {
                break;
            }
            batch.push(seq);
            self.next = match self.descending {
                true => seq - 1,
                false => seq.saturating_add(1),
            };
        }
        (!batch.is_empty()).then_some(batch)
    }
}
