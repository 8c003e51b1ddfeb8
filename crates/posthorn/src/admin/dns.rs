//! The DNS records a domain needs, as far as this server knows them.

use std::fmt;

use config::{Config, Protocol};
use net::TlsaRecord;
use serde::Serialize;

use super::DkimRow;

/// A DNS record that an operator is told to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Record {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) value: String,
}

impl fmt::Display for Record {
    /// As it stands in a zone file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} IN {} {}", self.name, self.kind, self.value)
    }
}

impl Record {
    /// The value of the record: of a TXT record its strings put together (RFC 7208 §3.3).
    pub(crate) fn text(&self) -> String {
        match self.kind {
            "TXT" => self.value.split('"').skip(1).step_by(2).collect(),
            _ => self.value.clone(),
        }
    }
}

/// LIMIT: RFC 1035 §3.3, octets of one string of a TXT record.
const STRING_BYTES_MAX: usize = 255;

/// The record that publishes a key.
pub(crate) fn key_record(key: &DkimRow) -> Record {
    let mut strings = Vec::new();
    let mut rest = key.record.as_str();
    while !rest.is_empty() {
        let (string, after) = rest.split_at(rest.len().min(STRING_BYTES_MAX));
        strings.push(format!("\"{string}\""));
        rest = after;
    }
    Record { name: key.name.clone(), kind: "TXT", value: strings.join(" ") }
}

/// The records of one domain.
pub(crate) fn records(domain: &str, config: &Config, keys: &[DkimRow]) -> Vec<Record> {
    let host = &config.hostname;
    let record = |prefix: &str, kind, value| {
        let name = format!("{prefix}{domain}.");
        Record { name, kind, value }
    };
    let reports = reports_address(domain, config);
    let mut records = Vec::new();
    if port(config, Protocol::Smtp).is_some() {
        records.push(record("", "MX", format!("10 {host}.")));
    }
    // RFC 7208 §5.4: `mx` lets the hosts that receive the domain's mail send it too.
    records.push(record("", "TXT", "\"v=spf1 mx -all\"".to_owned()));
    records.extend(keys.iter().map(key_record));
    if keys.iter().any(|key| key.state == "active") {
        // Where nothing is signed, mail that others pass on would be put aside.
        records.push(policy(domain, &reports));
    }
    if config.authenticity.reports.is_some() {
        // RFC 8460 §3.
        let value = format!("\"v=TLSRPTv1; rua=mailto:{reports}\"");
        records.push(record("_smtp._tls.", "TXT", value));
    }
    if let Some((_, elsewhere)) = reports.rsplit_once('@')
        && !elsewhere.eq_ignore_ascii_case(domain)
    {
        // RFC 7489 §7.1: who takes reports of another domain says so.
        let name = format!("{domain}._report._dmarc.{elsewhere}.");
        records.push(Record { name, kind: "TXT", value: "\"v=DMARC1\"".to_owned() });
    }
    if let Some(policy) = crate::sts::policy(config) {
        // RFC 8461 §3.1.
        let id = crate::sts::policy_id(&policy);
        records.push(record("_mta-sts.", "TXT", format!("\"v=STSv1; id={id};\"")));
        records.push(record("mta-sts.", "CNAME", format!("{host}.")));
    }
    // RFC 6186 §3 names submission, imap, imaps, pop3 and pop3s; RFC 8314 §5.1 adds submissions.
    // Those with TLS from the first byte are preferred (RFC 8314 §3), and IMAP to POP3
    // (RFC 6186 §3.4), which is the priority below.
    for (service, protocol, priority) in [
        ("_imaps._tcp.", Protocol::Imaps, 0),
        ("_imap._tcp.", Protocol::Imap, 10),
        ("_pop3s._tcp.", Protocol::Pop3s, 20),
        ("_pop3._tcp.", Protocol::Pop3, 30),
        ("_submissions._tcp.", Protocol::Submissions, 0),
        ("_submission._tcp.", Protocol::Submission, 10),
        // RFC 5804 §1.8.
        ("_sieve._tcp.", Protocol::ManageSieve, 0),
        // RFC 6764 §3: with TLS alone; calendars are not for everybody to read on the way.
        ("_caldavs._tcp.", Protocol::Https, 0),
        ("_carddavs._tcp.", Protocol::Https, 0),
    ] {
        if let Some(port) = port(config, protocol) {
            records.push(record(service, "SRV", format!("{priority} 1 {port} {host}.")));
            if protocol == Protocol::Https {
                // RFC 6764 §4: where calendars and contacts begin.
                records.push(record(service, "TXT", "\"path=/dav/\"".to_owned()));
            }
        }
    }
    records
}

