//! Blobs: bytes kept once, named by their BLAKE3 hash.

use ids::BlobId;

use crate::sql::{Sql, Value};
use crate::{Result, StorageError};

/// Bytes ready to be stored.
#[derive(Debug)]
pub(crate) struct PreparedBlob {
    pub(crate) hash: BlobId,
    pub(crate) size_bytes: u64,
    pub(crate) stored: Vec<u8>,
}

impl PreparedBlob {
    /// Hashes `bytes`.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let hash = BlobId::new(*blake3::hash(&bytes).as_bytes());
        Self { hash, size_bytes: bytes.len() as u64, stored: bytes }
    }
}

/// Where the bytes of large blobs live.
pub(crate) struct BlobStore {}

impl BlobStore {
    /// The row of a blob, written unless it is there.
    pub(crate) fn insert(&self, sql: &mut dyn Sql, blob: &PreparedBlob) -> Result<i64> {
        let size = Value::Int(blob.size_bytes.cast_signed());
        sql.query_one(
            "INSERT INTO blob (hash, size_bytes, stored_bytes, codec, place, data) \
             VALUES (?1, ?2, ?2, 0, 0, ?3) \
             ON CONFLICT (hash) DO UPDATE SET place = blob.place RETURNING id",
            &[Value::Bytes(blob.hash.as_bytes()), size, Value::Bytes(&blob.stored)],
            |row| row.int(0),
        )?
        .ok_or_else(|| StorageError::Internal("an inserted row has no id".to_owned()))
    }

    /// The bytes of a blob.
    pub(crate) fn load(&self, sql: &mut dyn Sql, blob: i64) -> Result<Vec<u8>> {
        sql.query_one("SELECT data FROM blob WHERE id = ?1", &[Value::Int(blob)], |row| {
            Ok(row.bytes(0)?.to_vec())
        })?
        .ok_or_else(|| StorageError::Corrupt(format!("blob {blob} is missing")))
    }
}
