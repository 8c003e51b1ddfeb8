//! Sections of a message (RFC 9051 §6.4.5.1) cut from its stored bytes by the stored index of
//! its parts: nothing is parsed again.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::ops::Range;

use ids::ContentId;
use message::{
    DecodedShape, Encoding, Part, PartKind, decode_part, decoded_structure, header_fields,
    part_structure,
};
use storage::{Content, StorageError, Store, TextStream, Want};

use crate::render::FetchWriter;
use crate::types::{FieldName, PartPath, Partial, Section, SectionText};

/// The parts of a message that must be loaded to answer a section.
pub(super) fn wanted(section: &Section) -> Want {
    let whole = Want::HEADER | Want::TEXT;
    if !section.part().is_empty() {
        return whole | Want::PARTS;
    }
    match section.text() {
        None => whole,
        Some(SectionText::Text) => Want::TEXT,
        Some(_) => Want::HEADER,
    }
}

/// Whether a section is bytes of the message that follow each other, wherever its parts are.
pub(super) fn is_range(section: &Section) -> bool {
    let picks = |text: &SectionText| {
        matches!(text, SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_))
    };
    section.part().is_empty() || !section.text().is_some_and(picks)
}

/// Where in its message, which has `size_bytes`, such a section lies if it takes any of the text;
/// `None` also where there is no such part.
pub(in crate::commands) fn range(
    section: &Section,
    content: &Content,
    size_bytes: u64,
) -> Option<Range<u64>> {
    let found = match (section.part(), section.text()) {
        (part, None) if part.is_empty() => 0..size_bytes,
        (part, Some(SectionText::Text)) if part.is_empty() => {
            content.header().unwrap_or_default().len() as u64..size_bytes
        }
        (part, _) if part.is_empty() => return None,
        (path, text) => {
            let part = content.parts()?.find(&numbers(path))?;
            let range = match text {
                None => part.body,
                Some(SectionText::Mime) => part.mime,
                Some(SectionText::Header) => part.message?.header,
                Some(SectionText::Text) => part.message?.text,
                Some(SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_)) => {
                    return None;
                }
            };
            range.start.into()..range.end.into()
        }
    };
    (found.start <= found.end && found.end <= size_bytes).then_some(found)
}

/// What of a range of a message stands in its header, and where the rest is in its text.
pub(super) fn split<'c>(content: &'c Content, range: &Range<u64>) -> (&'c [u8], Range<u64>) {
    let header = content.header().unwrap_or_default();
    let header_bytes = header.len() as u64;
    let of_text = |at: u64| at.saturating_sub(header_bytes);
    let of_header = |at: u64| usize::try_from(at.min(header_bytes)).unwrap_or(usize::MAX);
    let head = header.get(of_header(range.start)..of_header(range.end)).unwrap_or_default();
    (head, of_text(range.start)..of_text(range.end))
}

/// Begins to read a range of a text that has all of it.
pub(super) async fn open_text(
    store: &Store,
    id: ContentId,
    range: Range<u64>,
) -> storage::Result<TextStream> {
    let expected = range.end - range.start;
    let text = store.open_text(id, range).await?;
    match text.len() == expected {
        true => Ok(text),
        false => Err(StorageError::Corrupt("the index of a message's parts".to_owned())),
    }
}

/// A message's bytes as storage gave them: header and text apart.
pub(in crate::commands) struct Bytes<'c> {
    content: &'c Content,
}

impl<'c> Bytes<'c> {
    pub(in crate::commands) fn new(content: &'c Content) -> Self {
        Self { content }
    }

