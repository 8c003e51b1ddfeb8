//! E-mail addresses as SMTP writes them: `Mailbox` of RFC 5321 §4.1.2, with UTF-8 as RFC 6531
//! §3.3 adds it, and the normal form under which they are looked up.
//!
//! **Invariant:** an [`Address`] holds no control character and fits in a path, so that it can
//! be written into a command, a header field or a log line as it is.
//! **Absent:** source routes (RFC 5321 §C lets a server drop them before it parses) and the
//! address lists of header fields, which the envelope of a message is made of.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use unicode_normalization::UnicodeNormalization;

use crate::Error;

/// LIMIT: RFC 5321 §4.5.3.1.1, octets of a local part.
pub const LOCAL_BYTES_MAX: usize = 64;
/// LIMIT: RFC 5321 §4.5.3.1.2, octets of a domain.
pub const DOMAIN_BYTES_MAX: usize = 255;
/// LIMIT: RFC 5321 §4.5.3.1.3, octets of a path, the angle brackets among them.
pub const PATH_BYTES_MAX: usize = 256;

/// A mailbox address. Equality is by spelling; compare [`Address::normal`] forms to find out
/// whether two name the same mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    local: String,
    domain: String,
}

impl Address {
    /// `Mailbox = Local-part "@" ( Domain / address-literal )`, all bounds of RFC 5321 §4.5.3.1
    /// applied. For addresses that are to be ours.
    ///
    /// # Errors
    /// Where it is none, or longer than those bounds.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let address = Self::parse_path(text)?;
        if address.local.len() > LOCAL_BYTES_MAX {
            return Err(Error::AddressTooLong);
        }
        Ok(address)
    }

    /// Like [`Address::parse`], but only the whole path is bounded. For addresses of others.
    ///
    /// QUIRK(senders with VERP or SRS, all): local parts of 65 to 150 octets are common in
    /// MAIL FROM, and RFC 5321 §4.5.3.1 asks for techniques that impose no limit.
    ///
    /// # Errors
    /// Where it is none, or longer than a path may be.
    pub fn parse_path(text: &[u8]) -> Result<Self, Error> {
        if text.len() + 2 > PATH_BYTES_MAX {
            return Err(Error::AddressTooLong);
        }
        let text = std::str::from_utf8(text).map_err(|_| Error::InvalidAddress)?;
        let (local, rest) = match text.strip_prefix('"') {
            Some(quoted) => quoted_string(quoted)?,
            None => dot_string(text)?,
        };
        let domain = rest.strip_prefix('@').ok_or(Error::InvalidAddress)?;
        if domain.len() > DOMAIN_BYTES_MAX {
            return Err(Error::AddressTooLong);
        }
        if !is_domain(domain) && !is_literal(domain) {
            return Err(Error::InvalidAddress);
        }
        Ok(Self { local, domain: domain.to_owned() })
    }

    /// An address of a local part without its quoting, and a domain, bounded like
    /// [`Address::parse_path`].
    pub fn of(local: &str, domain: &str) -> Result<Self, Error> {
        let address = Self { local: local.to_owned(), domain: domain.to_owned() };
        Self::parse_path(address.to_string().as_bytes())
    }

    /// The local part, its quoting removed.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain as written: a name, or a literal in brackets.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether the domain is an address literal (RFC 5321 §4.1.3).
    pub fn is_literal(&self) -> bool {
        self.domain.starts_with('[')
    }

    /// Whether it can be used without SMTPUTF8 (RFC 6531 §3.3).
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.domain.is_ascii()
    }

    /// The form addresses are looked up and stored under: the domain by [`normal_domain`], the
    /// local part in NFC and lower case.
    ///
    /// DEVIATION(RFC 5321 §2.4): local parts are case-sensitive there; nobody expects two
    /// mailboxes that differ in case only, and people type them in any case.
    #[must_use]
    pub fn normal(&self) -> Self {
        Self { local: normal_local(&self.local), domain: normal_domain(&self.domain) }
    }

    /// The address without its detail, and the detail, split at the first separator that
    /// follows something (RFC 5233 §4).
    pub fn split_detail(&self, separator: char) -> (Self, Option<&str>) {
        let at = self.local.char_indices().skip(1).find(|(_, found)| *found == separator);
        let Some((at, _)) = at else {
            return (self.clone(), None);
        };
        let (user, detail) = self.local.split_at(at);
        let base = Self { local: user.to_owned(), domain: self.domain.clone() };
        (base, detail.strip_prefix(separator))
    }

    /// The same local part at another domain, if that is one.
    pub fn at_domain(&self, domain: &str) -> Result<Self, Error> {
        if !is_domain(domain) {
            return Err(Error::InvalidAddress);
        }
        Ok(Self { local: self.local.clone(), domain: domain.to_owned() })
    }
}

