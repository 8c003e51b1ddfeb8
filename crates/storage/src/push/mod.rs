//! WebDAV-Push: who wants to be told when a collection changes.
//!
//! A change writes nothing here: a subscription has the number up to which it was told, a
//! collection the number of its last change. Who committed one hears of it ([`PushNotices`]) and
//! then writes when the subscriptions are to be looked at (`look`), by which they are found from
//! then on. **Invariants:** a subscription is of an account that may read the collection, or goes
//! when it is looked at next; one is claimed by one daemon at a time; what is behind has a `look`,
//! or is found by looking at all; an account has no more than so many. **Absent:** push services,
//! encryption.

mod claim;
mod notice;

use ids::{AccountId, ModSeq, Timestamp};

use crate::directory::book;
use crate::sql::Value;
use crate::{
    AccountTx, Collection, CollectionKind, CollectionRights, LimitKind, ReadTx, Result,
    StorageError, WriteTx,
};

pub use claim::{DuePush, PushOutcome, PushesUnderWay};
pub use notice::{ChangedCollections, PushNotices};

/// LIMIT: bytes of the URL at a push service; those in use have some 200. An index has them.
pub const PUSH_RESOURCE_BYTES_MAX: usize = 1024;

const DAY_SECS: i64 = 86_400;
/// LIMIT: a subscription lives this long unless it is renewed; the draft wants three days at least.
const LIFETIME_SECS: i64 = 7 * DAY_SECS;

/// What somebody wants to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushTriggers {
    /// Members came, changed or went.
    pub content: bool,
    /// Properties of the collection changed.
    pub properties: bool,
}

impl PushTriggers {
    fn to_column(self) -> i64 {
        i64::from(self.content) | i64::from(self.properties) << 1
    }

    fn from_column(bits: i64) -> Self {
        Self { content: bits & 1 != 0, properties: bits & 2 != 0 }
    }
}

/// Where and how somebody wants to be told.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPush {
    /// A random name for it.
    pub token: String,
    /// The URL at the push service.
    pub resource: String,
    /// The key that messages are encrypted for, a point of P-256.
    pub public_key: Vec<u8>,
    /// What they are encrypted with, too.
    pub secret: Vec<u8>,
    /// The kinds of change that are to be told.
    pub triggers: PushTriggers,
    /// When the subscription is to end at the latest; `None`: as late as the server allows.
    pub expires: Option<Timestamp>,
}

/// What registering a subscription did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRegistration {
    /// The name that it has: that of before, where it was renewed.
    pub token: String,
    /// When the subscription ends.
    pub expires: Timestamp,
}

/// Which subscriptions of who asks are not told of what is done now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum QuietPushes {
    /// No subscription is left out: all are told.
    #[default]
    None,
    /// The subscriptions of these tokens are not told.
    Tokens(Vec<String>),
    /// No subscription of theirs is told.
    All,
}

/// Subscriptions that know all that was before.
#[derive(Debug)]
pub struct UpToDate(Vec<i64>);

/// The key that says who tells (RFC 8292).
#[derive(Clone, PartialEq, Eq)]
pub struct SealedPushKey {
    /// A point of P-256.
    pub public_key: Vec<u8>,
    /// The private key, PKCS #8, sealed with `seal.key`.
    pub sealed_key: Vec<u8>,
}

impl ReadTx<'_> {
    /// The key that says who tells.
    pub fn find_push_key(&mut self) -> Result<Option<SealedPushKey>> {
        self.sql.query_one("SELECT public_key, sealed_key FROM push_key WHERE id = 1", &[], |row| {
            let (public_key, sealed_key) = (row.bytes(0)?.to_vec(), row.bytes(1)?.to_vec());
            Ok(SealedPushKey { public_key, sealed_key })
        })
    }
}

impl WriteTx<'_> {
    /// Keeps a key where there is none yet; which one there is.
    pub fn put_push_key(&mut self, key: &SealedPushKey) -> Result<SealedPushKey> {
        self.sql.execute(
            "INSERT INTO push_key (id, public_key, sealed_key) VALUES (1, ?1, ?2) \
             ON CONFLICT (id) DO NOTHING",
            &[Value::Bytes(&key.public_key), Value::Bytes(&key.sealed_key)],
        )?;
        self.find_push_key()?.ok_or(StorageError::NotFound("push key"))
    }

    /// Ends a subscription of `account`. Whether there was one.
    pub fn remove_push(&mut self, account: AccountId, token: &str) -> Result<bool> {
        let now = self.now.as_micros();
        let gone = self.sql.execute(
            "DELETE FROM push_subscription WHERE account_id = ?1 AND token = ?2 AND expires > ?3",
            &[Value::Int(account.get()), Value::Text(token), Value::Int(now)],
        )?;
        Ok(gone > 0)
    }
}

