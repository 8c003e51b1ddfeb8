//! What expunged messages take (R-REST-1): a client that appends and expunges in turn fills no
//! disk.
//!
//! The account's row has their sum. It is read with the lock of the row and written with the rest
//! of what the account uses, so that EXPUNGE takes no statement more until the bound is reached;
//! maintenance alone would come too late, for minutes fill a disk.

use ids::ModSeq;

use crate::sql::Value;
use crate::tx::UsageChange;
use crate::{AccountTx, Result};

/// Bytes that an expunged message counts for beside its own: many empty ones fill a disk, too.
pub(crate) const ROW_BYTES: i64 = 512;
/// LIMIT: rows that are read at a time to be given up.
const ROWS_MAX: i64 = 500;
/// The fewest, for those that go are often smaller than those that came.
const ROWS_MIN: i64 = 8;

impl AccountTx<'_, '_> {
    /// Counts messages that are in `expunged` now and in no mailbox any more. What is too much then
    /// goes, the oldest first. The transaction's number.
    pub(crate) fn count_expunged(&mut self, bytes: i64, messages: i64) -> Result<ModSeq> {
        let max = self.expunged_bytes_max();
        let modseq = self.change_usage(UsageChange {
            bytes: -bytes,
            messages: -messages,
            expunged_bytes: bytes + messages * ROW_BYTES,
        })?;
        let mut rows = messages.clamp(ROWS_MIN, ROWS_MAX);
        // More go than came, where there are more; all at once would have every writer wait for
        // them.
        let mut left = messages.saturating_add(ROWS_MAX).unsigned_abs();
        while self.usage.expunged_bytes > max && left > 0 {
            let too_much = self.usage.expunged_bytes - max;
            let removed = self.remove_expunged(i64::MAX, too_much, rows)?;
            if removed == 0 {
                break;
            }
            left = left.saturating_sub(removed);
            rows = ROWS_MAX;
        }
        Ok(modseq)
    }

    /// All of an account can be deleted by mistake, in however many steps, and brought back: as
    /// much as it may keep. Who has no quota needs no EXPUNGE to fill the disk, and has no bound
    /// here.
    fn expunged_bytes_max(&self) -> i64 {
        let all = match self.usage.bytes_max {
            0 => i64::MAX,
            quota => quota,
        };
        i64::try_from(self.settings.expunged_bytes_max).unwrap_or(i64::MAX).max(all)
    }

    /// Gives up what was expunged before an instant, some at a time. How many messages.
    pub(crate) fn purge_expunged(&mut self, before: i64) -> Result<u64> {
        self.remove_expunged(before, i64::MAX, ROWS_MAX)
    }

    /// Removes the oldest of at most `rows` expunged messages, until `bytes` are free.
    fn remove_expunged(&mut self, before: i64, bytes: i64, rows: i64) -> Result<u64> {
        let account = Value::Int(self.account.get());
        // LEFT: what names no content is for a check to find, and goes all the same.
        let oldest = self.sql.query_all(
            "SELECT e.expunged_at, e.mailbox_id, e.uid, COALESCE(c.size_bytes, 0) \
             FROM expunged e LEFT JOIN content c ON c.id = e.content_id \
             WHERE e.account_id = ?1 AND e.expunged_at < ?2 \
             ORDER BY e.expunged_at, e.mailbox_id, e.uid LIMIT ?3",
            &[account, Value::Int(before), Value::Int(rows)],
            |row| Ok(([row.int(0)?, row.int(1)?, row.int(2)?], row.int(3)?)),
        )?;
        let (mut freed, mut last) = (0, None);
        for (key, size) in oldest {
            if freed >= bytes {
                break;
            }
            freed += size + ROW_BYTES;
            last = Some(key);
        }
        let Some([at, mailbox, uid]) = last.map(|key| key.map(Value::Int)) else { return Ok(0) };
        let removed = self.sql.execute(
            "DELETE FROM expunged WHERE account_id = ?1 \
             AND (expunged_at, mailbox_id, uid) <= (?2, ?3, ?4)",
            &[account, at, mailbox, uid],
        )?;
        self.sql.execute(
            "UPDATE account SET expunged_bytes = expunged_bytes - ?2 WHERE id = ?1",
            &[account, Value::Int(freed)],
        )?;
        self.usage.expunged_bytes -= freed;
        Ok(removed)
    }
}

#[cfg(test)]
mod tests;
