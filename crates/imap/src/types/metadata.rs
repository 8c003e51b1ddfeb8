//! Arguments of GETMETADATA and SETMETADATA (RFC 5464).

use super::MailboxName;

/// The name of an annotation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName {
    /// Whether it is the account's own, below `/private`; else it is below `/shared`.
    pub is_private: bool,
    /// The rest of the name from its slash on, in lower case; empty for what is above all of them.
    pub name: String,
}

impl EntryName {
    /// The name `text`; `None` where RFC 5464 §3.2 allows no such name.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let allowed = |byte: &u8| (b' '..0x7f).contains(byte) && !matches!(byte, b'*' | b'%');
        if !text.iter().all(allowed) {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
        let (is_private, name) = match text.strip_prefix("/private") {
            Some(name) => (true, name),
            None => (false, text.strip_prefix("/shared")?),
        };
        // RFC 5464 §4.2.2: with a depth, the prefix alone asks for everything below it.
        if !name.is_empty() && name.strip_prefix('/')?.split('/').any(str::is_empty) {
            return None;
        }
        Some(Self { is_private, name: name.to_owned() })
    }

    /// Whether it may have a value: a prefix alone is no entry, and RFC 5464 §3.2 wants four
    /// components where a vendor is named.
    pub fn may_have_value(&self) -> bool {
        if self.name.is_empty() {
            return false;
        }
        !self.name.starts_with("/vendor/") && self.name != "/vendor"
            || self.name.matches('/').count() > 2
    }

    /// The name as it stands on the wire.
    pub fn to_wire(&self) -> String {
        format!("{}{}", if self.is_private { "/private" } else { "/shared" }, self.name)
    }

    /// Whether `self` is `other` or at most `depth` below it.
    pub fn is_within(&self, other: &Self, depth: EntryDepth) -> bool {
        if self.is_private != other.is_private {
            return false;
        }
        let Some(rest) = self.name.strip_prefix(other.name.as_str()) else { return false };
        match depth {
            _ if rest.is_empty() => true,
            EntryDepth::Zero => false,
            EntryDepth::One => rest.starts_with('/') && rest.matches('/').count() == 1,
            EntryDepth::Infinity => rest.starts_with('/'),
        }
    }
}

/// `DEPTH` (RFC 5464 §4.2.2): how far below the names asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EntryDepth {
    /// The entry itself, nothing below it.
    #[default]
    Zero,
    /// The entry and those one level below it.
    One,
    /// The entry and everything below it.
    Infinity,
}

/// `GETMETADATA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataArgs {
    /// The mailbox whose annotations are asked for; `None`: those of the server.
    pub mailbox: Option<MailboxName>,
    /// `MAXSIZE` (RFC 5464 §4.2.1): larger values are left out.
    pub size_max: Option<u32>,
    /// `DEPTH`.
    pub depth: EntryDepth,
    /// At least one name.
    pub entries: Vec<EntryName>,
}

/// `SETMETADATA`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetMetadataArgs {
    /// The mailbox whose annotations are set; `None`: those of the server.
    pub mailbox: Option<MailboxName>,
    /// Names and values; `None` removes.
    pub values: Vec<(EntryName, Option<Vec<u8>>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for (text, expect) in [
            ("/private/comment", Some("/private/comment")),
            ("/SHARED/Comment", Some("/shared/comment")),
            ("/shared/vendor/x/y", Some("/shared/vendor/x/y")),
            ("/private/a b/c", Some("/private/a b/c")),
            ("/shared/vendor/x", Some("/shared/vendor/x")),
            ("/private", Some("/private")),
            ("/Shared", Some("/shared")),
            ("/private/", None),
            ("/privates", None),
            ("/private/a/", None),
            ("/private//a", None),
            ("/other/a", None),
            ("private/a", None),
            ("/private/a*", None),
            ("/private/a%", None),
            ("/private/\u{e9}", None),
            ("/private/a\u{1}", None),
            ("", None),
        ] {
            let found = EntryName::parse(text.as_bytes()).map(|name| name.to_wire());
            assert_eq!(found.as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn vendors_keep_their_top_level_empty() {
        for (text, expect) in [
            ("/shared", false),
            ("/shared/vendor", false),
            ("/shared/vendor/x", false),
            ("/shared/vendor/x/y", true),
            ("/private/vendors", true),
        ] {
            let name = EntryName::parse(text.as_bytes()).unwrap();
            assert_eq!(name.may_have_value(), expect, "{text}");
        }
    }

    #[test]
    fn depth_counts_levels() {
        let name = |text: &str| EntryName::parse(text.as_bytes()).unwrap();
        let (above, all) = (name("/private/a"), name("/private"));
        for (text, levels) in [
            ("/private/a", [true, true, true]),
            ("/private/a/b", [false, true, true]),
            ("/private/a/b/c", [false, false, true]),
            ("/private/ab", [false, false, false]),
            ("/shared/a", [false, false, false]),
        ] {
            let depths = [EntryDepth::Zero, EntryDepth::One, EntryDepth::Infinity];
            assert_eq!(depths.map(|depth| name(text).is_within(&above, depth)), levels, "{text}");
        }
        for (text, levels) in [
            ("/private", [true, true, true]),
            ("/private/a", [false, true, true]),
            ("/private/a/b", [false, false, true]),
            ("/shared/a", [false, false, false]),
        ] {
            let depths = [EntryDepth::Zero, EntryDepth::One, EntryDepth::Infinity];
            assert_eq!(depths.map(|depth| name(text).is_within(&all, depth)), levels, "{text}");
        }
    }
}
