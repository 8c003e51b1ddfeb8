//! Addresses as the directory looks them up: the normal form is what is compared, the spelling
//! that was given is kept for people.

use message::address as syntax;

use crate::{Result, StorageError};

/// The separator of plus addressing (R-ADDR-6).
const DETAIL_SEPARATOR: char = '+';

/// An address in its normal form: local part in NFC and lower case, domain in lower-case
/// A-labels. Two spellings of one mailbox are equal.
#[derive(Debug, Clone)]
pub struct Address {
    given: syntax::Address,
    normal: syntax::Address,
}

impl Address {
    /// Whether the local part is that of who answers for a domain, in any case: RFC 5321 §4.5.1
    /// reserves `postmaster`, and RFC 2142 §4 wants somebody to be told of `abuse`.
    pub fn is_role(&self) -> bool {
        ["postmaster", "abuse"].iter().any(|role| self.local().eq_ignore_ascii_case(role))
    }

    /// `local@domain`, quoted local parts and address literals included.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where it is no address.
    pub fn parse(text: &str) -> Result<Self> {
        syntax::Address::parse(text.as_bytes())
            .map(Self::from)
            .map_err(|_| StorageError::Invalid("not an e-mail address"))
    }

    /// The local part in normal form, its detail included.
    pub fn local(&self) -> &str {
        self.normal.local()
    }

    /// The domain in normal form.
    pub fn domain(&self) -> &str {
        self.normal.domain()
    }

    /// What follows the first `+` of the local part (R-ADDR-6), as it was given: it may name a
    /// mailbox, and those differ in case.
    pub fn detail(&self) -> Option<&str> {
        self.split().1
    }

    /// The local part in normal form without its detail; `None` where there is no detail.
    pub(crate) fn base_local(&self) -> Option<String> {
        self.split().1?;
        Some(self.normal.split_detail(DETAIL_SEPARATOR).0.local().to_owned())
    }

    /// The local part as it was given, quoted where it must be.
    pub(crate) fn given_local(&self) -> String {
        let text = self.given.to_string();
        text.rsplit_once('@').map_or(text.clone(), |(local, _)| local.to_owned())
    }

    /// The whole normal form, quoted where it must be.
    pub fn normal_text(&self) -> String {
        self.normal.to_string()
    }

    fn split(&self) -> (&str, Option<&str>) {
        let local = self.given.local();
        let at = local.char_indices().skip(1).find(|(_, c)| *c == DETAIL_SEPARATOR);
        match at.and_then(|(at, _)| local.split_at_checked(at)) {
            Some((base, detail)) => (base, detail.strip_prefix(DETAIL_SEPARATOR)),
            None => (local, None),
        }
    }
}

/// The address as it was given.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.given.fmt(f)
    }
}

impl From<syntax::Address> for Address {
    fn from(given: syntax::Address) -> Self {
        Self { normal: given.normal(), given }
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for Address {}

impl std::hash::Hash for Address {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.normal.hash(state);
    }
}

/// The normal form of a domain name that is to be ours: no literal, no U-label.
pub(crate) fn parse_domain(name: &str) -> Result<String> {
    let name = name.trim_end_matches('.');
    let normal = syntax::normal_domain(name);
    if !syntax::is_domain(name) || !syntax::is_domain(&normal) || !normal.is_ascii() {
        return Err(StorageError::Invalid("not a domain name"));
    }
    Ok(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_mailbox_are_equal() {
        for (left, right, equal) in [
            ("Julie@Example.TEST", "julie@example.test", true),
            ("\"julie\"@example.test", "julie@example.test", true),
            ("zoe\u{308}@example.test", "zo\u{eb}@example.test", true),
            ("a@b\u{fc}cher.test", "a@xn--bcher-kva.test", true),
            ("julie+a@example.test", "julie+A@example.test", true),
            ("julie+a@example.test", "julie@example.test", false),
            ("a@example.test", "a@example.org", false),
        ] {
            let equals = Address::parse(left).unwrap() == Address::parse(right).unwrap();
            assert_eq!(equals, equal, "{left} {right}");
        }
    }

    #[test]
    fn the_detail_keeps_its_case() {
        for (text, local, detail, base) in [
            ("Julie@a.test", "julie", None, None),
            ("Julie+Shop@a.test", "julie+shop", Some("Shop"), Some("julie")),
            ("julie+a+b@a.test", "julie+a+b", Some("a+b"), Some("julie")),
            ("julie+@a.test", "julie+", Some(""), Some("julie")),
            ("+shop@a.test", "+shop", None, None),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.local(), local);
            assert_eq!(address.detail(), detail);
            assert_eq!(address.base_local().as_deref(), base);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn domains_of_ours_are_names() {
        for (name, normal) in [
            ("Example.TEST", Some("example.test")),
            ("example.test.", Some("example.test")),
            ("b\u{fc}cher.test", Some("xn--bcher-kva.test")),
            ("localhost", Some("localhost")),
            ("", None),
            (".", None),
            ("a..b", None),
            ("[192.0.2.1]", None),
            ("a b.test", None),
            ("-a.test", None),
        ] {
            assert_eq!(parse_domain(name).ok().as_deref(), normal, "{name}");
        }
    }
}
