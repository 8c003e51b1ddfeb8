//! RESETKEY, GENURLAUTH and URLFETCH. What is in the URLs is looked at when they are used: one
//! that names nothing is answered by itself.

use super::mailbox::mailbox;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Command, ResetKeyArgs, UrlToAuthorize};

/// `resetkey = "RESETKEY" [SP mailbox *(SP mechanism)]` (RFC 4467 §9).
pub(crate) fn reset_key(c: &mut Cursor<'_>) -> Parsed<Command> {
    if !c.more() {
        return Ok(Command::ResetKey(ResetKeyArgs { mailbox: None, mechanisms: Vec::new() }));
    }
    c.sp()?;
    let mailbox = Some(mailbox(c)?);
    let mut mechanisms = Vec::new();
    while c.more() {
        c.sp()?;
        check_count(c, mechanisms.len())?;
        mechanisms.push(mechanism(c)?);
    }
    Ok(Command::ResetKey(ResetKeyArgs { mailbox, mechanisms }))
}

/// `genurlauth = "GENURLAUTH" 1*(SP url-rump SP mechanism)` (RFC 4467 §9).
pub(crate) fn gen_url_auth(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mut urls = Vec::new();
    loop {
        c.sp()?;
        check_count(c, urls.len())?;
        let rump = c.astring_text()?;
        c.sp()?;
        urls.push(UrlToAuthorize { rump, mechanism: mechanism(c)? });
        if !c.more() {
            return Ok(Command::GenUrlAuth(urls));
        }
    }
}

/// `urlfetch = "URLFETCH" 1*(SP url-full)` (RFC 4467 §9).
pub(crate) fn url_fetch(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mut urls = Vec::new();
    loop {
        c.sp()?;
        check_count(c, urls.len())?;
        urls.push(c.astring_text()?);
        if !c.more() {
            return Ok(Command::UrlFetch(urls));
        }
    }
}

fn check_count(c: &Cursor<'_>, count: usize) -> Parsed<()> {
    match count >= c.limits.items_max {
        true => Err(ParseError::TooMany("too many URLs")),
        false => Ok(()),
    }
}

/// `mechanism = "INTERNAL" / 1*(ALPHA / DIGIT / "-" / ".")` (RFC 4467 §9), in capitals.
fn mechanism(c: &mut Cursor<'_>) -> Parsed<String> {
    let name = c.take_while(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
    match name.is_empty() {
        true => Err(c.wrong("expected a mechanism")),
        false => Ok(String::from_utf8_lossy(name).to_ascii_uppercase()),
    }
}
