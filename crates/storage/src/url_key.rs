//! Mailbox access keys (RFC 4467 §2.2): secrets that make URLs which carry their own
//! authorization. Each account has one for each mailbox, made when it is first needed; whatever
//! one has made ends with it.

use std::fmt;

use ids::{AccountId, CollectionId};

use crate::change::Fact;
use crate::sql::Value;
use crate::view::MailboxDelta;
use crate::{ReadTx, Result, Rights, StorageError, WriteTx};

const KEY_BYTES: usize = 32;

/// How a token says by which algorithm it was made (RFC 4467 §2.4.1): keyed BLAKE3.
const ALGORITHM: &str = "01";

/// The secret of one account for one mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlKey([u8; KEY_BYTES]);

impl fmt::Debug for UrlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UrlKey")
    }
}

impl UrlKey {
    fn random() -> Result<Self> {
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key).map_err(|cause| StorageError::Unavailable(cause.to_string()))?;
        Ok(Self(key))
    }

    /// A key of no mailbox: asking it takes as long as asking any other (RFC 4467 §6).
    pub fn of_nobody() -> Self {
        Self([0; KEY_BYTES])
    }

    /// The token that authorizes `url`, in hexadecimal digits.
    pub fn token(&self, url: &str) -> String {
        format!("{ALGORITHM}{}", blake3::keyed_hash(&self.0, url.as_bytes()).to_hex())
    }

    /// Whether `token` authorizes `url`; the time that takes says nothing.
    pub fn verifies(&self, url: &str, token: &str) -> bool {
        let computed = blake3::keyed_hash(&self.0, url.as_bytes());
        let given = token.strip_prefix(ALGORITHM).map(blake3::Hash::from_hex);
        // The comparison of hashes takes constant time.
        matches!(given, Some(Ok(given)) if given == computed)
    }
}

impl ReadTx<'_> {
    /// The key that `account` has for a mailbox, if it needed one so far.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] where the key has another size.
    pub fn find_url_key(
        &mut self,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Result<Option<UrlKey>> {
        let secret = self.sql.query_one(
            "SELECT secret FROM url_key WHERE mailbox_id = ?1 AND account_id = ?2",
            &[Value::Int(mailbox.get()), Value::Int(account.get())],
            |row| Ok(row.bytes(0)?.to_vec()),
        )?;
        let Some(secret) = secret else { return Ok(None) };
        let wrong = |_| StorageError::Corrupt("a mailbox access key has another size".to_owned());
        Ok(Some(UrlKey(secret.try_into().map_err(wrong)?)))
    }
}

impl WriteTx<'_> {
    /// The key that `account` has for a mailbox it may read, made now if there is none.
    pub fn url_key(&mut self, account: AccountId, mailbox: CollectionId) -> Result<UrlKey> {
        self.lock_for_key(account, mailbox)?;
        match self.find_url_key(account, mailbox)? {
            Some(key) => Ok(key),
            None => self.put_url_key(account, mailbox),
        }
    }

    /// Gives `account` a new key for a mailbox it may read: what the old one has made is void.
    pub fn reset_url_key(&mut self, account: AccountId, mailbox: CollectionId) -> Result<()> {
        self.lock_for_key(account, mailbox)?;
        self.put_url_key(account, mailbox)?;
        match self.load_mailbox(mailbox)?.account == account {
            true => self.record_url_key(account, mailbox),
            false => Ok(()),
        }
    }

    /// Takes away all keys of `account`: whatever they have made is void.
    pub fn remove_url_keys(&mut self, account: AccountId) -> Result<()> {
        self.lock_usage(account)?;
        let id = [Value::Int(account.get())];
        let own = self.sql.query_all(
            "SELECT b.id FROM mailbox b JOIN url_key k ON k.mailbox_id = b.id \
             WHERE b.account_id = ?1 AND k.account_id = ?1 ORDER BY b.id",
            &id,
            |row| Ok(CollectionId::new(row.int(0)?)),
        )?;
        self.sql.execute("DELETE FROM url_key WHERE account_id = ?1", &id)?;
        own.into_iter().try_for_each(|mailbox| self.record_url_key(account, mailbox))
    }

    /// Tells the sessions of an account that have its mailbox open.
    fn record_url_key(&mut self, account: AccountId, mailbox: CollectionId) -> Result<()> {
        self.record(account, Some(mailbox), Fact::UrlKeyReset)?;
        let modseq = self.modseq(account)?;
        let mut delta = MailboxDelta::new(account, mailbox, modseq);
        delta.url_key_reset = true;
        self.deltas.push(delta);
        Ok(())
    }

    /// Nobody else makes this key meanwhile, or deletes the mailbox.
    fn lock_for_key(&mut self, account: AccountId, mailbox: CollectionId) -> Result<()> {
        let owner = self.load_mailbox(mailbox)?.account;
        self.lock_accounts([account, owner])?;
        self.require_as(account, mailbox, Rights::READ).map(|_| ())
    }

    fn put_url_key(&mut self, account: AccountId, mailbox: CollectionId) -> Result<UrlKey> {
        let key = UrlKey::random()?;
        self.sql.execute(
            "INSERT INTO url_key (mailbox_id, account_id, secret) VALUES (?1, ?2, ?3) \
             ON CONFLICT (mailbox_id, account_id) DO UPDATE SET secret = ?3",
            &[Value::Int(mailbox.get()), Value::Int(account.get()), Value::Bytes(&key.0)],
        )?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests;
