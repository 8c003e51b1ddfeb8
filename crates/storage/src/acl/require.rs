//! The questions that verbs ask before they do anything for somebody.

use ids::{AccountId, CollectionId};

use super::{Rights, check_rights};
use crate::mailbox::MailboxName;
use crate::sql::Value;
use crate::{AccountTx, ReadTx, Result, StorageError, WriteTx};

impl ReadTx<'_> {
    /// What `actor` may do with a mailbox, refusing where some of `needed` are not among it.
    ///
    /// # Errors
    /// [`StorageError::NoPermission`] where the right is missing, [`StorageError::Maintenance`]
    /// where nobody may do anything now.
    pub fn require_as(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        needed: Rights,
    ) -> Result<Rights> {
        let rights = self.rights_of(actor, mailbox)?;
        match check_rights(rights, needed) {
            Ok(()) => Ok(rights),
            Err(refusal @ StorageError::NoPermission(_)) => {
                let owner = self.load_mailbox(mailbox)?.account;
                match self.is_in_maintenance(owner)? {
                    true => Err(StorageError::Maintenance),
                    false => Err(refusal),
                }
            }
            Err(refusal) => Err(refusal),
        }
    }

    /// R-ADDR-12: whether an account or its domain is in maintenance.
    pub fn is_in_maintenance(&mut self, account: AccountId) -> Result<bool> {
        let found = self.sql.query_one(
            "SELECT a.maintenance, d.maintenance FROM account a JOIN domain d ON d.id = a.domain_id \
             WHERE a.id = ?1",
            &[Value::Int(account.get())],
            |row| Ok(row.int(0)? != 0 || row.int(1)? != 0),
        )?;
        Ok(found.unwrap_or(false))
    }
}

impl<'a> WriteTx<'a> {
    /// [`account`](Self::account) for somebody whose rights are asked for by every verb: another
    /// account, or the account itself, which may lack some (R-ADDR-7).
    pub fn account_as(
        &mut self,
        account: AccountId,
        actor: AccountId,
    ) -> Result<AccountTx<'_, 'a>> {
        let mut tx = self.account(account)?;
        tx.actor = actor;
        tx.is_at_word = true;
        Ok(tx)
    }

    /// Locks several accounts; in ascending order, see [`account`](Self::account).
    pub(crate) fn lock_accounts(&mut self, accounts: [AccountId; 2]) -> Result<()> {
        let [one, other] = accounts;
        self.lock_usage(one.min(other))?;
        if one != other {
            self.lock_usage(one.max(other))?;
        }
        Ok(())
    }
}

impl AccountTx<'_, '_> {
    /// At whose word it is done, see [`WriteTx::account_as`].
    pub fn actor(&self) -> AccountId {
        self.actor
    }

    /// Whether the account itself, or who runs the server, is at work.
    pub(crate) fn is_own(&self) -> bool {
        self.actor == self.account
    }

    /// Refuses to do for somebody else what no right allows.
    pub(crate) fn require_own(&self) -> Result<()> {
        match self.is_own() {
            true => Ok(()),
            false => Err(StorageError::NoPermission("this is for the account itself to do")),
        }
    }

    /// What the one acting may do with a mailbox of the account, refusing where some of `needed`
    /// are not among it.
    pub(crate) fn require(&mut self, mailbox: CollectionId, needed: Rights) -> Result<Rights> {
        if self.is_own() {
            return Ok(Rights::ALL);
        }
        let actor = self.actor;
        self.require_as(actor, mailbox, needed)
    }

    /// RFC 4314 §4: `k` on the nearest mailbox above a new name. The owner needs none.
    pub(crate) fn require_parent(&mut self, name: &MailboxName) -> Result<()> {
        if self.is_own() {
            return Ok(());
        }
        match self.nearest_parent(name)? {
            Some(parent) => self.require(parent, Rights::CREATE).map(|_| ()),
            None => check_rights(Rights::NONE, Rights::CREATE),
        }
    }

    pub(super) fn nearest_parent(&mut self, name: &MailboxName) -> Result<Option<CollectionId>> {
        let account = self.account;
        let mut above = name.parent();
        while let Some(parent) = above {
            if let Some(found) = self.find_mailbox(account, &parent)? {
                return Ok(Some(found.id));
            }
            above = parent.parent();
        }
        Ok(None)
    }
}
