//! A report by mail: RFC 7489 §7.2.1.1.

use std::fmt::Write as _;

use mailauth::reports::DmarcReport;
use message::date::{DateTime, format_rfc5322};

use crate::queue::Inner;
use crate::report_mail::push_base64;
use crate::settings::Reporter;

/// The mail, not yet signed.
pub(super) fn render(report: &DmarcReport, reporter: &Reporter, inner: &Inner, to: &str) -> String {
    let date = format_rfc5322(DateTime::from_unix_secs(inner.store.now().as_secs()));
    render_at(report, reporter, &inner.settings().hostname, to, &date)
}

fn render_at(
    report: &DmarcReport,
    reporter: &Reporter,
    hostname: &str,
    to: &str,
    date: &str,
) -> String {
    let DmarcReport { domain, id, .. } = report;
    let submitter = reporter.address.rsplit_once('@').map_or(hostname, |(_, domain)| domain);
    let boundary = format!("=_dmarc_{:x}", report.begins);
    let name = report.file_name(submitter);
    let messages: u64 = report.rows.iter().map(|(_, count)| count).sum::<u64>() + report.unlisted;
    let mut out = format!(
        "From: <{}>\r\nTo: <{to}>\r\n\
         Subject: Report Domain: {domain}\r\n Submitter: {submitter}\r\n Report-ID: <{id}@{submitter}>\r\n\
         Date: {date}\r\nMessage-ID: <dmarc.{id}@{hostname}>\r\n\
         Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\nContent-Type: text/plain; charset=us-ascii\r\n\
         Content-Transfer-Encoding: 7bit\r\n\r\n\
         This is an aggregate report of DMARC from {submitter} (RFC 7489).\r\n\r\n\
         Domain: {domain}\r\nMessages: {messages}\r\n\r\n\
         --{boundary}\r\nContent-Type: application/gzip\r\n\
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
    use mailauth::reports::read;

    use super::*;

    #[test]
    fn a_report_by_mail_is_read_by_who_reads_reports() {
        let reporter =
            Reporter { organization: "Here".to_owned(), address: "reports@here.test".to_owned() };
        let row = "{\"policy\":{\"policy\":\"reject\",\"subdomains\":\"none\",\"dkim_strict\":false,\
                   \"spf_strict\":false,\"percent\":100,\"failure_options\":\"0\"},\
                   \"source\":\"192.0.2.1\",\"disposition\":\"reject\",\"reason\":null,\"dkim\":false,\
                   \"spf\":false,\"header_from\":\"there.test\",\"envelope_from\":\"\",\
                   \"signatures\":[],\"path\":{\"domain\":\"mx\",\"scope\":\"helo\",\
                   \"result\":\"none\"}}";
        let report = DmarcReport {
            organization: "Here".to_owned(),
            contact: reporter.address.clone(),
            id: "172800theretest".to_owned(),
            begins: 172_800,
            ends: 259_199,
            domain: "there.test".to_owned(),
            rows: vec![(serde_json::from_str(row).unwrap(), 3)],
            unlisted: 0,
        };
        let text = render_at(&report, &reporter, "mail.here.test", "d@there.test", "a date");
        for line in [
            "Subject: Report Domain: there.test\r\n Submitter: here.test\r\n \
             Report-ID: <172800theretest@here.test>\r\n",
            "Content-Type: application/gzip\r\n",
            "filename=\"here.test!there.test!172800!259199!172800theretest.xml.gz\"\r\n",
            "Messages: 3\r\n",
        ] {
            assert!(text.contains(line), "{line} {text}");
        }
        assert!(text.is_ascii() && text.split("\r\n").all(|line| line.len() <= 300), "{text}");
        let found = read(text.as_bytes());
        let [Ok(read)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((read.domain.as_str(), read.passed, read.failed), ("there.test", 0, 3));
    }
}
