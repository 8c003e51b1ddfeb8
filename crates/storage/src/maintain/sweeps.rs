//! Sweeps are written into the rows they are about, so that reading those gets no slower.

use ids::{AccountId, CollectionId};

use super::ROWS;
use crate::message_store::Sweeps;
use crate::sql::Value;
use crate::{Result, StorageError, Store, WriteTx};

/// The next mailboxes that have one.
const MAILBOXES: &str = "SELECT DISTINCT m.id, m.account_id FROM flag_sweep f \
     JOIN mailbox m ON m.id = f.mailbox_id WHERE m.id > ?1 ORDER BY m.id LIMIT 500";

/// Writes all of them, in slices of messages; how many slices there were.
pub(super) fn settle(store: &Store) -> Result<u64> {
    let (mut slices, mut last) = (0, 0);
    loop {
        let mailboxes = store.read_blocking(|tx| {
            tx.sql.query_all(MAILBOXES, &[Value::Int(last)], |row| {
                Ok((CollectionId::new(row.int(0)?), AccountId::new(row.int(1)?)))
            })
        })?;
        let Some((newest, _)) = mailboxes.last() else { return Ok(slices) };
        last = newest.get();
        for (mailbox, account) in mailboxes {
            slices += super::repeat(|| {
                let slice = store
                    .write_blocking("settle flags", move |tx| settle_slice(tx, account, mailbox))?;
                Ok(slice.value)
            })?;
        }
    }
}

/// Writes what is about the first messages; 0 where nothing is left.
fn settle_slice(tx: &mut WriteTx<'_>, account: AccountId, mailbox: CollectionId) -> Result<u64> {
    match tx.account(account) {
        Ok(_) => {}
        // Removed meanwhile.
        Err(StorageError::NotFound(_)) => return Ok(0),
        Err(error) => return Err(error),
    }
    let sweeps = Sweeps::load(&mut *tx.sql, mailbox)?;
    let Some(first) = sweeps.first() else { return Ok(0) };
    let end = tx.sql.query_one(
        "SELECT uid FROM message WHERE mailbox_id = ?1 AND uid >= ?2 \
         ORDER BY uid LIMIT 1 OFFSET ?3",
        &[Value::Int(mailbox.get()), Value::Int(first), Value::Int(ROWS)],
        |row| row.int(0),
    )?;
    tx.settle_up_to(mailbox, &sweeps, end.unwrap_or(u32::MAX.into()))?;
    Ok(1)
}
