//! R-REST-1: an expunged message can be brought back for some days, then no longer.

use ids::{AccountId, Timestamp};

use super::for_owners;
use crate::{Result, StorageError, Store};

/// The next accounts that have something to purge. Walks from account to account along the key,
/// so that its cost is that of the accounts, not of the messages.
const ACCOUNTS: &str = "WITH RECURSIVE walk (id) AS ( \
     SELECT MIN(account_id) FROM expunged WHERE account_id > ?1 \
     UNION ALL SELECT (SELECT MIN(e.account_id) FROM expunged e WHERE e.account_id > walk.id) \
     FROM walk WHERE walk.id IS NOT NULL) \
     SELECT id FROM walk WHERE id IS NOT NULL AND EXISTS ( \
     SELECT 1 FROM expunged e WHERE e.account_id = walk.id AND e.expunged_at < ?2) LIMIT 500";

/// Gives up what was expunged before `before`.
pub(super) fn purge(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    for_owners(store, ACCOUNTS, before, |account| {
        let slice = store.write_blocking("purge expunged", move |tx| {
            match tx.account(AccountId::new(account)) {
                Ok(mut account) => account.purge_expunged(before),
                // Removed meanwhile, with what it had expunged.
                Err(StorageError::NotFound(_)) => Ok(0),
                Err(error) => Err(error),
            }
        })?;
        Ok(slice.value)
    })
}
