//! Content-Type fields that mail-parser misreads, spelled so that it reads them.
//!
//! QUIRK(mail-parser, 1.0.1): its content_type.rs loses the boundary of fields that RFC 2045 §5.1
//! and RFC 5322 §3.2.2 allow, and with it every part of the multipart:
//! - `multipart/mixed; boundary\r\n ="b"` and `boundary (c)="b"`: folding or a comment between a
//!   name and its `=`;
//! - `multipart/mixed; (\)) boundary=b`: a quoted-pair in a comment;
//! - `multipart/mixed; x="a\ "; boundary=b`: a quoted blank at the end of a string.
//!
//! [`Parameterized`] reads them. Where it finds a container and mail-parser a leaf, that field is
//! spelled plainly in a copy of the message, in as many bytes, and the copy is parsed: offsets
//! are those of the message, which is described itself.
//!
//! **Invariant:** a message in which no field is misread is parsed once and not copied.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::{Message, MessagePart, PartFlags, PartKind as Found};

use crate::header::header_fields;
use crate::parameter::Parameterized;
use crate::structure::{Structure, describe};
use crate::summary::parser;
use crate::{Encoding, Limits};

/// LIMIT: misread containers inside each other. Each level is found by parsing once more; mail
/// with one is rare, and what is deeper is a text.
const ROUNDS_MAX: usize = 8;

/// Parses and describes a message, and hands both to `finish`; the message that was parsed is
/// absent where there is neither a field nor an empty line.
pub(crate) fn read<T>(
    message: &[u8],
    limits: &Limits,
    finish: impl FnOnce(Structure, Option<&Message<'_>>) -> T,
) -> T {
    let parser = parser(limits);
    let mut text = Cow::Borrowed(message);
    let mut rounds = 0;
    loop {
        let parsed = parser.parse(text.as_ref());
        let root = parsed.as_ref().map(|parsed| parsed.root_part());
        let structure = describe(message, root, limits);
        let fields = match rounds {
            ROUNDS_MAX => Vec::new(),
            _ => plain_fields(&text, &structure.misread, limits),
        };
        if fields.is_empty() {
            return finish(structure, parsed.as_ref());
        }
        drop(parsed);
        for (range, field) in fields {
            if let Some(place) = text.to_mut().get_mut(range) {
                place.copy_from_slice(&field);
            }
        }
        rounds += 1;
    }
}

/// Whether mail-parser made a leaf of a part that is a container, as it reads its type in
/// another way.
pub(crate) fn is_misread(
    part: &MessagePart<'_>,
    content_type: &Parameterized,
    encoding: Encoding,
) -> bool {
    let is_container = part.children().len() > 0 || matches!(part.kind(), Found::Message(_));
    if is_container || part.flags().contains(PartFlags::LIMIT_REACHED) {
        return false;
    }
    let found = part.content_type();
    if content_type.is_main("multipart") {
        let found = found.filter(|found| found.ctype() == "multipart");
        let found = found.and_then(|found| found.attribute("boundary")).unwrap_or_default();
        let boundary = content_type.parameter("boundary").unwrap_or_default();
        return !boundary.is_empty() && boundary != found.as_bytes();
    }
    let is_plain = part.encoding() == mail_parser::Encoding::None && encoding == Encoding::Identity;
    let is_message = ["rfc822", "global"].iter().any(|sub| content_type.is("message", sub));
    let is_found = |found: mail_parser::ContentType<'_>| {
        content_type.is(found.ctype(), found.subtype().unwrap_or_default())
    };
    is_plain && is_message && !found.is_some_and(is_found)
}

/// The Content-Type fields of these headers as they are to be spelled, where they are not yet.
fn plain_fields(
    text: &[u8],
    headers: &[Range<u32>],
    limits: &Limits,
) -> Vec<(Range<usize>, Vec<u8>)> {
    let plain = |header: &Range<u32>| {
        let start = header.start as usize;
        let block = text.get(start..header.end as usize)?;
        // Of several the last one counts, as in `Fields::of`.
        let fields = header_fields(block).take(limits.header_fields_max);
        let field = fields.filter(|field| field.is("Content-Type")).last()?;
        let content_type = Parameterized::parse(field.value)?;
        let line = plain_line(&content_type, field.line)?;
        (line != field.line).then_some((start + field.range.start..start + field.range.end, line))
    };
    headers.iter().filter_map(plain).collect()
}

