//! Managed attachments that nothing names any more, past the days in which what named them can be
//! brought back.

use std::collections::BTreeMap;

use ids::{AccountId, Timestamp};

use super::contents::{erase_blobs, lock_blobs};
use super::{ROWS, repeat};
use crate::sql::Value;
use crate::{Result, StorageError, Store, WriteTx};

/// Attachments with their blobs.
type Slice = Vec<(i64, i64)>;

/// Erases those that nothing has named since before `before`, with their data; how many blobs.
pub(super) fn purge(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros().max(1);
    let mut blobs = 0;
    repeat(|| {
        let due = store.read_blocking(|tx| {
            tx.sql.query_all(
                "SELECT id, blob_id, account_id FROM attachment WHERE unnamed_since < ?1 \
                 ORDER BY unnamed_since, id LIMIT ?2",
                &[Value::Int(before), Value::Int(ROWS)],
                |row| Ok((row.opt_int(2)?, (row.int(0)?, row.int(1)?))),
            )
        })?;
        let mut by_owner: BTreeMap<Option<i64>, Slice> = BTreeMap::new();
        let count = due.len() as u64;
        for (owner, one) in due {
            by_owner.entry(owner).or_default().push(one);
        }
        for (owner, slice) in by_owner {
            let owner = owner.map(AccountId::new);
            let erased = store
                .write_blocking("purge attachments", move |tx| erase(tx, owner, &slice, before))?;
            blobs += erased.value;
        }
        Ok(count)
    })?;
    Ok(blobs)
}

fn erase(
    tx: &mut WriteTx<'_>,
    owner: Option<AccountId>,
    slice: &[(i64, i64)],
    before: i64,
) -> Result<u64> {
    let mut blobs: Vec<i64> = slice.iter().map(|(_, blob)| *blob).collect();
    // Blobs before accounts, as whoever adds an attachment does.
    lock_blobs(&mut *tx.sql, &mut blobs)?;
    match owner.map(|owner| tx.account(owner)) {
        Some(Ok(mut tx)) => {
            for (id, _) in slice {
                tx.purge_attachment(*id, before)?;
            }
        }
        // What it had is of nobody now; the next call finds it so.
        Some(Err(StorageError::NotFound(_))) => return Ok(0),
        Some(Err(error)) => return Err(error),
        None => {
            for (id, _) in slice {
                tx.sql.execute(
                    "DELETE FROM attachment WHERE id = ?1 AND account_id IS NULL",
                    &[Value::Int(*id)],
                )?;
            }
        }
    }
    erase_blobs(&mut *tx.sql, &blobs)
}
