//! Addresses of others that an account wants to use: they are asked first, by a token that is
//! sent there (R-RESP-2, R-ADDR-10).
//!
//! What is kept of a token is its hash; a request that was made stays for days after what it was
//! for is gone, so that nobody can have an address of others written to again and again.

use ids::{AccountId, Timestamp};

use crate::change::Fact;
use crate::sql::Value;
use crate::{AccountTx, Address, LimitKind, ReadTx, Result, StorageError, WriteTx};

/// LIMIT: how long an answer is waited for.
pub(crate) const VALID_SECS: i64 = 7 * 86_400;
/// LIMIT: an address is asked again after this long.
const AGAIN_SECS: i64 = 3_600;
/// LIMIT: addresses of one account that are asked at a time.
const WAITING_MAX: u64 = 20;
/// Random bytes of a token.
const TOKEN_BYTES: usize = 20;

/// What an address is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Mail is sent on to it.
    Redirection,
    /// Answers name it as their sender.
    Sender,
}

/// Whether the owner of an address elsewhere agreed to its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// The address can be used.
    Usable,
    /// Once it says this token, which is to be sent there.
    Token(String),
    /// Once it answers; it was written to not long ago.
    Waiting,
}

/// The use of an address that a token confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// The account that asked.
    pub account: AccountId,
    /// The use that was asked for.
    pub purpose: Purpose,
    /// The address that was asked.
    pub address: String,
}

impl Purpose {
    fn column(self) -> i64 {
        match self {
            Self::Redirection => 1,
            Self::Sender => 2,
        }
    }

    fn from_column(column: i64) -> Result<Self> {
        match column {
            1 => Ok(Self::Redirection),
            2 => Ok(Self::Sender),
            _ => Err(StorageError::Corrupt("a confirmation for no known purpose".to_owned())),
        }
    }
}

impl ReadTx<'_> {
    /// What a token would confirm, if it is one that was sent and still waits for its answer.
    pub fn find_request(&mut self, token: &str, now: Timestamp) -> Result<Option<Confirmed>> {
        let hash = blake3::hash(token.trim().as_bytes());
        let oldest = now.plus_secs(-VALID_SECS);
        self.sql.query_one(
            "SELECT account_id, purpose, address FROM confirmation \
             WHERE token = ?1 AND confirmed IS NULL AND asked > ?2",
            &[Value::Bytes(hash.as_bytes()), Value::Int(oldest.as_micros())],
            |row| {
                Ok(Confirmed {
                    account: AccountId::new(row.int(0)?),
                    purpose: Purpose::from_column(row.int(1)?)?,
                    address: row.text(2)?.to_owned(),
                })
            },
        )
    }

    /// Whether an address agreed to be used.
    pub(super) fn is_confirmed(
        &mut self,
        account: AccountId,
        purpose: Purpose,
        address: &str,
    ) -> Result<bool> {
        let found = self.sql.query_one(
            "SELECT 1 FROM confirmation WHERE account_id = ?1 AND purpose = ?2 \
             AND address = ?3 AND confirmed IS NOT NULL",
            &[Value::Int(account.get()), Value::Int(purpose.column()), Value::Text(address)],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }
}

impl AccountTx<'_, '_> {
    /// Asks an address whether it may be used.
    pub(super) fn ask(&mut self, purpose: Purpose, address: &Address) -> Result<Agreement> {
        let (account, now, normal) = (self.account, self.now, address.normal_text());
        let key = [Value::Int(account.get()), Value::Int(purpose.column()), Value::Text(&normal)];
        let before = self.sql.query_one(
            "SELECT asked, confirmed FROM confirmation \
             WHERE account_id = ?1 AND purpose = ?2 AND address = ?3",
            &key,
            |row| Ok((Timestamp::from_micros(row.int(0)?), row.opt_int(1)?.is_some())),
        )?;
        match before {
            Some((_, true)) => return Ok(Agreement::Usable),
            Some((asked, _)) if now < asked.plus_secs(AGAIN_SECS) => return Ok(Agreement::Waiting),
            Some(_) => {}
            None => self.check_waiting()?,
        }
        let token = new_token()?;
        let [account, purpose, normal] = key;
        let hash = blake3::hash(token.as_bytes());
        self.sql.execute(
            "INSERT INTO confirmation (account_id, purpose, address, token, asked) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account_id, purpose, address) \
             DO UPDATE SET token = ?4, asked = ?5",
            &[account, purpose, normal, Value::Bytes(hash.as_bytes()), Value::Int(now.as_micros())],
        )?;
        Ok(Agreement::Token(token))
    }

