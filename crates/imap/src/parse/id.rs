//! ID.

use super::lexer::into_text;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Command, IdParams};

/// LIMIT: RFC 2971 §3.3 allows 30 pairs, field names of 30 octets and values of 1024.
const PAIRS_MAX: usize = 30;

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
        if field.len() > 30 || value.as_ref().is_some_and(|value| value.len() > 1024) {
            return Err(ParseError::TooMany("ID field too long"));
        }
        pairs.push((field, value));
        Ok(())
    })?;
    Ok(Command::Id(IdParams(pairs)))
}
