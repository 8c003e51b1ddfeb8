//! Domains and domain aliases (R-ADDR-1). A name is a domain or an alias of one, never both, and
//! each domain belongs to one organisation.

use ids::{AccountId, DomainId};

use crate::address::parse_domain;
use crate::change::Fact;
use crate::sql::{Dialect, Row, Value};
use crate::{ReadTx, Result, StorageError, WriteTx};

/// A domain of the organisation, or another name of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// The id of the domain.
    pub id: DomainId,
    /// Lower case, A-labels.
    pub name: String,
    /// For a domain alias: the name of the domain whose addresses all exist under it.
    pub alias_of: Option<String>,
    /// R-ADDR-12: mail is received and kept, reading and sending refused.
    pub maintenance: bool,
    /// R-ADDR-6: the account that takes mail to unknown local parts.
    pub catch_all: Option<AccountId>,
    /// The domain that leads its organisation.
    pub organisation: DomainId,
    /// R-ADDR-13: mail from outside is marked.
    pub external_mark: bool,
}

fn read(row: &dyn Row) -> Result<Domain> {
    Ok(Domain {
        id: DomainId::new(row.int(0)?),
        name: row.text(1)?.to_owned(),
        alias_of: row.opt_text(2)?.map(str::to_owned),
        maintenance: row.int(3)? != 0,
        catch_all: row.opt_int(4)?.map(AccountId::new),
        organisation: DomainId::new(row.int(5)?),
        external_mark: row.int(6)? != 0,
    })
}

/// The real domain that a name of ours stands for.
pub(super) struct Target {
    pub(super) id: DomainId,
    pub(super) catch_all: Option<AccountId>,
    pub(super) organisation: DomainId,
    pub(super) external_mark: bool,
}

impl ReadTx<'_> {
    /// The domain or domain alias of this name.
    pub fn find_domain(&mut self, name: &str) -> Result<Option<Domain>> {
        let Ok(name) = parse_domain(name) else { return Ok(None) };
        self.sql.query_one(
            "SELECT d.id, d.name, t.name, d.maintenance, d.catch_all, d.organisation, \
             d.external_mark \
             FROM domain d \
             LEFT JOIN domain t ON t.id = d.alias_of WHERE d.name = ?1",
            &[Value::Text(&name)],
            read,
        )
    }

    /// Every domain and domain alias, by name.
    pub fn list_domains(&mut self) -> Result<Vec<Domain>> {
        self.sql.query_all(
            "SELECT d.id, d.name, t.name, d.maintenance, d.catch_all, d.organisation, \
             d.external_mark \
             FROM domain d \
             LEFT JOIN domain t ON t.id = d.alias_of ORDER BY d.name",
            &[],
            read,
        )
    }

    /// The real domain behind a name in normal form.
    pub(super) fn find_target(&mut self, name: &str) -> Result<Option<Target>> {
        self.sql.query_one(
            "SELECT t.id, t.catch_all, t.organisation, t.external_mark FROM domain d \
             JOIN domain t ON t.id = COALESCE(d.alias_of, d.id) WHERE d.name = ?1",
            &[Value::Text(name)],
            |row| {
                Ok(Target {
                    id: DomainId::new(row.int(0)?),
                    catch_all: row.opt_int(1)?.map(AccountId::new),
                    organisation: DomainId::new(row.int(2)?),
                    external_mark: row.int(3)? != 0,
                })
            },
        )
    }
}

