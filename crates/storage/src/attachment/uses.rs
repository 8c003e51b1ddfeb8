//! Which objects name which attachments.
//!
//! Lifetime and quota of an attachment go by the objects of its own account: what others have of it
//! came by an invitation, and costs them nothing. What is named no more is kept for as long as
//! the versions of objects that named it (R-REST-2), under the same bound.

use std::collections::BTreeSet;

use ids::CollectionId;

use super::is_ours;
use crate::sql::Value;
use crate::{AccountTx, Result};

/// Bytes that one which nothing names counts for beside its own, as versions do.
pub(crate) const ROW_BYTES: i64 = 512;
/// LIMIT: how many are given up at a time.
const ROWS: i64 = 100;

impl AccountTx<'_, '_> {
    /// Notes what an object names now. `named_before` is how many it named.
    pub(crate) fn name_attachments(
        &mut self,
        object: i64,
        named_before: u64,
        ids: &[String],
    ) -> Result<()> {
        let after: BTreeSet<&str> =
            ids.iter().map(String::as_str).filter(|id| is_ours(id)).collect();
        let before = match named_before {
            0 => BTreeSet::new(),
            _ => self.named_by(object)?,
        };
        if before.iter().map(String::as_str).eq(after.iter().copied()) {
            return Ok(());
        }
        let lost: Vec<&String> = before.iter().filter(|id| !after.contains(id.as_str())).collect();
        let new: Vec<&str> = after.iter().copied().filter(|id| !before.contains(*id)).collect();
        for id in &lost {
            self.sql.execute(
                "DELETE FROM attachment_use WHERE object_id = ?1 AND managed_id = ?2",
                &[Value::Int(object), Value::Text(id)],
            )?;
        }
        for id in &new {
            self.sql.execute(
                "INSERT INTO attachment_use (object_id, managed_id) VALUES (?1, ?2)",
                &[Value::Int(object), Value::Text(id)],
            )?;
        }
        self.sql.execute(
            "UPDATE object SET attachments = ?2 WHERE id = ?1",
            &[Value::Int(object), Value::Int(after.len() as i64)],
        )?;
        // In this order one that takes the place of another fits where that did.
        lost.into_iter().try_for_each(|id| self.let_attachment_go(id))?;
        new.into_iter().try_for_each(|id| self.take_attachment_up(id))
    }

    fn named_by(&mut self, object: i64) -> Result<BTreeSet<String>> {
        let found = self.sql.query_all(
            "SELECT managed_id FROM attachment_use WHERE object_id = ?1",
            &[Value::Int(object)],
            |row| Ok(row.text(0)?.to_owned()),
        )?;
        Ok(found.into_iter().collect())
    }

    /// Forgets what the objects of a collection name, which goes.
    pub(crate) fn forget_attachments_of(&mut self, collection: CollectionId) -> Result<()> {
        let id = [Value::Int(collection.get())];
        let named = self.sql.query_all(
            "SELECT DISTINCT u.managed_id FROM object o \
             JOIN attachment_use u ON u.object_id = o.id \
             WHERE o.collection_id = ?1 AND o.attachments > 0",
            &id,
            |row| Ok(row.text(0)?.to_owned()),
        )?;
        if named.is_empty() {
            return Ok(());
        }
        self.sql.execute(
            "DELETE FROM attachment_use WHERE object_id IN \
             (SELECT id FROM object WHERE collection_id = ?1 AND attachments > 0)",
            &id,
        )?;
        named.iter().try_for_each(|id| self.let_attachment_go(id))
    }

    /// The account has an object that names it.
    fn take_attachment_up(&mut self, id: &str) -> Result<()> {
        let params = [Value::Text(id), Value::Int(self.account.get())];
        let found = self.sql.query_one(
            "SELECT size_bytes, unnamed_since FROM attachment \
             WHERE managed_id = ?1 AND account_id = ?2 AND unnamed_since IS NOT NULL",
            &params,
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        let Some((bytes, since)) = found else { return Ok(()) };
        self.check_quota(bytes, 0)?;
        self.add_usage(bytes, 0)?;
        if since > 0 {
            self.add_version_bytes(-bytes - ROW_BYTES)?;
        }
        self.sql.execute(
            "UPDATE attachment SET unnamed_since = NULL WHERE managed_id = ?1 AND account_id = ?2",
            &params,
        )?;
        Ok(())
    }

    /// An object of the account names it no more; perhaps another one does.
    fn let_attachment_go(&mut self, id: &str) -> Result<()> {
        // 0 has a meaning of its own.
        let (account, now) = (self.account, self.now.as_micros().max(1));
        let bytes = self.sql.query_one(
            "UPDATE attachment SET unnamed_since = ?3 WHERE managed_id = ?1 AND account_id = ?2 \
             AND unnamed_since IS NULL AND NOT EXISTS (SELECT 1 FROM attachment_use u \
             JOIN object o ON o.id = u.object_id JOIN collection c ON c.id = o.collection_id \
             WHERE u.managed_id = attachment.managed_id AND c.account_id = ?2) \
             RETURNING size_bytes",
            &[Value::Text(id), Value::Int(account.get()), Value::Int(now)],
            |row| row.int(0),
        )?;
        let Some(bytes) = bytes else { return Ok(()) };
        self.add_usage(-bytes, 0)?;
        self.count_versions(1, bytes)
    }

    /// Gives up, the oldest first, what nothing names, until so many bytes are free; how many are.
    /// Maintenance erases it.
    pub(crate) fn give_attachments_up(&mut self, wanted: i64) -> Result<i64> {
        let account = self.account;
        let oldest = self.sql.query_all(
            "SELECT id, size_bytes FROM attachment WHERE account_id = ?1 AND unnamed_since > 0 \
             ORDER BY unnamed_since, id LIMIT ?2",
            &[Value::Int(account.get()), Value::Int(ROWS)],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        let mut freed = 0;
        for (id, bytes) in oldest {
            if freed >= wanted {
                break;
            }
            self.sql.execute(
                "UPDATE attachment SET unnamed_since = 0 WHERE id = ?1",
                &[Value::Int(id)],
            )?;
            freed += bytes + ROW_BYTES;
        }
        if freed > 0 {
            self.add_version_bytes(-freed)?;
        }
        Ok(freed)
    }

    /// Deletes one that nothing has named since before `before`, if that is still so.
    pub(crate) fn purge_attachment(&mut self, id: i64, before: i64) -> Result<()> {
        let account = self.account;
        let gone = self.sql.query_one(
            "DELETE FROM attachment WHERE id = ?1 AND account_id = ?2 AND unnamed_since < ?3 \
             RETURNING size_bytes, unnamed_since",
            &[Value::Int(id), Value::Int(account.get()), Value::Int(before)],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        match gone {
            Some((bytes, since)) if since > 0 => {
                self.add_version_bytes(-bytes - ROW_BYTES).map(|_| ())
            }
            _ => Ok(()),
        }
    }
}
