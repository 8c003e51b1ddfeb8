//! What signing in needs: the password hash and whether the account may be used (R-ADDR-8,
//! R-ADDR-12). Passwords themselves never reach this crate.

use ids::AccountId;

use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, Address, ReadTx, Result};

/// How an account is signed in to.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account.
    pub account: AccountId,
    /// PHC string; empty: no password opens it.
    pub password_hash: String,
    /// Grows when sessions signed in before must end.
    pub credential_version: u64,
    /// R-ADDR-12: cannot sign in anywhere.
    pub blocked: bool,
    /// R-ADDR-12, of the account or of its domain.
    pub maintenance: bool,
}

// The hash must not reach a log.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("account", &self.account)
            .field("credential_version", &self.credential_version)
            .field("blocked", &self.blocked)
            .field("maintenance", &self.maintenance)
            .finish_non_exhaustive()
    }
}

impl ReadTx<'_> {
    /// The credentials behind a primary address, also under a domain alias.
    pub fn credentials(&mut self, address: &Address) -> Result<Option<Credentials>> {
        self.sql.query_one(
            "SELECT a.id, a.password_hash, a.credential_version, a.blocked, a.maintenance, \
             t.maintenance FROM domain d JOIN domain t ON t.id = COALESCE(d.alias_of, d.id) \
             JOIN address x ON x.domain_id = t.id AND x.local = ?2 AND x.kind = 'primary' \
             JOIN account a ON a.id = x.account_id WHERE d.name = ?1",
            &[Value::Text(address.domain()), Value::Text(address.local())],
            |row| {
                Ok(Credentials {
                    account: AccountId::new(row.int(0)?),
                    password_hash: row.text(1)?.to_owned(),
                    credential_version: row.int(2)?.cast_unsigned(),
                    blocked: row.int(3)? != 0,
                    maintenance: row.int(4)? != 0 || row.int(5)? != 0,
                })
            },
        )
    }
}

impl AccountTx<'_, '_> {
    /// Sets the password (a PHC string; empty: no password opens the account) and ends the
    /// sessions signed in with the old one (R-ADDR-8).
    pub fn set_password_hash(&mut self, password_hash: &str) -> Result<()> {
        let account = Value::Int(self.account.get());
        self.sql.execute(
            "UPDATE account SET password_hash = ?2, credential_version = credential_version + 1 \
             WHERE id = ?1",
            &[account, Value::Text(password_hash)],
        )?;
        self.record_fact(None, Fact::CredentialsChanged)
    }

    /// R-ADDR-12: a blocked account cannot sign in anywhere; its open sessions end.
    pub fn set_blocked(&mut self, blocked: bool) -> Result<()> {
        let account = Value::Int(self.account.get());
        let changed = self.sql.execute(
            "UPDATE account SET blocked = ?2, credential_version = credential_version + 1 \
             WHERE id = ?1 AND blocked <> ?2",
            &[account, Value::Int(i64::from(blocked))],
        )?;
        match changed {
            0 => Ok(()),
            _ => self.record_fact(None, Fact::CredentialsChanged),
        }
    }
}
