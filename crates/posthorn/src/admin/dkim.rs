//! Keys that sign mail (RFC 6376): made, published, taken into use, retired, removed.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ids::Timestamp;
use mailauth::{Algorithm, SigningKey};
use zeroize::Zeroizing;

use super::text::refusal;
use super::{Admin, DkimAlgorithm, DkimRow, Refusal, Response};

/// LIMIT: keys that are made on one day before a name must be given.
const NAMES_PER_DAY: u8 = 26;

impl Admin {
    /// Makes keys, which wait until they are activated.
    pub(super) async fn make_dkim(
        &self,
        domain: &str,
        algorithm: Option<DkimAlgorithm>,
        selector: Option<String>,
    ) -> Result<Response, Refusal> {
        let algorithms = match algorithm {
            Some(DkimAlgorithm::Rsa) => vec![Algorithm::RsaSha256],
            Some(DkimAlgorithm::Ed25519) => vec![Algorithm::Ed25519Sha256],
            None => vec![Algorithm::RsaSha256, Algorithm::Ed25519Sha256],
        };
        if selector.is_some() && algorithms.len() > 1 {
            return Err(Refusal("a selector names one key; say of which algorithm".to_owned()));
        }
        let wanted = domain.to_owned();
        let known = self.read(move |tx| tx.signing_keys(&wanted)).await;
        let known = known.map_err(|error| refusal(domain, error))?;
        for algorithm in algorithms {
            let is_taken = |name: &str| known.iter().any(|key| key.selector == name);
            let name = match &selector {
                Some(name) => name.to_ascii_lowercase(),
                None => free_name(algorithm, self.store.now(), is_taken),
            };
            self.make_key(domain, algorithm, name).await?;
        }
        self.list_dkim(domain).await
    }

    async fn make_key(
        &self,
        domain: &str,
        algorithm: Algorithm,
        selector: String,
    ) -> Result<(), Refusal> {
        let failed = || Refusal("a key could not be made".to_owned());
        let made = tokio::task::spawn_blocking(move || generate(algorithm)).await;
        let private = made.ok().flatten().ok_or_else(failed)?;
        let key = SigningKey::from_pkcs8(algorithm, &private).ok_or_else(failed)?;
        let sealed = self.seal_key.seal_signing_key(&key.public_key(), &private);
        let (sealed, public) = (sealed.ok_or_else(failed)?, key.public_key());
        let wanted = domain.to_owned();
        let added = self.write("dkim make", move |tx| {
            tx.add_signing_key(&wanted, &selector, algorithm.as_str(), &public, &sealed)
        });
        added.await.map_err(|error| refusal(domain, error))
    }

    pub(super) async fn list_dkim(&self, domain: &str) -> Result<Response, Refusal> {
        let wanted = domain.to_owned();
        let keys = self.read(move |tx| {
            if tx.find_domain(&wanted)?.is_none() {
                return Err(storage::StorageError::NotFound("domain"));
            }
            tx.signing_keys(&wanted)
        });
        let keys = keys.await.map_err(|error| refusal(domain, error))?;
        Ok(Response::DkimKeys(keys.iter().map(|key| row(domain, key)).collect()))
    }

    pub(super) async fn activate_dkim(&self, domain: &str) -> Result<Response, Refusal> {
        let wanted = domain.to_owned();
        self.perform("dkim activate", domain, move |tx| tx.activate_signing_keys(&wanted)).await
    }

    pub(super) async fn retire_dkim(
        &self,
        domain: &str,
        selector: String,
    ) -> Result<Response, Refusal> {
        let wanted = domain.to_owned();
        self.perform("dkim retire", domain, move |tx| tx.retire_signing_key(&wanted, &selector))
            .await
    }

    pub(super) async fn remove_dkim(
        &self,
        domain: &str,
        selector: String,
    ) -> Result<Response, Refusal> {
        let wanted = domain.to_owned();
        self.perform("dkim remove", domain, move |tx| tx.remove_signing_key(&wanted, &selector))
            .await
    }
}

/// A private key in PKCS #8.
fn generate(algorithm: Algorithm) -> Option<Zeroizing<Vec<u8>>> {
    let der = match algorithm {
        // RFC 8301 §3.2: 2,048 bits; more would not fit into one answer of the DNS.
        Algorithm::RsaSha256 => {
            let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
            let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
            der.as_ref().to_vec()
        }
        Algorithm::Ed25519Sha256 => {
            Ed25519KeyPair::generate().ok()?.to_pkcs8v1().ok()?.as_ref().to_vec()
        }
    };
    Some(Zeroizing::new(der))
}

/// The day, which tells people how old a key is, behind the first letter of its algorithm.
fn free_name(algorithm: Algorithm, now: Timestamp, is_taken: impl Fn(&str) -> bool) -> String {
    let letter = algorithm.key_type().get(..1).unwrap_or_default();
    let day = jiff::Timestamp::from_second(now.as_secs())
        .map(|now| now.strftime("%Y%m%d").to_string())
        .unwrap_or_default();
    let first = format!("{letter}{day}");
    if !is_taken(&first) {
        return first;
    }
    let names = (1..NAMES_PER_DAY).map(|at| format!("{first}{}", char::from(b'a' + at)));
    names.into_iter().find(|name| !is_taken(name)).unwrap_or(first)
}

fn row(domain: &str, key: &storage::SigningKey) -> DkimRow {
    let kind = Algorithm::from_name(&key.algorithm).map_or("", Algorithm::key_type);
    let since = jiff::Timestamp::from_second(key.since.as_secs());
    DkimRow {
        selector: key.selector.clone(),
        algorithm: key.algorithm.clone(),
        state: key.state.as_str().to_owned(),
        since: since.map(|since| since.to_string()).unwrap_or_default(),
        name: format!("{}._domainkey.{domain}.", key.selector),
        record: format!("v=DKIM1; k={kind}; p={}", BASE64.encode(&key.public_key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_day() {
        let now = Timestamp::from_secs(1_795_392_000);
        let name =
            |taken: &[&str]| free_name(Algorithm::RsaSha256, now, |name| taken.contains(&name));
        assert_eq!(name(&[]), "r20261123");
        assert_eq!(name(&["r20261123"]), "r20261123b");
        assert_eq!(name(&["r20261123", "r20261123b"]), "r20261123c");
        assert_eq!(free_name(Algorithm::Ed25519Sha256, now, |_| false), "e20261123");
    }
}
