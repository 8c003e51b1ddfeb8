//! Arguments of LOGIN (RFC 9051 §6.2.3), AUTHENTICATE (§6.2.2) with the lines that follow it, and
//! ENABLE (§6.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Cursor, ParseError, Parsed};
use crate::types::{AuthenticateArgs, Command, EnableItem, EnableItems, LoginArgs, Secret};

/// `login = "LOGIN" SP userid SP password` (RFC 9051 §9).
pub(crate) fn login(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    let user = c.astring_text()?;
    c.sp()?;
    let password = Secret::new(c.astring()?.into_owned());
    Ok(Command::Login(LoginArgs { user, password }))
}

/// `authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]` (RFC 9051 §9).
pub(crate) fn authenticate(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    let mechanism = c.atom()?.to_ascii_uppercase();
    let mechanism =
        String::from_utf8(mechanism).map_err(|_| ParseError::Syntax("not a mechanism"))?;
    let mut initial_response = None;
    if c.more() {
        c.sp()?;
        let text = c.take_while(|b| b.is_ascii_graphic());
        // RFC 4959 §3: "=" is an initial response of no octets.
        let bytes = if text == b"=" { Vec::new() } else { decode_base64(text)? };
        initial_response = Some(Secret::new(bytes));
    }
    Ok(Command::Authenticate(AuthenticateArgs { mechanism, initial_response }))
}

fn decode_base64(text: &[u8]) -> Parsed<Vec<u8>> {
    STANDARD.decode(text).map_err(|_| ParseError::Syntax("malformed base64"))
}

/// What a client answers to a SASL challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaslLine {
    /// `*`: it gives up (RFC 9051 §6.2.2).
    Cancel,
    /// The client's response to a challenge, decoded from base64.
    Response(Secret),
}

/// Reads a line sent after a SASL challenge, without its CRLF.
pub fn parse_sasl_line(line: &[u8]) -> Result<SaslLine, ParseError> {
    if line == b"*" {
        return Ok(SaslLine::Cancel);
    }
    decode_base64(line).map(|bytes| SaslLine::Response(Secret::new(bytes)))
}

/// `compress = "COMPRESS" SP algorithm`, `algorithm = "DEFLATE"` (RFC 4978 §5).
pub(crate) fn compress(c: &mut Cursor<'_>) -> Parsed<Command> {
    c.sp()?;
    match c.atom()?.eq_ignore_ascii_case(b"DEFLATE") {
        true => Ok(Command::Compress),
        // RFC 4978 §3: BAD for an unknown mechanism.
        false => Err(ParseError::Syntax("only DEFLATE is known")),
    }
}

/// `enable = "ENABLE" 1*(SP capability)` (RFC 9051 §9).
pub(crate) fn enable(c: &mut Cursor<'_>) -> Parsed<Command> {
    let mut items = EnableItems::new();
    let mut count = 0;
    c.sp()?;
    loop {
        count += 1;
        if count > c.limits.items_max {
            return Err(ParseError::TooMany("too many capabilities"));
        }
        // RFC 5161 §3.1: what the server does not know is ignored.
        if let Some(item) = EnableItem::by_name(c.atom()?) {
            items.insert(item);
        }
        if !c.more() {
            return Ok(Command::Enable(items));
        }
        c.sp()?;
    }
}
