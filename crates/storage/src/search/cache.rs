//! Heads and keys of segments in memory: a search reads all keys of the fields it is about, and
//! segments never change. What is kept is bounded; losing it costs time only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use textindex::Head;

/// Segments searched last.
#[derive(Debug)]
pub(crate) struct SearchCache {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    segments: HashMap<i64, Slot>,
    /// The number of searches so far, as a clock for eviction.
    tick: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    segment: KeptSegment,
    bytes: usize,
    /// The last search that looked at it.
    used: u64,
}

/// What is kept of a segment.
#[derive(Debug, Clone)]
pub(super) struct KeptSegment {
    pub(super) head: Arc<Head>,
    pub(super) keys: KeptKeys,
}

/// Unpacked keys, by block.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptKeys {
    blocks: HashMap<usize, Arc<[u8]>>,
    bytes: usize,
    bytes_max: usize,
}

impl KeptKeys {
    pub(super) fn get(&self, block: usize) -> Option<Arc<[u8]>> {
        self.blocks.get(&block).cloned()
    }

    pub(super) fn put(&mut self, block: usize, keys: Vec<u8>) {
        if self.bytes + keys.len() <= self.bytes_max {
            self.bytes += keys.len();
            self.blocks.insert(block, keys.into());
        }
    }
}

impl SearchCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    /// Begins a search, by whose number what it looks at is told from what others looked at.
    pub(super) fn begin(&self) -> u64 {
        let mut kept = self.lock();
        kept.tick += 1;
        kept.tick
    }

    /// What is kept of a segment.
    pub(super) fn find(&self, search: u64, segment: i64) -> Option<KeptSegment> {
        let mut kept = self.lock();
        let slot = kept.segments.get_mut(&segment)?;
        slot.used = search;
        Some(slot.segment.clone())
    }

    /// A segment of which nothing is kept yet.
    pub(super) fn nothing_of(&self, head: Head) -> KeptSegment {
        let keys = KeptKeys { bytes_max: self.bytes_max, ..KeptKeys::default() };
        KeptSegment { head: Arc::new(head), keys }
    }

    /// Keeps what a search has of a segment, in place of what no search looked at for longest.
    /// Where one search looks at more than there is room for, what it saw first stays, so that
    /// the next one finds a part.
    pub(super) fn keep(&self, search: u64, id: i64, segment: KeptSegment) {
        // LIMIT: about what a document takes in a head, and a slot by itself.
        let bytes = segment.keys.bytes + segment.head.documents().len() * 48 + 512;
        let mut kept = self.lock();
        let before = kept.segments.get(&id).map_or(0, |slot| slot.bytes);
        while kept.bytes - before + bytes > self.bytes_max {
            let others = kept.segments.iter().filter(|(at, slot)| **at != id && slot.used < search);
            let Some(oldest) = others.min_by_key(|(_, slot)| slot.used).map(|(at, _)| *at) else {
                return;
            };
            let gone = kept.segments.remove(&oldest);
            kept.bytes -= gone.map_or(0, |slot| slot.bytes);
        }
        kept.bytes = kept.bytes - before + bytes;
        kept.segments.insert(id, Slot { segment, bytes, used: search });
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use textindex::Builder;

    use super::*;

    fn keep(cache: &SearchCache, search: u64, id: i64, bytes: usize) {
        let mut segment = cache.nothing_of(Builder::default().finish().0);
        segment.keys.put(0, vec![0; bytes]);
        cache.keep(search, id, segment);
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let cache = SearchCache::new(10_000);
        let searches = [cache.begin(), cache.begin(), cache.begin()];
        keep(&cache, searches[0], 1, 4000);
        keep(&cache, searches[0], 2, 4000);
        cache.find(searches[1], 1);
        keep(&cache, searches[2], 3, 4000);
        let kept = |id| cache.find(searches[2], id).map(|kept| kept.keys.bytes);
        assert_eq!((kept(1), kept(2), kept(3)), (Some(4000), None, Some(4000)));
        // The same search does not put out what it will look at next time.
        keep(&cache, searches[2], 4, 4000);
        assert_eq!((kept(1), kept(4)), (Some(4000), None));
        keep(&cache, searches[2], 3, 500);
        assert_eq!(kept(3), Some(500));
        assert!(cache.lock().bytes <= 10_000);
        keep(&cache, cache.begin(), 5, 40_000);
        assert_eq!(cache.find(cache.begin(), 5).map(|kept| kept.keys.bytes), Some(0));
    }
}
