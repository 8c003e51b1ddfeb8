//! Sharing of mailboxes: access control lists (RFC 4314), the names under which mailboxes of
//! others are seen (RFC 2342), accounts shared as a whole (R-SHARE-6).
//!
//! **Invariants:** the owner has every right and no entry; a verb that acts for somebody else
//! asks for the rights in the transaction that changes; whoever has no right on a mailbox is
//! answered as if it did not exist.
//! **Absent:** groups; `anyone` is every account of the owner's domain but external ones
//! (R-SHARE-2).

mod between;
mod place;
mod rights;
mod share;

use ids::{AccountId, CollectionId, DomainId};

pub use place::Place;
pub use rights::Rights;
pub use share::{Share, ShareRights};

pub(crate) use place::is_reserved;

use crate::change::Fact;
use crate::directory::Role;
use crate::mailbox::MailboxName;
use crate::sql::Value;
use crate::{AccountTx, Address, LimitKind, ReadTx, Result, StorageError, WriteTx};

/// The identifier of every account of the domain.
const ANYONE: &str = "anyone";

/// One line of an access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    /// Who, as RFC 4314 writes it: an address or `anyone`, behind `-` where rights are taken away.
    pub identifier: String,
    /// The rights given or taken.
    pub rights: Rights,
}

/// What SETACL does with the rights given (RFC 4314 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclChange {
    /// They become the rights.
    Set(Rights),
    /// `+`: they are added.
    Add(Rights),
    /// `-`: they are taken out.
    Remove(Rights),
}

/// Whom an entry is for, as the row has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grantee {
    id: i64,
    negative: bool,
}

/// What entries sum up to.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    given: Rights,
    taken: Rights,
}

impl Sum {
    fn add(&mut self, negative: i64, rights: i64) {
        let rights = Rights::from_column(rights);
        match negative {
            0 => self.given = self.given | rights,
            _ => self.taken = self.taken | rights,
        }
    }

    fn rights(self) -> Rights {
        self.given.without(self.taken)
    }
}

/// Refuses what `rights` do not allow. RFC 4314 §6: who may not look a mailbox up does not learn
/// that it exists.
pub(crate) fn check_rights(rights: Rights, needed: Rights) -> Result<()> {
    if rights.contains(needed) {
        return Ok(());
    }
    match rights.contains(Rights::LOOKUP) {
        true => Err(StorageError::NoPermission("you have no right to do this")),
        false => Err(StorageError::NotFound("mailbox")),
    }
}

impl ReadTx<'_> {
    /// What `actor` may do with a mailbox.
    pub fn rights_of(&mut self, actor: AccountId, mailbox: CollectionId) -> Result<Rights> {
        if self.load_mailbox(mailbox)?.account == actor {
            return Ok(Rights::ALL);
        }
        let anyone = self.anyone_of(actor)?;
        let mut sum = Sum::default();
        self.sql.query(
            "SELECT negative, rights FROM acl WHERE mailbox_id = ?1 AND grantee IN (?2, ?3)",
            &[Value::Int(mailbox.get()), Value::Int(actor.get()), Value::Int(anyone)],
            &mut |row| {
                sum.add(row.int(0)?, row.int(1)?);
                Ok(())
            },
        )?;
        Ok(sum.rights())
    }

    /// The grantee that stands for everybody of the account's domain, where it is one of them;
    /// else the account itself.
    fn anyone_of(&mut self, account: AccountId) -> Result<i64> {
        let account = self.load_account(account)?;
        Ok(match account.role {
            Role::External => account.id.get(),
            _ => -account.domain.get(),
        })
    }

    /// The access control list of a mailbox, for those who may change it; the owner first.
    pub fn load_acl(&mut self, actor: AccountId, mailbox: CollectionId) -> Result<Vec<AclEntry>> {
        check_rights(self.rights_of(actor, mailbox)?, Rights::ADMINISTER)?;
        let owner = self.load_mailbox(mailbox)?.account;
        let owner = self.load_account(owner)?.address;
        let mut acl = vec![AclEntry { identifier: owner, rights: Rights::ALL }];
        self.sql.query(
            "SELECT x.negative, x.rights, a.address FROM acl x LEFT JOIN account a \
             ON a.id = x.grantee WHERE x.mailbox_id = ?1 ORDER BY a.address, x.negative",
            &[Value::Int(mailbox.get())],
            &mut |row| {
                let sign = if row.int(0)? == 0 { "" } else { "-" };
                let who = row.opt_text(2)?.unwrap_or(ANYONE);
                let rights = Rights::from_column(row.int(1)?);
                acl.push(AclEntry { identifier: format!("{sign}{who}"), rights });
                Ok(())
            },
        )?;
        Ok(acl)
    }

    /// Whether `identifier` is the owner of the mailbox, who has every right; an error where it
    /// names nobody, or `actor` may not ask.
    pub fn is_owner(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        identifier: &str,
    ) -> Result<bool> {
        check_rights(self.rights_of(actor, mailbox)?, Rights::ADMINISTER)?;
        let owner = self.load_mailbox(mailbox)?.account;
        let domain = self.load_account(owner)?.domain;
        let grantee = self.grantee(domain, identifier)?;
        Ok(grantee.id == owner.get() && !grantee.negative)
    }

    fn grantee(&mut self, domain: DomainId, identifier: &str) -> Result<Grantee> {
        let (who, negative) = match identifier.strip_prefix('-') {
            Some(who) => (who, true),
            None => (identifier, false),
        };
        if who == ANYONE {
            return Ok(Grantee { id: -domain.get(), negative });
        }
        let found = match Address::parse(who) {
            Ok(address) => self.find_account(&address)?,
            Err(_) => None,
        };
        let account = found.ok_or(StorageError::NotFound("account"))?;
        Ok(Grantee { id: account.id.get(), negative })
    }
}

