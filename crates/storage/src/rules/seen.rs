//! Messages that a script saw before (RFC 7352): by the hash of what it recognises them by.

use ids::{AccountId, Timestamp};

use crate::sql::Value;
use crate::{AccountTx, ReadTx, Result, StorageError};

impl ReadTx<'_> {
    /// Whether such a message was seen and is still remembered.
    pub fn is_seen(&mut self, account: AccountId, key: &[u8; 32], now: Timestamp) -> Result<bool> {
        let found = self.sql.query_one(
            "SELECT 1 FROM seen WHERE account_id = ?1 AND key = ?2 AND expires > ?3",
            &[Value::Int(account.get()), Value::Bytes(key), Value::Int(now.as_micros())],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }
}

impl AccountTx<'_, '_> {
    /// Remembers a message. One that was taken for new (`unseen`) and is known by now came twice
    /// at the same time: [`StorageError::Conflict`], and whoever delivers it looks again. One that
    /// this very transaction remembers is for two addresses of the account: both get it
    /// (R-ADDR-4).
    ///
    /// # Errors
    /// [`StorageError::Conflict`] where another delivery remembered it meanwhile.
    pub fn remember_seen(&mut self, key: &[u8; 32], seconds: u64, unseen: bool) -> Result<()> {
        let (account, now) = (self.account, self.now);
        let is_first = self.seen.insert((account, *key));
        if unseen && is_first && self.is_seen(account, key, now)? {
            return Err(StorageError::Conflict("the message was seen meanwhile"));
        }
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX).min(i64::from(u32::MAX));
        self.sql.execute(
            "INSERT INTO seen (account_id, key, expires) VALUES (?1, ?2, ?3) \
             ON CONFLICT (account_id, key) DO UPDATE SET expires = ?3",
            &[
                Value::Int(account.get()),
                Value::Bytes(key),
                Value::Int(now.plus_secs(seconds).as_micros()),
            ],
        )?;
        Ok(())
    }
}
