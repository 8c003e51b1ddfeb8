//! Distinct sets of flags in one mailbox, each kept once with its wire form.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use message::flag::{Flags, Keyword, SystemFlags};

#[derive(Debug)]
struct Set {
    flags: Flags,
    rendered: String,
}

/// Distinct sets of flags. Numbers stay valid in every later version of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct FlagTable {
    sets: Vec<Arc<Set>>,
    numbers: HashMap<Flags, u32>,
}

impl FlagTable {
    /// The number of `flags`, if it has one already.
    pub(super) fn find(&self, flags: &Flags) -> Option<u32> {
        self.numbers.get(flags).copied()
    }

    /// The number of `flags`, given now if need be.
    pub(super) fn intern(&mut self, flags: &Flags) -> u32 {
        if let Some(number) = self.find(flags) {
            return number;
        }
        let number = self.sets.len() as u32;
        self.sets.push(Arc::new(Set { flags: flags.clone(), rendered: flags.to_string() }));
        self.numbers.insert(flags.clone(), number);
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
        let all: BTreeSet<&Keyword> =
            self.sets.iter().flat_map(|set| set.flags.keywords().iter()).collect();
        all.into_iter().cloned().collect()
    }
}
