//! Texts as ranks: what is compared over and over is a number.

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
    /// By row.
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

    /// Adds a row for each of `new`.
    pub(super) fn extend(&mut self, new: &Texts) {
        let order = new.in_order();
        let (mut merged, mut old_at) = (Texts::default(), 0);
        let mut moved = vec![0_u32; self.distinct.len()];
        let mut added = vec![0_u32; new.len()];
        let keep_old_below = |merged: &mut Texts, moved: &mut [u32], at: &mut usize, end: &str| {
            while *at < self.distinct.len() && self.distinct.text(*at) <= end {
                if let Some(place) = moved.get_mut(*at) {
                    *place = merged.len() as u32;
                }
                merged.push(self.distinct.text(*at));
                *at += 1;
            }
        };
        for at in order {
            let text = new.text(at as usize);
            keep_old_below(&mut merged, &mut moved, &mut old_at, text);
            let last = merged.len().checked_sub(1);
            let rank = match last.filter(|last| merged.text(*last) == text) {
                Some(last) => last,
                None => {
                    merged.push(text);
                    merged.len() - 1
                }
            };
            if let Some(place) = added.get_mut(at as usize) {
                *place = rank as u32;
            }
        }
        while old_at < self.distinct.len() {
            if let Some(place) = moved.get_mut(old_at) {
                *place = merged.len() as u32;
            }
            merged.push(self.distinct.text(old_at));
            old_at += 1;
        }
        for rank in &mut self.ranks {
            *rank = moved.get(*rank as usize).copied().unwrap_or_default();
        }
        self.ranks.extend(added);
        self.distinct = merged;
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
                column.extend(&new);
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
        }
    }
}
