//! Folding and unfolding of content lines (RFC 5545 §3.1, RFC 6350 §3.2).

use std::borrow::Cow;

/// Octets of a line without its break.
const LINE_BYTES: usize = 75;

/// The physical lines of one content line: `bytes` up to and with its break.
pub(crate) fn logical_end(bytes: &[u8]) -> usize {
    let mut from = 0;
    loop {
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(at) = memchr::memchr(b'\n', rest) else { return bytes.len() };
        from += at + 1;
        if !matches!(bytes.get(from), Some(b' ' | b'\t')) {
            return from;
        }
    }
}

/// The content lines of an object, with their folds and breaks.
pub(crate) fn logical_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (line, after) = rest.split_at(logical_end(rest));
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

/// An object as text, for where bytes cannot be said: as it is, or folded anew where a fold stands
/// within a character. What is not UTF-8 at all is replaced.
pub fn to_utf8(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = Vec::with_capacity(bytes.len());
    for raw in logical_lines(bytes) {
        match std::str::from_utf8(raw) {
            Ok(_) => text.extend_from_slice(raw),
            Err(_) => {
                let line = unfold(raw);
                let line = String::from_utf8_lossy(&line);
                fold(line.trim_end_matches(['\r', '\n']), &mut text);
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&text).into_owned())
}

/// One content line without its folds and its break. Bytes come first: some programs fold in the
/// middle of a character.
pub(crate) fn unfold(raw: &[u8]) -> Cow<'_, [u8]> {
    let unbroken =
        raw.strip_suffix(b"\n").map_or(raw, |line| line.strip_suffix(b"\r").unwrap_or(line));
    if memchr::memchr(b'\n', unbroken).is_none() {
        return Cow::Borrowed(unbroken);
    }
    let mut line = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
        let (part, after) = rest.split_at(at);
        line.extend_from_slice(part.strip_suffix(b"\r").unwrap_or(part));
        // The blank after a break belongs to the fold.
        rest = after.get(2..).unwrap_or_default();
    }
    line.extend_from_slice(rest);
    Cow::Owned(line)
}

/// Writes a content line, folded between characters.
pub(crate) fn fold(line: &str, out: &mut Vec<u8>) {
    let mut rest = line;
    let mut room = LINE_BYTES;
    while rest.len() > room {
        let (part, after) = rest.split_at(rest.floor_char_boundary(room));
        out.extend_from_slice(part.as_bytes());
        out.extend_from_slice(b"\r\n ");
        (rest, room) = (after, LINE_BYTES - 1);
    }
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_folded_unfolds() {
        let text = "DESCRIPTION:".to_owned() + &"größer ".repeat(40);
        let mut folded = Vec::new();
        fold(&text, &mut folded);
        assert!(folded.split(|byte| *byte == b'\n').all(|line| line.len() <= LINE_BYTES + 1));
        assert!(std::str::from_utf8(&folded).is_ok());
        assert_eq!(logical_end(&folded), folded.len());
        assert_eq!(unfold(&folded), text.as_bytes());
    }

    #[test]
    fn objects_become_text() {
        assert_eq!(to_utf8(b"A:1\r\n 2\r\n"), "A:1\r\n 2\r\n");
        assert_eq!(
            to_utf8(b"A:1\n 2\nB:gr\xc3\r\n \xb6\xc3\x9fe\r\nC:\xff"),
            "A:1\n 2\nB:gr\u{f6}\u{df}e\r\nC:\u{fffd}\r\n"
        );
    }

    #[test]
    fn folds_in_characters_and_bare_line_feeds_are_read() {
        assert_eq!(
            unfold(b"SUMMARY:gr\xc3\r\n \xb6\xc3\n\t\x9fer\r\n"),
            "SUMMARY:größer".as_bytes()
        );
        assert_eq!(logical_end(b"A:1\r\n 2\r\nB:3"), 9);
        assert_eq!(logical_end(b"A:1"), 3);
    }
}
