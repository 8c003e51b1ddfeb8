//! Removes activity of accounts that is older than is kept.

use ids::Timestamp;

use super::{ROWS, repeat};
use crate::sql::Value;
use crate::{Result, Store};

/// Rows of one moment go together, so that each call ends.
const PURGE: &str = "DELETE FROM activity WHERE last <= \
     (SELECT MAX(last) FROM (SELECT last FROM activity WHERE last < ?1 ORDER BY last LIMIT ?2) old)";

/// Gives up what happened before `before`.
pub(super) fn purge(store: &Store, before: Timestamp) -> Result<u64> {
    repeat(|| {
        let slice = store.write_blocking("purge activity", move |tx| {
            tx.sql.execute(PURGE, &[Value::Int(before.as_micros()), Value::Int(ROWS)])
        })?;
        Ok(slice.value)
    })
}
