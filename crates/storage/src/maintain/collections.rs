//! What restore and synchronisation of calendars and address books no longer reach.

use ids::{AccountId, CollectionId, Timestamp};

use super::{Log, for_owners, repeat};
use crate::sql::Value;
use crate::{AccountTx, Result, StorageError, Store, WriteTx};

/// Gives up versions of objects that were replaced or deleted before `before` (R-REST-2).
pub(super) fn purge_versions(store: &Store, before: Timestamp) -> Result<u64> {
    let oldest = "SELECT account_id FROM object_version WHERE until < ?1 ORDER BY until LIMIT 1";
    purge_account(store, "purge versions", oldest, before, |tx, at| tx.purge_versions(at))
}

/// Gives up messages in schedule inboxes from before `before`: most programs never delete them.
pub(super) fn purge_inboxes(store: &Store, before: Timestamp) -> Result<u64> {
    let oldest = "SELECT c.account_id FROM collection c JOIN object o ON o.collection_id = c.id \
                  WHERE c.kind = 3 AND o.created < ?1 LIMIT 1";
    purge_account(store, "purge inbox", oldest, before, |tx, at| tx.purge_inbox(at))
}

/// Lets one account after the other, those that `oldest` names, give up what is from before
/// `before`.
fn purge_account(
    store: &Store,
    verb: &'static str,
    oldest: &'static str,
    before: Timestamp,
    purge: fn(&mut AccountTx<'_, '_>, i64) -> Result<u64>,
) -> Result<u64> {
    let before = before.as_micros();
    repeat(|| {
        let account = store.read_blocking(|tx| {
            tx.sql.query_one(oldest, &[Value::Int(before)], |row| Ok(AccountId::new(row.int(0)?)))
        })?;
        let Some(account) = account else { return Ok(0) };
        let slice = store.write_blocking(verb, move |tx| match tx.account(account) {
            Ok(mut tx) => purge(&mut tx, before),
            // What it had went with it.
            Err(StorageError::NotFound(_)) => Ok(0),
            Err(error) => Err(error),
        })?;
        Ok(slice.value)
    })
}

const TOMBSTONES: Log = Log {
    oldest: "SELECT modseq, at FROM object_gone WHERE collection_id = ?1 ORDER BY modseq LIMIT 500",
    raise: "UPDATE collection SET horizon = ?2 WHERE id = ?1 AND horizon < ?2",
    delete: "DELETE FROM object_gone WHERE collection_id = ?1 AND modseq <= ?2",
};

/// Gives up what says that objects were gone before `before`: sync-tokens from before then are
/// refused.
pub(super) fn purge_tombstones(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    let owners = "SELECT DISTINCT collection_id FROM object_gone WHERE collection_id > ?1 \
                  AND at < ?2 ORDER BY collection_id LIMIT 500";
    for_owners(store, owners, before, |collection| {
        let collection = CollectionId::new(collection);
        let slice = store
            .write_blocking("purge tombstones", move |tx| purge_slice(tx, collection, before))?;
        Ok(slice.value)
    })
}

const HOME_TOMBSTONES: Log = Log {
    oldest: "SELECT seq, at FROM home_member WHERE view_id = ?1 AND gone = 1 ORDER BY seq LIMIT 500",
    raise: "UPDATE home_view SET horizon = ?2 WHERE id = ?1 AND horizon < ?2",
    delete: "DELETE FROM home_member WHERE view_id = ?1 AND gone = 1 AND seq <= ?2",
};

/// Removes the notes of members that left homes before an instant.
pub(super) fn purge_home_tombstones(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    let owners = "SELECT DISTINCT view_id FROM home_member WHERE view_id > ?1 AND gone = 1 \
                  AND at < ?2 ORDER BY view_id LIMIT 500";
    for_owners(store, owners, before, |view| {
        let purge = move |tx: &mut WriteTx<'_>| HOME_TOMBSTONES.purge_slice(tx, view, before);
        Ok(store.write_blocking("purge homes", purge)?.value)
    })
}

/// Forgets which letters about meetings were sent before `before`: none of them is on its way
/// still.
pub(super) fn purge_letters(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    repeat(|| {
        let purge = move |tx: &mut WriteTx<'_>| {
            tx.sql.execute(
                "DELETE FROM meeting_letter WHERE (account_id, meeting) IN (SELECT account_id, \
                 meeting FROM meeting_letter WHERE at < ?1 ORDER BY at LIMIT 500)",
                &[Value::Int(before)],
            )
        };
        Ok(store.write_blocking("purge letters", purge)?.value)
    })
}

/// Gives up who left the directory of an organisation before `before`.
pub(super) fn purge_directories(store: &Store, before: Timestamp) -> Result<u64> {
    let any = store.read_blocking(move |tx| {
        tx.sql.query_one(
            "SELECT 1 FROM directory_entry WHERE gone = 1 AND changed < ?1 LIMIT 1",
            &[Value::Int(before.as_micros())],
            |_| Ok(()),
        )
    })?;
    match any {
        None => Ok(0),
        Some(()) => {
            let done =
                store.write_blocking("purge directories", move |tx| tx.purge_directory(before))?;
            Ok(done.value)
        }
    }
}

fn purge_slice(tx: &mut WriteTx<'_>, collection: CollectionId, before: i64) -> Result<u64> {
    let found = match tx.load_collection(collection) {
        Ok(found) => found,
        // Its tombstones went with it.
        Err(StorageError::NotFound(_)) => return Ok(0),
        Err(error) => return Err(error),
    };
    tx.account(found.account)?;
    TOMBSTONES.purge_slice(tx, collection.get(), before)
}
