//! The BODYSTRUCTURE of a part, cut from that of its message (RFC 9051 §7.5.2): what was computed
//! when the message came is read again, and no message is parsed.

use crate::decoded_shape::DecodedShape;
use crate::imap_string::{push_number, push_string};

/// The structure of the part with this number in that of a message, and of the message itself for
/// no number; `None` where there is no such part.
///
/// RFC 9051 §6.4.5.1: the parts of a multipart have numbers; of a message, those of the multipart
/// it holds, or else what it holds as number 1.
pub fn part_structure<'s>(structure: &'s [u8], number: &[u32]) -> Option<&'s [u8]> {
    let (mut at, mut holds) = (structure, Some(structure));
    for &ordinal in number {
        let index = usize::try_from(ordinal.checked_sub(1)?).ok()?;
        at = match holds {
            Some(body) if !is_multipart(body) => Some(body).filter(|_| index == 0)?,
            Some(multipart) => child(multipart, index)?,
            None => child(at, index)?,
        };
        holds = message_inside(at);
    }
    Some(at)
}

/// The structure of a leaf as it is once its transfer encoding is undone and `decoded` is left
/// (RFC 5524 §3.2): an identity encoding, with the octets and lines there are then.
pub fn decoded_structure(structure: &[u8], decoded: &DecodedShape) -> Vec<u8> {
    let lines_at = match values(structure).next() {
        Some(main) if main.eq_ignore_ascii_case(b"\"text\"") => Some(7),
        _ => message_inside(structure).map(|_| 9),
    };
    let mut out = b"(".to_vec();
    for (at, value) in values(structure).enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        match at {
            5 => push_string(&mut out, decoded.encoding.as_bytes()),
            6 => push_number(&mut out, decoded.size_bytes),
            _ if lines_at == Some(at) => push_number(&mut out, decoded.lines),
            _ => out.extend_from_slice(value),
        }
    }
    out.push(b')');
    out
}

/// The body of the message that a part of type message/rfc822 holds.
fn message_inside(structure: &[u8]) -> Option<&[u8]> {
    // `media-message SP body-fields SP envelope SP body SP body-fld-lines`: in no other part does a
    // list stand where the envelope stands.
    let mut from = values(structure).skip(7);
    let (envelope, body) = (from.next()?, from.next()?);
    (!is_multipart(structure) && envelope.starts_with(b"(") && body.starts_with(b"("))
        .then_some(body)
}

fn is_multipart(structure: &[u8]) -> bool {
    structure.starts_with(b"((")
}

fn child(structure: &[u8], index: usize) -> Option<&[u8]> {
    let bodies = || values(structure).take_while(|value| value.starts_with(b"("));
    bodies().nth(index).filter(|_| is_multipart(structure))
}

/// The values of a list: strings, numbers, NIL and lists.
fn values(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list.strip_prefix(b"(").unwrap_or_default();
    std::iter::from_fn(move || {
        // In a multipart nothing stands between the bodies.
        rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let bytes = value_bytes(rest).filter(|bytes| *bytes > 0)?;
        let (value, behind) = rest.split_at_checked(bytes)?;
        rest = behind;
        Some(value)
    })
}

/// How long the value is that `text` begins with; `None` where it has no end.
fn value_bytes(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0usize);
    loop {
        at += match text.get(at)? {
            b'(' => {
                depth += 1;
                1
            }
            // The end of the list around it.
            b')' if depth == 0 => return Some(at),
            b')' => {
                depth -= 1;
                1
            }
            b'"' => quoted_bytes(text.get(at..)?)?,
            b'{' => literal_bytes(text.get(at..)?)?,
            b' ' if depth == 0 => return Some(at),
            b' ' => 1,
            _ => text.get(at..)?.iter().position(|byte| b" ()".contains(byte))?,
        };
        if depth == 0 {
            return Some(at);
        }
    }
}