impl std::str::FromStr for Address {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text.as_bytes())
    }
}

/// As SMTP writes it, the local part quoted where it must be.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_dot_string(&self.local) {
            return write!(f, "{}@{}", self.local, self.domain);
        }
        f.write_str("\"")?;
        for char in self.local.chars() {
            if matches!(char, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{char}")?;
        }
        write!(f, "\"@{}", self.domain)
    }
}

/// A local part in NFC and lower case.
pub fn normal_local(local: &str) -> String {
    if local.is_ascii() {
        return local.to_ascii_lowercase();
    }
    local.nfc().collect::<String>().to_lowercase()
}

/// A domain in lower case with A-labels (RFC 5890 §2.3.2.1) for what is not ASCII, so that both
/// spellings of an internationalized name are one. A literal in lower case.
pub fn normal_domain(domain: &str) -> String {
    if domain.is_ascii() {
        return domain.to_ascii_lowercase();
    }
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}

/// `Domain = sub-domain *("." sub-domain)` (RFC 5321 §4.1.2), U-labels included (RFC 6531 §3.3).
pub fn is_domain(domain: &str) -> bool {
    domain.len() <= DOMAIN_BYTES_MAX && !domain.is_empty() && domain.split('.').all(is_label)
}

// Let-dig [Ldh-str], or a U-label.
// DEVIATION(RFC 5321 §4.1.2): "_" is let through; hosts with it send mail every day.
fn is_label(label: &str) -> bool {
    // LIMIT: RFC 5321 §4.5.3.1.2 through the DNS: 63 octets as an A-label, which is longer than
    // the U-label counted here in characters.
    let is_char = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || is_utf8_char(c);
    !label.is_empty()
        && label.chars().count() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(is_char)
}

// address-literal of RFC 5321 §4.1.3. No General-address-literal was ever registered.
fn is_literal(domain: &str) -> bool {
    let Some(inner) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return false;
    };
    match inner.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => {
            inner.get(5..).is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
        }
        _ => inner.parse::<Ipv4Addr>().is_ok(),
    }
}

// UTF8-non-ascii of RFC 6531 §3.3, without the controls that Unicode adds beyond ASCII.
fn is_utf8_char(char: char) -> bool {
    !char.is_ascii() && !char.is_control() && !char.is_whitespace()
}

fn is_atext(char: char) -> bool {
    char.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(char) || is_utf8_char(char)
}

fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

// Dot-string = Atom *("." Atom); what follows begins with "@".
fn dot_string(text: &str) -> Result<(String, &str), Error> {
    let at = text.find('@').ok_or(Error::InvalidAddress)?;
    let (local, rest) = text.split_at(at);
    if !is_dot_string(local) {
        return Err(Error::InvalidAddress);
    }
    Ok((local.to_owned(), rest))
}

