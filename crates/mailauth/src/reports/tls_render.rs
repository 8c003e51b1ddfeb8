//! Reports of TLS to others: RFC 8460 §3 (whom they go to), §4.4 and §5.1 (what they are).

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use message::address::Address;
use message::date::{DateTime, format_rfc3339};
use serde::Serialize;

/// LIMIT: addresses of one domain that are told.
const ADDRESSES_MAX: usize = 3;
/// LIMIT: bytes of one address.
const ADDRESS_BYTES_MAX: usize = 1_000;

/// Where a domain wants its reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportAddress {
    /// By mail, to this address.
    Mail(String),
    /// By POST to this URL.
    Https(String),
}

/// A report on the sessions of one day with the servers of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsReport {
    /// The name of the organisation that reports.
    pub organization: String,
    /// An address for questions.
    pub contact: String,
    /// The report's id, unique among those of this reporter.
    pub id: String,
    /// The first second of the period, Unix time.
    pub begins: i64,
    /// The last second of the period, Unix time, inclusive.
    pub ends: i64,
    /// The domain whose servers the sessions went to.
    pub domain: String,
    /// The sessions, by the policy that applied to them.
    pub policies: Vec<TlsPolicyResult>,
}

/// The sessions that one policy applied to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsPolicyResult {
    /// `sts`, `tlsa` or `no-policy-found`.
    pub kind: String,
    /// The lines of the policy.
    pub lines: Vec<String>,
    /// Sessions that went well.
    pub succeeded: u64,
    /// Sessions that failed, by how.
    pub failures: Vec<TlsFailures>,
}

/// Sessions that failed alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFailures {
    /// The result type of RFC 8460 §4.3, such as `certificate-expired`.
    pub result: String,
    /// The host name of the receiving server; may be empty.
    pub host: String,
    /// The IP address of the receiving server; may be empty.
    pub address: String,
    /// The local address of the session; may be empty.
    pub source: String,
    /// How many sessions failed so.
    pub sessions: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    organization_name: &'a str,
    date_range: DateRange,
    contact_info: &'a str,
    report_id: &'a str,
    policies: Vec<PolicyReport<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct DateRange {
    start_datetime: String,
    end_datetime: String,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct PolicyReport<'a> {
    policy: Policy<'a>,
    summary: Summary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failure_details: Vec<Failure<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Policy<'a> {
    policy_type: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    policy_string: &'a [String],
    policy_domain: &'a str,
    /// The patterns of an MTA-STS policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mx_host: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Summary {
    total_successful_session_count: u64,
    total_failure_session_count: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Failure<'a> {
    result_type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sending_mta_ip: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    receiving_mx_hostname: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    receiving_ip: &'a str,
    failed_session_count: u64,
}

impl TlsReport {
    /// The report as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let document = Document {
            organization_name: &self.organization,
            date_range: DateRange {
                start_datetime: time(self.begins),
                end_datetime: time(self.ends),
            },
            contact_info: &self.contact,
            report_id: &self.id,
            policies: self.policies.iter().map(|policy| self.policy(policy)).collect(),
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }

    fn policy<'a>(&'a self, result: &'a TlsPolicyResult) -> PolicyReport<'a> {
        let pattern = |line: &'a String| line.strip_prefix("mx: ");
        let failed = |sum: u64, one: &TlsFailures| sum.saturating_add(one.sessions);
        PolicyReport {
            policy: Policy {
                policy_type: &result.kind,
                policy_string: &result.lines,
                policy_domain: &self.domain,
                mx_host: result.lines.iter().filter_map(pattern).collect(),
            },
            summary: Summary {
                total_successful_session_count: result.succeeded,
                total_failure_session_count: result.failures.iter().fold(0, failed),
            },
            failure_details: result
                .failures
                .iter()
                .map(|failure| Failure {
                    result_type: &failure.result,
                    sending_mta_ip: &failure.source,
                    receiving_mx_hostname: &failure.host,
                    receiving_ip: &failure.address,
                    failed_session_count: failure.sessions,
                })
                .collect(),
        }
    }

    /// The report as JSON, compressed with gzip (RFC 8460 §5.2).
    pub fn packed(&self) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        // Nothing fails that goes into memory.
        let _ = encoder.write_all(&self.to_json());
        encoder.finish().unwrap_or_default()
    }

    /// RFC 8460 §5.1: what its file is called.
    pub fn file_name(&self, submitter: &str) -> String {
        let Self { domain, begins, ends, id, .. } = self;
        format!("{submitter}!{domain}!{begins}!{ends}!{id}.json.gz")
    }
}

