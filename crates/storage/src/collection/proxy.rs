//! Who acts for somebody in all their calendars: the members of the calendar-proxy-read and
//! calendar-proxy-write principals of macOS (calendarserver-proxy draft).

use std::collections::BTreeSet;

use ids::AccountId;

use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, LimitKind, ReadTx, Result, SharedWith, Sharee, StorageError};

/// What somebody may do with the calendars of whom they act for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proxy {
    /// They may read the calendars.
    Read,
    /// Change them, and how they look to their owner. Not: share them.
    Write,
}

impl Proxy {
    fn column(self) -> i64 {
        match self {
            Self::Read => 0,
            Self::Write => 1,
        }
    }

    fn from_column(column: i64) -> Self {
        if column == 0 { Self::Read } else { Self::Write }
    }
}

impl ReadTx<'_> {
    /// The calendar proxies of an account, by address and name.
    pub fn list_proxies(&mut self, account: AccountId, proxy: Proxy) -> Result<Vec<SharedWith>> {
        self.sql.query_all(
            "SELECT a.address, t.name FROM calendar_proxy p \
             LEFT JOIN account a ON a.id = p.grantee LEFT JOIN team t ON t.id = p.grantee \
             WHERE p.account_id = ?1 AND p.may_write = ?2 ORDER BY a.address, t.folded",
            &[Value::Int(account.get()), Value::Int(proxy.column())],
            |row| Ok(SharedWith::read(row.opt_text(0)?, row.opt_text(1)?)),
        )
    }

    /// The accounts that `actor` is a proxy of, itself or by its teams, and how, in the order of
    /// their addresses.
    pub fn proxied_by(&mut self, actor: AccountId) -> Result<Vec<(String, Proxy)>> {
        self.sql.query_all(
            "SELECT DISTINCT a.address, p.may_write FROM calendar_proxy p \
             JOIN account a ON a.id = p.account_id WHERE p.account_id <> ?1 \
             AND p.grantee IN (SELECT grantee FROM grantee_of WHERE account_id = ?1) \
             ORDER BY 1, 2",
            &[Value::Int(actor.get())],
            |row| Ok((row.text(0)?.to_owned(), Proxy::from_column(row.int(1)?))),
        )
    }

    /// The most that `actor` may do for somebody else in their calendars.
    pub fn proxy_of(&mut self, actor: AccountId, account: AccountId) -> Result<Option<Proxy>> {
        let found = self.sql.query_one(
            "SELECT MAX(p.may_write) FROM calendar_proxy p WHERE p.account_id = ?1 \
             AND p.grantee IN (SELECT grantee FROM grantee_of WHERE account_id = ?2)",
            &[Value::Int(account.get()), Value::Int(actor.get())],
            |row| row.opt_int(0),
        )?;
        Ok(found.flatten().map(Proxy::from_column))
    }
}

impl AccountTx<'_, '_> {
    /// Says who acts for the account in this way, in place of those who did.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for who is of another organisation, [`StorageError::Invalid`] for
    /// the account itself and for everybody, [`StorageError::Limit`] beyond what there may be.
    pub fn set_proxies(&mut self, proxy: Proxy, members: &[Sharee]) -> Result<()> {
        self.require_own()?;
        let account = self.account;
        let organisation = self.organisation_of(account)?;
        let max = self.settings.acl_entries_max;
        if members.len() as u64 > max {
            return Err(StorageError::Limit { kind: LimitKind::AclEntries, max });
        }
        let mut grantees = BTreeSet::new();
        for member in members {
            match *member {
                Sharee::Account(other) if other == account => {
                    return Err(StorageError::Invalid("nobody acts for themselves"));
                }
                // Neither must go before the row is written; see `share_collection`.
                Sharee::Account(other) => {
                    self.lock_usage(other)?;
                    if self.organisation_of(other)? != organisation {
                        return Err(StorageError::NotFound("account"));
                    }
                }
                Sharee::Team(team) => {
                    self.lock_team(team)?;
                    if self.load_team(team)?.organisation != organisation {
                        return Err(StorageError::NotFound("team"));
                    }
                }
                Sharee::Organisation => {
                    return Err(StorageError::Invalid("not everybody acts for somebody"));
                }
            }
            grantees.insert(member.number(organisation));
        }
        self.write_proxies(proxy, &grantees)?;
        self.record_fact(None, Fact::AccountUpdated)
    }

    fn write_proxies(&mut self, proxy: Proxy, grantees: &BTreeSet<i64>) -> Result<()> {
        let (account, may_write) = (Value::Int(self.account.get()), Value::Int(proxy.column()));
        self.sql.execute(
            "DELETE FROM calendar_proxy WHERE account_id = ?1 AND may_write = ?2",
            &[account, may_write],
        )?;
        for grantee in grantees {
            self.sql.execute(
                "INSERT INTO calendar_proxy (account_id, grantee, may_write) VALUES (?1, ?2, ?3)",
                &[account, Value::Int(*grantee), may_write],
            )?;
        }
        Ok(())
    }
}
