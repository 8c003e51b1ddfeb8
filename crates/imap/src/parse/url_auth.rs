//! RESETKEY, GENURLAUTH and URLFETCH. What is in the URLs is looked at when they are used: one
//! that names nothing is answered by itself.

use super::mailbox::mailbox;
use super::{Cursor, ParseError, Parsed};
use crate::types::{Command, ResetKeyArgs, UrlData, UrlMetadata, UrlToAuthorize, UrlToFetch};

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
        check_count(c, mechanisms.len(), "too many mechanisms")?;
        mechanisms.push(mechanism(c)?);
    }
    Ok(Command::ResetKey(ResetKeyArgs { mailbox, mechanisms }))
}

/// `genurlauth = "GENURLAUTH" 1*(SP url-rump SP mechanism)` (RFC 4467 §9).
pub(crate) fn gen_url_auth(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mut urls = Vec::new();
    loop {
        c.sp()?;
        check_count(c, urls.len(), "too many URLs")?;
        let rump = c.astring_text()?;
        c.sp()?;
        urls.push(UrlToAuthorize { rump, mechanism: mechanism(c)? });
        if !c.more() {
            return Ok(Command::GenUrlAuth(urls));
        }
    }
}

/// `urlfetch = "URLFETCH" 1*(SP url-fetch-arg)`,
/// `url-fetch-arg = url-fetch-simple / url-fetch-ext`, `url-fetch-simple = url-full` (RFC 5524 §5).
pub(crate) fn url_fetch(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mut urls = Vec::new();
    loop {
        c.sp()?;
        check_count(c, urls.len(), "too many URLs")?;
        urls.push(match c.eat(b'(') {
            true => url_with_parameters(c)?,
            false => UrlToFetch { url: c.astring_text()?, metadata: None },
        });
        if !c.more() {
            return Ok(Command::UrlFetch(urls));
        }
    }
}

/// `url-fetch-ext = "(" url-full *(SP url-fetch-param) ")"`, without its opening parenthesis,
/// `url-fetch-param = "BODY" / "BINARY" / "BODYPARTSTRUCTURE" / atom` (RFC 5524 §5).
fn url_with_parameters(c: &mut Cursor<'_>) -> Parsed<UrlToFetch> {
    let url = c.astring_text()?;
    let mut metadata = None;
    while !c.eat(b')') {
        c.sp()?;
        let wanted: &mut UrlMetadata = metadata.get_or_insert_default();
        let name = c.atom()?;
        let data = match name.to_ascii_uppercase().as_slice() {
            // RFC 5524 §3.1: none of them more than once.
            b"BODYPARTSTRUCTURE" if !wanted.structure => {
                wanted.structure = true;
                continue;
            }
            b"BODY" => UrlData::Body,
            b"BINARY" => UrlData::Binary,
            _ => return Err(c.wrong("expected BODY, BINARY or BODYPARTSTRUCTURE")),
        };
        // RFC 5524 §3.1: clients MUST NOT request both BINARY and BODY.
        if wanted.data.replace(data).is_some() {
            return Err(c.wrong("expected one of BODY and BINARY"));
        }
    }
    Ok(UrlToFetch { url, metadata })
}

fn check_count(c: &Cursor<'_>, count: usize, too_many: &'static str) -> Parsed<()> {
    match count >= c.limits.items_max {
        true => Err(ParseError::TooMany(too_many)),
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
