//! Header fields as they stand in a message (RFC 5322 §2.2), without any decoding, and the
//! decoding that SEARCH needs.
//!
//! **Invariant:** the lines of all fields, put together, are the block up to its empty line; no
//! byte is lost, whatever the block holds.

use std::borrow::Cow;
use std::ops::Range;

use mail_parser::HeaderForm;

/// A header field; or a line that is none, with an empty name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as written, blanks before the colon dropped. Empty for a line that is no field.
    pub name: &'a [u8],
    /// What follows the colon, folding included, the last line break excluded.
    pub value: &'a [u8],
    /// The whole field with its last line break.
    pub line: &'a [u8],
    /// Where `line` lies in the block.
    pub range: Range<usize>,
}

impl Field<'_> {
    /// Whether the field has this name (RFC 5322 §1.2.2: names are case-insensitive).
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The fields of a header block in order, up to its empty line. Lines end with LF; a line that
/// begins with a blank continues the field before it (RFC 5322 §2.2.3).
pub fn header_fields(header_block: &[u8]) -> impl Iterator<Item = Field<'_>> {
    Fields { block: header_block, at: 0 }
}

struct Fields<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let rest = self.block.get(self.at..)?;
        if rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
            return None;
        }
        let line = rest.get(..field_len(rest))?;
        let range = self.at..self.at + line.len();
        self.at = range.end;
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let (name, value) = split_name(text).unwrap_or((&[], text));
        Some(Field { name, value, line, range })
    }
}

fn field_len(text: &[u8]) -> usize {
    let mut len = 0;
    loop {
        let rest = text.get(len..).unwrap_or_default();
        match memchr::memchr(b'\n', rest) {
            Some(newline) => len += newline + 1,
            None => return text.len(),
        }
        if !matches!(text.get(len), Some(b' ' | b'\t')) {
            return len;
        }
    }
}

// field-name = 1*ftext (RFC 5322 §2.2), obs-FWS before the colon allowed.
fn split_name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr2(b':', b'\n', text)?;
    let (name, rest) = text.split_at(colon);
    let name = name.trim_ascii_end();
    let is_ftext = |byte: &u8| byte.is_ascii_graphic() || *byte >= 0x80;
    (!name.is_empty() && name.iter().all(is_ftext)).then_some((name, rest.strip_prefix(b":")?))
}

/// A value unfolded (RFC 5322 §2.2.3: a line break before a blank is removed) and trimmed. Line
/// breaks elsewhere become blanks and NULs vanish, so that the result fits in one line.
pub(crate) fn unfold(raw_value: &[u8]) -> Cow<'_, [u8]> {
    let value = raw_value.trim_ascii();
    if !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Cow::Borrowed(value);
    }
    let mut unfolded = Vec::with_capacity(value.len());
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            0 => {}
            b'\r' | b'\n' => {
                if byte == b'\r' && bytes.peek() == Some(&b'\n') {
                    bytes.next();
                }
                if !matches!(bytes.peek(), Some(b' ' | b'\t')) {
                    unfolded.push(b' ');
                }
            }
            _ => unfolded.push(byte),
        }
    }
    Cow::Owned(unfolded)
}

/// What stands behind the blanks and comments (CFWS, RFC 5322 §3.2.2) that an unfolded text
/// begins with.
pub(crate) fn skip_cfws(text: &[u8]) -> &[u8] {
    let mut rest = text;
    loop {
        rest = match rest.first() {
            Some(b' ' | b'\t') => rest.get(1..).unwrap_or_default(),
            Some(b'(') => skip_comment(rest),
            _ => return rest,
        };
    }
}

/// A text with a blank in place of each comment.
pub(crate) fn without_comments(text: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'(', rest) {
        let (before, comment) = rest.split_at(at);
        kept.extend_from_slice(before);
        kept.push(b' ');
        rest = skip_comment(comment);
    }
    kept.extend_from_slice(rest);
    kept
}

