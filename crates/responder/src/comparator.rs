//! Comparators (RFC 4790, RFC 5051): how texts are compared.

use std::borrow::Cow;
use std::cmp::Ordering;

use message::casemap;

use crate::capability::Capability;

/// A comparator (RFC 5228 §2.7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Comparator {
    /// `i;octet` (RFC 4790 §9.3)
    Octet,
    /// `i;ascii-casemap` (RFC 4790 §9.2), the default of RFC 5228 §2.7.3
    #[default]
    AsciiCasemap,
    /// `i;ascii-numeric` (RFC 4790 §9.1)
    AsciiNumeric,
    /// `i;unicode-casemap` (RFC 5051 §2)
    UnicodeCasemap,
}

impl Comparator {
    pub(crate) fn find(name: &str) -> Option<(Self, Capability)> {
        Some(match name {
            "i;octet" => (Self::Octet, Capability::ComparatorOctet),
            "i;ascii-casemap" => (Self::AsciiCasemap, Capability::ComparatorAsciiCasemap),
            "i;ascii-numeric" => (Self::AsciiNumeric, Capability::ComparatorAsciiNumeric),
            "i;unicode-casemap" => (Self::UnicodeCasemap, Capability::ComparatorUnicodeCasemap),
            _ => return None,
        })
    }

    /// Whether it can look for one text in another (RFC 4790 §9.1.1: numbers have no parts).
    pub(crate) fn has_substrings(self) -> bool {
        self != Self::AsciiNumeric
    }

    /// What bringing a text into the form costs in which it is compared, in steps.
    pub(crate) fn cost(self, text: &str) -> u64 {
        let bytes = text.len() as u64;
        match self {
            Self::UnicodeCasemap if !text.is_ascii() => bytes / 2,
            _ => bytes / 64,
        }
    }

    /// The form in which equal texts have equal bytes.
    pub(crate) fn form(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Octet => Cow::Borrowed(text),
            Self::AsciiCasemap => Cow::Owned(text.to_ascii_uppercase()),
            Self::UnicodeCasemap => Cow::Owned(casemap(text)),
            Self::AsciiNumeric => Cow::Borrowed(number(text).unwrap_or("∞")),
        }
    }

    /// The order of two texts in that form.
    pub(crate) fn order(self, left: &str, right: &str) -> Ordering {
        match self {
            Self::AsciiNumeric => {
                // RFC 4790 §9.1.1: what begins with no digit is infinite, and larger than all.
                let key = |form: &str| (form == "∞", if form == "∞" { 0 } else { form.len() });
                key(left).cmp(&key(right)).then_with(|| left.cmp(right))
            }
            _ => left.cmp(right),
        }
    }
}

// The digits at the beginning, without zeros that do not count.
fn number(text: &str) -> Option<&str> {
    let len = text.bytes().take_while(u8::is_ascii_digit).count();
    if len == 0 {
        return None;
    }
    Some(text.get(..len).unwrap_or_default().trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ordering::{Equal, Greater, Less};

    #[test]
    fn orders() {
        for (comparator, left, right, expect) in [
            (Comparator::Octet, "a", "A", Greater),
            (Comparator::AsciiCasemap, "a", "A", Equal),
            (Comparator::AsciiCasemap, "é", "É", Greater),
            (Comparator::UnicodeCasemap, "é", "É", Equal),
            (Comparator::UnicodeCasemap, "caf\u{e9}", "CAFE\u{301}", Equal),
            (Comparator::AsciiNumeric, "9", "10", Less),
            (Comparator::AsciiNumeric, "0010x", "10", Equal),
            (Comparator::AsciiNumeric, "", "99999999999999999999", Greater),
            (Comparator::AsciiNumeric, "x", "y", Equal),
            (Comparator::AsciiNumeric, "0", "00", Equal),
            (Comparator::AsciiNumeric, "-1", "0", Greater),
        ] {
            let order = comparator.order(&comparator.form(left), &comparator.form(right));
            assert_eq!(order, expect, "{left} {right}");
        }
    }
}
