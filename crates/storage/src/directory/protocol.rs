//! The protocols that people sign in by, and sets of them.

use std::fmt;
use std::str::FromStr;

use crate::StorageError;

/// Where somebody signs in, for the log and for app passwords that are limited to protocols
/// (R-ADDR-9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// IMAP.
    Imap,
    /// Message submission.
    Submission,
    /// POP3.
    Pop3,
    /// ManageSieve.
    ManageSieve,
    /// CalDAV, CardDAV and the API.
    Http,
}

impl Protocol {
    /// Every one of them; its place is its bit in [`Protocols`], so the order never changes.
    const ALL: [(Self, &'static str); 5] = [
        (Self::Imap, Self::Imap.as_str()),
        (Self::Submission, Self::Submission.as_str()),
        (Self::Pop3, Self::Pop3.as_str()),
        (Self::ManageSieve, Self::ManageSieve.as_str()),
        (Self::Http, Self::Http.as_str()),
    ];

    /// The name of the protocol in listings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Submission => "submission",
            Self::Pop3 => "pop3",
            Self::ManageSieve => "managesieve",
            Self::Http => "http",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Imap => 1,
            Self::Submission => 1 << 1,
            Self::Pop3 => 1 << 2,
            Self::ManageSieve => 1 << 3,
            Self::Http => 1 << 4,
        }
    }
}

/// A set of protocols, not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocols(u8);

impl Protocols {
    /// Every protocol.
    pub const ALL: Self = Self(0b1_1111);

    /// Whether a protocol is in it.
    pub fn contains(self, protocol: Protocol) -> bool {
        self.0 & protocol.bit() != 0
    }

    pub(super) fn column(self) -> i64 {
        self.0.into()
    }

    /// Bits that a newer version wrote are not believed to be one of ours.
    pub(super) fn from_column(bits: i64) -> Self {
        let known = bits & i64::from(Self::ALL.0);
        Self(u8::try_from(known).unwrap_or(0))
    }
}

impl FromStr for Protocols {
    type Err = StorageError;

    /// Names separated by commas; `all` for all.
    fn from_str(text: &str) -> Result<Self, StorageError> {
        if text == "all" {
            return Ok(Self::ALL);
        }
        let mut bits = 0;
        for name in text.split(',') {
            let found = Protocol::ALL.iter().find(|(_, known)| *known == name.trim());
            let (protocol, _) = found.ok_or(StorageError::Invalid(
                "the protocols are imap, submission, pop3, managesieve, http, or all",
            ))?;
            bits |= protocol.bit();
        }
        Ok(Self(bits))
    }
}

impl fmt::Display for Protocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("all");
        }
        let mut first = true;
        for (protocol, name) in Protocol::ALL {
            if self.contains(protocol) {
                let comma = if std::mem::replace(&mut first, false) { "" } else { "," };
                write!(f, "{comma}{name}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_survive_text_and_column() {
        for text in ["all", "imap", "http", "imap,submission", "submission,pop3,managesieve"] {
            let set: Protocols = text.parse().unwrap();
            assert_eq!(set.to_string(), text);
            assert_eq!(Protocols::from_column(set.column()), set);
        }
        let set: Protocols = "submission, imap".parse().unwrap();
        assert_eq!(set.to_string(), "imap,submission");
        assert!(set.contains(Protocol::Imap) && !set.contains(Protocol::Pop3));
        for text in ["", "smtp", "imap,", "ALL"] {
            assert!(text.parse::<Protocols>().is_err(), "{text}");
        }
        assert!(!Protocols::from_column(1 << 40).contains(Protocol::Imap));
    }
}
