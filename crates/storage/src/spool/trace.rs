//! What happened to a message and when: kept for `Settings::trace_days`, whatever became of it.

use ids::{SpoolId, Timestamp};

use crate::sql::{Row, Value};
use crate::trace_digest::TraceLog;
use crate::{ReadTx, Result, StorageError, WriteTx};

/// An event on the way of a message to one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceEvent {
    /// The next server has it, or the mailbox here.
    Delivered,
    /// An attempt failed, and will be made again.
    Deferred,
    /// Delivery failed for good.
    Failed,
    /// The sender was warned that the message is late.
    Warned,
    /// An operator held it.
    Held,
    /// An operator let it go on.
    Released,
    /// An operator removed it.
    Removed,
}

impl TraceEvent {
    const ALL: [Self; 7] = [
        Self::Delivered,
        Self::Deferred,
        Self::Failed,
        Self::Warned,
        Self::Held,
        Self::Released,
        Self::Removed,
    ];

    /// In one word, as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Deferred => "deferred",
            Self::Failed => "failed",
            Self::Warned => "warned",
            Self::Held => "held",
            Self::Released => "released",
            Self::Removed => "removed",
        }
    }
}

/// One event on the way of a message to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRow {
    /// The message's number in the spool.
    pub spool: SpoolId,
    /// When it happened.
    pub at: Timestamp,
    /// When the message was accepted.
    pub accepted: Timestamp,
    /// The event.
    pub event: TraceEvent,
    /// MAIL FROM; empty for the null sender.
    pub reverse_path: String,
    /// The forward-path, as in RCPT TO.
    pub forward_path: String,
    /// The reply of the other side.
    pub answer: String,
}

fn read(row: &dyn Row) -> Result<TraceRow> {
    let event = row.text(3)?;
    let event = TraceEvent::ALL.into_iter().find(|known| known.as_str() == event);
    Ok(TraceRow {
        spool: SpoolId::new(row.int(0)?),
        at: Timestamp::from_micros(row.int(1)?),
        accepted: Timestamp::from_micros(row.int(2)?),
        event: event.ok_or_else(|| StorageError::Corrupt("a trace of no event".to_owned()))?,
        reverse_path: row.text(4)?.to_owned(),
        forward_path: row.text(5)?.to_owned(),
        answer: row.text(6)?.to_owned(),
    })
}

impl ReadTx<'_> {
    /// What happened to one message, in order.
    pub fn spool_trace(&mut self, spool: SpoolId) -> Result<Vec<TraceRow>> {
        self.sql.query_all(
            "SELECT spool_id, at, accepted, event, reverse_path, forward_path, answer \
             FROM spool_trace WHERE spool_id = ?1 ORDER BY id",
            &[Value::Int(spool.get())],
            read,
        )
    }

    /// What happened last to messages from or to `address`, the newest first.
    pub fn find_spool_traces(&mut self, address: &str, limit: usize) -> Result<Vec<TraceRow>> {
        let newest = self.sql.query_one(
            "SELECT id FROM spool_trace ORDER BY id DESC LIMIT 1",
            &[],
            |row| row.int(0),
        )?;
        let mut below = newest.map_or(0, |newest| newest.saturating_add(1));
        let mut rows = Vec::new();
        while rows.len() < limit
            && let Some(stretch) = self.next_stretch(TraceLog::Spool, address, 0..below)?
        {
            let left = i64::try_from(limit - rows.len()).unwrap_or(i64::MAX);
            rows.extend(self.sql.query_all(
                "SELECT spool_id, at, accepted, event, reverse_path, forward_path, answer \
                 FROM spool_trace WHERE id >= ?2 AND id < ?3 \
                 AND (reverse_path = ?1 OR forward_path = ?1) ORDER BY id DESC LIMIT ?4",
                &[
                    Value::Text(address),
                    Value::Int(stretch.start),
                    Value::Int(stretch.end),
                    Value::Int(left),
                ],
                read,
            )?);
            below = stretch.start;
        }
        Ok(rows)
    }
}

impl WriteTx<'_> {
    /// Writes one event down; `texts` are MAIL FROM, RCPT TO and the answer.
    pub(super) fn trace_spooled(
        &mut self,
        spool: SpoolId,
        event: TraceEvent,
        accepted: Timestamp,
        texts: [&str; 3],
    ) -> Result<()> {
        let [reverse_path, forward_path, answer] = texts;
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO spool_trace \
             (spool_id, at, accepted, event, reverse_path, forward_path, answer) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                Value::Int(spool.get()),
                Value::Int(now),
                Value::Int(accepted.as_micros()),
                Value::Text(event.as_str()),
                Value::Text(reverse_path),
                Value::Text(forward_path),
                Value::Text(answer),
            ],
        )?;
        Ok(())
    }
}
