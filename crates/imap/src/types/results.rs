//! What a search found, in the order it is told.

use std::ops::Range;

use super::NumberSet;

/// Numbers with the position of the first of them, from 1; 0 where mailbox order tells it.
pub type Placed = (usize, Results);

/// RFC 5267 §4.3.3: position 0 lets the client keep mailbox order itself.
fn in_any_place(numbers: NumberSet) -> Vec<Placed> {
    match numbers.is_empty() {
        true => Vec::new(),
        false => vec![(0, Results::Mailbox(numbers))],
    }
}

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

    /// Whether nothing was found.
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

    /// The results at these positions, counted from 0.
    #[must_use]
    pub fn slice(&self, positions: Range<usize>) -> Self {
        match self {
            Self::Mailbox(set) => Self::Mailbox(set.slice(positions)),
            Self::Sorted(numbers) => {
                Self::Sorted(numbers.get(positions).unwrap_or_default().to_vec())
            }
        }
    }

    /// Other numbers for these, in the same order; those without one are left out.
    #[must_use]
    pub fn map(&self, number: impl Fn(u32) -> Option<u32>) -> Self {
        match self {
            Self::Mailbox(set) => Self::Mailbox(set.iter().filter_map(number).collect()),
            Self::Sorted(numbers) => {
                Self::Sorted(numbers.iter().copied().filter_map(number).collect())
            }
        }
    }

    /// Takes numbers out, and says which and from where (RFC 5267 §4.3.4).
    pub fn remove(&mut self, gone: &NumberSet) -> Vec<Placed> {
        match self {
            Self::Mailbox(set) => {
                let removed = set.intersection(gone);
                *set = set.difference(gone);
                in_any_place(removed)
            }
            Self::Sorted(numbers) => {
                let is_gone = |number: &u32| gone.contains(*number);
                let (mut placed, mut at) = (Vec::new(), 0);
                for run in numbers.chunk_by(|one, next| is_gone(one) == is_gone(next)) {
                    match run.first().is_some_and(is_gone) {
                        // Those removed before have moved it up already.
                        true => placed.push((at + 1, Self::Sorted(run.to_vec()))),
                        false => at += run.len(),
                    }
                }
                numbers.retain(|number| !is_gone(number));
                placed
            }
        }
    }

    /// Whether those that `next` holds too follow each other there as they do here.
    pub fn keep_order_in(&self, next: &Self) -> bool {
        let (Self::Sorted(numbers), Self::Sorted(others)) = (self, next) else { return true };
        let (held, kept) = (self.to_set(), next.to_set());
        let numbers = numbers.iter().filter(|number| kept.contains(**number));
        numbers.eq(others.iter().filter(|number| held.contains(**number)))
    }

    /// Those to be taken out so that the others follow each other in `next` as they do here:
    /// `gone`, which `next` does not hold, where that is enough, or else `changed`, of which they
    /// are part, or else all. What others annotate meanwhile moves in `next` without being among
    /// `changed`.
    #[must_use]
    pub fn out_of_place(&self, gone: NumberSet, changed: NumberSet, next: &Self) -> NumberSet {
        if self.keep_order_in(next) {
            return gone;
        }
        let mut rest = self.clone();
        rest.remove(&changed);
        if rest.keep_order_in(next) { changed } else { self.to_set() }
    }

    /// Becomes `next`, which holds the same numbers in the same order and others between them, and
    /// says which and where (RFC 5267 §4.3.3).
    pub fn grow(&mut self, next: Self) -> Vec<Placed> {
        let held = self.to_set();
        *self = next;
        match self {
            Self::Mailbox(set) => in_any_place(set.difference(&held)),
            Self::Sorted(numbers) => {
                let is_new = |number: &u32| !held.contains(*number);
                let (mut placed, mut at) = (Vec::new(), 0);
                for run in numbers.chunk_by(|one, next| is_new(one) == is_new(next)) {
                    if run.first().is_some_and(is_new) {
                        placed.push((at + 1, Self::Sorted(run.to_vec())));
                    }
                    at += run.len();
                }
                placed
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client does with what it is told.
    fn replay(numbers: &mut Vec<u32>, placed: &[Placed], adds: bool) {
        for (position, results) in placed {
            let Results::Sorted(run) = results else { panic!("sorted results only") };
            let at = position - 1;
            match adds {
                true => drop(numbers.splice(at..at, run.iter().copied())),
                false => assert!(numbers.drain(at..at + run.len()).eq(run.iter().copied())),
            }
        }
    }

    #[test]
    fn clients_can_follow_sorted_results() {
        let mut rng = fastrand::Rng::with_seed(11);
        for _ in 0..500 {
            let mut all: Vec<u32> = (1..20).collect();
            rng.shuffle(&mut all);
            let pick = |rng: &mut fastrand::Rng| -> Vec<u32> {
                all.iter().copied().filter(|_| rng.bool()).collect()
            };
            let before = pick(&mut rng);
            let after = pick(&mut rng);
            let gone = before.iter().copied().filter(|number| !after.contains(number)).collect();
            let (mut ours, mut theirs) = (Results::Sorted(before.clone()), before.clone());
            replay(&mut theirs, &ours.remove(&gone), false);
            replay(&mut theirs, &ours.grow(Results::Sorted(after.clone())), true);
            assert_eq!(ours, Results::Sorted(after.clone()));
            assert_eq!(theirs, after, "from {before:?}");
        }
    }

    /// Whatever moved, and be it none of what is known to have changed.
    #[test]
    fn what_moved_is_taken_out() {
        let mut rng = fastrand::Rng::with_seed(12);
        for _ in 0..500 {
            let mut all: Vec<u32> = (1..12).collect();
            rng.shuffle(&mut all);
            let before: Vec<u32> = all.iter().copied().filter(|_| rng.bool()).collect();
            rng.shuffle(&mut all);
            let after: Vec<u32> = all.iter().copied().filter(|_| rng.bool()).collect();
            let gone: NumberSet =
                before.iter().copied().filter(|number| !after.contains(number)).collect();
            let mut changed = gone.clone();
            before.iter().filter(|_| rng.bool()).for_each(|number| changed.insert(*number));
            let (mut ours, mut theirs) = (Results::Sorted(before.clone()), before.clone());
            let next = Results::Sorted(after.clone());
            let gone = ours.out_of_place(gone, changed, &next);
            replay(&mut theirs, &ours.remove(&gone), false);
            replay(&mut theirs, &ours.grow(next), true);
            assert_eq!(theirs, after, "from {before:?}");
        }
    }

    #[test]
    fn no_more_is_taken_out_than_must_be() {
        let set = |numbers: &[u32]| numbers.iter().copied().collect::<NumberSet>();
        let held = Results::Sorted(vec![1, 2, 3, 4]);
        for (next, expect) in
            [(&[1, 5, 2, 3][..], &[4][..]), (&[2, 1, 3], &[1, 4]), (&[1, 3, 2], &[1, 2, 3, 4])]
        {
            let next = Results::Sorted(next.to_vec());
            assert_eq!(held.out_of_place(set(&[4]), set(&[1, 4]), &next), set(expect), "{next:?}");
        }
    }

    #[test]
    fn order_is_that_of_what_both_have() {
        let sorted = |numbers: &[u32]| Results::Sorted(numbers.to_vec());
        for (before, after, expect) in [
            (&[][..], &[1, 2][..], true),
            (&[3, 1, 2], &[3, 5, 2, 4], true),
            (&[3, 1, 2], &[3, 2, 1], false),
            (&[3, 1], &[4], true),
        ] {
            assert_eq!(sorted(before).keep_order_in(&sorted(after)), expect, "{before:?}");
        }
    }
}