impl WriteTx<'_> {
    /// Adds a domain. Domains and domain aliases share one set of names.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] for a domain or a domain alias of that name.
    pub fn create_domain(&mut self, name: &str) -> Result<Domain> {
        let name = parse_domain(name)?;
        let id = self.insert_domain(&name, None)?;
        self.sql.execute(
            "UPDATE domain SET organisation = id WHERE id = ?1",
            &[Value::Int(id.get())],
        )?;
        self.find_domain(&name)?.ok_or(StorageError::NotFound("domain"))
    }

    /// Adds another name for the domain `target` (R-ADDR-1).
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such domain, [`StorageError::AlreadyExists`]
    /// where the name is taken.
    pub fn create_domain_alias(&mut self, alias: &str, target: &str) -> Result<Domain> {
        let name = parse_domain(alias)?;
        let (target, _) = self.lock_real_domain(target)?;
        let id = self.insert_domain(&name, Some(target))?;
        self.sql.execute(
            "UPDATE domain SET (organisation, external_mark) = \
             (SELECT t.organisation, t.external_mark FROM domain t WHERE t.id = ?2) WHERE id = ?1",
            &[Value::Int(id.get()), Value::Int(target.get())],
        )?;
        self.touch_rules_of_domain(target)?;
        self.find_domain(&name)?.ok_or(StorageError::NotFound("domain"))
    }

    /// Removes a domain that nothing uses: no account, no alias, no domain alias, and no other
    /// domain of an organisation that it leads, nor a team.
    ///
    /// # Errors
    /// [`StorageError::InUse`], saying by what.
    pub fn remove_domain(&mut self, name: &str) -> Result<()> {
        let (id, _) = self.find_real_domain(
            name,
            match self.sql.dialect() {
                Dialect::Sqlite => "SELECT id, alias_of FROM domain WHERE name = ?1",
                Dialect::Postgres => "SELECT id, alias_of FROM domain WHERE name = ?1 FOR UPDATE",
            },
        )?;
        let uses = self.sql.query_one(
            "SELECT (SELECT COUNT(*) FROM account WHERE domain_id = ?1), \
                    (SELECT COUNT(*) FROM address WHERE domain_id = ?1), \
                    (SELECT COUNT(*) FROM domain WHERE alias_of = ?1), \
                    (SELECT COUNT(*) FROM domain WHERE organisation = ?1 AND id <> ?1), \
                    (SELECT COUNT(*) FROM team WHERE organisation = ?1)",
            &[Value::Int(id.get())],
            |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?, row.int(4)?)),
        )?;
        match uses {
            Some((0, 0, 0, 0, 0)) => {}
            Some((0, 0, 0, 0, _)) => {
                return Err(StorageError::InUse("the organisation has teams"));
            }
            Some((0, 0, 0, ..)) => {
                return Err(StorageError::InUse("the domain leads an organisation"));
            }
            Some((0, 0, ..)) => return Err(StorageError::InUse("the domain has domain aliases")),
            Some((0, ..)) => return Err(StorageError::InUse("the domain has aliases or lists")),
            _ => return Err(StorageError::InUse("the domain has accounts")),
        }
        self.sql.execute("DELETE FROM acl WHERE grantee = ?1", &[Value::Int(-id.get())])?;
        self.sql.execute("DELETE FROM metadata WHERE scope = ?1", &[Value::Int(-id.get())])?;
        for sql in [
            "DELETE FROM mail_report WHERE domain = (SELECT name FROM domain WHERE id = ?1)",
            "DELETE FROM signing_key WHERE domain_id = ?1",
            "DELETE FROM directory_entry WHERE organisation = ?1",
        ] {
            self.sql.execute(sql, &[Value::Int(id.get())])?;
        }
        self.sql.execute("DELETE FROM domain WHERE id = ?1", &[Value::Int(id.get())])?;
        Ok(())
    }

    /// Removes a domain alias. Addresses under it are unknown from then on.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none.
    pub fn remove_domain_alias(&mut self, alias: &str) -> Result<()> {
        let name = parse_domain(alias)?;
        self.sql.execute(
            "DELETE FROM signing_key WHERE domain_id IN \
             (SELECT id FROM domain WHERE name = ?1 AND alias_of IS NOT NULL)",
            &[Value::Text(&name)],
        )?;
        self.sql.execute("DELETE FROM mail_report WHERE domain = ?1", &[Value::Text(&name)])?;
        let target = self.sql.query_one(
            "DELETE FROM domain WHERE name = ?1 AND alias_of IS NOT NULL RETURNING alias_of",
            &[Value::Text(&name)],
            |row| Ok(DomainId::new(row.int(0)?)),
        )?;
        let target = target.ok_or(StorageError::NotFound("domain alias"))?;
        self.touch_rules_of_domain(target)
    }

    /// R-ADDR-12 for every account of the domain.
    pub fn set_domain_maintenance(&mut self, name: &str, maintenance: bool) -> Result<()> {
        let (id, _) = self.lock_real_domain(name)?;
        let changed = self.sql.execute(
            "UPDATE domain SET maintenance = ?2 WHERE id = ?1 AND maintenance <> ?2",
            &[Value::Int(id.get()), Value::Int(i64::from(maintenance))],
        )?;
        if changed == 0 {
            return Ok(());
        }
        // Open sessions of these accounts must learn it. Ascending, as accounts are locked.
        let accounts = self.sql.query_all(
            "SELECT id FROM account WHERE domain_id = ?1 ORDER BY id",
            &[Value::Int(id.get())],
            |row| Ok(AccountId::new(row.int(0)?)),
        )?;
        for account in accounts {
            // One that was removed meanwhile has no session left to tell.
            match self.record(account, None, Fact::AccountUpdated) {
                Ok(()) => self.record_acl_of(account)?,
                Err(StorageError::NotFound(_)) => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }

    /// R-ADDR-6: who takes mail to unknown local parts of the domain; `None`: it is refused.
    pub fn set_catch_all(&mut self, name: &str, account: Option<AccountId>) -> Result<()> {
        let (id, _) = self.lock_real_domain(name)?;
        if let Some(account) = account {
            // The lock keeps the account from being removed before this commits.
            self.account(account)?;
        }
        let value = account.map_or(Value::Null, |account| Value::Int(account.get()));
        self.sql.execute(
            "UPDATE domain SET catch_all = ?2 WHERE id = ?1",
            &[Value::Int(id.get()), value],
        )?;
        Ok(())
    }

    fn insert_domain(&mut self, name: &str, alias_of: Option<DomainId>) -> Result<DomainId> {
        let now = self.now.as_micros();
        let inserted = self.sql.query_one(
            "INSERT INTO domain (name, alias_of, created) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO NOTHING RETURNING id",
            &[
                Value::Text(name),
                alias_of.map_or(Value::Null, |id| Value::Int(id.get())),
                Value::Int(now),
            ],
            |row| row.int(0),
        )?;
        inserted.map(DomainId::new).ok_or(StorageError::AlreadyExists("domain"))
    }

    /// Finds a domain that is no alias and keeps it from being removed while something is hung
    /// on it. The lock is the one of foreign keys: others may do the same at the same time.
    pub(crate) fn lock_real_domain(&mut self, name: &str) -> Result<(DomainId, String)> {
        self.find_real_domain(
            name,
            match self.sql.dialect() {
                Dialect::Sqlite => "SELECT id, alias_of FROM domain WHERE name = ?1",
                Dialect::Postgres => {
                    "SELECT id, alias_of FROM domain WHERE name = ?1 FOR KEY SHARE"
                }
            },
        )
    }

    fn find_real_domain(&mut self, name: &str, sql: &'static str) -> Result<(DomainId, String)> {
        let name = parse_domain(name)?;
        let found = self
            .sql
            .query_one(sql, &[Value::Text(&name)], |row| Ok((row.int(0)?, row.opt_int(1)?)))?;
        match found {
            None => Err(StorageError::NotFound("domain")),
            Some((_, Some(_))) => Err(StorageError::Invalid("the domain is a domain alias")),
            Some((id, None)) => Ok((DomainId::new(id), name)),
        }
    }
}
