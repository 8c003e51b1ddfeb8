//! Arguments of STORE (RFC 9051 §6.4.6) with UNCHANGEDSINCE (RFC 7162 §3.1.3) and ANNOTATION
//! (RFC 5257 §4.5).

use ids::ModSeq;

use super::annotation;
use super::flag::flags;
use super::sequence_set::sequence_set;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Addressing, AnnotateArgs, Command, StoreAction, StoreArgs};

/// `store` (RFC 9051 §9).
pub(crate) fn store(c: &mut Cursor<'_>) -> Parsed<Command> {
    store_by(c, Addressing::Seq)
}

/// `"UID" SP store` (RFC 9051 §9).
pub(crate) fn uid_store(c: &mut Cursor<'_>) -> Parsed<Command> {
    store_by(c, Addressing::Uid)
}

/// `store = "STORE" SP sequence-set [store-modifiers] SP store-att-flags`,
/// `store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))`
/// (RFC 9051 §9, RFC 4466 §3), `store-att-flags =/ att-annotate` (RFC 5257 §5).
fn store_by(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Command> {
    c.sp()?;
    let set = sequence_set(c)?;
    c.sp()?;
    let mut unchanged_since = None;
    if c.peek() == Some(b'(') {
        let max = c.limits.items_max;
        c.list(max, "too many store modifiers", |c| {
            if !c.atom()?.eq_ignore_ascii_case(b"UNCHANGEDSINCE") {
                return Err(ParseError::Syntax("unknown store modifier"));
            }
            c.sp()?;
            // RFC 7162 §3.1.3: 0 is allowed here and fails for every message that has a modseq.
            unchanged_since = Some(ModSeq::new(c.number64()?));
            Ok(())
        })?;
        c.sp()?;
    }
    if c.eat_word(b"ANNOTATION ") {
        while c.eat(b' ') {}
        let values = annotation::values(c)?;
        return Ok(Command::Annotate(AnnotateArgs { set, by, unchanged_since, values }));
    }
    let action = if c.eat(b'+') {
        StoreAction::Add
    } else if c.eat(b'-') {
        StoreAction::Remove
    } else {
        StoreAction::Replace
    };
    if !c.eat_word(b"FLAGS") {
        return Err(c.wrong("expected FLAGS"));
    }
    let silent = c.eat_word(b".SILENT");
    c.sp()?;
    let flags = flags(c)?;
    Ok(Command::Store(StoreArgs { set, by, unchanged_since, action, silent, flags }))
}
