//! What happened to messages, past the days it is kept.

use ids::Timestamp;

use super::{ROWS, repeat};
use crate::sql::Value;
use crate::trace_digest::TraceLog;
use crate::{Result, Store};

/// What gives up the oldest rows of a log, and then the digests of stretches that are gone. Numbers
/// ascend with time, so that only the first rows are looked at, and the digests of those: there is
/// an index of `first_id`, and none of `last_id`.
struct Purge {
    log: TraceLog,
    rows: &'static str,
    digests: &'static str,
}

const PURGES: [Purge; 2] = [
    Purge {
        log: TraceLog::Spool,
        rows: "DELETE FROM spool_trace WHERE id IN (SELECT id FROM ( \
               SELECT id, at FROM spool_trace ORDER BY id LIMIT ?2) first WHERE at < ?1)",
        digests: "DELETE FROM trace_digest WHERE log = ?1 AND last_id < COALESCE( \
                  (SELECT id FROM spool_trace ORDER BY id LIMIT 1), 9223372036854775807) \
                  AND first_id < COALESCE( \
                  (SELECT id FROM spool_trace ORDER BY id LIMIT 1), 9223372036854775807)",
    },
    Purge {
        log: TraceLog::Reception,
        rows: "DELETE FROM reception WHERE id IN (SELECT id FROM ( \
               SELECT id, at FROM reception ORDER BY id LIMIT ?2) first WHERE at < ?1)",
        digests: "DELETE FROM trace_digest WHERE log = ?1 AND last_id < COALESCE( \
                  (SELECT id FROM reception ORDER BY id LIMIT 1), 9223372036854775807) \
                  AND first_id < COALESCE( \
                  (SELECT id FROM reception ORDER BY id LIMIT 1), 9223372036854775807)",
    },
];

/// Gives up what happened before `before`.
pub(super) fn purge(store: &Store, before: Timestamp) -> Result<u64> {
    let before = before.as_micros();
    let mut sum = 0;
    for purge in &PURGES {
        sum += repeat(|| {
            let slice = store.write_blocking("purge trace", move |tx| {
                let rows = tx.sql.execute(purge.rows, &[Value::Int(before), Value::Int(ROWS)])?;
                if rows > 0 {
                    // Numbers of rows may come again once all are gone.
                    tx.sql.execute(purge.digests, &[Value::Int(purge.log.column())])?;
                }
                Ok(rows)
            })?;
            Ok(slice.value)
        })?;
    }
    Ok(sum)
}
