//! Runs of messages that successive snapshots of a mailbox share, so that a change copies only the
//! run it touches.

use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;

/// LIMIT: copying one chunk for each delivery (20 KiB) stays near a microsecond, and a million
/// messages still make only 2,000 chunks.
pub(super) const CHUNK_MESSAGES: usize = 512;

/// One message as held in memory: 40 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) uid: u32,
    /// Index into the flag table.
    pub(super) flags: u32,
    pub(super) size_bytes: u32,
    pub(super) content: i64,
    pub(super) modseq: u64,
    pub(super) internal_date: i64,
}

/// Some messages by ascending UID, and what was asked of all of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunk {
    slots: Vec<Slot>,
    /// Where the first message without `\Seen` is. SELECT asks, and nearly no chunk has changed
    /// since the last one.
    first_unseen: OnceLock<Option<u32>>,
}

impl Chunk {
    /// Where the first message is of which `is_unseen` is true; it is asked once of each.
    pub(super) fn first_unseen(&self, is_unseen: impl FnMut(&Slot) -> bool) -> Option<u32> {
        let find = || self.slots.iter().position(is_unseen).map(|at| at as u32);
        *self.first_unseen.get_or_init(find)
    }
}

impl Deref for Chunk {
    type Target = Vec<Slot>;
    fn deref(&self) -> &Vec<Slot> {
        &self.slots
    }
}

impl DerefMut for Chunk {
    fn deref_mut(&mut self) -> &mut Vec<Slot> {
        self.first_unseen = OnceLock::new();
        &mut self.slots
    }
}

impl From<Vec<Slot>> for Chunk {
    fn from(slots: Vec<Slot>) -> Self {
        Self { slots, first_unseen: OnceLock::new() }
    }
}

impl FromIterator<Slot> for Chunk {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        Vec::from_iter(slots).into()
    }
}
