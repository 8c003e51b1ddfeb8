//! DELETE (RFC 9051 §6.3.5): the mailbox and its messages go, what is below it stays.

use super::MailboxName;
use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, Result, Rights, StorageError};

impl AccountTx<'_, '_> {
    /// Deletes a real mailbox. Its messages can be brought back (R-REST-1). With children it
    /// leaves a ghost (R-FOLD-3), which cannot be deleted itself (R-FOLD-2). The subscription
    /// stays, as RFC 9051 §6.3.7 wants.
    ///
    /// # Errors
    /// [`StorageError::InUse`] for a ghost: its children must go first;
    /// [`StorageError::NoPermission`] for INBOX, and to whom the right is missing;
    /// [`StorageError::NotFound`] where there is nothing, or nothing that one may see.
    pub fn delete_mailbox(&mut self, name: &MailboxName) -> Result<()> {
        let account = self.account;
        let Some(mailbox) = self.find_mailbox(account, name)? else {
            // What is below it is for the owner to know.
            return match !self.is_own() || self.mailboxes_below(name)?.is_empty() {
                true => Err(StorageError::NotFound("mailbox")),
                false => Err(StorageError::InUse("the mailboxes below it must be deleted first")),
            };
        };
        self.require(mailbox.id, Rights::DELETE_MAILBOX)?;
        if name.is_inbox() {
            // RFC 9051 §6.3.5: it is an error to delete INBOX.
            return Err(StorageError::NoPermission("INBOX cannot be deleted"));
        }
        self.settle_flags(&mailbox)?;
        let id = Value::Int(mailbox.id.get());
        let now = Value::Int(self.now.as_micros());
        self.sql.execute(
            "INSERT INTO expunged (account_id, expunged_at, mailbox_id, uid, mailbox_name, \
             content_id, flags, keywords, internal_date) \
             SELECT CAST(?1 AS BIGINT), CAST(?2 AS BIGINT), mailbox_id, uid, \
             CAST(?3 AS TEXT), content_id, flags, keywords, internal_date \
             FROM message WHERE mailbox_id = ?4",
            &[Value::Int(account.get()), now, Value::Text(name.as_str()), id],
        )?;
        self.sql.execute("DELETE FROM message WHERE mailbox_id = ?1", &[id])?;
        self.sql.execute("DELETE FROM flag_sweep WHERE mailbox_id = ?1", &[id])?;
        self.sql.execute("DELETE FROM annotation WHERE mailbox_id = ?1", &[id])?;
        self.sql.execute("DELETE FROM acl WHERE mailbox_id = ?1", &[id])?;
        self.sql.execute("DELETE FROM metadata WHERE mailbox_id = ?1", &[id])?;
        self.sql.execute("DELETE FROM url_key WHERE mailbox_id = ?1", &[id])?;
        crate::sort_keys::delete_of(&mut *self.sql, mailbox.id)?;
        self.sql.execute("DELETE FROM mailbox WHERE id = ?1", &[id])?;
        self.sql.execute(
            "UPDATE account SET mailbox_count = mailbox_count - 1 WHERE id = ?1",
            &[Value::Int(account.get())],
        )?;
        self.count_expunged(mailbox.size_bytes.cast_signed(), mailbox.messages.into())?;
        let name = name.as_str().to_owned();
        self.record_fact(Some(mailbox.id), Fact::MailboxDeleted { name })?;
        let mut delta = self.new_delta(mailbox.id)?;
        delta.deleted = true;
        self.deltas.push(delta);
        Ok(())
    }
}
