//! Arguments of APPEND (RFC 9051 §6.3.12), with MULTIAPPEND (RFC 3502), CATENATE (RFC 4469) and
//! literal8, and of REPLACE (RFC 8508). The messages themselves are taken by the framer.

use message::date::{DateTime, parse_internal_date};
use message::flag::Flags;

use super::annotation;
use super::flag::flag_list;
use super::mailbox::mailbox;
use super::sequence_set::sequence_set;
use super::{Cursor, ParseError, Parsed};
use crate::types::{
    Addressing, AppendArgs, AppendData, AppendMessage, CatenatePart, Command, ReplaceArgs,
};

/// `append = "APPEND" SP mailbox 1*append-message` (RFC 3502 §6.3.11).
pub(crate) fn append(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    let mailbox = mailbox(c)?;
    let mut messages = Vec::new();
    loop {
        if messages.len() >= c.limits.append_messages_max {
            return Err(ParseError::TooMany("too many messages"));
        }
        messages.push(append_message(c)?);
        if !c.more() {
            return Ok(Command::Append(AppendArgs { mailbox, messages }));
        }
    }
}

/// `replace = "REPLACE" SP seq-number SP mailbox append-message` (RFC 8508 §5).
pub(crate) fn replace(c: &mut Cursor<'_>) -> Parsed<Command> {
    replace_by(c, Addressing::Seq)
}

/// `"UID" SP replace` (RFC 8508 §5).
pub(crate) fn uid_replace(c: &mut Cursor<'_>) -> Parsed<Command> {
    replace_by(c, Addressing::Uid)
}

fn replace_by(c: &mut Cursor<'_>, by: Addressing) -> Parsed<Command> {
    c.sp()?;
    let set = sequence_set(c)?;
    if !set.is_one() {
        return Err(ParseError::Syntax("expected one number"));
    }
    c.sp()?;
    let mailbox = mailbox(c)?;
    let message = append_message(c)?;
    Ok(Command::Replace(Box::new(ReplaceArgs { set, by, mailbox, message })))
}

/// `append-message = [SP flag-list] [SP date-time] *(SP append-ext) SP append-data` (RFC 4466 §3),
/// `append-ext =/ att-annotate` (RFC 5257 §5).
fn append_message(c: &mut Cursor<'_>) -> Parsed<AppendMessage> {
    c.sp()?;
    let (mut flags, mut internal_date) = (Flags::default(), None);
    if c.peek() == Some(b'(') {
        flags = flag_list(c)?;
        c.sp()?;
    }
    if c.peek() == Some(b'"') {
        internal_date = Some(date_time(c)?);
        c.sp()?;
    }
    let mut annotations = Vec::new();
    if c.eat_word(b"ANNOTATION ") {
        annotations = annotation::values(c)?;
        c.sp()?;
    }
    let whole = |bytes, binary, utf8| AppendData::Whole { bytes, binary, utf8 };
    let data = match c.peek() {
        Some(b'{') => whole(c.literal()?, false, false),
        Some(b'~') => whole(c.literal8()?, true, false),
        _ if c.eat_word(b"UTF8 ") => whole(utf8_literal(c)?, true, true),
        _ if c.eat_word(b"CATENATE ") => AppendData::Catenate(catenate(c)?),
        _ => return Err(c.wrong("expected a message")),
    };
    Ok(AppendMessage { flags, internal_date, annotations, data })
}

/// `utf8-literal = "UTF8" SP "(" literal8 ")"` (RFC 6855 §4), behind the space.
///
/// DEVIATION(RFC 6855 §4): headers in 8 bits are taken without it, and before ENABLE UTF8=ACCEPT
/// too. There is much old mail with such headers, and programs that copy mailboxes would lose it by
/// NO.
fn utf8_literal(c: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    while c.eat(b' ') {}
    c.expect(b'(', "expected (")?;
    let bytes = c.literal8()?;
    c.expect(b')', "expected )")?;
    Ok(bytes)
}

/// `append-data =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"`,
/// `cat-part = "TEXT" SP literal / "URL" SP astring` (RFC 4469 §5), `cat-part =/ utf8-literal`
/// (RFC 6855 §4).
fn catenate(c: &mut Cursor<'_>) -> Parsed<Vec<CatenatePart>> {
    let mut parts = Vec::new();
    let text = |bytes, binary, utf8| CatenatePart::Text { bytes, binary, utf8 };
    let max = c.limits.append_messages_max;
    c.list(max, "too many parts", |c| {
        let name = c.atom()?;
        c.sp()?;
        parts.push(if name.eq_ignore_ascii_case(b"TEXT") {
            match c.peek() {
                // RFC 3516 §4.4: wherever APPEND takes a literal.
                Some(b'~') => text(c.literal8()?, true, false),
                _ => text(c.literal()?, false, false),
            }
        } else if name.eq_ignore_ascii_case(b"UTF8") {
            text(utf8_literal(c)?, true, true)
        } else if name.eq_ignore_ascii_case(b"URL") {
            CatenatePart::Url(c.astring_text()?)
        } else {
            return Err(ParseError::Syntax("expected TEXT, URL or UTF8"));
        });
        Ok(())
    })?;
    match parts.is_empty() {
        true => Err(ParseError::Syntax("expected TEXT, URL or UTF8")),
        false => Ok(parts),
    }
}

/// `date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE`
/// (RFC 9051 §9).
fn date_time(c: &mut Cursor<'_>) -> Parsed<DateTime> {
    let text = c.string()?;
    parse_internal_date(&text).ok_or(ParseError::Syntax("not a date-time"))
}
