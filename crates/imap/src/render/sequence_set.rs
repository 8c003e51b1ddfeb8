//! Sets of numbers, as `1:3,7` (RFC 9051 §9, `sequence-set`).

use super::number;
use crate::types::{NumberSet, SeqBound, SequenceSet};

/// `uid-set` (RFC 9051 §9): ascending, ranges joined. Nothing for the empty set.
pub fn number_set(out: &mut Vec<u8>, set: &NumberSet) {
    for (index, &(low, high)) in set.ranges().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        number(out, low);
        if high > low {
            out.push(b':');
            number(out, high);
        }
    }
}

/// `sequence-set` (RFC 9051 §9), as the client wrote it.
pub fn sequence_set(out: &mut Vec<u8>, set: &SequenceSet) {
    if set.is_saved() {
        out.push(b'$');
    }
    for (index, range) in set.ranges().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        bound(out, range.from);
        if range.to != range.from {
            out.push(b':');
            bound(out, range.to);
        }
    }
}

fn bound(out: &mut Vec<u8>, bound: SeqBound) {
    match bound {
        SeqBound::Number(value) => number(out, value.get()),
        SeqBound::Star => out.push(b'*'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse_sequence_set;

    #[test]
    fn sequence_sets_round_trip() {
        for text in ["1", "*", "$", "1:*", "*:4,5:7", "2,4:7,9,12:*", "4294967295", "7:3"] {
            let set = parse_sequence_set(text.as_bytes()).unwrap();
            let mut out = Vec::new();
            sequence_set(&mut out, &set);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
        for text in
            ["", "0", "1:", ":1", "1,", ",1", "1::2", "$1", "$,1", "4294967296", "a", "1 2", "-1"]
        {
            assert!(parse_sequence_set(text.as_bytes()).is_err(), "{text}");
        }
    }
}
