//! Blobs that nothing ever named. On PostgreSQL the bodies of a transaction are written before it
//! does anything else, and it may name none of them: a script discards the message, or a quota
//! refuses it.

use super::contents::{erase_blobs, numbers};
use crate::{Database, Result, Store, WriteTx};

/// The bounds are said of what names them too: PostgreSQL would not see that from the equality, and
/// might read all of it for each window.
const UNNAMED_WITHIN: &str = "SELECT b.id FROM blob b WHERE b.id > ?1 AND b.id <= ?2 \
     AND NOT EXISTS (SELECT 1 FROM content c WHERE c.body_blob = b.id \
       AND c.body_blob > ?1 AND c.body_blob <= ?2) \
     AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.blob_id = b.id \
       AND a.blob_id > ?1 AND a.blob_id <= ?2) ORDER BY b.id";
/// Whoever is about to name one of these holds it: it is left, and nobody waits for anybody.
const LOCK: &str = "SELECT id FROM blob WHERE id IN ({IN}) FOR UPDATE SKIP LOCKED";

/// Erases them, from where the last call ended, once around; how many.
pub(super) fn erase(store: &Store, cursor: &mut i64) -> Result<u64> {
    match store.settings().database {
        // There a blob is written by what names it.
        Database::Sqlite => return Ok(0),
        Database::Postgres(_) => {}
    }
    let mut erased = 0;
    super::walk(store, "SELECT MAX(id) FROM blob", UNNAMED_WITHIN, cursor, |slice| {
        erased += store.write_blocking("erase blobs", move |tx| erase_slice(tx, &slice))?.value;
        Ok(())
    })?;
    Ok(erased)
}

fn erase_slice(tx: &mut WriteTx<'_>, candidates: &[i64]) -> Result<u64> {
    let sql = &mut *tx.sql;
    let locked = numbers(sql, LOCK, candidates)?;
    // Looks again: it sees all that was named before the lock.
    erase_blobs(sql, &locked)
}
