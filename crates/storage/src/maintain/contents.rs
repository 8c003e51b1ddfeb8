//! Message texts that nothing names: no message, no expunged one, nothing in the spool.

use crate::sql::{Dialect, Sql};
use crate::{Result, Store, WriteTx};

#[derive(Debug, Default)]
pub(super) struct Erased {
    pub(super) contents: u64,
    pub(super) blobs: u64,
}

const UNNAMED_WITHIN: &str = "SELECT c.id FROM content c WHERE c.id > ?1 AND c.id <= ?2 \
     AND NOT EXISTS (SELECT 1 FROM message m WHERE m.content_id = c.id) \
     AND NOT EXISTS (SELECT 1 FROM expunged e WHERE e.content_id = c.id) \
     AND NOT EXISTS (SELECT 1 FROM spool s WHERE s.content_id = c.id) ORDER BY c.id";
const UNNAMED_AMONG: &str = "SELECT c.id FROM content c WHERE c.id IN ({IN}) \
     AND NOT EXISTS (SELECT 1 FROM message m WHERE m.content_id = c.id) \
     AND NOT EXISTS (SELECT 1 FROM expunged e WHERE e.content_id = c.id) \
     AND NOT EXISTS (SELECT 1 FROM spool s WHERE s.content_id = c.id)";

/// Erases what nothing names, from where the last call ended, once around.
pub(super) fn erase(store: &Store, cursor: &mut i64) -> Result<Erased> {
    let mut erased = Erased::default();
    super::walk(store, "SELECT MAX(id) FROM content", UNNAMED_WITHIN, cursor, |slice| {
        let done = store.write_blocking("erase", move |tx| erase_slice(tx, &slice))?.value;
        erased.contents += done.contents;
        erased.blobs += done.blobs;
        Ok(())
    })?;
    Ok(erased)
}

fn erase_slice(tx: &mut WriteTx<'_>, candidates: &[i64]) -> Result<Erased> {
    let sql = &mut *tx.sql;
    lock(sql, "SELECT id FROM content WHERE id IN ({IN}) ORDER BY id FOR UPDATE", candidates)?;
    let contents = numbers(sql, UNNAMED_AMONG, candidates)?;
    numbers(sql, "DELETE FROM content_open_end WHERE content_id IN ({IN})", &contents)?;
    numbers(sql, "DELETE FROM content_header WHERE content_id IN ({IN})", &contents)?;
    let mut blobs = Vec::new();
    let delete = "DELETE FROM content WHERE id IN ({IN}) RETURNING body_blob";
    sql.query_in(delete, &contents, &mut |row| {
        blobs.extend(row.opt_int(0)?);
        Ok(())
    })?;
    lock_blobs(sql, &mut blobs)?;
    let blobs = erase_blobs(sql, &blobs)?;
    Ok(Erased { contents: contents.len() as u64, blobs })
}

/// Keeps others from naming these blobs; they are in order and distinct afterwards.
pub(super) fn lock_blobs(sql: &mut dyn Sql, blobs: &mut Vec<i64>) -> Result<()> {
    blobs.sort_unstable();
    blobs.dedup();
    lock(sql, "SELECT id FROM blob WHERE id IN ({IN}) ORDER BY id FOR UPDATE", blobs)
}

/// Erases those of these blobs that nothing names; how many. They are locked.
pub(super) fn erase_blobs(sql: &mut dyn Sql, blobs: &[i64]) -> Result<u64> {
    let delete = "DELETE FROM blob WHERE id IN ({IN}) AND NOT EXISTS \
                  (SELECT 1 FROM content c WHERE c.body_blob = blob.id) AND NOT EXISTS \
                  (SELECT 1 FROM attachment a WHERE a.blob_id = blob.id) RETURNING id";
    Ok(numbers(sql, delete, blobs)?.len() as u64)
}

/// Keeps other transactions from naming these rows, and waits for those that do. Only what sees
/// the database after that may say that nothing names them.
fn lock(sql: &mut dyn Sql, text: &'static str, ids: &[i64]) -> Result<()> {
    match sql.dialect() {
        Dialect::Sqlite => Ok(()),
        Dialect::Postgres => sql.query_in(text, ids, &mut |_| Ok(())),
    }
}

/// The first column of what `text` answers for these ids.
pub(super) fn numbers(sql: &mut dyn Sql, text: &'static str, ids: &[i64]) -> Result<Vec<i64>> {
    let mut found = Vec::new();
    sql.query_in(text, ids, &mut |row| {
        found.push(row.int(0)?);
        Ok(())
    })?;
    Ok(found)
}
