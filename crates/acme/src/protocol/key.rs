//! The key of an account, and what is signed with it: RFC 8555 §6.2, RFC 7515, RFC 7638.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::error::AcmeError;
use crate::settings::ExternalAccount;

/// The private key of an ACME account, on P-256 (ES256).
pub(crate) struct AccountKey {
    pair: EcdsaKeyPair,
    x: String,
    y: String,
}

/// How the signature of a request names its key (RFC 8555 §6.2).
#[derive(Debug, Clone, Copy)]
pub(super) enum Signatory<'a> {
    /// A key that has no account yet.
    Key,
    /// An account, by its URL.
    Account(&'a str),
}

impl AccountKey {
    /// A new one, and its PKCS #8.
    pub(crate) fn generate() -> Result<(Self, Vec<u8>), AcmeError> {
        let failed = || AcmeError::Key("the library refuses".to_owned());
        let made =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let der = made.map_err(|_| failed())?.as_ref().to_vec();
        let key = Self::from_pkcs8(&der).ok_or_else(failed)?;
        Ok((key, der))
    }

    /// The key of this private key, PKCS #8; `None` if it is none of P-256.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
        // SEC 1 §2.3.3: 04, X and Y.
        let point = pair.public_key().as_ref();
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
        let (x, y) = (encode(x), encode(y));
        Some(Self { pair, x, y })
    }

    fn jwk(&self) -> Value {
        json!({ "crv": "P-256", "kty": "EC", "x": self.x, "y": self.y })
    }

    /// RFC 8555 §8.1: what answers a challenge. RFC 7638 §3: the members in their order.
    pub(crate) fn authorization(&self, token: &str) -> String {
        let Self { x, y, .. } = self;
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        format!("{token}.{}", encode(sha256(canonical.as_bytes()).as_ref()))
    }

    /// RFC 8555 §6.2: a signed request; without a payload it is a POST-as-GET (§6.3).
    pub(super) fn sign(
        &self,
        signatory: Signatory<'_>,
        nonce: &str,
        url: &str,
        payload: Option<&Value>,
    ) -> Result<Vec<u8>, AcmeError> {
        let mut head = json!({ "alg": "ES256", "nonce": nonce, "url": url });
        match signatory {
            Signatory::Key => head["jwk"] = self.jwk(),
            Signatory::Account(account) => head["kid"] = json!(account),
        }
        let head = encode(head.to_string().as_bytes());
        let payload = payload.map(|value| encode(value.to_string().as_bytes()));
        let payload = payload.unwrap_or_default();
        let signed = format!("{head}.{payload}");
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| AcmeError::Key("nothing is signed".to_owned()))?;
        Ok(flattened(&head, &payload, signature.as_ref()).to_string().into_bytes())
    }

    /// RFC 8555 §7.3.4: that an account elsewhere is the one of this key.
    pub(super) fn bind(&self, external: &ExternalAccount, url: &str) -> Value {
        let head = json!({ "alg": "HS256", "kid": external.id, "url": url });
        let (head, payload) =
            (encode(head.to_string().as_bytes()), encode(self.jwk().to_string().as_bytes()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &external.key);
        let tag = hmac::sign(&key, format!("{head}.{payload}").as_bytes());
        flattened(&head, &payload, tag.as_ref())
    }
}

/// A JWS in flattened JSON serialization (RFC 7515 §7.2.2).
fn flattened(head: &str, payload: &str, signature: &[u8]) -> Value {
    json!({ "protected": head, "payload": payload, "signature": encode(signature) })
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn sha256(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    fn decode(value: &Value) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
    }

    #[test]
    fn requests_are_signed() {
        let (key, der) = AccountKey::generate().unwrap();
        let kept = AccountKey::from_pkcs8(&der).unwrap();
        assert_eq!(key.authorization("token"), kept.authorization("token"));
        let payload = json!({ "a": 1 });
        for (signatory, payload) in
            [(Signatory::Key, Some(&payload)), (Signatory::Account("https://ca.test/7"), None)]
        {
            let url = "https://ca.test/new";
            let signed = key.sign(signatory, "nonce", url, payload).unwrap();
            let signed: Value = serde_json::from_slice(&signed).unwrap();
            let head: Value = serde_json::from_slice(&decode(&signed["protected"])).unwrap();
            assert_eq!((&head["alg"], &head["nonce"]), (&json!("ES256"), &json!("nonce")));
            // RFC 8555 §6.2: one of the two and not both.
            assert_ne!(head.get("jwk").is_some(), head.get("kid").is_some());
            let text = format!(
                "{}.{}",
                signed["protected"].as_str().unwrap(),
                signed["payload"].as_str().unwrap()
            );
            let public =
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.pair.public_key().as_ref());
            public.verify(text.as_bytes(), &decode(&signed["signature"])).unwrap();
            assert_eq!(signed["payload"] == json!(""), payload.is_none());
        }
        assert!(AccountKey::from_pkcs8(b"no key").is_none());
    }

    #[test]
    fn external_accounts_are_bound() {
        let (key, _) = AccountKey::generate().unwrap();
        let external = ExternalAccount { id: "kid-1".to_owned(), key: vec![7; 32] };
        let bound = key.bind(&external, "https://ca.test/new");
        let head: Value = serde_json::from_slice(&decode(&bound["protected"])).unwrap();
        assert_eq!(head, json!({"alg": "HS256", "kid": "kid-1", "url": "https://ca.test/new"}));
        let jwk: Value = serde_json::from_slice(&decode(&bound["payload"])).unwrap();
        assert_eq!(jwk, key.jwk());
        assert_eq!(decode(&bound["signature"]).len(), 32);
    }
}