    pub(super) fn header(&self) -> &'c [u8] {
        self.content.header().unwrap_or_default()
    }

    pub(super) fn text(&self) -> &'c [u8] {
        self.content.text().unwrap_or_default()
    }

    /// The message byte for byte.
    pub(super) fn whole(&self) -> Cow<'c, [u8]> {
        match (self.header(), self.text()) {
            (header, []) => Cow::Borrowed(header),
            ([], text) => Cow::Borrowed(text),
            (header, text) => Cow::Owned([header, text].concat()),
        }
    }

    pub(super) fn preview(&self) -> Option<&'c str> {
        let keys = message::KeysView::parse(self.content.keys()?).ok()?;
        Some(keys.preview())
    }

    /// `BODY[…]`: NIL where there is no such part (RFC 9051 §7.5.2).
    pub(super) fn render_section(
        &self,
        fetch: &mut FetchWriter<'_>,
        section: &Section,
        partial: Option<&Partial>,
    ) {
        if section.is_whole() && partial.is_none() {
            // The hot path of every client: two slices, no copy in between.
            let size = self.header().len() + self.text().len();
            fetch.body_section_header(section, None, size as u64);
            fetch.raw(self.header());
            fetch.raw(self.text());
            return;
        }
        let found = self.section(section);
        let cut = found.as_deref().map(|bytes| partial.map_or(bytes, |partial| partial.cut(bytes)));
        fetch.body_section(section, partial, cut);
    }

    /// The bytes of `BODY[…]`; `None` where there is no such part.
    fn section(&self, section: &Section) -> Option<Cow<'c, [u8]>> {
        if section.part().is_empty() {
            return Some(match section.text() {
                None => self.whole(),
                Some(SectionText::Text) => Cow::Borrowed(self.text()),
                Some(SectionText::HeaderFields(names)) => pick(self.header(), names, true),
                Some(SectionText::HeaderFieldsNot(names)) => pick(self.header(), names, false),
                Some(SectionText::Header | SectionText::Mime) => Cow::Borrowed(self.header()),
            });
        }
        let part = self.part(section.part())?;
        let ranges = part.message.as_ref();
        match section.text() {
            None => self.slice(&part.body),
            Some(SectionText::Mime) => self.slice(&part.mime),
            Some(SectionText::Header) => self.slice(&ranges?.header),
            Some(SectionText::Text) => self.slice(&ranges?.text),
            Some(SectionText::HeaderFields(names)) => {
                Some(picked(self.slice(&ranges?.header)?, names, true))
            }
            Some(SectionText::HeaderFieldsNot(names)) => {
                Some(picked(self.slice(&ranges?.header)?, names, false))
            }
        }
    }

    fn part(&self, path: &PartPath) -> Option<Part> {
        self.content.parts()?.find(&numbers(path))
    }

    /// Bytes by their place in the whole message.
    fn slice(&self, range: &Range<u32>) -> Option<Cow<'c, [u8]>> {
        let (start, end) = (range.start as usize, range.end as usize);
        let (header, text) = (self.header(), self.text());
        if start >= header.len() {
            let (start, end) = (start - header.len(), end.checked_sub(header.len())?);
            return text.get(start..end).map(Cow::Borrowed);
        }
        if end <= header.len() {
            return header.get(start..end).map(Cow::Borrowed);
        }
        let mut joined = header.get(start..)?.to_vec();
        joined.extend_from_slice(text.get(..end - header.len())?);
        Some(Cow::Owned(joined))
    }

    /// `BINARY[…]` (RFC 9051 §6.4.5); false where the part has a transfer encoding nobody here
    /// knows, and nothing was written.
    pub(super) fn render_binary(
        &self,
        fetch: &mut FetchWriter<'_>,
        path: &PartPath,
        partial: Option<&Partial>,
    ) -> bool {
        let Ok(decoded) = self.decoded(path) else { return false };
        let cut =
            decoded.as_deref().map(|bytes| partial.map_or(bytes, |partial| partial.cut(bytes)));
        fetch.binary(path, partial, cut);
        true
    }

    /// `BINARY.SIZE[…]`: the size of what BINARY gives.
    pub(super) fn render_binary_size(&self, fetch: &mut FetchWriter<'_>, path: &PartPath) -> bool {
        let Ok(decoded) = self.decoded(path) else { return false };
        fetch.binary_size(path, decoded.map_or(0, |bytes| bytes.len()) as u64);
        true
    }

    /// The number of the part that the text of a message is, if it is one and no multipart.
    pub(in crate::commands) fn part_of_text(&self, path: &PartPath) -> Option<PartPath> {
        let text = self.part(path)?.message?.text;
        let numbers = path.numbers().iter().copied().chain([NonZeroU32::MIN]).collect();
        let first = PartPath::new(numbers);
        (self.part(&first)?.body == text).then_some(first)
    }

    /// BODYSTRUCTURE of the part that a section is of (RFC 5524 §3.2), after decoding where
    /// `decoded` is the shape of what that has left of it; `None` where there is no such part.
    pub(in crate::commands) fn structure(
        &self,
        section: &Section,
        decoded: Option<&DecodedShape>,
    ) -> Option<Vec<u8>> {
        let path = match section.text() {
            None | Some(SectionText::Mime) => None,
            Some(text) => {
                // Only messages have these sections.
                self.part(section.part())?.message?;
                self.part_of_text(section.part()).filter(|_| *text == SectionText::Text)
            }
        };
        let path = path.as_ref().unwrap_or(section.part());
        let found = part_structure(self.content.body_structure()?, &numbers(path))?;
        let part = self.part(path)?;
        let is_encoded = matches!(part.encoding, Encoding::QuotedPrintable | Encoding::Base64);
        match decoded {
            Some(decoded) if is_encoded && part.kind != PartKind::Multipart => {
                Some(decoded_structure(found, decoded))
            }
            _ => Some(found.to_vec()),
        }
    }

    /// The content of a part without its transfer encoding; `None` where there is no such part.
    fn decoded(&self, path: &PartPath) -> Result<Option<Cow<'c, [u8]>>, message::Error> {
        if path.is_empty() {
            return Ok(Some(self.whole()));
        }
        let Some(part) = self.part(path) else { return Ok(None) };
        let decoded = match self.slice(&part.body) {
            None => return Ok(None),
            Some(Cow::Borrowed(bytes)) => decode_part(bytes, part.encoding)?,
            Some(Cow::Owned(bytes)) => Cow::Owned(decode_part(&bytes, part.encoding)?.into_owned()),
        };
        Ok(Some(match part.kind {
            PartKind::Text | PartKind::Html => with_crlf(decoded),
            _ => decoded,
        }))
    }
}

