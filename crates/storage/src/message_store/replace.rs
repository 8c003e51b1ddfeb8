//! REPLACE (RFC 8508): a message in the place of another, in one transaction.

use ids::{AccountId, CollectionId, ContentId, Uid, UidSet};

use super::PreparedMessage;
use super::append::{Append, Appended, message_counts};
use super::keywords::check_keyword_bytes;
use crate::sql::Value;
use crate::{AccountTx, EventCause, ReadTx, Result, Rights, StorageError};

impl ReadTx<'_> {
    /// [`find_content`](Self::find_content) for `actor`, who needs `r` on the mailbox.
    pub fn find_content_as(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        uid: Uid,
    ) -> Result<Option<(ContentId, u64)>> {
        self.require_as(actor, mailbox, Rights::READ)?;
        self.find_content(mailbox, uid)
    }

    /// The text of a message and its size in bytes; `None` where there is no such message.
    pub fn find_content(
        &mut self,
        mailbox: CollectionId,
        uid: Uid,
    ) -> Result<Option<(ContentId, u64)>> {
        self.sql.query_one(
            "SELECT content_id, size_bytes FROM message WHERE mailbox_id = ?1 AND uid = ?2",
            &[Value::Int(mailbox.get()), Value::Int(uid.get().into())],
            |row| Ok((ContentId::new(row.int(0)?), row.int(1)?.cast_unsigned())),
        )
    }
}

impl AccountTx<'_, '_> {
    /// Adds `message` to `target` and removes the message `uid` from `source`. The quota is
    /// asked for the difference (RFC 8508 §3.4). The old one can be brought back (R-REST-1).
    ///
    /// # Errors
    /// [`StorageError::Expunged`] where the old message is gone; else as for
    /// [`append_message`](Self::append_message). Nothing is written, and the old message stays.
    pub fn replace_message(
        &mut self,
        source: CollectionId,
        uid: Uid,
        target: CollectionId,
        message: &PreparedMessage,
        mut append: Append,
    ) -> Result<Appended> {
        append.flags = self.require(target, Rights::INSERT)?.permitted(append.flags);
        let source = self.own_mailbox(source)?.id;
        self.require(source, Rights::REMOVING)?;
        let Some((_, old_bytes)) = self.find_content(source, uid)? else {
            return Err(StorageError::Expunged);
        };
        self.check_message_size(message)?;
        let counts = message_counts(message, &append.flags);
        self.check_quota(counts.bytes - old_bytes.cast_signed(), 0)?;
        self.check_keywords(target, std::iter::once(&append.flags))?;
        check_keyword_bytes(&append.flags)?;
        self.check_new_annotations(target, message, &append.annotations)?;
        let modseq = self.add_usage(counts.bytes, 1)?;
        let place = self.reserve_uids(target, counts, modseq)?;
        // The new message first: were both in one mailbox, its view learns them in the order of
        // their UIDs.
        let appended = self.insert_message(place, message, append)?;
        self.remove_messages(source, &UidSet::from_iter([uid]))?;
        // RFC 8508 §3: as if it was appended.
        let uids = UidSet::from_iter([appended.uid]);
        self.note_event(target, EventCause::Append, &uids, "")?;
        Ok(appended)
    }
}

#[cfg(test)]
mod tests;