/// What is to be done before mail of a domain is signed, as comments of a zone file (RFC 1035
/// §5.1): nothing where a key signs.
pub(crate) fn advice(domain: &str, config: &Config, keys: &[DkimRow]) -> Vec<String> {
    let has = |state: &str| keys.iter().any(|key| key.state == state);
    if has("active") {
        return Vec::new();
    }
    let policy = policy(domain, &reports_address(domain, config));
    let next = match has("waiting") {
        true => format!(
            "; {domain} has a DKIM key that does not sign yet; once its record is published, this has it \
             sign: posthorn domain dkim activate {domain}"
        ),
        false => format!(
            "; {domain} has no DKIM key, so that its mail is not signed; this makes one, and says what to \
             publish: posthorn domain dkim make {domain}"
        ),
    };
    vec![next, format!("; once it signs, this is to be published as well (DMARC): {policy}")]
}

/// The policy that a domain with a key publishes (RFC 9989 §4.7).
fn policy(domain: &str, reports: &str) -> Record {
    let value = format!("\"v=DMARC1; p=quarantine; rua=mailto:{reports}\"");
    Record { name: format!("_dmarc.{domain}."), kind: "TXT", value }
}

/// Where reports on mail of a domain go.
fn reports_address(domain: &str, config: &Config) -> String {
    match &config.authenticity.reports {
        Some(reports) => reports.to_string(),
        None => format!("postmaster@{domain}"),
    }
}

/// The records of the host itself, which all domains share. With DANE (RFC 7672) other servers know
/// ours by its key; that is published where the certificate is the operator's own, for a key that
/// ACME renews is another each time.
pub(crate) fn host_records(config: &Config) -> Vec<Record> {
    if port(config, Protocol::Smtp).is_none() {
        return Vec::new();
    }
    let Some(certificate) = crate::daemon::certificate_file(config) else { return Vec::new() };
    let read = std::fs::read(certificate).ok();
    let Some(record) = read.and_then(|pem| TlsaRecord::of(&pem)) else { return Vec::new() };
    // RFC 7672 §2.2.3: under the name of the server, at the port of its mail.
    let name = format!("_25._tcp.{}.", config.hostname);
    vec![Record { name, kind: "TLSA", value: record.to_string() }]
}

