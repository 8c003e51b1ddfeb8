//! Message ids as numbers, by which THREAD finds ancestors (RFC 5256 §3).

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::{BuildHasher, Hash, Hasher};

use message::KeysView;
use message::varint::{push_varint, take_varint};

use super::bounds::IdLimit;
use crate::Result;

/// The number that stands for no message id.
const NONE: u32 = u32::MAX;

/// What THREAD needs of a message. Ids are numbers below [`super::SortKeys::message_ids`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadRow<'k> {
    /// The number of its Message-ID, where it has a valid one.
    pub id: Option<u32>,
    /// The Message-IDs of its references, oldest first.
    pub ancestors: &'k [u32],
    /// Whether its subject marks a reply or a forward.
    pub is_reply: bool,
}

/// A message id. LIMIT: ids are told apart by 128 bits of their hash: nobody can make two alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct IdHash([u8; 16]);

impl IdHash {
    fn of(id: &str) -> Self {
        let mut hash = [0; 16];
        blake3::Hasher::new().update(id.as_bytes()).finalize_xof().fill(&mut hash);
        Self(hash)
    }
}

impl Hash for IdHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// Message ids of every message, numbered as they first come.
#[derive(Debug, Clone, Default)]
pub(super) struct ThreadColumn {
    numbers: HashMap<IdHash, u32, Folding>,
    own: Vec<u32>,
    replies: Vec<bool>,
    /// Where each row's ancestors end.
    ends: Vec<usize>,
    ancestors: Vec<u32>,
}

/// Spreads hashes over a table by two secret numbers: hashes that share some of their bits are
/// easily made.
#[derive(Debug, Clone)]
struct Folding([u64; 2]);

impl Default for Folding {
    fn default() -> Self {
        let chance = RandomState::new();
        Self([chance.hash_one(0), chance.hash_one(1)])
    }
}

impl BuildHasher for Folding {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded { key: self.0, state: 0 }
    }
}

struct Folded {
    key: [u64; 2],
    state: u64,
}

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.state
    }

    fn write(&mut self, bytes: &[u8]) {
        let [one, other] = self.key;
        for eight in bytes.chunks(8) {
            let mut number = [0; 8];
            number.iter_mut().zip(eight).for_each(|(slot, byte)| *slot = *byte);
            let number = (u64::from_le_bytes(number) ^ self.state) ^ one;
            let product = u128::from(number) * u128::from(other | 1);
            self.state = (product as u64) ^ ((product >> 64) as u64);
        }
    }
}

impl ThreadColumn {
    /// Adds the rows of another one behind its own, unless both together name too many ids.
    pub(super) fn append(&mut self, mut other: Self, limit: IdLimit) -> Result<()> {
        limit.check(0, self.named().saturating_add(other.named()))?;
        let ids = other.in_order();
        // What is not needed any more goes before the table grows.
        other.numbers = HashMap::default();
        let mut moved = Vec::with_capacity(ids.len());
        for id in ids {
            let next = self.numbers.len() as u32;
            moved.push(*self.numbers.entry(id).or_insert(next));
            limit.check(self.numbers.len(), 0)?;
        }
        let moved = |number: u32| moved.get(number as usize).copied().unwrap_or(NONE);
        self.own.extend(other.own.iter().map(|number| moved(*number)));
        self.replies.extend(other.replies);
        let before = self.ancestors.len();
        self.ends.extend(other.ends.iter().map(|end| before + end));
        self.ancestors.extend(other.ancestors.iter().map(|number| moved(*number)));
        Ok(())
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
        match self.numbers.entry(IdHash::of(id)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => *free.insert(next),
        }
    }

    /// Every id in the place of its number.
    fn in_order(&self) -> Vec<IdHash> {
        let mut ids = vec![IdHash([0; 16]); self.numbers.len()];
        for (id, number) in &self.numbers {
            if let Some(place) = ids.get_mut(*number as usize) {
                *place = *id;
            }
        }
        ids
    }

    /// Keeps the rows for which `kept` says so, and of the ids those that they name.
    pub(super) fn retain(&mut self, kept: &[bool]) {
        let ids = self.in_order();
        let before = std::mem::take(self);
        for (row, _) in kept.iter().enumerate().filter(|(_, is_kept)| **is_kept) {
            let ThreadRow { id, ancestors, is_reply } = before.row(row);
            let own = id.map_or(NONE, |id| self.number_of(&ids, id));
            self.own.push(own);
            self.replies.push(is_reply);
            for ancestor in ancestors {
                let number = self.number_of(&ids, *ancestor);
                self.ancestors.push(number);
            }
            self.ends.push(self.ancestors.len());
        }
    }

    fn number_of(&mut self, ids: &[IdHash], number: u32) -> u32 {
        let next = self.numbers.len() as u32;
        match ids.get(number as usize) {
            Some(id) => *self.numbers.entry(*id).or_insert(next),
            None => NONE,
        }
    }

    /// Layout: how many ids there are, each of them; for each row twice the number of its own id
    /// and one more, or 0, with the mark of a reply, and how many ancestors it has, and which.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 * self.numbers.len() + 8 * self.own.len());
        push_varint(&mut out, self.numbers.len() as u64);
        self.in_order().iter().for_each(|id| out.extend_from_slice(&id.0));
        for row in 0..self.own.len() {
            let ThreadRow { id, ancestors, is_reply } = self.row(row);
            let own = id.map_or(0, |id| u64::from(id) + 1);
            push_varint(&mut out, own << 1 | u64::from(is_reply));
            push_varint(&mut out, ancestors.len() as u64);
            ancestors.iter().for_each(|number| push_varint(&mut out, u64::from(*number)));
        }
        out
    }

    /// Reverses [`encode`](Self::encode) for a column of so many rows; `None` where it is damaged.
    pub(super) fn decode(mut bytes: &[u8], rows: usize) -> Option<Self> {
        let rest = &mut bytes;
        let count = usize::try_from(take_varint(rest)?).ok()?;
        let (ids, behind) = rest.split_at_checked(count.checked_mul(16)?)?;
        *rest = behind;
        let mut column = Self::default();
        column.numbers.reserve(count);
        let ids = ids.as_chunks().0.iter().map(|id| IdHash(*id));
        column.numbers.extend(ids.zip(0..));
        let known = |number: &u32| (*number as usize) < count;
        for _ in 0..rows {
            let own = take_varint(rest)?;
            column.replies.push(own & 1 == 1);
            let id = (own >> 1).checked_sub(1);
            let id = id.map(|id| u32::try_from(id).ok().filter(known));
            column.own.push(id.unwrap_or(Some(NONE))?);
            for _ in 0..take_varint(rest)? {
                let number = u32::try_from(take_varint(rest)?).ok().filter(known)?;
                column.ancestors.push(number);
            }
            column.ends.push(column.ancestors.len());
        }
        (column.numbers.len() == count && rest.is_empty()).then_some(column)
    }

    pub(super) fn ids(&self) -> usize {
        self.numbers.len()
    }

    /// How many ids are named in References, each as often as it is named.
    pub(super) fn named(&self) -> usize {
        self.ancestors.len()
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
        self.numbers.capacity() * 8 / 7 * (size_of::<(IdHash, u32)>() + 1)
            + (self.own.capacity() + self.ancestors.capacity()) * size_of::<u32>()
            + self.ends.capacity() * size_of::<usize>()
            + self.replies.capacity()
    }
}
