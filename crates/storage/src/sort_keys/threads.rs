//! Message ids as numbers, by which THREAD finds ancestors (RFC 5256 §3).

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use message::KeysView;

/// No message id.
const NONE: u32 = u32::MAX;

/// What THREAD needs of a message. Ids are numbers below [`super::SortKeys::message_ids`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadRow<'k> {
    /// Its Message-ID, where it has a valid one.
    pub id: Option<u32>,
    /// The Message-IDs of its references, oldest first.
    pub ancestors: &'k [u32],
    /// Whether its subject marks a reply or a forward.
    pub is_reply: bool,
}

/// Message ids of every message.
#[derive(Debug, Clone, Default)]
pub(super) struct ThreadColumn {
    /// LIMIT: ids are told apart by 64 bits of a hash with a secret key, so that nobody can make
    /// two alike; among a million ids the odds of a pair by chance are 1 to 30 million.
    hasher: RandomState,
    numbers: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    own: Vec<u32>,
    replies: Vec<bool>,
    /// Where each row's ancestors end.
    ends: Vec<usize>,
    ancestors: Vec<u32>,
}

/// Of numbers that are hashes already.
#[derive(Debug, Clone, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only numbers are asked for; any other key has a hash too.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl ThreadColumn {
    /// An empty one whose rows can be appended to this one.
    pub(super) fn beside(&self) -> Self {
        Self { hasher: self.hasher.clone(), ..Self::default() }
    }

    /// Adds the rows of one that was made [`beside`](Self::beside) behind its own.
    pub(super) fn append(&mut self, other: Self) {
        let mut moved = vec![NONE; other.numbers.len()];
        for (hash, number) in other.numbers {
            let next = self.numbers.len() as u32;
            if let Some(place) = moved.get_mut(number as usize) {
                *place = *self.numbers.entry(hash).or_insert(next);
            }
        }
        let moved = |number: u32| moved.get(number as usize).copied().unwrap_or(NONE);
        self.own.extend(other.own.iter().map(|number| moved(*number)));
        self.replies.extend(other.replies);
        let before = self.ancestors.len();
        self.ends.extend(other.ends.iter().map(|end| before + end));
        self.ancestors.extend(other.ancestors.iter().map(|number| moved(*number)));
    }

    pub(super) fn push(&mut self, keys: Option<&KeysView<'_>>) {
        let own = keys.and_then(KeysView::message_id).map_or(NONE, |id| self.number(id));
        self.own.push(own);
        self.replies.push(keys.is_some_and(KeysView::is_reply));
        for id in keys.into_iter().flat_map(KeysView::ancestors) {
            let number = self.number(id);
            self.ancestors.push(number);
        }
        self.ends.push(self.ancestors.len());
    }

    fn number(&mut self, id: &str) -> u32 {
        let next = self.numbers.len() as u32;
        match self.numbers.entry(self.hasher.hash_one(id)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => *free.insert(next),
        }
    }

    pub(super) fn ids(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn row(&self, row: usize) -> ThreadRow<'_> {
        let end = |row: usize| self.ends.get(row).copied().unwrap_or_default();
        let start = row.checked_sub(1).map_or(0, end);
        ThreadRow {
            id: self.own.get(row).copied().filter(|id| *id != NONE),
            ancestors: self.ancestors.get(start..end(row)).unwrap_or_default(),
            is_reply: self.replies.get(row).copied().unwrap_or_default(),
        }
    }

    pub(super) fn size_bytes(&self) -> usize {
        // A table keeps a byte beside each place, and an eighth of the places free.
        self.numbers.capacity() * 8 / 7 * (size_of::<(u64, u32)>() + 1)
            + (self.own.capacity() + self.ancestors.capacity()) * size_of::<u32>()
            + self.ends.capacity() * size_of::<usize>()
            + self.replies.capacity()
    }
}
