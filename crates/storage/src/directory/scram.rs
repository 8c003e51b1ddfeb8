//! What SCRAM compares with: salt, iteration count, and keys that only `auth` can open. They are
//! weaker than the password's own hash, so they live no longer than it (R-ADDR-8).

use ids::{AccessKeyId, AccountId};

use crate::sql::Value;
use crate::{AccountTx, ReadTx, Result, StorageError, WriteTx};

/// The verifier of one password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramVerifier {
    /// The salt of the iterated hash.
    pub salt: Vec<u8>,
    /// How often the hash is iterated; RFC 7677 §4 asks for 4096 at least.
    pub iterations: u32,
    /// The keys of every hash, sealed.
    pub sealed_keys: Vec<u8>,
}

impl ReadTx<'_> {
    /// The account's verifiers: its own password's first (`None`), then those of app passwords.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] where a count of iterations is out of range.
    pub fn scram_verifiers(
        &mut self,
        account: AccountId,
    ) -> Result<Vec<(Option<AccessKeyId>, ScramVerifier)>> {
        self.sql.query_all(
            "SELECT access_key_id, salt, iterations, sealed_keys FROM scram_verifier \
             WHERE account_id = ?1 ORDER BY access_key_id",
            &[Value::Int(account.get())],
            |row| {
                let key = row.int(0)?;
                let iterations = u32::try_from(row.int(2)?).map_err(|_| {
                    StorageError::Corrupt("a SCRAM iteration count is out of range".to_owned())
                })?;
                let verifier = ScramVerifier {
                    salt: row.bytes(1)?.to_vec(),
                    iterations,
                    sealed_keys: row.bytes(3)?.to_vec(),
                };
                Ok(((key != 0).then_some(AccessKeyId::new(key)), verifier))
            },
        )
    }
}

impl WriteTx<'_> {
    /// Removes every verifier of the store; how many there were.
    pub fn drop_scram_verifiers(&mut self) -> Result<u64> {
        self.sql.execute("DELETE FROM scram_verifier", &[])
    }
}

impl AccountTx<'_, '_> {
    /// Puts or replaces the verifier of the account's password (`None`) or of an app password.
    pub fn put_scram_verifier(
        &mut self,
        key: Option<AccessKeyId>,
        verifier: &ScramVerifier,
    ) -> Result<()> {
        self.require_own()?;
        let key = key.map_or(0, AccessKeyId::get);
        let sql = "INSERT INTO scram_verifier \
                   (account_id, access_key_id, salt, iterations, sealed_keys) \
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (account_id, access_key_id) DO UPDATE \
                   SET salt = excluded.salt, iterations = excluded.iterations, \
                   sealed_keys = excluded.sealed_keys";
        let parameters = [
            Value::Int(self.account.get()),
            Value::Int(key),
            Value::Bytes(&verifier.salt),
            Value::Int(verifier.iterations.into()),
            Value::Bytes(&verifier.sealed_keys),
        ];
        self.sql.execute(sql, &parameters).map(drop)
    }

    /// Puts the verifier of the account's password if that is still the one with this hash:
    /// whoever verified it may have been overtaken by a change.
    pub fn upgrade_scram_verifier(
        &mut self,
        password_hash: &str,
        verifier: &ScramVerifier,
    ) -> Result<()> {
        let account = Value::Int(self.account.get());
        let sql = "SELECT password_hash FROM account WHERE id = ?1";
        let current =
            self.sql.query_one(sql, &[account], |row| Ok(row.text(0)? == password_hash))?;
        match current {
            Some(true) => self.put_scram_verifier(None, verifier),
            _ => Ok(()),
        }
    }

    /// Removes the verifier of the account's password or of an app password.
    pub(super) fn drop_scram_verifier(&mut self, key: Option<AccessKeyId>) -> Result<()> {
        let sql = "DELETE FROM scram_verifier WHERE account_id = ?1 AND access_key_id = ?2";
        let key = Value::Int(key.map_or(0, AccessKeyId::get));
        let account = Value::Int(self.account.get());
        self.sql.execute(sql, &[account, key]).map(drop)
    }
}

// Sealed, and yet nothing for a log.
impl std::fmt::Debug for ScramVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScramVerifier")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_both_engines;

    fn verifier(seed: u8) -> ScramVerifier {
        ScramVerifier { salt: vec![seed], iterations: seed.into(), sealed_keys: vec![seed; 40] }
    }

    #[test]
    fn verifiers_go_with_their_password() {
        on_both_engines(|store| {
            let julie = store.account("julie");
            let list = || store.read(move |tx| tx.scram_verifiers(julie)).unwrap();
            let upgrade = |hash: &'static str, seed| {
                store
                    .with(julie, move |tx| tx.upgrade_scram_verifier(hash, &verifier(seed)))
                    .unwrap();
            };
            upgrade("$another", 1);
            assert_eq!(list(), []);
            upgrade("$argon2id$test", 2);
            assert_eq!(list(), [(None, verifier(2))]);
            store.with(julie, |tx| tx.put_scram_verifier(None, &verifier(3))).unwrap();
            assert_eq!(list(), [(None, verifier(3))]);
            assert_eq!(store.write(|tx| tx.drop_scram_verifiers()).unwrap(), 1);
            assert_eq!(store.write(|tx| tx.drop_scram_verifiers()).unwrap(), 0);
            store.with(julie, |tx| tx.put_scram_verifier(None, &verifier(3))).unwrap();
            store.with(julie, |tx| tx.set_password_hash("$new")).unwrap();
            assert_eq!(list(), []);
            store.with(julie, |tx| tx.put_scram_verifier(None, &verifier(4))).unwrap();
            store.write(move |tx| tx.remove_account(julie)).unwrap();
            assert_eq!(list(), []);
        });
    }

    #[test]
    fn debug_output_holds_no_key() {
        assert_eq!(format!("{:?}", verifier(7)), "ScramVerifier { iterations: 7, .. }");
    }
}
