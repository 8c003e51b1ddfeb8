//! Sharing of mailboxes: access control lists (RFC 4314), the names under which mailboxes of
//! others are seen (RFC 2342), accounts shared as a whole (R-SHARE-6).
//!
//! **Invariants:** the owner has every right and no entry; a verb that acts for somebody else
//! asks for the rights in the transaction that changes; whoever has no right on a mailbox is
//! answered as if it did not exist, after the same statements; while its owner is in maintenance
//! nobody else does more than look it up (R-ADDR-12).
//! **Absent:** `\Seen` of one's own, since no rule asks for it. `anyone` is every account of the
//! owner's organisation but external ones (R-SHARE-2), `team:NAME` whoever is in a team of it.

mod between;
mod entry;
mod names;
mod place;
mod require;
mod rights;
mod share;
mod sharee;

use ids::{AccountId, CollectionId};

pub use place::Place;
pub use rights::Rights;
pub use share::{Share, ShareRights};
pub use sharee::{SharedWith, Sharee};

pub(crate) use place::{is_reserved, split_owner};

use crate::sql::{Row, Value};
use crate::{ReadTx, Result, StorageError};

/// The identifier of every account of the organisation.
const ANYONE: &str = "anyone";

/// The prefix of the names of teams, by which they are no addresses of accounts.
const TEAM: &str = "team:";

/// One line of an access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    /// Who, as RFC 4314 writes it: an address, `team:` and a name, or `anyone`, behind `-` where
    /// rights are taken away.
    pub identifier: String,
    /// The rights given or taken.
    pub rights: Rights,
}

impl AclEntry {
    /// From the columns `negative`, `rights`, the address of the account that it is for if it is
    /// one, the name of the team likewise.
    fn read(row: &dyn Row, first: usize) -> Result<Self> {
        let sign = if row.int(first)? == 0 { "" } else { "-" };
        let who = SharedWith::read(row.opt_text(first + 2)?, row.opt_text(first + 3)?);
        let rights = Rights::from_column(row.int(first + 1)?);
        Ok(Self { identifier: format!("{sign}{who}"), rights })
    }
}

/// What SETACL does with the rights given (RFC 4314 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclChange {
    /// The rights are replaced by these.
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
        let mut sum = Sum::default();
        self.sql.query(
            "SELECT negative, rights FROM acl WHERE mailbox_id = ?1 \
             AND grantee IN (SELECT grantee FROM grantee_of WHERE account_id = ?2)",
            &[Value::Int(mailbox.get()), Value::Int(actor.get())],
            &mut |row| {
                sum.add(row.int(0)?, row.int(1)?);
                Ok(())
            },
        )?;
        Ok(sum.rights())
    }

    /// The access control list of a mailbox, for those who may change it; the owner first.
    pub fn load_acl(&mut self, actor: AccountId, mailbox: CollectionId) -> Result<Vec<AclEntry>> {
        self.require_as(actor, mailbox, Rights::ADMINISTER)?;
        let owner = self.load_mailbox(mailbox)?.account;
        let owner = self.load_account(owner)?.address;
        let mut acl = vec![AclEntry { identifier: owner, rights: Rights::ALL }];
        self.sql.query(
            "SELECT x.negative, x.rights, a.address, t.name FROM acl x \
             LEFT JOIN account a ON a.id = x.grantee LEFT JOIN team t ON t.id = x.grantee \
             WHERE x.mailbox_id = ?1 ORDER BY a.address, t.folded, x.negative",
            &[Value::Int(mailbox.get())],
            &mut |row| {
                acl.push(AclEntry::read(row, 0)?);
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
        let organisation = self.organisation_of(owner)?;
        let (_, grantee) = self.grantee(organisation, identifier)?;
        Ok(grantee.id == owner.get() && !grantee.negative)
    }
}

#[cfg(test)]
mod tests;
