//! The change log reaches back some days; what is older is answered with "too old".

use ids::{AccountId, Timestamp};

use super::{Log, for_owners};
use crate::{Result, StorageError, Store};

/// The next accounts whose oldest fact is too old. Walks along the key, as for expunged messages;
/// includes accounts that are gone, whose last facts are still there.
const ACCOUNTS: &str = "WITH RECURSIVE walk (id) AS ( \
     SELECT MIN(account_id) FROM change WHERE account_id > ?1 \
     UNION ALL SELECT (SELECT MIN(c.account_id) FROM change c WHERE c.account_id > walk.id) \
     FROM walk WHERE walk.id IS NOT NULL) \
     SELECT id FROM walk WHERE id IS NOT NULL AND ( \
     SELECT c.at FROM change c WHERE c.account_id = walk.id \
     ORDER BY c.modseq, c.ordinal LIMIT 1) < ?2 LIMIT 500";

const LOG: Log = Log {
    oldest: "SELECT modseq, at FROM change WHERE account_id = ?1 ORDER BY modseq, ordinal LIMIT 500",
    raise: "UPDATE account SET horizon = ?2 WHERE id = ?1 AND horizon < ?2",
    delete: "DELETE FROM change WHERE account_id = ?1 AND modseq <= ?2",
};

/// Gives up facts from before `before`.
pub(super) fn purge(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    for_owners(store, ACCOUNTS, before, |account| {
        let slice = store.write_blocking("purge change log", move |tx| {
            match tx.account(AccountId::new(account)) {
                Ok(_) | Err(StorageError::NotFound(_)) => LOG.purge_slice(tx, account, before),
                Err(error) => Err(error),
            }
        })?;
        Ok(slice.value)
    })
}
