//! What has waited too long: found by the ascending numbers of the spool, whatever happens to its
//! destination.

use ids::{QueueDaemonId, SpoolId, Timestamp};

use super::ClaimedMessage;
use super::claim::read_recipient;
use crate::sql::{Dialect, Value};
use crate::{ReadTx, Result, WriteTx};

/// Which of the late ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// Every one.
    All,
    /// Those of which the sender does not know yet.
    Unwarned,
}

const TAKE_SQLITE: &str = "UPDATE spool_recipient SET owner = ?1 \
     WHERE spool_id = ?2 AND held = 0 AND owner = 0 \
     RETURNING spool_id, ordinal, forward_path, parameters, attempts, warned, answer";
const TAKE_POSTGRES: &str = "UPDATE spool_recipient SET owner = ?1 \
     WHERE (spool_id, ordinal) IN (SELECT spool_id, ordinal FROM spool_recipient \
     WHERE spool_id = ?2 AND held = 0 AND owner = 0 FOR UPDATE SKIP LOCKED) \
     RETURNING spool_id, ordinal, forward_path, parameters, attempts, warned, answer";

impl ReadTx<'_> {
    /// Messages accepted before `before`, with recipients that are neither held nor in anybody's
    /// hands, after `after`; at most `limit`. With [`Overdue::Unwarned`] only those of which their
    /// sender does not know that they are late.
    pub fn spooled_before(
        &mut self,
        before: Timestamp,
        which: Overdue,
        after: SpoolId,
        limit: usize,
    ) -> Result<Vec<SpoolId>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.sql.query_all(
            "SELECT s.id FROM spool s WHERE s.id > ?1 AND s.created < ?2 AND EXISTS \
             (SELECT 1 FROM spool_recipient r WHERE r.spool_id = s.id \
              AND r.held = 0 AND r.owner = 0 AND r.warned <= ?4) ORDER BY s.id LIMIT ?3",
            &[
                Value::Int(after.get()),
                Value::Int(before.as_micros()),
                Value::Int(limit),
                Value::Int(i64::from(which == Overdue::All)),
            ],
            |row| Ok(SpoolId::new(row.int(0)?)),
        )
    }
}

impl WriteTx<'_> {
    /// Claims all free recipients of one message, whenever they are due. `None` where there are
    /// none.
    pub fn claim_overdue(
        &mut self,
        daemon: QueueDaemonId,
        spool: SpoolId,
    ) -> Result<Option<ClaimedMessage>> {
        self.hold_queue_daemon(daemon)?;
        let sql = match self.sql.dialect() {
            Dialect::Sqlite => TAKE_SQLITE,
            Dialect::Postgres => TAKE_POSTGRES,
        };
        let params = [Value::Int(daemon.get()), Value::Int(spool.get())];
        let recipients = self.sql.query_all(sql, &params, read_recipient)?;
        let message = self.load_claimed([(spool.get(), recipients)].into())?.pop();
        Ok(message.filter(|message| !message.recipients.is_empty()))
    }
}