    fn check_waiting(&mut self) -> Result<()> {
        let account = self.account;
        let count = self.sql.query_one(
            "SELECT COUNT(*) FROM confirmation WHERE account_id = ?1 AND confirmed IS NULL",
            &[Value::Int(account.get())],
            |row| Ok(row.int(0)?.cast_unsigned()),
        )?;
        match count.unwrap_or(0) >= WAITING_MAX {
            true => Err(StorageError::Limit { kind: LimitKind::Confirmations, max: WAITING_MAX }),
            false => Ok(()),
        }
    }

    /// Takes an address's agreement as given, at the word of who runs the server.
    pub(super) fn confirm_unasked(&mut self, purpose: Purpose, address: &Address) -> Result<()> {
        let now = Value::Int(self.now.as_micros());
        let hash = blake3::hash(new_token()?.as_bytes());
        let account = self.account;
        self.sql.execute(
            "INSERT INTO confirmation (account_id, purpose, address, token, asked, confirmed) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (account_id, purpose, address) \
             DO UPDATE SET confirmed = ?5",
            &[
                Value::Int(account.get()),
                Value::Int(purpose.column()),
                Value::Text(&address.normal_text()),
                Value::Bytes(hash.as_bytes()),
                now,
            ],
        )?;
        Ok(())
    }

    /// What an address agreed to is no longer wanted; next time it is asked again.
    pub(super) fn withdraw(&mut self, purpose: Purpose, address: &str) -> Result<()> {
        // The token that was sent is good for nothing any more.
        let hash = blake3::hash(new_token()?.as_bytes());
        let account = self.account;
        self.sql.execute(
            "UPDATE confirmation SET confirmed = NULL, token = ?4 \
             WHERE account_id = ?1 AND purpose = ?2 AND address = ?3",
            &[
                Value::Int(account.get()),
                Value::Int(purpose.column()),
                Value::Text(address),
                Value::Bytes(hash.as_bytes()),
            ],
        )?;
        Ok(())
    }
}

impl WriteTx<'_> {
    /// What an address says that was sent a token. A token confirms once.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where nobody asked with this token, or too long ago.
    pub fn confirm(&mut self, token: &str) -> Result<Confirmed> {
        let hash = blake3::hash(token.trim().as_bytes());
        let now = self.now;
        let found = self.find_request(token, now)?;
        let found = found.ok_or(StorageError::NotFound("a request with this token"))?;
        let now = self.now.as_micros();
        let mut account = self.account(found.account)?;
        let confirmed = account.sql.execute(
            "UPDATE confirmation SET confirmed = ?4 WHERE account_id = ?1 AND purpose = ?2 \
             AND address = ?3 AND confirmed IS NULL AND token = ?5",
            &[
                Value::Int(found.account.get()),
                Value::Int(found.purpose.column()),
                Value::Text(&found.address),
                Value::Int(now),
                Value::Bytes(hash.as_bytes()),
            ],
        )?;
        if confirmed == 0 {
            return Err(StorageError::NotFound("a request with this token"));
        }
        account.touch_rules()?;
        account.record_fact(None, Fact::AccountUpdated)?;
        Ok(found)
    }
}

/// A secret that nobody guesses, in hexadecimal digits.
pub(crate) fn new_token() -> Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
