//! What is kept of a password for SCRAM, and the arithmetic of RFC 5802 §3.

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac, pbkdf2};
use zeroize::Zeroizing;

use crate::Password;

/// The hash of a SCRAM mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hash {
    /// SCRAM-SHA-1 (RFC 5802): what older programs know. Its weakness is in collisions, which
    /// are of no use here.
    Sha1,
    /// SCRAM-SHA-256 (RFC 7677).
    Sha256,
}

/// StoredKey and ServerKey of one password under one hash. With them anybody can pretend to be
/// this server, and try passwords; they print nothing and are wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// StoredKey: a client's proof is checked with it.
    pub stored: Zeroizing<Vec<u8>>,
    /// ServerKey: the server's signature is made with it.
    pub server: Zeroizing<Vec<u8>>,
}

/// What an account is compared with: its password and its app passwords, all under one salt.
#[derive(Debug, Clone)]
pub struct Verifiers {
    /// The salt of the iterated hash.
    pub salt: Vec<u8>,
    /// How often the hash is iterated; RFC 7677 §4 asks for 4096 at least.
    pub iterations: u32,
    /// The keys, one pair for each password.
    pub keys: Vec<ScramKeys>,
}

impl Hash {
    /// The length of its output.
    pub fn output_bytes(self) -> usize {
        self.digest().output_len()
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
        }
    }

    fn of(self, bytes: &[u8]) -> Vec<u8> {
        digest::digest(self.digest(), bytes).as_ref().to_vec()
    }

    fn hmac(self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), bytes).as_ref().to_vec()
    }

    /// RFC 5802 §2.2, `Hi()`, which is PBKDF2 with one block of output.
    fn iterate(self, password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Zeroizing<Vec<u8>> {
        let algorithm = match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        };
        let mut out = Zeroizing::new(vec![0; self.output_bytes()]);
        pbkdf2::derive(algorithm, iterations, salt, password, &mut out);
        out
    }
}

impl ScramKeys {
    /// The keys of a password. Takes long by design.
    ///
    /// RFC 5802 §2.2: the password is prepared with SASLprep; one that it forbids (an unassigned
    /// code point) is taken as it is, as programs without SASLprep send it.
    pub fn derive(hash: Hash, password: &Password, salt: &[u8], iterations: NonZeroU32) -> Self {
        let text = password.as_str();
        let prepared = stringprep::saslprep(text).unwrap_or(text.into());
        let prepared = Zeroizing::new(prepared.into_owned());
        // RFC 5802 §3.
        let salted = hash.iterate(prepared.as_bytes(), salt, iterations);
        let client = Zeroizing::new(hash.hmac(&salted, b"Client Key"));
        Self {
            stored: Zeroizing::new(hash.of(&client)),
            server: Zeroizing::new(hash.hmac(&salted, b"Server Key")),
        }
    }

    /// Whether the proof was made with the password of these keys: RFC 5802 §3,
    /// `ClientProof = ClientKey XOR HMAC(StoredKey, AuthMessage)`.
    fn is_proven(&self, hash: Hash, signed: &[u8], proof: &[u8]) -> bool {
        let signature = hash.hmac(&self.stored, signed);
        if proof.len() != signature.len() {
            return false;
        }
        let key: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        let key = Zeroizing::new(key);
        verify_slices_are_equal(&hash.of(&key), &self.stored).is_ok()
    }
}

impl Verifiers {
    /// The keys that the proof was made with. Every key is tried, so that the time does not tell
    /// which.
    pub(crate) fn find_proven(&self, hash: Hash, signed: &[u8], proof: &[u8]) -> Option<usize> {
        let mut found = None;
        for (at, keys) in self.keys.iter().enumerate() {
            if keys.is_proven(hash, signed, proof) {
                found = Some(at);
            }
        }
        found
    }

    /// RFC 5802 §3: `ServerSignature = HMAC(ServerKey, AuthMessage)`.
    pub(crate) fn sign(&self, hash: Hash, at: usize, signed: &[u8]) -> Option<Vec<u8>> {
        self.keys.get(at).map(|keys| hash.hmac(&keys.server, signed))
    }
}

impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScramKeys(…)")
    }
}
