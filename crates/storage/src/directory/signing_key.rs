//! Keys that sign mail of a domain. A key is made, waits until its record can be seen by
//! everybody, signs, and is kept retired until no signature of it is on its way any more.
//!
//! **Invariant:** of one algorithm a domain has at most one key that waits, and one that signs.

use ids::{DomainId, Timestamp};

use crate::address::parse_domain;
use crate::sql::{Dialect, Row, Value};
use crate::{LimitKind, ReadTx, Result, StorageError, WriteTx};

/// LIMIT: keys of one domain; a rotation needs four of two algorithms.
const KEYS_MAX: i64 = 20;

/// How far a DKIM key is on its way from made to retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningState {
    /// The key does not sign yet: its DNS record is to be published first.
    Waiting,
    /// The key signs.
    Active,
    /// No longer; its record stays for what is on its way.
    Retired,
}

impl SigningState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        [Self::Waiting, Self::Active, Self::Retired]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| StorageError::Corrupt("a signing key has another state".to_owned()))
    }
}

/// A key of a domain.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Under which name its record stands: one label, lower case.
    pub selector: String,
    /// As `a=` of a signature has it.
    pub algorithm: String,
    /// As `p=` of its record has it, decoded.
    pub public_key: Vec<u8>,
    /// The private key, which only who sealed it can open.
    pub sealed_key: Vec<u8>,
    /// Whether the key signs.
    pub state: SigningState,
    /// The instant at which the key came into this state.
    pub since: Timestamp,
}

// Sealed, and yet nothing for a log.
impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("selector", &self.selector)
            .field("algorithm", &self.algorithm)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

fn read(row: &dyn Row) -> Result<SigningKey> {
    Ok(SigningKey {
        selector: row.text(0)?.to_owned(),
        algorithm: row.text(1)?.to_owned(),
        public_key: row.bytes(2)?.to_vec(),
        sealed_key: row.bytes(3)?.to_vec(),
        state: SigningState::parse(row.text(4)?)?,
        since: Timestamp::from_micros(row.int(5)?),
    })
}

impl ReadTx<'_> {
    /// The keys of a domain or domain alias of ours, the oldest first; none of another domain.
    pub fn signing_keys(&mut self, domain: &str) -> Result<Vec<SigningKey>> {
        let Ok(domain) = parse_domain(domain) else { return Ok(Vec::new()) };
        self.sql.query_all(
            "SELECT k.selector, k.algorithm, k.public_key, k.sealed_key, k.state, k.since \
             FROM signing_key k JOIN domain d ON d.id = k.domain_id \
             WHERE d.name = ?1 ORDER BY k.id",
            &[Value::Text(&domain)],
            read,
        )
    }
}

