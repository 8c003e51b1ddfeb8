//! App passwords (R-ADDR-9) and access tokens: secrets made here, random, named and revocable.
//! Only a hash of each is kept; being random it needs no salt and no slow hash.

use ids::{AccessKeyId, AccountId, Timestamp};
use unicode_normalization::UnicodeNormalization;

use super::Protocols;
use crate::change::Fact;
use crate::sql::{Row, Value};
use crate::{AccountTx, ActivityKind, LimitKind, ReadTx, Result, StorageError, WriteTx};

/// LIMIT: app passwords of one account, and as many tokens: one for each device and program
/// somebody could have, and few enough to try each of them in one SCRAM exchange.
pub const ACCESS_KEYS_MAX: u64 = 50;

/// LIMIT: a name is what its owner calls a device.
const NAME_BYTES_MAX: usize = 255;

/// What kind of secret it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessKeyKind {
    /// Works wherever the account's password does.
    AppPassword,
    /// A bearer token of OAUTHBEARER, XOAUTH2 and the API.
    Token,
}

impl AccessKeyKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::AppPassword => "app-password",
            Self::Token => "token",
        }
    }

    /// What it is called in errors.
    fn noun(self) -> &'static str {
        match self {
            Self::AppPassword => "app password",
            Self::Token => "token",
        }
    }

    /// What one without a name is called, with a number.
    fn default_name(self) -> &'static str {
        match self {
            Self::AppPassword => "device",
            Self::Token => "token",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        match text {
            "app-password" => Ok(Self::AppPassword),
            "token" => Ok(Self::Token),
            _ => Err(StorageError::Corrupt("an access key is of an unknown kind".to_owned())),
        }
    }
}

/// What an access key is made with.
#[derive(Debug, Clone)]
pub struct NewAccessKey {
    /// App password or token.
    pub kind: AccessKeyKind,
    /// The name; `None` chooses a free one.
    pub name: Option<String>,
    /// BLAKE3 of the secret.
    pub secret_hash: [u8; 32],
    /// The protocols that the key may be used with.
    pub protocols: Protocols,
    /// The instant from which on the key no longer opens anything; `None`: it does not expire.
    pub expires: Option<Timestamp>,
}

/// An access key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The id of the key.
    pub id: AccessKeyId,
    /// The account that the key opens.
    pub account: AccountId,
    /// App password or token.
    pub kind: AccessKeyKind,
    /// The name, unique among the keys of the account.
    pub name: String,
    /// The protocols that the key may be used with.
    pub protocols: Protocols,
    /// When it was made.
    pub created: Timestamp,
    /// The instant from which on the key no longer opens anything; `None`: it does not expire.
    pub expires: Option<Timestamp>,
    /// When somebody last signed in with it, to the hour.
    pub last_used: Option<Timestamp>,
}

impl AccessKey {
    /// Whether its time is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

macro_rules! select_access_key {
    ($rest:literal) => {
        concat!(
            "SELECT id, account_id, kind, name, protocols, created, expires, last_used \
             FROM access_key WHERE ",
            $rest
        )
    };
}

fn read(row: &dyn Row) -> Result<AccessKey> {
    let instant = |column| row.opt_int(column).map(|at| at.map(Timestamp::from_micros));
    Ok(AccessKey {
        id: AccessKeyId::new(row.int(0)?),
        account: AccountId::new(row.int(1)?),
        kind: AccessKeyKind::parse(row.text(2)?)?,
        name: row.text(3)?.to_owned(),
        protocols: Protocols::from_column(row.int(4)?),
        created: Timestamp::from_micros(row.int(5)?),
        expires: instant(6)?,
        last_used: instant(7)?,
    })
}

impl ReadTx<'_> {
    /// The account's access keys of one kind, by name.
    pub fn list_access_keys(
        &mut self,
        account: AccountId,
        kind: AccessKeyKind,
    ) -> Result<Vec<AccessKey>> {
        self.sql.query_all(
            select_access_key!("account_id = ?1 AND kind = ?2 ORDER BY name"),
            &[Value::Int(account.get()), Value::Text(kind.as_str())],
            read,
        )
    }

    /// The access key of a secret, expired or not.
    pub fn find_access_key(&mut self, secret_hash: &[u8; 32]) -> Result<Option<AccessKey>> {
        let hash = Value::Bytes(secret_hash);
        self.sql.query_one(select_access_key!("secret_hash = ?1"), &[hash], read)
    }

    /// Whether a key is still the account's and good.
    /// From when on a key is good for nothing.
    pub fn access_key_expires(&mut self, id: AccessKeyId) -> Result<Option<Timestamp>> {
        let id = Value::Int(id.get());
        let found = self.sql.query_one(select_access_key!("id = ?1"), &[id], read)?;
        Ok(found.and_then(|key| key.expires))
    }