pub(super) fn numbers(path: &PartPath) -> Vec<u32> {
    path.numbers().iter().map(|number| number.get()).collect()
}

/// RFC 9051 §7.5.2, BINARY: text is sent with CRLF, however its lines ended before it was
/// encoded. Where some end in CRLF, an LF alone ends none: it is left as it is.
fn with_crlf(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let is_bare =
        |at: usize| text.get(at) == Some(&b'\n') && (at == 0 || text.get(at - 1) != Some(&b'\r'));
    let bare = (0..text.len()).filter(|&at| is_bare(at)).count();
    if bare == 0 || text.windows(2).any(|pair| pair == b"\r\n") {
        return text;
    }
    let mut out = Vec::with_capacity(text.len() + bare);
    for (at, &byte) in text.iter().enumerate() {
        if is_bare(at) {
            out.push(b'\r');
        }
        out.push(byte);
    }
    Cow::Owned(out)
}

fn picked<'h>(header: Cow<'h, [u8]>, names: &[FieldName], listed: bool) -> Cow<'h, [u8]> {
    Cow::Owned(pick(&header, names, listed).into_owned())
}

/// What a section takes of the header it is about.
pub(in crate::commands) fn picked_from(section: &Section, header: &[u8]) -> Vec<u8> {
    match section.text() {
        Some(SectionText::HeaderFields(names)) => pick(header, names, true).into_owned(),
        Some(SectionText::HeaderFieldsNot(names)) => pick(header, names, false).into_owned(),
        _ => header.to_vec(),
    }
}

/// HEADER.FIELDS and HEADER.FIELDS.NOT: the fields byte for byte, then the empty line
/// (RFC 9051 §6.4.5.1).
fn pick<'h>(header: &'h [u8], names: &[FieldName], listed: bool) -> Cow<'h, [u8]> {
    // LIMIT: what the usual handful of fields takes; more grows it.
    let mut out = Vec::with_capacity(header.len().min(1024));
    for field in header_fields(header) {
        let matches = names.iter().any(|name| field.is(name.as_str()));
        if matches == listed {
            out.extend_from_slice(field.line);
        }
    }
    if out.last().is_some_and(|&byte| byte != b'\n') {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Cow::Owned(out)
}
