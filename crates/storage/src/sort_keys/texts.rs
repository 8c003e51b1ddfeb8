//! Texts as ranks: what is compared over and over is a number.

use std::cmp::Ordering;

use message::varint::{push_varint, take_varint};

/// Texts one after the other in one allocation.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    pub(super) fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn text(&self, at: usize) -> &str {
        let end = |at: usize| self.ends.get(at).copied().unwrap_or_default();
        let start = at.checked_sub(1).map_or(0, end);
        self.bytes.get(start..end(at)).unwrap_or_default()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.text(at))
    }

    fn size_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// Positions in the order of the texts, equal ones in their own order.
    fn in_order(&self) -> Vec<u32> {
        // Most texts differ in their first bytes: those are compared as one number.
        let head = |text: &str| {
            let mut head = [0; 8];
            let len = text.len().min(8);
            for (slot, byte) in head.iter_mut().zip(text.as_bytes().iter().take(len)) {
                *slot = *byte;
            }
            u64::from_be_bytes(head)
        };
        let mut order: Vec<(u64, u32)> =
            (0..self.len()).map(|at| (head(self.text(at)), at as u32)).collect();
        order.sort_unstable_by(|(head, at), (other_head, other)| {
            head.cmp(other_head)
                .then_with(|| self.text(*at as usize).cmp(self.text(*other as usize)))
                .then(at.cmp(other))
        });
        order.into_iter().map(|(_, at)| at).collect()
    }
}

/// A text of every message, as its rank among the distinct texts.
#[derive(Debug, Clone)]
pub(super) struct TextColumn {
    /// The distinct texts, ascending; the empty one is always the first.
    distinct: Texts,
    /// The rank of each row's text.
    ranks: Vec<u32>,
}

impl Default for TextColumn {
    fn default() -> Self {
        let mut distinct = Texts::default();
        distinct.push("");
        Self { distinct, ranks: Vec::new() }
    }
}

impl TextColumn {
    /// The rank of a row's text; 0 is that of the empty one.
    pub(super) fn rank(&self, row: usize) -> u32 {
        self.ranks.get(row).copied().unwrap_or_default()
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.distinct.size_bytes() + self.ranks.capacity() * size_of::<u32>()
    }

    /// A column of these texts.
    pub(super) fn of(texts: &Texts) -> Self {
        let mut column = Self { ranks: vec![0; texts.len()], ..Self::default() };
        for at in texts.in_order() {
            let text = texts.text(at as usize);
            let mut last = column.distinct.len() - 1;
            if column.distinct.text(last) != text {
                column.distinct.push(text);
                last += 1;
            }
            if let Some(rank) = column.ranks.get_mut(at as usize) {
                *rank = last as u32;
            }
        }
        column
    }

    /// Adds the rows of another one behind its own.
    pub(super) fn append(&mut self, other: Self) {
        let (distinct, our_ranks, their_ranks) = merge(&self.distinct, &other.distinct);
        let moved =
            |ranks: &[u32], rank: u32| ranks.get(rank as usize).copied().unwrap_or_default();
        for rank in &mut self.ranks {
            *rank = moved(&our_ranks, *rank);
        }
        self.ranks.extend(other.ranks.iter().map(|rank| moved(&their_ranks, *rank)));
        self.distinct = distinct;
    }

    /// Keeps the rows for which `kept` says so, and of the texts those that they have.
    pub(super) fn retain(&mut self, kept: &[bool]) {
        let mut kept = kept.iter();
        self.ranks.retain(|_| kept.next().is_some_and(|is_kept| *is_kept));
        let mut is_used = vec![false; self.distinct.len()];
        // The empty text is always there.
        for rank in [0].iter().chain(&self.ranks) {
            if let Some(is_used) = is_used.get_mut(*rank as usize) {
                *is_used = true;
            }
        }
        let (mut distinct, mut moved) = (Texts::default(), Vec::with_capacity(is_used.len()));
        for (at, is_used) in is_used.into_iter().enumerate() {
            moved.push(distinct.len() as u32);
            if is_used {
                distinct.push(self.distinct.text(at));
            }
        }
        for rank in &mut self.ranks {
            *rank = moved.get(*rank as usize).copied().unwrap_or_default();
        }
        self.distinct = distinct;
    }

    /// Layout: how many texts there are beside the empty one, the length of each, the rank of each
    /// row, the texts.
    pub(super) fn encode(&self) -> Vec<u8> {
        let lengths = self.distinct.ends.windows(2).map(|ends| (ends[1] - ends[0]) as u64);
        let mut out = Vec::with_capacity(self.distinct.bytes.len() + 3 * self.ranks.len() + 8);
        push_varint(&mut out, lengths.len() as u64);
        lengths.for_each(|length| push_varint(&mut out, length));
        self.ranks.iter().for_each(|rank| push_varint(&mut out, u64::from(*rank)));
        out.extend_from_slice(self.distinct.bytes.as_bytes());
        out
    }

