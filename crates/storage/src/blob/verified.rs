//! Which blobs this process has compared with their hash already: a mailbox that is read again
//! and again is not hashed again and again.

use std::sync::atomic::{AtomicI64, Ordering};

/// LIMIT: blobs remembered, at 8 bytes each. One that takes the place of another is worth no
/// more than the other is hashed once more.
const SLOTS: usize = 64 * 1024;

/// Ids of blobs, each in the one place that its number gives it. Ids are never given out twice.
pub(super) struct Verified {
    slots: Box<[AtomicI64]>,
}

impl Verified {
    pub(super) fn new() -> Self {
        Self { slots: std::iter::repeat_with(|| AtomicI64::new(0)).take(SLOTS).collect() }
    }

    fn slot(&self, blob: i64) -> Option<&AtomicI64> {
        self.slots.get(usize::try_from(blob).ok()? % SLOTS)
    }

    pub(super) fn has(&self, blob: i64) -> bool {
        self.slot(blob).is_some_and(|slot| slot.load(Ordering::Relaxed) == blob)
    }

    pub(super) fn add(&self, blob: i64) {
        if let Some(slot) = self.slot(blob) {
            slot.store(blob, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_last_of_each_place() {
        let verified = Verified::new();
        assert!(!verified.has(1) && !verified.has(-1));
        verified.add(1);
        assert!(verified.has(1));
        verified.add(1 + SLOTS as i64);
        assert!(!verified.has(1) && verified.has(1 + SLOTS as i64));
    }
}
