//! What is kept for SCRAM, and the key that protects it.
//!
//! A SCRAM verifier is a PBKDF2 hash: whoever has it can try passwords, faster than against
//! argon2id. So its keys are sealed with a key that does not stand in the database, and a stolen
//! database or backup alone is of no use. The same key makes every account's salt, those of
//! accounts that do not exist too, so that the two cannot be told apart.

use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use sasl::Password;
use sasl::scram::{Hash, ScramKeys};
use storage::ScramVerifier;
use zeroize::Zeroizing;

/// LIMIT: fewest iterations; RFC 5802 §5.1 and RFC 7677 §4.
pub const SCRAM_ITERATIONS_MIN: u32 = 4_096;

const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;

/// In which order a sealed box holds the keys.
const HASHES: [Hash; 2] = [Hash::Sha256, Hash::Sha1];

/// The server's key for SCRAM. Prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKey(Zeroizing<[u8; 32]>);

/// How SCRAM is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScramSettings {
    /// The server's key; the same on every daemon of one database.
    pub key: ScramKey,
    /// How often new verifiers iterate the hash. At least [`SCRAM_ITERATIONS_MIN`].
    pub iterations: u32,
}

/// What clients are told before they prove anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: u32,
}

impl ScramKey {
    /// A key of 32 random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    fn sealing(&self) -> Option<RandomizedNonceKey> {
        let key = blake3::derive_key("posthorn 2026-11 SCRAM verifiers", &*self.0);
        RandomizedNonceKey::new(&AES_256_GCM, &key).ok()
    }

    /// RFC 5802 §5.1: what accounts that do not exist are answered must not change from one time
    /// to the next, nor differ from others, so every salt is a keyed hash of the name.
    fn salt_of(&self, name: &str) -> Vec<u8> {
        let key = blake3::derive_key("posthorn 2026-11 SCRAM salts", &*self.0);
        let hash = blake3::keyed_hash(&key, name.as_bytes());
        hash.as_bytes().iter().copied().take(SALT_BYTES).collect()
    }
}

impl ScramSettings {
    /// The terms for a name without a verifier, whether there is such an account or not.
    pub(crate) fn terms_of(&self, name: &str) -> Terms {
        Terms { salt: self.key.salt_of(name), iterations: self.iterations() }
    }

    fn iterations(&self) -> u32 {
        self.iterations.max(SCRAM_ITERATIONS_MIN)
    }

    /// Whether a verifier is as one made today would be.
    pub(crate) fn is_up_to_date(&self, verifier: &ScramVerifier) -> bool {
        verifier.iterations == self.iterations() && self.open(verifier).is_some()
    }

    /// Makes the verifier of a password; `None` only where the library fails. Takes long by
    /// design.
    pub(crate) fn verifier(&self, password: &Password, terms: &Terms) -> Option<ScramVerifier> {
        let iterations = NonZeroU32::new(terms.iterations)?;
        let mut bytes = Zeroizing::new(Vec::new());
        for hash in HASHES {
            let keys = ScramKeys::derive(hash, password, &terms.salt, iterations);
            bytes.extend_from_slice(&keys.stored);
            bytes.extend_from_slice(&keys.server);
        }
        let mut sealed = bytes.to_vec();
        let covered = Aad::from(covered(&terms.salt, terms.iterations));
        let nonce = self.key.sealing()?.seal_in_place_append_tag(covered, &mut sealed).ok()?;
        let sealed_keys = [nonce.as_ref().as_slice(), &sealed].concat();
        let Terms { salt, iterations } = terms.clone();
        Some(ScramVerifier { salt, iterations, sealed_keys })
    }

