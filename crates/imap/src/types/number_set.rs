//! Sorted sets of numbers, kept as ranges: what a sequence set means and what replies report.

use std::fmt;
use std::ops::Range;

/// Sequence numbers or UIDs, sorted, as disjoint ranges that do not touch.
///
/// A set of 1,000,000 consecutive numbers takes eight bytes; appending in ascending order is
/// constant time, inserting elsewhere costs the number of ranges behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberSet {
    ranges: Vec<(u32, u32)>,
}

impl NumberSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers it holds.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|&(low, high)| u64::from(high - low) + 1).sum()
    }

    /// The ranges in ascending order, both ends included.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// The smallest number.
    pub fn first(&self) -> Option<u32> {
        self.ranges.first().map(|&(low, _)| low)
    }

    /// The largest number.
    pub fn last(&self) -> Option<u32> {
        self.ranges.last().map(|&(_, high)| high)
    }

    /// Whether `number` is in it.
    pub fn contains(&self, number: u32) -> bool {
        let after = self.ranges.partition_point(|&(low, _)| low <= number);
        after
            .checked_sub(1)
            .and_then(|i| self.ranges.get(i))
            .is_some_and(|&(_, high)| number <= high)
    }

    /// Every number in ascending order. A client can name four thousand million of them: iterate
    /// over what the mailbox holds and ask [`Self::contains`] unless the set was made from that.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|&(low, high)| low..=high)
    }

    /// Adds one number.
    pub fn insert(&mut self, number: u32) {
        self.insert_range(number, number);
    }

    /// Adds all numbers from `low` to `high`; nothing if `low` is above `high`.
    pub fn insert_range(&mut self, low: u32, high: u32) {
        if low > high {
            return;
        }
        match self.ranges.last_mut() {
            Some(last) if low >= last.0 => {
                if low <= last.1.saturating_add(1) {
                    last.1 = last.1.max(high);
                } else {
                    self.ranges.push((low, high));
                }
            }
            None => self.ranges.push((low, high)),
            Some(_) => self.insert_inside(low, high),
        }
    }

    fn insert_inside(&mut self, low: u32, high: u32) {
        let start = self.ranges.partition_point(|&(_, h)| h.saturating_add(1) < low);
        let end = self.ranges.partition_point(|&(l, _)| l <= high.saturating_add(1));
        let mut merged = (low, high);
        let touched = self.ranges.get(start..end.max(start)).unwrap_or_default();
        if let (Some(first), Some(last)) = (touched.first(), touched.last()) {
            merged = (low.min(first.0), high.max(last.1));
        }
        self.ranges.splice(start..end.max(start), [merged]);
    }

    /// The numbers at these positions in ascending order, counted from 0.
    #[must_use]
    pub fn slice(&self, positions: Range<usize>) -> Self {
        let (mut out, mut passed) = (Self::new(), 0_usize);
        for &(low, high) in &self.ranges {
            let len = (high - low) as usize + 1;
            let from = positions.start.saturating_sub(passed).min(len);
            let to = positions.end.saturating_sub(passed).min(len);
            if from < to {
                out.insert_range(low + from as u32, low + to as u32 - 1);
            }
            passed = passed.saturating_add(len);
            if passed >= positions.end {
                break;
            }
        }
        out
    }

    /// The numbers in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut out = Self::new();
        let (mut left, mut right) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        while let (Some(&&a), Some(&&b)) = (left.peek(), right.peek()) {
            out.insert_range(a.0.max(b.0), a.1.min(b.1));
            if a.1 < b.1 {
                left.next();
            } else {
                right.next();
            }
        }
        out
    }

    /// The numbers in this set that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut out = Self::new();
        let mut cuts = other.ranges.iter().peekable();
        for &(low, high) in &self.ranges {
            let mut from = Some(low);
            while let (Some(start), Some(&&(cut_low, cut_high))) = (from, cuts.peek()) {
                if cut_high < start {
                    cuts.next();
                    continue;
                }
                if cut_low > high {
                    break;
                }
                if cut_low > start {
                    out.insert_range(start, cut_low - 1);
                }
                from = cut_high.checked_add(1).filter(|&next| next <= high);
                if from.is_some() {
                    cuts.next();
                }
            }
            if let Some(start) = from {
                out.insert_range(start, high);
            }
        }
        out
    }
}

impl FromIterator<u32> for NumberSet {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        let mut set = Self::new();
        for number in numbers {
            set.insert(number);
        }
        set
    }
}

impl fmt::Display for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, &(low, high)) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if low == high {
                write!(f, "{comma}{low}")?;
            } else {
                write!(f, "{comma}{low}:{high}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn agrees_with_a_plain_set() {
        let mut rng = fastrand::Rng::with_seed(7);
        for round in 0..400 {
            let (mut ours, mut plain) = (NumberSet::new(), BTreeSet::new());
            let (mut other, mut other_plain) = (NumberSet::new(), BTreeSet::new());
            for _ in 0..rng.u32(0..20) {
                let low = rng.u32(0..60);
                let high = low + rng.u32(0..6);
                ours.insert_range(low, high);
                plain.extend(low..=high);
                let n = rng.u32(0..70);
                other.insert(n);
                other_plain.insert(n);
            }
            assert!(ours.iter().eq(plain.iter().copied()), "round {round}: {ours}");
            assert_eq!(ours.len(), plain.len() as u64);
            assert_eq!(
                (ours.first(), ours.last()),
                (plain.first().copied(), plain.last().copied())
            );
            assert!(ours.ranges().windows(2).all(|w| w[0].1 + 1 < w[1].0), "round {round}: {ours}");
            for n in 0..70 {
                assert_eq!(ours.contains(n), plain.contains(&n), "round {round}: {n} in {ours}");
            }
            let (from, to) = (rng.usize(0..70), rng.usize(0..70));
            let some = plain.iter().copied().take(to).skip(from);
            assert!(ours.slice(from..to).iter().eq(some), "round {round}: {from}..{to} of {ours}");
            let both: Vec<u32> = plain.intersection(&other_plain).copied().collect();
            assert!(ours.intersection(&other).iter().eq(both), "round {round}");
            let rest: Vec<u32> = plain.difference(&other_plain).copied().collect();
            assert!(ours.difference(&other).iter().eq(rest), "round {round}: {ours} - {other}");
        }
    }

    #[test]
    fn holds_the_largest_number() {
        let mut set = NumberSet::from_iter([u32::MAX, 1]);
        set.insert_range(5, u32::MAX);
        assert_eq!(set.to_string(), "1,5:4294967295");
        assert!(set.contains(u32::MAX) && !set.contains(4));
        assert!(set.difference(&set.clone()).is_empty());
    }
}
