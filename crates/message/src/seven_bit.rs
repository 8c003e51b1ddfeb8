//! Messages of 8 bits, or of any bytes, made into text of 7 bits, for servers that take nothing
//! else (RFC 6152 §3, RFC 3030 §3).
//!
//! Only bodies of parts are encoded, and the fields that say how; what is signed, and headers, stay
//! as they are, so that some messages cannot be converted.
//!
//! **Invariant:** what comes out is US-ASCII whose lines end with CRLF, and its parts decode to
//! what they were.

mod encode;

use std::collections::BTreeMap;
use std::ops::Range;

use self::encode::{PLAIN_LINE_MAX, base64_lines, is_plain_text, quoted_printable};
use crate::header::{header_fields, unfold};
use crate::{Encoding, Limits, Parameterized, Part, PartIndex, PartKind};

/// The message in 7 bits; `None` where it cannot be had. It has less than half as many bytes again,
/// and some hundred for each part; making it takes twice that.
pub fn to_seven_bit(message: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let mut edits = BTreeMap::new();
    for (_, part) in PartIndex::of(message, limits).iter() {
        edit(message, &part, &mut edits)?;
    }
    let made: usize = edits.values().map(|(_, replacement)| replacement.len()).sum();
    let replaced: usize = edits.iter().map(|(start, (end, _))| end.saturating_sub(*start)).sum();
    let mut out = Vec::with_capacity((message.len() + made).saturating_sub(replaced));
    let mut end = 0;
    for (start, (range_end, replacement)) in edits {
        // They lie beside each other; an index that says otherwise is not followed.
        out.extend_from_slice(message.get(end..start)?);
        out.extend_from_slice(&replacement);
        end = range_end;
    }
    out.extend_from_slice(message.get(end..)?);
    is_plain_text(&out).then_some(out)
}

/// Whether a line has more octets than servers have to take (RFC 5321 §4.5.3.1.6, RFC 5322 §2.1.1).
pub fn has_long_lines(message: &[u8]) -> bool {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\n', message).chain([message.len()]);
    ends.into_iter().any(|end| {
        let length = end - std::mem::replace(&mut start, end + 1);
        // With the CR before it.
        length > PLAIN_LINE_MAX + 1
    })
}

/// By where it begins: where it ends, and what stands there in future.
type Edits = BTreeMap<usize, (usize, Vec<u8>)>;

fn edit(message: &[u8], part: &Part, edits: &mut Edits) -> Option<()> {
    let header = bytes(&part.mime);
    match part.kind {
        PartKind::Multipart | PartKind::Message => {
            let own = part.message.as_ref().map(|inner| bytes(&inner.header));
            for header in [Some(header), own].into_iter().flatten() {
                edit_outer(message, header, edits)?;
            }
        }
        PartKind::Html | PartKind::Text | PartKind::Binary => {
            edit_leaf(message, part, header, edits)?;
        }
    }
    Some(())
}

/// What holds other parts has no encoding of its own but those that change nothing (RFC 2045
/// §6.4).
fn edit_outer(message: &[u8], header: Range<usize>, edits: &mut Edits) -> Option<()> {
    let fields = message.get(header.clone())?;
    if is_signed(fields) {
        return None;
    }
    let declared = header_fields(fields).any(|field| field.is("Content-Transfer-Encoding"));
    if declared {
        edits.insert(header.start, (header.end, with_encoding(fields, "7bit", None)));
    }
    Some(())
}

fn edit_leaf(message: &[u8], part: &Part, header: Range<usize>, edits: &mut Edits) -> Option<()> {
    let (fields, body) = (message.get(header.clone())?, message.get(bytes(&part.body))?);
    if is_plain_text(body) {
        // It needs nothing, and may be said to need less than it was.
        if part.encoding == Encoding::Identity {
            let declared = header_fields(fields).any(|field| field.is("Content-Transfer-Encoding"));
            let edit = (header.end, with_encoding(fields, "7bit", None));
            declared.then(|| edits.insert(header.start, edit));
        }
        return Some(());
    }
    // RFC 2045 §6.4: what is encoded already is no longer what its field says.
    if part.encoding != Encoding::Identity {
        return None;
    }
    let (name, encoded) = match part.kind {
        PartKind::Binary => ("base64", base64_lines(body)),
        _ => match quoted_printable(body) {
            Some(encoded) => ("quoted-printable", encoded),
            None => ("base64", base64_lines(body)),
        },
    };
    let is_root = header.start == 0;
    let unstated = is_root.then(|| charset(body));
    edits.insert(header.start, (header.end, with_encoding(fields, name, unstated)));
    let range = bytes(&part.body);
    edits.insert(range.start, (range.end, encoded));
    Some(())
}

/// What a text that says nothing of itself is in: RFC 1428 §3.
fn charset(body: &[u8]) -> &'static str {
    if std::str::from_utf8(body).is_ok() { "utf-8" } else { "unknown-8bit" }
}

/// The header with this encoding in place of the one it had; of a message that says nothing of
/// MIME, with what `unstated` makes of it.
fn with_encoding(header: &[u8], encoding: &str, unstated: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len() + 100);
    let (mut has_type, mut has_version, mut end) = (false, false, 0);
    for field in header_fields(header) {
        end = field.range.end;
        has_type |= field.is("Content-Type");
        has_version |= field.is("MIME-Version");
        if !field.is("Content-Transfer-Encoding") {
            out.extend_from_slice(field.line);
        }
    }
    if !out.is_empty() && !out.ends_with(b"\n") {
        out.extend_from_slice(b"\r\n");
    }
    if let Some(charset) = unstated {
        if !has_version {
            out.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        if !has_type {
            out.extend_from_slice(
                format!("Content-Type: text/plain; charset={charset}\r\n").as_bytes(),
            );
        }
    }
    out.extend_from_slice(format!("Content-Transfer-Encoding: {encoding}\r\n").as_bytes());
    out.extend_from_slice(header.get(end..).unwrap_or_default());
    out
}

/// RFC 1847 §2.1: what is inside multipart/signed must not be changed.
fn is_signed(header: &[u8]) -> bool {
    header_fields(header)
        .filter(|field| field.is("Content-Type"))
        .filter_map(|field| Parameterized::parse(&unfold(field.value)))
        .any(|declared| declared.is("multipart", "signed"))
}

fn bytes(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

#[cfg(test)]
mod tests;
