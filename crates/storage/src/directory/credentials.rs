//! What signing in needs: the password hash and whether the account may be used (R-ADDR-8,
//! R-ADDR-12). Passwords themselves never reach this crate.

use std::net::IpAddr;

use ids::{AccessKeyId, AccountId, Timestamp};

use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, ActivityKind, Address, ReadTx, Result, StorageError, Withdrawn};

/// How an account is signed in to.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The account that the credentials open.
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

/// What somebody signed in with, as far as it can be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// The account's password.
    Password,
    /// An app password or an access token.
    AccessKey(AccessKeyId),
    /// A TLS client certificate.
    Certificate,
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

    /// Whether a session of `account` that was signed in to at `credential_version` by `grant` may
    /// go on: the credentials, or `None` where it may not.
    pub fn standing_credentials(
        &mut self,
        address: &Address,
        account: AccountId,
        credential_version: u64,
        grant: Grant,
        now: Timestamp,
    ) -> Result<Option<Credentials>> {
        let Some(found) = self.credentials(address)? else { return Ok(None) };
        let is_same = found.account == account && found.credential_version == credential_version;
        let stands = match grant {
            Grant::Password | Grant::Certificate => true,
            Grant::AccessKey(id) => self.access_key_stands(account, id, now)?,
        };
        Ok((is_same && stands).then_some(found))
    }
}

impl AccountTx<'_, '_> {
    /// Sets the password (a PHC string; empty: no password opens the account), forgets what SCRAM
    /// compared with, and ends the sessions signed in with the old one (R-ADDR-8).
    pub fn set_password_hash(&mut self, password_hash: &str) -> Result<()> {
        self.require_own()?;
        self.require_left(Withdrawn::PASSWORD)?;
        self.replace_password(password_hash, None)
    }

    /// Replaces the password, whatever is withdrawn from the account; by a link that was used from
    /// `link_peer`, if there is one.
    pub(super) fn replace_password(
        &mut self,
        password_hash: &str,
        link_peer: Option<IpAddr>,
    ) -> Result<()> {
        if !password_hash.is_empty() {
            self.require_signs_in()?;
        }
        let account = Value::Int(self.account.get());
        self.sql.execute(
            "UPDATE account SET password_hash = ?2, credential_version = credential_version + 1 \
             WHERE id = ?1",
            &[account, Value::Text(password_hash)],
        )?;
        self.drop_scram_verifier(None)?;
        self.drop_password_link()?;
        match link_peer {
            Some(peer) => self.note_link_used(peer)?,
            None => self.note_own(ActivityKind::PasswordChanged, "")?,
        }
        self.record_fact(None, Fact::CredentialsChanged)
    }

    /// Somebody signs in to the account: it is neither shared, as a whole nobody's, nor a room.
    pub(super) fn require_signs_in(&mut self) -> Result<()> {
        let account = self.account;
        if self.load_account(account)?.is_shared {
            return Err(StorageError::Invalid("nobody signs in to a shared account"));
        }
        match self.is_room(account)? {
            true => Err(StorageError::Invalid("nobody signs in to a room")),
            false => Ok(()),
        }
    }

    /// R-ADDR-12: a blocked account cannot sign in anywhere; its open sessions end.
    pub fn set_blocked(&mut self, blocked: bool) -> Result<()> {
        self.require_own()?;
        if blocked {
            self.drop_password_link()?;
        }
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
