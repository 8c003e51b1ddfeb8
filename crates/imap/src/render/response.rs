//! Status lines and the untagged replies that are little more than a number.

use super::code::words;
use super::{Code, code, in_language, number, number_set};
use crate::parse::{ParseError, Rejection};
use crate::types::{EnableItems, Language, NumberSet, Tag};

/// The word of a status response (RFC 9051 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The command was carried out.
    Ok,
    /// The command failed.
    No,
    /// The command was not understood, or is not allowed now.
    Bad,
    /// The connection ends; untagged only.
    Bye,
    /// Signed in from the start; untagged only.
    Preauth,
}

impl Status {
    const fn word(self) -> &'static [u8] {
        match self {
            Self::Ok => b"OK ",
            Self::No => b"NO ",
            Self::Bad => b"BAD ",
            Self::Bye => b"BYE ",
            Self::Preauth => b"PREAUTH ",
        }
    }
}

/// `response-tagged = tag SP resp-cond-state CRLF` (RFC 9051 §9). `text` is one of the server's
/// own: not empty, without CR and LF.
pub fn tagged(out: &mut Vec<u8>, tag: &Tag, status: Status, with: Option<&Code<'_>>, text: &str) {
    out.extend_from_slice(tag.as_bytes());
    out.push(b' ');
    status_text(out, status, with, text);
}

/// `"*" SP resp-cond-state CRLF` (RFC 9051 §9).
pub fn untagged(out: &mut Vec<u8>, status: Status, with: Option<&Code<'_>>, text: &str) {
    out.extend_from_slice(b"* ");
    status_text(out, status, with, text);
}

fn status_text(out: &mut Vec<u8>, status: Status, with: Option<&Code<'_>>, text: &str) {
    out.extend_from_slice(status.word());
    if let Some(with) = with {
        out.push(b'[');
        code(out, with);
        out.extend_from_slice(b"] ");
    }
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `continue-req = "+" SP (resp-text / base64) CRLF` (RFC 9051 §9); a SASL challenge comes in
/// base64.
pub fn continuation(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"+ ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// `capability-data` (RFC 9051 §9), the whole untagged line.
pub fn capability(out: &mut Vec<u8>, names: &[impl AsRef<str>]) {
    out.extend_from_slice(b"* CAPABILITY");
    words(out, names);
    out.extend_from_slice(b"\r\n");
}

/// `enable-data = "ENABLED" *(SP capability)` (RFC 9051 §9), the whole untagged line.
pub fn enabled(out: &mut Vec<u8>, items: EnableItems) {
    out.extend_from_slice(b"* ENABLED");
    for item in items.iter() {
        words(out, &[item.name()]);
    }
    out.extend_from_slice(b"\r\n");
}

/// `number SP "EXISTS"` (RFC 9051 §7.4.1).
pub fn exists(out: &mut Vec<u8>, count: u32) {
    numbered(out, count, b" EXISTS\r\n");
}

/// `number SP "RECENT"` (RFC 3501 §7.3.2).
pub fn recent(out: &mut Vec<u8>, count: u32) {
    numbered(out, count, b" RECENT\r\n");
}

/// `nz-number SP "EXPUNGE"` (RFC 9051 §7.5.1).
pub fn expunge(out: &mut Vec<u8>, seq: u32) {
    numbered(out, seq, b" EXPUNGE\r\n");
}

fn numbered(out: &mut Vec<u8>, value: u32, rest: &[u8]) {
    out.extend_from_slice(b"* ");
    number(out, value);
    out.extend_from_slice(rest);
}

/// `"VANISHED" [SP "(EARLIER)"] SP known-uids` (RFC 7162 §3.2.10), the whole untagged line;
/// nothing for an empty set.
pub fn vanished(out: &mut Vec<u8>, uids: &NumberSet, earlier: bool) {
    if uids.is_empty() {
        return;
    }
    out.extend_from_slice(if earlier { b"* VANISHED (EARLIER) " } else { b"* VANISHED " });
    number_set(out, uids);
    out.extend_from_slice(b"\r\n");
}

/// The reply to a command that was refused before it ran; [`ParseError::Flood`] is answered with
/// BYE and the connection ends.
pub fn render_rejection(out: &mut Vec<u8>, rejection: &Rejection) {
    render_rejection_in(Language::Default, out, rejection);
}

/// Like `render_rejection`, in a language (RFC 5255 §3.2).
pub(crate) fn render_rejection_in(language: Language, out: &mut Vec<u8>, rejection: &Rejection) {
    let (status, with, text) = match rejection.error {
        ParseError::Syntax(text) => (Status::Bad, None, text),
        ParseError::UnknownCommand => (Status::Bad, None, "Unknown command"),
        ParseError::TooMany(text) => (Status::Bad, Some(Code::Limit), text),
        ParseError::LineTooLong => (Status::Bad, Some(Code::Limit), "Command line too long"),
        ParseError::LiteralTooBig => (Status::Bad, Some(Code::TooBig), "Literal too big"),
        // RFC 5464 §4.3: "MUST return a tagged NO response" with the size that is taken.
        ParseError::MetadataTooBig(max) => {
            (Status::No, Some(Code::MetadataMaxSize(max)), "The value is too big")
        }
        // RFC 5257 §4.5.
        ParseError::AnnotationTooBig => {
            (Status::No, Some(Code::AnnotateTooBig), "The value is too big")
        }
        // RFC 7889 §4: NO with TOOBIG.
        ParseError::MessageTooBig => (Status::No, Some(Code::TooBig), "Message too big"),
        // RFC 9051 §7.1: CANNOT, "an invalid mailbox name": the grammar allows it, no mailbox
        // can have it.
        ParseError::BadName(text) => (Status::No, Some(Code::Cannot), text),
        // RFC 6154 §3: NO with USEATTR.
        ParseError::UnknownUse => {
            (Status::No, Some(Code::UseAttr), "This special use can't be set")
        }
        ParseError::NoMemory => {
            (Status::No, Some(Code::Unavailable), "Too much mail is being appended, try later")
        }
        // RFC 9051 §6.4.4: NO with BADCHARSET.
        ParseError::BadCharset => (Status::No, Some(Code::BadCharset), "Unsupported charset"),
        ParseError::Flood => {
            return untagged(out, Status::Bye, Some(&Code::Limit), "Too much data refused");
        }
    };
    let text = &in_language(language, text);
    match &rejection.tag {
        Some(tag) => tagged(out, tag, status, with.as_ref(), text),
        // RFC 9051 §7.1.3: untagged BAD where no command can be named.
        None => untagged(out, Status::Bad, with.as_ref(), text),
    }
}
