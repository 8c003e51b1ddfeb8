//! Aliases: further local parts of an account, in one name space with every other address
//! (R-ADDR-2, R-ADDR-3).

use ids::{AccountId, DomainId, ListId};

use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, Address, LimitKind, ReadTx, Result, ShareRights, StorageError, WriteTx};

/// LIMIT: R-ADDR-2, aliases of one account.
pub const ALIASES_MAX: u64 = 50;

impl ReadTx<'_> {
    /// The account's aliases as they were given, sorted by domain and local part.
    pub fn list_aliases(&mut self, account: AccountId) -> Result<Vec<String>> {
        self.sql.query_all(
            "SELECT x.display, d.name FROM address x JOIN domain d ON d.id = x.domain_id \
             WHERE x.account_id = ?1 AND x.kind = 'alias' ORDER BY d.name, x.local",
            &[Value::Int(account.get())],
            |row| Ok(format!("{}@{}", row.text(0)?, row.text(1)?)),
        )
    }
}

impl WriteTx<'_> {
    /// [`AccountTx::add_alias`], for who runs the server.
    pub fn add_alias(&mut self, account: AccountId, alias: &Address) -> Result<()> {
        self.account(account)?.add_alias(alias)
    }

    /// [`AccountTx::remove_alias`], for who runs the server.
    pub fn remove_alias(&mut self, account: AccountId, alias: &Address) -> Result<()> {
        self.account(account)?.remove_alias(alias)
    }

    /// Claims an address for a list, in the same name space.
    pub(crate) fn insert_list_address(
        &mut self,
        domain: DomainId,
        address: &Address,
        list: ListId,
    ) -> Result<()> {
        let now = self.now.as_micros();
        let inserted = self.sql.execute(
            "INSERT INTO address (domain_id, local, list_id, kind, display, created) \
             VALUES (?1, ?2, ?3, 'list', ?4, ?5) ON CONFLICT (domain_id, local) DO NOTHING",
            &[
                Value::Int(domain.get()),
                Value::Text(address.local()),
                Value::Int(list.get()),
                Value::Text(&address.given_local()),
                Value::Int(now),
            ],
        )?;
        match inserted {
            0 => Err(StorageError::AlreadyExists("address")),
            _ => Ok(()),
        }
    }

    /// Claims an address for an account, in the one name space of all addresses (R-ADDR-3).
    pub(super) fn insert_address(
        &mut self,
        domain: DomainId,
        address: &Address,
        account: AccountId,
        kind: &'static str,
    ) -> Result<()> {
        self.require_base(domain, address, account)?;
        let now = self.now.as_micros();
        let inserted = self.sql.execute(
            "INSERT INTO address (domain_id, local, account_id, kind, display, created) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (domain_id, local) DO NOTHING",
            &[
                Value::Int(domain.get()),
                Value::Text(address.local()),
                Value::Int(account.get()),
                Value::Text(kind),
                Value::Text(&address.given_local()),
                Value::Int(now),
            ],
        )?;
        match inserted {
            0 => Err(StorageError::AlreadyExists("address")),
            _ => Ok(()),
        }
    }
}

impl WriteTx<'_> {
    /// R-ADDR-6: what has a detail is mail of whoever has the address without it, and of nobody
    /// else.
    fn require_base(
        &mut self,
        domain: DomainId,
        address: &Address,
        account: AccountId,
    ) -> Result<()> {
        let Some(base) = address.base_local() else { return Ok(()) };
        let owner = self.sql.query_one(
            "SELECT account_id FROM address WHERE domain_id = ?1 AND local = ?2",
            &[Value::Int(domain.get()), Value::Text(&base)],
            |row| row.opt_int(0),
        )?;
        match owner {
            Some(owner) if owner != Some(account.get()) => Err(StorageError::Invalid(
                "what stands before the + is somebody else's, whose mail this would take",
            )),
            _ => Ok(()),
        }
    }
}

impl AccountTx<'_, '_> {
    /// Adds an alias. Under a domain alias it is added to that one's domain, for then it exists
    /// under both. The account's row is locked while the aliases are counted, so that of two
    /// requests for the last place one fails (R-ADDR-2). Others need to have the account shared
    /// with them for that (R-SHARE-6).
    ///
    /// # Errors
    /// [`StorageError::Limit`] for the 51st; [`StorageError::AlreadyExists`] where anything has the
    /// address (R-ADDR-3); [`StorageError::Invalid`] where it is a plus address of somebody else
    /// (R-ADDR-6), or the domain is another organisation's (R-ADDR-3); [`StorageError::NotFound`]
    /// where the domain is none of ours; [`StorageError::NoPermission`] to whom the right was not
    /// given, or was withdrawn.
    pub fn add_alias(&mut self, alias: &Address) -> Result<()> {
        self.require_share(ShareRights::ALIASES)?;
        let domain = self.find_target(alias.domain())?.ok_or(StorageError::NotFound("domain"))?;
        let account = self.account;
        // R-ADDR-3, also for who runs the server: `join_organisation` is how a domain comes into
        // the house.
        if self.organisation_of(account)? != domain.organisation {
            return Err(StorageError::Invalid("the domain is of another organisation"));
        }
        let id = Value::Int(account.get());
        let count =
            self.sql.query_one("SELECT alias_count FROM account WHERE id = ?1", &[id], |row| {
                row.int(0)
            })?;
        if count.is_none_or(|count| count.cast_unsigned() >= ALIASES_MAX) {
            return Err(StorageError::Limit { kind: LimitKind::Aliases, max: ALIASES_MAX });
        }
        self.insert_address(domain.id, alias, account, "alias")?;
        self.sql
            .execute("UPDATE account SET alias_count = alias_count + 1 WHERE id = ?1", &[id])?;
        self.touch_rules()?;
        self.record_fact(None, Fact::AccountUpdated)
    }

    /// Removes an alias; its address is free at once.
    pub fn remove_alias(&mut self, alias: &Address) -> Result<()> {
        self.require_share(ShareRights::ALIASES)?;
        let domain = self.find_target(alias.domain())?.ok_or(StorageError::NotFound("alias"))?;
        let id = Value::Int(self.account.get());
        let removed = self.sql.execute(
            "DELETE FROM address WHERE domain_id = ?2 AND local = ?3 AND account_id = ?1 \
             AND kind = 'alias'",
            &[id, Value::Int(domain.id.get()), Value::Text(alias.local())],
        )?;
        if removed == 0 {
            return Err(StorageError::NotFound("alias"));
        }
        self.sql
            .execute("UPDATE account SET alias_count = alias_count - 1 WHERE id = ?1", &[id])?;
        self.touch_rules()?;
        self.record_fact(None, Fact::AccountUpdated)
    }
}
