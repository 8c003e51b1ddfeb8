//! Which messages of a maildrop are marked: one bit for each.

/// Marks on message numbers. Takes no memory while nothing is marked.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    words: Vec<u64>,
}

impl Marks {
    /// Marks `number` of a maildrop with `count` messages; `false` if it was already.
    pub(crate) fn set(&mut self, number: u32, count: u32) -> bool {
        if self.words.is_empty() {
            self.words.resize(count as usize / 64 + 1, 0);
        }
        let (index, bit) = place(number);
        let Some(word) = self.words.get_mut(index) else { return false };
        let was = *word & bit != 0;
        *word |= bit;
        !was
    }

    /// Whether `number` is marked.
    pub(crate) fn contains(&self, number: u32) -> bool {
        let (index, bit) = place(number);
        self.words.get(index).is_some_and(|word| word & bit != 0)
    }

    /// Whether nothing is marked.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Takes all marks away.
    pub(crate) fn clear(&mut self) {
        self.words = Vec::new();
    }
}

const fn place(number: u32) -> (usize, u64) {
    (number as usize / 64, 1 << (number % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_bits() {
        let mut marks = Marks::default();
        assert!(marks.is_empty() && !marks.contains(1));
        for number in [1, 63, 64, 128] {
            assert!(marks.set(number, 128));
            assert!(!marks.set(number, 128));
        }
        let marked: Vec<u32> = (0..200).filter(|&number| marks.contains(number)).collect();
        assert_eq!(marked, [1, 63, 64, 128]);
        assert!(!marks.set(5_000, 128));
        marks.clear();
        assert!(marks.is_empty() && !marks.contains(1));
    }
}
