//! What has waited too long: found by its age, whatever happens to its destination.

use ids::{QueueDaemonId, SpoolId, Timestamp};

use super::ClaimedMessage;
use super::claim::{TOLD_DEADLINE, WARNED, read_recipient};
use super::waiting::WaitingChange;
use crate::sql::{Dialect, Value};
use crate::{ReadTx, Result, WriteTx};

/// Which of the late ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// Every late message.
    All,
    /// Late messages with recipients of whom the sender has not been warned.
    Unwarned,
    /// Messages whose deadline is past, where the sender does not know yet (RFC 2852 §4.1.3).
    PastDeadline,
}

/// How far a search for late messages has come: by their age, or their deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OverdueCursor {
    at: Timestamp,
    id: SpoolId,
}

impl OverdueCursor {
    /// The place before every message.
    pub const START: Self = Self { at: Timestamp::from_micros(i64::MIN), id: SpoolId::new(0) };
}

/// One page of the search for late messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueSlice {
    /// Late messages with recipients that are neither held nor in anybody's hands.
    pub found: Vec<SpoolId>,
    /// Where the next step begins; `None` where there is nothing more.
    pub next: Option<OverdueCursor>,
    /// Before the first that a daemon has in hand: a later search begins there.
    pub busy: Option<OverdueCursor>,
}

const TAKE_SQLITE: &str = "UPDATE spool_recipient SET owner = ?1 \
     WHERE spool_id = ?2 AND held = 0 AND owner = 0 \
     RETURNING spool_id, ordinal, forward_path, parameters, attempts, warned, answer, attempted, \
     destination";
const TAKE_POSTGRES: &str = "UPDATE spool_recipient SET owner = ?1 \
     WHERE (spool_id, ordinal) IN (SELECT spool_id, ordinal FROM spool_recipient \
     WHERE spool_id = ?2 AND held = 0 AND owner = 0 FOR UPDATE SKIP LOCKED) \
     RETURNING spool_id, ordinal, forward_path, parameters, attempts, warned, answer, attempted, \
     destination";

/// By the index `spool_age`, whose expression this is.
const BY_AGE: &str = "SELECT s.id, CASE WHEN s.begins > s.created THEN s.begins ELSE s.created END, \
     (SELECT COUNT(*) FROM spool_recipient r WHERE r.spool_id = s.id \
     AND r.held = 0 AND r.owner = 0 AND r.warned & ?5 = 0), \
     (SELECT COUNT(*) FROM spool_recipient r WHERE r.spool_id = s.id AND r.owner <> 0) \
     FROM spool s \
     WHERE CASE WHEN s.begins > s.created THEN s.begins ELSE s.created END >= ?1 \
     AND CASE WHEN s.begins > s.created THEN s.begins ELSE s.created END < ?3 \
     AND (CASE WHEN s.begins > s.created THEN s.begins ELSE s.created END > ?1 OR s.id > ?2) \
     ORDER BY CASE WHEN s.begins > s.created THEN s.begins ELSE s.created END, s.id LIMIT ?4";
/// By the index `spool_deadline`.
const BY_DEADLINE: &str = "SELECT s.id, s.deadline, \
     (SELECT COUNT(*) FROM spool_recipient r WHERE r.spool_id = s.id \
     AND r.held = 0 AND r.owner = 0 AND r.warned & ?5 = 0), \
     (SELECT COUNT(*) FROM spool_recipient r WHERE r.spool_id = s.id AND r.owner <> 0) \
     FROM spool s \
     WHERE s.deadline <> 0 AND s.deadline >= ?1 AND s.deadline < ?3 \
     AND (s.deadline > ?1 OR s.id > ?2) ORDER BY s.deadline, s.id LIMIT ?4";

impl ReadTx<'_> {
    /// Looks at the next `limit` messages accepted, or to be sent, before `before`, the oldest
    /// first, for those with recipients that are neither held nor in anybody's hands. With
    /// [`Overdue::Unwarned`] only those of which their sender does not know that they are late;
    /// with [`Overdue::PastDeadline`] those whose deadline lies before `before`.
    pub fn spooled_before(
        &mut self,
        before: Timestamp,
        which: Overdue,
        after: OverdueCursor,
        limit: usize,
    ) -> Result<OverdueSlice> {
        let (sql, told) = match which {
            Overdue::All => (BY_AGE, 0),
            Overdue::Unwarned => (BY_AGE, WARNED),
            Overdue::PastDeadline => (BY_DEADLINE, TOLD_DEADLINE),
        };
        let params = [
            Value::Int(after.at.as_micros()),
            Value::Int(after.id.get()),
            Value::Int(before.as_micros()),
            Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
            Value::Int(told),
        ];
        let mut slice = OverdueSlice { found: Vec::new(), next: None, busy: None };
        let (mut last, mut looked_at) = (after, 0);
        self.sql.query(sql, &params, &mut |row| {
            let id = SpoolId::new(row.int(0)?);
            if row.int(2)? > 0 {
                slice.found.push(id);
            }
            if row.int(3)? > 0 {
                slice.busy.get_or_insert(last);
            }
            last = OverdueCursor { at: Timestamp::from_micros(row.int(1)?), id };
            looked_at += 1;
            Ok(())
        })?;
        slice.next = (looked_at == limit).then_some(last);
        Ok(slice)
    }
}

impl WriteTx<'_> {
    /// Claims all free recipients of one message, whenever they are due. `None` where there are
    /// none, or they cannot be read, and stay as they are.
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
        let mut waiting = WaitingChange::default();
        let recipients = self.sql.query_all(sql, &params, |row| {
            waiting.add(row.text(8)?, -1);
            read_recipient(row)
        })?;
        self.count_waiting(waiting)?;
        if recipients.is_empty() {
            return Ok(None);
        }
        let (mut messages, damaged) = self.load_claimed([(spool.get(), recipients)].into())?;
        self.return_damaged(daemon, damaged)?;
        Ok(messages.pop())
    }
}