// What stands behind the comment that a text begins with; one without an end takes all.
fn skip_comment(text: &[u8]) -> &[u8] {
    let mut depth = 0usize;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    bytes.as_slice()
}

/// A raw value as a reader sees it: unfolded, RFC 2047 encoded words decoded, bytes that are no
/// UTF-8 replaced.
pub fn decode_header_text(raw_value: &[u8]) -> String {
    let value = unfold(raw_value);
    if !value.windows(2).any(|pair| pair == b"=?") {
        return String::from_utf8_lossy(&value).into_owned();
    }
    let parsed = HeaderForm::Text.parse(&value);
    parsed.value().as_text().unwrap_or_default().replace(['\r', '\n', '\0'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_every_byte() {
        let block =
            b"Subject: a\r\n b\r\nX-Y : 1\nFrom nobody Mon Jan 1\r\nno colon\r\n\tmore: x\r\n\
                      :empty\r\nlast:\r\n\r\nbody: x\r\n";
        let found: Vec<(&[u8], &[u8])> =
            header_fields(block).map(|field| (field.name, field.value)).collect();
        let expect: [(&[u8], &[u8]); 6] = [
            (b"Subject", b" a\r\n b"),
            (b"X-Y", b" 1"),
            (b"", b"From nobody Mon Jan 1"),
            (b"", b"no colon\r\n\tmore: x"),
            (b"", b":empty"),
            (b"last", b""),
        ];
        assert_eq!(found, expect);
        let lines: Vec<u8> = header_fields(block).flat_map(|field| field.line.to_vec()).collect();
        assert!(block.starts_with(&lines));
        assert_eq!(block.get(lines.len()..), Some(&b"\r\nbody: x\r\n"[..]));
        for field in header_fields(block) {
            assert_eq!(block.get(field.range.clone()), Some(field.line));
        }
    }

    #[test]
    fn blocks_without_fields() {
        for block in [&b""[..], b"\r\n", b"\n\n", b"\r\nSubject: x\r\n"] {
            assert_eq!(header_fields(block).count(), 0);
        }
        assert_eq!(header_fields(b"no line end").count(), 1);
        assert_eq!(header_fields(b" \r\n \r\n\x00\r").count(), 2);
    }

    #[test]
    fn values_are_unfolded() {
        for (raw, expect) in [
            (&b" plain "[..], &b"plain"[..]),
            (b" a\r\n b\n\tc\r\n", b"a b\tc"),
            (b"a\rb\nc\r\nd\0e", b"a b c de"),
            (b"", b""),
        ] {
            assert_eq!(unfold(raw).as_ref(), expect);
        }
    }

    #[test]
    fn comments_are_passed_over() {
        for (text, behind, without) in [
            ("a (b) c", "a (b) c", "a   c"),
            (" (b (c\\)) \\( d) \t(e)f", "f", "   \t f"),
            ("(a)b(c)", "b(c)", " b "),
            ("(open (a) b", "", " "),
            ("(\\", "", " "),
            (")a", ")a", ")a"),
            ("", "", ""),
        ] {
            assert_eq!(skip_cfws(text.as_bytes()), behind.as_bytes(), "{text}");
            assert_eq!(without_comments(text.as_bytes()), without.as_bytes(), "{text}");
        }
    }

    #[test]
    fn encoded_words_are_decoded() {
        for (raw, expect) in [
            (&b" =?utf-8?q?caf=C3=A9?= au\r\n lait"[..], "café au lait"),
            (b"=?iso-8859-1?Q?a?= =?utf-8?B?4pi6?=", "a☺"),
            (b"caf\xc3\xa9 \xff", "café \u{fffd}"),
            (b"=?utf-8?q?a=0D=0Ab?=", "a  b"),
            (b"=?broken", "=?broken"),
        ] {
            assert_eq!(decode_header_text(raw), expect);
        }
    }
}
