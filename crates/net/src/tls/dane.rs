//! Certificates that the DNS vouches for: DANE (RFC 6698, RFC 7671) as SMTP uses it (RFC 7672).

use std::sync::Arc;

use aws_lc_rs::digest;
use certificate::{Judge, Shown};
use rustls::{
    CertificateError, ClientConfig, Error, RootCertStore,
    client::WebPkiServerVerifier,
    client::danger::{ServerCertVerified, ServerCertVerifier},
    crypto::aws_lc_rs as provider,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use x509_parser::prelude::{FromDer, X509Certificate};

/// One TLSA record (RFC 6698 §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsaRecord {
    /// 2: DANE-TA, 3: DANE-EE; 0 and 1 are for others than SMTP.
    pub usage: u8,
    /// 0: the certificate, 1: its public key.
    pub selector: u8,
    /// 0: as it is, 1: SHA-256, 2: SHA-512.
    pub matching: u8,
    /// The data that the certificate or key must match.
    pub data: Vec<u8>,
}

impl TlsaRecord {
    /// Whether SMTP knows what to do with it: RFC 7672 §3.1.
    pub fn is_usable(&self) -> bool {
        // RFC 7672 §3.1.3: PKIX-TA and PKIX-EE are not for SMTP.
        let known = matches!(self.usage, 2 | 3) && self.selector <= 1;
        let length = match self.matching {
            0 => !self.data.is_empty(),
            1 => self.data.len() == 32,
            2 => self.data.len() == 64,
            _ => false,
        };
        known && length
    }

    /// What is published for a certificate, the first of `chain_pem`: RFC 7671 §5.1 recommends its
    /// public key by SHA-256, which stays when the certificate is renewed with the same key.
    pub fn of(chain_pem: &[u8]) -> Option<Self> {
        let leaf = CertificateDer::pem_slice_iter(chain_pem).next()?.ok()?;
        let data = digest::digest(&digest::SHA256, &select(&leaf, 1)?).as_ref().to_vec();
        Some(Self { usage: 3, selector: 1, matching: 1, data })
    }

    fn matches(&self, certificate: &CertificateDer<'_>) -> bool {
        let Some(selected) = select(certificate, self.selector) else { return false };
        match self.matching {
            0 => selected == self.data,
            1 => digest::digest(&digest::SHA256, &selected).as_ref() == self.data,
            2 => digest::digest(&digest::SHA512, &selected).as_ref() == self.data,
            _ => false,
        }
    }
}

impl std::fmt::Display for TlsaRecord {
    /// As it stands in a zone (RFC 6698 §2.2).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching)?;
        self.data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// RFC 6698 §2.1.2: the certificate, or its SubjectPublicKeyInfo.
fn select(certificate: &CertificateDer<'_>, selector: u8) -> Option<Vec<u8>> {
    match selector {
        0 => Some(certificate.to_vec()),
        1 => {
            let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
            Some(parsed.tbs_certificate.subject_pki.raw.to_vec())
        }
        _ => None,
    }
}

/// What the DNS says of a server's certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dane {
    records: Vec<TlsaRecord>,
    names: Vec<String>,
}

impl Dane {
    /// Of what stands at the TLSA base domain that which counts; `None` where nothing does. The
    /// certificate that a DANE-TA vouches for must have the name of the base domain, or one of
    /// `others` (RFC 7672 §3.2.2).
    pub fn new(base: &str, mut records: Vec<TlsaRecord>, others: &[String]) -> Option<Self> {
        records.retain(TlsaRecord::is_usable);
        // RFC 7671 §9, which RFC 7672 §5 demands: of digests of one usage and selector the
        // strongest alone counts; what is there in full counts beside them.
        let strongest = |one: &TlsaRecord| {
            let of_kind = records
                .iter()
                .filter(|other| (other.usage, other.selector) == (one.usage, one.selector));
            of_kind.map(|other| other.matching).max()
        };
        let kept: Vec<TlsaRecord> = records
            .iter()
            .filter(|one| one.matching == 0 || strongest(one) == Some(one.matching))
            .cloned()
            .collect();
        let mut names = vec![base.to_owned()];
        names.extend(others.iter().filter(|other| *other != base).cloned());
        (!kept.is_empty()).then_some(Self { records: kept, names })
    }

