//! Flags and lists of flags (RFC 9051 §2.3.2). `\Recent`, which no client may set, is left out.

use message::flag::{Flag, Flags};

use super::{Cursor, ParseError, Parsed};

/// `flag = "\" atom / atom` (RFC 9051 §9), unjudged.
pub(crate) fn flag_text<'a>(c: &mut Cursor<'a>) -> Parsed<&'a [u8]> {
    let start = c.rest();
    let backslash = usize::from(c.eat(b'\\'));
    let length = c.atom()?.len();
    Ok(start.get(..backslash + length).unwrap_or_default())
}

/// Adds one flag to `flags`.
fn flag(c: &mut Cursor<'_>, flags: &mut Vec<Flag>) -> Parsed<()> {
    let text = flag_text(c)?;
    // QUIRK(imapsync, older mutt): \Recent comes back in APPEND and STORE, though RFC 3501 §2.3.2
    // lets no client set it; it says nothing and is left out.
    if text.eq_ignore_ascii_case(b"\\Recent") {
        return Ok(());
    }
    match Flag::parse(text) {
        Ok(flag) => {
            flags.push(flag);
            Ok(())
        }
        Err(message::Error::KeywordTooLong) => Err(ParseError::TooMany("keyword too long")),
        Err(_) => Err(ParseError::Syntax("unknown system flag")),
    }
}

/// `flag-list = "(" [flag *(SP flag)] ")"` (RFC 9051 §9).
pub(crate) fn flag_list(c: &mut Cursor<'_>) -> Parsed<Flags> {
    let mut flags = Vec::new();
    let max = c.limits.flags_max;
    c.list(max, "too many flags", |c| flag(c, &mut flags))?;
    Ok(Flags::from_iter(flags))
}

/// `flag-list / (flag *(SP flag))`, as STORE takes them (RFC 9051 §9 `store-att-flags`).
pub(crate) fn flags(c: &mut Cursor<'_>) -> Parsed<Flags> {
    if c.peek() == Some(b'(') {
        return flag_list(c);
    }
    let mut flags = Vec::new();
    let mut count = 1;
    flag(c, &mut flags)?;
    while c.more() {
        count += 1;
        if count > c.limits.flags_max {
            return Err(ParseError::TooMany("too many flags"));
        }
        c.sp()?;
        flag(c, &mut flags)?;
    }
    Ok(Flags::from_iter(flags))
}
