//! Entries of access control lists: SETACL (RFC 4314 §3.1), and what new mailboxes inherit.

use ids::{AccountId, CollectionId};

use super::{AclChange, Grantee, Rights};
use crate::change::Fact;
use crate::mailbox::MailboxName;
use crate::sql::Value;
use crate::view::MailboxDelta;
use crate::{AccountTx, LimitKind, Result, StorageError, WriteTx};

impl WriteTx<'_> {
    /// Changes what an identifier may do with a mailbox, at the word of `actor` (RFC 4314 §3.1).
    ///
    /// # Errors
    /// [`StorageError::Invalid`] for an entry of the owner; [`StorageError::NoPermission`] where
    /// the actor does not administer the mailbox.
    pub fn set_acl(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        identifier: &str,
        change: AclChange,
    ) -> Result<()> {
        let owner = self.load_mailbox(mailbox)?.account;
        // Asked again below, with the accounts locked: who may not ask learns of no account.
        self.require_as(actor, mailbox, Rights::ADMINISTER)?;
        let organisation = self.organisation_of(owner)?;
        let (sharee, grantee) = self.grantee(organisation, identifier)?;
        if grantee.id == owner.get() {
            return Err(StorageError::Invalid("the owner of a mailbox keeps every right"));
        }
        self.lock_sharee(owner, sharee)?;
        let mut tx = self.account_as(owner, actor)?;
        // The mailbox may be gone since, which its owner is not asked otherwise.
        tx.require_as(actor, mailbox, Rights::ADMINISTER)?;
        let before = tx.entry(mailbox, grantee)?;
        let after = match change {
            AclChange::Set(rights) => rights,
            AclChange::Add(rights) => before | rights,
            AclChange::Remove(rights) => before.without(rights),
        };
        match after == before {
            true => Ok(()),
            false => tx.put_entry(mailbox, grantee, after),
        }
    }

    /// Tells sessions of others on the mailboxes of an account that what they may do has changed,
    /// by something that stands in no entry.
    pub(crate) fn record_acl_of(&mut self, account: AccountId) -> Result<()> {
        let shared = self.sql.query_all(
            "SELECT DISTINCT b.id FROM mailbox b JOIN acl x ON x.mailbox_id = b.id \
             WHERE b.account_id = ?1 ORDER BY b.id",
            &[Value::Int(account.get())],
            |row| Ok(CollectionId::new(row.int(0)?)),
        )?;
        shared.into_iter().try_for_each(|mailbox| self.record_acl(account, mailbox))
    }

    /// Tells sessions of others that have the mailbox open.
    pub(crate) fn record_acl(&mut self, account: AccountId, mailbox: CollectionId) -> Result<()> {
        self.record(account, Some(mailbox), Fact::AclChanged)?;
        let modseq = self.modseq(account)?;
        let mut delta = MailboxDelta::new(account, mailbox, modseq);
        delta.acl_changed = true;
        self.deltas.push(delta);
        Ok(())
    }
}

impl AccountTx<'_, '_> {
    /// RFC 4314 §4: a new mailbox inherits from the nearest one above; without one, it is shared
    /// with whom the account is shared with.
    pub(crate) fn inherit_acl(&mut self, name: &MailboxName, mailbox: CollectionId) -> Result<()> {
        match self.nearest_parent(name)? {
            Some(parent) => {
                self.sql.execute(
                    "INSERT INTO acl (mailbox_id, grantee, negative, rights) \
                     SELECT CAST(?2 AS BIGINT), grantee, negative, rights FROM acl \
                     WHERE mailbox_id = ?1",
                    &[Value::Int(parent.get()), Value::Int(mailbox.get())],
                )?;
                Ok(())
            }
            None => self.inherit_shares(mailbox),
        }
    }

    pub(super) fn entry(&mut self, mailbox: CollectionId, grantee: Grantee) -> Result<Rights> {
        let rights = self.sql.query_one(
            "SELECT rights FROM acl WHERE mailbox_id = ?1 AND grantee = ?2 AND negative = ?3",
            &grantee.key(mailbox),
            |row| row.int(0),
        )?;
        Ok(rights.map_or(Rights::NONE, Rights::from_column))
    }

    /// Writes an entry, or removes one that says nothing, and tells of it.
    pub(super) fn put_entry(
        &mut self,
        mailbox: CollectionId,
        grantee: Grantee,
        rights: Rights,
    ) -> Result<()> {
        let [mailbox_id, id, negative] = grantee.key(mailbox);
        if rights.is_empty() {
            self.sql.execute(
                "DELETE FROM acl WHERE mailbox_id = ?1 AND grantee = ?2 AND negative = ?3",
                &[mailbox_id, id, negative],
            )?;
        } else {
            let changed = self.sql.execute(
                "UPDATE acl SET rights = ?4 \
                 WHERE mailbox_id = ?1 AND grantee = ?2 AND negative = ?3",
                &[mailbox_id, id, negative, Value::Int(rights.column())],
            )?;
            if changed == 0 {
                self.check_entries(mailbox)?;
                self.sql.execute(
                    "INSERT INTO acl (mailbox_id, grantee, negative, rights) \
                     VALUES (?1, ?2, ?3, ?4)",
                    &[mailbox_id, id, negative, Value::Int(rights.column())],
                )?;
            }
        }
        let account = self.account;
        self.record_acl(account, mailbox)
    }

    /// Refuses one more entry where there are too many.
    fn check_entries(&mut self, mailbox: CollectionId) -> Result<()> {
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM acl WHERE mailbox_id = ?1",
            &[Value::Int(mailbox.get())],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        let (kind, max) = (LimitKind::AclEntries, self.settings.acl_entries_max);
        match count.unwrap_or(0) >= max {
            true => Err(StorageError::Limit { kind, max }),
            false => Ok(()),
        }
    }
}

impl Grantee {
    /// The columns that identify the entry in a mailbox's list.
    fn key(self, mailbox: CollectionId) -> [Value<'static>; 3] {
        [Value::Int(mailbox.get()), Value::Int(self.id), Value::Int(i64::from(self.negative))]
    }
}
