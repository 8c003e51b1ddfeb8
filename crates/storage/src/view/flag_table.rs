//! Distinct sets of flags in one mailbox, each kept once with its wire form.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use message::flag::{Flags, Keyword, SystemFlags};

/// LIMIT: sets a mailbox may collect before those on no message are looked for.
const UNUSED_SETS: usize = 1024;

#[derive(Debug)]
struct Set {
    flags: Flags,
    rendered: String,
}

/// A set as a key: equal sets of flags are one key, and a copy of the table copies no flags.
#[derive(Debug, Clone)]
struct Key(Arc<Set>);

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.flags == other.0.flags
    }
}
impl Eq for Key {}
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.flags.hash(state);
    }
}
impl Borrow<Flags> for Key {
    fn borrow(&self) -> &Flags {
        &self.0.flags
    }
}

/// Distinct sets of flags. Numbers stay valid in every later version of a table, up to its
/// [`successor`](Self::successor), which has another generation.
#[derive(Debug, Clone, Default)]
pub(super) struct FlagTable {
    sets: Vec<Arc<Set>>,
    numbers: HashMap<Key, u32>,
    /// All that are in a set.
    keywords: Arc<BTreeSet<Keyword>>,
    generation: u64,
    /// How many sets there were when all of them were last on some message.
    live: usize,
}

impl FlagTable {
    /// The number of the table's generation: it changes when flags get other numbers.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether so many sets came since all were known to be used that it is worth looking.
    pub(super) fn may_hold_unused(&self, messages: u32) -> bool {
        let at_most_used = self.live.saturating_mul(2).min(messages as usize);
        self.sets.len() > at_most_used + UNUSED_SETS
    }

    /// An empty table for a new numbering.
    pub(super) fn successor(&self) -> Self {
        Self { generation: self.generation + 1, ..Self::default() }
    }

    /// Every set is on some message now.
    pub(super) fn note_live(&mut self) {
        self.live = self.sets.len();
    }

    /// The number of `flags`, if it has one already.
    pub(super) fn find(&self, flags: &Flags) -> Option<u32> {
        self.numbers.get(flags).copied()
    }

    /// The number of `flags`, given now if need be.
    pub(super) fn intern(&mut self, flags: &Flags) -> u32 {
        if let Some(number) = self.find(flags) {
            return number;
        }
        for keyword in flags.keywords() {
            if !self.keywords.contains(keyword) {
                Arc::make_mut(&mut self.keywords).insert(keyword.clone());
            }
        }
        let number = self.sets.len() as u32;
        let set = Arc::new(Set { flags: flags.clone(), rendered: flags.to_string() });
        self.sets.push(set.clone());
        self.numbers.insert(Key(set), number);
        number
    }

    pub(super) fn len(&self) -> usize {
        self.sets.len()
    }

    #[expect(clippy::indexing_slicing, reason = "numbers come from intern and never go away")]
    pub(super) fn flags(&self, number: u32) -> &Flags {
        &self.sets[number as usize].flags
    }

    #[expect(clippy::indexing_slicing, reason = "numbers come from intern and never go away")]
    pub(super) fn rendered(&self, number: u32) -> &str {
        &self.sets[number as usize].rendered
    }

    /// By number: whether the set lacks `\Seen`.
    pub(super) fn unseen_sets(&self) -> Vec<bool> {
        self.sets.iter().map(|set| !set.flags.system.contains(SystemFlags::SEEN)).collect()
    }

    pub(super) fn keywords(&self) -> Vec<Keyword> {
        self.keywords.iter().cloned().collect()
    }
}
