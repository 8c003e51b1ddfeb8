//! The key of `seal.key`, which seals secrets in storage, and the keys that are derived from it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use mailauth::srs::SrsKey;
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 12;

/// 32 random bytes that stand outside the database. Prints nothing.
#[derive(Clone)]
pub(crate) struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    /// The key of the file.
    pub(crate) fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key by which reverse-paths are rewritten.
    pub(crate) fn srs(&self) -> SrsKey {
        SrsKey::new(blake3::derive_key("posthorn 2026-11 rewritten senders", &*self.0))
    }

    fn signing(&self) -> Option<RandomizedNonceKey> {
        self.derived("posthorn 2026-11 signing keys")
    }

    fn derived(&self, context: &str) -> Option<RandomizedNonceKey> {
        let key = Zeroizing::new(blake3::derive_key(context, &*self.0));
        RandomizedNonceKey::new(&AES_256_GCM, &*key).ok()
    }

    /// Seals a private key, bound to its public one. `None` only where the library fails.
    pub(crate) fn seal_signing_key(
        &self,
        public_key: &[u8],
        private_key: &[u8],
    ) -> Option<Vec<u8>> {
        seal(&self.signing()?, public_key, private_key)
    }

    /// Opens a private key; `None` where another key sealed it, or it belongs to another public
    /// one.
    pub(crate) fn open_signing_key(
        &self,
        public_key: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.signing()?, public_key, sealed)
    }
}

/// The key that says who pushes.
impl SealKey {
    /// Seals it, bound to its public one.
    pub(crate) fn seal_push_key(&self, public_key: &[u8], private_key: &[u8]) -> Option<Vec<u8>> {
        seal(&self.derived("posthorn 2026-11 push keys")?, public_key, private_key)
    }

    /// Opens it again.
    pub(crate) fn open_push_key(
        &self,
        public_key: &[u8],
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        open(&self.derived("posthorn 2026-11 push keys")?, public_key, sealed)
    }
}

fn seal(key: &RandomizedNonceKey, covered: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let mut sealed = secret.to_vec();
    let nonce = key.seal_in_place_append_tag(Aad::from(covered), &mut sealed).ok()?;
    Some([nonce.as_ref().as_slice(), &sealed].concat())
}

fn open(key: &RandomizedNonceKey, covered: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let mut sealed = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened = key.open_in_place(nonce, Aad::from(covered), &mut sealed).ok()?;
    Some(Zeroizing::new(opened.to_vec()))
}

/// Keys of certificates, and of the accounts they are ordered by.
impl acme::Seal for SealKey {
    fn seal(&self, purpose: &str, secret: &[u8]) -> Option<Vec<u8>> {
        seal(&self.derived("posthorn 2026-11 certificates")?, purpose.as_bytes(), secret)
    }

    fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let key = self.derived("posthorn 2026-11 certificates")?;
        open(&key, purpose.as_bytes(), sealed).map(|opened| opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_key_opens_and_only_for_the_same_public_one() {
        let (key, other) = (SealKey::new([1; 32]), SealKey::new([2; 32]));
        let sealed = key.seal_signing_key(b"public", b"private").unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"private"));
        let opened = |key: &SealKey, public: &[u8], sealed: &[u8]| {
            key.open_signing_key(public, sealed).map(|opened| opened.to_vec())
        };
        assert_eq!(opened(&key, b"public", &sealed).as_deref(), Some(&b"private"[..]));
        assert_eq!(opened(&other, b"public", &sealed), None);
        assert_eq!(opened(&key, b"another", &sealed), None);
        assert_eq!(opened(&key, b"public", &sealed[..5]), None);
    }

    #[test]
    fn the_key_of_pushes_is_sealed_apart_from_others() {
        let (key, other) = (SealKey::new([1; 32]), SealKey::new([2; 32]));
        let der = dav::PushKey::generate().unwrap();
        let public = dav::PushKey::from_pkcs8(&der).unwrap().public_key().to_vec();
        let sealed = key.seal_push_key(&public, &der).unwrap();
        // PKCS #8 has the private number behind its own head: no part of it is in the clear.
        assert!(
            der.chunks_exact(8).all(|part| !sealed.windows(part.len()).any(|seen| seen == part))
        );
        assert_eq!(key.open_push_key(&public, &sealed).unwrap()[..], der[..]);
        assert!(other.open_push_key(&public, &sealed).is_none());
        assert!(key.open_push_key(b"another", &sealed).is_none());
        // What was sealed for one use opens for no other.
        assert!(key.open_signing_key(&public, &sealed).is_none());
        let again = key.seal_push_key(&public, &der).unwrap();
        assert_ne!(again, sealed);
    }
}
