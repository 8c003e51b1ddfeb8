//! The two algorithms: RSA with SHA-256 (RFC 8301 §3.1) and Ed25519 with SHA-256 (RFC 8463 §3).

use std::fmt;

use aws_lc_rs::{
    digest,
    encoding::{AsDer, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{
        ED25519, Ed25519KeyPair, KeyPair, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
    },
};

/// LIMIT: bytes of a public key in DER: RSA of 4,096 bits takes 550. RFC 8301 §3.2 asks for no
/// more, and the time to verify grows with the square.
const PUBLIC_KEY_BYTES_MAX: usize = 600;

/// How a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `rsa-sha256`
    RsaSha256,
    /// `ed25519-sha256`
    Ed25519Sha256,
}

impl Algorithm {
    /// As `a=` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
        }
    }

    /// As `k=` of a key record has it.
    pub fn key_type(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa",
            Self::Ed25519Sha256 => "ed25519",
        }
    }

    /// The algorithm of this name (`a=`), if it is known.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::RsaSha256, Self::Ed25519Sha256]
            .into_iter()
            .find(|algorithm| name.eq_ignore_ascii_case(algorithm.as_str()))
    }

    /// Whether `signature` of `text` is one of `key`, as `p=` of the record has it. RFC 8301 §3.2:
    /// RSA keys of less than 1,024 bits prove nothing.
    pub(crate) fn verify(self, key: &[u8], text: &[u8], signature: &[u8]) -> bool {
        if key.len() > PUBLIC_KEY_BYTES_MAX {
            return false;
        }
        match self {
            Self::RsaSha256 => {
                UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, key)
                    .verify(text, signature)
                    .is_ok()
            }
            // RFC 8463 §3: what is signed is the hash.
            Self::Ed25519Sha256 => UnparsedPublicKey::new(&ED25519, key)
                .verify(sha256(text).as_ref(), signature)
                .is_ok(),
        }
    }
}

pub(crate) fn sha256(text: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, text)
}

/// A private key. Prints nothing.
pub struct SigningKey(Pair);

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A key from PKCS #8; `None` if it is none of `algorithm`.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Option<Self> {
        let pair = match algorithm {
            Algorithm::RsaSha256 => Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(der).ok()?)),
            Algorithm::Ed25519Sha256 => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der).ok()?),
        };
        Some(Self(pair))
    }

    /// The algorithm that the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        match &self.0 {
            Pair::Rsa(_) => Algorithm::RsaSha256,
            Pair::Ed25519(_) => Algorithm::Ed25519Sha256,
        }
    }

    /// The public key as `p=` of a key record has it: SubjectPublicKeyInfo of RSA
    /// (RFC 6376 §3.6.1), the 32 bytes of Ed25519 (RFC 8463 §4).
    pub fn public_key(&self) -> Vec<u8> {
        match &self.0 {
            Pair::Rsa(pair) => {
                let der: Result<PublicKeyX509Der<'_>, _> = pair.public_key().as_der();
                der.map(|der| der.as_ref().to_vec()).unwrap_or_default()
            }
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    pub(crate) fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match &self.0 {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                // Asked for by the interface; PKCS #1 v1.5 signatures hold nothing random.
                let random = SystemRandom::new();
                pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ed25519(pair) => Some(pair.sign(sha256(text).as_ref()).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm().as_str())
    }
}
