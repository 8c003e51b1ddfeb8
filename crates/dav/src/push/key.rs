//! The server's key pair of VAPID (RFC 8292), with which it signs each request to a push service.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ids::Timestamp;

/// RFC 8292 §2: no more than a day.
const TOKEN_SECS: i64 = 12 * 3_600;

/// A key of P-256. Prints nothing.
pub struct PushKey {
    pair: EcdsaKeyPair,
}

impl std::fmt::Debug for PushKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PushKey")
    }
}

impl PushKey {
    /// A new private key, PKCS #8. `None` only where the library fails.
    pub fn generate() -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).ok()?;
        Some(made.as_ref().to_vec())
    }

    /// The key of this private key, PKCS #8; `None` if it is none of P-256.
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
        Some(Self { pair })
    }

    /// The public key, as an uncompressed point (RFC 8292 §3.2).
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// What topics are made with. It need be no secret, only this server's.
    pub(super) fn topics(&self) -> [u8; 32] {
        blake3::derive_key("posthorn 2026-11 topics of pushes", self.public_key())
    }

    /// The value of `Authorization` for a push service (RFC 8292 §3); `contact` is whom its
    /// operator may turn to.
    pub(super) fn authorization(
        &self,
        origin: &str,
        contact: &str,
        now: Timestamp,
    ) -> Option<String> {
        let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
        let expires = now.as_secs() + TOKEN_SECS;
        // Both are URLs without anything that JSON escapes.
        let subject = match contact.bytes().all(|byte| !matches!(byte, b'"' | b'\\' | ..32)) {
            true if !contact.is_empty() => format!(r#","sub":"{contact}""#),
            _ => String::new(),
        };
        let claims = format!(r#"{{"aud":"{origin}","exp":{expires}{subject}}}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
        let public = URL_SAFE_NO_PAD.encode(self.public_key());
        Some(format!("vapid t={signed}.{signature}, k={public}"))
    }
}
