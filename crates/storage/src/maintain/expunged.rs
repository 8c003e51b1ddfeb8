//! R-REST-1: an expunged message can be brought back for some days, then no longer.

use ids::Timestamp;

use super::{ROWS, repeat};
use crate::sql::Value;
use crate::{Result, Store};

/// The next accounts that have something to purge. Walks from account to account along the key,
/// so that its cost is that of the accounts, not of the messages.
const ACCOUNTS: &str = "WITH RECURSIVE walk (id) AS ( \
     SELECT MIN(account_id) FROM expunged WHERE account_id > ?1 \
     UNION ALL SELECT (SELECT MIN(e.account_id) FROM expunged e WHERE e.account_id > walk.id) \
     FROM walk WHERE walk.id IS NOT NULL) \
     SELECT id FROM walk WHERE id IS NOT NULL AND EXISTS ( \
     SELECT 1 FROM expunged e WHERE e.account_id = walk.id AND e.expunged_at < ?2) LIMIT 500";

const PURGE: &str = "DELETE FROM expunged WHERE account_id = ?1 \
     AND (expunged_at, mailbox_id, uid) IN ( \
     SELECT expunged_at, mailbox_id, uid FROM expunged \
     WHERE account_id = ?1 AND expunged_at < ?2 \
     ORDER BY expunged_at, mailbox_id, uid LIMIT ?3)";

/// Gives up what was expunged before `before`.
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
                let slice = store.write_blocking("purge expunged", move |tx| {
                    let params = [Value::Int(account), Value::Int(before), Value::Int(ROWS)];
                    tx.sql.execute(PURGE, &params)
                })?;
                Ok(slice.value)
            })?;
        }
    }
}