    /// Reverses [`encode`](Self::encode) for a column of so many rows; `None` where it is damaged.
    pub(super) fn decode(mut bytes: &[u8], rows: usize) -> Option<Self> {
        let rest = &mut bytes;
        let texts = usize::try_from(take_varint(rest)?).ok().filter(|texts| *texts <= rows)?;
        let mut ends = Vec::with_capacity(texts + 1);
        let mut end = 0usize;
        ends.push(end);
        for _ in 0..texts {
            end = end.checked_add(usize::try_from(take_varint(rest)?).ok()?)?;
            ends.push(end);
        }
        let mut ranks = Vec::with_capacity(rows);
        for _ in 0..rows {
            ranks.push(u32::try_from(take_varint(rest)?).ok().filter(|r| *r as usize <= texts)?);
        }
        let bytes = std::str::from_utf8(rest).ok()?.to_owned();
        let is_whole = bytes.len() == end && ends.iter().all(|end| bytes.is_char_boundary(*end));
        let distinct = Texts { bytes, ends };
        // Ranks say nothing unless the texts ascend.
        let mut pairs = (0..texts).map(|at| (distinct.text(at), distinct.text(at + 1)));
        let is_sorted = is_whole && pairs.all(|(one, other)| one < other);
        is_sorted.then_some(Self { distinct, ranks })
    }
}

/// The texts of two ascending lists, each once, and the new rank of each text of either list. Two
/// texts are compared once: this is most of what the first SORT after a start takes.
fn merge(ours: &Texts, theirs: &Texts) -> (Texts, Vec<u32>, Vec<u32>) {
    let mut merged = Texts {
        bytes: String::with_capacity(ours.bytes.len() + theirs.bytes.len()),
        ends: Vec::with_capacity(ours.len() + theirs.len()),
    };
    let (mut our_ranks, mut their_ranks) =
        (Vec::with_capacity(ours.len()), Vec::with_capacity(theirs.len()));
    let (mut ours, mut theirs) = (ours.texts(), theirs.texts());
    let (mut our_text, mut their_text) = (ours.next(), theirs.next());
    loop {
        let (order, text) = match (our_text, their_text) {
            (Some(one), Some(other)) => {
                let order = one.cmp(other);
                (order, if order.is_gt() { other } else { one })
            }
            (Some(one), None) => (Ordering::Less, one),
            (None, Some(other)) => (Ordering::Greater, other),
            (None, None) => return (merged, our_ranks, their_ranks),
        };
        let rank = merged.len() as u32;
        merged.push(text);
        if order.is_le() {
            our_ranks.push(rank);
            our_text = ours.next();
        }
        if order.is_ge() {
            their_ranks.push(rank);
            their_text = theirs.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_a_plain_sort() {
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..200 {
            let (mut column, mut plain) = (TextColumn::default(), Vec::<String>::new());
            for _ in 0..rng.usize(1..5) {
                let mut new = Texts::default();
                for _ in 0..rng.usize(0..30) {
                    let len = rng.usize(0..12);
                    let text: String = (0..len).map(|_| rng.char('A'..='C')).collect();
                    new.push(&text);
                    plain.push(text);
                }
                column.append(TextColumn::of(&new));
            }
            let mut distinct: Vec<&String> = plain.iter().collect();
            let empty = String::new();
            distinct.push(&empty);
            distinct.sort();
            distinct.dedup();
            for (row, text) in plain.iter().enumerate() {
                let rank = distinct.iter().position(|other| *other == text).unwrap();
                assert_eq!(column.rank(row) as usize, rank, "{text}");
            }
            let bytes = column.encode();
            let again = TextColumn::decode(&bytes, plain.len()).unwrap();
            assert_eq!((again.encode(), &again.ranks), (bytes.clone(), &column.ranks));
            let kept: Vec<bool> = plain.iter().map(|_| rng.bool()).collect();
            column.retain(&kept);
            let mut left = Texts::default();
            plain.iter().zip(&kept).filter(|(_, kept)| **kept).for_each(|(t, _)| left.push(t));
            assert_eq!(column.encode(), TextColumn::of(&left).encode());
            for end in 0..bytes.len() {
                assert!(TextColumn::decode(&bytes[..end], plain.len()).is_none());
            }
        }
    }
}
