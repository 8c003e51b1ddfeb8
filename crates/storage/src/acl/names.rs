//! CREATE, DELETE and RENAME at the word of somebody, by the names that one sees.

use ids::AccountId;

use super::Rights;
use crate::mailbox::{Mailbox, MailboxName, SpecialUse};
use crate::{Result, StorageError, WriteTx};

impl WriteTx<'_> {
    /// Creates the mailbox that `name` is to `actor`, who needs `k` on the nearest one above it
    /// (RFC 4314 §4), and subscribes `actor` and the owner to it. It counts among the owner's.
    pub fn create_mailbox_as(
        &mut self,
        actor: AccountId,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<Mailbox> {
        let place = self.find_place(actor, name)?;
        if place.account == actor {
            return self.account(actor)?.create_mailbox(name, special_use);
        }
        self.lock_accounts([actor, place.account])?;
        let mut tx = self.account_as(place.account, actor)?;
        let created = tx.create_mailbox(&place.name, special_use)?;
        let seen = self.name_as(actor, &created)?;
        self.account(actor)?.subscribe_if_room(&seen)?;
        Ok(created)
    }

    /// Refuses what [`create_mailbox_as`](Self::create_mailbox_as) refuses to who lacks `k`.
    ///
    /// # Errors
    /// [`StorageError::NoPermission`] without the right.
    pub fn require_create_as(&mut self, actor: AccountId, name: &MailboxName) -> Result<()> {
        let place = self.find_place(actor, name)?;
        self.account_as(place.account, actor)?.require_parent(&place.name)
    }

    /// Deletes the mailbox that `name` is to `actor`, who needs `x` on it (RFC 4314 §4).
    pub fn delete_mailbox_as(&mut self, actor: AccountId, name: &MailboxName) -> Result<()> {
        let place = self.find_place(actor, name)?;
        self.account_as(place.account, actor)?.delete_mailbox(&place.name)
    }

    /// Renames within one account: `actor` needs `x` on the mailbox and `k` on the nearest one
    /// above its new name (RFC 4314 §4). Nothing is said of the place of `to` before `from` may
    /// be moved.
    pub fn rename_mailbox_as(
        &mut self,
        actor: AccountId,
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<()> {
        let source = self.find_place(actor, from)?;
        let target = match self.find_place(actor, to) {
            Err(StorageError::NotFound(_)) => None,
            found => Some(found?),
        };
        let mut tx = self.account_as(source.account, actor)?;
        match target.filter(|target| target.account == source.account) {
            Some(target) => tx.rename_mailbox(&source.name, &target.name),
            None => {
                tx.require_movable(&source.name)?;
                Err(StorageError::NoPermission("a mailbox stays in its account"))
            }
        }
    }
}

impl crate::AccountTx<'_, '_> {
    /// RFC 4314 §4: `x` on a mailbox, or on all below a ghost. To the owner it may be missing:
    /// the verb itself says so.
    pub(crate) fn require_movable(&mut self, name: &MailboxName) -> Result<()> {
        if self.is_own() {
            return Ok(());
        }
        let account = self.account;
        let moving = match self.find_mailbox(account, name)? {
            Some(mailbox) => vec![mailbox],
            None => self.mailboxes_below(name)?,
        };
        for mailbox in &moving {
            self.require(mailbox.id, Rights::DELETE_MAILBOX)?;
        }
        match moving.is_empty() {
            true => Err(StorageError::NotFound("mailbox")),
            false => Ok(()),
        }
    }
}
