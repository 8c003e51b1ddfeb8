//! Mailbox names, and the commands whose arguments are little else.

use std::borrow::Cow;

use super::lexer::into_text;
use super::{Cursor, Dialect, ParseError, Parsed, class};
use crate::mutf7;
use crate::types::{
    Command, CreateArgs, MailboxName, MailboxPattern, RenameArgs, SpecialUse, SpecialUses,
};

/// `mailbox = "INBOX" / astring` (RFC 9051 §9).
pub(crate) fn mailbox(c: &mut Cursor<'_>) -> Parsed<MailboxName> {
    let raw = c.astring()?;
    let name = decode_name(c, raw)?;
    MailboxName::new(name).ok_or(ParseError::Syntax("control character in a mailbox name"))
}

/// A name or pattern as sent, in Unicode.
pub(crate) fn decode_name(c: &Cursor<'_>, raw: Cow<'_, [u8]>) -> Parsed<String> {
    if raw.len() > c.limits.mailbox_bytes_max {
        return Err(ParseError::TooMany("mailbox name too long"));
    }
    match c.dialect {
        // RFC 9051 §5.1: names are Net-Unicode in UTF-8.
        Dialect::Utf8 | Dialect::Utf8Accept => into_text(raw),
        // RFC 3501 §5.1.3: modified UTF-7; what is not that is refused, because two spellings of
        // one name would be two mailboxes to the client.
        Dialect::Rev1 if raw.iter().any(|&b| b >= 0x80) => {
            Err(ParseError::Syntax("8-bit mailbox name without ENABLE UTF8=ACCEPT"))
        }
        Dialect::Rev1 if !raw.contains(&b'&') => into_text(raw),
        Dialect::Rev1 => mutf7::decode(&raw)
            .map_err(|_| ParseError::BadName("Mailbox name is not valid modified UTF-7")),
    }
}

/// `list-mailbox = 1*list-char / string` (RFC 9051 §9).
pub(crate) fn pattern(c: &mut Cursor<'_>) -> Parsed<MailboxPattern> {
    let raw = match c.peek() {
        Some(b'"' | b'{') => c.string()?,
        _ => {
            let raw = c.take_while(class::is_list);
            if raw.is_empty() {
                return Err(c.wrong("expected a mailbox pattern"));
            }
            Cow::Borrowed(raw)
        }
    };
    let text = match decode_name(c, raw) {
        // RFC 9051 §6.3.9: what matches nothing is answered with OK and no LIST.
        Err(ParseError::BadName(_)) => return Ok(MailboxPattern::nothing()),
        decoded => decoded?,
    };
    if text.bytes().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
        return Err(ParseError::Syntax("control character in a mailbox pattern"));
    }
    Ok(MailboxPattern::new(text))
}

fn one_mailbox(c: &mut Cursor<'_>) -> Parsed<MailboxName> {
    c.sp()?;
    mailbox(c)
}

/// `create = "CREATE" SP mailbox [create-params]` (RFC 4466 §3), of the parameters
/// `"USE" SP "(" [use-attr *(SP use-attr)] ")"` (RFC 6154 §6).
pub(crate) fn create(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mailbox = one_mailbox(c)?;
    let mut special_uses = SpecialUses::new();
    if c.more() {
        c.sp()?;
        let max = c.limits.items_max;
        c.list(max, "too many CREATE parameters", |c| {
            if !c.atom()?.eq_ignore_ascii_case(b"USE") {
                return Err(ParseError::Syntax("unknown CREATE parameter"));
            }
            c.sp()?;
            c.list(max, "too many special uses", |c| {
                let name = super::flag::flag_text(c)?;
                // RFC 6154 §3: a use the server does not know fails the command.
                let known = SpecialUse::by_name(name);
                special_uses.insert(known.ok_or(ParseError::UnknownUse)?);
                Ok(())
            })
        })?;
    }
    Ok(Command::Create(CreateArgs { mailbox, special_uses }))
}

/// `delete = "DELETE" SP mailbox` (RFC 9051 §9).
pub(crate) fn delete(c: &mut Cursor<'_>) -> Parsed<Command> {
    one_mailbox(c).map(Command::Delete)
}

/// `rename = "RENAME" SP mailbox SP mailbox` (RFC 9051 §9).
pub(crate) fn rename(c: &mut Cursor<'_>) -> Parsed<Command> {
    let from = one_mailbox(c)?;
    let to = one_mailbox(c)?;
    Ok(Command::Rename(RenameArgs { from, to }))
}

/// `subscribe = "SUBSCRIBE" SP mailbox` (RFC 9051 §9).
pub(crate) fn subscribe(c: &mut Cursor<'_>) -> Parsed<Command> {
    one_mailbox(c).map(Command::Subscribe)
}

/// `unsubscribe = "UNSUBSCRIBE" SP mailbox` (RFC 9051 §9).
pub(crate) fn unsubscribe(c: &mut Cursor<'_>) -> Parsed<Command> {
    one_mailbox(c).map(Command::Unsubscribe)
}
