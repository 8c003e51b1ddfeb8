//! Reads TLS reports of others (RFC 8460 §4.4): unpacked JSON, its texts and rows bounded.

use std::collections::HashMap;

use message::date::{DateTime, parse_rfc3339};
use serde::Deserialize;

use super::{ROWS_MAX, Report, ReportError, ReportKind, Row, clean, domain_of_address};
use crate::dns::domain_of;

/// LIMIT: domains that one report tells of; it has room for hundreds of thousands.
const DOMAINS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    organization_name: String,
    #[serde(default)]
    contact_info: String,
    report_id: String,
    date_range: DateRange,
    policies: Vec<PolicyReport>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct DateRange {
    start_datetime: String,
    end_datetime: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PolicyReport {
    policy: Policy,
    #[serde(default)]
    summary: Summary,
    #[serde(default)]
    failure_details: Vec<Failure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Policy {
    policy_type: String,
    policy_domain: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", default)]
struct Summary {
    total_successful_session_count: u64,
    total_failure_session_count: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Failure {
    result_type: String,
    #[serde(default)]
    receiving_mx_hostname: String,
    #[serde(default)]
    failed_session_count: u64,
}

/// One report for each domain; several policies of a domain are one report.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Report>, ReportError> {
    let document: Document = serde_json::from_slice(text).map_err(|_| ReportError::Malformed)?;
    let time = |text: &str| parse_time(text).ok_or(ReportError::Malformed);
    let begins = time(&document.date_range.start_datetime)?;
    let ends = time(&document.date_range.end_datetime)?;
    // RFC 8460 §4.4: `contact-info` is an address.
    let source = domain_of_address(&document.contact_info);
    let mut reports: Vec<Report> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for PolicyReport { policy, summary, failure_details } in document.policies {
        let domain = domain_of(&policy.policy_domain).ok_or(ReportError::Malformed)?;
        let at = places.get(&domain).copied().unwrap_or(reports.len());
        if at == reports.len() {
            if at == DOMAINS_MAX {
                continue;
            }
            places.insert(domain.clone(), at);
            reports.push(Report {
                kind: ReportKind::Tls,
                domain,
                reporter: clean(&document.organization_name),
                source: source.clone(),
                id: clean(&document.report_id),
                begins,
                ends,
                passed: 0,
                failed: 0,
                rows: Vec::new(),
            });
        }
        let Some(report) = reports.get_mut(at) else { continue };
        report.passed = report.passed.saturating_add(summary.total_successful_session_count);
        report.failed = report.failed.saturating_add(summary.total_failure_session_count);
        let room = ROWS_MAX.saturating_sub(report.rows.len());
        report.rows.extend(failure_details.into_iter().take(room).map(|failure| Row {
            host: clean(&failure.receiving_mx_hostname),
            count: failure.failed_session_count,
            result: clean(&failure.result_type),
            subject: clean(&policy.policy_type),
            ..Row::default()
        }));
    }
    Ok(reports)
}

/// RFC 3339 §5.6, in UTC or not, by its note with a space in place of `T` as well.
/// QUIRK(Microsoft): it writes no offset, and means UTC.
fn parse_time(text: &str) -> Option<i64> {
    let text = text.replacen(' ', "T", 1);
    let in_utc = || parse_rfc3339(format!("{text}Z").as_bytes());
    parse_rfc3339(text.as_bytes()).or_else(in_utc).map(DateTime::unix_secs)
}
