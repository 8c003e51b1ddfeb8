//! What a search found, in the order it is told.

use std::ops::Range;

use super::NumberSet;

/// Sequence numbers or UIDs in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Results {
    /// In mailbox order: SEARCH.
    Mailbox(NumberSet),
    /// In the order that was asked for: SORT.
    Sorted(Vec<u32>),
}

impl Results {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Mailbox(set) => set.len() as usize,
            Self::Sorted(numbers) => numbers.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first of them.
    pub fn first(&self) -> Option<u32> {
        match self {
            Self::Mailbox(set) => set.first(),
            Self::Sorted(numbers) => numbers.first().copied(),
        }
    }

    /// The last of them.
    pub fn last(&self) -> Option<u32> {
        match self {
            Self::Mailbox(set) => set.last(),
            Self::Sorted(numbers) => numbers.last().copied(),
        }
    }

    /// Those at these positions, counted from 0.
    #[must_use]
    pub fn slice(&self, positions: Range<usize>) -> Self {
        match self {
            Self::Mailbox(set) => Self::Mailbox(set.slice(positions)),
            Self::Sorted(numbers) => {
                Self::Sorted(numbers.get(positions).unwrap_or_default().to_vec())
            }
        }
    }

    /// The numbers without their order.
    pub fn to_set(&self) -> NumberSet {
        match self {
            Self::Mailbox(set) => set.clone(),
            Self::Sorted(numbers) => {
                let mut sorted = numbers.clone();
                sorted.sort_unstable();
                sorted.into_iter().collect()
            }
        }
    }
}
