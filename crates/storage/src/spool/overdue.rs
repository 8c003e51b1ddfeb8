//! What has waited too long: found by the ascending numbers of the spool, whatever happens to its
//! destination.

use ids::{QueueDaemonId, SpoolId, Timestamp};

use super::ClaimedMessage;
use super::claim::{TOLD_DEADLINE, WARNED, read_recipient};
use crate::sql::{Dialect, Value};
use crate::{ReadTx, Result, WriteTx};

/// Which of the late ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// Every one.
    All,
    /// Those of which the sender does not know yet.
    Unwarned,
    /// Those whose deadline is past, where the sender does not know yet (RFC 2852 §4.1.3).
    PastDeadline,
}

const TAKE_SQLITE: &str = "UPDATE spool_recipient SET owner = ?1 \
     WHERE spool_id = ?2 AND held = 0 AND owner = 0 \
     RETURNING spool_id, ordinal, forward_path, parameters, attempts, warned, answer";
const TAKE_POSTGRES: &str = "UPDATE spool_recipient SET owner = ?1 \
     WHERE (spool_id, ordinal) IN (SELECT spool_id, ordinal FROM spool_recipient \
     WHERE spool_id = ?2 AND held = 0 AND owner = 0 FOR UPDATE SKIP LOCKED) \
     RETURNING spool_id, ordinal, forward_path, parameters, attempts, warned, answer";

const BY_AGE: &str = "SELECT s.id FROM spool s \
     WHERE s.id > ?1 AND s.created < ?2 AND s.begins < ?2 AND EXISTS \
     (SELECT 1 FROM spool_recipient r WHERE r.spool_id = s.id \
     AND r.held = 0 AND r.owner = 0 AND r.warned & ?4 = 0) ORDER BY s.id LIMIT ?3";
/// By its own index, which the signs see to: few messages have a deadline.
const BY_DEADLINE: &str = "SELECT s.id FROM spool s \
     WHERE +s.id > ?1 AND s.deadline <> 0 AND s.deadline < ?2 AND EXISTS \
     (SELECT 1 FROM spool_recipient r WHERE r.spool_id = s.id \
     AND r.held = 0 AND r.owner = 0 AND r.warned & ?4 = 0) ORDER BY +s.id LIMIT ?3";

impl ReadTx<'_> {
    /// Messages accepted, or to be sent, before `before`, with recipients that are neither held nor in anybody's
    /// hands, after `after`; at most `limit`. With [`Overdue::Unwarned`] only those of which their
    /// sender does not know that they are late; with [`Overdue::PastDeadline`] those whose deadline
    /// lies before `before`.
    pub fn spooled_before(
        &mut self,
        before: Timestamp,
        which: Overdue,
        after: SpoolId,
        limit: usize,
    ) -> Result<Vec<SpoolId>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let (sql, told) = match which {
            Overdue::All => (BY_AGE, 0),
            Overdue::Unwarned => (BY_AGE, WARNED),
            Overdue::PastDeadline => (BY_DEADLINE, TOLD_DEADLINE),
        };
        self.sql.query_all(
            sql,
            &[
                Value::Int(after.get()),
                Value::Int(before.as_micros()),
                Value::Int(limit),
                Value::Int(told),
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
