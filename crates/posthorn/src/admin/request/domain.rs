//! Domains, with their keys, certificates and what others report of them.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A domain in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DomainRow {
    pub(crate) name: String,
    pub(crate) accounts: u64,
    pub(crate) aliases: Vec<String>,
    pub(crate) maintenance: bool,
    /// The domain that leads its organisation.
    #[serde(default)]
    pub(crate) organisation: String,
    /// Whether mail from outside is marked (R-ADDR-13).
    #[serde(default)]
    pub(crate) external_mark: bool,
    /// R-ADDR-6: who gets mail to unknown addresses.
    #[serde(default)]
    pub(crate) catch_all: Option<String>,
}

/// A domain alias in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DomainAliasRow {
    pub(crate) alias: String,
    pub(crate) domain: String,
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DkimAlgorithm {
    /// RSA of 2,048 bits, which everybody knows.
    Rsa,
    /// Ed25519, which is shorter and faster.
    Ed25519,
}

/// A key that signs mail, in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DkimRow {
    pub(crate) selector: String,
    pub(crate) algorithm: String,
    pub(crate) state: String,
    pub(crate) since: String,
    /// Where its record stands, with the final dot.
    pub(crate) name: String,
    /// The value of the record.
    pub(crate) record: String,
}

/// A certificate by ACME, or one that is wanted, in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateRow {
    pub(crate) names: Vec<String>,
    /// When the certificate expires; empty where there is none yet.
    pub(crate) ends: String,
    /// When it is ordered next.
    pub(crate) due: String,
    /// Attempts since the last that succeeded.
    pub(crate) failures: u32,
    /// What the last one failed for.
    pub(crate) problem: String,
}

/// What somebody reports of mail of a domain, in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReportRow {
    pub(crate) kind: String,
    pub(crate) domain: String,
    pub(crate) reporter: String,
    pub(crate) id: String,
    pub(crate) begins: String,
    pub(crate) ends: String,
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) details: serde_json::Value,
}
