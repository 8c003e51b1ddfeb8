//! Surrogates of internationalized messages for programs that know none (RFC 6858): headers in
//! US-ASCII that hold most of what the real ones do.
//!
//! Only fields in UTF-8 are replaced. Bytes of older charsets, which many a program has written
//! into headers, make no internationalized message; they stay as they are.
//!
//! **Invariant:** whatever a header holds, its surrogate has no line but fields and the end.
//! **Absent:** bodies, which any program can be sent in 8 bits.

mod encoded_word;

use std::borrow::Cow;
use std::ops::Range;

use self::encoded_word::push_encoded;
pub(crate) use self::encoded_word::push_phrase;
use crate::address_list::{Item, Listed, address_list};
use crate::header::{Field, decode_header_text, header_fields};
use crate::{Limits, PartIndex};

/// RFC 6858 §2.1: the fields whose addresses are replaced.
const ADDRESSES: [&str; 12] = [
    "Bcc",
    "Cc",
    "From",
    "Reply-To",
    "Resent-Bcc",
    "Resent-Cc",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Return-Path",
    "Sender",
    "To",
];

/// RFC 6858 §2.2: the fields whose parameters are left out one by one.
const PARAMETERS: [&str; 2] = ["Content-Disposition", "Content-Type"];

/// The address that is shown for one that cannot be shown; nobody has it (RFC 6858 §2.1).
const NOBODY: &str = "<invalid@internationalized-address.invalid>";

/// The surrogate of a header block, its empty line included; itself where it needs none.
pub fn surrogate_header(header: &[u8]) -> Cow<'_, [u8]> {
    if header.is_ascii() {
        return Cow::Borrowed(header);
    }
    let (mut out, mut end) = (Vec::with_capacity(header.len()), 0);
    for field in header_fields(header) {
        end = field.range.end;
        match field.line.is_ascii() || std::str::from_utf8(field.line).is_err() {
            true => out.extend_from_slice(field.line),
            false => push_field(&mut out, &field),
        }
    }
    out.extend_from_slice(header.get(end..).unwrap_or_default());
    Cow::Owned(out)
}

/// The body of a message with surrogates for the headers of its parts; `None` where it needs
/// none. `parts` is the index of the message, whose own header has so many bytes.
pub fn surrogate_body(body: &[u8], header_bytes: usize, parts: &PartIndex) -> Option<Vec<u8>> {
    let mut headers = InnerHeaders::new(parts, header_bytes);
    headers.push(body);
    let mut surrogates = headers.finish();
    if surrogates.edits.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(body.len());
    surrogates.push(body, &mut out);
    Some(out)
}

/// The headers of parts, and of messages in them, picked from a body that comes in pieces.
#[derive(Debug)]
pub struct InnerHeaders {
    /// The places of the headers in the body, ascending, with the bytes that have come of each.
    headers: Vec<(Range<usize>, Vec<u8>)>,
    /// The index of the first header that has not come to its end.
    first: usize,
    /// How much of the body came.
    at: usize,
}

impl InnerHeaders {
    /// The inner headers of a message whose own header has so many bytes.
    pub fn new(parts: &PartIndex, header_bytes: usize) -> Self {
        let mut headers = Vec::new();
        for (number, part) in parts.iter() {
            // The first is the message itself.
            let own = part.message.map(|message| message.header).filter(|_| !number.is_empty());
            for range in [Some(part.mime), own].into_iter().flatten() {
                let start = (range.start as usize).checked_sub(header_bytes);
                let end = (range.end as usize).checked_sub(header_bytes);
                if let (Some(start), Some(end)) = (start, end)
                    && start < end
                {
                    headers.push((start..end, Vec::new()));
                }
            }
        }
        headers.sort_unstable_by_key(|(range, _)| (range.start, range.end));
        Self { headers, first: 0, at: 0 }
    }

    /// The bytes of all these headers together.
    pub fn size_bytes(&self) -> usize {
        self.headers.iter().map(|(range, _)| range.len()).sum()
    }

    /// Takes what it needs of the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        let (begin, end) = (self.at, self.at + piece.len());
        self.at = end;
        while self.headers.get(self.first).is_some_and(|(range, _)| range.end <= begin) {
            self.first += 1;
        }
        let rest = self.headers.iter_mut().skip(self.first);
        for (range, header) in rest.take_while(|(range, _)| range.start < end) {
            let (from, to) = (range.start.max(begin), range.end.min(end));
            let here = from.saturating_sub(begin)..to.saturating_sub(begin);
            header.extend_from_slice(piece.get(here).unwrap_or_default());
        }
    }

    /// The surrogates of the headers that are more than US-ASCII, after all of the body came.
    pub fn finish(self) -> Surrogates {
        let mut edits = Vec::new();
        // They lie beside each other; an index that says otherwise is not followed.
        let mut last = 0;
        for (range, header) in self.headers {
            let is_whole = header.len() == range.len();
            if is_whole && !header.is_ascii() && range.start >= last {
                last = range.end;
                edits.push((range, surrogate_header(&header).into_owned()));
            }
        }
        Surrogates { edits, next: 0, at: 0 }
    }
}

/// Surrogates for headers within a body, put in their place while it comes in pieces.
#[derive(Debug)]
pub struct Surrogates {
    /// What takes the place of which range of the body, ascending.
    edits: Vec<(Range<usize>, Vec<u8>)>,
    /// The first whose header has not all come.
    next: usize,
    /// How much of the body came.
    at: usize,
}

