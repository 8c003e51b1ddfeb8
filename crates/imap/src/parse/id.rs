//! Arguments of ID (RFC 2971 §3.1): NIL, or a bounded list of field names and values.

use super::lexer::into_text;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Command, IdParams};

/// LIMIT: RFC 2971 §3.3 allows at most 30 pairs of a field name and a value.
const PAIRS_MAX: usize = 30;
/// LIMIT: RFC 2971 §3.3 allows field names of at most 30 octets.
const FIELD_BYTES_MAX: usize = 30;
/// LIMIT: RFC 2971 §3.3 allows values of at most 1024 octets.
const VALUE_BYTES_MAX: usize = 1024;

/// `id = "ID" SP id-params-list`, `id-params-list = "(" #(string SPACE nstring) ")" / nil`
/// (RFC 2971 §4).
pub(crate) fn id(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    if c.peek() != Some(b'(') {
        c.nstring()?.map_or(Ok(()), |_| Err(ParseError::Syntax("expected ( or NIL")))?;
        return Ok(Command::Id(IdParams::default()));
    }
    let mut pairs = Vec::new();
    c.list(PAIRS_MAX, "too many ID fields", |c| {
        let field = into_text(c.astring()?)?;
        c.sp()?;
        let value = c.nstring()?.map(into_text).transpose()?;
        let is_long = |value: &String| value.len() > VALUE_BYTES_MAX;
        if field.len() > FIELD_BYTES_MAX || value.as_ref().is_some_and(is_long) {
            return Err(ParseError::TooMany("ID field too long"));
        }
        pairs.push((field, value));
        Ok(())
    })?;
    Ok(Command::Id(IdParams(pairs)))
}
