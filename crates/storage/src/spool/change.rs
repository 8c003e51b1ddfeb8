//! Changes that operators make to the spool: recipients are held, released, retried or removed.

use ids::{SpoolId, Timestamp};

use super::waiting::WaitingChange;
use super::{SpoolFilter, TraceEvent};
use crate::sql::{Row, Value};
use crate::{Result, WriteTx};

/// A change that an operator makes to recipients in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpoolChange {
    /// Recipients stay in the spool, untried, until they are released.
    Hold,
    /// Held recipients are tried again.
    Release,
    /// They are tried now, whenever they are due; those that are held for later are not.
    Retry,
    /// Recipients are removed, and nobody is told.
    Remove,
}

impl SpoolChange {
    /// How many more wait by that, where it left a recipient so.
    fn waiting(self, owner: i64, held: i64) -> i64 {
        match self {
            Self::Hold if owner == 0 => -1,
            Self::Release if owner == 0 => 1,
            Self::Remove if owner == 0 && held == 0 => -1,
            _ => 0,
        }
    }
}

const HOLD: &str = "UPDATE spool_recipient SET held = 1 WHERE spool_id = ?1 AND held = 0 \
     AND (?2 = '*' OR forward_path = ?2) AND (?3 = '*' OR destination = ?3) \
     RETURNING destination, forward_path, owner, held";
const RELEASE: &str = "UPDATE spool_recipient SET held = 0 WHERE spool_id = ?1 AND held = 1 \
     AND (?2 = '*' OR forward_path = ?2) AND (?3 = '*' OR destination = ?3) \
     RETURNING destination, forward_path, owner, held";
const RETRY: &str = "UPDATE spool_recipient SET due = 0 \
     WHERE spool_id = ?1 AND held = 0 AND owner = 0 \
     AND (?2 = '*' OR forward_path = ?2) AND (?3 = '*' OR destination = ?3) \
     RETURNING destination, forward_path, owner, held";
const REMOVE: &str = "DELETE FROM spool_recipient WHERE spool_id = ?1 \
     AND (?2 = '*' OR forward_path = ?2) AND (?3 = '*' OR destination = ?3) \
     RETURNING destination, forward_path, owner, held";

impl WriteTx<'_> {
    /// Changes the next messages that a filter means, after `after`, at most `limit`: of each, the
    /// recipients it means. Gives how many recipients were changed, and the last message looked
    /// at, `None` when there are no more. One that a daemon has in hand and that is held now goes
    /// no further than that attempt.
    pub fn change_spooled(
        &mut self,
        change: SpoolChange,
        filter: &SpoolFilter,
        after: SpoolId,
        limit: usize,
    ) -> Result<(u64, Option<SpoolId>)> {
        let ids = self.select_spooled(filter, after, limit)?;
        let mut changed = 0;
        for id in &ids {
            changed += self.change_one(change, filter, SpoolId::new(*id))?;
        }
        Ok((changed, ids.last().copied().map(SpoolId::new)))
    }

    fn change_one(
        &mut self,
        change: SpoolChange,
        filter: &SpoolFilter,
        spool: SpoolId,
    ) -> Result<u64> {
        let Some(sender) = self.lock_spooled(spool)? else { return Ok(0) };
        if change == SpoolChange::Retry && sender.begins > self.now {
            // RFC 4865 §4.2: it must not go before its time.
            return Ok(0);
        }
        let sql = match change {
            SpoolChange::Hold => HOLD,
            SpoolChange::Release => RELEASE,
            SpoolChange::Retry => RETRY,
            SpoolChange::Remove => REMOVE,
        };
        let [_, _, forward_path, destination, ..] = filter.params();
        let mut waiting = WaitingChange::default();
        let both = |row: &dyn Row| {
            waiting.add(row.text(0)?, change.waiting(row.int(2)?, row.int(3)?));
            Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))
        };
        let params = [Value::Int(spool.get()), forward_path, destination];
        let changed = self.sql.query_all(sql, &params, both)?;
        self.count_waiting(waiting)?;
        let event = match change {
            SpoolChange::Hold => Some(TraceEvent::Held),
            SpoolChange::Release => Some(TraceEvent::Released),
            SpoolChange::Remove => Some(TraceEvent::Removed),
            SpoolChange::Retry => None,
        };
        for (destination, forward_path) in &changed {
            if let Some(event) = event {
                let texts = [sender.reverse_path.as_str(), forward_path, ""];
                self.trace_spooled(spool, event, sender.created, texts)?;
            }
            if matches!(change, SpoolChange::Release | SpoolChange::Retry) {
                self.note_due(destination.clone(), Timestamp::from_micros(0));
            }
        }
        if change == SpoolChange::Remove {
            self.drop_finished(spool)?;
        }
        Ok(changed.len() as u64)
    }
}
