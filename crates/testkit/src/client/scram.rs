//! A SCRAM client, written from RFC 5802 and RFC 7677 for tests alone.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};

use super::base64;

/// Whether and how the client binds to the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// It cannot (`n`).
    Unsupported,
    /// It could, but was not offered it (`y`).
    NotOffered,
    /// It does, by the binding of this name with this data.
    Bound(&'static str, Vec<u8>),
}

/// One exchange.
#[derive(Debug)]
pub struct ScramClient {
    sha256: bool,
    user: String,
    password: String,
    nonce: String,
    binding: Binding,
    bare: String,
    signature: Vec<u8>,
}

impl ScramClient {
    /// A client for the mechanism of this name. The nonce is fixed: what the server makes of it
    /// does not depend on it.
    pub fn new(mechanism: &str, user: &str, password: &str, binding: Binding) -> Self {
        Self {
            sha256: mechanism.starts_with("SCRAM-SHA-256"),
            user: user.replace('=', "=3D").replace(',', "=2C"),
            password: password.to_owned(),
            nonce: "fyko+d2lbbFgONRv9qkxdawL".to_owned(),
            binding,
            bare: String::new(),
            signature: Vec::new(),
        }
    }

    fn header(&self) -> String {
        match &self.binding {
            Binding::Unsupported => "n,,".to_owned(),
            Binding::NotOffered => "y,,".to_owned(),
            Binding::Bound(name, _) => format!("p={name},,"),
        }
    }

    /// The client's first message.
    pub fn first(&mut self) -> String {
        self.bare = format!("n={},r={}", self.user, self.nonce);
        format!("{}{}", self.header(), self.bare)
    }

    /// The client's last message, for the server's first.
    pub fn last(&mut self, server_first: &str) -> String {
        let part = |name: &str| {
            let found = server_first.split(',').find_map(|part| part.strip_prefix(name));
            found.unwrap_or_else(|| panic!("no {name} in {server_first}")).to_owned()
        };
        let (nonce, salt, count) = (part("r="), base64::decode(&part("s=")), part("i="));
        assert!(nonce.starts_with(&self.nonce) && nonce.len() > self.nonce.len(), "{nonce}");
        let iterations: u32 = count.parse().unwrap_or_else(|_| panic!("{count}"));
        assert!(iterations >= 4096, "RFC 7677 §4: {iterations}");
        let mut input = self.header().into_bytes();
        if let Binding::Bound(_, data) = &self.binding {
            input.extend_from_slice(data);
        }
        let without_proof = format!("c={},r={nonce}", base64::encode(&input));
        let signed = format!("{},{server_first},{without_proof}", self.bare);
        let salted = self.iterate(&salt, iterations);
        let client_key = self.hmac(&salted, b"Client Key");
        let signature = self.hmac(&self.hash(&client_key), signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        self.signature = self.hmac(&self.hmac(&salted, b"Server Key"), signed.as_bytes());
        format!("{without_proof},p={}", base64::encode(&proof))
    }

    /// Whether the server's last message proves that it knows the password too.
    pub fn is_server_proven(&self, server_last: &str) -> bool {
        server_last == format!("v={}", base64::encode(&self.signature))
    }

    fn hash(&self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self.sha256 {
            true => &digest::SHA256,
            false => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    fn hmac(&self, key: &[u8], bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self.sha256 {
            true => hmac::HMAC_SHA256,
            false => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), bytes).as_ref().to_vec()
    }

    fn iterate(&self, salt: &[u8], iterations: u32) -> Vec<u8> {
        let (algorithm, bytes) = match self.sha256 {
            true => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
            false => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
        };
        let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
        let mut out = vec![0; bytes];
        pbkdf2::derive(algorithm, iterations, salt, self.password.as_bytes(), &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_5802() {
        let mut client = ScramClient::new("SCRAM-SHA-1", "user", "pencil", Binding::Unsupported);
        assert_eq!(client.first(), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let last =
            client.last("r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
        assert_eq!(
            last,
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        assert!(client.is_server_proven("v=rmF9pqV8S7suAoZWja4dJRkFsKQ="));
        assert!(!client.is_server_proven("v=rmF9pqV8S7suAoZWja4dJRkFsKR="));
    }
}
