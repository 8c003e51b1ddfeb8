//! What deliveries remember, past the time it is good for.

use ids::Timestamp;

use super::{ROWS, repeat};
use crate::sql::Value;
use crate::{Result, Store};

/// Memories, and addresses that never answered.
const PURGES: [&str; 3] = [
    "DELETE FROM answered WHERE (account_id, source, sender) IN ( \
     SELECT account_id, source, sender FROM answered WHERE expires <= ?1 \
     ORDER BY expires LIMIT ?2)",
    "DELETE FROM seen WHERE (account_id, key) IN ( \
     SELECT account_id, key FROM seen WHERE expires <= ?1 ORDER BY expires LIMIT ?2)",
    "DELETE FROM confirmation WHERE (account_id, purpose, address) IN ( \
     SELECT account_id, purpose, address FROM confirmation \
     WHERE confirmed IS NULL AND asked <= ?1 - 604800000000 LIMIT ?2)",
];

/// Gives up what is of no use at `now`.
pub(super) fn purge(store: &Store, now: Timestamp) -> Result<u64> {
    let now = now.as_micros();
    let mut purged = 0;
    for sql in PURGES {
        purged += repeat(|| {
            let slice = store.write_blocking("purge rules", move |tx| {
                tx.sql.execute(sql, &[Value::Int(now), Value::Int(ROWS)])
            })?;
            Ok(slice.value)
        })?;
    }
    Ok(purged)
}
