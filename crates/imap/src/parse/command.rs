//! A whole command: tag, name, and the arguments its row of the table parses.

use super::mailbox::mailbox;
use super::sequence_set::sequence_set;
use super::{Cursor, Dialect, Frame, Limits, ParseError, Parsed, Rejection, class};
use crate::commands::table::{self, Row};
use crate::types::{Addressing, Command, CopyArgs, Tag};

/// A command as received, understood but not yet allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its tag.
    pub tag: Tag,
    /// Its row: in which states it is allowed and what it may do.
    pub row: &'static Row,
    /// The command.
    pub command: Command,
}

/// Parses a frame; the literals are moved out of it.
pub fn parse_command(
    frame: &mut Frame,
    limits: &Limits,
    dialect: Dialect,
) -> Result<Request, Rejection> {
    let bare_lf = frame.bare_lf;
    let mut c = Cursor::new(frame, limits, dialect);
    let (tag, row) = head(&mut c)?;
    // RFC 9051 §2.2: lines end in CRLF. A lone LF could hide one command in another.
    let parsed = if bare_lf {
        Err(ParseError::Syntax("LF without CRLF is not allowed"))
    } else {
        arguments(&mut c, row)
    };
    match parsed {
        Ok(command) => Ok(Request { tag, row, command }),
        Err(error) => Err(Rejection { tag: Some(tag), error }),
    }
}

fn arguments(c: &mut Cursor<'_>, row: &Row) -> Parsed<Command> {
    let command = (row.parse)(c)?;
    c.end()?;
    Ok(command)
}

/// The tag and the row of a command whose arguments have not all arrived: asked when the framer
/// says [`super::Step::Continue`], so that a command that is not allowed gets no literal.
pub fn parse_head(text: &[u8], limits: &Limits) -> Result<(Tag, &'static Row), Rejection> {
    head(&mut Cursor::over(text, limits, Dialect::Rev1))
}

/// `command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF`
/// (RFC 9051 §9), up to the name.
fn head(c: &mut Cursor<'_>) -> Result<(Tag, &'static Row), Rejection> {
    let untagged = |error| Rejection { tag: None, error };
    let word = c.take_while(class::is_tag);
    let Some(tag) = Tag::new(word) else {
        let error = if word.is_empty() {
            c.wrong("expected a tag")
        } else {
            ParseError::Syntax("tag too long")
        };
        return Err(untagged(error));
    };
    match c.sp().and_then(|()| name(c)) {
        Ok(row) => Ok((tag, row)),
        Err(error) => Err(Rejection { tag: Some(tag), error }),
    }
}

fn name(c: &mut Cursor<'_>) -> Parsed<&'static Row> {
    let name = c.atom().map_err(|_| c.wrong("expected a command"))?;
    if !name.eq_ignore_ascii_case(b"UID") {
        return table::find(name).ok_or(ParseError::UnknownCommand);
    }
    // `uid = "UID" SP (copy / move / fetch / search / store / uid-expunge)` (RFC 9051 §9).
    c.sp()?;
    table::find_uid(c.atom()?).ok_or(ParseError::UnknownCommand)
}

/// The parse function of a command without arguments.
pub(crate) fn bare(command: Command) -> Parsed<Command> {
    Ok(command)
}

/// `copy = "COPY" SP sequence-set SP mailbox` (RFC 9051 §9).
pub(crate) fn copy(c: &mut Cursor<'_>) -> Parsed<Command> {
    set_and_mailbox(c, Addressing::Seq).map(Command::Copy)
}

/// `"UID" SP copy` (RFC 9051 §9).
pub(crate) fn uid_copy(c: &mut Cursor<'_>) -> Parsed<Command> {
    set_and_mailbox(c, Addressing::Uid).map(Command::Copy)
}

/// `move = "MOVE" SP sequence-set SP mailbox` (RFC 9051 §9).
pub(crate) fn r#move(c: &mut Cursor<'_>) -> Parsed<Command> {
    set_and_mailbox(c, Addressing::Seq).map(Command::Move)
}

/// `"UID" SP move` (RFC 9051 §9).
pub(crate) fn uid_move(c: &mut Cursor<'_>) -> Parsed<Command> {
    set_and_mailbox(c, Addressing::Uid).map(Command::Move)
}

fn set_and_mailbox(c: &mut Cursor<'_>, by: Addressing) -> Parsed<CopyArgs> {
    c.sp()?;
    let set = sequence_set(c)?;
    c.sp()?;
    Ok(CopyArgs { set, by, mailbox: mailbox(c)? })
}

/// `uid-expunge = "EXPUNGE" SP sequence-set` (RFC 9051 §9).
pub(crate) fn uid_expunge(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    sequence_set(c).map(Command::UidExpunge)
}
