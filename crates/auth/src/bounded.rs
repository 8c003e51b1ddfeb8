//! A map that never grows beyond its bound: the entry that was put in first makes room.

use std::{
    collections::{HashMap, VecDeque, hash_map},
    hash::Hash,
};

/// Up to a fixed number of entries, forgotten in the order they came.
#[derive(Debug)]
pub(crate) struct BoundedMap<K, V> {
    entries: HashMap<K, V>,
    /// Every key of `entries` once, oldest first.
    order: VecDeque<K>,
    entries_max: usize,
}

impl<K: Copy + Eq + Hash, V> BoundedMap<K, V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), entries_max }
    }

    /// Has another bound from now on; what is beyond it is forgotten.
    pub(crate) fn limit(&mut self, entries_max: usize) {
        self.entries_max = entries_max;
        self.make_room();
    }

    pub(crate) fn find(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(crate) fn find_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// Puts or replaces an entry; a replaced one keeps its place in the order.
    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.entries_max == 0 {
            return;
        }
        match self.entries.entry(key) {
            hash_map::Entry::Occupied(mut entry) => {
                entry.insert(value);
            }
            hash_map::Entry::Vacant(entry) => {
                entry.insert(value);
                self.order.push_back(key);
            }
        }
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.entries.len() > self.entries_max {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.entries.remove(&oldest);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert_eq!(self.order.len(), self.entries.len());
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut map = BoundedMap::new(2);
        for (key, value) in [(1, "a"), (2, "b"), (1, "c")] {
            map.put(key, value);
        }
        assert_eq!((map.find(&1), map.find(&2), map.len()), (Some(&"c"), Some(&"b"), 2));
        map.put(3, "d");
        assert_eq!((map.find(&1), map.find(&2), map.find(&3)), (None, Some(&"b"), Some(&"d")));
        map.put(4, "e");
        *map.find_mut(&3).unwrap() = "f";
        assert_eq!(map.find(&2), None);
        assert_eq!((map.find(&3), map.find(&4), map.len()), (Some(&"f"), Some(&"e"), 2));

        let mut none = BoundedMap::new(0);
        none.put(1, ());
        assert_eq!((none.find(&1), none.len()), (None, 0));
    }
}