impl Surrogates {
    /// By how many bytes the body changes its length.
    pub fn growth(&self) -> i64 {
        let growth = |(range, surrogate): &(Range<usize>, Vec<u8>)| {
            surrogate.len() as i64 - range.len() as i64
        };
        self.edits.iter().map(growth).sum()
    }

    /// Where the last of the headers ends.
    pub fn end(&self) -> usize {
        self.edits.last().map_or(0, |(range, _)| range.end)
    }

    /// Appends the next piece to `out`, with surrogates.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let (begin, end) = (self.at, self.at + piece.len());
        self.at = end;
        let slice = |from: usize, to: usize| {
            piece.get(from.saturating_sub(begin)..to.saturating_sub(begin)).unwrap_or_default()
        };
        let mut from = begin;
        while let Some((range, surrogate)) = self.edits.get(self.next)
            && range.start < end
        {
            // One that began in an earlier piece is there.
            if range.start >= begin {
                out.extend_from_slice(slice(from, range.start));
                out.extend_from_slice(surrogate);
            }
            from = range.end.min(end);
            if range.end > end {
                break;
            }
            self.next += 1;
        }
        out.extend_from_slice(slice(from, end));
    }
}

fn push_field(out: &mut Vec<u8>, field: &Field<'_>) {
    let is_one_of = |names: &[&'static str]| names.iter().find(|name| field.is(name)).copied();
    if let Some(name) = is_one_of(&ADDRESSES) {
        push_addresses(out, name, field.value);
    } else if let Some(name) = is_one_of(&PARAMETERS) {
        push_parameters(out, name, field.value);
    } else if field.is("Subject") {
        // RFC 6858 §2.3.
        out.extend_from_slice(b"Subject:");
        push_encoded(out, &decode_header_text(field.value));
        out.extend_from_slice(b"\r\n");
    }
    // RFC 6858 §2.4: any other field is left out.
}

/// Writes an address field with one address on each line.
fn push_addresses(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    let items = address_list(value, Limits::default().addresses_max);
    if items.is_empty() {
        return;
    }
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b":");
    let mut separator: &[u8] = b"";
    for item in items {
        match item {
            Item::Mailbox(listed) => {
                out.extend_from_slice(separator);
                push_mailbox(out, &listed);
                separator = b",\r\n";
            }
            Item::GroupStart(name) => {
                out.extend_from_slice(separator);
                let name = decode_header_text(&name);
                match name.is_empty() {
                    // A line that begins with a colon would be no part of the field.
                    true => out.extend_from_slice(b" \"\""),
                    false => _ = push_phrase(out, &name),
                }
                out.push(b':');
                separator = b"\r\n";
            }
            Item::GroupEnd => {
                out.push(b';');
                separator = b",\r\n";
            }
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn push_mailbox(out: &mut Vec<u8>, listed: &Listed) {
    let name = listed.name.as_deref().map(decode_header_text).unwrap_or_default();
    let is_plain = |text: &[u8]| text.iter().all(|byte| (b' '..=b'~').contains(byte));
    let is_atom =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(byte);
    if is_plain(&listed.local) && is_plain(&listed.host) && is_host(&listed.host) {
        let is_long = !name.is_empty() && push_phrase(out, &name);
        out.extend_from_slice(if is_long { b"\r\n <" } else { b" <" });
        match listed.local.iter().all(is_atom) {
            true => out.extend_from_slice(&listed.local),
            false => push_quoted(out, &listed.local),
        }
        if !listed.host.is_empty() {
            out.push(b'@');
            out.extend_from_slice(&listed.host);
        }
        out.push(b'>');
        return;
    }
    // RFC 6858 §2.1: the name says what happened.
    let address = [&listed.local[..], b"@", &listed.host[..]].concat();
    let address = String::from_utf8_lossy(&address);
    let shown = match name.is_empty() {
        true => address.into_owned(),
        false => format!("{name} ({address})"),
    };
    push_encoded(out, &shown);
    out.extend_from_slice(b"\r\n ");
    out.extend_from_slice(NOBODY.as_bytes());
}

/// Whether a domain that was read without its quotes is one word as it is.
fn is_host(host: &[u8]) -> bool {
    let literal = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    let specials: &[u8] = if literal.is_some() { b"[]\\" } else { b" ()<>[]:;@\\,\"" };
    !literal.unwrap_or(host).iter().any(|byte| specials.contains(byte))
}

fn push_quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// The value and those of its parameters that are in US-ASCII.
fn push_parameters(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    let mut pieces = split_parameters(value).filter(|piece| !piece.trim_ascii().is_empty());
    // RFC 6858 §2.4: where even the value can't be shown, nothing is.
    let Some(main) = pieces.next().filter(|main| main.is_ascii()) else { return };
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(main.trim_ascii());
    for piece in pieces.filter(|piece| piece.is_ascii()) {
        out.extend_from_slice(b";\r\n ");
        out.extend_from_slice(piece.trim_ascii());
    }
    out.extend_from_slice(b"\r\n");
}

/// The pieces between semicolons that are not in quotes.
fn split_parameters(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |&byte| {
        match byte {
            _ if std::mem::take(&mut escaped) => return false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        byte == b';' && !quoted
    })
}

#[cfg(test)]
mod tests;
