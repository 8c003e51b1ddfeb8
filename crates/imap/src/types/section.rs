//! Which part of a message is meant: `1.2.HEADER.FIELDS (From)`, `<0.1024>`.

use std::num::{NonZeroU32, NonZeroU64};

/// The path to a body part, RFC 9051 §6.4.5.1 `section-part`; empty for the whole message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PartPath(Vec<NonZeroU32>);

impl PartPath {
    /// A path from its numbers.
    pub fn new(numbers: Vec<NonZeroU32>) -> Self {
        Self(numbers)
    }

    /// The numbers from the outside inwards.
    pub fn numbers(&self) -> &[NonZeroU32] {
        &self.0
    }

    /// Whether the whole message is meant.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A header field name as a client asks for it: 1 or more bytes of printable ASCII.
///
/// It keeps the client's spelling, because the reply repeats it; compare it case-insensitively.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName(String);

impl FieldName {
    /// The name, unless it is empty or holds a control or non-ASCII character.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let printable = !name.is_empty() && name.bytes().all(|b| (0x20..0x7f).contains(&b));
        printable.then_some(Self(name))
    }

    /// The name as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `name` is the same field (RFC 5322 §1.2.2 compares field names without case).
    pub fn matches(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }
}

/// What of the message or part is wanted (RFC 9051 §6.4.5.1 `section-text`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionText {
    /// `HEADER`: the header with its closing empty line.
    Header,
    /// `HEADER.FIELDS (…)`: the named fields and an empty line.
    HeaderFields(Vec<FieldName>),
    /// `HEADER.FIELDS.NOT (…)`: all other fields and an empty line.
    HeaderFieldsNot(Vec<FieldName>),
    /// `TEXT`: what follows the header.
    Text,
    /// `MIME`: the MIME header of a part; only with a part path.
    Mime,
}

/// `section` (RFC 9051 §9): part and text. Both empty is the whole message, a path alone the
/// part's content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    part: PartPath,
    text: Option<SectionText>,
}

impl Section {
    /// The section, unless it asks for the MIME header of no part (RFC 9051 §6.4.5.1: MIME
    /// MUST be prefixed by a part number).
    pub fn new(part: PartPath, text: Option<SectionText>) -> Option<Self> {
        if part.is_empty() && text == Some(SectionText::Mime) {
            return None;
        }
        Some(Self { part, text })
    }

    /// `[]`, everything.
    pub fn whole() -> Self {
        Self::default()
    }

    /// The part that the section is of; empty: the message itself.
    pub fn part(&self) -> &PartPath {
        &self.part
    }

    /// What of it is wanted; None is the content itself.
    pub fn text(&self) -> Option<&SectionText> {
        self.text.as_ref()
    }

    /// Whether it is `[]`.
    pub fn is_whole(&self) -> bool {
        self.part.is_empty() && self.text.is_none()
    }
}

/// `partial` (RFC 9051 §9): `<offset.length>` of what a section gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// First octet wanted, from 0.
    pub offset: u64,
    /// How many octets at most.
    pub length: NonZeroU64,
}

impl Partial {
    /// The octets of `bytes` it names; RFC 9051 §6.4.5: an offset beyond the end gives the
    /// empty string, a length beyond the end what there is.
    pub fn cut<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let range = self.range(bytes.len() as u64);
        let start = usize::try_from(range.start).unwrap_or(usize::MAX);
        let end = usize::try_from(range.end).unwrap_or(usize::MAX);
        bytes.get(start..end).unwrap_or_default()
    }

    /// The range of a text of `size_bytes` it names, empty beyond the end.
    pub fn range(&self, size_bytes: u64) -> std::ops::Range<u64> {
        let start = self.offset.min(size_bytes);
        start..start.saturating_add(self.length.get()).min(size_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_never_leaves_the_text() {
        for (offset, length, expect) in [
            (0, 2, "ab"),
            (1, 9, "bcd"),
            (4, 1, ""),
            (9, 9, ""),
            (u64::MAX, u64::MAX, ""),
            (0, u64::MAX, "abcd"),
        ] {
            let partial = Partial { offset, length: NonZeroU64::new(length).unwrap() };
            assert_eq!(partial.cut(b"abcd"), expect.as_bytes(), "<{offset}.{length}>");
        }
    }

    #[test]
    fn mime_needs_a_part() {
        assert_eq!(Section::new(PartPath::default(), Some(SectionText::Mime)), None);
        assert!(Section::whole().is_whole());
        assert_eq!(FieldName::new("a\r\nb"), None);
        assert!(FieldName::new("Subject").unwrap().matches("SUBJECT"));
    }
}
