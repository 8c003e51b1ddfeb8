//! Sort keys kept from one command to the next, within a budget.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use ids::{CollectionId, UidValidity};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use super::SortKeys;
use super::bounds::MADE_AT_ONCE;

/// The keys of a mailbox. Who reads them anew holds it: others wait instead of reading as well.
pub(super) type Place = Arc<AsyncMutex<Arc<SortKeys>>>;

/// LIMIT: damaged blocks remembered; beyond it, some are told of again.
const DAMAGED_MAX: usize = 1000;

type Name = (CollectionId, UidValidity);

/// The keys of mailboxes that were sorted last.
#[derive(Debug)]
pub(crate) struct SortKeyCache {
    bytes_max: usize,
    kept: Mutex<Kept>,
    /// Those who make keys in turn.
    turns: Arc<Semaphore>,
    /// Blocks that were found damaged.
    damaged: Mutex<BTreeSet<i64>>,
}

#[derive(Debug, Default)]
struct Kept {
    places: HashMap<Name, Slot>,
    /// Counts uses; the place with the smallest count is given up first.
    tick: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    place: Place,
    bytes: usize,
    used: u64,
}

impl SortKeyCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let turns = Arc::new(Semaphore::new(MADE_AT_ONCE));
        Self { bytes_max, kept: Mutex::default(), turns, damaged: Mutex::default() }
    }

    /// Whether nobody has found this block damaged before.
    pub(super) fn is_news(&self, block: i64) -> bool {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.len() >= DAMAGED_MAX {
            damaged.clear();
        }
        damaged.insert(block)
    }

    /// What gives turns to those who make keys.
    pub(super) fn turns(&self) -> &Arc<Semaphore> {
        &self.turns
    }

    /// Where the keys of a mailbox are kept.
    pub(super) fn place(&self, name: Name) -> Place {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.tick += 1;
        let used = kept.tick;
        let slot = || Slot { place: Place::default(), bytes: 0, used };
        let slot = kept.places.entry(name).or_insert_with(slot);
        slot.used = used;
        slot.place.clone()
    }

    /// Notes what a mailbox's keys take now, and gives up others where all take too much.
    pub(super) fn note(&self, name: Name, bytes: usize) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // LIMIT: an empty place takes this much.
        let bytes = bytes + 256;
        if let Some(slot) = kept.places.get_mut(&name) {
            let before = std::mem::replace(&mut slot.bytes, bytes);
            kept.bytes = kept.bytes + bytes - before;
        }
        while kept.bytes > self.bytes_max {
            let oldest = kept.places.iter().filter(|(_, slot)| slot.bytes > 0);
            let Some(name) = oldest.min_by_key(|(_, slot)| slot.used).map(|(name, _)| *name) else {
                return;
            };
            let gone = kept.places.remove(&name);
            kept.bytes -= gone.map_or(0, |slot| slot.bytes);
        }
    }

    /// Knows nothing, as after a start.
    #[cfg(test)]
    pub(super) fn forget(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }

    /// The bytes that are kept.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).bytes
    }
}
