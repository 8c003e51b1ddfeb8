//! Senders that were asked to come again and did not, and networks not heard of for long.

use super::{ROWS, repeat};
use crate::sql::Value;
use crate::{Result, Store};

const PURGE: &str = "DELETE FROM greylist WHERE key IN \
     (SELECT key FROM greylist WHERE expires < ?1 ORDER BY expires LIMIT ?2)";

/// Gives up what has expired.
pub(super) fn purge(store: &Store) -> Result<u64> {
    let now = store.now().as_micros();
    repeat(|| {
        let slice = store.write_blocking("purge greylist", move |tx| {
            tx.sql.execute(PURGE, &[Value::Int(now), Value::Int(ROWS)])
        })?;
        Ok(slice.value)
    })
}
