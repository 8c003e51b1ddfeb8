//! Settling claimed recipients: what became of each is written, and the claim ends. Only the daemon
//! that holds the claim can settle.

use ids::{QueueDaemonId, SpoolId, Timestamp};

use super::TraceEvent;
use super::claim::{TOLD_DEADLINE, WARNED};
use super::waiting::WaitingChange;
use crate::sql::{Dialect, Row, Value};
use crate::{Result, WriteTx};

/// LIMIT: bytes kept of what a server answered.
const ANSWER_BYTES_MAX: usize = 1000;

/// The outcome for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The next server has it, or the mailbox here.
    Delivered,
    /// An attempt failed; the next one is due at this instant.
    Deferred(Timestamp),
    /// It was not tried, for what was said to others, and is at that instant.
    Postponed(Timestamp),
    /// Delivery failed for good.
    Failed,
    /// It was not tried: it is free again as it was before.
    Untried,
    /// It was not tried and is free again; its sender was told that it is late.
    Warned,
    /// It was not tried and is free again; its sender was told that its deadline is past.
    ToldDeadline,
}

/// The outcome of one recipient in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The id of the spool entry.
    pub spool: SpoolId,
    /// The recipient's place in its envelope.
    pub ordinal: i64,
    /// The outcome.
    pub fate: Fate,
    /// What the other side said, or why there was none. Safe to show to the sender.
    pub answer: String,
}

/// A message as it stands before an outcome.
pub(super) struct Sender {
    pub(super) reverse_path: String,
    pub(super) created: Timestamp,
    pub(super) begins: Timestamp,
}

impl WriteTx<'_> {
    /// Writes down outcomes of recipients of one message. `false` for one that is no longer in
    /// `daemon`'s hands: it was taken over or removed, and nothing was changed.
    pub fn settle_spooled(
        &mut self,
        daemon: QueueDaemonId,
        spool: SpoolId,
        outcomes: &[Settlement],
    ) -> Result<Vec<bool>> {
        let Some(sender) = self.lock_spooled(spool)? else {
            return Ok(vec![false; outcomes.len()]);
        };
        let mut settled = Vec::with_capacity(outcomes.len());
        let mut ended = false;
        for outcome in outcomes.iter().filter(|outcome| outcome.spool == spool) {
            let done = self.settle_one(daemon, &sender, outcome)?;
            ended |= done && matches!(outcome.fate, Fate::Delivered | Fate::Failed);
            settled.push(done);
        }
        if ended {
            self.drop_finished(spool)?;
        }
        Ok(settled)
    }

    /// Locks the message, so that of two daemons that end its last recipients one sees that
    /// nothing is left.
    pub(super) fn lock_spooled(&mut self, spool: SpoolId) -> Result<Option<Sender>> {
        let sql = match self.sql.dialect() {
            Dialect::Sqlite => "SELECT reverse_path, created, begins FROM spool WHERE id = ?1",
            Dialect::Postgres => {
                "SELECT reverse_path, created, begins FROM spool WHERE id = ?1 FOR UPDATE"
            }
        };
        self.sql.query_one(sql, &[Value::Int(spool.get())], |row| {
            Ok(Sender {
                reverse_path: row.text(0)?.to_owned(),
                created: Timestamp::from_micros(row.int(1)?),
                begins: Timestamp::from_micros(row.int(2)?),
            })
        })
    }

    pub(super) fn settle_one(
        &mut self,
        daemon: QueueDaemonId,
        sender: &Sender,
        outcome: &Settlement,
    ) -> Result<bool> {
        let now = self.now.as_micros();
        let answer = bounded(&outcome.answer);
        let key = [
            Value::Int(outcome.spool.get()),
            Value::Int(outcome.ordinal),
            Value::Int(daemon.get()),
        ];
        let free = !matches!(outcome.fate, Fate::Delivered | Fate::Failed);
        let mut waiting = WaitingChange::default();
        let forward_path = |row: &dyn Row| {
            waiting.add(row.text(1)?, i64::from(free && row.int(2)? == 0));
            Ok(row.text(0)?.to_owned())
        };
        let [spool, ordinal, owner] = key;
        let found = match outcome.fate {
            Fate::Delivered | Fate::Failed => self.sql.query_one(
                "DELETE FROM spool_recipient WHERE spool_id = ?1 AND ordinal = ?2 AND owner = ?3 \
                 RETURNING forward_path, destination, held",
                &key,
                forward_path,
            )?,
            Fate::Deferred(due) => self.sql.query_one(
                "UPDATE spool_recipient SET owner = 0, due = ?4, attempts = attempts + 1, \
                 attempted = ?5, answer = ?6 \
                 WHERE spool_id = ?1 AND ordinal = ?2 AND owner = ?3 RETURNING forward_path, destination, held",
                &[
                    spool,
                    ordinal,
                    owner,
                    Value::Int(due.as_micros()),
                    Value::Int(now),
                    Value::Text(answer),
                ],
                forward_path,
            )?,
            Fate::Postponed(due) => self.sql.query_one(
                "UPDATE spool_recipient SET owner = 0, due = ?4, answer = ?5 \
                 WHERE spool_id = ?1 AND ordinal = ?2 AND owner = ?3 RETURNING forward_path, destination, held",
                &[spool, ordinal, owner, Value::Int(due.as_micros()), Value::Text(answer)],
                forward_path,
            )?,
            Fate::Untried | Fate::Warned | Fate::ToldDeadline => self.sql.query_one(
                "UPDATE spool_recipient SET owner = 0, warned = warned | ?4 \
                 WHERE spool_id = ?1 AND ordinal = ?2 AND owner = ?3 RETURNING forward_path, destination, held",
                &[spool, ordinal, owner, Value::Int(told(outcome.fate))],
                forward_path,
            )?,
        };
        let Some(forward_path) = found else { return Ok(false) };
        self.count_waiting(waiting)?;
        let event = match outcome.fate {
            Fate::Delivered => TraceEvent::Delivered,
            Fate::Deferred(_) | Fate::Postponed(_) => TraceEvent::Deferred,
            Fate::Failed => TraceEvent::Failed,
            Fate::Warned | Fate::ToldDeadline => TraceEvent::Warned,
            Fate::Untried => return Ok(true),
        };
        let texts = [&sender.reverse_path, &forward_path, answer];
        self.trace_spooled(outcome.spool, event, sender.created, texts)?;
        Ok(true)
    }

    /// The message goes with its last recipient.
    pub(super) fn drop_finished(&mut self, spool: SpoolId) -> Result<()> {
        self.sql.execute(
            "DELETE FROM spool WHERE id = ?1 \
             AND NOT EXISTS (SELECT 1 FROM spool_recipient r WHERE r.spool_id = ?1)",
            &[Value::Int(spool.get())],
        )?;
        Ok(())
    }
}

/// What its sender was told by that.
fn told(fate: Fate) -> i64 {
    match fate {
        Fate::Warned => WARNED,
        Fate::ToldDeadline => TOLD_DEADLINE,
        Fate::Untried | Fate::Delivered | Fate::Failed | Fate::Deferred(_) | Fate::Postponed(_) => {
            0
        }
    }
}

fn bounded(answer: &str) -> &str {
    answer.get(..answer.floor_char_boundary(ANSWER_BYTES_MAX)).unwrap_or(answer)
}
