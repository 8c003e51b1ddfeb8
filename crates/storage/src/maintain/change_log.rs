//! The change log reaches back some days; what is older is answered with "too old".

use ids::{AccountId, Timestamp};

use super::repeat;
use crate::sql::Value;
use crate::{Result, StorageError, Store, WriteTx};

/// The next accounts whose oldest fact is too old. Walks along the key, as for expunged messages;
/// includes accounts that are gone, whose last facts are still there.
const ACCOUNTS: &str = "WITH RECURSIVE walk (id) AS ( \
     SELECT MIN(account_id) FROM change WHERE account_id > ?1 \
     UNION ALL SELECT (SELECT MIN(c.account_id) FROM change c WHERE c.account_id > walk.id) \
     FROM walk WHERE walk.id IS NOT NULL) \
     SELECT id FROM walk WHERE id IS NOT NULL AND ( \
     SELECT c.at FROM change c WHERE c.account_id = walk.id \
     ORDER BY c.modseq, c.ordinal LIMIT 1) < ?2 LIMIT 500";

/// Gives up facts from before `before`.
pub(super) fn purge(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    let (mut purged, mut last) = (0, 0);
    loop {
        let accounts = store.read_blocking(|tx| {
            let params = [Value::Int(last), Value::Int(before)];
            tx.sql.query_all(ACCOUNTS, &params, |row| row.int(0))
        })?;
        let Some(&newest) = accounts.last() else { return Ok(purged) };
        last = newest;
        for account in accounts {
            purged += repeat(|| {
                let slice = store.write_blocking("purge change log", move |tx| {
                    purge_slice(tx, AccountId::new(account), before)
                })?;
                Ok(slice.value)
            })?;
        }
    }
}

/// Moves the horizon of one account, and deletes what is below it.
fn purge_slice(tx: &mut WriteTx<'_>, account: AccountId, before: i64) -> Result<u64> {
    match tx.account(account) {
        Ok(_) | Err(StorageError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    let id = Value::Int(account.get());
    let oldest = tx.sql.query_all(
        "SELECT modseq, at FROM change WHERE account_id = ?1 ORDER BY modseq, ordinal LIMIT 500",
        &[id],
        |row| Ok((row.int(0)?, row.int(1)?)),
    )?;
    // Never a part of a transaction: all its facts carry one instant, and its number decides.
    let horizon = oldest.iter().take_while(|(_, at)| *at < before).last();
    let Some(&(horizon, _)) = horizon else { return Ok(0) };
    let params = [id, Value::Int(horizon)];
    tx.sql.execute("UPDATE account SET horizon = ?2 WHERE id = ?1 AND horizon < ?2", &params)?;
    tx.sql.execute("DELETE FROM change WHERE account_id = ?1 AND modseq <= ?2", &params)
}
