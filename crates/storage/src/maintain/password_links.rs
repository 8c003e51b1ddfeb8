//! Removes links that expired before anybody set a password by them.

use super::{ROWS, repeat};
use crate::sql::Value;
use crate::{Result, Store};

/// A link that was replaced meanwhile stays.
const PURGE: &str = "DELETE FROM password_link WHERE expires <= ?1 AND account_id IN \
     (SELECT account_id FROM password_link WHERE expires <= ?1 ORDER BY expires LIMIT ?2)";

/// Gives up what has expired.
pub(super) fn purge(store: &Store) -> Result<u64> {
    let now = store.now().as_micros();
    repeat(|| {
        let slice = store.write_blocking("purge password links", move |tx| {
            tx.sql.execute(PURGE, &[Value::Int(now), Value::Int(ROWS)])
        })?;
        Ok(slice.value)
    })
}
