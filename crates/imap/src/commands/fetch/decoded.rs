//! Parts of a large message without their transfer encoding (BINARY and BINARY.SIZE,
//! RFC 9051 §6.4.5), decoded while they are read: once to know how long they are, and once to be
//! sent.
//!
//! **Invariant:** the bytes are those that [`super::section::Bytes`] makes of a part in one piece.

use std::ops::Range;

use ids::ContentId;
use message::{DecodedMeter, DecodedShape, Encoding, PartKind, PieceDecoder};
use storage::{Content, Store, TextStream};

use super::section;
use crate::types::{PartPath, Partial, Section};

/// A part as it stands in its message.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Coded {
    range: Range<u64>,
    encoding: Encoding,
    /// Whether its lines end in CRLF once it is decoded.
    is_text: bool,
}

impl Coded {
    /// Bytes of a message as they stand there.
    pub(in crate::commands) fn plain(range: Range<u64>) -> Self {
        Self { range, encoding: Encoding::Identity, is_text: false }
    }

    /// Where a part is; `None` where there is none.
    pub(in crate::commands) fn find(
        path: &PartPath,
        content: &Content,
        size_bytes: u64,
    ) -> Option<Self> {
        let whole = Section::new(path.clone(), None)?;
        let range = section::range(&whole, content, size_bytes)?;
        if path.is_empty() {
            return Some(Self::plain(range));
        }
        let part = content.parts()?.find(&section::numbers(path))?;
        let is_text = matches!(part.kind, PartKind::Text | PartKind::Html);
        Some(Self { range, encoding: part.encoding, is_text })
    }

    /// Whether the transfer encoding is one that can be decoded here.
    pub(in crate::commands) fn is_known(&self) -> bool {
        self.encoding != Encoding::Unknown
    }
}

/// What is known of a decoded part after it was read once.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::commands) struct Measured {
    pub(in crate::commands) size_bytes: u64,
    /// Whether there is a NUL in what is to be sent of it.
    pub(in crate::commands) has_nul: bool,
    /// Whether a CR is put before each bare LF.
    adds_cr: bool,
    /// What BODYSTRUCTURE says of it, if that was asked for.
    pub(in crate::commands) shape: Option<DecodedShape>,
}

impl Measured {
    /// A part of so many bytes that is sent as it is.
    pub(in crate::commands) fn plain(size_bytes: u64) -> Self {
        Self { size_bytes, ..Self::default() }
    }
}

/// What is sent of a part that has so many bytes.
pub(in crate::commands) fn cut(partial: Option<&Partial>, size_bytes: u64) -> Range<u64> {
    partial.map_or(0..size_bytes, |partial| partial.range(size_bytes))
}

/// A part being read and decoded.
pub(in crate::commands) struct Reading {
    /// What of it stands in the header of the message.
    head: Vec<u8>,
    text: TextStream,
    /// `None` at the end.
    decoder: Option<PieceDecoder>,
    spare: Vec<u8>,
}

impl Reading {
    /// Begins to read, from a message that is `id`.
    pub(in crate::commands) async fn begin(
        store: &Store,
        id: ContentId,
        content: &Content,
        coded: &Coded,
    ) -> storage::Result<Self> {
        let (head, text) = section::split(content, &coded.range);
        let text = section::open_text(store, id, text).await?;
        let decoder = PieceDecoder::new(coded.encoding).ok();
        Ok(Self { head: head.to_vec(), text, decoder, spare: Vec::new() })
    }

    /// Puts the next decoded bytes, maybe none, into `out`; false where all of them came.
    async fn next(&mut self, out: &mut Vec<u8>) -> storage::Result<bool> {
        out.clear();
        let Some(decoder) = &mut self.decoder else { return Ok(false) };
        decoder.push(&std::mem::take(&mut self.head), out);
        match self.text.next(std::mem::take(&mut self.spare)).await? {
            Some(piece) => {
                decoder.push(&piece, out);
                self.spare = piece;
            }
            None => {
                if let Some(decoder) = self.decoder.take() {
                    decoder.finish(out);
                }
            }
        }
        Ok(true)
    }

    /// Reads to the end.
    pub(super) async fn measure(
        self,
        coded: &Coded,
        partial: Option<&Partial>,
    ) -> storage::Result<Measured> {
        self.measure_with(coded, partial, None).await
    }