/// A field of this type in as many bytes as `line` has, the line end included; `None` where it
/// does not fit. The name of an attachment is kept if there is room.
fn plain_line(content_type: &Parameterized, line: &[u8]) -> Option<Vec<u8>> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let mut plain = [&["boundary", "name"][..], &["boundary"]]
        .iter()
        .filter_map(|names| spelled(content_type, names))
        .find(|plain| plain.len() <= text.len())?;
    plain.resize(text.len(), b' ');
    plain.extend_from_slice(line.get(text.len()..).unwrap_or_default());
    Some(plain)
}

/// The field with those of its parameters that have these names; `None` where one of them cannot
/// be a quoted string without quoted-pairs.
fn spelled(content_type: &Parameterized, names: &[&str]) -> Option<Vec<u8>> {
    let mut field = [b"Content-Type:", content_type.main.as_slice()].concat();
    if !content_type.sub.is_empty() {
        field.push(b'/');
        field.extend_from_slice(&content_type.sub);
    }
    for name in names {
        let Some(value) = content_type.parameter(name) else { continue };
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !b"\"\\".contains(byte);
        if !value.iter().all(is_plain) {
            return None;
        }
        field.extend_from_slice(&[b";", name.as_bytes(), b"=\"", value, b"\""].concat());
    }
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misread(raw: &str) -> usize {
        let limits = Limits::default();
        let parsed = parser(&limits).parse(raw);
        let root = parsed.as_ref().map(|parsed| parsed.root_part());
        describe(raw.as_bytes(), root, &limits).misread.len()
    }

    // Where nothing is misread, nothing is parsed again.
    #[test]
    fn most_messages_are_parsed_once() {
        for raw in [
            "",
            "Subject: x\r\n\r\ntext\r\n",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\nno part\r\n",
            "Content-Type: multipart/mixed; x=\"y\"; boundary*0=b; boundary*1=c\r\n\r\nx\r\n",
            "Content-Type: multipart/mixed\r\n\r\nno boundary\r\n",
            "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nx\r\n",
            "Content-Type: message/rfc822\r\n\r\n",
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\neA==\r\n",
            "Content-Type: Message/Global (c)\r\n\r\nno field\r\n",
        ] {
            assert_eq!(misread(raw), 0, "{raw}");
        }
        assert_eq!(
            misread("Content-Type: multipart/mixed; boundary (c)=b\r\n\r\n--b\r\n\r\nx\r\n"),
            1
        );
    }

    #[test]
    fn fields_are_spelled_in_as_many_bytes() {
        for (line, expect, end) in [
            (
                "content-type : multipart/mixed; boundary\r\n =\"b\"\r\n",
                Some("Content-Type:multipart/mixed;boundary=\"b\""),
                "\r\n",
            ),
            (
                "Content-Type: message/rfc822 (\\)); name=\"y\"",
                Some("Content-Type:message/rfc822;name=\"y\""),
                "",
            ),
            // The name does not fit.
            (
                "Content-Type:multipart/x;boundary\n =b;name=y\n",
                Some("Content-Type:multipart/x;boundary=\"b\""),
                "\n",
            ),
            ("Content-Type:a/b;boundary =\"b\"\n", Some("Content-Type:a/b;boundary=\"b\""), "\n"),
            ("Content-Type:a/b;boundary=b\n", None, ""),
            ("Content-Type: a/b; boundary = \"b\\\"\"\n", None, ""),
        ] {
            let value = line.split_once(':').unwrap().1;
            let content_type = Parameterized::parse(value.as_bytes()).unwrap();
            let found = plain_line(&content_type, line.as_bytes());
            let width = line.len() - end.len();
            let expect = expect.map(|expect| format!("{expect:width$}{end}"));
            assert_eq!(found.map(|found| String::from_utf8(found).unwrap()), expect, "{line}");
        }
    }
}
