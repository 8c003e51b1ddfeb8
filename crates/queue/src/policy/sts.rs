//! MTA-STS: what a domain publishes of its servers (RFC 8461 §3). No I/O.

use std::time::Duration;

use message::address::normal_domain;

/// RFC 8461 §3.2: `max_age` is a year at most.
const MAX_AGE_SECS: u64 = 31_557_600;
/// LIMIT: patterns of one policy; large providers have ten.
const PATTERNS_MAX: usize = 200;

/// What happens to mail for a server that does not stand the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StsMode {
    /// Mail is not sent where the policy is not met.
    Enforce,
    /// Mail is sent where the policy is not met, and that is reported.
    Testing,
    /// The domain has given the policy up.
    None,
}

/// A policy of MTA-STS (RFC 8461 §3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StsPolicy {
    pub(crate) mode: StsMode,
    pub(crate) max_age: Duration,
    /// Names of servers, in normal form; `*.` stands for one label.
    pub(crate) patterns: Vec<String>,
}

/// RFC 8461 §3.1: the id, where exactly one record is a policy's.
pub(crate) fn parse_record(texts: &[Vec<u8>]) -> Option<String> {
    let mut records = texts
        .iter()
        .filter_map(|text| std::str::from_utf8(text).ok())
        .filter(|text| text.starts_with("v=STSv1;"));
    let (record, None) = (records.next()?, records.next()) else { return None };
    let mut fields = record.split(';').filter_map(|field| field.split_once('='));
    let (_, id) = fields.find(|(name, _)| name.trim_matches([' ', '\t']) == "id")?;
    let id = id.trim_matches([' ', '\t']);
    // sts-id = %s"id" *WSP "=" *WSP 1*32(ALPHA / DIGIT)
    let valid = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    valid.then(|| id.to_owned())
}

impl StsPolicy {
    /// RFC 8461 §3.2: one `name: value` a line; unknown names are passed over, and of known ones
    /// but `mx` the first counts.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mut version, mut mode, mut max_age) = (None, None, None);
        let mut patterns = Vec::new();
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim_matches([' ', '\t']);
            match name {
                "version" => version = version.or(Some(value)),
                "mode" => mode = mode.or(Some(value)),
                "max_age" => max_age = max_age.or(Some(value)),
                "mx" if patterns.len() < PATTERNS_MAX => patterns.push(pattern(value)?),
                _ => {}
            }
        }
        let mode = match mode? {
            "enforce" => StsMode::Enforce,
            "testing" => StsMode::Testing,
            "none" => StsMode::None,
            _ => return None,
        };
        // sts-policy-max-age-value = 1*10(DIGIT)
        let is_number = |text: &&str| text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit());
        let secs: u64 = max_age.filter(is_number)?.parse().ok()?;
        let whole = version? == "STSv1" && (mode == StsMode::None || !patterns.is_empty());
        whole.then(|| Self { mode, max_age: Duration::from_secs(secs.min(MAX_AGE_SECS)), patterns })
    }

    /// As it is told to others, line by line (RFC 8460 §4.4).
    pub(crate) fn lines(&self) -> Vec<String> {
        let mode = match self.mode {
            StsMode::Enforce => "enforce",
            StsMode::Testing => "testing",
            StsMode::None => "none",
        };
        let patterns = self.patterns.iter().map(|pattern| format!("mx: {pattern}"));
        let mut lines = vec!["version: STSv1".to_owned(), format!("mode: {mode}")];
        lines.extend(patterns);
        lines.push(format!("max_age: {}", self.max_age.as_secs()));
        lines
    }

    /// RFC 8461 §4.1: whether a server is one of those.
    pub(crate) fn names(&self, host: &str) -> bool {
        let host = normal_domain(host);
        self.patterns.iter().any(|pattern| match pattern.strip_prefix("*.") {
            // The wildcard is one whole label, the leftmost.
            Some(parent) => host
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
            None => *pattern == host,
        })
    }
}

fn pattern(value: &str) -> Option<String> {
    let (wildcard, name) = match value.strip_prefix("*.") {
        Some(name) => ("*.", name),
        None => ("", value),
    };
    let valid = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    valid.then(|| format!("{wildcard}{}", normal_domain(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_understood() {
        for (texts, id) in [
            (&["v=STSv1; id=20160831085700Z;"][..], Some("20160831085700Z")),
            (&["v=STSv1;id=1"], Some("1")),
            (&["v=STSv1; x=y; id = 2 ;"], Some("2")),
            (&["v=spf1 -all", "v=STSv1; id=1"], Some("1")),
            (&["v=STSv1; id=1", "v=STSv1; id=2"], None),
            (&["v=STSv1; id=a-b"], None),
            (&["v=STSv1; id="], None),
            (&["v=STSv1"], None),
            (&["V=STSv1; id=1"], None),
            (&[], None),
        ] {
            let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            assert_eq!(parse_record(&texts).as_deref(), id, "{texts:?}");
        }
    }

    #[test]
    fn policies_are_understood() {
        // The example of RFC 8461 §3.2.
        let text = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n\
                    mx: *.example.net\r\nmx: backupmx.example.com\r\nmax_age: 604800\r\n";
        let policy = StsPolicy::parse(text).unwrap();
        assert_eq!((policy.mode, policy.max_age.as_secs()), (StsMode::Enforce, 604_800));
        assert_eq!(policy.patterns.len(), 3);
        for (text, good) in [
            ("version: STSv1\nmode: none\nmax_age: 1", true),
            ("version:STSv1\nmode:testing\nmax_age:1\nmx:a\nfoo: bar\n\n", true),
            ("version: STSv1\nmode: testing\nmode: enforce\nmax_age: 1\nmx: a", true),
            ("version: STSv1\nmode: enforce\nmax_age: 1", false),
            ("version: STSv2\nmode: none\nmax_age: 1", false),
            ("version: STSv1\nmode: none", false),
            ("version: STSv1\nmode: none\nmax_age: -1", false),
            ("version: STSv1\nmode: none\nmax_age: +1", false),
            ("version: STSv1\nmode: other\nmax_age: 1", false),
            ("version: STSv1\nmode: enforce\nmax_age: 1\nmx: a b", false),
            ("<html>", false),
            ("", false),
        ] {
            assert_eq!(StsPolicy::parse(text).is_some(), good, "{text:?}");
        }
        let long = StsPolicy::parse("version: STSv1\nmode: none\nmax_age: 9999999999").unwrap();
        assert_eq!(long.max_age.as_secs(), MAX_AGE_SECS);
    }

    #[test]
    fn servers_are_named() {
        let policy = StsPolicy {
            mode: StsMode::Enforce,
            max_age: Duration::from_secs(1),
            patterns: vec!["mail.example.com".to_owned(), "*.example.net".to_owned()],
        };
        for (host, named) in [
            ("mail.example.com", true),
            ("MAIL.example.com", true),
            ("mx.example.net", true),
            ("a.mx.example.net", false),
            ("example.net", false),
            (".example.net", false),
            ("mail.example.com.evil.test", false),
        ] {
            assert_eq!(policy.names(host), named, "{host}");
        }
    }
}
