//! Arguments of GETMETADATA and SETMETADATA (RFC 5464 §4.2, §4.3), and the entries that LIST asks
//! for (RFC 9590).

use super::mailbox::mailbox;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Command, EntryDepth, EntryName, MailboxName, MetadataArgs, SetMetadataArgs};

/// `getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries` (RFC 5464 §5).
pub(crate) fn metadata(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    let mut args = MetadataArgs {
        mailbox: None,
        size_max: None,
        depth: EntryDepth::default(),
        entries: Vec::new(),
    };
    if c.peek() == Some(b'(') {
        options(c, &mut args)?;
        c.sp()?;
    }
    args.mailbox = target(c)?;
    c.sp()?;
    // RFC 5464 §4.2.1: the examples have the options here, behind the mailbox.
    if options_follow(c) {
        options(c, &mut args)?;
        c.sp()?;
    }
    args.entries = entries(c)?;
    // RFC 5464 §4.4.1: examples name several entries without parentheses.
    while c.more() {
        c.sp()?;
        args.entries.push(entry(c)?);
        require_few(c, args.entries.len())?;
    }
    if args.depth == EntryDepth::Zero {
        require_components(&args.entries)?;
    }
    Ok(Command::Metadata(args))
}

/// `getmetadata-options = "(" getmetadata-option *(SP getmetadata-option) ")"` with
/// `"MAXSIZE" SP number` and `"DEPTH" SP ("0" / "1" / "infinity")` (RFC 5464 §5).
fn options(c: &mut Cursor<'_>, args: &mut MetadataArgs) -> Parsed<()> {
    let max = c.limits.items_max;
    c.list(max, "too many GETMETADATA options", |c| {
        let name = c.atom()?;
        c.sp()?;
        if name.eq_ignore_ascii_case(b"MAXSIZE") {
            args.size_max = Some(c.number()?);
        } else if name.eq_ignore_ascii_case(b"DEPTH") {
            args.depth = match c.atom()?.to_ascii_lowercase().as_slice() {
                b"0" => EntryDepth::Zero,
                b"1" => EntryDepth::One,
                b"infinity" => EntryDepth::Infinity,
                _ => return Err(ParseError::Syntax("expected 0, 1 or infinity")),
            };
        } else {
            return Err(ParseError::Syntax("unknown GETMETADATA option"));
        }
        Ok(())
    })
}

/// Whether a list of options is next; entries begin with a slash or are strings.
fn options_follow(c: &Cursor<'_>) -> bool {
    match c.rest().strip_prefix(b"(") {
        Some(inside) => inside
            .iter()
            .find(|byte| **byte != b' ')
            .is_some_and(|byte| !matches!(byte, b'/' | b'"' | b'{')),
        None => false,
    }
}

/// A mailbox, or the server, which is the empty string.
fn target(c: &mut Cursor<'_>) -> Parsed<Option<MailboxName>> {
    Ok(Some(mailbox(c)?).filter(|name| !name.as_str().is_empty()))
}

/// `entries = entry / "(" entry *(SP entry) ")"` (RFC 5464 §5).
pub(crate) fn entries(c: &mut Cursor<'_>) -> Parsed<Vec<EntryName>> {
    if c.peek() != Some(b'(') {
        return Ok(vec![entry(c)?]);
    }
    let mut entries = Vec::new();
    let max = c.limits.items_max;
    c.list(max, "too many entries", |c| {
        entries.push(entry(c)?);
        Ok(())
    })?;
    match entries.is_empty() {
        true => Err(ParseError::Syntax("expected an entry")),
        false => Ok(entries),
    }
}

/// `entry = astring` (RFC 5464 §5).
fn entry(c: &mut Cursor<'_>) -> Parsed<EntryName> {
    // RFC 5464 §3.2: an invalid name gets BAD.
    EntryName::parse(&c.astring()?).ok_or(ParseError::Syntax("not the name of an entry"))
}

/// RFC 5464 §3.2: a name has two components at least; what the prefix alone names is below it
/// (§4.2.2), so that it needs a depth.
pub(super) fn require_components(entries: &[EntryName]) -> Parsed<()> {
    match entries.iter().any(|entry| entry.name.is_empty()) {
        true => Err(ParseError::Syntax("not the name of an entry")),
        false => Ok(()),
    }
}

fn require_few(c: &Cursor<'_>, count: usize) -> Parsed<()> {
    match count > c.limits.items_max {
        true => Err(ParseError::TooMany("too many entries")),
        false => Ok(()),
    }
}

/// `setmetadata = "SETMETADATA" SP mailbox SP entry-values`, `entry-values = "(" entry-value
/// *(SP entry-value) ")"`, `entry-value = entry SP value`, `value = nstring / literal8`
/// (RFC 5464 §5).
pub(crate) fn set_metadata(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    let mailbox = target(c)?;
    c.sp()?;
    let mut values = Vec::new();
    let max = c.limits.items_max;
    c.list(max, "too many entries", |c| {
        let entry = entry(c)?;
        if !entry.may_have_value() {
            return Err(ParseError::Syntax("this entry can have no value"));
        }
        c.sp()?;
        let value = match c.peek() {
            Some(b'~') => Some(c.literal8()?),
            _ => c.nstring()?.map(std::borrow::Cow::into_owned),
        };
        values.push((entry, value));
        Ok(())
    })?;
    match values.is_empty() {
        true => Err(ParseError::Syntax("expected an entry")),
        false => Ok(Command::SetMetadata(SetMetadataArgs { mailbox, values })),
    }
}