/// RFC 3339 §5.6.
fn time(secs: i64) -> String {
    format_rfc3339(DateTime::from_unix_secs(secs))
}

/// Where the record at `_smtp._tls` of a domain has reports sent (RFC 8460 §3).
pub fn report_addresses(texts: &[Vec<u8>]) -> Vec<ReportAddress> {
    let mut records = texts
        .iter()
        .filter_map(|text| std::str::from_utf8(text).ok())
        .filter(|text| text.starts_with("v=TLSRPTv1;"));
    // RFC 8460 §3: where there are several, nobody is told.
    let (Some(record), None) = (records.next(), records.next()) else { return Vec::new() };
    let mut fields = record.split(';').filter_map(|field| field.split_once('='));
    let Some((_, list)) = fields.find(|(name, _)| name.trim() == "rua") else {
        return Vec::new();
    };
    list.split(',').filter_map(report_address).take(ADDRESSES_MAX).collect()
}

/// Parses one URI of a list of report addresses.
pub(crate) fn report_address(uri: &str) -> Option<ReportAddress> {
    let uri = uri.trim();
    if uri.len() > ADDRESS_BYTES_MAX || uri.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return None;
    }
    let scheme = |name: &str| {
        uri.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name))?;
        uri.get(name.len()..)
    };
    if let Some(address) = scheme("mailto:") {
        // RFC 6068 §2: what follows a question mark is no address.
        let address = percent_decoded(address.split('?').next().unwrap_or_default())?;
        let address = Address::parse_path(&address).ok()?;
        return Some(ReportAddress::Mail(address.to_string()));
    }
    scheme("https://").map(|_| ReportAddress::Https(uri.to_owned()))
}

