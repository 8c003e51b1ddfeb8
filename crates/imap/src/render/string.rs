//! Strings in a form that carries them: atom, quoted string or literal (RFC 9051 §4.3), and mailbox
//! names in the client's dialect.

use super::number;
use crate::mutf7;
use crate::parse::{Dialect, class};

/// LIMIT: longer text goes out as a literal; some clients read quoted strings into small buffers.
const QUOTED_BYTES_MAX: usize = 1000;

/// `string = quoted / literal` (RFC 9051 §9).
///
/// 8-bit text always goes as a literal, which both revisions read.
pub fn string(out: &mut Vec<u8>, text: &[u8]) {
    let fits = text.len() <= QUOTED_BYTES_MAX && text.iter().all(|&b| (0x20..0x7f).contains(&b));
    if fits { quoted(out, text) } else { literal(out, text) }
}

/// `nstring = string / nil` (RFC 9051 §9).
pub fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => string(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// `astring = 1*ASTRING-CHAR / string` (RFC 9051 §9).
///
/// `NIL` is quoted: clients take the bare word for nothing.
pub fn astring(out: &mut Vec<u8>, text: &[u8]) {
    let atom = !text.is_empty()
        && text.len() <= QUOTED_BYTES_MAX
        && text.iter().all(|&b| class::is_astring(b))
        && !text.eq_ignore_ascii_case(b"NIL");
    if atom { out.extend_from_slice(text) } else { string(out, text) }
}

/// A mailbox name in the client's dialect, with quotes where it is not an atom.
pub fn mailbox(out: &mut Vec<u8>, name: &str, dialect: Dialect) {
    match dialect {
        Dialect::Utf8 | Dialect::Utf8Accept => {
            let printable =
                name.len() <= QUOTED_BYTES_MAX && !name.bytes().any(|b| b < 0x20 || b == 0x7f);
            // RFC 9051 §9 `QUOTED-CHAR` holds UTF-8.
            if printable && !name.is_ascii() {
                quoted(out, name.as_bytes());
            } else {
                astring(out, name.as_bytes());
            }
        }
        Dialect::Rev1 if name.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'&') => {
            astring(out, name.as_bytes());
        }
        Dialect::Rev1 => {
            let mut encoded = Vec::with_capacity(name.len() * 2);
            mutf7::encode(name, &mut encoded);
            astring(out, &encoded);
        }
    }
}

/// `nstring / literal8` (RFC 3516 §4.3): a literal8 where the content holds NUL.
pub fn literal8_or_string(out: &mut Vec<u8>, content: &[u8]) {
    if content.contains(&0) {
        out.push(b'~');
        literal(out, content);
    } else {
        string(out, content);
    }
}

fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

pub(super) fn literal(out: &mut Vec<u8>, text: &[u8]) {
    literal_header(out, text.len() as u64);
    out.extend_from_slice(text);
}

pub(super) fn literal_header(out: &mut Vec<u8>, size_bytes: u64) {
    out.push(b'{');
    number(out, size_bytes);
    out.extend_from_slice(b"}\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailbox_names_in_both_dialects() {
        for (name, rev1, utf8) in [
            ("INBOX", "INBOX", "INBOX"),
            ("a b", "\"a b\"", "\"a b\""),
            ("", "\"\"", "\"\""),
            ("NIL", "\"NIL\"", "\"NIL\""),
            ("a]b", "a]b", "a]b"),
            ("a*", "\"a*\"", "\"a*\""),
            ("q\"\\", "\"q\\\"\\\\\"", "\"q\\\"\\\\\""),
            ("R&D", "R&-D", "R&D"),
            ("Entwürfe", "Entw&APw-rfe", "\"Entwürfe\""),
            ("a\tb", "a&AAk-b", "{3}\r\na\tb"),
        ] {
            for (dialect, expect) in [(Dialect::Rev1, rev1), (Dialect::Utf8, utf8)] {
                let mut out = Vec::new();
                mailbox(&mut out, name, dialect);
                assert_eq!(String::from_utf8_lossy(&out), expect);
            }
        }
    }

    #[test]
    fn text_that_could_end_a_line_is_a_literal() {
        for (text, expect) in [
            (&b"a\r\nb"[..], &b"{4}\r\na\r\nb"[..]),
            (b"\xe9", b"{1}\r\n\xe9"),
            (b"a\0", b"~{2}\r\na\0"),
            (b"plain", b"\"plain\""),
            (b"", b"\"\""),
        ] {
            let mut out = Vec::new();
            literal8_or_string(&mut out, text);
            assert_eq!(out, expect);
        }
        let mut out = Vec::new();
        nstring(&mut out, None);
        string(&mut out, &[b'x'; 1001]);
        assert!(out.starts_with(b"NIL{1001}\r\nxxx"));
    }
}