impl<'a> WriteTx<'a> {
    /// [`account`](Self::account) for somebody whose rights are asked for by every verb.
    pub fn account_as(
        &mut self,
        account: AccountId,
        actor: AccountId,
    ) -> Result<AccountTx<'_, 'a>> {
        let mut tx = self.account(account)?;
        tx.actor = actor;
        Ok(tx)
    }

    /// Changes what an identifier may do with a mailbox, at the word of `actor` (RFC 4314 §3.1).
    pub fn set_acl(
        &mut self,
        actor: AccountId,
        mailbox: CollectionId,
        identifier: &str,
        change: AclChange,
    ) -> Result<()> {
        let owner = self.load_mailbox(mailbox)?.account;
        let mut tx = self.account_as(owner, actor)?;
        tx.require(mailbox, Rights::ADMINISTER)?;
        let domain = tx.load_account(owner)?.domain;
        let grantee = tx.grantee(domain, identifier)?;
        if grantee.id == owner.get() {
            return Err(StorageError::Invalid("the owner of a mailbox keeps every right"));
        }
        let before = tx.entry(mailbox, grantee)?;
        let after = match change {
            AclChange::Set(rights) => rights,
            AclChange::Add(rights) => before | rights,
            AclChange::Remove(rights) => before.without(rights),
        };
        if after == before {
            return Ok(());
        }
        tx.check_entries(mailbox)?;
        tx.put_entry(mailbox, grantee, after)
    }
}

impl AccountTx<'_, '_> {
    /// What the one acting may do with a mailbox of the account.
    pub(crate) fn rights(&mut self, mailbox: CollectionId) -> Result<Rights> {
        match self.actor == self.account {
            true => Ok(Rights::ALL),
            false => {
                let actor = self.actor;
                self.rights_of(actor, mailbox)
            }
        }
    }

    /// [`rights`](Self::rights), refusing where some of `needed` are not among them.
    pub(crate) fn require(&mut self, mailbox: CollectionId, needed: Rights) -> Result<Rights> {
        let rights = self.rights(mailbox)?;
        check_rights(rights, needed)?;
        Ok(rights)
    }

    /// RFC 4314 §4: `k` on the nearest mailbox above a new name. The owner needs none.
    pub(crate) fn require_parent(&mut self, name: &MailboxName) -> Result<()> {
        if self.actor == self.account {
            return Ok(());
        }
        let rights = match self.nearest_parent(name)? {
            Some(parent) => self.rights(parent)?,
            None => Rights::NONE,
        };
        check_rights(rights, Rights::CREATE)
    }

    fn nearest_parent(&mut self, name: &MailboxName) -> Result<Option<CollectionId>> {
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

    fn entry(&mut self, mailbox: CollectionId, grantee: Grantee) -> Result<Rights> {
        let rights = self.sql.query_one(
            "SELECT rights FROM acl WHERE mailbox_id = ?1 AND grantee = ?2 AND negative = ?3",
            &[
                Value::Int(mailbox.get()),
                Value::Int(grantee.id),
                Value::Int(i64::from(grantee.negative)),
            ],
            |row| row.int(0),
        )?;
        Ok(rights.map_or(Rights::NONE, Rights::from_column))
    }

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

    /// Writes an entry, or removes one that says nothing, and tells of it.
    fn put_entry(&mut self, mailbox: CollectionId, grantee: Grantee, rights: Rights) -> Result<()> {
        let key = [
            Value::Int(mailbox.get()),
            Value::Int(grantee.id),
            Value::Int(i64::from(grantee.negative)),
        ];
        if rights.is_empty() {
            self.sql.execute(
                "DELETE FROM acl WHERE mailbox_id = ?1 AND grantee = ?2 AND negative = ?3",
                &key,
            )?;
        } else {
            let [mailbox, grantee, negative] = key;
            self.sql.execute(
                "INSERT INTO acl (mailbox_id, grantee, negative, rights) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (mailbox_id, grantee, negative) DO UPDATE SET rights = ?4",
                &[mailbox, grantee, negative, Value::Int(rights.column())],
            )?;
        }
        self.record_acl(mailbox)
    }

    /// Tells sessions of others that have the mailbox open: what they may do has changed.
    fn record_acl(&mut self, mailbox: CollectionId) -> Result<()> {
        self.record_fact(Some(mailbox), Fact::AclChanged)?;
        let mut delta = self.new_delta(mailbox)?;
        delta.acl_changed = true;
        self.deltas.push(delta);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
