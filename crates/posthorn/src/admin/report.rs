//! DMARC and TLS reports of others about our domains, listed.

use storage::StorageError;

use super::access_key::instant;
use super::text::refusal;
use super::{Admin, Refusal, ReportRow, Response};

/// LIMIT: reports that are shown.
const ROWS_MAX: usize = 1_000;

impl Admin {
    pub(super) async fn list_reports(
        &self,
        domain: Option<String>,
        days: u32,
    ) -> Result<Response, Refusal> {
        let since = self.store.now().plus_secs(-i64::from(days) * 86_400);
        let subject = domain.clone().unwrap_or_else(|| "reports".to_owned());
        let found = self.read(move |tx| {
            if let Some(name) = &domain {
                tx.find_domain(name)?.ok_or(StorageError::NotFound("domain"))?;
            }
            tx.mail_reports(domain.as_deref(), since, ROWS_MAX)
        });
        let found = found.await.map_err(|error| refusal(&subject, error))?;
        Ok(Response::Reports(found.into_iter().map(row).collect()))
    }
}

fn row(report: storage::MailReport) -> ReportRow {
    ReportRow {
        begins: instant(report.begins),
        ends: instant(report.ends),
        details: serde_json::from_str(&report.details_json).unwrap_or_default(),
        kind: report.kind,
        domain: report.domain,
        reporter: report.reporter,
        id: report.report_id,
        passed: report.passed,
        failed: report.failed,
    }
}
