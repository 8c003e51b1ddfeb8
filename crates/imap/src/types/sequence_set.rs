//! Sets of messages as a client writes them: `1:4,7,9:*` or `$`.

use std::num::NonZeroU32;

use super::NumberSet;

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeqBound {
    /// A sequence number or UID.
    Number(NonZeroU32),
    /// `*`, the largest number in use.
    Star,
}

/// A range of messages, its ends in either order (RFC 9051 §4.1.1); one number is a range
/// with equal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeqRange {
    /// The end written first.
    pub from: SeqBound,
    /// The end written last.
    pub to: SeqBound,
}

/// The argument `sequence-set` (RFC 9051 §9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceSet {
    /// `$`: what the last SEARCH with SAVE found (RFC 5182 §2.1).
    Saved,
    /// Ranges; at least one where a client wrote them.
    Ranges(Vec<SeqRange>),
}

/// A sequence number names no message of the mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange;

impl SequenceSet {
    /// A set of one number or UID.
    pub fn single(number: NonZeroU32) -> Self {
        let bound = SeqBound::Number(number);
        Self::Ranges(vec![SeqRange { from: bound, to: bound }])
    }

    /// The set of these numbers.
    pub fn from_numbers(numbers: &NumberSet) -> Self {
        let bound = |number| NonZeroU32::new(number).map(SeqBound::Number);
        let range =
            |&(low, high): &(u32, u32)| Some(SeqRange { from: bound(low)?, to: bound(high)? });
        Self::Ranges(numbers.ranges().iter().filter_map(range).collect())
    }

    /// Whether this is `$`.
    pub fn is_saved(&self) -> bool {
        matches!(self, Self::Saved)
    }

    /// Whether it is one number, or `*`.
    pub fn is_one(&self) -> bool {
        match self {
            Self::Saved => false,
            Self::Ranges(ranges) => matches!(ranges.as_slice(), [one] if one.from == one.to),
        }
    }

    /// Whether `*` stands in it.
    pub fn has_star(&self) -> bool {
        match self {
            Self::Saved => false,
            Self::Ranges(ranges) => {
                ranges.iter().any(|r| r.from == SeqBound::Star || r.to == SeqBound::Star)
            }
        }
    }

    /// The sequence numbers meant in a mailbox of `exists` messages. `$` gives the empty set:
    /// the session resolves it first, it alone knows what was saved.
    ///
    /// RFC 9051 §2.3.1.2 numbers messages 1 to EXISTS; any other number is the client's error.
    /// QUIRK(many clients, any): `1:*` on an empty mailbox, and `N:*` with N one above the last
    /// message, are common; the first means nothing and the second the last message, as with UIDs.
    pub fn resolve_seqs(&self, exists: u32) -> Result<NumberSet, OutOfRange> {
        let mut set = NumberSet::new();
        for range in self.ranges() {
            match (range.from, range.to) {
                (SeqBound::Number(a), SeqBound::Number(b)) => {
                    let (low, high) = (a.min(b).get(), a.max(b).get());
                    if high > exists {
                        return Err(OutOfRange);
                    }
                    set.insert_range(low, high);
                }
                _ => insert_open(&mut set, *range, exists),
            }
        }
        Ok(set)
    }

    /// Like [`resolve_seqs`](Self::resolve_seqs), without the numbers that name no message.
    pub fn seqs_within(&self, exists: u32) -> NumberSet {
        let mut set = NumberSet::new();
        for range in self.ranges() {
            match (range.from, range.to) {
                (SeqBound::Number(a), SeqBound::Number(b)) => {
                    let (low, high) = (a.min(b).get(), a.max(b).get().min(exists));
                    if low <= high {
                        set.insert_range(low, high);
                    }
                }
                _ => insert_open(&mut set, *range, exists),
            }
        }
        set
    }

    /// The UIDs meant when `largest` is the largest UID in use (0 in an empty mailbox). UIDs
    /// that are not in use are no error (RFC 9051 §6.4.9); the set may still contain them.
    pub fn resolve_uids(&self, largest: u32) -> NumberSet {
        let mut set = NumberSet::new();
        for range in self.ranges() {
            match (range.from, range.to) {
                (SeqBound::Number(a), SeqBound::Number(b)) => {
                    set.insert_range(a.min(b).get(), a.max(b).get());
                }
                _ => insert_open(&mut set, *range, largest),
            }
        }
        set
    }

    /// The ranges, none for `$`.
    pub fn ranges(&self) -> &[SeqRange] {
        match self {
            Self::Saved => &[],
            Self::Ranges(ranges) => ranges,
        }
    }
}

/// Adds a range with at least one `*`. RFC 9051 §9 `seq-range`: the ends come in either order,
/// so `559:*` names the last message also when its number is below 559.
fn insert_open(set: &mut NumberSet, range: SeqRange, largest: u32) {
    if largest == 0 {
        return;
    }
    let other = match (range.from, range.to) {
        (SeqBound::Number(n), _) | (_, SeqBound::Number(n)) => n.get(),
        _ => largest,
    };
    set.insert_range(other.min(largest), largest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> SequenceSet {
        crate::parse::parse_sequence_set(text.as_bytes()).expect("a sequence set")
    }

    #[test]
    fn resolves_sequence_numbers() {
        for (text, exists, expect) in [
            ("1", 3, Ok("1")),
            ("2:4", 5, Ok("2:4")),
            ("4:2", 5, Ok("2:4")),
            ("1:*", 3, Ok("1:3")),
            ("*", 3, Ok("3")),
            ("*:2", 3, Ok("2:3")),
            ("4:*", 3, Ok("3")),
            ("1:*", 0, Ok("")),
            ("*", 0, Ok("")),
            ("2,1,3,3,2:3", 3, Ok("1:3")),
            ("4", 3, Err(OutOfRange)),
            ("1", 0, Err(OutOfRange)),
            ("2:4", 3, Err(OutOfRange)),
        ] {
            let found = set(text).resolve_seqs(exists).map(|s| s.to_string());
            assert_eq!(found, expect.map(str::to_owned), "{text} of {exists}");
        }
    }

    #[test]
    fn resolves_uids() {
        for (text, largest, expect) in [
            ("559:*", 558, "558"),
            ("1:4294967295", 7, "1:4294967295"),
            ("*:4,*:7", 15, "4:15"),
            ("2,4:7,9,12:*", 15, "2,4:7,9,12:15"),
            ("*", 0, ""),
        ] {
            assert_eq!(set(text).resolve_uids(largest).to_string(), expect, "{text}");
        }
        assert!(SequenceSet::Saved.resolve_uids(9).is_empty());
    }
}
