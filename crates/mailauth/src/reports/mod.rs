//! Reports that others send about mail in the name of our domains: DMARC aggregate reports
//! (RFC 7489 §7.2, RFC 9990) and reports of TLS (RFC 8460); both are also made here for others.
//!
//! **Invariant:** what is unpacked is bounded by [`UNPACKED_BYTES_MAX`], whatever it says of
//! itself; of a report at most [`ROWS_MAX`] rows are read.
//! **Absent:** whether a report is true; anybody can send one. Whose it is can be told of a report
//! of TLS ([`ReportMessage`]).

mod aggregate;
mod aggregate_render;
mod signed;
mod tls;
mod tls_render;
mod unpack;

pub use aggregate_render::{DmarcReport, DmarcRow, DmarcSignature, DmarcSpf, Observation};
pub use signed::ReportMessage;
pub(crate) use tls_render::report_address;
pub use tls_render::{ReportAddress, TlsFailures, TlsPolicyResult, TlsReport, report_addresses};

use message::{Limits, PartIndex, PartKind, decode_part};
use serde::{Deserialize, Serialize};

use crate::dns::domain_of;

/// LIMIT: bytes of one unpacked report. Those of the large providers are below 1 MiB.
pub const UNPACKED_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// LIMIT: rows of one report; the rest is counted.
pub const ROWS_MAX: usize = 2_000;
/// LIMIT: parts of one message that are looked at.
const PARTS_MAX: usize = 20;
/// LIMIT: bytes of one text in a report.
const TEXT_BYTES_MAX: usize = 256;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// Mail in the name of a domain (RFC 7489).
    Dmarc,
    /// TLS with the servers of a domain (RFC 8460).
    Tls,
}

impl ReportKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dmarc => "dmarc",
            Self::Tls => "tls",
        }
    }
}

/// A report about one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which kind of report it is.
    pub kind: ReportKind,
    /// The domain that the report is about, lower case.
    pub domain: String,
    /// The name of the organisation that reports.
    pub reporter: String,
    /// The domain that reports, in normal form: that of its address for questions. Where it names
    /// none, the author's of the message, as [`ReportMessage`] knows it.
    pub source: Option<String>,
    /// The report's id, unique among those of this reporter.
    pub id: String,
    /// The first second of the period, Unix time.
    pub begins: i64,
    /// The last second of the period, Unix time, inclusive.
    pub ends: i64,
    /// Messages (DMARC) or sessions (TLS) that passed.
    pub passed: u64,
    /// Messages (DMARC) or sessions (TLS) that failed.
    pub failed: u64,
    /// The details of the report, one row for each kind of message or session.
    pub rows: Vec<Row>,
}

/// A detail: so many of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Row {
    /// Where the mail came from (DMARC), or which host took it (TLS).
    pub host: String,
    /// How many messages or sessions.
    pub count: u64,
    /// What was done (DMARC), or what failed (TLS).
    pub result: String,
    /// DMARC: whether a signature in line with the author held.
    #[serde(default)]
    pub dkim: bool,
    /// DMARC: whether the path in line with the author held.
    #[serde(default)]
    pub spf: bool,
    /// DMARC: the author's domain; TLS: the policy.
    pub subject: String,
}

/// Why an attachment is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// The archive cannot be unpacked.
    #[error("damaged archive")]
    Archive,
    /// The report is larger than allowed.
    #[error("too large")]
    TooLarge,
    /// It is not what a report looks like.
    #[error("not a report")]
    Malformed,
    /// RFC 8460 §3: a report of TLS that came by mail, and nobody of the domain signed it.
    #[error("of {reporter} on {domain}, without a signature of who reports: {reason}")]
    Unsigned {
        /// The domain that is said to report.
        reporter: String,
        /// The domain that the report is about.
        domain: String,
        /// What is wrong with the signature.
        reason: &'static str,
    },
    /// A report of TLS whose signature cannot be checked now.
    #[error("of {reporter} on {domain}: the DNS does not answer who signed it")]
    Undecided {
        /// The domain that is said to report.
        reporter: String,
        /// The domain that the report is about.
        domain: String,
    },
}

/// The reports that a message carries; those of TLS are split by domain. A message without any
/// attachment that may be one has none.
pub fn read(message: &[u8]) -> Vec<Result<Report, ReportError>> {
    let index = PartIndex::of(message, &Limits::default());
    let mut found = Vec::new();
    for (_, part) in index.iter().take(PARTS_MAX) {
        if matches!(part.kind, PartKind::Multipart | PartKind::Message) {
            continue;
        }
        let range = part.body.start as usize..part.body.end as usize;
        let body = message.get(range).unwrap_or_default();
        let Ok(bytes) = decode_part(body, part.encoding) else { continue };
        match unpack::unpack(&bytes) {
            Ok(Some(text)) => found.extend(parse(&text)),
            Ok(None) => {}
            Err(error) => found.push(Err(error)),
        }
    }
    found
}

/// An unpacked report.
fn parse(text: &[u8]) -> Vec<Result<Report, ReportError>> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text).trim_ascii_start();
    match text.first() {
        Some(b'<') => vec![aggregate::parse(text)],
        Some(b'{') => match tls::parse(text) {
            Ok(reports) => reports.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        },
        _ => Vec::new(),
    }
}

/// The domain of an address for questions; what else stands there names none.
fn domain_of_address(text: &str) -> Option<String> {
    let (_, domain) = text.trim().rsplit_once('@')?;
    domain_of(domain)
}

/// A text of a report, bounded, without control characters.
fn clean(text: &str) -> String {
    let mut clean = String::new();
    for char in text.trim().chars().filter(|char| !char.is_control()) {
        if clean.len() + char.len_utf8() > TEXT_BYTES_MAX {
            break;
        }
        clean.push(char);
    }
    clean
}

#[cfg(test)]
mod tests;
