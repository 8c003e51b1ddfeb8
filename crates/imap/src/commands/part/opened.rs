//! What a URL names, read piece by piece while it is used, out of the memory that large messages
//! on their way to clients share.
//!
//! **Invariant:** a few pieces of it are in memory, and beside them headers.

use std::ops::Range;

use ids::ContentId;
use message::DecodedMeter;
use net::DrawnMemory;
use storage::{Content, StorageError, Store, Want};

use super::super::fetch::decoded::{self, Coded, Measured, Reading, Sent};
use super::super::fetch::large::{STREAM_BYTES, draw};
use super::super::fetch::section::{Bytes, picked_from, range};
use super::{Ctx, Place};
use crate::error::Result;
use crate::types::{Partial, Section, SectionText};

/// How the bytes of a part are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) enum Form {
    /// The bytes as the message has them, encoded for transfer.
    AsStored,
    /// Without their transfer encoding (RFC 5524 §3.1, BINARY).
    Decoded,
}

/// What is to be read of a part: its bytes, its structure, or both.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) struct Wanted {
    pub(in crate::commands) form: Option<Form>,
    /// BODYSTRUCTURE of the part.
    pub(in crate::commands) structure: bool,
}

impl Wanted {
    /// The bytes of the message.
    pub(in crate::commands) const BYTES: Self =
        Self { form: Some(Form::AsStored), structure: false };
}

/// A place whose text can be read.
pub(in crate::commands) struct Opened {
    id: ContentId,
    content: Content,
    source: Option<Source>,
    structure: Option<Vec<u8>>,
    _memory: DrawnMemory,
}

/// Where the bytes come from.
enum Source {
    /// The bytes are in memory, since they are part of a header.
    Held(Vec<u8>),
    /// The bytes are read from the stored message.
    Stored { coded: Coded, measured: Measured, cut: Range<u64> },
}

/// Where the octets that a section names lie in their message.
enum Found {
    /// In the header of the message, which is at hand.
    Header,
    /// In the header of a message/rfc822 part; the range is in octets of the message.
    InnerHeader(Range<u64>),
    /// In a part whose transfer encoding has to be undone.
    Coded(Coded),
    /// At this range of the message, sent as it is.
    Plain(Range<u64>),
}

/// Opens a place; `None` where there is no such message or part. `\Seen` stays as it is
/// (RFC 4469 §3).
pub(in crate::commands) async fn open(
    ctx: &mut Ctx<'_>,
    place: &Place,
    wanted: Wanted,
) -> Result<Option<Opened>> {
    match open_content(ctx, place, wanted).await {
        // Erased since it was found, maybe.
        Err(crate::error::CommandError::Storage(StorageError::Expunged)) => Ok(None),
        opened => opened,
    }
}

async fn open_content(ctx: &mut Ctx<'_>, place: &Place, wanted: Wanted) -> Result<Option<Opened>> {
    let (reader, mailbox, uid) = (place.reader, place.mailbox.id, place.uid);
    let store = ctx.shared.store.clone();
    let found = match store.read(move |tx| tx.find_content_as(reader, mailbox, uid)).await {
        // The mailbox is gone since, or not for this user to read any more.
        Err(
            StorageError::NotFound(_) | StorageError::NoPermission(_) | StorageError::Maintenance,
        ) => None,
        found => found?,
    };
    let Some((id, size_bytes)) = found else { return Ok(None) };
    let structure = if wanted.structure { Want::STRUCTURE } else { Want::default() };
    let want = Want::HEADER | Want::PARTS | structure;
    let loaded = store.read(move |tx| tx.load_contents(&[id], want)).await?;
    let Some(content) = loaded.into_iter().next() else { return Ok(None) };
    let found = match wanted.form {
        Some(form) => match find(&place.section, &content, size_bytes, form) {
            Some(found) => Some(found),
            None => return Ok(None),
        },
        None => None,
    };
    let memory = draw(ctx, memory_bytes(&content, size_bytes, found.as_ref())).await?;
    let source = match found {
        Some(found) => read(&store, id, &content, place, found, wanted).await?,
        None => None,
    };
    let structure = match wanted.structure {
        true => match structure_of(&place.section, &content, source.as_ref()) {
            Some(structure) => Some(structure),
            None => return Ok(None),
        },
        false => None,
    };
    Ok(Some(Opened { id, content, source, structure, _memory: memory }))
}

/// Where a section lies; `None` where there is none.
fn find(section: &Section, content: &Content, size_bytes: u64, form: Form) -> Option<Found> {
    let bytes = Bytes::new(content);
    let path = match (form, section.text()) {
        (Form::Decoded, None) => Some(section.part().clone()),
        // The text of a message that is one part has the transfer encoding of that.
        (Form::Decoded, Some(SectionText::Text)) => bytes.part_of_text(section.part()),
        _ => None,
    };
    if let Some(path) = path {
        return Coded::find(&path, content, size_bytes).map(Found::Coded);
    }
    if let Some(range) = range(section, content, size_bytes) {
        return Some(Found::Plain(range));
    }
    let of_header = |text: &SectionText| !matches!(text, SectionText::Text);
    match section.part().is_empty() {
        true => section.text().is_some_and(of_header).then_some(Found::Header),
        false => {
            let of_fields = |text: &SectionText| {
                matches!(text, SectionText::HeaderFields(_) | SectionText::HeaderFieldsNot(_))
            };
            section.text().is_some_and(of_fields).then_some(())?;
            let header = Section::new(section.part().clone(), Some(SectionText::Header))?;
            range(&header, content, size_bytes).map(Found::InnerHeader)
        }
    }
}