impl AccountTx<'_, '_> {
    /// Tells the one acting from now on when a collection of the account changes; of one
    /// subscription at one collection there is one. After [`lock_sharing`](WriteTx::lock_sharing).
    ///
    /// # Errors
    /// [`StorageError::Limit`] where the actor has as many as one may have;
    /// [`StorageError::Invalid`] where it is none, or nobody is told of the collection.
    pub fn register_push(
        &mut self,
        collection: &Collection,
        new: &NewPush,
        max: u64,
    ) -> Result<PushRegistration> {
        let found = self.require_still_there(collection, CollectionRights::READ)?;
        check(&found, new)?;
        let (actor, id, now) = (self.actor.get(), found.id.get(), self.now);
        self.sql.execute(
            "DELETE FROM push_subscription WHERE account_id = ?1 AND expires <= ?2",
            &[Value::Int(actor), Value::Int(now.as_micros())],
        )?;
        let longest = now.plus_secs(LIFETIME_SECS);
        let expires = new.expires.map_or(longest, |wanted| wanted.min(longest));
        let known = self.sql.query_one(
            "SELECT token FROM push_subscription \
             WHERE account_id = ?1 AND collection_id = ?2 AND resource = ?3",
            &[Value::Int(actor), Value::Int(id), Value::Text(&new.resource)],
            |row| Ok(row.text(0)?.to_owned()),
        )?;
        let count = "SELECT COUNT(*) FROM push_subscription WHERE account_id = ?1";
        let count = self.sql.query_one(count, &[Value::Int(actor)], |row| row.int(0))?;
        if known.is_none() && count.unwrap_or(0).cast_unsigned() >= max {
            return Err(StorageError::Limit { kind: LimitKind::PushSubscriptions, max });
        }
        let token = known.unwrap_or_else(|| new.token.clone());
        self.sql.execute(
            "INSERT INTO push_subscription (account_id, collection_id, token, resource, \
             public_key, secret, triggers, told_modseq, due, failures, expires) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10) \
             ON CONFLICT (account_id, collection_id, resource) DO UPDATE SET public_key = ?5, \
             secret = ?6, triggers = ?7, due = ?9, look = ?9, failures = 0, expires = ?10",
            &[
                Value::Int(actor),
                Value::Int(id),
                Value::Text(&token),
                Value::Text(&new.resource),
                Value::Bytes(&new.public_key),
                Value::Bytes(&new.secret),
                Value::Int(new.triggers.to_column()),
                Value::Int(found.highest_modseq.get().cast_signed()),
                Value::Int(now.as_micros()),
                Value::Int(expires.as_micros()),
            ],
        )?;
        Ok(PushRegistration { token, expires })
    }

    /// Before a change: those of the subscriptions that are not to hear of it which have heard of
    /// all that was before. Only these: another change must not be lost with one's own.
    pub fn up_to_date_pushes(&mut self, quiet: &QuietPushes) -> Result<UpToDate> {
        if *quiet == QuietPushes::None {
            return Ok(UpToDate(Vec::new()));
        }
        let (actor, owner) = (self.actor.get(), self.account.get());
        let all = self.sql.query_all(
            "SELECT s.id, s.token FROM push_subscription s \
             JOIN collection c ON c.id = s.collection_id \
             WHERE s.account_id = ?1 AND c.account_id = ?2 AND s.told_modseq >= c.highest_modseq \
             ORDER BY s.id",
            &[Value::Int(actor), Value::Int(owner)],
            |row| Ok((row.int(0)?, row.text(1)?.to_owned())),
        )?;
        let is_meant = |token: &String| match quiet {
            QuietPushes::None => false,
            QuietPushes::Tokens(tokens) => tokens.contains(token),
            QuietPushes::All => true,
        };
        let meant = all.into_iter().filter(|(_, token)| is_meant(token));
        Ok(UpToDate(meant.map(|(id, _)| id).collect()))
    }

    /// Marks these subscriptions, after a change, as told of everything so far: their clients made
    /// the change and know of it.
    pub fn quiet_pushes(&mut self, known: &UpToDate) -> Result<()> {
        for id in &known.0 {
            self.sql.execute(
                "UPDATE push_subscription SET told_modseq = \
                 (SELECT c.highest_modseq FROM collection c WHERE c.id = collection_id) \
                 WHERE id = ?1",
                &[Value::Int(*id)],
            )?;
        }
        Ok(())
    }
}

fn check(collection: &Collection, new: &NewPush) -> Result<()> {
    if collection.kind == CollectionKind::Notifications {
        return Err(StorageError::Invalid("nobody is told of this collection"));
    }
    let is_url = new.resource.starts_with("https://")
        && new.resource.len() <= PUSH_RESOURCE_BYTES_MAX
        && new.resource.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_url || new.public_key.len() != 65 || new.secret.len() != 16 || new.token.is_empty() {
        return Err(StorageError::Invalid("this is no subscription"));
    }
    if !new.triggers.content && !new.triggers.properties {
        return Err(StorageError::Invalid("it is told of nothing"));
    }
    Ok(())
}

impl Collection {
    /// Whether it is made of an organisation's accounts, and nothing is in it by itself.
    pub fn is_directory(&self) -> bool {
        book::organisation_of(self.id).is_some()
    }
}

/// A modification sequence of a column.
fn modseq(column: i64) -> ModSeq {
    ModSeq::new(column.cast_unsigned())
}

#[cfg(test)]
mod tests;
