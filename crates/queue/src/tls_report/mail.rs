//! A TLS report as mail: `multipart/report` with the compressed JSON (RFC 8460 §5.3).

use mailauth::reports::TlsReport;
use storage::{Address, StorageError};

use crate::queue::Inner;
use crate::report_mail::{Mailed, ReportMail, Sender, TlsNeed};
use crate::settings::Reporter;

/// Writes a report to an address; `None` where nobody signs it.
pub(super) async fn prepare(
    inner: &Inner,
    reporter: &Reporter,
    report: &TlsReport,
    to: &Address,
) -> Result<Option<Mailed>, StorageError> {
    let text = render(report, &Sender::new(inner, reporter), &to.to_string());
    let (bytes, is_signed) = inner.signed(text).await;
    if !is_signed {
        // RFC 8460 §3: a report must be signed by the domain it is from, and is ignored where it is
        // not.
        let address = &reporter.address;
        tracing::warn!(address, "reports of TLS are not sent: no key signs for this address");
        return Ok(None);
    }
    // RFC 8460 §3: a report of TLS that fails is not held up by TLS that fails.
    Mailed::new(inner, bytes, to, TlsNeed::None).await.map(Some)
}

fn render(report: &TlsReport, sender: &Sender<'_>, to: &str) -> String {
    let (domain, submitter) = (report.domain.as_str(), sender.submitter());
    let (passed, failed) = report.policies.iter().fold((0_u64, 0_u64), |(passed, failed), one| {
        let sessions: u64 = one.failures.iter().map(|failure| failure.sessions).sum();
        (passed.saturating_add(one.succeeded), failed.saturating_add(sessions))
    });
    let mail = ReportMail {
        domain,
        id: &report.id,
        begins: report.begins,
        kind: "tlsrpt",
        // RFC 8460 §5.3; the last is that of RFC 8689 §3.
        fields: format!(
            "TLS-Report-Domain: {domain}\r\nTLS-Report-Submitter: {submitter}\r\n\
             TLS-Required: No\r\n"
        ),
        container: "multipart/report; report-type=\"tlsrpt\"",
        subject: "TLS (RFC 8460)",
        lines: format!("Sessions that went well: {passed}\r\nSessions that failed: {failed}\r\n"),
        attached: "application/tlsrpt+gzip",
        file_name: report.file_name(submitter),
        packed: report.packed(),
    };
    mail.render(sender, to)
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
            source: String::new(),
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
        let sender = Sender {
            reporter: &reporter,
            hostname: "mail.here.test".to_owned(),
            date: "a date".to_owned(),
        };
        let text = render(&report, &sender, "tls@there.test");
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
