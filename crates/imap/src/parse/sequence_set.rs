//! Sequence sets (RFC 9051 §9, `sequence-set`) and `$`, the saved result (§6.4.4.1).

use super::{Cursor, Dialect, Limits, ParseError, Parsed};
use crate::types::{SeqBound, SeqRange, SequenceSet};

/// `sequence-set = (seq-number / seq-range) ["," sequence-set] / seq-last-command` (RFC 9051 §9).
pub(crate) fn sequence_set(c: &mut Cursor<'_>) -> Parsed<SequenceSet> {
    if c.eat(b'$') {
        return Ok(SequenceSet::Saved);
    }
    let mut ranges = Vec::new();
    loop {
        if ranges.len() >= c.limits.sequence_ranges_max {
            return Err(ParseError::TooMany("too many ranges in a sequence set"));
        }
        let from = bound(c)?;
        let to = if c.eat(b':') { bound(c)? } else { from };
        ranges.push(SeqRange { from, to });
        if !c.eat(b',') {
            // In ascending order each is added to a set of numbers in constant time.
            ranges.sort_by_key(lowest);
            return Ok(SequenceSet::Ranges(ranges));
        }
    }
}

fn lowest(range: &SeqRange) -> u32 {
    let number = |bound| match bound {
        SeqBound::Number(number) => number.get(),
        SeqBound::Star => u32::MAX,
    };
    number(range.from).min(number(range.to))
}

/// A sequence set of numbers alone: `$` and `*` are refused (RFC 7162 §7 `known-uids`).
pub(crate) fn number_set(c: &mut Cursor<'_>) -> Parsed<SequenceSet> {
    let set = sequence_set(c)?;
    if set.is_saved() || set.has_star() {
        return Err(ParseError::Syntax("* is not allowed here"));
    }
    Ok(set)
}

/// `seq-number = nz-number / "*"` (RFC 9051 §9).
fn bound(c: &mut Cursor<'_>) -> Parsed<SeqBound> {
    if c.eat(b'*') {
        return Ok(SeqBound::Star);
    }
    match c.peek() {
        Some(b'0'..=b'9') => c.nz_number().map(SeqBound::Number),
        _ => Err(c.wrong("expected a sequence set")),
    }
}

/// Reads a sequence set that stands alone.
pub fn parse_sequence_set(text: &[u8]) -> Result<SequenceSet, ParseError> {
    let limits = Limits::default();
    let mut c = Cursor::over(text, &limits, Dialect::Rev1);
    let set = sequence_set(&mut c)?;
    c.end()?;
    Ok(set)
}
