//! What happened to messages, past the days it is kept.

use ids::Timestamp;

use super::{ROWS, repeat};
use crate::sql::Value;
use crate::{Result, Store};

/// Numbers ascend with time, so that only the first rows are looked at.
const PURGES: [&str; 2] = [
    "DELETE FROM spool_trace WHERE id IN (SELECT id FROM ( \
     SELECT id, at FROM spool_trace ORDER BY id LIMIT ?2) first WHERE at < ?1)",
    "DELETE FROM reception WHERE id IN (SELECT id FROM ( \
     SELECT id, at FROM reception ORDER BY id LIMIT ?2) first WHERE at < ?1)",
];

/// Gives up what happened before `before`.
pub(super) fn purge(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    let mut sum = 0;
    for purge in PURGES {
        sum += repeat(|| {
            let slice = store.write_blocking("purge trace", move |tx| {
                tx.sql.execute(purge, &[Value::Int(before), Value::Int(ROWS)])
            })?;
            Ok(slice.value)
        })?;
    }
    Ok(sum)
}