    /// Opens a verifier; `None` where another key sealed it.
    pub(crate) fn open(&self, verifier: &ScramVerifier) -> Option<[ScramKeys; 2]> {
        let (nonce, sealed) = verifier.sealed_keys.split_first_chunk::<NONCE_BYTES>()?;
        let mut sealed = Zeroizing::new(sealed.to_vec());
        let covered = Aad::from(covered(&verifier.salt, verifier.iterations));
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.sealing()?.open_in_place(nonce, covered, &mut sealed).ok()?;
        let mut rest = &*opened;
        let mut next = |hash: Hash| {
            let (stored, after) = rest.split_at_checked(hash.output_bytes())?;
            let (server, after) = after.split_at_checked(hash.output_bytes())?;
            rest = after;
            let wiped = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
            Some(ScramKeys { stored: wiped(stored), server: wiped(server) })
        };
        let [first, second] = HASHES;
        Some([next(first)?, next(second)?])
    }

    /// Keys that no password has, for accounts that do not exist.
    pub(crate) fn nobodys_keys(&self, hash: Hash) -> ScramKeys {
        let key = blake3::derive_key("posthorn 2026-11 SCRAM nobody", &*self.key.0);
        let bytes: Vec<u8> = key.into_iter().take(hash.output_bytes()).collect();
        ScramKeys { stored: Zeroizing::new(bytes.clone()), server: Zeroizing::new(bytes) }
    }
}

/// The keys of one hash among those of a verifier.
pub(crate) fn keys_of(hash: Hash, keys: [ScramKeys; 2]) -> ScramKeys {
    let [sha256, sha1] = keys;
    match hash {
        Hash::Sha256 => sha256,
        Hash::Sha1 => sha1,
    }
}

/// What a sealed box is bound to, so that it means nothing in another row.
fn covered(salt: &[u8], iterations: u32) -> Vec<u8> {
    [&iterations.to_le_bytes(), salt].concat()
}

impl std::fmt::Debug for ScramKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScramKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(seed: u8) -> ScramSettings {
        ScramSettings { key: ScramKey::new([seed; 32]), iterations: SCRAM_ITERATIONS_MIN }
    }

    #[test]
    fn verifiers_open_with_their_key_alone() {
        let ours = settings(1);
        let terms = ours.terms_of("julie@example.test");
        let verifier = ours.verifier(&"right password".into(), &terms).unwrap();
        let [sha256, sha1] = ours.open(&verifier).unwrap();
        let iterations = NonZeroU32::new(terms.iterations).unwrap();
        for (hash, keys) in [(Hash::Sha256, sha256), (Hash::Sha1, sha1)] {
            let expect = ScramKeys::derive(hash, &"right password".into(), &terms.salt, iterations);
            assert!(keys == expect);
        }
        assert!(ours.is_up_to_date(&verifier));
        assert!(settings(2).open(&verifier).is_none());
        let again = ours.verifier(&"right password".into(), &terms).unwrap();
        assert_ne!(again.sealed_keys, verifier.sealed_keys);
        for damaged in [
            ScramVerifier { iterations: 5_000, ..verifier.clone() },
            ScramVerifier { salt: vec![0; 16], ..verifier.clone() },
            ScramVerifier { sealed_keys: vec![0; 200], ..verifier.clone() },
            ScramVerifier { sealed_keys: Vec::new(), ..verifier },
        ] {
            assert!(ours.open(&damaged).is_none());
        }
        let more = ScramSettings { iterations: 5_000, ..ours.clone() };
        assert!(!more.is_up_to_date(&again));
        // Less than the standard allows is not done.
        let fewer = ScramSettings { iterations: 1, ..ours };
        assert!(fewer.is_up_to_date(&again));
    }

    #[test]
    fn salts_stay_and_differ() {
        let ours = settings(1);
        assert_eq!(ours.terms_of("a@x"), settings(1).terms_of("a@x"));
        assert_ne!(ours.terms_of("a@x").salt, ours.terms_of("b@x").salt);
        assert_ne!(ours.terms_of("a@x").salt, settings(2).terms_of("a@x").salt);
        assert_eq!(ours.terms_of("a@x").salt.len(), SALT_BYTES);
        assert_eq!(format!("{:?}", ours.key), "ScramKey(…)");
    }
}