    /// Reads to the end, and counts what BODYSTRUCTURE says with it.
    pub(in crate::commands) async fn measure_with(
        mut self,
        coded: &Coded,
        partial: Option<&Partial>,
        mut meter: Option<DecodedMeter>,
    ) -> storage::Result<Measured> {
        let mut measure = Measure::new(cut(partial, u64::MAX));
        let mut out = Vec::new();
        while self.next(&mut out).await? {
            measure.push(&out);
            if let Some(meter) = &mut meter {
                meter.push(&out);
            }
        }
        let measured = measure.finish(coded.is_text);
        Ok(Measured { shape: meter.map(|meter| meter.finish(measured.adds_cr)), ..measured })
    }

    /// Puts the bytes to be sent that come next, maybe none, into `out`; false at the end.
    pub(in crate::commands) async fn next_of(
        &mut self,
        sent: &mut Sent,
        out: &mut Vec<u8>,
    ) -> storage::Result<bool> {
        let is_more = sent.at < sent.cut.end && self.next(out).await?;
        if is_more {
            sent.pick(out);
        }
        Ok(is_more)
    }
}

/// Counts what decoding a part gives.
#[derive(Debug)]
struct Measure {
    wanted: Range<u64>,
    bytes: u64,
    last: Option<u8>,
    /// LF without CR before them.
    bare: u64,
    has_crlf: bool,
    /// Whether there is a NUL in what is wanted: of the bytes as they are, and with CR.
    nul: [bool; 2],
}

impl Measure {
    fn new(wanted: Range<u64>) -> Self {
        Self { wanted, bytes: 0, last: None, bare: 0, has_crlf: false, nul: [false; 2] }
    }

    fn push(&mut self, bytes: &[u8]) {
        for at in memchr::memchr2_iter(b'\n', 0, bytes) {
            let place = self.bytes + at as u64;
            if bytes.get(at) == Some(&0) {
                let places = [place, place + self.bare];
                for (nul, place) in self.nul.iter_mut().zip(places) {
                    *nul |= self.wanted.contains(&place);
                }
                continue;
            }
            let before = at.checked_sub(1).map_or(self.last, |at| bytes.get(at).copied());
            match before {
                Some(b'\r') => self.has_crlf = true,
                _ => self.bare += 1,
            }
        }
        self.bytes += bytes.len() as u64;
        self.last = bytes.last().copied().or(self.last);
    }

    fn finish(self, is_text: bool) -> Measured {
        // RFC 9051 §7.5.2, BINARY: as for a part in one piece, see `with_crlf`.
        let adds_cr = is_text && !self.has_crlf && self.bare > 0;
        let [as_it_is, with_cr] = self.nul;
        Measured {
            size_bytes: self.bytes + if adds_cr { self.bare } else { 0 },
            has_nul: if adds_cr { with_cr } else { as_it_is },
            adds_cr,
            shape: None,
        }
    }
}

/// How far a part was sent.
#[derive(Debug)]
pub(in crate::commands) struct Sent {
    pub(in crate::commands) cut: Range<u64>,
    at: u64,
    adds_cr: bool,
}

impl Sent {
    pub(in crate::commands) fn nothing(cut: Range<u64>, measured: &Measured) -> Self {
        Self { cut, at: 0, adds_cr: measured.adds_cr }
    }

    /// Leaves in `out` what is to be sent of it.
    fn pick(&mut self, out: &mut Vec<u8>) {
        if self.adds_cr && memchr::memchr(b'\n', out).is_some() {
            // There is no LF with a CR before it, or none would get one.
            let mut with_cr = Vec::with_capacity(out.len() + out.len() / 16);
            for line in out.split_inclusive(|byte| *byte == b'\n') {
                match line.split_last() {
                    Some((b'\n', line)) => {
                        with_cr.extend_from_slice(line);
                        with_cr.extend_from_slice(b"\r\n");
                    }
                    _ => with_cr.extend_from_slice(line),
                }
            }
            *out = with_cr;
        }
        let begin = self.at;
        self.at += out.len() as u64;
        let place = |at: u64| usize::try_from(at.saturating_sub(begin)).unwrap_or(usize::MAX);
        out.truncate(place(self.cut.end));
        out.drain(..place(self.cut.start).min(out.len()));
    }
}
