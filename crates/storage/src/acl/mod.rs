//! Sharing of mailboxes: access control lists (RFC 4314), the names under which mailboxes of
//! others are seen (RFC 2342), accounts shared as a whole (R-SHARE-6).
//!
//! **Invariants:** the owner has every right and no entry; a verb that acts for somebody else
//! asks for the rights in the transaction that changes; whoever has no right on a mailbox is
//! answered as if it did not exist, after the same statements; while its owner is in maintenance
//! nobody else does more than look it up (R-ADDR-12).
//! **Absent:** groups; `\Seen` of one's own, since no rule asks for it. `anyone` is every account
//! of the owner's domain but external ones (R-SHARE-2).

mod between;
mod entry;
mod names;
mod place;
mod require;
mod rights;
mod share;

use ids::{AccountId, CollectionId, DomainId};

pub use place::Place;
pub use rights::Rights;
pub use share::{Share, ShareRights};

pub(crate) use place::is_reserved;

use crate::directory::Role;
use crate::sql::Value;
use crate::{Address, ReadTx, Result, StorageError};

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

impl AclEntry {
    /// From the columns of a row, and the address of the account that it is for if it is one.
    fn read(negative: i64, rights: i64, address: Option<&str>) -> Self {
        let sign = if negative == 0 { "" } else { "-" };
        let identifier = format!("{sign}{}", address.unwrap_or(ANYONE));
        Self { identifier, rights: Rights::from_column(rights) }
    }
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
    /// What `actor` may do with a mailbox now. R-ADDR-12: while the owner is in maintenance,
    /// nobody else may do more than look it up.
    pub fn rights_of(&mut self, actor: AccountId, mailbox: CollectionId) -> Result<Rights> {
        let owner = self.load_mailbox(mailbox)?.account;
        if owner == actor {
            return Ok(Rights::ALL);
        }
        let granted = self.granted(actor, mailbox)?;
        match !granted.is_empty() && self.is_in_maintenance(owner)? {
            true => Ok(granted.within(Rights::LOOKUP)),
            false => Ok(granted),
        }
    }

    /// What the entries of a mailbox give `actor`, who is not its owner.
    fn granted(&mut self, actor: AccountId, mailbox: CollectionId) -> Result<Rights> {
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
    pub(crate) fn anyone_of(&mut self, account: AccountId) -> Result<i64> {
        let account = self.load_account(account)?;
        Ok(match account.role {
            Role::External => account.id.get(),
            _ => -account.domain.get(),
        })
    }

    /// The access control list of a mailbox, for those who may change it; the owner first.
    pub fn load_acl(&mut self, actor: AccountId, mailbox: CollectionId) -> Result<Vec<AclEntry>> {
        self.require_as(actor, mailbox, Rights::ADMINISTER)?;
        let owner = self.load_mailbox(mailbox)?.account;
        let owner = self.load_account(owner)?.address;
        let mut acl = vec![AclEntry { identifier: owner, rights: Rights::ALL }];
        self.sql.query(
            "SELECT x.negative, x.rights, a.address FROM acl x LEFT JOIN account a \
             ON a.id = x.grantee WHERE x.mailbox_id = ?1 ORDER BY a.address, x.negative",
            &[Value::Int(mailbox.get())],
            &mut |row| {
                acl.push(AclEntry::read(row.int(0)?, row.int(1)?, row.opt_text(2)?));
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
        self.require_as(actor, mailbox, Rights::ADMINISTER)?;
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

#[cfg(test)]
mod tests;
