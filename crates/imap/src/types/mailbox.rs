//! A mailbox name as a client sends it, decoded to UTF-8. INBOX is recognised in any case; whether
//! such a mailbox exists is storage's to say.

use std::fmt;

/// A mailbox name in Unicode, decoded from what the client sent.
///
/// INBOX is spelled in capitals whatever the client wrote (RFC 9051 §5.1). Whether the name
/// may be created is storage's to say; here it is only free of NUL, CR and LF.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailboxName(String);

impl MailboxName {
    /// The name `name`; None if it holds NUL, CR or LF, which no rendering could carry.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        if name.bytes().any(|b| matches!(b, 0 | b'\r' | b'\n')) {
            return None;
        }
        // RFC 9051 §5.1: INBOX is the same mailbox in any case.
        if name.eq_ignore_ascii_case("INBOX") {
            return Some(Self::inbox());
        }
        Some(Self(name))
    }

    /// INBOX.
    pub fn inbox() -> Self {
        Self("INBOX".to_owned())
    }

    /// Whether this is INBOX.
    pub fn is_inbox(&self) -> bool {
        self.0 == "INBOX"
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbox_is_one_in_any_case() {
        assert!(MailboxName::new("iNbOx").is_some_and(|m| m.is_inbox() && m.as_str() == "INBOX"));
        assert!(MailboxName::new("inbox/x").is_some_and(|m| !m.is_inbox()));
        assert_eq!(MailboxName::new("a\0"), None);
        assert_eq!(MailboxName::new("a\r"), None);
    }
}
