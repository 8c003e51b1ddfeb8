//! A report by mail: RFC 8460 §5.3.

use std::fmt::Write as _;

use mailauth::reports::TlsReport;
use message::date::{DateTime, format_rfc5322};
use storage::{Address, StorageError};

use crate::queue::Inner;
use crate::report_mail::{Mailed, TlsNeed, push_base64};
use crate::settings::Reporter;

/// Writes a report to an address; `None` where that is none.
pub(super) async fn prepare(
    inner: &Inner,
    reporter: &Reporter,
    report: &TlsReport,
    to: &str,
) -> Result<Option<Mailed>, StorageError> {
    let Ok(address) = Address::parse(to) else { return Ok(None) };
    let settings = inner.settings();
    let date = format_rfc5322(DateTime::from_unix_secs(inner.store.now().as_secs()));
    let text = render(report, reporter, &settings.hostname, &address.to_string(), &date);
    // RFC 8460 §3: a report is signed by the domain it is from; without a key it goes all the
    // same, and may not be believed.
    let (bytes, _) = inner.signed(text).await;
    // RFC 8460 §3: a report of TLS that fails is not held up by TLS that fails.
    Mailed::new(inner, bytes, &address, TlsNeed::None).await.map(Some)
}

fn render(report: &TlsReport, reporter: &Reporter, hostname: &str, to: &str, date: &str) -> String {
    let TlsReport { domain, id, .. } = report;
    let submitter = reporter.address.rsplit_once('@').map_or(hostname, |(_, domain)| domain);
    let boundary = format!("=_tlsrpt_{:x}", report.begins);
    let name = report.file_name(submitter);
    let (passed, failed) = report.policies.iter().fold((0_u64, 0_u64), |(passed, failed), one| {
        let sessions: u64 = one.failures.iter().map(|failure| failure.sessions).sum();
        (passed.saturating_add(one.succeeded), failed.saturating_add(sessions))
    });
    let mut out = format!(
        "From: <{}>\r\nTo: <{to}>\r\n\
         Subject: Report Domain: {domain}\r\n Submitter: {submitter}\r\n Report-ID: <{id}@{submitter}>\r\n\
         Date: {date}\r\nMessage-ID: <tlsrpt.{id}@{hostname}>\r\n\
         TLS-Report-Domain: {domain}\r\nTLS-Report-Submitter: {submitter}\r\nTLS-Required: No\r\n\
         Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n\tboundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\
         Content-Transfer-Encoding: 7bit\r\n\r\n\
         This is an aggregate report of TLS from {submitter} (RFC 8460).\r\n\r\n\
         Domain: {domain}\r\nSessions that went well: {passed}\r\n\
         Sessions that failed: {failed}\r\n\r\n\
         --{boundary}\r\nContent-Type: application/tlsrpt+gzip\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment;\r\n\tfilename=\"{name}\"\r\n\r\n",
        reporter.address
    );
    push_base64(&mut out, &report.packed());
    let _ = write!(out, "--{boundary}--\r\n");
    out
}

#[cfg(test)]
mod tests {
    use mailauth::reports::{TlsFailures, TlsPolicyResult, read};

    use super::*;

    #[test]
    fn a_report_by_mail_is_read_by_who_reads_reports() {
        let reporter =
            Reporter { organization: "Here".to_owned(), address: "reports@here.test".to_owned() };
        let failure = TlsFailures {
            result: "certificate-expired".to_owned(),
            host: "mx.there.test".to_owned(),
            address: "192.0.2.1".to_owned(),
            sessions: 2,
        };
        let report = TlsReport {
            organization: "Here".to_owned(),
            contact: reporter.address.clone(),
            id: "172800.there.test".to_owned(),
            begins: 172_800,
            ends: 259_199,
            domain: "there.test".to_owned(),
            policies: vec![TlsPolicyResult {
                kind: "no-policy-found".to_owned(),
                succeeded: 5,
                failures: vec![failure],
                ..TlsPolicyResult::default()
            }],
        };
        let text = render(&report, &reporter, "mail.here.test", "tls@there.test", "a date");
        for line in [
            "TLS-Report-Domain: there.test\r\n",
            "TLS-Report-Submitter: here.test\r\n",
            "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n",
            "filename=\"here.test!there.test!172800!259199!172800.there.test.json.gz\"\r\n",
            "Sessions that went well: 5\r\nSessions that failed: 2\r\n",
        ] {
            assert!(text.contains(line), "{line} {text}");
        }
        assert!(text.is_ascii() && text.split("\r\n").all(|line| line.len() <= 200), "{text}");
        let found = read(text.as_bytes());
        let [Ok(read)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((read.domain.as_str(), read.passed, read.failed), ("there.test", 5, 2));
    }
}
