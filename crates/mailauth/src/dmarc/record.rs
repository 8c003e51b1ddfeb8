//! DMARC policy records: RFC 9989 §4.7, and what RFC 7489 §6.3 had beside it.

use serde::{Deserialize, Serialize};

use crate::tags::Tags;

/// LIMIT: bytes of `fo`; there are four letters to choose from.
const FO_BYTES_MAX: usize = 16;

/// What a domain asks for mail that is not its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// `none`: nothing is asked for.
    None,
    /// That it be treated as suspicious.
    Quarantine,
    /// `reject`: that it be refused.
    Reject,
}

impl Policy {
    /// The word for it in a record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::None, Self::Quarantine, Self::Reject]
            .into_iter()
            .find(|policy| text.eq_ignore_ascii_case(policy.as_str()))
    }

    /// RFC 9989 §4.7, tag "t": one step less.
    fn relaxed(self) -> Self {
        match self {
            Self::Reject => Self::Quarantine,
            Self::Quarantine | Self::None => Self::None,
        }
    }
}

/// `psd`: whether the domain is one that others register names under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PublicSuffix {
    Yes,
    No,
    Unknown,
}

/// A policy as reports repeat it (RFC 7489 appendix C).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PublishedPolicy {
    /// The policy for the domain itself.
    pub policy: Policy,
    /// The policy for subdomains.
    pub subdomains: Policy,
    /// Whether signatures have to be of the very domain.
    pub dkim_strict: bool,
    /// Whether reverse-paths have to be.
    pub spf_strict: bool,
    /// The percentage of messages that the policy is asked for (`pct`).
    pub percent: u8,
    /// When reports of single messages are wanted.
    pub failure_options: String,
}

/// A policy record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    policy: Policy,
    subdomains: Option<Policy>,
    absent: Option<Policy>,
    testing: bool,
    pub(super) dkim_strict: bool,
    pub(super) spf_strict: bool,
    pub(super) suffix: PublicSuffix,
    percent: u8,
    failure_options: String,
    /// Whether somebody wants reports by mail.
    pub(super) wants_reports: bool,
}

/// How the author's domain relates to the domain with the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// The record is its own.
    Itself,
    /// A subdomain of the domain with the record.
    Below,
    /// A subdomain that does not exist in the DNS.
    Absent,
}

impl Record {
    /// `None` for what is no policy record, or one to be ignored.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let tags = Tags::parse_forgiving(text)?;
        // RFC 9989 §4.7: the version is the first tag, in this case of its letters.
        if tags.first() != Some(("v", "DMARC1")) {
            return None;
        }
        let policy = match tags.find("p").map(Policy::parse) {
            Some(Some(policy)) => policy,
            // RFC 9989 §4.7: a record without a policy asks for nothing.
            None => Policy::None,
            // RFC 9989 §4.10.1: with one that cannot be read, a record that wants reports means
            // "none", and another is no record.
            _ if wants_reports(&tags) => Policy::None,
            _ => return None,
        };
        let percent = tags.find("pct").and_then(|pct| pct.parse().ok()).unwrap_or(100);
        let is = |name, value| tags.find(name).is_some_and(|v| v.eq_ignore_ascii_case(value));
        Some(Self {
            policy,
            subdomains: tags.find("sp").and_then(Policy::parse),
            absent: tags.find("np").and_then(Policy::parse),
            // RFC 7489 §6.3: "pct=0" was how "t=y" was said before there was one.
            testing: is("t", "y") || is("pct", "0"),
            dkim_strict: is("adkim", "s"),
            spf_strict: is("aspf", "s"),
            suffix: match tags.find("psd").map(str::to_ascii_lowercase).as_deref() {
                Some("y") => PublicSuffix::Yes,
                Some("n") => PublicSuffix::No,
                _ => PublicSuffix::Unknown,
            },
            percent: u8::min(percent, 100),
            failure_options: failure_options(tags.find("fo")),
            wants_reports: wants_reports(&tags),
        })
    }

    /// The policy in the form that reports repeat.
    pub(super) fn published(&self) -> PublishedPolicy {
        PublishedPolicy {
            policy: self.policy,
            subdomains: self.subdomains.unwrap_or(self.policy),
            dkim_strict: self.dkim_strict,
            spf_strict: self.spf_strict,
            percent: self.percent,
            failure_options: self.failure_options.clone(),
        }
    }

    /// What it asks for, and what is left of that while the domain is trying it out.
    pub(super) fn policy_for(&self, relation: Relation) -> (Policy, Policy) {
        let below = self.subdomains.unwrap_or(self.policy);
        let policy = match relation {
            Relation::Itself => self.policy,
            Relation::Below => below,
            Relation::Absent => self.absent.unwrap_or(below),
        };
        (policy, if self.testing { policy.relaxed() } else { policy })
    }

    pub(super) fn tells_absent_apart(&self) -> bool {
        self.absent.is_some()
    }
}

fn wants_reports(tags: &Tags<'_>) -> bool {
    let is_mail = |uri: &str| {
        let scheme = uri.trim().get(.."mailto:".len());
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("mailto:"))
    };
    tags.find("rua").is_some_and(|uris| uris.split(',').any(is_mail))
}

/// RFC 7489 §6.3: letters between colons; `0` where there are none.
fn failure_options(value: Option<&str>) -> String {
    let known = |byte: u8| b"01dsDS:".contains(&byte);
    let value = value.filter(|fo| fo.len() <= FO_BYTES_MAX && fo.bytes().all(known));
    value.filter(|fo| !fo.is_empty()).unwrap_or("0").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_by_relation() {
        use Policy::{None, Quarantine, Reject};
        for (text, expected) in [
            ("v=DMARC1; p=none", [(None, None); 3]),
            ("v=DMARC1", [(None, None); 3]),
            ("v=DMARC1;p=Reject;", [(Reject, Reject); 3]),
            (
                "v=DMARC1; p=reject; sp=quarantine; np=reject",
                [(Reject, Reject), (Quarantine, Quarantine), (Reject, Reject)],
            ),
            (
                "v=DMARC1; p=reject; sp=none; t=y",
                [(Reject, Quarantine), (None, None), (None, None)],
            ),
            ("v=DMARC1; p=quarantine; pct=0", [(Quarantine, None); 3]),
            ("v=DMARC1; p=quarantine; pct=50", [(Quarantine, Quarantine); 3]),
            ("v=DMARC1; p=x; rua=mailto:a@b.example", [(None, None); 3]),
            ("v=DMARC1; p=reject; sp=x", [(Reject, Reject); 3]),
            // What is no tag is passed over.
            ("v=DMARC1; p=reject;; sp=none;;", [(Reject, Reject), (None, None), (None, None)]),
            ("v=DMARC1; p=reject; and some words; rua", [(Reject, Reject); 3]),
            ("v=DMARC1; p=reject; 1x=y; rua=mailto:a@b.example", [(Reject, Reject); 3]),
        ] {
            let record = Record::parse(text.as_bytes()).unwrap();
            let relations = [Relation::Itself, Relation::Below, Relation::Absent];
            assert_eq!(relations.map(|relation| record.policy_for(relation)), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_record() {
        for bad in [
            "v=dmarc1; p=none",
            "v=DMARC2; p=none",
            "p=none; v=DMARC1",
            "v=DMARC1; p=x",
            "v=DMARC1 p=none",
            "v=spf1 -all",
            "v=DMARC1; p=none; p=reject",
        ] {
            assert_eq!(Record::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
