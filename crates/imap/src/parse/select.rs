//! Arguments of SELECT and EXAMINE (RFC 9051 §6.3.2) with CONDSTORE, QRESYNC (RFC 7162 §3.2.5) and
//! ANNOTATE.

use ids::{ModSeq, UidValidity};

use super::mailbox::mailbox;
use super::sequence_set::number_set;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Command, QresyncParams, SelectArgs, SeqMatch};

/// `select = "SELECT" SP mailbox [select-params]` (RFC 4466 §3).
pub(crate) fn select(c: &mut Cursor<'_>) -> Parsed<Command> {
    arguments(c).map(Command::Select)
}

/// `examine = "EXAMINE" SP mailbox [select-params]` (RFC 4466 §3).
pub(crate) fn examine(c: &mut Cursor<'_>) -> Parsed<Command> {
    arguments(c).map(Command::Examine)
}

/// `select-params = SP "(" select-param *(SP select-param) ")"` with `"CONDSTORE"`,
/// `"QRESYNC" SP "(" … ")"` (RFC 7162 §7) and `"ANNOTATE"` (RFC 5257 §5).
fn arguments(c: &mut Cursor<'_>) -> Parsed<SelectArgs> {
    c.sp()?;
    let mut args =
        SelectArgs { mailbox: mailbox(c)?, condstore: false, annotate: false, qresync: None };
    if c.more() {
        c.sp()?;
        let max = c.limits.items_max;
        c.list(max, "too many select parameters", |c| {
            let name = c.atom()?;
            if name.eq_ignore_ascii_case(b"CONDSTORE") {
                args.condstore = true;
            } else if name.eq_ignore_ascii_case(b"ANNOTATE") {
                args.annotate = true;
            } else if name.eq_ignore_ascii_case(b"QRESYNC") {
                c.sp()?;
                args.qresync = Some(qresync(c)?);
            } else {
                return Err(ParseError::Syntax("unknown select parameter"));
            }
            Ok(())
        })?;
    }
    Ok(args)
}

/// `"(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"` (RFC 7162 §7).
fn qresync(c: &mut Cursor<'_>) -> Parsed<QresyncParams> {
    c.expect(b'(', "expected (")?;
    let uid_validity = UidValidity::new(c.nz_number()?.get());
    c.sp()?;
    let modseq = ModSeq::new(c.number64()?);
    let mut known_uids = None;
    let mut seq_match = None;
    if c.more() && !c.sp_before(b'(') {
        c.sp()?;
        known_uids = Some(number_set(c)?);
        if c.peek() == Some(b' ') {
            c.sp()?;
        }
    }
    if c.peek() == Some(b'(') {
        c.expect(b'(', "expected (")?;
        let seqs = number_set(c)?;
        c.sp()?;
        let uids = number_set(c)?;
        c.expect(b')', "expected )")?;
        // RFC 7162 §3.2.5.2: each sequence number has its UID.
        if seqs.resolve_uids(0).len() != uids.resolve_uids(0).len() {
            return Err(ParseError::Syntax("as many UIDs as sequence numbers are needed"));
        }
        seq_match = Some(SeqMatch { seqs, uids });
    }
    c.expect(b')', "expected )")?;
    Ok(QresyncParams { uid_validity, modseq, known_uids, seq_match })
}
