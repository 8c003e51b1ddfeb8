//! The MIME entities of a message in document order, the message itself first (RFC 5703 §3).

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::ops::Range;

use message::{
    Encoding, Limits, Parameterized, Part, PartIndex, PartKind, decode_header_text, header_fields,
    part_text,
};

use crate::error::Trouble;
use crate::run::State;

/// LIMIT: bytes of decoded texts that are kept for the tests to come.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// The content of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntityKind {
    Text,
    Leaf,
    Multipart,
    /// A message; its content is the entity that follows.
    Message,
}

/// An entity: a header and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entity {
    pub(crate) header: Range<usize>,
    pub(crate) body: Range<usize>,
    pub(crate) kind: EntityKind,
    pub(crate) encoding: Encoding,
    is_html: bool,
    /// Its text with markup and without, once somebody asked for it.
    kept: [OnceCell<Option<Box<str>>>; 2],
}

/// The entities of one version of the message.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    bytes: Vec<u8>,
    limits: Option<Limits>,
    entities: Vec<Entity>,
    kept_bytes: Cell<usize>,
}

fn usizes(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

impl Structure {
    pub(super) fn of(bytes: Vec<u8>, limits: &Limits) -> Self {
        let index = PartIndex::of(&bytes, limits);
        let mut entities = Vec::new();
        let mut content_header: Option<Range<u32>> = None;
        for (_, part) in index.iter() {
            // What a message holds is listed only where it is no multipart: then its header is
            // that of the message, which comes before it.
            let is_content = content_header.take().is_some_and(|header| header == part.mime);
            match entities.last_mut() {
                Some(last) if is_content => *last = entity(&part),
                _ if !part.mime.is_empty() => entities.push(entity(&part)),
                _ => {}
            }
            if let Some(message) = &part.message {
                content_header = Some(message.header.clone());
                entities.push(Entity {
                    header: usizes(&message.header),
                    body: usizes(&message.text),
                    kind: EntityKind::Multipart,
                    encoding: Encoding::Identity,
                    is_html: false,
                    kept: Default::default(),
                });
            }
        }
        Self { bytes, limits: Some(*limits), entities, kept_bytes: Cell::new(0) }
    }

    pub(crate) fn entities(&self) -> &[Entity] {
        &self.entities
    }

    /// The one after the last that lies in this one.
    pub(crate) fn end_of(&self, index: usize) -> usize {
        let Some(outer) = self.entities.get(index) else { return index };
        let after = self.entities.iter().skip(index + 1);
        index + 1 + after.take_while(|inner| inner.header.start < outer.body.end).count()
    }

    pub(crate) fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// The values of the fields of a name in an entity's header, undecoded.
    pub(crate) fn fields<'s>(
        &'s self,
        entity: &Entity,
        name: &'s str,
    ) -> impl Iterator<Item = &'s [u8]> {
        let max = self.limits.map_or(0, |limits| limits.header_fields_max);
        header_fields(self.slice(&entity.header))
            .take(max)
            .filter(move |field| field.is(name))
            .map(|field| field.value)
    }

    /// What Content-Type says; RFC 2045 §5.2 where it says nothing.
    pub(crate) fn content_type(&self, entity: &Entity) -> Parameterized {
        let declared = self.fields(entity, "Content-Type").last();
        declared.and_then(Parameterized::parse).unwrap_or_else(|| Parameterized {
            main: b"text".to_vec(),
            sub: b"plain".to_vec(),
            parameters: Vec::new(),
        })
    }

    /// The decoded text of a text entity; of any other its decoded bytes as they are. It is paid
    /// for as it stands in the message, whatever comes of it.
    pub(crate) fn text<'s>(
        &self,
        entity: &'s Entity,
        markup: Markup,
        state: &mut State<'_>,
    ) -> Result<Option<Cow<'s, str>>, Trouble> {
        let place = usize::from(markup == Markup::Removed && entity.is_html);
        let slot = entity.kept.get(place);
        if let Some(kept) = slot.and_then(OnceCell::get) {
            return Ok(kept.as_deref().map(Cow::Borrowed));
        }
        let bytes = entity.body.len() as u64;
        state.charge(1 + if place == 1 { bytes / 4 } else { bytes / 16 })?;
        let text = self.decoded(entity, markup);
        let held = self.kept_bytes.get() + text.as_ref().map_or(0, String::len);
        Ok(match slot {
            Some(slot) if held <= KEPT_BYTES_MAX => {
                self.kept_bytes.set(held);
                slot.get_or_init(|| text.map(Into::into)).as_deref().map(Cow::Borrowed)
            }
            _ => text.map(Cow::Owned),
        })
    }

    fn decoded(&self, entity: &Entity, markup: Markup) -> Option<String> {
        let limits = self.limits.as_ref()?;
        let narrow = |range: &Range<usize>| {
            Some(u32::try_from(range.start).ok()?..u32::try_from(range.end).ok()?)
        };
        let kind = match (entity.kind, entity.is_html, markup) {
            (EntityKind::Text, true, Markup::Removed) => PartKind::Html,
            (EntityKind::Text, ..) => PartKind::Text,
            _ => {
                let decoded = message::decode_part(self.slice(&entity.body), entity.encoding);
                return Some(String::from_utf8_lossy(&decoded.ok()?).into_owned());
            }
        };
        let part = Part {
            mime: narrow(&entity.header)?,
            body: narrow(&entity.body)?,
            encoding: entity.encoding,
            kind,
            message: None,
        };
        part_text(&self.bytes, &part, limits).map(Into::into)
    }

    /// The header of a message inside, decoded, a line for each field.
    pub(crate) fn header_text(&self, entity: &Entity) -> String {
        let mut text = String::new();
        for field in header_fields(self.slice(&entity.header)) {
            text.push_str(&String::from_utf8_lossy(field.name));
            text.push_str(": ");
            text.push_str(decode_header_text(field.value).trim());
            text.push_str("\r\n");
        }
        text
    }
}