    pub(super) fn access_key_stands(
        &mut self,
        account: AccountId,
        id: AccessKeyId,
        now: Timestamp,
    ) -> Result<bool> {
        let id = Value::Int(id.get());
        let found = self.sql.query_one(select_access_key!("id = ?1"), &[id], read)?;
        Ok(found.is_some_and(|key| key.account == account && !key.is_expired(now)))
    }
}

impl WriteTx<'_> {
    /// Remembers that a key was used at this moment.
    pub fn touch_access_key(&mut self, id: AccessKeyId) -> Result<()> {
        let now = Value::Int(self.now.as_micros());
        let sql = "UPDATE access_key SET last_used = ?2 \
                   WHERE id = ?1 AND (last_used IS NULL OR last_used < ?2)";
        self.sql.execute(sql, &[Value::Int(id.get()), now]).map(drop)
    }
}

impl AccountTx<'_, '_> {
    /// Adds an access key. The account is locked while its keys are counted, so that of two
    /// requests for the last place one fails.
    ///
    /// # Errors
    /// [`StorageError::Limit`] beyond what an account may have, [`StorageError::AlreadyExists`] for
    /// a name that is taken.
    pub fn add_access_key(&mut self, new: NewAccessKey) -> Result<AccessKey> {
        self.require_own()?;
        self.require_signs_in()?;
        let name = new.name.as_deref().map(parse_name).transpose()?;
        let (account, now) = (Value::Int(self.account.get()), self.now.as_micros());
        let kind = Value::Text(new.kind.as_str());
        self.sql.execute(
            "DELETE FROM access_key WHERE account_id = ?1 AND kind = 'token' AND expires <= ?2",
            &[account, Value::Int(now)],
        )?;
        let id = self.account;
        let taken = self.list_access_keys(id, new.kind)?;
        if taken.len() as u64 >= ACCESS_KEYS_MAX {
            return Err(StorageError::Limit { kind: LimitKind::AccessKeys, max: ACCESS_KEYS_MAX });
        }
        let name = name.unwrap_or_else(|| free_name(new.kind, &taken));
        let added = self.sql.query_one(
            "INSERT INTO access_key (account_id, kind, name, secret_hash, protocols, created, \
             expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING \
             RETURNING id, account_id, kind, name, protocols, created, expires, last_used",
            &[
                account,
                kind,
                Value::Text(&name),
                Value::Bytes(&new.secret_hash),
                Value::Int(new.protocols.column()),
                Value::Int(now),
                new.expires.map_or(Value::Null, |at| Value::Int(at.as_micros())),
            ],
            read,
        )?;
        let added = added.ok_or(StorageError::AlreadyExists(new.kind.noun()))?;
        self.note_own(ActivityKind::AccessKeyMade, &added.name)?;
        self.record_fact(None, Fact::AccountUpdated)?;
        Ok(added)
    }

    /// Revokes an access key; the sessions signed in with it end (R-ADDR-9).
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where the account has none of this name.
    pub fn revoke_access_key(&mut self, kind: AccessKeyKind, name: &str) -> Result<()> {
        self.require_own()?;
        let name = parse_name(name)?;
        let account = Value::Int(self.account.get());
        let removed = self.sql.query_one(
            "DELETE FROM access_key WHERE account_id = ?1 AND kind = ?2 AND name = ?3 RETURNING id",
            &[account, Value::Text(kind.as_str()), Value::Text(&name)],
            |row| row.int(0),
        )?;
        let id = removed.map(AccessKeyId::new).ok_or(StorageError::NotFound(kind.noun()))?;
        self.drop_scram_verifier(Some(id))?;
        self.note_own(ActivityKind::AccessKeyRevoked, &name)?;
        self.record_fact(None, Fact::CredentialsChanged)
    }
}

/// The first of `device-1`, `device-2`, … that is free.
fn free_name(kind: AccessKeyKind, taken: &[AccessKey]) -> String {
    let numbered = |number| format!("{}-{number}", kind.default_name());
    let is_free = |name: &String| taken.iter().all(|key| key.name != *name);
    let mut names = (1_u32..).map(numbered);
    names.find(is_free).unwrap_or_default()
}

