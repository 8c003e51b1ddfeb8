//! Whose a report is that came by mail. Reports of TLS are their domain's by its signature
//! (RFC 8460 §3); of DMARC, which has no such rule, all are taken.

use futures_util::future::join_all;

use super::{Report, ReportError, ReportKind, read};
use crate::dkim::key_record::Service;
use crate::dkim::verify::{BodyHashes, Candidate, SIGNATURES_MAX, candidates};
use crate::dkim::{DkimResult, DkimVerdict};
use crate::dmarc::Organizations;
use crate::dns::{Budget, Lookups, is_within};
use crate::parts::Parts;

/// A message with reports, and what of its signatures needs no DNS.
#[derive(Debug)]
pub struct ReportMessage {
    reports: Vec<Result<Report, ReportError>>,
    signatures: Vec<Candidate>,
}

impl ReportMessage {
    /// Reads a message as it was received: whoever changes it afterwards breaks its signatures.
    /// Takes long for a large one.
    pub fn of(message: &[u8]) -> Self {
        let mut reports = read(message);
        let author = crate::author_domain(message);
        for report in reports.iter_mut().flatten() {
            report.source = report.source.take().or_else(|| author.clone());
        }
        let is_asked = reports.iter().flatten().any(|report| report.kind == ReportKind::Tls);
        let parts = if is_asked { Parts::of(message) } else { None };
        let mut hashes = BodyHashes::default();
        let signatures = parts.as_ref().map(|parts| candidates(parts, &mut hashes));
        Self { reports, signatures: signatures.unwrap_or_default() }
    }

    /// The domain that reports, as the first of its reports has it.
    pub fn source(&self) -> Option<&str> {
        self.reports.iter().flatten().find_map(|report| report.source.as_deref())
    }

    /// Whether the DNS is asked whose it is.
    pub fn asks_who_signed(&self) -> bool {
        !self.signatures.is_empty()
    }

    /// What is to be read of it; without `lookups` no report is known to be signed.
    pub async fn judge(
        self,
        lookups: Option<&dyn Lookups>,
        now_secs: u64,
    ) -> Vec<Result<Report, ReportError>> {
        let Self { reports, signatures } = self;
        let signers = match lookups {
            Some(lookups) => verified(lookups, &signatures, now_secs).await,
            None => Vec::new(),
        };
        let mut organizations = lookups.map(Organizations::new);
        let mut judged = Vec::new();
        for report in reports {
            judged.push(match (report, &mut organizations) {
                (Ok(report), _) if report.kind != ReportKind::Tls => Ok(report),
                (Ok(report), Some(organizations)) => {
                    of_signer(report, &signers, organizations).await
                }
                (Ok(report), None) => Err(unsigned(report, "the DNS is not asked")),
                (Err(error), _) => Err(error),
            });
        }
        judged
    }
}

async fn verified(
    lookups: &dyn Lookups,
    signatures: &[Candidate],
    now_secs: u64,
) -> Vec<DkimResult> {
    // A signature asks for one key.
    let keys = &Budget::new(lookups, SIGNATURES_MAX as u32);
    join_all(signatures.iter().map(|one| one.verify(Service::TlsReports, keys, now_secs))).await
}

/// RFC 8460 §3: it must be signed by the domain that reports, which is that of its address for
/// questions (§5.3), or of the author where there is none.
async fn of_signer(
    report: Report,
    signatures: &[DkimResult],
    organizations: &mut Organizations<'_>,
) -> Result<Report, ReportError> {
    let Some(domain) = report.source.as_deref() else {
        return Err(unsigned(report, "it is from nobody"));
    };
    let (mut reason, mut undecided) = ("there is none", false);
    for signature in signatures {
        let signer = signature.label.domain.as_str();
        let is_theirs = is_within(domain, signer);
        match signature.verdict {
            DkimVerdict::Pass if is_theirs => return Ok(report),
            // As DMARC has it: who reports from below what it signs with, or beside.
            DkimVerdict::Pass => match organizations.is_same(signer, domain).await {
                Ok(true) => return Ok(report),
                Ok(false) => reason = "it is another domain's",
                Err(_) => undecided = true,
            },
            // Of whom it is would be asked next.
            DkimVerdict::TempError => undecided = true,
            _ if is_theirs => reason = signature.reason.unwrap_or("it does not hold"),
            _ => {}
        }
    }
    match undecided {
        true => Err(ReportError::Undecided { reporter: report.reporter, domain: report.domain }),
        false => Err(unsigned(report, reason)),
    }
}

fn unsigned(report: Report, reason: &'static str) -> ReportError {
    ReportError::Unsigned { reporter: report.reporter, domain: report.domain, reason }
}
