//! An account shared as a whole (R-SHARE-6): rights on every mailbox it has or gets, and rights
//! that are of no mailbox.

use ids::{AccountId, CollectionId};

use super::{Grantee, Rights};
use crate::sql::Value;
use crate::{AccountTx, ReadTx, Result, StorageError, WriteTx};

/// What may be done with an account shared as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShareRights(u8);

impl ShareRights {
    /// Names of all, in the order of the bits, which is part of the stored format.
    pub const NAMES: [&'static str; 7] =
        ["read", "write", "send-as", "send-on-behalf", "aliases", "responder", "filters"];

    /// Reading its mail.
    pub const READ: Self = Self(1);
    /// Changing, adding and deleting it.
    pub const WRITE: Self = Self(2);
    /// Sending with its address as the author's.
    pub const SEND_AS: Self = Self(4);

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
    fn of_mailboxes(self) -> Rights {
        let mut rights = Rights::NONE;
        if self.contains(Self::READ) {
            rights = rights | Rights::LOOKUP | Rights::READ | Rights::SEEN;
        }
        if self.contains(Self::WRITE) {
            rights = rights | Rights::ALL.without(Rights::ADMINISTER);
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

/// An account shared with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The address of the one it is shared with.
    pub grantee: String,
    /// What that one may do.
    pub rights: ShareRights,
}

fn rights_column(column: i64) -> ShareRights {
    ShareRights(u8::try_from(column).unwrap_or(0))
}

impl ReadTx<'_> {
    /// With whom an account is shared as a whole, by address.
    pub fn list_shares(&mut self, account: AccountId) -> Result<Vec<Share>> {
        self.sql.query_all(
            "SELECT a.address, s.rights FROM account_share s JOIN account a ON a.id = s.grantee \
             WHERE s.account_id = ?1 ORDER BY a.address",
            &[Value::Int(account.get())],
            |row| {
                Ok(Share { grantee: row.text(0)?.to_owned(), rights: rights_column(row.int(1)?) })
            },
        )
    }

    /// What `grantee` may do with an account that is shared as a whole.
    pub(crate) fn share_of(
        &mut self,
        account: AccountId,
        grantee: AccountId,
    ) -> Result<ShareRights> {
        let rights = self.sql.query_one(
            "SELECT rights FROM account_share WHERE account_id = ?1 AND grantee = ?2",
            &[Value::Int(account.get()), Value::Int(grantee.get())],
            |row| row.int(0),
        )?;
        Ok(rights.map_or_else(ShareRights::default, rights_column))
    }
}

impl WriteTx<'_> {
    /// Shares an account with another: in place of what was, on every mailbox. No right at all
    /// ends the sharing.
    pub fn share_account(
        &mut self,
        account: AccountId,
        grantee: AccountId,
        rights: ShareRights,
    ) -> Result<()> {
        if account == grantee {
            return Err(StorageError::Invalid("an account is not shared with itself"));
        }
        // In ascending order: see `WriteTx::account`.
        for one in [account.min(grantee), account.max(grantee)] {
            self.lock_usage(one)?;
        }
        let key = [Value::Int(account.get()), Value::Int(grantee.get())];
        self.sql
            .execute("DELETE FROM account_share WHERE account_id = ?1 AND grantee = ?2", &key)?;
        if rights != ShareRights::default() {
            let [account, grantee] = key;
            self.sql.execute(
                "INSERT INTO account_share (account_id, grantee, rights) VALUES (?1, ?2, ?3)",
                &[account, grantee, Value::Int(rights.0.into())],
            )?;
        }
        let grantee = Grantee { id: grantee.get(), negative: false };
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

impl AccountTx<'_, '_> {
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