    /// RFC 7672 §8.1: the base domain, which the server is asked for by.
    pub fn base(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// How a client connects that believes whom the DNS vouches for.
    pub(super) fn config(&self) -> Result<ClientConfig, Error> {
        certificate::client_config(self.clone())
    }

    /// The certificates that may be trust anchors here: those of the chain that a record names, and
    /// those that a record holds.
    fn anchors(&self, intermediates: &[CertificateDer<'_>]) -> RootCertStore {
        let mut anchors = RootCertStore::empty();
        for record in self.records.iter().filter(|record| record.usage == 2) {
            for certificate in intermediates.iter().filter(|one| record.matches(one)) {
                let _ = anchors.add(certificate.clone().into_owned());
            }
            if (record.selector, record.matching) == (0, 0) {
                // What is no certificate vouches for nothing.
                let _ = anchors.add(CertificateDer::from(record.data.clone()));
            }
        }
        anchors
    }
}

impl Judge for Dane {
    fn judge(&self, shown: &Shown<'_>) -> Result<ServerCertVerified, Error> {
        let &Shown { end_entity, intermediates, ocsp_response, now, .. } = shown;
        // RFC 7672 §3.1.1: of DANE-EE neither names nor dates are looked at.
        let mut own = self.records.iter().filter(|record| record.usage == 3);
        if own.any(|record| record.matches(end_entity)) {
            return Ok(ServerCertVerified::assertion());
        }
        let anchors = self.anchors(intermediates);
        if anchors.is_empty() {
            return Err(CertificateError::UnknownIssuer.into());
        }
        // RFC 7672 §3.1.2: DANE-TA, with names and dates.
        let provider = Arc::new(provider::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), provider)
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let mut last = CertificateError::NotValidForName.into();
        for name in &self.names {
            let Ok(name) = ServerName::try_from(name.as_str()) else { continue };
            match verifier.verify_server_cert(end_entity, intermediates, &name, ocsp_response, now)
            {
                Ok(verified) => return Ok(verified),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData as _,
    };

    use rustls::pki_types::UnixTime;

    use super::*;

    struct House {
        authority: CertificateDer<'static>,
        leaf: CertificateDer<'static>,
        leaf_key: Vec<u8>,
    }

    /// A certificate for `mx.there.test`, and who signed it.
    fn house() -> House {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["mx.there.test".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &authority).unwrap();
        House {
            authority: authority.der().clone(),
            leaf: leaf.der().clone(),
            leaf_key: key.subject_public_key_info(),
        }
    }

    fn verify(house: &House, records: Vec<TlsaRecord>, name: &str) -> bool {
        let names = ["there.test".to_owned()];
        let Some(dane) = Dane::new(name, records, &names) else { return false };
        let shown = Shown {
            end_entity: &house.leaf,
            intermediates: std::slice::from_ref(&house.authority),
            server_name: &ServerName::try_from("any.test").unwrap(),
            ocsp_response: &[],
            now: UnixTime::now(),
        };
        dane.judge(&shown).is_ok()
    }

    fn record(usage: u8, selector: u8, matching: u8, of: &[u8]) -> TlsaRecord {
        let data = match matching {
            1 => digest::digest(&digest::SHA256, of).as_ref().to_vec(),
            2 => digest::digest(&digest::SHA512, of).as_ref().to_vec(),
            _ => of.to_vec(),
        };
        TlsaRecord { usage, selector, matching, data }
    }

    #[test]
    fn what_the_dns_names_is_taken() {
        let house = house();
        let (leaf, authority) = (house.leaf.to_vec(), house.authority.to_vec());
        for matching in 0..=2 {
            // RFC 7672 §3.1.1: whatever its name.
            assert!(verify(&house, vec![record(3, 0, matching, &leaf)], "other.test"));
            assert!(verify(&house, vec![record(3, 1, matching, &house.leaf_key)], "other.test"));
            assert!(verify(&house, vec![record(2, 0, matching, &authority)], "mx.there.test"));
            assert!(!verify(&house, vec![record(2, 0, matching, &authority)], "other.test"));
        }
        // One that matches is enough.
        let several = vec![record(3, 1, 1, b"old key"), record(3, 1, 1, &house.leaf_key)];
        assert!(verify(&house, several, "other.test"));
    }

    #[test]
    fn what_it_does_not_name_is_not() {
        let house = house();
        let (leaf, authority) = (house.leaf.to_vec(), house.authority.to_vec());
        // RFC 6698 §2.1.3: what is there in full is compared to its last byte.
        let almost = |of: &[u8]| {
            let (last, rest) = of.split_last().unwrap();
            [rest, &[!*last]].concat()
        };
        for wrong in [
            record(3, 0, 0, &almost(&leaf)),
            record(3, 0, 0, &leaf[..64]),
            record(3, 1, 0, &almost(&house.leaf_key)),
            record(3, 1, 0, &house.leaf_key[..64]),
            record(3, 0, 1, &authority),
            record(3, 0, 1, b"other"),
            record(3, 0, 1, &house.leaf_key),
            record(2, 0, 1, &leaf),
            record(2, 0, 0, b"no certificate"),
            record(1, 0, 1, &leaf),
            record(0, 0, 1, &authority),
        ] {
            assert!(!verify(&house, vec![wrong.clone()], "mx.there.test"), "{wrong:?}");
        }
    }

    // RFC 7671 §9, with its example.
    #[test]
    fn the_strongest_digest_counts() {
        let house = house();
        let (key, leaf) = (&house.leaf_key, house.leaf.to_vec());
        for (records, believed) in [
            (vec![record(3, 1, 1, key), record(3, 1, 2, b"other")], false),
            (vec![record(3, 1, 2, key), record(3, 1, 1, b"other")], true),
            (vec![record(3, 1, 0, key), record(3, 1, 2, b"other")], true),
            // Of another usage or selector it is another question.
            (vec![record(3, 1, 1, key), record(3, 0, 2, b"other")], true),
            (vec![record(3, 0, 1, &leaf), record(2, 0, 2, b"other")], true),
            // One that cannot be used does not count as stronger.
            (
                vec![
                    record(3, 1, 1, key),
                    TlsaRecord { usage: 3, selector: 1, matching: 2, data: vec![1; 32] },
                ],
                true,
            ),
        ] {
            assert_eq!(verify(&house, records.clone(), "other.test"), believed, "{records:?}");
        }
    }

    #[test]
    fn few_records_are_usable() {
        for (usage, selector, matching, length, usable) in [
            (3, 1, 1, 32, true),
            (2, 0, 2, 64, true),
            (3, 0, 0, 9, true),
            (1, 1, 1, 32, false),
            (0, 1, 1, 32, false),
            (3, 2, 1, 32, false),
            (3, 1, 3, 32, false),
            (3, 1, 1, 31, false),
            (3, 0, 0, 0, false),
        ] {
            let record = TlsaRecord { usage, selector, matching, data: vec![1; length] };
            assert_eq!(record.is_usable(), usable, "{record:?}");
        }
    }
}
