//! Organisations: the domains whose accounts count as one house, for `anyone`, teams, and who is
//! an administrator of whom (R-ORG-1). Each is known by its first domain, which leads it.
//!
//! A domain leads an organisation of its own until it is said to belong to another one.

use ids::{AccountId, DomainId};

use crate::sql::{Dialect, Value};
use crate::{ReadTx, Result, StorageError, WriteTx};

/// How an owner ceases to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Going {
    /// By getting another role.
    Demoted,
    /// By removal of the account.
    Removed,
}

impl ReadTx<'_> {
    /// The domain that leads the organisation of an account.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such account.
    pub fn organisation_of(&mut self, account: AccountId) -> Result<DomainId> {
        let found = self.sql.query_one(
            "SELECT d.organisation FROM account a JOIN domain d ON d.id = a.domain_id \
             WHERE a.id = ?1",
            &[Value::Int(account.get())],
            |row| Ok(DomainId::new(row.int(0)?)),
        )?;
        found.ok_or(StorageError::NotFound("account"))
    }

    /// The domain that leads the organisation of a domain.
    pub(crate) fn organisation_of_domain(&mut self, domain: DomainId) -> Result<DomainId> {
        let found = self.sql.query_one(
            "SELECT organisation FROM domain WHERE id = ?1",
            &[Value::Int(domain.get())],
            |row| Ok(DomainId::new(row.int(0)?)),
        )?;
        found.ok_or(StorageError::NotFound("domain"))
    }

    /// The organisation of a domain or domain alias of this name.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such domain.
    pub fn find_organisation(&mut self, domain: &str) -> Result<DomainId> {
        let found = self.find_domain(domain)?;
        found.map(|found| found.organisation).ok_or(StorageError::NotFound("domain"))
    }

    /// The one organisation there is; a refusal where there are several.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is none, [`StorageError::Invalid`] where there are
    /// several.
    pub fn only_organisation(&mut self) -> Result<DomainId> {
        let all =
            self.sql.query_all("SELECT DISTINCT organisation FROM domain LIMIT 2", &[], |row| {
                Ok(DomainId::new(row.int(0)?))
            })?;
        match all.as_slice() {
            [only] => Ok(*only),
            [] => Err(StorageError::NotFound("domain")),
            _ => Err(StorageError::Invalid("there are several organisations: name a domain")),
        }
    }
}

impl WriteTx<'_> {
    /// Refuses that an owner is one no longer where the organisation has no other one (R-ORG-1),
    /// but for its only account, with which it ends.
    pub(super) fn let_go_of_owner(&mut self, owner: AccountId, going: Going) -> Result<()> {
        let organisation = self.organisation_of(owner)?;
        if self.sql.dialect() == Dialect::Postgres {
            // Of two who go at once the second has to see that the first is gone.
            let lock = "SELECT id FROM domain WHERE id = ?1 FOR UPDATE";
            self.sql.execute(lock, &[Value::Int(organisation.get())])?;
        }
        let others = self.sql.query_one(
            "SELECT COUNT(*), COUNT(CASE WHEN a.role = 'owner' THEN 1 END) FROM account a \
             JOIN domain d ON d.id = a.domain_id WHERE d.organisation = ?1 AND a.id <> ?2",
            &[Value::Int(organisation.get()), Value::Int(owner.get())],
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        match (others, going) {
            (Some((0, 0)), Going::Removed) => Ok(()),
            (Some((_, owners)), _) if owners > 0 => Ok(()),
            _ => Err(StorageError::NoPermission("an organisation keeps its last owner")),
        }
    }

    /// Makes a domain, which leads an organisation of its own, part of that of another one. What
    /// is shared with everybody of either is shared with all from then on; teams go along.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] where it is in it, or both have a team of one name;
    /// [`StorageError::InUse`] where its own has other domains; [`StorageError::NotFound`] where
    /// there is no such domain.
    pub fn join_organisation(&mut self, name: &str, of: &str) -> Result<()> {
        if self.sql.dialect() == Dialect::Postgres {
            // Whatever hangs on any domain waits: of two that join each other one has to see it.
            self.sql.execute("SELECT id FROM domain ORDER BY id FOR UPDATE", &[])?;
        }
        let (domain, _) = self.lock_real_domain(name)?;
        let organisation = self.find_organisation(of)?;
        let before = self.organisation_of_domain(domain)?;
        if before == organisation {
            return Err(StorageError::AlreadyExists("the domain in this organisation"));
        }
        let key = [Value::Int(before.get()), Value::Int(organisation.get())];
        let others = self.sql.query_one(
            "SELECT (SELECT COUNT(*) FROM domain WHERE organisation = ?1 AND alias_of IS NULL), \
             (SELECT COUNT(*) FROM team t JOIN team o ON o.folded = t.folded \
              WHERE t.organisation = ?1 AND o.organisation = ?2)",
            &key,
            |row| Ok((row.int(0)?, row.int(1)?)),
        )?;
        match others {
            Some((1, 0)) => {}
            Some((1, _)) => return Err(StorageError::AlreadyExists("a team of the same name")),
            _ => return Err(StorageError::InUse("its organisation has several domains")),
        }
        for sql in [
            "UPDATE domain SET organisation = ?2 WHERE organisation = ?1",
            "UPDATE team SET organisation = ?2 WHERE organisation = ?1",
            "UPDATE acl SET grantee = -CAST(?2 AS BIGINT) WHERE grantee = -CAST(?1 AS BIGINT)",
            "UPDATE collection_share SET grantee = -CAST(?2 AS BIGINT) \
             WHERE grantee = -CAST(?1 AS BIGINT)",
        ] {
            self.sql.execute(sql, &key)?;
        }
        let leader = self.sql.query_one(
            "SELECT external_mark FROM domain WHERE id = ?1",
            &[Value::Int(organisation.get())],
            |row| Ok(row.int(0)? != 0),
        )?;
        self.set_external_mark(of, leader.unwrap_or(false))?;
        self.move_directory(before)?;
        self.tell_of_grantee(-organisation.get(), &[])
    }
}
