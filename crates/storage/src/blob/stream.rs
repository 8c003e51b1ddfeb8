//! Reading a blob piece by piece: a message of any size in little memory.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use zstd::stream::raw::{DParameter, Decoder, Operation};

use super::{
    AS_IS, BlobStore, Elsewhere, IN_OBJECT, IN_PACK, IN_ROW, Kept, LZ4, ZSTD, codec, damaged, pack,
};
use crate::sql::{Sql, Value};
use crate::{Result, StorageError};
use ids::BlobId;

/// LIMIT: bytes handed out at once.
const PIECE_BYTES: usize = 128 * 1024;
/// LIMIT: stored bytes read at once.
const READ_BYTES: u64 = 64 * 1024;
/// LIMIT: how far back a compressed blob may refer, as RFC 8878 §3.1.1.1.2 advises; those written
/// here go back half a mebibyte.
const WINDOW_LOG_MAX: u32 = 23;
/// LIMIT: damaged blobs remembered.
const DAMAGED_MAX: usize = 1024;

/// Blobs that turned out to be damaged when they were read to their end. Somebody was sent all
/// but that end; who asks again is told at once.
#[derive(Debug, Default)]
pub(super) struct Damaged(Mutex<BTreeSet<i64>>);

impl Damaged {
    fn has(&self, blob: i64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&blob)
    }

    fn add(&self, blob: i64) {
        let mut blobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if blobs.len() >= DAMAGED_MAX {
            blobs.clear();
        }
        blobs.insert(blob);
    }
}

/// A blob that is being read.
///
/// **Invariant:** its last byte is handed out only after all of it was compared with its hash, by
/// this reader or by one before it.
pub(crate) struct BlobReader {
    blob: i64,
    kept: Kept,
    source: Source,
    /// Stored bytes read so far, of them those not expanded yet.
    read_bytes: u64,
    input: Vec<u8>,
    /// Where the rest of `input` begins.
    at: usize,
    expander: Expander,
    /// Bytes handed out so far.
    given_bytes: u64,
    /// `None` where the blob was compared with its hash before.
    hasher: Option<Box<blake3::Hasher>>,
}

/// Where the stored bytes come from.
enum Source {
    Row,
    /// Held open, so that nobody waits for a reader to remove it.
    Pack {
        file: Arc<File>,
        offset: u64,
    },
    Object(String),
}

/// How stored bytes become those of the blob.
enum Expander {
    AsIs,
    Zstd(Box<Decoder<'static>>),
    /// LZ4, which cannot be read in pieces; such blobs have 32 KiB at most.
    Whole,
}

impl BlobStore {
    /// Begins to read a blob.
    pub(crate) fn open_blob(&self, sql: &mut dyn Sql, blob: i64) -> Result<BlobReader> {
        if self.damaged.has(blob) {
            return Err(damaged(blob));
        }
        let found = sql.query_one(
            "SELECT size_bytes, stored_bytes, codec, place, hash, pack, pack_offset, object \
             FROM blob WHERE id = ?1",
            &[Value::Int(blob)],
            |row| {
                let hash = BlobId::from_slice(row.bytes(4)?).ok_or_else(|| damaged(blob))?;
                let kept = Kept {
                    size_bytes: row.int(0)?,
                    stored_bytes: row.int(1)?,
                    codec: row.int(2)?,
                    hash,
                };
                let source = match (row.int(3)?, &self.elsewhere) {
                    (IN_ROW, _) => Source::Row,
                    (IN_PACK, Elsewhere::Packs(packs)) => Source::Pack {
                        file: packs.file(row.int(5)?)?,
                        offset: u64::try_from(row.int(6)?).map_err(|_| damaged(blob))?,
                    },
                    (IN_OBJECT, Elsewhere::Objects(_)) => Source::Object(row.text(7)?.to_owned()),
                    _ => return Err(super::misplaced(blob)),
                };
                Ok((kept, source))
            },
        )?;
        let (kept, source) = found.ok_or(StorageError::Expunged)?;
        let is_verified = self.verified.has(blob);
        Ok(BlobReader {
            blob,
            expander: Expander::of(&kept)?,
            kept,
            source,
            read_bytes: 0,
            input: Vec::new(),
            at: 0,
            given_bytes: 0,
            hasher: (!is_verified).then(Box::default),
        })
    }
}

impl Expander {
    fn of(kept: &Kept) -> Result<Self> {
        match kept.codec {
            AS_IS => Ok(Self::AsIs),
            ZSTD => {
                let failed = |cause: std::io::Error| StorageError::Unavailable(cause.to_string());
                let mut decoder = Decoder::new().map_err(failed)?;
                decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(failed)?;
                Ok(Self::Zstd(Box::new(decoder)))
            }
            LZ4 => Ok(Self::Whole),
            other => Err(StorageError::Corrupt(format!("a blob of unknown codec {other}"))),
        }
    }
}

impl BlobReader {
    /// How many bytes the blob has.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.kept.size_bytes.cast_unsigned()
    }

