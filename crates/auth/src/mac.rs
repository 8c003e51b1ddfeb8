//! Keyed hashes: what this process remembers about names and passwords without keeping them.

use ids::AccountId;
use sasl::Password;

/// A key of this process alone. What is hashed with it means nothing elsewhere or later.
pub(crate) struct MacKey([u8; 32]);

/// The keyed hash of something.
pub(crate) type Mac = [u8; 32];

impl MacKey {
    /// A fresh key; fails only where the system has no randomness.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// Stands for a user name, however long it is.
    pub(crate) fn of_name(&self, name: &str) -> Mac {
        self.hash(&[b"name", name.as_bytes()])
    }

    /// Stands for an account, whatever name was given for it.
    pub(crate) fn of_account(&self, account: AccountId) -> Mac {
        self.hash(&[b"account", &account.get().to_le_bytes()])
    }

    /// Stands for one password tried on one account. It covers the stored hash, so that it
    /// means something else as soon as the password was changed.
    pub(crate) fn of_attempt(&self, name: &[u8], stored_hash: &str, password: &Password) -> Mac {
        self.hash(&[b"attempt", name, stored_hash.as_bytes(), password.as_bytes()])
    }

    /// Hashes the parts with their lengths, so that no two lists of parts run together.
    fn hash(&self, parts: &[&[u8]]) -> Mac {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let [key, other] = [MacKey::random().unwrap(), MacKey::random().unwrap()];
        let mac = key.of_attempt(b"a@x", "hash", &"pw".into());
        assert_eq!(mac, key.of_attempt(b"a@x", "hash", &"pw".into()));
        for different in [
            key.of_attempt(b"b@x", "hash", &"pw".into()),
            key.of_attempt(b"a@x", "hash2", &"pw".into()),
            key.of_attempt(b"a@x", "hash", &"pw2".into()),
            key.of_attempt(b"a@xh", "ash", &"pw".into()),
            key.of_name("a@x"),
            other.of_attempt(b"a@x", "hash", &"pw".into()),
        ] {
            assert_ne!(mac, different);
        }
    }
}
