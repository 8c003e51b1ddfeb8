//! An account shared as a whole (R-SHARE-6): rights on every mailbox it has or gets, and rights
//! that are of no mailbox.

use ids::{AccountId, CollectionId};

use super::{AclEntry, Grantee, Rights, SharedWith, Sharee};
use crate::mailbox::MailboxName;
use crate::sql::Value;
use crate::{AccountTx, LimitKind, ReadTx, Result, StorageError, Withdrawn, WriteTx};

/// What may be done with an account shared as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShareRights(u8);

impl ShareRights {
    /// Names of all, in the order of the bits, which is part of the stored format.
    pub const NAMES: [&'static str; 8] =
        ["read", "write", "send-as", "send-on-behalf", "aliases", "responder", "filters", "admin"];

    /// Reading its mail.
    pub const READ: Self = Self(1);
    /// Changing, adding and deleting it.
    pub const WRITE: Self = Self(2);
    /// Sending with its address as the author's.
    pub const SEND_AS: Self = Self(4);
    /// Sending from the address, with the sender's own in Sender (RFC 5322 §3.6.2).
    pub const SEND_ON_BEHALF: Self = Self(8);
    /// Adding and removing its aliases (R-ADDR-7).
    pub const ALIASES: Self = Self(16);
    /// Everything with its responders (R-RESP).
    pub const RESPONDER: Self = Self(32);
    /// Everything with its filters (R-FILT).
    pub const FILTERS: Self = Self(64);
    /// Giving others rights on its mailboxes.
    pub const ADMIN: Self = Self(128);

    /// The rights named, with commas between; `None` where one of them is none.
    pub fn parse(names: &str) -> Option<Self> {
        names.split(',').try_fold(Self(0), |rights, name| {
            let bit = Self::NAMES.iter().position(|known| *known == name)?;
            Some(Self(rights.0 | 1 << bit))
        })
    }

    /// Whether all of `other` are in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The rights on each mailbox.
    pub fn of_mailboxes(self) -> Rights {
        let mut rights = Rights::NONE;
        if self.contains(Self::READ) {
            rights = rights | Rights::LOOKUP | Rights::READ | Rights::SEEN;
        }
        if self.contains(Self::WRITE) {
            rights = rights | Rights::ALL.without(Rights::ADMINISTER);
        }
        if self.contains(Self::ADMIN) {
            rights = rights | Rights::LOOKUP | Rights::ADMINISTER;
        }
        rights
    }
}

impl std::fmt::Display for ShareRights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bits = (0..Self::NAMES.len()).filter(|bit| self.0 & 1 << bit != 0);
        let names: Vec<&str> = bits.filter_map(|bit| Self::NAMES.get(bit).copied()).collect();
        f.write_str(&names.join(","))
    }
}

/// An account shared with another, or with a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The address of the one it is shared with, or `team:` and a name.
    pub grantee: String,
    /// The rights that the grantee has been given.
    pub rights: ShareRights,
}

fn rights_column(column: i64) -> ShareRights {
    ShareRights(u8::try_from(column).unwrap_or(0))
}

