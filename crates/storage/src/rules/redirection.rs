//! Redirections (R-ADDR-10): copies of what arrives, sent on to other addresses.

use std::collections::BTreeSet;

use ids::AccountId;

use super::confirmation::{Agreement, Purpose};
use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, Address, LimitKind, ReadTx, Resolution, Result, StorageError, Withdrawn};

/// LIMIT: accounts looked at to find a loop; longer chains end at the first message.
const CHAIN_MAX: usize = 100;

/// A redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// Where mail is sent on to, as it was given.
    pub target: String,
    /// Whether the account keeps the message too. It does if one of its redirections says so.
    pub keep: bool,
    /// Whether it is in use: the target is an account here, or agreed.
    pub confirmed: bool,
}

impl ReadTx<'_> {
    /// The redirections of an account, by target.
    pub fn list_redirections(&mut self, account: AccountId) -> Result<Vec<Redirection>> {
        let rows = self.sql.query_all(
            "SELECT x.display, x.keep, CASE WHEN c.confirmed IS NULL THEN 0 ELSE 1 END \
             FROM redirection x LEFT JOIN confirmation c ON c.account_id = x.account_id \
             AND c.purpose = 1 AND c.address = x.target WHERE x.account_id = ?1 \
             ORDER BY x.target",
            &[Value::Int(account.get())],
            |row| {
                Ok(Redirection {
                    target: row.text(0)?.to_owned(),
                    keep: row.int(1)? != 0,
                    confirmed: row.int(2)? != 0,
                })
            },
        )?;
        let mut found = Vec::with_capacity(rows.len());
        for mut row in rows {
            // An account here is nobody who has to be asked.
            row.confirmed |= self.is_here(&row.target)?;
            found.push(row);
        }
        Ok(found)
    }

    fn is_here(&mut self, target: &str) -> Result<bool> {
        let Ok(address) = Address::parse(target) else { return Ok(false) };
        Ok(matches!(self.resolve(&address)?, Resolution::Account(_) | Resolution::List(_)))
    }

    /// The accounts here that get mail to an address, those on a list too.
    fn accounts_at(&mut self, address: &Address) -> Result<Vec<AccountId>> {
        match self.resolve(address)? {
            Resolution::Account(found) => Ok(vec![found.account]),
            Resolution::List(list) => self.accounts_reached_by(list),
            Resolution::UnknownRecipient | Resolution::Relay => Ok(Vec::new()),
        }
    }

    /// Whether mail for `from` comes to `account` by redirections.
    fn leads_to(&mut self, from: AccountId, account: AccountId) -> Result<bool> {
        let (mut known, mut waiting) = (BTreeSet::from([from]), vec![from]);
        while let Some(next) = waiting.pop() {
            if next == account {
                return Ok(true);
            }
            for redirection in self.list_redirections(next)? {
                let Ok(address) = Address::parse(&redirection.target) else { continue };
                for found in self.accounts_at(&address)? {
                    if known.len() < CHAIN_MAX && known.insert(found) {
                        waiting.push(found);
                    }
                }
            }
        }
        Ok(false)
    }
}

impl AccountTx<'_, '_> {
    /// Adds a redirection, or says anew of one there is whether the message is kept. A target
    /// elsewhere has to agree first.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where mail would come back, [`StorageError::NotFound`] for an
    /// address of ours that nobody has, [`StorageError::Limit`] beyond what there may be;
    /// [`StorageError::NoPermission`] where the right to it was withdrawn.
    pub fn add_redirection(&mut self, target: &Address, keep: bool) -> Result<Agreement> {
        self.require_own()?;
        self.require_left(Withdrawn::REDIRECTIONS)?;
        let account = self.account;
        for reached in self.accounts_at(target)? {
            if self.leads_to(reached, account)? {
                return Err(StorageError::Invalid("mail would come back: the target leads here"));
            }
        }
        let here = match self.resolve(target)? {
            Resolution::Account(_) | Resolution::List(_) => true,
            Resolution::UnknownRecipient => return Err(StorageError::NotFound("the target")),
            Resolution::Relay => false,
        };
        let normal = target.normal_text();
        self.check_redirections(&normal)?;
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO redirection (account_id, target, display, keep, created) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account_id, target) \
             DO UPDATE SET display = ?3, keep = ?4",
            &[
                Value::Int(account.get()),
                Value::Text(&normal),
                Value::Text(&target.to_string()),
                Value::Int(i64::from(keep)),
                Value::Int(now),
            ],
        )?;
        let asked = if here { Agreement::Usable } else { self.ask(Purpose::Redirection, target)? };
        self.redirections_changed()?;
        Ok(asked)
    }

    /// Takes it as given that a target agreed.
    pub fn confirm_redirection(&mut self, target: &Address) -> Result<()> {
        self.require_own()?;
        self.require_left(Withdrawn::REDIRECTIONS)?;
        self.confirm_unasked(Purpose::Redirection, target)?;
        self.redirections_changed()
    }

    /// Removes a redirection.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none to this address.
    pub fn remove_redirection(&mut self, target: &Address) -> Result<()> {
        self.require_own()?;
        self.require_left(Withdrawn::REDIRECTIONS)?;
        let normal = target.normal_text();
        let account = self.account;
        let removed = self.sql.execute(
            "DELETE FROM redirection WHERE account_id = ?1 AND target = ?2",
            &[Value::Int(account.get()), Value::Text(&normal)],
        )?;
        if removed == 0 {
            return Err(StorageError::NotFound("redirection"));
        }
        self.withdraw(Purpose::Redirection, &normal)?;
        self.redirections_changed()
    }

    /// R-ADDR-10: refuses one more than there may be. The account is locked while they are
    /// counted.
    fn check_redirections(&mut self, target: &str) -> Result<()> {
        let account = self.account;
        let others = self.sql.query_one(
            "SELECT COUNT(*) FROM redirection WHERE account_id = ?1 AND target <> ?2",
            &[Value::Int(account.get()), Value::Text(target)],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        let now = self.now;
        // R-ADDR-11: an account may have a limit of its own, of which 0 is none.
        let max = match self.sending_of(account, now)?.limits.redirections_max {
            Some(0) => return Ok(()),
            own => own.unwrap_or(self.settings.redirections_max),
        };
        match others.unwrap_or(0) >= max {
            true => Err(StorageError::Limit { kind: LimitKind::Redirections, max }),
            false => Ok(()),
        }
    }

    fn redirections_changed(&mut self) -> Result<()> {
        self.touch_rules()?;
        self.record_fact(None, Fact::AccountUpdated)
    }
}