/// The first port on which a protocol is served.
fn port(config: &Config, protocol: Protocol) -> Option<u16> {
    let listener = config.listeners.iter().find(|listener| listener.protocol == protocol)?;
    listener.bind.first().map(std::net::SocketAddr::port)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_what_is_served_is_published() {
        let text = "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                    [[listener]]\nprotocol = \"smtp\"\nbind = \"[::]:25\"\n\
                    [[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:993\"\n\
                    [[listener]]\nprotocol = \"pop3s\"\nbind = \"[::]:995\"\n";
        let config = config::parse(text, Path::new("p.toml")).unwrap();
        let lines: Vec<_> =
            records("example.test", &config, &[]).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "example.test. IN MX 10 mail.example.test.",
                "example.test. IN TXT \"v=spf1 mx -all\"",
                "_imaps._tcp.example.test. IN SRV 0 1 993 mail.example.test.",
                "_pop3s._tcp.example.test. IN SRV 20 1 995 mail.example.test.",
            ]
        );
    }

    #[test]
    fn a_domain_without_a_key_is_told_how_to_get_one() {
        let text = "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                    [[listener]]\nprotocol = \"smtp\"\nbind = \"[::]:25\"\n";
        let config = config::parse(text, Path::new("p.toml")).unwrap();
        assert_eq!(
            advice("example.test", &config, &[]),
            [
                "; example.test has no DKIM key, so that its mail is not signed; this makes one, and \
                 says what to publish: posthorn domain dkim make example.test",
                "; once it signs, this is to be published as well (DMARC): _dmarc.example.test. IN TXT \
                 \"v=DMARC1; p=quarantine; rua=mailto:postmaster@example.test\"",
            ]
        );
    }

    #[test]
    fn what_is_served_over_https_is_published() {
        let text = "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
                    [[listener]]\nprotocol = \"https\"\nbind = \"[::]:443\"\n\
                    [[listener]]\nprotocol = \"managesieve\"\nbind = \"[::]:4190\"\n";
        let config = config::parse(text, Path::new("p.toml")).unwrap();
        let lines: Vec<_> =
            records("example.test", &config, &[]).iter().map(ToString::to_string).collect();
        let id = crate::sts::policy_id(&crate::sts::policy(&config).unwrap());
        assert_eq!(
            lines[1..],
            [
                format!("_mta-sts.example.test. IN TXT \"v=STSv1; id={id};\""),
                "mta-sts.example.test. IN CNAME mail.example.test.".to_owned(),
                "_sieve._tcp.example.test. IN SRV 0 1 4190 mail.example.test.".to_owned(),
                "_caldavs._tcp.example.test. IN SRV 0 1 443 mail.example.test.".to_owned(),
                "_caldavs._tcp.example.test. IN TXT \"path=/dav/\"".to_owned(),
                "_carddavs._tcp.example.test. IN SRV 0 1 443 mail.example.test.".to_owned(),
                "_carddavs._tcp.example.test. IN TXT \"path=/dav/\"".to_owned(),
            ]
        );
    }

    #[test]
    fn the_key_of_a_certificate_is_published_for_dane() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        let names = ["mail.example.test".to_owned()];
        net::generate_self_signed(&certificate, &key, &names).unwrap();
        let of = |mode: &str| {
            let text = format!(
                "hostname = \"mail.example.test\"\n[tls]\n{mode}\n[[listener]]\nprotocol = \"smtp\"\n\
                 bind = \"[::]:25\"\n"
            );
            host_records(&config::parse(&text, Path::new("p.toml")).unwrap())
        };
        let files = format!("mode = \"files\"\ncertificate = {certificate:?}\nkey = {key:?}");
        let [record] = &of(&files)[..] else { panic!() };
        let line = record.to_string();
        let start = "_25._tcp.mail.example.test. IN TLSA 3 1 1 ";
        assert!(line.starts_with(start) && line.len() == start.len() + 64, "{line}");
        assert_eq!(of("mode = \"self-signed\""), [], "there is none yet");
    }

    #[test]
    fn keys_are_published_and_those_that_sign_bring_a_policy() {
        let config = config::parse(
            "hostname = \"mail.example.test\"\n[tls]\nmode = \"self-signed\"\n\
             [[listener]]\nprotocol = \"imaps\"\nbind = \"[::]:993\"\n",
            Path::new("p.toml"),
        )
        .unwrap();
        let key = |selector: &str, state: &str, bytes: usize| DkimRow {
            selector: selector.to_owned(),
            algorithm: "rsa-sha256".to_owned(),
            state: state.to_owned(),
            since: String::new(),
            name: format!("{selector}._domainkey.example.test."),
            record: "p".repeat(bytes),
        };
        let lines = |keys: &[DkimRow]| -> Vec<String> {
            let records = records("example.test", &config, keys);
            records.iter().map(ToString::to_string).filter(|line| !line.contains("SRV")).collect()
        };
        let waiting = lines(&[key("a", "waiting", 3)]);
        assert_eq!(waiting[1..], ["a._domainkey.example.test. IN TXT \"ppp\""]);
        let active = lines(&[key("a", "active", 300)]);
        let (first, second) = ("p".repeat(255), "p".repeat(45));
        assert_eq!(
            active[1..],
            [
                format!("a._domainkey.example.test. IN TXT \"{first}\" \"{second}\""),
                "_dmarc.example.test. IN TXT \"v=DMARC1; p=quarantine; \
                 rua=mailto:postmaster@example.test\""
                    .to_owned(),
            ]
        );
        assert_eq!(key_record(&key("a", "active", 300)).text(), "p".repeat(300));
    }
}