impl ReadTx<'_> {
    /// With whom an account is shared as a whole, by address and name.
    pub fn list_shares(&mut self, account: AccountId) -> Result<Vec<Share>> {
        self.sql.query_all(
            "SELECT a.address, t.name, s.rights FROM account_share s \
             LEFT JOIN account a ON a.id = s.grantee LEFT JOIN team t ON t.id = s.grantee \
             WHERE s.account_id = ?1 ORDER BY a.address, t.folded",
            &[Value::Int(account.get())],
            |row| {
                let grantee = SharedWith::read(row.opt_text(0)?, row.opt_text(1)?).to_string();
                Ok(Share { grantee, rights: rights_column(row.int(2)?) })
            },
        )
    }

    /// Whether an account is shared as a whole with just this one.
    pub fn is_shared_with(&mut self, account: AccountId, sharee: Sharee) -> Result<bool> {
        let organisation = self.organisation_of(account)?;
        let found = self.sql.query_one(
            "SELECT 1 FROM account_share WHERE account_id = ?1 AND grantee = ?2",
            &[Value::Int(account.get()), Value::Int(sharee.number(organisation))],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Every entry of the access control lists of an account's mailboxes, by mailbox.
    pub fn list_acl(&mut self, account: AccountId) -> Result<Vec<(MailboxName, AclEntry)>> {
        self.sql.query_all(
            "SELECT b.name, x.negative, x.rights, a.address, t.name FROM mailbox b \
             JOIN acl x ON x.mailbox_id = b.id LEFT JOIN account a ON a.id = x.grantee \
             LEFT JOIN team t ON t.id = x.grantee \
             WHERE b.account_id = ?1 ORDER BY b.name, a.address, t.folded, x.negative",
            &[Value::Int(account.get())],
            |row| Ok((MailboxName::stored(row.text(0)?), AclEntry::read(row, 1)?)),
        )
    }

    /// What `actor` may do with an account that is shared as a whole, itself or by its teams.
    pub(crate) fn share_of(&mut self, account: AccountId, actor: AccountId) -> Result<ShareRights> {
        let mut rights = ShareRights::default();
        self.sql.query(
            "SELECT rights FROM account_share WHERE account_id = ?1 \
             AND grantee IN (SELECT grantee FROM grantee_of WHERE account_id = ?2)",
            &[Value::Int(account.get()), Value::Int(actor.get())],
            &mut |row| {
                rights.0 |= rights_column(row.int(0)?).0;
                Ok(())
            },
        )?;
        Ok(rights)
    }
}

impl WriteTx<'_> {
    /// Shares an account with another or with a team: in place of what was, on every mailbox. No
    /// right at all ends the sharing.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] with itself, and with everybody.
    pub fn share_account(
        &mut self,
        account: AccountId,
        sharee: impl Into<Sharee>,
        rights: ShareRights,
    ) -> Result<()> {
        let sharee = sharee.into();
        match sharee {
            Sharee::Account(other) if other == account => {
                return Err(StorageError::Invalid("an account is not shared with itself"));
            }
            Sharee::Organisation => {
                return Err(StorageError::Invalid("a whole account is not shared with everybody"));
            }
            Sharee::Account(_) | Sharee::Team(_) => {}
        }
        let id = self.lock_sharee(account, sharee)?;
        let key = [Value::Int(account.get()), Value::Int(id)];
        self.sql
            .execute("DELETE FROM account_share WHERE account_id = ?1 AND grantee = ?2", &key)?;
        if rights != ShareRights::default() {
            self.check_shares(account)?;
            let [account, grantee] = key;
            self.sql.execute(
                "INSERT INTO account_share (account_id, grantee, rights) VALUES (?1, ?2, ?3)",
                &[account, grantee, Value::Int(rights.0.into())],
            )?;
        }
        let grantee = Grantee { id, negative: false };
        let mut tx = self.account(account)?;
        for mailbox in tx.real_mailboxes()? {
            let wanted = rights.of_mailboxes();
            if tx.entry(mailbox.id, grantee)? != wanted {
                tx.put_entry(mailbox.id, grantee, wanted)?;
            }
        }
        Ok(())
    }
}

impl WriteTx<'_> {
    /// Refuses one more account to share with where there are too many.
    fn check_shares(&mut self, account: AccountId) -> Result<()> {
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM account_share WHERE account_id = ?1",
            &[Value::Int(account.get())],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        let (kind, max) = (LimitKind::AclEntries, self.settings.acl_entries_max);
        match count.unwrap_or(0) >= max {
            true => Err(StorageError::Limit { kind, max }),
            false => Ok(()),
        }
    }
}

impl AccountTx<'_, '_> {
    /// Refuses whoever is neither the account itself nor was given these rights on all of it.
    pub(crate) fn require_share(&mut self, needed: ShareRights) -> Result<()> {
        self.require_left(Withdrawn::of_share(needed))?;
        if self.is_own() {
            return Ok(());
        }
        let (account, actor) = (self.account, self.actor);
        if !self.share_of(account, actor)?.contains(needed) {
            return Err(StorageError::NoPermission("you have no right to do this"));
        }
        match self.is_in_maintenance(account)? {
            true => Err(StorageError::Maintenance),
            false => Ok(()),
        }
    }

    /// Gives a new mailbox to those with whom the account is shared as a whole.
    pub(super) fn inherit_shares(&mut self, mailbox: CollectionId) -> Result<()> {
        let account = Value::Int(self.account.get());
        let shares = self.sql.query_all(
            "SELECT grantee, rights FROM account_share WHERE account_id = ?1",
            &[account],
            |row| Ok((row.int(0)?, rights_column(row.int(1)?))),
        )?;
        for (id, rights) in shares {
            let rights = rights.of_mailboxes();
            if !rights.is_empty() {
                self.put_entry(mailbox, Grantee { id, negative: false }, rights)?;
            }
        }
        Ok(())
    }
}
