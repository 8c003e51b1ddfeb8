//! A DMARC report as mail: its subject and file name (RFC 7489 §7.2.1.1).

use mailauth::reports::DmarcReport;

use crate::report_mail::{ReportMail, Sender};

/// The mail, not yet signed.
pub(super) fn render(report: &DmarcReport, sender: &Sender<'_>, to: &str) -> String {
    let messages: u64 = report.rows.iter().map(|(_, count)| count).sum::<u64>() + report.unlisted;
    let mail = ReportMail {
        domain: &report.domain,
        id: &report.id,
        begins: report.begins,
        kind: "dmarc",
        fields: String::new(),
        container: "multipart/mixed",
        subject: "DMARC (RFC 7489)",
        lines: format!("Messages: {messages}\r\n"),
        attached: "application/gzip",
        file_name: report.file_name(sender.submitter()),
        packed: report.packed(),
    };
    mail.render(sender, to)
}

#[cfg(test)]
mod tests {
    use mailauth::reports::read;

    use super::*;
    use crate::settings::Reporter;

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
        let sender = Sender {
            reporter: &reporter,
            hostname: "mail.here.test".to_owned(),
            date: "a date".to_owned(),
        };
        let text = render(&report, &sender, "d@there.test");
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
