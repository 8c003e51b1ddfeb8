//! Blobs: bytes kept once, named by their BLAKE3 hash.
//!
//! Small ones live in their row. Large ones are appended to a pack file, where one sync serves a
//! whole group of writers, or put into an object store. In every case the bytes are durable
//! before the row that names them is committed.
//!
//! **Invariant:** what [`BlobStore::load`] returns has the hash it was stored under.

mod codec;
mod pack;

use std::sync::{Arc, OnceLock};

use ids::BlobId;
use rusqlite::Connection;

use self::pack::{PackPlace, Packs};
use crate::sql::{Dialect, Sql, Value};
use crate::{Blobs, Database, PreparedMessage, Result, Settings, StorageError};

/// How the bytes are kept; part of the stored format.
const AS_IS: i64 = 0;
const ZSTD: i64 = 1;

/// Where the bytes are kept; part of the stored format.
const IN_ROW: i64 = 0;
const IN_PACK: i64 = 1;

/// Bytes ready to be stored.
#[derive(Debug)]
pub(crate) struct PreparedBlob {
    pub(crate) hash: BlobId,
    pub(crate) size_bytes: u64,
    pub(crate) stored: Vec<u8>,
    codec: i64,
    /// Set once the bytes are durable outside the row.
    place: OnceLock<PackPlace>,
}

impl PreparedBlob {
    /// Hashes `bytes`, and compresses them where it pays.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let hash = BlobId::new(*blake3::hash(&bytes).as_bytes());
        let size_bytes = bytes.len() as u64;
        let (codec, stored) = match codec::compress(&bytes) {
            Some(compressed) => (ZSTD, compressed),
            None => (AS_IS, bytes),
        };
        Self { hash, size_bytes, stored, codec, place: OnceLock::new() }
    }
}

/// Where the bytes of large blobs live.
pub(crate) struct BlobStore {
    inline_bytes_max: usize,
    packs: Option<Packs>,
}

impl BlobStore {
    pub(crate) fn open(settings: &Settings) -> Result<Self> {
        let packs = match (&settings.database, &settings.blobs) {
            (Database::Sqlite, Blobs::Database) => {
                Some(Packs::open(settings.data_dir.join("blobs"))?)
            }
            // Several daemons have no disk in common: rows hold everything.
            (Database::Postgres(_), Blobs::Database) => None,
            (_, Blobs::ObjectStore(url)) => {
                return Err(StorageError::Unavailable(format!("unknown object store {url}")));
            }
        };
        Ok(Self { inline_bytes_max: settings.inline_bytes_max, packs })
    }

    /// Makes the large blobs of `messages` durable that are in no row yet: one sync for all.
    pub(crate) fn place_large<'m>(
        &self,
        connection: &Connection,
        messages: impl Iterator<Item = &'m Arc<PreparedMessage>>,
    ) -> Result<()> {
        let Some(packs) = &self.packs else { return Ok(()) };
        let large: Vec<&PreparedBlob> = messages
            .filter_map(|message| message.body.as_ref())
            .filter(|blob| blob.stored.len() > self.inline_bytes_max && blob.place.get().is_none())
            .collect();
        if large.is_empty() {
            return Ok(());
        }
        let mut wanted = Vec::with_capacity(large.len());
        for blob in large {
            let known: bool = connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM blob WHERE hash = ?1)")
                .and_then(|mut statement| {
                    statement.query_row([blob.hash.as_bytes()], |row| row.get(0))
                })
                .map_err(crate::sql::sqlite::error)?;
            if !known {
                wanted.push(blob);
            }
        }
        let places = packs.append(wanted.iter().map(|blob| (blob.hash, blob.stored.as_slice())))?;
        for (blob, place) in wanted.iter().zip(places) {
            // Another message of this batch may be the same one; either place will do.
            let _ = blob.place.set(place);
        }
        Ok(())
    }

    /// The row of a blob, written unless it is there.
    pub(crate) fn insert(&self, sql: &mut dyn Sql, blob: &PreparedBlob) -> Result<i64> {
        let hash = Value::Bytes(blob.hash.as_bytes());
        let find = "SELECT id FROM blob WHERE hash = ?1";
        if sql.dialect() == Dialect::Sqlite
            && let Some(id) = sql.query_one(find, &[hash], |row| row.int(0))?
        {
            return Ok(id);
        }
        let (place, pack, offset, data) = match blob.place.get() {
            Some(at) => (IN_PACK, Value::Int(at.pack), Value::Int(at.offset), Value::Null),
            None => (IN_ROW, Value::Null, Value::Null, Value::Bytes(&blob.stored)),
        };
        sql.query_one(
            "INSERT INTO blob (hash, size_bytes, stored_bytes, codec, place, pack, pack_offset, \
             data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
             ON CONFLICT (hash) DO UPDATE SET place = blob.place RETURNING id",
            &[
                hash,
                Value::Int(blob.size_bytes.cast_signed()),
                Value::Int(blob.stored.len() as i64),
                Value::Int(blob.codec),
                Value::Int(place),
                pack,
                offset,
                data,
            ],
            |row| row.int(0),
        )?
        .ok_or_else(|| StorageError::Internal("an inserted row has no id".to_owned()))
    }

    /// The bytes of a blob.
    pub(crate) fn load(&self, sql: &mut dyn Sql, blob: i64) -> Result<Vec<u8>> {
        let mut elsewhere = None;
        let mut bytes = None;
        sql.query(
            "SELECT size_bytes, stored_bytes, codec, place, hash, pack, pack_offset, data \
             FROM blob WHERE id = ?1",
            &[Value::Int(blob)],
            &mut |row| {
                let (size, codec) = (row.int(0)?, row.int(2)?);
                if row.int(3)? == IN_ROW {
                    bytes = Some(codec::expand(codec, row.bytes(7)?, size)?);
                    return Ok(());
                }
                let hash = BlobId::from_slice(row.bytes(4)?).ok_or_else(|| damaged(blob))?;
                let place = PackPlace { pack: row.int(5)?, offset: row.int(6)? };
                elsewhere = Some((size, codec, row.int(1)?, hash, place));
                Ok(())
            },
        )?;
        if let Some((size, codec, stored_bytes, hash, place)) = elsewhere {
            let packs = self.packs.as_ref().ok_or_else(|| damaged(blob))?;
            let stored = packs.read(place, stored_bytes as usize)?;
            let expanded = codec::expand(codec, &stored, size)?;
            if blake3::hash(&expanded).as_bytes() != hash.as_bytes() {
                return Err(damaged(blob));
            }
            bytes = Some(expanded);
        }
        bytes.ok_or_else(|| StorageError::Corrupt(format!("blob {blob} is missing")))
    }
}

fn damaged(blob: i64) -> StorageError {
    StorageError::Corrupt(format!("blob {blob} is damaged"))
}