/// RFC 3986 §2.1: `pct-encoded = "%" HEXDIG HEXDIG`, and nothing else after a percent sign.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |bytes: &mut std::str::Bytes<'_>| {
        let digit = char::from(bytes.next()?).to_digit(16)?;
        u8::try_from(digit).ok()
    };
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => digit(&mut bytes)? << 4 | digit(&mut bytes)?,
            byte => byte,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::super::{parse, unpack};
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let failure = |result: &str, sessions| TlsFailures {
            result: result.to_owned(),
            host: "mx1.there.test".to_owned(),
            address: "2001:db8::1".to_owned(),
            source: "2001:db8::25".to_owned(),
            sessions,
        };
        let lines = ["version: STSv1", "mode: testing", "mx: *.there.test", "max_age: 86400"];
        let report = TlsReport {
            organization: "here.test".to_owned(),
            contact: "reports@here.test".to_owned(),
            id: "2016-04-01-there.test@here.test".to_owned(),
            begins: 1_459_468_800,
            ends: 1_459_555_199,
            domain: "there.test".to_owned(),
            policies: vec![
                TlsPolicyResult {
                    kind: "sts".to_owned(),
                    lines: lines.map(str::to_owned).to_vec(),
                    succeeded: 5326,
                    failures: vec![
                        failure("certificate-expired", 100),
                        failure("starttls-not-supported", 200),
                    ],
                },
                TlsPolicyResult {
                    kind: "no-policy-found".to_owned(),
                    succeeded: 1,
                    ..TlsPolicyResult::default()
                },
            ],
        };
        let text = unpack::unpack(&report.packed()).unwrap().unwrap();
        assert_eq!(text, report.to_json());
        let found = parse(&text);
        let [Ok(read)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((read.domain.as_str(), read.passed, read.failed), ("there.test", 5327, 300));
        assert_eq!((read.begins, read.ends), (report.begins, report.ends));
        let start = "{\"organization-name\":\"here.test\",\"date-range\":{\"start-datetime\":\
                     \"2016-04-01T00:00:00Z\",\"end-datetime\":\"2016-04-01T23:59:59Z\"},";
        assert!(text.starts_with(start.as_bytes()), "{}", String::from_utf8_lossy(&text));
        for part in [
            &b"\"mx-host\":[\"*.there.test\"]"[..],
            b"{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"2001:db8::25\",\
              \"receiving-mx-hostname\":\"mx1.there.test\",\"receiving-ip\":\"2001:db8::1\",\
              \"failed-session-count\":100}",
        ] {
            assert!(text.windows(part.len()).any(|window| window == part), "{part:?}");
        }
        let name = "mail.here.test!there.test!1459468800!1459555199!\
                    2016-04-01-there.test@here.test.json.gz";
        assert_eq!(report.file_name("mail.here.test"), name);
    }

    #[test]
    fn records_say_where() {
        let mail = |address: &str| ReportAddress::Mail(address.to_owned());
        let https = |url: &str| ReportAddress::Https(url.to_owned());
        for (texts, expect) in [
            (
                // RFC 8460 §3.1.
                &["v=TLSRPTv1; rua=mailto:reports@example.com"][..],
                vec![mail("reports@example.com")],
            ),
            (
                &["v=TLSRPTv1; rua=https://r.example.com/v1/tlsrpt"],
                vec![https("https://r.example.com/v1/tlsrpt")],
            ),
            (
                &["other", "v=TLSRPTv1;rua=MAILTO:a@b.test?subject=x , https://c.test/,ftp://d/;"],
                vec![mail("a@b.test"), https("https://c.test/")],
            ),
            (&["v=TLSRPTv1; rua=mailto:a@b", "v=TLSRPTv1; rua=mailto:c@d"], vec![]),
            (&["v=TLSRPTv1; rua=mailto:nobody,mailto:a%0Ab@c,mailto:a b@c"], vec![]),
            (
                // RFC 6068 §2 and §6.
                &["v=TLSRPTv1; rua=mailto:a%2Bb@c.test,mailto:gorby%25kremvax@c.test,\
                   mailto:%22not%40me%22@c.test"],
                vec![mail("a+b@c.test"), mail("gorby%kremvax@c.test"), mail("\"not@me\"@c.test")],
            ),
            (&["v=TLSRPTv1; rua=mailto:caf%C3%A9@c.test"], vec![mail("caf\u{e9}@c.test")]),
            (
                // Cut, no digits, twice encoded, two addresses, breaks, no UTF-8.
                &["v=TLSRPTv1; rua=mailto:a@b.test%2,mailto:a%@b.test,mailto:a%+1@b.test,\
                   mailto:a%2540b.test,mailto:a@b.test%2Cc@d.test,mailto:a%0D%0Ax@b.test,\
                   mailto:a%00@b.test,mailto:%FF@b.test,mailto:a%40b@c.test,mailto:a%20b@c.test"],
                vec![],
            ),
            (&["v=TLSRPTv1"], vec![]),
            (&["v=TLSRPTv1; x=y"], vec![]),
            (
                &["v=TLSRPTv1; rua=mailto:1@b,mailto:2@b,mailto:3@b,mailto:4@b"],
                vec![mail("1@b"), mail("2@b"), mail("3@b")],
            ),
        ] {
            let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            assert_eq!(report_addresses(&texts), expect, "{texts:?}");
        }
    }
}
