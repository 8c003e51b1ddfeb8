//! `\Recent` (RFC 3501 §2.3.2), which only IMAP4rev1 has: one number per mailbox, since messages
//! become recent in the order of their UIDs.

use ids::{CollectionId, Uid};

use crate::sql::Value;
use crate::{AccountTx, ReadTx, Result, Rights, StorageError};

impl ReadTx<'_> {
    /// How many messages of a mailbox no session was told of yet, as far as the rows know.
    pub fn count_recent(&mut self, mailbox: CollectionId) -> Result<u32> {
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM mailbox b JOIN message m ON m.mailbox_id = b.id \
             AND m.uid >= b.recent_uid WHERE b.id = ?1",
            &[Value::Int(mailbox.get())],
            |row| row.int(0),
        )?;
        Ok(u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX))
    }
}

impl AccountTx<'_, '_> {
    /// Messages below `end` were told to some session. No change that anybody must hear of: it
    /// takes no modification sequence.
    ///
    /// # Errors
    /// [`StorageError::NoPermission`] where the actor may not change anything in the mailbox.
    pub fn keep_recent(&mut self, mailbox: CollectionId, end: Uid) -> Result<()> {
        let mailbox = self.own_mailbox(mailbox)?.id;
        // RFC 4314 §5.2: opened to be changed.
        if !self.require(mailbox, Rights::READ)?.intersects(Rights::CHANGING) {
            return Err(StorageError::NoPermission("you have no right to do this"));
        }
        self.sql.execute(
            "UPDATE mailbox SET recent_uid = ?2 WHERE id = ?1 AND recent_uid < ?2",
            &[Value::Int(mailbox.get()), Value::Int(end.get().into())],
        )?;
        Ok(())
    }
}