// QcontentSMTP after the opening DQUOTE: qtextSMTP / quoted-pairSMTP, up to the closing one.
fn quoted_string(text: &str) -> Result<(String, &str), Error> {
    let mut local = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' if local.is_empty() => return Err(Error::InvalidAddress),
            '"' => return Ok((local, text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, escaped @ ' '..='~')) => local.push(escaped),
                _ => return Err(Error::InvalidAddress),
            },
            ' '..='~' => local.push(char),
            _ if is_utf8_char(char) => local.push(char),
            _ => return Err(Error::InvalidAddress),
        }
    }
    Err(Error::InvalidAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<(&str, &str), Error>) {
        let found = Address::parse(text.as_bytes());
        let parts = found.as_ref().map(|a| (a.local(), a.domain())).map_err(|e| *e);
        assert_eq!(parts, expect, "{text}");
        if let Ok(address) = found {
            assert_eq!(address.to_string().parse(), Ok(address));
        }
    }

    #[test]
    fn mailboxes() {
        const INVALID: Result<(&str, &str), Error> = Err(Error::InvalidAddress);
        check("smith@example.com", Ok(("smith", "example.com")));
        check("o'hara+x/y@Example.COM", Ok(("o'hara+x/y", "Example.COM")));
        check("\"a b\"@[IPv6:2001:db8::1]", Ok(("a b", "[IPv6:2001:db8::1]")));
        check("\"a\\\"@\\\\\"@example.com", Ok(("a\"@\\", "example.com")));
        check("\"plain\"@example.com", Ok(("plain", "example.com")));
        check("用户@例子.example", Ok(("用户", "例子.example")));
        check("a@[192.0.2.1]", Ok(("a", "[192.0.2.1]")));
        check("a@under_score.example", Ok(("a", "under_score.example")));
        for bad in [
            "",
            "@",
            "a",
            "a@",
            "@b",
            "a@b@c",
            "a..b@c",
            ".a@b",
            "a.@b",
            "a b@c",
            "a@b.",
            "a@-b",
            "a@b-",
            "a@b c",
            "\"\"@b",
            "\"a@b",
            "\"a\"b@c",
            "\"a\\",
            "a@[1.2.3]",
            "a@[x:y]",
            "a@[]",
            "a\u{85}b@c",
            "a\r\n@b",
            "a@b\n",
            "\"a\nb\"@c",
            "a@\u{a0}b",
            "<a@b>",
            "a@[IPv6:1.2.3.4]",
        ] {
            check(bad, INVALID);
        }
        assert_eq!(Address::parse(b"caf\xe9@example.com"), Err(Error::InvalidAddress));
    }

    #[test]
    fn bounds() {
        let at = |local: usize, label: usize| {
            format!("{}@{}.example", "l".repeat(local), "d".repeat(label))
        };
        assert!(Address::parse(at(64, 63).as_bytes()).is_ok());
        assert_eq!(Address::parse(at(65, 63).as_bytes()), Err(Error::AddressTooLong));
        assert!(Address::parse_path(at(150, 63).as_bytes()).is_ok());
        assert_eq!(Address::parse(at(64, 64).as_bytes()), Err(Error::InvalidAddress));
        let long = format!("a@{}example", "d.".repeat(123));
        assert_eq!(long.len(), 255);
        assert_eq!(Address::parse(long.as_bytes()), Err(Error::AddressTooLong));
    }

    #[test]
    fn one_normal_form_for_each_mailbox() {
        for (text, normal) in [
            ("Julie.Smith@EXAMPLE.com", "julie.smith@example.com"),
            ("É@BÜCHER.example", "é@xn--bcher-kva.example"),
            ("e\u{301}@xn--BCHER-kva.example", "é@xn--bcher-kva.example"),
            ("A@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().normal().to_string(), normal);
        }
    }

    #[test]
    fn details() {
        for (text, base, detail) in [
            ("julie+shop@a.example", "julie@a.example", Some("shop")),
            ("julie+shop+x@a.example", "julie@a.example", Some("shop+x")),
            ("julie+@a.example", "julie@a.example", Some("")),
            ("+julie@a.example", "+julie@a.example", None),
            ("julie@a.example", "julie@a.example", None),
        ] {
            let address: Address = text.parse().unwrap();
            let (found, found_detail) = address.split_detail('+');
            assert_eq!((found.to_string().as_str(), found_detail), (base, detail));
        }
    }
}
