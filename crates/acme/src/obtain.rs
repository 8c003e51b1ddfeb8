//! One certificate, from the order to what is kept: RFC 8555 §7.4.

use std::time::Duration;

use ids::Timestamp;
use net::IssuedCertificate;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::json;
use storage::AcmeCertificate;
use tokio::time::{Instant, sleep};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::AcmeError;
use crate::keeper::Keeper;
use crate::protocol::{Authorization, Client, Order, Status, encode};
use crate::prove::Published;
use crate::schedule::renewal;

/// LIMIT: how long an order is looked at until something came of it. What takes longer is gone on
/// with another time.
const PATIENCE: Duration = Duration::from_secs(120);
/// How soon it is looked at again, at first and at most, where the server does not say.
const LOOK: Duration = Duration::from_millis(500);
const LOOK_MAX: Duration = Duration::from_secs(10);
/// What the key of a certificate is sealed for.
pub(crate) const PURPOSE: &str = "acme certificate";

impl Keeper {
    /// Orders a certificate, or goes on with the order that is under way. What is left in
    /// `published` when this ends, or is ended, is to be withdrawn.
    pub(crate) async fn obtain(
        &self,
        client: &mut Client,
        row: &mut AcmeCertificate,
        published: &mut Vec<Published>,
    ) -> Result<(), AcmeError> {
        let (mut order, key) = self.begin(client, row).await?;
        if order.status == Status::Pending {
            let proved = match self.prove(client, &row.names, &order, published).await {
                Ok(()) => until(client, &row.order_url, Status::Pending).await,
                Err(error) => Err(error),
            };
            self.withdraw(published).await;
            order = proved?;
        }
        if order.status == Status::Ready {
            let request = json!({ "csr": encode(&request(row, &key)?) });
            order = client.post(&order.finalize, Some(&request)).await?.read()?;
        }
        if order.status == Status::Processing {
            order = until(client, &row.order_url, Status::Processing).await?;
        }
        let Some(url) = order.certificate.filter(|_| order.status == Status::Valid) else {
            return Err(failed(client, &order.authorizations, order.error.as_ref()).await);
        };
        let chain = client.post(&url, None).await?.text();
        self.take_up(row, chain, &key)
    }

    /// The order that is under way, or a new one, with its key; both are kept before anything
    /// comes of them.
    async fn begin(
        &self,
        client: &mut Client,
        row: &mut AcmeCertificate,
    ) -> Result<(Order, KeyPair), AcmeError> {
        if !row.order_url.is_empty()
            && let Some(key) = self.opened_key(&row.order_key)
            && let Some(order) = resumed(client, &row.order_url).await?
        {
            tracing::info!(names = row.names, "an ACME order is gone on with");
            return Ok((order, key));
        }
        let key = KeyPair::generate().map_err(|error| AcmeError::Key(error.to_string()))?;
        let sealed = self.seal.seal(PURPOSE, &key.serialize_der());
        row.order_key = sealed.ok_or(AcmeError::Sealed("a new key"))?;
        let names: Vec<&str> = row.names.split(' ').collect();
        let replaced = leaf_of(&row.chain).and_then(|leaf| certificate_id(&leaf));
        let reply = match client.order(&names, replaced.as_deref()).await {
            // RFC 9773 §5: it was replaced already, or those who issue know nothing of it.
            Err(AcmeError::Refused(problem))
                if replaced.is_some() && !problem.is("rateLimited") =>
            {
                tracing::debug!(%problem, "an order that replaces");
                client.order(&names, None).await?
            }
            other => other?,
        };
        row.order_url = reply.location()?;
        self.keep(row).await?;
        Ok((reply.read()?, key))
    }

    /// Puts what was issued into the row.
    fn take_up(
        &self,
        row: &mut AcmeCertificate,
        chain: String,
        key: &KeyPair,
    ) -> Result<(), AcmeError> {
        let issued = IssuedCertificate { chain_pem: chain, key_der: key.serialize_der() };
        issued.check().map_err(|error| AcmeError::Unusable(error.to_string()))?;
        let (begins, ends) = validity(&issued.chain_pem)
            .ok_or_else(|| AcmeError::Unusable("it has no dates".to_owned()))?;
        let now = self.store.now();
        if ends <= now {
            return Err(AcmeError::Unusable("it has expired".to_owned()));
        }
        row.chain = issued.chain_pem;
        row.sealed_key = std::mem::take(&mut row.order_key);
        (row.begins, row.ends, row.issued) = (begins, ends, now);
        row.due = renewal(begins, ends, fastrand::f64());
        row.order_url.clear();
        row.problem.clear();
        row.failures = 0;
        Ok(())
    }

