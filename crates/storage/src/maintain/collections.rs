//! What restore and synchronisation of calendars and address books no longer reach.

use ids::{AccountId, CollectionId, Timestamp};

use super::repeat;
use crate::sql::Value;
use crate::{Result, StorageError, Store, WriteTx};

/// Gives up versions of objects that were replaced or deleted before `before` (R-REST-2).
pub(super) fn purge_versions(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    repeat(|| {
        let oldest = store.read_blocking(|tx| {
            tx.sql.query_one(
                "SELECT account_id FROM object_version WHERE until < ?1 ORDER BY until LIMIT 1",
                &[Value::Int(before)],
                |row| Ok(AccountId::new(row.int(0)?)),
            )
        })?;
        let Some(account) = oldest else { return Ok(0) };
        let slice =
            store.write_blocking("purge versions", move |tx| match tx.account(account) {
                Ok(mut tx) => tx.purge_versions(before),
                // Its versions went with it.
                Err(StorageError::NotFound(_)) => Ok(0),
                Err(error) => Err(error),
            })?;
        Ok(slice.value)
    })
}

/// Gives up messages in schedule inboxes from before `before`: most programs never delete them.
pub(super) fn purge_inboxes(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    repeat(|| {
        let oldest = store.read_blocking(|tx| {
            tx.sql.query_one(
                "SELECT c.account_id FROM collection c JOIN object o ON o.collection_id = c.id \
                 WHERE c.kind = 3 AND o.created < ?1 LIMIT 1",
                &[Value::Int(before)],
                |row| Ok(AccountId::new(row.int(0)?)),
            )
        })?;
        let Some(account) = oldest else { return Ok(0) };
        let slice = store.write_blocking("purge inbox", move |tx| match tx.account(account) {
            Ok(mut tx) => tx.purge_inbox(before),
            // Its messages went with it.
            Err(StorageError::NotFound(_)) => Ok(0),
            Err(error) => Err(error),
        })?;
        Ok(slice.value)
    })
}

/// Gives up what says that objects were gone before `before`: sync-tokens from before then are
/// refused.
pub(super) fn purge_tombstones(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    repeat(|| {
        let oldest = store.read_blocking(|tx| {
            tx.sql.query_one(
                "SELECT collection_id FROM object_gone WHERE at < ?1 ORDER BY at LIMIT 1",
                &[Value::Int(before)],
                |row| Ok(CollectionId::new(row.int(0)?)),
            )
        })?;
        let Some(collection) = oldest else { return Ok(0) };
        let slice = store
            .write_blocking("purge tombstones", move |tx| purge_slice(tx, collection, before))?;
        Ok(slice.value)
    })
}

fn purge_slice(tx: &mut WriteTx<'_>, collection: CollectionId, before: i64) -> Result<u64> {
    let found = match tx.load_collection(collection) {
        Ok(found) => found,
        // Its tombstones went with it.
        Err(StorageError::NotFound(_)) => return Ok(0),
        Err(error) => return Err(error),
    };
    tx.account(found.account)?;
    let id = Value::Int(collection.get());
    let oldest = tx.sql.query_all(
        "SELECT modseq, at FROM object_gone WHERE collection_id = ?1 ORDER BY modseq LIMIT 500",
        &[id],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    // Never a part of a transaction: all of it carries one instant, and its number decides.
    let horizon = oldest.iter().take_while(|(_, at)| *at < before).last();
    let Some(&(horizon, _)) = horizon else { return Ok(0) };
    let params = [id, Value::Int(horizon)];
    tx.sql.execute("UPDATE collection SET horizon = ?2 WHERE id = ?1 AND horizon < ?2", &params)?;
    tx.sql.execute("DELETE FROM object_gone WHERE collection_id = ?1 AND modseq <= ?2", &params)
}
