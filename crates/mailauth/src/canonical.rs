//! Canonicalization of headers and bodies (RFC 6376 §3.4), written piece by piece into a hash.

/// How much a message may change on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Canonicalization {
    /// `simple`: nothing may change on the way.
    Simple,
    /// `relaxed`: white space may change on the way.
    Relaxed,
}

impl Canonicalization {
    /// A value of `c=`: for the header section, and for the body (RFC 6376 §3.5).
    pub(crate) fn parse_pair(value: &str) -> Option<(Self, Self)> {
        let one = |name: &str| match name.to_ascii_lowercase().as_str() {
            "simple" => Some(Self::Simple),
            "relaxed" => Some(Self::Relaxed),
            _ => None,
        };
        match value.split_once('/') {
            Some((header, body)) => Some((one(header)?, one(body)?)),
            None => Some((one(value)?, Self::Simple)),
        }
    }
}

/// Appends a header field, given as it stands in the message, with its last line break.
pub(crate) fn push_field(form: Canonicalization, line: &[u8], out: &mut Vec<u8>) {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match form {
        // RFC 6376 §3.4.1: as it is.
        Canonicalization::Simple => out.extend_from_slice(text),
        Canonicalization::Relaxed => push_relaxed(text, out),
    }
    out.extend_from_slice(b"\r\n");
}

/// RFC 6376 §3.4.2: the name in lower case, folding undone, blanks made one, none at the end nor
/// around the colon.
fn push_relaxed(text: &[u8], out: &mut Vec<u8>) {
    let colon = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
    let (name, value) = text.split_at(colon);
    out.extend(name.trim_ascii_end().iter().map(u8::to_ascii_lowercase));
    let Some(value) = value.strip_prefix(b":") else { return };
    out.push(b':');
    let begin = out.len();
    let mut blank = false;
    for byte in value {
        match byte {
            b' ' | b'\t' => blank = true,
            b'\r' | b'\n' => {}
            byte => {
                if blank && out.len() > begin {
                    out.push(b' ');
                }
                blank = false;
                out.push(*byte);
            }
        }
    }
}

/// Gives the canonical body to `sink` piece by piece.
pub(crate) fn feed_body(form: Canonicalization, body: &[u8], mut sink: impl FnMut(&[u8])) {
    match form {
        Canonicalization::Simple => feed_simple(body, sink),
        Canonicalization::Relaxed => feed_relaxed(body, &mut sink),
    }
}

/// RFC 6376 §3.4.3: empty lines at the end are left out; a body without any line is one CRLF.
fn feed_simple(body: &[u8], mut sink: impl FnMut(&[u8])) {
    let mut text = body;
    while let Some(shorter) = text.strip_suffix(b"\r\n") {
        text = shorter;
    }
    sink(text);
    sink(b"\r\n");
}

/// RFC 6376 §3.4.4: blanks at the end of lines are left out, others made one, then empty lines at
/// the end are left out; a body without any line is nothing.
fn feed_relaxed(body: &[u8], sink: &mut impl FnMut(&[u8])) {
    let mut empty_lines = 0_usize;
    let mut rest = body;
    while !rest.is_empty() {
        let end = memchr::memmem::find(rest, b"\r\n");
        let (line, after) = match end {
            Some(end) => (rest.get(..end), rest.get(end + 2..)),
            None => (Some(rest), None),
        };
        rest = after.unwrap_or_default();
        let line = trim_blanks_end(line.unwrap_or_default());
        if line.is_empty() {
            empty_lines += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty_lines) {
            sink(b"\r\n");
        }
        feed_line(line, sink);
        sink(b"\r\n");
    }
}

fn trim_blanks_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
    end.and_then(|end| line.get(..=end)).unwrap_or_default()
}

fn feed_line(line: &[u8], sink: &mut impl FnMut(&[u8])) {
    let mut rest = line;
    while let Some(blank) = memchr::memchr2(b' ', b'\t', rest) {
        let (word, blanks) = rest.split_at(blank);
        let end = blanks.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
        let (blanks, after) = blanks.split_at(end.unwrap_or(blanks.len()));
        if blanks == b" " {
            // The usual case goes in one piece with its word.
            sink(rest.get(..=blank).unwrap_or(word));
        } else {
            sink(word);
            sink(b" ");
        }
        rest = after;
    }
    if !rest.is_empty() {
        sink(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(form: Canonicalization, text: &[u8]) -> String {
        let mut out = Vec::new();
        feed_body(form, text, |piece| out.extend_from_slice(piece));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_example_of_rfc_6376() {
        use Canonicalization::{Relaxed, Simple};
        // RFC 6376 §3.4.5.
        let text = b" C \r\nD \t E\r\n\r\n\r\n";
        assert_eq!(body(Relaxed, text), " C\r\nD E\r\n");
        assert_eq!(body(Simple, text), " C \r\nD \t E\r\n");
        let field = |form, line: &[u8]| {
            let mut out = Vec::new();
            push_field(form, line, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(field(Relaxed, b"A: X\r\n"), "a:X\r\n");
        assert_eq!(field(Relaxed, b"B : Y\t\r\n\tZ  \r\n"), "b:Y Z\r\n");
        assert_eq!(field(Simple, b"B : Y\t\r\n\tZ  \r\n"), "B : Y\t\r\n\tZ  \r\n");
    }

    #[test]
    fn bodies_without_lines_and_without_an_end() {
        use Canonicalization::{Relaxed, Simple};
        for (text, simple, relaxed) in [
            ("", "\r\n", ""),
            ("\r\n\r\n", "\r\n", ""),
            (" \r\n\t\r\n", " \r\n\t\r\n", ""),
            ("a", "a\r\n", "a\r\n"),
            ("a\r\n", "a\r\n", "a\r\n"),
            (
                "a  b\tc\r\n\r\n \r\nd \r\n \r\n",
                "a  b\tc\r\n\r\n \r\nd \r\n \r\n",
                "a b c\r\n\r\n\r\nd\r\n",
            ),
            ("  a", "  a\r\n", " a\r\n"),
        ] {
            assert_eq!(body(Simple, text.as_bytes()), simple, "{text:?}");
            assert_eq!(body(Relaxed, text.as_bytes()), relaxed, "{text:?}");
        }
    }

    #[test]
    fn values_of_c() {
        use Canonicalization::{Relaxed, Simple};
        for (value, expected) in [
            ("simple", Some((Simple, Simple))),
            ("relaxed", Some((Relaxed, Simple))),
            ("Relaxed/relaxed", Some((Relaxed, Relaxed))),
            ("simple/relaxed", Some((Simple, Relaxed))),
            ("nowsp", None),
            ("relaxed/", None),
        ] {
            assert_eq!(Canonicalization::parse_pair(value), expected, "{value}");
        }
    }
}
