//! Signing with the keys of the database.
//!
//! **Invariant:** mail is never held up for want of a signature: what cannot be signed goes as it
//! is, and the log says why. Nor does one that was lost on the way come back as an empty one.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use mailauth::dkim::{self, Signer};
use mailauth::{
    Algorithm, Author, MessageLost, Signatory, Signing, SigningKey, arc, author_domain,
};
use storage::{SigningState, Store};

use crate::seal_key::SealKey;

/// LIMIT: keys that are kept opened.
const OPENED_MAX: usize = 1_000;
/// LIMIT: bytes of a message that are hashed between two packets.
const AT_ONCE_BYTES: usize = 64 * 1024;

/// Signs for every domain that has keys.
pub(super) struct DomainSignatory {
    store: Store,
    seal_key: SealKey,
    authserv_id: String,
    /// The opened keys, by public key.
    opened: Mutex<HashMap<Vec<u8>, Arc<Signer>>>,
}

impl fmt::Debug for DomainSignatory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DomainSignatory")
    }
}

impl DomainSignatory {
    pub(super) fn new(store: Store, seal_key: SealKey, authserv_id: String) -> Self {
        Self { store, seal_key, authserv_id, opened: Mutex::default() }
    }

    /// The keys that sign for `domain`.
    async fn signers(&self, domain: &str) -> Vec<Arc<Signer>> {
        let keys = match self.store.find_signing_keys(domain).await {
            Ok(keys) => keys,
            Err(error) => {
                tracing::error!(%error, domain, "mail goes unsigned");
                return Vec::new();
            }
        };
        let active = keys.iter().filter(|key| key.state == SigningState::Active);
        active.filter_map(|key| self.open(domain, key)).collect()
    }

    fn open(&self, domain: &str, key: &storage::SigningKey) -> Option<Arc<Signer>> {
        let opened = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened().get(&key.public_key).cloned();
        if let Some(known) = known.filter(|known| known.domain == domain) {
            return Some(known);
        }
        let private = self.seal_key.open_signing_key(&key.public_key, &key.sealed_key);
        let algorithm = Algorithm::from_name(&key.algorithm);
        let opened_key = private.zip(algorithm);
        let signing = opened_key.and_then(|(der, kind)| SigningKey::from_pkcs8(kind, &der));
        let Some(signing) = signing else {
            let selector = &key.selector;
            tracing::error!(domain, selector, "seal.key does not open this key: it signs nothing");
            return None;
        };
        let signer = Arc::new(Signer {
            domain: domain.to_owned(),
            selector: key.selector.clone(),
            key: signing,
        });
        let mut opened = opened();
        if opened.len() >= OPENED_MAX {
            opened.clear();
        }
        opened.insert(key.public_key.clone(), signer.clone());
        Some(signer)
    }

    /// The keys for what a message says it is from.
    async fn signers_of(&self, domain: &str, author: Author) -> Vec<Arc<Signer>> {
        let mut name = domain;
        loop {
            let signers = self.signers(name).await;
            if !signers.is_empty() || author == Author::Account {
                return signers;
            }
            match name.split_once('.') {
                Some((_, above)) if above.contains('.') => name = above,
                _ => return signers,
            }
        }
    }

    fn now_secs(&self) -> u64 {
        u64::try_from(self.store.now().as_secs()).unwrap_or(0)
    }
}

/// Puts what `fields` makes of the message above it.
async fn put_on_top(
    mut message: Vec<u8>,
    start: usize,
    fields: impl FnOnce(&[u8]) -> String + Send + 'static,
) -> Result<Vec<u8>, MessageLost> {
    let large = message.len() > AT_ONCE_BYTES;
    let put = move || {
        let fields = fields(message.get(start..).unwrap_or_default());
        let at = start.min(message.len());
        message.splice(at..at, fields.into_bytes());
        message
    };
    if large {
        return tokio::task::spawn_blocking(put).await.map_err(|error| {
            tracing::error!(%error, "a message was lost while it was signed");
            MessageLost
        });
    }
    Ok(put())
}

impl Signatory for DomainSignatory {
    fn sign(&self, message: Vec<u8>, start: usize, author: Author) -> Signing<'_> {
        Box::pin(async move {
            let Some(domain) = author_domain(message.get(start..).unwrap_or_default()) else {
                return Ok(message);
            };
            let signers = self.signers_of(&domain, author).await;
            if signers.is_empty() {
                return Ok(message);
            }
            let now_secs = self.now_secs();
            let sign = move |message: &[u8]| {
                let signers: Vec<&Signer> = signers.iter().map(|signer| &**signer).collect();
                dkim::sign(message, &signers, now_secs)
            };
            put_on_top(message, start, sign).await
        })
    }

    fn seal<'a>(&'a self, message: Vec<u8>, start: usize, domain: &'a str) -> Signing<'a> {
        Box::pin(async move {
            let signers = self.signers(domain).await;
            // RFC 8617 §4.1.3 has one seal by hop, and most who verify know RSA alone.
            let rsa = |signer: &&Arc<Signer>| signer.key.algorithm() == Algorithm::RsaSha256;
            let signer = signers.iter().find(rsa).or_else(|| signers.first());
            let Some(signer) = signer.cloned() else { return Ok(message) };
            let (id, now_secs) = (self.authserv_id.clone(), self.now_secs());
            let seal = move |message: &[u8]| {
                arc::seal(message, &id, &signer, now_secs).unwrap_or_default()
            };
            put_on_top(message, start, seal).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_message_that_is_lost_is_no_empty_one() {
        let large = vec![b'a'; AT_ONCE_BYTES + 1];
        let lost = put_on_top(large.clone(), 0, |_| panic!("while it signs")).await;
        assert_eq!(lost, Err(MessageLost));
        let signed = put_on_top(large, 1, |message| message.len().to_string()).await.unwrap();
        assert!(signed.starts_with(b"a65536aaaa"));
    }
}
