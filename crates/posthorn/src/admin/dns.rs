//! The DNS records a domain needs, as far as this server knows them.

use std::fmt;

use config::{Config, Protocol};
use serde::Serialize;

/// One record.
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

/// The records of one domain.
pub(crate) fn records(domain: &str, config: &Config) -> Vec<Record> {
    let host = &config.hostname;
    let record = |prefix: &str, kind, value| {
        let name = format!("{prefix}{domain}.");
        Record { name, kind, value }
    };
    let mut records = Vec::new();
    if port(config, Protocol::Smtp).is_some() {
        records.push(record("", "MX", format!("10 {host}.")));
    }
    // RFC 7208 §5.4: `mx` lets the hosts that receive the domain's mail send it too.
    records.push(record("", "TXT", "\"v=spf1 mx -all\"".to_owned()));
    // RFC 6186 §3 names submission, imap, imaps, pop3 and pop3s; RFC 8314 §5.1 adds submissions.
    // Those with TLS from the first byte are preferred (RFC 8314 §3), and IMAP to POP3 (RFC 6186
    // §3.4), which is the priority below.
    for (service, protocol, priority) in [
        ("_imaps._tcp.", Protocol::Imaps, 0),
        ("_imap._tcp.", Protocol::Imap, 10),
        ("_pop3s._tcp.", Protocol::Pop3s, 20),
        ("_pop3._tcp.", Protocol::Pop3, 30),
        ("_submissions._tcp.", Protocol::Submissions, 0),
        ("_submission._tcp.", Protocol::Submission, 10),
    ] {
        if let Some(port) = port(config, protocol) {
            records.push(record(service, "SRV", format!("{priority} 1 {port} {host}.")));
        }
    }
    records
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
            records("example.test", &config).iter().map(ToString::to_string).collect();
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
}
