//! How many recipients wait for each destination: counted in the transactions that change the
//! spool, so that no number of messages makes it dear to ask.
//!
//! **Invariant:** the rows of a destination add up to its recipients that are neither held nor in
//! anybody's hands. On PostgreSQL each connection adds to rows of its own, so that two transactions
//! for one destination never wait for each other; they are gathered from time to time.

use std::collections::BTreeMap;

use ids::Timestamp;

use crate::sql::{Dialect, Value};
use crate::{ReadTx, Result, WriteTx};

/// What waits for one destination, neither held nor in anybody's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationBacklog {
    /// The destination, as the queue names it.
    pub destination: String,
    /// How many recipients wait for it.
    pub recipients: u64,
    /// When the first of them is due.
    pub due: Timestamp,
}

/// By how much the number of each destination changes.
#[derive(Debug, Default)]
pub(super) struct WaitingChange(BTreeMap<String, i64>);

impl WaitingChange {
    /// One recipient more that waits, or with -1 one less.
    pub(super) fn add(&mut self, destination: &str, recipients: i64) {
        // What an older version spooled is counted from when it has a destination.
        if recipients != 0 && !destination.is_empty() {
            *self.0.entry(destination.to_owned()).or_default() += recipients;
        }
    }
}

const ADD_GATHERED: &str = "INSERT INTO spool_waiting (destination, slot, recipients) \
     VALUES (?1, 0, ?2) ON CONFLICT (destination, slot) \
     DO UPDATE SET recipients = spool_waiting.recipients + excluded.recipients";
const ADD_OWN: &str = "INSERT INTO spool_waiting (destination, slot, recipients) \
     VALUES (?1, pg_backend_pid(), ?2) ON CONFLICT (destination, slot) \
     DO UPDATE SET recipients = spool_waiting.recipients + excluded.recipients";
/// What a transaction that has not ended yet adds to is left for the next time.
const GATHER: &str = "DELETE FROM spool_waiting WHERE (destination, slot) IN \
     (SELECT destination, slot FROM spool_waiting WHERE slot <> 0 FOR UPDATE SKIP LOCKED) \
     RETURNING destination, recipients";
const DROP_EMPTY: &str = "DELETE FROM spool_waiting WHERE (destination, slot) IN \
     (SELECT destination, slot FROM spool_waiting WHERE slot = 0 AND recipients = 0 \
     FOR UPDATE SKIP LOCKED)";

/// Steps from one destination to the next by the index `spool_recipient_due`, and to the first of
/// each urgency: how many rows there are does not matter. The destinations come from the spool
/// itself, so that a wrong number would keep nothing from being sent.
pub(super) const BACKLOG: &str = "WITH RECURSIVE step (destination) AS ( \
     SELECT MIN(destination) FROM spool_recipient \
     WHERE held = 0 AND owner = 0 AND destination > '' \
     UNION ALL SELECT (SELECT MIN(r.destination) FROM spool_recipient r \
     WHERE r.held = 0 AND r.owner = 0 AND r.destination > step.destination) \
     FROM step WHERE step.destination IS NOT NULL) \
     SELECT step.destination, \
     (SELECT CAST(SUM(w.recipients) AS BIGINT) FROM spool_waiting w \
     WHERE w.destination = step.destination), \
     (SELECT MIN(first.due) FROM ( \
     SELECT MIN(r.due) AS due FROM spool_recipient r WHERE r.destination = step.destination \
     AND r.urgency = 0 AND r.held = 0 AND r.owner = 0 UNION ALL \
     SELECT MIN(r.due) FROM spool_recipient r WHERE r.destination = step.destination \
     AND r.urgency = 1 AND r.held = 0 AND r.owner = 0 UNION ALL \
     SELECT MIN(r.due) FROM spool_recipient r WHERE r.destination = step.destination \
     AND r.urgency = 2 AND r.held = 0 AND r.owner = 0) first) \
     FROM step WHERE step.destination IS NOT NULL ORDER BY 3, 1 LIMIT ?1";

impl WriteTx<'_> {
    pub(super) fn count_waiting(&mut self, change: WaitingChange) -> Result<()> {
        let sql = match self.sql.dialect() {
            Dialect::Sqlite => ADD_GATHERED,
            Dialect::Postgres => ADD_OWN,
        };
        self.add_waiting(sql, change)
    }

    fn add_waiting(&mut self, sql: &'static str, change: WaitingChange) -> Result<()> {
        let changed = change.0.iter().filter(|(_, recipients)| **recipients != 0);
        let mut rows = changed.map(|(destination, recipients)| {
            vec![Value::Text(destination), Value::Int(*recipients)]
        });
        self.sql.execute_many(sql, &mut rows)?;
        Ok(())
    }

    /// Gathers the numbers of all connections, and forgets destinations for which nothing waits.
    /// Nothing else may be done in the transaction: whoever adds to a gathered row waits for its
    /// end, and it waits for nobody but who gathers, too, in the order of the destinations.
    pub fn gather_waiting(&mut self) -> Result<()> {
        if self.sql.dialect() == Dialect::Sqlite {
            self.sql.execute("DELETE FROM spool_waiting WHERE recipients = 0", &[])?;
            return Ok(());
        }
        let mut change = WaitingChange::default();
        self.sql.query(GATHER, &[], &mut |row| {
            change.add(row.text(0)?, row.int(1)?);
            Ok(())
        })?;
        self.add_waiting(ADD_GATHERED, change)?;
        self.sql.execute(DROP_EMPTY, &[])?;
        Ok(())
    }
}

impl ReadTx<'_> {
    /// What waits, by destination, those with the earliest first; at most `limit` of them.
    pub fn spool_backlog(&mut self, limit: usize) -> Result<Vec<DestinationBacklog>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.sql.query_all(BACKLOG, &[Value::Int(limit)], |row| {
            Ok(DestinationBacklog {
                destination: row.text(0)?.to_owned(),
                recipients: u64::try_from(row.opt_int(1)?.unwrap_or(0)).unwrap_or(0),
                due: Timestamp::from_micros(row.opt_int(2)?.unwrap_or(0)),
            })
        })
    }
}
