//! A set of UIDs as sorted, disjoint, non-adjacent ranges: what COPYUID, VANISHED and the
//! change log carry.

use std::ops::RangeInclusive;

use crate::Uid;

/// A set of UIDs. Ranges are ascending, never overlap and never touch, so that equal sets
/// compare equal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

impl UidSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Every UID there can be: 1 to 4,294,967,295.
    pub fn all() -> Self {
        Self { ranges: vec![(1, u32::MAX)] }
    }

    /// One contiguous range; its ends may come in either order (RFC 9051 §9, `seq-range`).
    pub fn from_range(range: RangeInclusive<Uid>) -> Self {
        let (first, last) = (range.start().get(), range.end().get());
        Self { ranges: vec![(first.min(last), first.max(last))] }
    }

    /// Whether nothing is in the set.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many UIDs are in the set.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|&(first, last)| u64::from(last - first) + 1).sum()
    }

    /// Whether `uid` is in the set. Logarithmic in the number of ranges.
    pub fn contains(&self, uid: Uid) -> bool {
        let uid = uid.get();
        let after = self.ranges.partition_point(|&(first, _)| first <= uid);
        after
            .checked_sub(1)
            .and_then(|at| self.ranges.get(at))
            .is_some_and(|&(_, last)| uid <= last)
    }

    /// Adds one UID. Constant time when UIDs come in ascending order.
    pub fn insert(&mut self, uid: Uid) {
        self.insert_range(uid, uid);
    }

    /// Adds every UID from `first` to `last`, both included. Constant time when ranges come in
    /// ascending order.
    pub fn insert_range(&mut self, first: Uid, last: Uid) {
        let (first, last) = (first.get().min(last.get()), first.get().max(last.get()));
        if let Some(tail) = self.ranges.last_mut() {
            if first >= tail.0 {
                if first <= tail.1.saturating_add(1) {
                    tail.1 = tail.1.max(last);
                } else {
                    self.ranges.push((first, last));
                }
                return;
            }
        } else {
            self.ranges.push((first, last));
            return;
        }
        self.insert_before_tail(first, last);
    }

    fn insert_before_tail(&mut self, mut first: u32, mut last: u32) {
        let start = self.ranges.partition_point(|&(_, end)| end.saturating_add(1) < first);
        let end = self.ranges.partition_point(|&(begin, _)| begin <= last.saturating_add(1));
        for &(begin, stop) in self.ranges.iter().take(end).skip(start) {
            first = first.min(begin);
            last = last.max(stop);
        }
        self.ranges.splice(start..end, [(first, last)]);
    }

    /// The ranges in ascending order.
    pub fn ranges(&self) -> impl ExactSizeIterator<Item = RangeInclusive<Uid>> + '_ {
        self.ranges.iter().map(|&(first, last)| Uid::new(first)..=Uid::new(last))
    }

    /// Every UID in ascending order. May be four billion long: bound it first.
    pub fn iter(&self) -> impl Iterator<Item = Uid> + '_ {
        self.ranges.iter().flat_map(|&(first, last)| (first..=last).map(Uid::new))
    }

    /// Adds every UID of `other`.
    pub fn extend_set(&mut self, other: &UidSet) {
        for range in other.ranges() {
            self.insert_range(*range.start(), *range.end());
        }
    }

    /// The bytes kept in the change log: for each range two LEB128 numbers, the distance from
    /// the end of the range before and the length less one.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.ranges.len() * 4);
        let mut previous = 0;
        for &(first, last) in &self.ranges {
            push_leb128(&mut out, first - previous);
            push_leb128(&mut out, last - first);
            previous = last;
        }
        out
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` if the bytes are not of that form.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut set = Self::new();
        let mut previous = 0u32;
        while !bytes.is_empty() {
            let first = previous.checked_add(take_leb128(&mut bytes)?)?;
            let last = first.checked_add(take_leb128(&mut bytes)?)?;
            set.insert_range(Uid::new(first), Uid::new(last));
            previous = last;
        }
        Some(set)
    }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        let mut set = Self::new();
        uids.into_iter().for_each(|uid| set.insert(uid));
        set
    }
}

/// The wire form of RFC 9051 §9, `uid-set`; the empty string for an empty set.
impl std::fmt::Display for UidSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, &(first, last)) in self.ranges.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match first == last {
                true => write!(f, "{first}")?,
                false => write!(f, "{first}:{last}")?,
            }
        }
        Ok(())
    }
}

fn push_leb128(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_leb128(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0u32;
    for shift in (0..32).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u32::from(byte & 0x7f).checked_mul(1 << shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(u32, u32)]) -> UidSet {
        let mut set = UidSet::new();
        for &(first, last) in ranges {
            set.insert_range(Uid::new(first), Uid::new(last));
        }
        set
    }

    #[test]
    fn ranges_merge_in_any_order_of_insertion() {
        for (ranges, text) in [
            (&[(1, 1), (2, 2), (3, 3)][..], "1:3"),
            (&[(9, 9), (1, 2), (3, 3)], "1:3,9"),
            (&[(1, 2), (5, 6), (9, 10), (2, 9)], "1:10"),
            (&[(5, 9), (1, 1)], "1,5:9"),
            (&[(u32::MAX, u32::MAX), (1, 1), (4, 2)], "1:4,4294967295"),
            (&[(1, u32::MAX), (7, 7)], "1:4294967295"),
            (&[], ""),
        ] {
            let set = set(ranges);
            assert_eq!(set.to_string(), *text);
            assert_eq!(UidSet::decode(&set.encode()), Some(set.clone()));
        }
    }

    #[test]
    fn membership_and_length_follow_the_ranges() {
        let set = set(&[(2, 4), (8, 8)]);
        let members: Vec<u32> = set.iter().map(Uid::get).collect();
        assert_eq!(members, [2, 3, 4, 8]);
        assert_eq!(set.len(), 4);
        for uid in 0..10 {
            assert_eq!(set.contains(Uid::new(uid)), members.contains(&uid), "{uid}");
        }
    }

    #[test]
    fn damaged_bytes_are_none() {
        for bytes in [&[0x80][..], &[1], &[0xff; 12], &[5, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]] {
            assert_eq!(UidSet::decode(bytes), None, "{bytes:?}");
        }
    }
}
