//! How the client called itself in HELO, EHLO or LHLO.

use std::fmt;

/// LIMIT: RFC 5321 §4.5.3.1.2 bounds a domain at 255 octets.
const NAME_BYTES_MAX: usize = 255;

/// A client's announced name: a domain or an address literal, or what comes close enough.
///
/// **Invariant:** 1 to 255 characters, each a letter, digit, non-ASCII character or one of
/// `. - _ [ ] :`, so that it can stand in a trace line as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientName(Box<str>);

impl ClientName {
    /// Accepts `name` if it holds the invariant.
    pub fn new(name: &str) -> Option<Self> {
        // QUIRK(Windows mail programs): they announce the computer's name, underscores and
        // non-ASCII letters included; RFC 5321 §4.1.4 wants mail taken all the same.
        let fits = |c: char| {
            c.is_ascii_alphanumeric()
                || ".-_[]:".contains(c)
                || (!c.is_ascii() && c.is_alphanumeric())
        };
        let valid = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(fits);
        valid.then(|| Self(name.into()))
    }

    /// The name as announced.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_stand_in_a_trace_line_are_taken() {
        for good in
            ["a", "mx.example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]", "DESKTOP_7", "büro"]
        {
            assert_eq!(ClientName::new(good).as_ref().map(ClientName::as_str), Some(good));
        }
        for bad in ["", "a b", "a(b)", "a;b", "<a>", "a\u{7f}", "a\u{a0}b", &"a".repeat(256)] {
            assert_eq!(ClientName::new(bad), None, "{bad:?}");
        }
    }
}