    /// Whether its end can be trusted only when all of it was read.
    pub(crate) fn is_unverified(&self) -> bool {
        self.hasher.is_some()
    }

    /// The next bytes, in the place of what is in `piece`; none at the end.
    pub(crate) fn next_piece(
        &mut self,
        blobs: &BlobStore,
        sql: &mut dyn Sql,
        mut piece: Vec<u8>,
    ) -> Result<Vec<u8>> {
        let left = self.size_bytes().saturating_sub(self.given_bytes);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        piece.clear();
        piece.reserve_exact(wanted);
        while piece.len() < wanted {
            if !self.expand(&mut piece, wanted)? {
                self.fill(blobs, sql)?;
            }
        }
        self.given_bytes += piece.len() as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&piece);
        }
        if self.given_bytes == self.size_bytes()
            && let Some(hasher) = self.hasher.take()
        {
            if hasher.finalize().as_bytes() != self.kept.hash.as_bytes() {
                blobs.damaged.add(self.blob);
                return Err(damaged(self.blob));
            }
            blobs.verified.add(self.blob);
        }
        Ok(piece)
    }

    /// Takes from what was read until the piece has so many bytes; whether it came further.
    fn expand(&mut self, piece: &mut Vec<u8>, wanted: usize) -> Result<bool> {
        let input = self.input.get(self.at..).unwrap_or_default();
        let before = piece.len();
        match &mut self.expander {
            Expander::AsIs => {
                let taken = input.len().min(wanted - before);
                piece.extend_from_slice(input.get(..taken).unwrap_or_default());
                self.at += taken;
            }
            Expander::Zstd(decoder) => {
                piece.resize(wanted, 0);
                let room = piece.get_mut(before..).unwrap_or_default();
                let done = decoder
                    .run_on_buffers(input, room)
                    .map_err(|_| StorageError::Corrupt("a blob does not expand".to_owned()))?;
                piece.truncate(before + done.bytes_written);
                self.at += done.bytes_read;
                return Ok(done.bytes_written > 0 || done.bytes_read > 0);
            }
            Expander::Whole => {
                if self.read_bytes < self.kept.stored_bytes.cast_unsigned() {
                    return Ok(false);
                }
                self.input = codec::expand(self.kept.codec, input, self.kept.size_bytes)?;
                (self.at, self.expander) = (0, Expander::AsIs);
                return Ok(true);
            }
        }
        Ok(piece.len() > before)
    }

    /// Reads the next bytes into the buffer.
    fn fill(&mut self, blobs: &BlobStore, sql: &mut dyn Sql) -> Result<()> {
        let left = self.kept.stored_bytes.cast_unsigned().saturating_sub(self.read_bytes);
        let length = match self.expander {
            Expander::Whole => left,
            Expander::AsIs | Expander::Zstd(_) => left.min(READ_BYTES),
        };
        if length == 0 {
            return Err(damaged(self.blob));
        }
        self.input.drain(..self.at);
        self.at = 0;
        let before = self.input.len() as u64;
        self.read(blobs, sql, length)?;
        if self.input.len() as u64 != before + length {
            return Err(damaged(self.blob));
        }
        self.read_bytes += length;
        Ok(())
    }

    /// Puts the next stored bytes behind those that wait.
    fn read(&mut self, blobs: &BlobStore, sql: &mut dyn Sql, length: u64) -> Result<()> {
        match (&self.source, &blobs.elsewhere) {
            (Source::Row, _) => {
                let found = sql.query_one(
                    "SELECT substr(data, CAST(CAST(?2 AS BIGINT) AS INTEGER), \
                     CAST(CAST(?3 AS BIGINT) AS INTEGER)) FROM blob WHERE id = ?1",
                    &[
                        Value::Int(self.blob),
                        Value::Int(self.read_bytes.cast_signed() + 1),
                        Value::Int(length.cast_signed()),
                    ],
                    |row| {
                        self.input.extend_from_slice(row.bytes(0)?);
                        Ok(())
                    },
                )?;
                found.ok_or(StorageError::Expunged)
            }
            (Source::Pack { file, offset }, _) => {
                pack::read_behind(file, offset + self.read_bytes, length, &mut self.input)
            }
            (Source::Object(key), Elsewhere::Objects(objects)) => {
                let range = self.read_bytes..self.read_bytes + length;
                self.input.extend_from_slice(&objects.read_range(key, range)?);
                Ok(())
            }
            (Source::Object(_), _) => Err(super::misplaced(self.blob)),
        }
    }
}
