//! Cards of before their addresses were kept, which are read once.

use crate::sql::Value;
use crate::{Result, Store};
use ids::AccountId;

/// Reads them, some at a time.
pub(super) fn read_old(store: &Store) -> Result<()> {
    let mut after = 0;
    loop {
        let next = store.read_blocking(move |tx| {
            tx.sql.query_one(
                "SELECT c.account_id FROM collection c JOIN object o \
                 ON o.collection_id = c.id AND o.addresses_known = 0 \
                 WHERE c.account_id > ?1 ORDER BY c.account_id LIMIT 1",
                &[Value::Int(after)],
                |row| row.int(0),
            )
        })?;
        let Some(account) = next else { return Ok(()) };
        after = account;
        loop {
            let some = store.write_blocking("addresses of cards", move |tx| {
                tx.account(AccountId::new(account))?.read_old_addresses()
            });
            if !some?.value {
                break;
            }
        }
    }
}
