//! COPY, MOVE and REPLACE at the word of somebody, between accounts too.

use ids::{AccountId, CollectionId, Uid, UidSet};

use super::Rights;
use crate::{Append, Appended, Copied, PreparedMessage, Result, StorageError, WriteTx};

impl WriteTx<'_> {
    /// Copies messages for `actor`, who needs `r` there and `i` here (RFC 4314 §4). Copies into
    /// another account count against its quota.
    pub fn copy_messages_as(
        &mut self,
        actor: AccountId,
        source: CollectionId,
        uids: &UidSet,
        target: CollectionId,
    ) -> Result<Copied> {
        let (_, to) = self.lock_both(source, target)?;
        let mut tx = self.account_as(to, actor)?;
        let source = tx.load_mailbox(source)?;
        tx.require_as(actor, source.id, Rights::READ)?;
        tx.copy_into(source, uids, target)
    }

    /// Moves messages for `actor`, who needs `r`, `t` and `e` there and `i` here. What leaves an
    /// account can be brought back by its owner (R-REST-1).
    pub fn move_messages_as(
        &mut self,
        actor: AccountId,
        source: CollectionId,
        uids: &UidSet,
        target: CollectionId,
    ) -> Result<Copied> {
        let (from, to) = self.lock_both(source, target)?;
        if from == to {
            return self.account_as(from, actor)?.move_messages(source, uids, target);
        }
        let copied = self.copy_messages_as(actor, source, uids, target)?;
        let gone: UidSet = copied.pairs.iter().map(|(uid, _)| *uid).collect();
        self.account_as(from, actor)?.remove_messages(source, &gone)?;
        Ok(copied)
    }

    /// Adds a message to `target` and removes another from `source` for `actor`, who needs `i`
    /// here and `t` and `e` there (RFC 8508 §4.1).
    ///
    /// # Errors
    /// [`StorageError::Expunged`] where the message to be replaced is gone.
    pub fn replace_message_as(
        &mut self,
        actor: AccountId,
        (source, uid): (CollectionId, Uid),
        target: CollectionId,
        message: &PreparedMessage,
        append: Append,
    ) -> Result<Appended> {
        let (from, to) = self.lock_both(source, target)?;
        if from == to {
            let mut tx = self.account_as(from, actor)?;
            return tx.replace_message(source, uid, target, message, append);
        }
        let appended = self.account_as(to, actor)?.append_message(target, message, append)?;
        let gone = UidSet::from_iter([uid]);
        match self.account_as(from, actor)?.remove_messages(source, &gone)?.is_empty() {
            true => Err(StorageError::Expunged),
            false => Ok(appended),
        }
    }

    /// Locks the accounts of two mailboxes; whose they are.
    fn lock_both(
        &mut self,
        source: CollectionId,
        target: CollectionId,
    ) -> Result<(AccountId, AccountId)> {
        let from = self.load_mailbox(source)?.account;
        let to = self.load_mailbox(target)?.account;
        self.lock_accounts([from, to])?;
        Ok((from, to))
    }
}
