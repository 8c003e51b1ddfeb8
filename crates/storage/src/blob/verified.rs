//! Which blobs this process has compared with their hash already: a mailbox that is read again
//! and again is not hashed again and again.

use std::sync::atomic::{AtomicU64, Ordering};

/// LIMIT: groups of blobs remembered, at 8 bytes each: two million blobs that came one after the
/// other. A group that takes the place of another is worth no more than the other's are hashed once
/// more.
const SLOTS: usize = 64 * 1024;
/// Blobs of a group: those whose numbers differ in their last bits only.
const GROUP_BITS: u32 = 5;

/// Groups of blobs, each in the one place that its number gives it: that number, and behind it a
/// bit for each of its blobs. Ids of blobs are never given out twice.
pub(super) struct Verified {
    slots: Box<[AtomicU64]>,
}

impl Verified {
    pub(super) fn new() -> Self {
        Self { slots: std::iter::repeat_with(|| AtomicU64::new(0)).take(SLOTS).collect() }
    }

    /// The place of a blob, the number of its group as it stands there, and its bit.
    fn find(&self, blob: i64) -> Option<(&AtomicU64, u64, u64)> {
        let blob = u64::try_from(blob).ok()?;
        // Those beyond have numbers that nobody reaches.
        let group = u32::try_from(blob >> GROUP_BITS).ok()?;
        let slot = self.slots.get(group as usize % SLOTS)?;
        let bit = 1 << (blob & ((1 << GROUP_BITS) - 1));
        Some((slot, u64::from(group) << 32, bit))
    }

    pub(super) fn has(&self, blob: i64) -> bool {
        self.find(blob).is_some_and(|(slot, group, bit)| {
            let held = slot.load(Ordering::Relaxed);
            of_group(held, group) & bit != 0
        })
    }

    pub(super) fn add(&self, blob: i64) {
        if let Some((slot, group, bit)) = self.find(blob) {
            // What another thread puts there in between is forgotten, which is no loss.
            let held = slot.load(Ordering::Relaxed);
            slot.store(group | of_group(held, group) | bit, Ordering::Relaxed);
        }
    }
}

/// The bits of a slot, if they are those of this group.
fn of_group(held: u64, group: u64) -> u64 {
    let (of, bits) = (held & !u64::from(u32::MAX), held & u64::from(u32::MAX));
    if of == group { bits } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_last_group_of_each_place() {
        let verified = Verified::new();
        let far = (SLOTS as i64) << GROUP_BITS;
        for blob in [0, 1, 31, 32, -1, i64::MAX] {
            assert!(!verified.has(blob), "{blob}");
        }
        verified.add(1);
        verified.add(31);
        verified.add(32);
        let held = |blobs: [i64; 6]| blobs.map(|blob| verified.has(blob));
        assert_eq!(held([0, 1, 30, 31, 32, 33]), [false, true, false, true, true, false]);
        verified.add(far + 2);
        assert_eq!(
            held([1, 31, 32, far + 1, far + 2, far + 31]),
            [false, false, true, false, true, false]
        );
        for beyond in [-1, i64::MAX] {
            verified.add(beyond);
            assert!(!verified.has(beyond));
        }
    }
}
