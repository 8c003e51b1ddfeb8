//! The settings of ACME: plain values that the binary makes from its configuration.

use std::fmt;
use std::path::PathBuf;

/// How a name is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeKind {
    /// By a page at port 80 (RFC 8555 §8.3).
    Http,
    /// By a handshake at port 443 (RFC 8737).
    TlsAlpn,
    /// By a record in the DNS, which a program publishes (RFC 8555 §8.4).
    Dns,
}

impl ChallengeKind {
    /// The word for it in the protocol and in storage.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http-01",
            Self::TlsAlpn => "tls-alpn-01",
            Self::Dns => "dns-01",
        }
    }
}

/// An account with those who issue that is not ACME's own (RFC 8555 §7.3.4).
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// The key identifier of the external account.
    pub id: String,
    /// The HMAC key of the external account.
    pub key: Vec<u8>,
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Everything that is to be known.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The URL of the ACME directory.
    pub directory: String,
    /// The contact of the account (RFC 8555 §7.3), for notices of the certificate authority.
    pub contact: Option<String>,
    /// The external account, where the server needs one.
    pub external_account: Option<ExternalAccount>,
    /// How names are proved.
    pub challenge: ChallengeKind,
    /// What publishes records: it is called with `add` or `remove`, the name of a TXT record and
    /// what stands in it.
    pub hook: Option<PathBuf>,
    /// The names of the server itself; they share a certificate. At least one.
    pub names: Vec<String>,
    /// The labels in front of the name of each domain and domain alias for which it gets a
    /// certificate of its own, such as `mail`, as far as such names exist.
    pub prefixes: Vec<String>,
}

/// Seals what is secret with a key outside the database.
pub trait Seal: Send + Sync {
    /// Seals a secret for one purpose.
    fn seal(&self, purpose: &str, secret: &[u8]) -> Option<Vec<u8>>;

    /// Opens what was sealed for that purpose.
    fn open(&self, purpose: &str, sealed: &[u8]) -> Option<Vec<u8>>;
}
