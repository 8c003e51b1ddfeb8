//! MIME fields that mail-parser misreads, spelled so that it reads them.
//!
//! QUIRK(mail-parser, 1.0.1): its content_type.rs loses the boundary of fields that RFC 2045 §5.1
//! and RFC 5322 §3.2.2 allow, and with it every part of the multipart:
//! - `multipart/mixed; boundary\r\n ="b"` and `boundary (c)="b"`: folding or a comment between a
//!   name and its `=`;
//! - `multipart/mixed; (\)) boundary=b`: a quoted-pair in a comment;
//! - `multipart/mixed; x="a\ "; boundary=b`: a quoted blank at the end of a string.
//!
//! QUIRK(mail-parser, 1.0.1): it takes `Content-Transfer-Encoding: (c) base64` for 7bit.
//!
//! [`Parameterized`] and [`Fields`] read them. Where they find a container and mail-parser a leaf,
//! or another encoding, that field is spelled plainly in a copy of the message, in as many bytes,
//! and the copy is parsed: offsets are those of the message, which is described itself.
//!
//! **Invariant:** a message in which no field is misread is parsed once and not copied.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::{Message, MessagePart, PartFlags, PartKind as Found};

use crate::fields::Fields;
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

/// A field that mail-parser read in another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misread {
    /// The Content-Type in the header that lies here.
    Type(Range<u32>),
    /// The Content-Transfer-Encoding in the header that lies here.
    Encoding(Range<u32>),
}

/// What mail-parser misread in this header, so that its part is another than it says: a container
/// taken for a leaf, an encoding that was not seen.
pub(crate) fn misread(
    part: &MessagePart<'_>,
    header: Range<u32>,
    content_type: &Parameterized,
    encoding: Encoding,
) -> Option<Misread> {
    if part.children().len() > 0 || part.flags().contains(PartFlags::LIMIT_REACHED) {
        return None;
    }
    let known = match encoding {
        Encoding::Base64 => mail_parser::Encoding::Base64,
        Encoding::QuotedPrintable => mail_parser::Encoding::QuotedPrintable,
        Encoding::Identity | Encoding::Unknown => part.encoding(),
    };
    if part.encoding() != known {
        return Some(Misread::Encoding(header));
    }
    is_type_misread(part, content_type, encoding).then_some(Misread::Type(header))
}

fn is_type_misread(
    part: &MessagePart<'_>,
    content_type: &Parameterized,
    encoding: Encoding,
) -> bool {
    let found = part.content_type();
    if content_type.is_main("multipart") {
        let found = found.filter(|found| found.ctype() == "multipart");
        let found = found.and_then(|found| found.attribute("boundary")).unwrap_or_default();
        let boundary = content_type.parameter("boundary").unwrap_or_default();
        return !boundary.is_empty() && boundary != found.as_bytes();
    }
    let is_plain = part.encoding() == mail_parser::Encoding::None && encoding == Encoding::Identity;
    let is_message = ["rfc822", "global"].iter().any(|sub| content_type.is("message", sub));
    let is_found = matches!(part.kind(), Found::Message(_))
        || found.is_some_and(|found| {
            content_type.is(found.ctype(), found.subtype().unwrap_or_default())
        });
    is_plain && is_message && !is_found
}

/// The fields as they are to be spelled, where they are not yet.
fn plain_fields(text: &[u8], misread: &[Misread], limits: &Limits) -> Vec<(Range<usize>, Vec<u8>)> {
    let plain = |misread: &Misread| {
        let (name, header) = match misread {
            Misread::Type(header) => ("Content-Type", header),
            Misread::Encoding(header) => ("Content-Transfer-Encoding", header),
        };
        let start = header.start as usize;
        let block = text.get(start..header.end as usize)?;
        // Of several the last one counts, as in `Fields::of`.
        let fields = header_fields(block).take(limits.header_fields_max);
        let field = fields.filter(|field| field.is(name)).last()?;
        let spellings = match misread {
            Misread::Type(_) => spelled_types(&Parameterized::parse(field.value)?),
            Misread::Encoding(_) => {
                let mechanism = Fields::of(block, limits.header_fields_max).mechanism();
                vec![[b"Content-Transfer-Encoding:", mechanism.as_slice()].concat()]
            }
        };
        let line = plain_line(&spellings, field.line)?;
        (line != field.line).then_some((start + field.range.start..start + field.range.end, line))
    };
    misread.iter().filter_map(plain).collect()
}

/// The first of these fields that fits, in as many bytes as `line` has, the line end included.
fn plain_line(spellings: &[Vec<u8>], line: &[u8]) -> Option<Vec<u8>> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let mut plain = spellings.iter().find(|plain| plain.len() <= text.len())?.clone();
    plain.resize(text.len(), b' ');
    plain.extend_from_slice(line.get(text.len()..).unwrap_or_default());
    Some(plain)
}

/// The fields that say enough of a type; the name of an attachment is kept if there is room.
fn spelled_types(content_type: &Parameterized) -> Vec<Vec<u8>> {
    let spellings = [&["boundary", "name"][..], &["boundary"]];
    spellings.iter().filter_map(|names| spelled(content_type, names)).collect()
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

    fn misread_fields(raw: &str) -> usize {
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
            "Content-Transfer-Encoding: BASE64 (c)\r\n\r\neA==\r\n",
            "Content-Transfer-Encoding: quoted-printable\r\n\r\nx\r\n",
            "Content-Transfer-Encoding: x-uuencode\r\n\r\nx\r\n",
            "Content-Type: Message/Global (c)\r\n\r\nno field\r\n",
        ] {
            assert_eq!(misread_fields(raw), 0, "{raw}");
        }
        assert_eq!(
            misread_fields("Content-Type: multipart/mixed; boundary (c)=b\r\n\r\n--b\r\n\r\nx\r\n"),
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
            let found = plain_line(&spelled_types(&content_type), line.as_bytes());
            let width = line.len() - end.len();
            let expect = expect.map(|expect| format!("{expect:width$}{end}"));
            assert_eq!(found.map(|found| String::from_utf8(found).unwrap()), expect, "{line}");
        }
    }
}