    /// A key that is kept.
    fn opened_key(&self, sealed: &[u8]) -> Option<KeyPair> {
        let der = PrivatePkcs8KeyDer::from(self.seal.open(PURPOSE, sealed)?);
        KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_ECDSA_P256_SHA256).ok()
    }
}

/// The order that was begun before, if it can still be completed.
async fn resumed(client: &mut Client, url: &str) -> Result<Option<Order>, AcmeError> {
    match client.post(url, None).await {
        Ok(reply) => {
            let order: Order = reply.read()?;
            Ok(Some(order).filter(|order| order.status != Status::Invalid))
        }
        // It is not known any more. Who is to wait is not told that it is gone.
        Err(AcmeError::Refused(problem)) if !problem.is("rateLimited") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks at an order until it is no longer in this state.
async fn until(client: &mut Client, url: &str, state: Status) -> Result<Order, AcmeError> {
    let (begun, mut pause) = (Instant::now(), LOOK);
    loop {
        let reply = client.post(url, None).await?;
        let order: Order = reply.read()?;
        if order.status != state {
            return match order.status {
                Status::Ready | Status::Processing | Status::Valid => Ok(order),
                _ => Err(failed(client, &order.authorizations, order.error.as_ref()).await),
            };
        }
        // RFC 8555 §7.5.1: the server says when to look again.
        let wait = reply.retry_after().map_or(pause, |secs| Duration::from_secs(secs).max(LOOK));
        if begun.elapsed() + wait > PATIENCE {
            return Err(AcmeError::TimedOut);
        }
        sleep(wait).await;
        pause = (pause * 2).min(LOOK_MAX);
    }
}

/// Which name could not be proved, and why; else what the order says.
async fn failed(
    client: &mut Client,
    authorizations: &[String],
    problem: Option<&crate::protocol::Problem>,
) -> AcmeError {
    for url in authorizations {
        let Ok(reply) = client.post(url, None).await else { continue };
        let Ok(authorization) = reply.read::<Authorization>() else { continue };
        if authorization.status != Status::Invalid {
            continue;
        }
        let found = authorization.challenges.into_iter().find_map(|challenge| challenge.error);
        let reason = found.map_or_else(|| "is not proved".to_owned(), |error| error.to_string());
        return AcmeError::Unproved { name: authorization.identifier.value, reason };
    }
    match problem {
        Some(problem) => AcmeError::Refused(Box::new(problem.clone())),
        None => AcmeError::Unusable("nothing came of the order".to_owned()),
    }
}

/// What is signed: RFC 2986, with the names alone.
fn request(row: &AcmeCertificate, key: &KeyPair) -> Result<Vec<u8>, AcmeError> {
    let made = || -> Result<_, rcgen::Error> {
        let names: Vec<String> = row.each_name().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(key)?.der().to_vec())
    };
    made().map_err(|error| AcmeError::Key(error.to_string()))
}

/// The first certificate of a chain.
pub(crate) fn leaf_of(chain: &str) -> Option<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(chain.as_bytes()).next()?.ok()
}

/// RFC 9773 §4.1: what renewal information is asked for by.
pub(crate) fn certificate_id(leaf: &[u8]) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
    let issuer =
        parsed.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref(),
            _ => None,
        })?;
    Some(format!("{}.{}", encode(issuer.0), encode(parsed.tbs_certificate.raw_serial())))
}

fn validity(chain: &str) -> Option<(Timestamp, Timestamp)> {
    let leaf = leaf_of(chain)?;
    let (_, parsed) = X509Certificate::from_der(&leaf).ok()?;
    let validity = parsed.validity();
    // LIMIT: the year 9999.
    let secs = |at: i64| Timestamp::from_secs(at.clamp(0, 253_402_300_799));
    Some((secs(validity.not_before.timestamp()), secs(validity.not_after.timestamp())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_9773() {
        // RFC 9773 §A.
        let pem = "-----BEGIN CERTIFICATE-----\n\
            MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt\n\
            cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS\n\
            BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu\n\
            7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf\n\
            qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B\n\
            yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb\n\
            +FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK\n\
            -----END CERTIFICATE-----\n";
        let leaf = leaf_of(pem).unwrap();
        let id = certificate_id(&leaf);
        assert_eq!(id.as_deref(), Some("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"));
        assert_eq!(leaf_of("nothing"), None);
        assert_eq!(certificate_id(b"nothing"), None);
    }
}