/// What is drawn for a place: the header twice, for what is taken of it, and pieces.
fn memory_bytes(content: &Content, size_bytes: u64, found: Option<&Found>) -> u64 {
    let header = content.header().map_or(0, <[u8]>::len) as u64;
    let inner = match found {
        Some(Found::InnerHeader(range)) => range.end - range.start,
        _ => 0,
    };
    (2 * (header + inner)).max(size_bytes.min(STREAM_BYTES))
}

/// Makes what was found ready to be read; `None` where it has a transfer encoding nobody knows.
async fn read(
    store: &Store,
    id: ContentId,
    content: &Content,
    place: &Place,
    found: Found,
    wanted: Wanted,
) -> storage::Result<Option<Source>> {
    let partial = place.partial.as_ref();
    let held = |header: &[u8]| {
        let picked = picked_from(&place.section, header);
        Some(Source::Held(partial.map_or(&*picked, |partial| partial.cut(&picked)).to_vec()))
    };
    let coded = match found {
        Found::Header => return Ok(held(content.header().unwrap_or_default())),
        Found::InnerHeader(range) => {
            let header = read_whole(store, id, content, range).await?;
            return Ok(held(&header));
        }
        // RFC 5524 §3.2: NIL where the transfer encoding is not known.
        Found::Coded(coded) if !coded.is_known() => return Ok(None),
        Found::Coded(coded) => coded,
        Found::Plain(range) => {
            let cut = decoded::cut(partial, range.end - range.start);
            let coded = Coded::plain(range.start + cut.start..range.start + cut.end);
            let size_bytes = cut.end - cut.start;
            let measured = match wanted.form {
                Some(Form::Decoded) => measure(store, id, content, &coded, None, None).await?,
                _ => Measured::plain(size_bytes),
            };
            return Ok(Some(Source::Stored { coded, measured, cut: 0..size_bytes }));
        }
    };
    let meter = wanted.structure.then(DecodedMeter::default);
    let measured = measure(store, id, content, &coded, partial, meter).await?;
    let cut = decoded::cut(partial, measured.size_bytes);
    Ok(Some(Source::Stored { coded, measured, cut }))
}

async fn measure(
    store: &Store,
    id: ContentId,
    content: &Content,
    coded: &Coded,
    partial: Option<&Partial>,
    meter: Option<DecodedMeter>,
) -> storage::Result<Measured> {
    let reading = Reading::begin(store, id, content, coded).await?;
    reading.measure_with(coded, partial, meter).await
}

async fn read_whole(
    store: &Store,
    id: ContentId,
    content: &Content,
    range: Range<u64>,
) -> storage::Result<Vec<u8>> {
    let size_bytes = range.end - range.start;
    let reading = Reading::begin(store, id, content, &Coded::plain(range)).await?;
    let sent = Sent::nothing(0..size_bytes, &Measured::plain(size_bytes));
    let mut pieces = Pieces { held: None, reading: Some((reading, sent)), left: size_bytes };
    let (mut whole, mut piece) = (Vec::new(), Vec::new());
    while pieces.next(&mut piece).await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// BODYSTRUCTURE of the part; `None` where there is no such part.
fn structure_of(section: &Section, content: &Content, source: Option<&Source>) -> Option<Vec<u8>> {
    let shape = match source {
        Some(Source::Stored { measured, .. }) => measured.shape.as_ref(),
        _ => None,
    };
    Bytes::new(content).structure(section, shape)
}

impl Opened {
    /// BODYSTRUCTURE of the part, in wire form.
    pub(in crate::commands) fn structure(&self) -> Option<&[u8]> {
        self.structure.as_deref()
    }

    /// How many bytes there are; `None` where none were asked for, or they have a transfer
    /// encoding nobody here knows.
    pub(in crate::commands) fn size_bytes(&self) -> Option<u64> {
        Some(match self.source.as_ref()? {
            Source::Held(bytes) => bytes.len() as u64,
            Source::Stored { cut, .. } => cut.end - cut.start,
        })
    }

    /// Whether there is a NUL among them. Of bytes as they are stored nobody asks.
    pub(in crate::commands) fn has_nul(&self) -> bool {
        match &self.source {
            Some(Source::Held(bytes)) => bytes.contains(&0),
            Some(Source::Stored { measured, .. }) => measured.has_nul,
            None => false,
        }
    }

    /// Begins to read the bytes, which can be done once.
    pub(in crate::commands) async fn pieces(&mut self, store: &Store) -> storage::Result<Pieces> {
        let left = self.size_bytes().unwrap_or(0);
        Ok(match self.source.take() {
            None => Pieces { held: None, reading: None, left },
            Some(Source::Held(bytes)) => Pieces { held: Some(bytes), reading: None, left },
            Some(Source::Stored { coded, measured, cut }) => {
                let reading = Reading::begin(store, self.id, &self.content, &coded).await?;
                let sent = Sent::nothing(cut, &measured);
                Pieces { held: None, reading: Some((reading, sent)), left }
            }
        })
    }
}

/// Octets of a section that are read piece by piece.
pub(in crate::commands) struct Pieces {
    held: Option<Vec<u8>>,
    reading: Option<(Reading, Sent)>,
    left: u64,
}

impl Pieces {
    /// Puts the next bytes, maybe none, into `out`; false where all of them came.
    pub(in crate::commands) async fn next(&mut self, out: &mut Vec<u8>) -> storage::Result<bool> {
        if let Some(held) = self.held.take() {
            *out = held;
            return Ok(true);
        }
        let is_more = match &mut self.reading {
            Some((reading, sent)) => reading.next_of(sent, out).await?,
            None => return Ok(false),
        };
        match is_more {
            true => self.left = self.left.saturating_sub(out.len() as u64),
            false if self.left > 0 => {
                return Err(StorageError::Corrupt("a part ended early".to_owned()));
            }
            false => {}
        }
        Ok(is_more)
    }
}
