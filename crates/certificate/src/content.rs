//! What is read out of certificates: whom they name, and what a channel is bound to.

use aws_lc_rs::digest;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// LIMIT: addresses taken from one certificate.
const NAMES_MAX: usize = 16;

/// The mail addresses a certificate was issued to: those of its subject alternative names
/// (RFC 5280 §4.2.1.6); where it has none, a common name that looks like one.
pub fn mail_addresses(certificate: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let named = alternatives.iter().flat_map(|names| &names.value.general_names);
    let mut addresses: Vec<String> = named
        .filter_map(|name| match name {
            GeneralName::RFC822Name(address) => Some((*address).to_owned()),
            _ => None,
        })
        .take(NAMES_MAX)
        .collect();
    if addresses.is_empty() {
        let common = certificate.subject().iter_common_name().filter_map(|cn| cn.as_str().ok());
        let common = common.filter(|name| name.contains('@')).take(NAMES_MAX);
        addresses.extend(common.map(str::to_owned));
    }
    addresses
}

/// LIMIT: host names taken from one certificate; those who issue give a hundred at most.
const HOST_NAMES_MAX: usize = 1_000;

/// The host names a certificate was issued to, lower case: those of its subject alternative names
/// (RFC 5280 §4.2.1.6).
pub fn host_names(certificate: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let named = alternatives.iter().flat_map(|names| &names.value.general_names);
    named
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .take(HOST_NAMES_MAX)
        .collect()
}

/// `tls-server-end-point` (RFC 5929 §4.1): the certificate under the hash it was signed with, but
/// never a weak one. Absent where the signature has no such hash, as with Ed25519.
pub fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let hash = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // RSA with MD5, SHA-1 and SHA-256; ECDSA with SHA-1 and SHA-256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => &digest::SHA256,
        "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" => &digest::SHA224,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(hash, certificate).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(common_name: &str, addresses: &[&str]) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        for address in addresses {
            params.subject_alt_names.push(SanType::Rfc822Name((*address).try_into().unwrap()));
        }
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn addresses_of_a_certificate() {
        let both = certificate("Julie", &["julie@example.test", "info@example.test"]);
        assert_eq!(mail_addresses(&both), ["julie@example.test", "info@example.test"]);
        // An address beside alternative names is only for show.
        let shown = certificate("boss@example.test", &["julie@example.test"]);
        assert_eq!(mail_addresses(&shown), ["julie@example.test"]);
        assert_eq!(mail_addresses(&certificate("julie@example.test", &[])), ["julie@example.test"]);
        assert!(mail_addresses(&certificate("Julie", &[])).is_empty());
        assert!(mail_addresses(b"no certificate").is_empty());
        let many: Vec<String> = (0..20).map(|n| format!("a{n}@example.test")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(mail_addresses(&certificate("x", &many)).len(), NAMES_MAX);
    }

    #[test]
    fn end_points_follow_the_signature() {
        let params = || CertificateParams::new(vec!["mail.example.test".to_owned()]).unwrap();
        for (algorithm, length) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, Some(32)),
            (&rcgen::PKCS_ECDSA_P384_SHA384, Some(48)),
            (&rcgen::PKCS_ED25519, None),
        ] {
            let key = KeyPair::generate_for(algorithm).unwrap();
            let der = params().self_signed(&key).unwrap().der().to_vec();
            assert_eq!(end_point(&der).map(|hash| hash.len()), length);
        }
        assert_eq!(end_point(b"no certificate"), None);
    }
}
