//! Daemons that work on the queue: their numbers and leases. When a lease runs out, what its daemon
//! holds is free for others.

use ids::{QueueDaemonId, SpoolId, Timestamp};

use super::spool_destination;
use super::waiting::WaitingChange;
use crate::sql::{Dialect, Value};
use crate::{Result, StorageError, WriteTx};

/// LIMIT: rows of an older version that one transaction gives a destination.
const ROWS: i64 = 500;

const FREE_ALL: &str =
    "UPDATE spool_recipient SET owner = 0 WHERE owner <> 0 RETURNING destination, held";
const FREE_OWNED: &str =
    "UPDATE spool_recipient SET owner = 0 WHERE owner = ?1 RETURNING destination, held";

impl WriteTx<'_> {
    /// Registers a daemon that may own recipients until `lease`. With SQLite this process is the
    /// only one that has the store, so that all earlier ones are dead.
    pub fn register_queue_daemon(&mut self, lease: Timestamp) -> Result<QueueDaemonId> {
        if self.sql.dialect() == Dialect::Sqlite {
            self.sql.execute("DELETE FROM queue_daemon", &[])?;
            self.free_spooled(FREE_ALL, &[])?;
        }
        self.insert_queue_daemon(lease)
    }

    /// Prolongs a lease. [`StorageError::Conflict`]: another daemon found it run out, and has the
    /// recipients.
    pub fn renew_queue_lease(&mut self, daemon: QueueDaemonId, lease: Timestamp) -> Result<()> {
        let renewed = self.sql.execute(
            "UPDATE queue_daemon SET lease = ?2 WHERE id = ?1",
            &[Value::Int(daemon.get()), Value::Int(lease.as_micros())],
        )?;
        if renewed == 0 { Err(lost()) } else { Ok(()) }
    }

    /// Gives a daemon another number, with that lease for both. What it owns under the one it had
    /// stays its own until that is ended or runs out. [`StorageError::Conflict`] as for renewing.
    pub fn replace_queue_daemon(
        &mut self,
        daemon: QueueDaemonId,
        lease: Timestamp,
    ) -> Result<QueueDaemonId> {
        self.renew_queue_lease(daemon, lease)?;
        self.insert_queue_daemon(lease)
    }

    fn insert_queue_daemon(&mut self, lease: Timestamp) -> Result<QueueDaemonId> {
        let id = self.sql.query_one(
            "INSERT INTO queue_daemon (lease) VALUES (?1) RETURNING id",
            &[Value::Int(lease.as_micros())],
            |row| row.int(0),
        )?;
        id.map(QueueDaemonId::new)
            .ok_or_else(|| StorageError::Internal("an inserted row has no id".to_owned()))
    }

    /// Ends a daemon: what it owns is free for others.
    pub fn end_queue_daemon(&mut self, daemon: QueueDaemonId) -> Result<()> {
        let id = [Value::Int(daemon.get())];
        self.sql.execute("DELETE FROM queue_daemon WHERE id = ?1", &id)?;
        self.free_spooled(FREE_OWNED, &id)
    }

    /// Has recipients in nobody's hands any more.
    fn free_spooled(&mut self, sql: &'static str, params: &[Value<'_>]) -> Result<()> {
        let mut waiting = WaitingChange::default();
        self.sql.query(sql, params, &mut |row| {
            waiting.add(row.text(0)?, i64::from(row.int(1)? == 0));
            Ok(())
        })?;
        self.count_waiting(waiting)
    }

    /// Ends every daemon whose lease has run out; how many there were.
    pub fn end_dead_queue_daemons(&mut self) -> Result<usize> {
        let now = self.now.as_micros();
        let dead = self.sql.query_all(
            "SELECT id FROM queue_daemon WHERE lease < ?1 ORDER BY id",
            &[Value::Int(now)],
            |row| Ok(QueueDaemonId::new(row.int(0)?)),
        )?;
        for daemon in &dead {
            self.end_queue_daemon(*daemon)?;
        }
        Ok(dead.len())
    }

    /// The daemon works still, and goes on doing so until this transaction ends: who would take
    /// its recipients over waits.
    pub(super) fn hold_queue_daemon(&mut self, daemon: QueueDaemonId) -> Result<()> {
        let sql = match self.sql.dialect() {
            Dialect::Sqlite => "SELECT 1 FROM queue_daemon WHERE id = ?1",
            Dialect::Postgres => "SELECT 1::BIGINT FROM queue_daemon WHERE id = ?1 FOR SHARE",
        };
        let found = self.sql.query_one(sql, &[Value::Int(daemon.get())], |row| row.int(0))?;
        if found.is_none() { Err(lost()) } else { Ok(()) }
    }

    /// Gives a destination to recipients that an older version spooled; how many had none.
    pub fn adopt_spooled(&mut self) -> Result<usize> {
        let rows = self.sql.query_all(
            "SELECT spool_id, ordinal, forward_path FROM spool_recipient \
             WHERE destination = '' AND held = 0 AND owner = 0 ORDER BY due, spool_id LIMIT ?1",
            &[Value::Int(ROWS)],
            |row| Ok((SpoolId::new(row.int(0)?), row.int(1)?, row.text(2)?.to_owned())),
        )?;
        let mut waiting = WaitingChange::default();
        for (spool, ordinal, forward_path) in &rows {
            let destination = spool_destination(forward_path);
            self.sql.execute(
                "UPDATE spool_recipient SET destination = ?3 WHERE spool_id = ?1 AND ordinal = ?2",
                &[Value::Int(spool.get()), Value::Int(*ordinal), Value::Text(&destination)],
            )?;
            waiting.add(&destination, 1);
            self.note_due(destination, self.now);
        }
        self.count_waiting(waiting)?;
        Ok(rows.len())
    }
}

fn lost() -> StorageError {
    StorageError::Conflict("the lease has run out")
}
