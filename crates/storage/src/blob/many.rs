//! Reading many blobs at once.

use super::{BlobStore, IN_ROW, codec, damaged};
use crate::Result;
use crate::sql::Sql;

impl BlobStore {
    /// Hands the bytes of each blob to `each`, in any order: those that live in their rows with
    /// one query. `blobs` are distinct.
    pub(crate) fn load_many(
        &self,
        sql: &mut dyn Sql,
        blobs: &[i64],
        each: &mut dyn FnMut(i64, Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let mut elsewhere = blobs.to_vec();
        elsewhere.sort_unstable();
        let mut loaded = Vec::new();
        sql.query_in(
            "SELECT id, place, codec, size_bytes, hash, data FROM blob WHERE id IN ({IN})",
            blobs,
            &mut |row| {
                if row.int(1)? != IN_ROW {
                    return Ok(());
                }
                let id = row.int(0)?;
                let bytes = codec::expand(row.int(2)?, row.bytes(5)?, row.int(3)?)?;
                if !self.verified.has(id) {
                    if blake3::hash(&bytes).as_bytes() != row.bytes(4)? {
                        return Err(damaged(id));
                    }
                    self.verified.add(id);
                }
                loaded.push(id);
                each(id, bytes)
            },
        )?;
        loaded.sort_unstable();
        elsewhere.retain(|id| loaded.binary_search(id).is_err());
        for id in elsewhere {
            each(id, self.load(sql, id)?)?;
        }
        Ok(())
    }
}