fn quoted_bytes(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    for (at, &byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn literal_bytes(text: &[u8]) -> Option<usize> {
    let digits = text.get(1..)?.iter().position(|byte| *byte == b'}')?;
    let count: usize = std::str::from_utf8(text.get(1..1 + digits)?).ok()?.parse().ok()?;
    // `{`, the digits, `}`, CRLF, and so many bytes.
    let bytes = count.checked_add(digits + 4)?;
    (bytes <= text.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DecodedMeter, Limits, PartIndex, Summary};

    fn shape_of(content: &[u8]) -> DecodedShape {
        let mut meter = DecodedMeter::default();
        meter.push(content);
        meter.finish(false)
    }

    const NESTED: &str = "Content-Type: multipart/mixed; boundary=a\r\n\r\n\
        --a\r\nContent-Type: text/plain; name=\"x (\\\"y\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        aGVsbG8KCg==\r\n\
        --a\r\nContent-Type: message/rfc822\r\n\r\n\
        Subject: ä (\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
        --b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n\
        --a\r\nContent-Type: message/rfc822\r\n\r\nSubject: plain\r\n\r\ntext\r\n\
        --a\r\nContent-Type: image/png\r\n\r\n\r\n--a--\r\n";

    fn structure_of(message: &str) -> Vec<u8> {
        Summary::of(message.as_bytes(), &Limits::default()).body_structure
    }

    #[test]
    fn each_part_has_the_octets_its_structure_tells() {
        for message in [NESTED, "Subject: x\r\n\r\ntext\r\n", ""] {
            let structure = structure_of(message);
            let index = PartIndex::of(message.as_bytes(), &Limits::default());
            for (number, part) in index.iter() {
                let found = part_structure(&structure, &number).unwrap();
                if number.is_empty() || is_multipart(found) {
                    continue;
                }
                let octets = (part.body.end - part.body.start).to_string();
                assert_eq!(values(found).nth(6), Some(octets.as_bytes()), "{number:?}");
            }
            assert_eq!(part_structure(&structure, &[]), Some(structure.as_slice()));
        }
    }

    #[test]
    fn parts_that_are_not_there() {
        let structure = structure_of(NESTED);
        for number in [&[0][..], &[5], &[1, 1], &[2, 3], &[2, 1, 1], &[3, 2], &[4, 1]] {
            assert_eq!(part_structure(&structure, number), None, "{number:?}");
        }
        for damaged in
            [&b""[..], b"(", b"((", b"((\"a", b"(({9}\r\na) \"mixed\")", b"({99999999999999999999}"]
        {
            assert_eq!(part_structure(damaged, &[1, 1]), None);
        }
    }

    #[test]
    fn decoding_shows() {
        let structure = structure_of(NESTED);
        let first = part_structure(&structure, &[1]).unwrap();
        let tail = " NIL NIL NIL NIL)";
        let head = "(\"text\" \"plain\" (\"name\" \"x (\\\"y\") NIL NIL ";
        assert_eq!(String::from_utf8_lossy(first), format!("{head}\"base64\" 12 0{tail}"));
        for (content, expect) in [
            (&b"hello\r\n\r\n"[..], "\"7bit\" 9 2"),
            (b"hello\n", "\"binary\" 6 1"),
            (b"a\0", "\"binary\" 2 0"),
            (b"\xc3\xa4", "\"8bit\" 2 0"),
            (&[b'x'; 999], "\"binary\" 999 0"),
            (b"", "\"7bit\" 0 0"),
        ] {
            let decoded = decoded_structure(first, &shape_of(content));
            assert_eq!(String::from_utf8_lossy(&decoded), format!("{head}{expect}{tail}"));
        }
        let image = part_structure(&structure, &[4]).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&decoded_structure(image, &shape_of(b"\0"))),
            "(\"image\" \"png\" NIL NIL NIL \"binary\" 1 NIL NIL NIL NIL)"
        );
        let message = part_structure(&structure, &[3]).unwrap();
        let decoded = decoded_structure(message, &shape_of(b"Subject: plain\r\n\r\ntext"));
        assert_eq!(decoded, message);
    }
}