fn parse_name(name: &str) -> Result<String> {
    let name: String = name.trim().nfc().collect();
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(StorageError::Invalid(
            "the name is empty, too long or holds control characters",
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestStore, on_both_engines};
    use crate::{Address, Grant, ScramVerifier};

    fn new(kind: AccessKeyKind, name: Option<&str>, secret: u8) -> NewAccessKey {
        NewAccessKey {
            kind,
            name: name.map(str::to_owned),
            secret_hash: [secret; 32],
            protocols: Protocols::ALL,
            expires: None,
        }
    }

    fn add(store: &TestStore, account: AccountId, key: NewAccessKey) -> Result<AccessKey> {
        store.with(account, move |tx| tx.add_access_key(key))
    }

    use AccessKeyKind::{AppPassword, Token};

    #[test]
    fn names_are_unique_within_a_kind() {
        on_both_engines(|store| {
            let julie = store.account("julie");
            let outcome = |kind, name, secret| match add(store, julie, new(kind, name, secret)) {
                Ok(key) => key.name,
                Err(error) => error.to_string(),
            };
            let bad = "invalid: the name is empty, too long or holds control characters";
            let table = [
                (AppPassword, Some(" Julie's phone "), 1, "Julie's phone"),
                (AppPassword, Some("Julie's phone"), 2, "app password exists already"),
                (Token, Some("Julie's phone"), 3, "Julie's phone"),
                (Token, Some("other"), 3, "token exists already"),
                (AppPassword, Some("device-2"), 4, "device-2"),
                (AppPassword, None, 5, "device-1"),
                (AppPassword, None, 6, "device-3"),
                (Token, None, 7, "token-1"),
                (Token, Some(""), 8, bad),
                (Token, Some("a\nb"), 8, bad),
            ];
            for (kind, name, secret, expect) in table {
                assert_eq!(outcome(kind, name, secret), expect, "{name:?}");
            }
            let keys = store.read(move |tx| tx.list_access_keys(julie, Token)).unwrap();
            let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
            assert_eq!(names, ["Julie's phone", "token-1"]);
        });
    }

    #[test]
    fn keys_are_limited_and_expired_tokens_make_room() {
        on_both_engines(|store| {
            let julie = store.account("julie");
            let now = store.write(|tx| Ok(tx.now())).unwrap();
            for secret in 0..50 {
                let expires = (secret == 7).then_some(now);
                add(store, julie, NewAccessKey { expires, ..new(Token, None, secret) }).unwrap();
            }
            // The one that is over made room for the last of these.
            add(store, julie, new(Token, None, 100)).unwrap();
            let more = add(store, julie, new(Token, None, 101));
            let limit = matches!(
                more,
                Err(StorageError::Limit { kind: LimitKind::AccessKeys, max: ACCESS_KEYS_MAX })
            );
            assert!(limit, "{more:?}");
            assert_eq!(store.read(|tx| tx.find_access_key(&[7; 32])).unwrap(), None);
            add(store, julie, new(AppPassword, None, 101)).unwrap();
        });
    }

    #[test]
    fn revoking_ends_sessions_of_that_key_alone() {
        on_both_engines(|store| {
            let julie = store.account("julie");
            let verifier = ScramVerifier { salt: vec![1], iterations: 5, sealed_keys: vec![2, 3] };
            let kept = verifier.clone();
            let (phone, tablet) = store
                .with(julie, move |tx| {
                    let phone = tx.add_access_key(new(AppPassword, Some("phone"), 1))?;
                    let tablet = tx.add_access_key(new(AppPassword, Some("tablet"), 2))?;
                    tx.put_scram_verifier(Some(phone.id), &kept)?;
                    Ok((phone.id, tablet.id))
                })
                .unwrap();
            let stands = |grant| {
                let address = Address::parse("julie@example.test").unwrap();
                store
                    .read(move |tx| {
                        let version = tx.load_account(julie)?.credential_version;
                        let now = Timestamp::from_secs(1_000);
                        tx.standing_credentials(&address, julie, version, grant, now)
                    })
                    .unwrap()
                    .is_some()
            };
            let all = [Grant::Password, Grant::AccessKey(phone), Grant::AccessKey(tablet)];
            assert_eq!(all.map(stands), [true, true, true]);
            let revoke = |name: &'static str| {
                move |tx: &mut WriteTx<'_>| tx.account(julie)?.revoke_access_key(AppPassword, name)
            };
            assert_eq!(store.facts(revoke("phone")), ["CredentialsChanged"]);
            assert_eq!(all.map(stands), [true, false, true]);
            assert_eq!(store.read(move |tx| tx.scram_verifiers(julie)).unwrap(), []);
            let again = store.write(revoke("phone")).unwrap_err();
            assert_eq!(again.to_string(), "app password does not exist");
            store.write(move |tx| tx.remove_account(julie)).unwrap();
            assert_eq!(store.read(|tx| tx.find_access_key(&[2; 32])).unwrap(), None);
        });
    }

    #[test]
    fn the_time_of_use_only_moves_on() {
        on_both_engines(|store| {
            let julie = store.account("julie");
            let key = add(store, julie, new(Token, None, 1)).unwrap();
            assert_eq!((key.last_used, key.account), (None, julie));
            store.write(move |tx| tx.touch_access_key(key.id)).unwrap();
            let used = store.read(|tx| tx.find_access_key(&[1; 32])).unwrap().unwrap();
            assert_eq!(used.last_used, Some(key.created));
            let expires = Some(Timestamp::from_secs(500));
            let key = AccessKey { expires, ..used };
            assert!(!key.is_expired(Timestamp::from_secs(499)));
            assert!(key.is_expired(Timestamp::from_secs(500)));
        });
    }
}
