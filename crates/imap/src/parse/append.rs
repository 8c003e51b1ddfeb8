//! APPEND.

use message::date::{DateTime, parse_internal_date};

use super::flag::flag_list;
use super::mailbox::mailbox;
use super::{Cursor, ParseError, Parsed};
use crate::types::{AppendArgs, AppendMessage, Command};

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

/// `append-message = [SP flag-list] [SP date-time] SP append-data` (RFC 4466 §3).
fn append_message(c: &mut Cursor<'_>) -> Parsed<AppendMessage> {
    c.sp()?;
    let mut message = AppendMessage {
        flags: Default::default(),
        internal_date: None,
        bytes: Vec::new(),
        binary: false,
        utf8: false,
    };
    if c.peek() == Some(b'(') {
        message.flags = flag_list(c)?;
        c.sp()?;
    }
    if c.peek() == Some(b'"') {
        message.internal_date = Some(date_time(c)?);
        c.sp()?;
    }
    match c.peek() {
        Some(b'{') => message.bytes = c.literal()?,
        Some(b'~') => {
            message.binary = true;
            message.bytes = c.literal8()?;
        }
        _ => utf8_data(c, &mut message)?,
    }
    Ok(message)
}

/// `"UTF8" SP "(" literal8 ")"` (RFC 6855 §4).
fn utf8_data(c: &mut Cursor<'_>, message: &mut AppendMessage) -> Parsed<()> {
    if !c.eat_word(b"UTF8 (") {
        let rest = c.rest();
        let word = rest.split(|&b| b == b' ').next().unwrap_or_default();
        return Err(if word.eq_ignore_ascii_case(b"CATENATE") {
            ParseError::UnsupportedAppend
        } else {
            c.wrong("expected a message")
        });
    }
    message.utf8 = true;
    message.binary = true;
    message.bytes = c.literal8()?;
    c.expect(b')', "expected )")
}

/// `date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE`
/// (RFC 9051 §9).
fn date_time(c: &mut Cursor<'_>) -> Parsed<DateTime> {
    let text = c.string()?;
    parse_internal_date(&text).ok_or(ParseError::Syntax("not a date-time"))
}
