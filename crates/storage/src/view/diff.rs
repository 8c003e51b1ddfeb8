//! What changed between two snapshots of one mailbox, at the cost of what changed.

use std::sync::Arc;

use ids::{Uid, UidSet};

use super::chunk::{Chunk, Slot};
use super::snapshot::Snapshot;

/// The difference between two snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// Sequence numbers in the old snapshot of messages gone, **descending**, so that each is
    /// right at the moment its EXPUNGE is sent.
    pub expunged_seqs: Vec<u32>,
    /// The UIDs of the same messages.
    pub expunged_uids: UidSet,
    /// Messages of both snapshots with a newer modification sequence: sequence number in the old
    /// and in the new snapshot, ascending.
    pub changed: Vec<(u32, u32)>,
    /// Messages only in the new snapshot; they are its last ones.
    pub appended: u32,
}

impl Diff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.expunged_seqs.is_empty() && self.changed.is_empty() && self.appended == 0
    }
}

/// A place in a snapshot's messages.
struct Cursor<'s> {
    chunks: &'s [Arc<Chunk>],
    chunk: usize,
    slot: usize,
    /// Messages before this place.
    passed: u32,
}

impl<'s> Cursor<'s> {
    fn new(snapshot: &'s Snapshot) -> Self {
        Self { chunks: &snapshot.chunks, chunk: 0, slot: 0, passed: 0 }
    }

    fn current(&self) -> Option<&'s Slot> {
        self.chunks.get(self.chunk)?.get(self.slot)
    }

    fn whole_chunk(&self) -> Option<&'s Arc<Chunk>> {
        self.chunks.get(self.chunk).filter(|_| self.slot == 0)
    }

    fn step(&mut self) {
        self.passed += 1;
        self.slot += 1;
        if self.chunks.get(self.chunk).is_some_and(|chunk| self.slot >= chunk.len()) {
            self.chunk += 1;
            self.slot = 0;
        }
    }

    fn skip_chunk(&mut self, len: usize) {
        self.passed += len as u32;
        self.chunk += 1;
    }

    fn seq(&self) -> u32 {
        self.passed + 1
    }
}

impl Snapshot {
    /// What changed from `old` to this snapshot of the same mailbox.
    pub fn diff_from(&self, old: &Snapshot) -> Diff {
        let mut diff = Diff::default();
        let (mut before, mut after) = (Cursor::new(old), Cursor::new(self));
        while let Some(was) = before.current() {
            if let (Some(left), Some(right)) = (before.whole_chunk(), after.whole_chunk())
                && Arc::ptr_eq(left, right)
            {
                before.skip_chunk(left.len());
                after.skip_chunk(right.len());
                continue;
            }
            match after.current() {
                Some(is) if is.uid == was.uid => {
                    if is.modseq != was.modseq {
                        diff.changed.push((before.seq(), after.seq()));
                    }
                    before.step();
                    after.step();
                }
                _ => {
                    diff.expunged_seqs.push(before.seq());
                    diff.expunged_uids.insert(Uid::new(was.uid));
                    before.step();
                }
            }
        }
        diff.appended = self.exists - after.passed;
        diff.expunged_seqs.reverse();
        diff
    }
}
