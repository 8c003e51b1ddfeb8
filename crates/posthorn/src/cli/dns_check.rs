//! Looks up whether the records that a domain needs are published.

use config::Config;
use net::{DnsError, DnsTrust, SystemDns};
use serde::Serialize;

use super::Failure;
use crate::admin::dns::Record;

/// What the DNS says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    /// The record is published.
    Published,
    /// Another record stands in its place.
    Different,
    /// There is none.
    Missing,
    /// The DNS did not answer.
    Unanswered,
}

impl Checked {
    /// Whether something is to be done. DANE is for who signs the zone: without its record mail
    /// comes all the same, with a wrong one it does not.
    pub(super) fn is_wrong(&self) -> bool {
        match (self.state, self.record.kind) {
            (State::Published, _) | (State::Missing, "TLSA") => false,
            (State::Different | State::Missing | State::Unanswered, _) => true,
        }
    }
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Different => "different",
            Self::Missing => "missing",
            Self::Unanswered => "unanswered",
        }
    }
}

/// A record, and what was found of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Checked {
    #[serde(flatten)]
    pub(super) record: Record,
    pub(super) state: State,
    /// What is there in its place.
    pub(super) found: Vec<String>,
}

/// Looks every record up, at the servers that the daemon asks.
pub(super) fn check(config: &Config, records: Vec<Record>) -> Result<Vec<Checked>, Failure> {
    let servers = config.queue.dns.as_deref().unwrap_or_default();
    crate::daemon::block_on(async {
        let dns = SystemDns::new(servers, DnsTrust::Nobody)
            .map_err(|error| Failure::new(error.to_string()))?;
        let mut checked = Vec::new();
        for record in records {
            let found = dns.found(&record.name, record.kind).await;
            checked.push(judge(record, found));
        }
        Ok(checked)
    })?
}

fn judge(record: Record, found: Result<Vec<String>, DnsError>) -> Checked {
    let found = match found {
        Ok(found) => found,
        Err(DnsError::NoSuchName) => Vec::new(),
        Err(DnsError::Temporary(_)) => {
            return Checked { record, state: State::Unanswered, found: Vec::new() };
        }
    };
    let expected = record.text();
    let alike: Vec<String> =
        found.into_iter().filter(|found| is_alike(record.kind, &expected, found)).collect();
    let state = match alike.as_slice() {
        [] => State::Missing,
        _ if alike.iter().any(|found| is_same(record.kind, &expected, found)) => State::Published,
        _ => State::Different,
    };
    let found = if state == State::Different { alike } else { Vec::new() };
    Checked { record, state, found }
}

/// Whether a record stands for the same thing: among texts, one of the same version.
fn is_alike(kind: &str, expected: &str, found: &str) -> bool {
    let version = |text: &str| {
        let end = text.find([';', ' ']).unwrap_or(text.len());
        text.get(..end).unwrap_or_default().to_ascii_lowercase()
    };
    kind != "TXT" || version(expected) == version(found)
}

fn is_same(kind: &str, expected: &str, found: &str) -> bool {
    let normal = |text: &str| -> String {
        text.chars().filter(|char| !char.is_whitespace() && *char != ';').collect()
    };
    match kind {
        // Which policy, and who gets reports, is the domain's own choice.
        "TXT" if expected.starts_with("v=DMARC1") || expected.starts_with("v=TLSRPTv1") => true,
        "TXT" => normal(expected) == normal(found),
        // Whatever its preference.
        "MX" => {
            let host = |text: &str| text.split(' ').nth(1).map(str::to_ascii_lowercase);
            host(expected) == host(found)
        }
        _ => expected.eq_ignore_ascii_case(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(kind: &'static str, value: &str, found: &[&str]) -> State {
        let record = Record { name: "x.".to_owned(), kind, value: value.to_owned() };
        judge(record, Ok(found.iter().map(|text| (*text).to_owned()).collect())).state
    }

    #[test]
    fn records_are_compared_by_what_they_mean() {
        let key = "\"v=DKIM1; k=rsa; p=AAAA\" \"BBBB\"";
        for (kind, value, found, expected) in [
            ("MX", "10 mail.x.", &["20 MAIL.x."][..], State::Published),
            ("MX", "10 mail.x.", &["10 other.x."], State::Different),
            ("TXT", "\"v=spf1 mx -all\"", &["other", "v=spf1 mx -all"], State::Published),
            ("TXT", "\"v=spf1 mx -all\"", &["v=spf1 ~all"], State::Different),
            ("TXT", "\"v=spf1 mx -all\"", &["other"], State::Missing),
            ("TXT", key, &["v=DKIM1;k=rsa;p=AAAABBBB"], State::Published),
            ("TXT", key, &["v=DKIM1; k=rsa; p=AAAA"], State::Different),
            ("TXT", "\"v=DMARC1; p=quarantine\"", &["v=DMARC1; p=none"], State::Published),
            ("SRV", "0 1 993 mail.x.", &["0 1 993 mail.x."], State::Published),
            ("SRV", "0 1 993 mail.x.", &["0 1 143 mail.x."], State::Different),
            ("SRV", "0 1 993 mail.x.", &[], State::Missing),
            ("CNAME", "mail.x.", &["MAIL.x."], State::Published),
            ("TXT", "\"v=STSv1; id=1;\"", &["v=STSv1; id=1"], State::Published),
            ("TXT", "\"v=STSv1; id=1;\"", &["v=STSv1; id=2;"], State::Different),
        ] {
            assert_eq!(state(kind, value, found), expected, "{value} {found:?}");
        }
    }
}