/// What becomes of the markup of HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Markup {
    Kept,
    Removed,
}

fn entity(part: &Part) -> Entity {
    Entity {
        header: usizes(&part.mime),
        body: usizes(&part.body),
        kind: match part.kind {
            PartKind::Html | PartKind::Text => EntityKind::Text,
            PartKind::Binary => EntityKind::Leaf,
            PartKind::Multipart => EntityKind::Multipart,
            PartKind::Message => EntityKind::Message,
        },
        encoding: part.encoding,
        is_html: part.kind == PartKind::Html,
        kept: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let structure = Structure::of(text.as_bytes().to_vec(), &Limits::default());
        let shown = |(index, entity): (usize, &Entity)| {
            let content_type = structure.content_type(entity);
            format!(
                "{}/{} {:?} {}",
                String::from_utf8_lossy(&content_type.main),
                String::from_utf8_lossy(&content_type.sub),
                entity.kind,
                structure.end_of(index)
            )
        };
        structure.entities().iter().enumerate().map(shown).collect()
    }

    #[test]
    fn entities_in_document_order() {
        assert_eq!(shown("Subject: x\r\n\r\nbody"), ["text/plain Text 1"]);
        assert_eq!(shown("Subject: x\r\n"), ["text/plain Text 1"]);
        assert_eq!(
            shown("Content-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nleaf"),
            ["message/rfc822 Message 2", "text/plain Text 2"]
        );
        let inner = "Content-Type: message/rfc822\r\n\r\nSubject: y\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
                     --b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--b--\r\n";
        let text = format!(
            "Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\none\r\n--a\r\n{inner}\r\n\
             --a\r\nContent-Type: message/rfc822\r\n\r\nSubject: z\r\n\r\nleaf\r\n--a--\r\n"
        );
        assert_eq!(
            shown(&text),
            [
                "multipart/mixed Multipart 8",
                "text/plain Text 2",
                "message/rfc822 Message 6",
                "multipart/alternative Multipart 6",
                "text/plain Text 5",
                "text/html Text 6",
                "message/rfc822 Message 8",
                "text/plain Text 8",
            ]
        );
    }
}
