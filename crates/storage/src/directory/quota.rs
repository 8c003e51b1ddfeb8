//! Quotas (R-ADDR-11, RFC 9208): how much mail an account may keep, in bytes, messages and
//! mailboxes. What it keeps is counted in the transactions that add and remove it; a copy counts
//! like an original, expunged messages that can still be brought back do not count.

use ids::{AccountId, ModSeq};

use super::account::{Account, Role, bytes_column};
use crate::sql::{Dialect, Value};
use crate::{AccountTx, Address, ReadTx, Result, StorageError, WriteTx};

/// What a quota counts (RFC 9208 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaResource {
    /// Bytes of all messages.
    Bytes,
    /// The number of messages.
    Messages,
    /// Mailboxes, ghosts not counted.
    Mailboxes,
}

impl std::fmt::Display for QuotaResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Messages => "messages",
            Self::Mailboxes => "mailboxes",
        })
    }
}

/// What an account may keep; 0 is no limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quotas {
    /// Bytes of all messages.
    pub bytes: u64,
    /// The most messages; 0: no limit.
    pub messages: u64,
    /// Mailboxes; the store's limit holds besides.
    pub mailboxes: u64,
}

/// What a locked account keeps and may keep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) bytes: i64,
    pub(crate) messages: i64,
    pub(crate) bytes_max: i64,
    messages_max: i64,
    /// The bytes that its expunged messages take.
    pub(crate) expunged_bytes: i64,
    /// Whether what happens in its mailboxes may start scripts.
    pub(crate) has_event_scripts: bool,
}

impl ReadTx<'_> {
    /// The account that the quota root `root` stands for, which is its address: to the account
    /// itself and to administrators of its domain. To everybody else there is no such root.
    pub fn find_quota_root(&mut self, actor: AccountId, root: &str) -> Result<Option<Account>> {
        let Ok(address) = Address::parse(root) else { return Ok(None) };
        let Some(found) = self.find_account(&address)? else { return Ok(None) };
        let visible = found.id == actor || self.administers(actor, &found)?;
        Ok(Some(found).filter(|_| visible))
    }

    /// R-ORG-1: whether `actor` is an administrator of the organisation that `account` is in.
    pub(crate) fn administers(&mut self, actor: AccountId, account: &Account) -> Result<bool> {
        let actor = self.load_account(actor)?;
        let rules = matches!(actor.role, Role::Owner | Role::Administrator);
        let organisation = self.organisation_of_domain(actor.domain)?;
        Ok(rules && organisation == self.organisation_of_domain(account.domain)?)
    }
}

impl WriteTx<'_> {
    /// Sets every limit of an account's at the word of `actor`: administrators may.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such quota root, [`StorageError::NoPermission`]
    /// where the actor is no administrator.
    pub fn set_quotas(&mut self, actor: AccountId, root: &str, quotas: Quotas) -> Result<Account> {
        let found = self.find_quota_root(actor, root)?;
        let account = found.ok_or(StorageError::NotFound("quota root"))?;
        if !self.administers(actor, &account)? {
            return Err(StorageError::NoPermission("only administrators set quotas"));
        }
        let mut tx = self.account(account.id)?;
        tx.set_quota(quotas.bytes)?;
        tx.set_message_quota(quotas.messages)?;
        tx.set_mailbox_quota(quotas.mailboxes)?;
        self.load_account(account.id)
    }

    /// Locks the account's row and reads what it keeps.
    pub(crate) fn lock_usage(&mut self, account: AccountId) -> Result<Usage> {
        let sql = match self.sql.dialect() {
            Dialect::Sqlite => {
                "SELECT quota_bytes, used_bytes, quota_messages, message_count, \
                 has_event_scripts, modseq, expunged_bytes FROM account \
                 WHERE id = ?1"
            }
            Dialect::Postgres => {
                "SELECT quota_bytes, used_bytes, quota_messages, message_count, \
                 has_event_scripts, modseq, expunged_bytes FROM account \
                 WHERE id = ?1 FOR UPDATE"
            }
        };
        let locked = self.sql.query_one(sql, &[Value::Int(account.get())], |row| {
            let usage = Usage {
                bytes_max: row.int(0)?,
                bytes: row.int(1)?,
                messages_max: row.int(2)?,
                messages: row.int(3)?,
                has_event_scripts: row.int(4)? != 0,
                expunged_bytes: row.int(6)?,
            };
            Ok((usage, ModSeq::new(row.int(5)?.cast_unsigned())))
        })?;
        let (usage, modseq) = locked.ok_or(StorageError::NotFound("account"))?;
        // Where it is locked again, a change of this transaction may have come between.
        self.locked.entry(account).or_insert(modseq);
        Ok(usage)
    }
}

impl AccountTx<'_, '_> {
    /// Sets the quota in bytes; 0 lifts it. One below what is used keeps everything and lets
    /// nothing in.
    pub fn set_quota(&mut self, quota_bytes: u64) -> Result<()> {
        let quota_bytes = bytes_column(quota_bytes)?;
        self.set_column(
            "UPDATE account SET quota_bytes = ?2 WHERE id = ?1 AND quota_bytes <> ?2",
            Value::Int(quota_bytes),
        )?;
        self.usage.bytes_max = quota_bytes;
        Ok(())
    }

    /// Sets how many messages the account may keep; 0 lifts the limit.
    pub fn set_message_quota(&mut self, messages: u64) -> Result<()> {
        let messages = bytes_column(messages)?;
        self.set_column(
            "UPDATE account SET quota_messages = ?2 WHERE id = ?1 AND quota_messages <> ?2",
            Value::Int(messages),
        )?;
        self.usage.messages_max = messages;
        Ok(())
    }

    /// Sets how many mailboxes the account may have; 0 leaves the store's limit.
    pub fn set_mailbox_quota(&mut self, mailboxes: u64) -> Result<()> {
        let mailboxes = bytes_column(mailboxes)?;
        self.set_column(
            "UPDATE account SET quota_mailboxes = ?2 WHERE id = ?1 AND quota_mailboxes <> ?2",
            Value::Int(mailboxes),
        )
    }

    /// R-ADDR-11: refuses what would exceed a quota; called before anything is written. What
    /// takes no room is always let through, so that an account over its quota can clean up.
    pub(crate) fn check_quota(&self, more_bytes: i64, more_messages: i64) -> Result<()> {
        let Usage { bytes, messages, bytes_max, messages_max, .. } = self.usage;
        for (resource, used, more, max) in [
            (QuotaResource::Bytes, bytes, more_bytes, bytes_max),
            (QuotaResource::Messages, messages, more_messages, messages_max),
        ] {
            if max > 0 && more > 0 && used.saturating_add(more) > max {
                let (used, limit) = (used.cast_unsigned(), max.cast_unsigned());
                return Err(StorageError::OverQuota { resource, used, limit });
            }
        }
        Ok(())
    }
}
