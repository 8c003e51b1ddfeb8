//! Sections of a message (RFC 9051 §6.4.5.1) cut from its stored bytes by the stored index of
//! its parts: nothing is parsed again.

use std::borrow::Cow;
use std::ops::Range;

use message::{Part, PartIndex, decode_part, header_fields};
use storage::{Content, Want};

use crate::render::FetchWriter;
use crate::types::{FieldName, PartPath, Partial, Section, SectionText};

/// What a section needs from storage.
pub(super) fn wanted(section: &Section) -> Want {
    let whole = Want::HEADER.union(Want::TEXT);
    if !section.part().is_empty() {
        return whole.union(Want::PARTS);
    }
    match section.text() {
        None => whole,
        Some(SectionText::Text) => Want::TEXT,
        Some(_) => Want::HEADER,
    }
}

/// A message's bytes as storage gave them: header and text apart.
pub(super) struct Bytes<'c> {
    content: &'c Content,
}

impl<'c> Bytes<'c> {
    pub(super) fn new(content: &'c Content) -> Self {
        Self { content }
    }

    pub(super) fn header(&self) -> &'c [u8] {
        self.content.header.as_deref().unwrap_or_default()
    }

    pub(super) fn text(&self) -> &'c [u8] {
        self.content.text.as_deref().unwrap_or_default()
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
        let keys = message::KeysView::parse(self.content.keys.as_deref()?).ok()?;
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
        let index = PartIndex::decode(self.content.parts.as_deref()?).ok()?;
        let numbers: Vec<u32> = path.numbers().iter().map(|number| number.get()).collect();
        index.find(&numbers)
    }

    /// Bytes by their place in the whole message.
    fn slice(&self, range: &Range<u32>) -> Option<Cow<'c, [u8]>> {
        let (start, end) = (range.start as usize, range.end as usize);
        let (header, text) = (self.header(), self.text());
        if start >= header.len() {
            return text.get(start - header.len()..end - header.len()).map(Cow::Borrowed);
        }
        if end <= header.len() {
            return header.get(start..end).map(Cow::Borrowed);
        }
        let mut joined = header.get(start..)?.to_vec();
        joined.extend_from_slice(text.get(..end - header.len())?);
        Some(Cow::Owned(joined))
    }

    /// `BINARY[…]` (RFC 9051 §6.4.5.3).
    pub(super) fn render_binary(
        &self,
        fetch: &mut FetchWriter<'_>,
        path: &PartPath,
        partial: Option<&Partial>,
    ) {
        let decoded = self.decoded(path);
        let cut =
            decoded.as_deref().map(|bytes| partial.map_or(bytes, |partial| partial.cut(bytes)));
        fetch.binary(path, partial, cut);
    }

    /// `BINARY.SIZE[…]`: the size of what BINARY gives.
    pub(super) fn render_binary_size(&self, fetch: &mut FetchWriter<'_>, path: &PartPath) {
        let size = self.decoded(path).map_or(0, |bytes| bytes.len());
        fetch.binary_size(path, size as u64);
    }

    fn decoded(&self, path: &PartPath) -> Option<Cow<'c, [u8]>> {
        if path.is_empty() {
            return Some(self.whole());
        }
        let part = self.part(path)?;
        match self.slice(&part.body)? {
            Cow::Borrowed(bytes) => decode_part(bytes, part.encoding).ok(),
            Cow::Owned(bytes) => {
                decode_part(&bytes, part.encoding).ok().map(|decoded| Cow::Owned(decoded.into_owned()))
            }
        }
    }

    /// Whether a part is written in a transfer encoding nobody here knows (UNKNOWN-CTE).
    pub(super) fn has_unknown_encoding(&self, path: &PartPath) -> bool {
        !path.is_empty()
            && self
                .part(path)
                .and_then(|part| self.slice(&part.body).map(|body| (part, body)))
                .is_some_and(|(part, body)| decode_part(&body, part.encoding).is_err())
    }
}

fn picked<'h>(header: Cow<'h, [u8]>, names: &[FieldName], listed: bool) -> Cow<'h, [u8]> {
    Cow::Owned(pick(&header, names, listed).into_owned())
}

/// HEADER.FIELDS and HEADER.FIELDS.NOT: the fields byte for byte, then the empty line
/// (RFC 9051 §6.4.5.1).
fn pick<'h>(header: &'h [u8], names: &[FieldName], listed: bool) -> Cow<'h, [u8]> {
    let mut out = Vec::new();
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
