//! Mailbox names: Unicode NFC with `/` between levels (R-FOLD-1, R-FOLD-5).

use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::acl::split_owner;
use crate::{LimitKind, Result, StorageError};

/// LIMIT: R-FOLD-5, bytes of one component.
const COMPONENT_BYTES_MAX: usize = 255;
/// LIMIT: R-FOLD-5, bytes of a whole name.
const NAME_BYTES_MAX: usize = 1024;
/// LIMIT: R-FOLD-5, levels.
const DEPTH_MAX: usize = 30;
/// LIMIT: bytes of an address as a component, where each may have been escaped.
const OWNER_BYTES_MAX: usize = 3 * 254;

const INBOX: &str = "INBOX";

/// A name that R-FOLD-5 allows, in the one form in which it is stored. Case matters, except
/// that the first component INBOX is written in capitals (RFC 9051 §5.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName(String);

impl MailboxName {
    /// Reads a name as a person or a client gave it; two that differ in normalisation only
    /// become one.
    pub fn parse(name: &str) -> Result<Self> {
        // The bound on the input comes first: normalisation shortens, but not without limit.
        if name.len() > NAME_BYTES_MAX * 4 {
            return Err(limit(LimitKind::MailboxName, NAME_BYTES_MAX));
        }
        let mut name = match is_nfc(name) {
            true => name.to_owned(),
            false => name.nfc().collect(),
        };
        check(&name)?;
        let first = name.split('/').next().unwrap_or_default().len();
        if let Some(first) = name.get_mut(..first)
            && first.eq_ignore_ascii_case(INBOX)
        {
            first.make_ascii_uppercase();
        }
        Ok(Self(name))
    }

    /// INBOX itself.
    pub fn inbox() -> Self {
        Self(INBOX.to_owned())
    }

    /// The name as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is INBOX itself (not something below it).
    pub fn is_inbox(&self) -> bool {
        self.0 == INBOX
    }

    /// The name one level up.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// The last component.
    pub fn leaf(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it stands below `other`, at any depth.
    pub fn is_below(&self, other: &Self) -> bool {
        self.0.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }

    /// A name that was checked when it was stored.
    pub(crate) fn stored(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Where this name ends up when `from`, at or above it, becomes `to`.
    pub(crate) fn moved(&self, from: &Self, to: &Self) -> Result<Self> {
        let rest = self.0.strip_prefix(from.as_str()).unwrap_or_default();
        let moved = format!("{}{rest}", to.0);
        check(&moved)?;
        Ok(Self(moved))
    }

    /// The half-open range of names, by code points, in which everything below this one lies.
    pub(crate) fn range_below(&self) -> (String, String) {
        // '0' is the character after '/'.
        (format!("{}/", self.0), format!("{}0", self.0))
    }
}

impl std::fmt::Display for MailboxName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a stored name still obeys every rule.
pub(crate) fn check_stored_name(name: &str) -> bool {
    MailboxName::parse(name).is_ok_and(|parsed| parsed.as_str() == name)
}

fn check(name: &str) -> Result<()> {
    let Some((owner, name)) = split_owner(name) else { return check_own(name) };
    // What others have is bounded by its name there: whatever is listed can be opened.
    if owner.chars().any(char::is_control) {
        return Err(StorageError::Invalid("a mailbox name holds a control character"));
    }
    check_component(owner, OWNER_BYTES_MAX)?;
    check_own(name)
}

fn check_own(name: &str) -> Result<()> {
    if name.len() > NAME_BYTES_MAX {
        return Err(limit(LimitKind::MailboxName, NAME_BYTES_MAX));
    }
    if name.chars().any(char::is_control) {
        return Err(StorageError::Invalid("a mailbox name holds a control character"));
    }
    for (depth, component) in name.split('/').enumerate() {
        if depth >= DEPTH_MAX {
            return Err(limit(LimitKind::MailboxDepth, DEPTH_MAX));
        }
        check_component(component, COMPONENT_BYTES_MAX)?;
    }
    Ok(())
}

fn check_component(component: &str, bytes_max: usize) -> Result<()> {
    if component.len() > bytes_max {
        return Err(limit(LimitKind::MailboxNameComponent, bytes_max));
    }
    match component {
        "" => Err(StorageError::Invalid("a level of a mailbox name is empty")),
        "." | ".." => Err(StorageError::Invalid("a level of a mailbox name is \".\" or \"..\"")),
        _ => Ok(()),
    }
}

fn limit(kind: LimitKind, max: usize) -> StorageError {
    StorageError::Limit { kind, max: max as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        for (given, stored) in [
            ("inbox", "INBOX"),
            ("InBoX/Sub", "INBOX/Sub"),
            ("inboxes", "inboxes"),
            ("a/inbox", "a/inbox"),
            ("E\u{301}te\u{301}", "\u{c9}t\u{e9}"),
            ("a b", "a b"),
            ("a.b", "a.b"),
            ("...", "..."),
            ("&AOk-", "&AOk-"),
            ("%*", "%*"),
        ] {
            assert_eq!(MailboxName::parse(given).unwrap().as_str(), stored);
            assert!(check_stored_name(stored));
            assert_eq!(check_stored_name(given), given == stored, "{given}");
        }
    }

    #[test]
    fn names_that_break_a_rule_are_refused() {
        for bad in
            ["", "/", "a/", "/a", "a//b", ".", "..", "a/./b", "a/..", "a\0b", "a\tb", "\u{85}"]
        {
            assert!(matches!(MailboxName::parse(bad), Err(StorageError::Invalid(_))), "{bad:?}");
        }
        let component = |bytes| "x".repeat(bytes);
        let levels = |count| vec!["x"; count].join("/");
        let long = |count, rest| {
            format!("{}{}", format!("{}/", component(255)).repeat(count), component(rest))
        };
        for (name, expect) in [
            (component(255), None),
            (component(256), Some(LimitKind::MailboxNameComponent)),
            ("\u{e9}".repeat(128), Some(LimitKind::MailboxNameComponent)),
            (levels(30), None),
            (levels(31), Some(LimitKind::MailboxDepth)),
            (long(3, 255), None),
            (long(4, 1), Some(LimitKind::MailboxName)),
            (component(1_000_000), Some(LimitKind::MailboxName)),
        ] {
            match (MailboxName::parse(&name), expect) {
                (Ok(_), None) => {}
                (Err(StorageError::Limit { kind, .. }), Some(expect)) => assert_eq!(kind, expect),
                (found, _) => panic!("{} bytes: {found:?}", name.len()),
            }
        }
    }

    #[test]
    fn names_know_their_place() {
        let name = |name| MailboxName::parse(name).unwrap();
        assert_eq!(name("a/b/c").parent(), Some(name("a/b")));
        assert_eq!(name("a").parent(), None);
        assert_eq!(name("a/b/c").leaf(), "c");
        for (lower, upper, below) in
            [("a/b", "a", true), ("a", "a", false), ("ab", "a", false), ("a/b/c", "a", true)]
        {
            assert_eq!(name(lower).is_below(&name(upper)), below, "{lower} {upper}");
        }
        assert_eq!(name("a/b/c").moved(&name("a/b"), &name("x")).unwrap(), name("x/c"));
        assert_eq!(name("a").moved(&name("a"), &name("x/y")).unwrap(), name("x/y"));
    }
}