impl WriteTx<'_> {
    /// Adds a key, which waits.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] for a selector that is none, [`StorageError::AlreadyExists`] where
    /// it is taken or a key waits, [`StorageError::Limit`] where the domain has as many as it may
    /// have.
    pub fn add_signing_key(
        &mut self,
        domain: &str,
        selector: &str,
        algorithm: &str,
        public_key: &[u8],
        sealed_key: &[u8],
    ) -> Result<()> {
        let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_label = (1..=63).contains(&selector.len())
            && selector.bytes().all(label)
            && !selector.starts_with('-')
            && !selector.ends_with('-');
        if !is_label {
            return Err(StorageError::Invalid("a selector is letters, digits and hyphens"));
        }
        let selector = selector.to_ascii_lowercase();
        let domain = self.lock_signing_domain(domain)?;
        let count = self.sql.query_one(
            "SELECT COUNT(*), COALESCE(SUM(CASE WHEN selector = ?2 THEN 1 ELSE 0 END), 0), \
             COALESCE(SUM(CASE WHEN algorithm = ?3 AND state = 'waiting' THEN 1 ELSE 0 END), 0) \
             FROM signing_key WHERE domain_id = ?1",
            &[Value::Int(domain.get()), Value::Text(&selector), Value::Text(algorithm)],
            |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)),
        )?;
        match count {
            Some((_, 1.., _)) => return Err(StorageError::AlreadyExists("selector")),
            Some((_, _, 1..)) => return Err(StorageError::AlreadyExists("key that waits")),
            Some((KEYS_MAX.., ..)) => {
                let max = KEYS_MAX.unsigned_abs();
                return Err(StorageError::Limit { kind: LimitKind::SigningKeys, max });
            }
            _ => {}
        }
        let now = self.now.as_micros();
        self.sql.execute(
            "INSERT INTO signing_key \
             (domain_id, selector, algorithm, public_key, sealed_key, state, since) \
             VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6)",
            &[
                Value::Int(domain.get()),
                Value::Text(&selector),
                Value::Text(algorithm),
                Value::Bytes(public_key),
                Value::Bytes(sealed_key),
                Value::Int(now),
            ],
        )?;
        Ok(())
    }

    /// Has the keys that wait sign from now on; those of the same algorithms that signed before
    /// are retired.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where none waits.
    pub fn activate_signing_keys(&mut self, domain: &str) -> Result<()> {
        let domain = self.lock_signing_domain(domain)?;
        let parameters = [Value::Int(domain.get()), Value::Int(self.now.as_micros())];
        self.sql.execute(
            "UPDATE signing_key SET state = 'retired', since = ?2 \
             WHERE domain_id = ?1 AND state = 'active' AND algorithm IN \
             (SELECT algorithm FROM signing_key WHERE domain_id = ?1 AND state = 'waiting')",
            &parameters,
        )?;
        let activated = self.sql.execute(
            "UPDATE signing_key SET state = 'active', since = ?2 \
             WHERE domain_id = ?1 AND state = 'waiting'",
            &parameters,
        )?;
        if activated == 0 { Err(StorageError::NotFound("key that waits")) } else { Ok(()) }
    }

    /// Has a key sign no longer.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] where it does not sign.
    pub fn retire_signing_key(&mut self, domain: &str, selector: &str) -> Result<()> {
        let domain = self.lock_signing_domain(domain)?;
        let selector = selector.to_ascii_lowercase();
        let now = self.now.as_micros();
        let retired = self.sql.execute(
            "UPDATE signing_key SET state = 'retired', since = ?3 \
             WHERE domain_id = ?1 AND selector = ?2 AND state = 'active'",
            &[Value::Int(domain.get()), Value::Text(&selector), Value::Int(now)],
        )?;
        if retired == 0 { Err(StorageError::NotFound("key that signs")) } else { Ok(()) }
    }

    /// Removes a key that does not sign.
    ///
    /// # Errors
    /// [`StorageError::InUse`] where it signs, [`StorageError::NotFound`] where there is none.
    pub fn remove_signing_key(&mut self, domain: &str, selector: &str) -> Result<()> {
        let domain = self.lock_signing_domain(domain)?;
        let selector = selector.to_ascii_lowercase();
        let parameters = [Value::Int(domain.get()), Value::Text(&selector)];
        let sql = "SELECT state FROM signing_key WHERE domain_id = ?1 AND selector = ?2";
        let state =
            self.sql.query_one(sql, &parameters, |row| SigningState::parse(row.text(0)?))?;
        match state {
            None => return Err(StorageError::NotFound("selector")),
            Some(SigningState::Active) => return Err(StorageError::InUse("the key signs mail")),
            Some(SigningState::Waiting | SigningState::Retired) => {}
        }
        let sql = "DELETE FROM signing_key WHERE domain_id = ?1 AND selector = ?2";
        self.sql.execute(sql, &parameters).map(drop)
    }

    /// A domain or domain alias, so that nobody else changes its keys meanwhile.
    fn lock_signing_domain(&mut self, name: &str) -> Result<DomainId> {
        let name = parse_domain(name)?;
        let sql = match self.sql.dialect() {
            Dialect::Sqlite => "SELECT id FROM domain WHERE name = ?1",
            Dialect::Postgres => "SELECT id FROM domain WHERE name = ?1 FOR NO KEY UPDATE",
        };
        let found = self.sql.query_one(sql, &[Value::Text(&name)], |row| row.int(0))?;
        found.map(DomainId::new).ok_or(StorageError::NotFound("domain"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_both_engines;

    fn states(keys: &[SigningKey]) -> Vec<(&str, &str)> {
        keys.iter().map(|key| (key.selector.as_str(), key.state.as_str())).collect()
    }

    #[test]
    fn keys_wait_sign_and_retire() {
        on_both_engines(|store| {
            store.account("julie");
            let domain = "example.test";
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let list = || {
                let read = store.read(move |tx| tx.signing_keys(domain)).unwrap();
                // Twice: the second time from memory, where that is kept.
                for _ in 0..2 {
                    let found = runtime.block_on(store.inner().find_signing_keys(domain)).unwrap();
                    assert_eq!(found[..], read);
                }
                read
            };
            assert_eq!(states(&list()), []);
            let add = |selector: &'static str, algorithm: &'static str| {
                store.write(move |tx| {
                    tx.add_signing_key(domain, selector, algorithm, b"public", b"sealed")
                })
            };
            add("R1", "rsa-sha256").unwrap();
            add("e1", "ed25519-sha256").unwrap();
            assert!(matches!(add("r2", "rsa-sha256"), Err(StorageError::AlreadyExists(_))));
            assert!(matches!(add("r1", "other"), Err(StorageError::AlreadyExists(_))));
            for bad in ["", "a.b", "-a", "a_b"] {
                assert!(matches!(add(bad, "other"), Err(StorageError::Invalid(_))), "{bad}");
            }
            assert_eq!(states(&list()), [("r1", "waiting"), ("e1", "waiting")]);
            let activate = || store.write(move |tx| tx.activate_signing_keys(domain));
            activate().unwrap();
            assert!(matches!(activate(), Err(StorageError::NotFound(_))));
            add("r2", "rsa-sha256").unwrap();
            activate().unwrap();
            let expected = [("r1", "retired"), ("e1", "active"), ("r2", "active")];
            assert_eq!(states(&list()), expected);
            let remove = |selector: &'static str| {
                store.write(move |tx| tx.remove_signing_key(domain, selector))
            };
            assert!(matches!(remove("r2"), Err(StorageError::InUse(_))));
            assert!(matches!(remove("r9"), Err(StorageError::NotFound(_))));
            remove("r1").unwrap();
            store.write(move |tx| tx.retire_signing_key(domain, "E1")).unwrap();
            assert_eq!(states(&list()), [("e1", "retired"), ("r2", "active")]);
            let first = &list()[0];
            assert_eq!(
                (first.public_key.as_slice(), first.sealed_key.as_slice()),
                (&b"public"[..], &b"sealed"[..])
            );
            assert!(store.read(|tx| tx.signing_keys("other.test")).unwrap().is_empty());
        });
    }

    #[test]
    fn keys_go_with_their_domain_and_are_limited() {
        on_both_engines(|store| {
            store.write(|tx| tx.create_domain("keys.test").map(drop)).unwrap();
            for number in 0..KEYS_MAX {
                store
                    .write(move |tx| {
                        let name = format!("a{number}");
                        tx.add_signing_key("keys.test", &name, &name, b"p", b"s")
                    })
                    .unwrap();
            }
            let more = store.write(|tx| tx.add_signing_key("keys.test", "x", "x", b"p", b"s"));
            assert!(matches!(more, Err(StorageError::Limit { .. })));
            let nowhere = store.write(|tx| tx.add_signing_key("no.test", "x", "x", b"p", b"s"));
            assert!(matches!(nowhere, Err(StorageError::NotFound(_))));
            store.write(|tx| tx.remove_domain("keys.test")).unwrap();
            assert!(store.read(|tx| tx.signing_keys("keys.test")).unwrap().is_empty());
        });
    }

    #[test]
    fn debug_output_holds_no_key() {
        let key = SigningKey {
            selector: "s".to_owned(),
            algorithm: "rsa-sha256".to_owned(),
            public_key: vec![7],
            sealed_key: vec![7],
            state: SigningState::Active,
            since: Timestamp::from_secs(0),
        };
        let text = "SigningKey { selector: \"s\", algorithm: \"rsa-sha256\", state: Active, .. }";
        assert_eq!(format!("{key:?}"), text);
    }
}
