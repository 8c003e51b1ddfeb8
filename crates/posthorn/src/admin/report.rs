//! Reports of others about mail of our domains.

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
        let found = self.read(move |tx| tx.mail_reports(domain.as_deref(), since, ROWS_MAX)).await;
        let found = found.map_err(|error| refusal("reports", error))?;
        Ok(Response::Reports(found.into_iter().map(row).collect()))
    }
}

fn row(report: storage::MailReport) -> ReportRow {
    let text = |at: ids::Timestamp| {
        jiff::Timestamp::from_second(at.as_secs()).map(|at| at.to_string()).unwrap_or_default()
    };
    ReportRow {
        begins: text(report.begins),
        ends: text(report.ends),
        details: serde_json::from_str(&report.details_json).unwrap_or_default(),
        kind: report.kind,
        domain: report.domain,
        reporter: report.reporter,
        id: report.report_id,
        passed: report.passed,
        failed: report.failed,
    }
}
