//! All that a delivery goes by, in one piece, so that it can be kept in memory as long as its
//! version holds.

use ids::AccountId;

use super::{Redirection, ResponderBody, ResponderId, ScriptName};
use crate::sql::Value;
use crate::{AccountTx, Address, ReadTx, Result, StorageError, Withdrawn};

/// LIMIT: bytes of the name of a time zone; the longest there is has half of it.
const ZONE_BYTES_MAX: usize = 64;

/// What an account wants done with mail that arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// The version of these rules; [`crate::Recipient`] tells which one holds.
    pub version: u64,
    /// The account's primary address.
    pub address: String,
    /// The holder's name.
    pub name: String,
    /// Name of the time zone; empty: UTC.
    pub time_zone: String,
    /// Every address it has, in normal form.
    pub addresses: Vec<String>,
    /// The script that runs.
    pub script: Option<ActiveScript>,
    /// The responder that answers.
    pub responder: Option<ActiveResponder>,
    /// The redirections in use.
    pub redirections: Vec<Redirection>,
    /// What scripts must not do, as the account may not (R-ADDR-7).
    pub withdrawn: Withdrawn,
}

/// The script that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveScript {
    /// The name of the script.
    pub name: ScriptName,
    /// The text of the script.
    pub text: Vec<u8>,
}

/// The responder that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveResponder {
    /// The id of the responder.
    pub id: ResponderId,
    /// What it says; another sender only where that agreed.
    pub body: ResponderBody,
}

impl ReadTx<'_> {
    /// The rules of an account.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such account.
    pub fn load_rules(&mut self, account: AccountId) -> Result<Rules> {
        let id = Value::Int(account.get());
        let (version, address, name, time_zone, withdrawn) = self
            .sql
            .query_one(
                "SELECT rules_version, display_address, name, time_zone, withdrawn \
                 FROM account WHERE id = ?1",
                &[id],
                |row| {
                    let text = |column| row.text(column).map(str::to_owned);
                    let withdrawn = Withdrawn::from_column(row.int(4)?);
                    Ok((row.int(0)?.cast_unsigned(), text(1)?, text(2)?, text(3)?, withdrawn))
                },
            )?
            .ok_or(StorageError::NotFound("account"))?;
        let script = self.sql.query_one(
            "SELECT name, text FROM script WHERE account_id = ?1 AND active = 1",
            &[id],
            |row| {
                let name = ScriptName::stored(row.text(0)?);
                Ok(ActiveScript { name, text: row.bytes(1)?.to_vec() })
            },
        )?;
        let mut redirections = self.list_redirections(account)?;
        redirections.retain(|redirection| redirection.confirmed);
        Ok(Rules {
            version,
            address,
            name,
            time_zone,
            addresses: self.addresses_of(account)?,
            script,
            responder: self.load_active_responder(account)?,
            redirections,
            withdrawn,
        })
    }

    fn load_active_responder(&mut self, account: AccountId) -> Result<Option<ActiveResponder>> {
        let Some(found) = self.active_responder(account)? else { return Ok(None) };
        let mut body = found.body;
        if let Some(sender) = &body.sender {
            let usable = match Address::parse(sender) {
                Ok(sender) => self.may_answer_as(account, &sender)?,
                Err(_) => false,
            };
            body.sender = body.sender.filter(|_| usable);
        }
        Ok(Some(ActiveResponder { id: found.id, body }))
    }

    /// Every address of an account, also under domain aliases, in normal form.
    fn addresses_of(&mut self, account: AccountId) -> Result<Vec<String>> {
        self.sql.query_all(
            "SELECT x.local, d.name FROM address x \
             JOIN domain d ON COALESCE(d.alias_of, d.id) = x.domain_id \
             WHERE x.account_id = ?1 ORDER BY x.local, d.name",
            &[Value::Int(account.get())],
            |row| Ok(format!("{}@{}", row.text(0)?, row.text(1)?)),
        )
    }

    /// Name of the account's time zone; empty: UTC.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where there is no such account.
    pub fn time_zone(&mut self, account: AccountId) -> Result<String> {
        let found = self.sql.query_one(
            "SELECT time_zone FROM account WHERE id = ?1",
            &[Value::Int(account.get())],
            |row| Ok(row.text(0)?.to_owned()),
        )?;
        found.ok_or(StorageError::NotFound("account"))
    }
}

impl AccountTx<'_, '_> {
    /// Sets the time zone, by the name it has in the IANA database. Whether there is such a zone
    /// is for who knows them.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where there is no zone of this name.
    pub fn set_time_zone(&mut self, zone: &str) -> Result<()> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
        if zone.len() > ZONE_BYTES_MAX || !zone.bytes().all(is_name) {
            return Err(StorageError::Invalid("not the name of a time zone"));
        }
        self.set_column(
            "UPDATE account SET time_zone = ?2 WHERE id = ?1 AND time_zone <> ?2",
            Value::Text(zone),
        )?;
        self.touch_rules()
    }
}
