//! Annotations of messages (RFC 5257).

use super::{Addressing, MailboxPattern, SequenceSet};
use ids::ModSeq;

/// The users who see an annotation (RFC 5257 §3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnnotationScope {
    /// `.priv`: the account that set it.
    Private,
    /// `.shared`: all who read the mailbox.
    Shared,
}

impl AnnotationScope {
    /// Both scopes.
    pub const ALL: [Self; 2] = [Self::Private, Self::Shared];
}

/// The name of an entry (RFC 5257 §3.2): components with a slash before each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnnotationEntry(String);

impl AnnotationEntry {
    /// The name `text`; `None` where RFC 5257 §3.2 allows no such name with a value.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if !text.iter().all(|byte| is_in_name(*byte) && !matches!(byte, b'*' | b'%')) {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let mut components = text.strip_prefix('/')?.split('/');
        if components.clone().any(str::is_empty) {
            return None;
        }
        let first = components.next()?;
        let is_part = first.starts_with(|first: char| first.is_ascii_digit());
        // RFC 5257 §3.2.1: a part by itself has no attributes, and is counted from 1.
        if is_part && (components.next().is_none() || !first.split('.').all(is_nz_number)) {
            return None;
        }
        // RFC 5257 §3.5: reserved, not to be used by anybody.
        (first != "flags").then(|| Self(text.to_owned()))
    }

    /// The name as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it can have this value: RFC 5257 §3.2.1 lets the flags of a part be `1` or `0`.
    pub fn takes(&self, value: &[u8]) -> bool {
        let flag = self.0.strip_prefix('/').and_then(|name| name.split_once("/flags/"));
        let is_flag = flag.is_some_and(|(part, name)| {
            let is_known = ["seen", "answered", "flagged", "forwarded"].contains(&name);
            is_known && part.split('.').all(is_nz_number)
        });
        !is_flag || value == b"1" || value == b"0"
    }
}

/// RFC 5257 §3.2: ASCII without NUL; what controls a terminal is not let in either.
fn is_in_name(byte: u8) -> bool {
    (b' '..0x7f).contains(&byte)
}

fn is_nz_number(text: &str) -> bool {
    !text.starts_with('0') && text.parse::<u32>().is_ok()
}

/// `entry-match` (RFC 5257 §5): a name, or a pattern of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotationPattern(MailboxPattern);

impl AnnotationPattern {
    /// The pattern `text`; `None` where it can't be that of a name.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let pattern = MailboxPattern::new(std::str::from_utf8(text).ok()?);
        let is_valid = match pattern.as_plain_name() {
            Some(name) => AnnotationEntry::parse(name.as_bytes()).is_some(),
            None => text.iter().copied().all(is_in_name),
        };
        is_valid.then_some(Self(pattern))
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The one name it stands for, if it has no wildcard.
    pub fn as_plain_name(&self) -> Option<&str> {
        self.0.as_plain_name()
    }

    /// Whether an entry matches.
    ///
    /// DEVIATION(RFC 5257 §4.3): a wildcard stands for nothing, too, as in LIST, whose grammar it
    /// has.
    pub fn matches(&self, entry: &str) -> bool {
        self.0.matches(entry, '/')
    }
}

/// What is asked of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnotationKind {
    /// `value`.
    Value,
    /// `size` of the value in octets.
    Size,
}

/// An attribute with its suffix (RFC 5257 §3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnnotationAttribute {
    /// Whether the value or its size is meant.
    pub kind: AnnotationKind,
    /// Whether the annotation is private to the user or shared by all.
    pub scope: AnnotationScope,
}

impl AnnotationAttribute {
    /// The attributes that `name` stands for: both where it has no suffix (RFC 5257 §3.2.2).
    pub fn parse(name: &[u8]) -> Option<Vec<Self>> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        let (kind, scopes) = match name.split_once('.') {
            Some((kind, "priv")) => (kind, &[AnnotationScope::Private][..]),
            Some((kind, "shared")) => (kind, &[AnnotationScope::Shared][..]),
            Some(_) => return None,
            None => (name.as_str(), &AnnotationScope::ALL[..]),
        };
        let kind = match kind {
            "value" => AnnotationKind::Value,
            "size" => AnnotationKind::Size,
            _ => return None,
        };
        Some(scopes.iter().map(|&scope| Self { kind, scope }).collect())
    }

    /// The name as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match (self.kind, self.scope) {
            (AnnotationKind::Value, AnnotationScope::Private) => "value.priv",
            (AnnotationKind::Value, AnnotationScope::Shared) => "value.shared",
            (AnnotationKind::Size, AnnotationScope::Private) => "size.priv",
            (AnnotationKind::Size, AnnotationScope::Shared) => "size.shared",
        }
    }
}

/// `ANNOTATION (entries attributes)` of FETCH (RFC 5257 §4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotationQuery {
    /// The patterns of the entries asked for; at least one.
    pub entries: Vec<AnnotationPattern>,
    /// At least one, each once, those without a suffix as both.
    pub attributes: Vec<AnnotationAttribute>,
}

/// A value to be set; `None` removes (RFC 5257 §4.5).
#[derive(Clone, PartialEq, Eq)]
pub struct AnnotationValue {
    /// The entry whose value is set.
    pub entry: AnnotationEntry,
    /// Whether the value is private to the user or shared.
    pub scope: AnnotationScope,
    /// The value.
    pub value: Option<Vec<u8>>,
}

impl std::fmt::Debug for AnnotationValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size_bytes = self.value.as_ref().map(Vec::len);
        write!(f, "{} {:?} {size_bytes:?} bytes", self.entry.0, self.scope)
    }
}

/// `STORE set [(UNCHANGEDSINCE n)] ANNOTATION (…)` and `UID STORE` (RFC 5257 §4.5).
#[derive(Debug, Clone, PartialEq)]
pub struct AnnotateArgs {
    /// The messages whose annotations are changed.
    pub set: SequenceSet,
    /// What the numbers in `set` are.
    pub by: Addressing,
    /// RFC 7162 §3.1.3: messages changed after it are left alone.
    pub unchanged_since: Option<ModSeq>,
    /// At least one; none is about the same as another.
    pub values: Vec<AnnotationValue>,
}

/// `ANNOTATION entry-match attribute value` of SEARCH (RFC 5257 §4.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnotationCriterion {
    /// The entries whose values are searched.
    pub entries: AnnotationPattern,
    /// Private or shared values; `None`: both, as far as the user sees them.
    pub scope: Option<AnnotationScope>,
    /// What is in the value. NIL, of which the RFC does not say what it finds, finds messages
    /// without any such value, as it stands for no value everywhere else.
    pub value: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for (text, expect) in [
            ("/comment", true),
            ("/Comment", true),
            ("/vendor/foobar/label.priv", true),
            ("/vendor/a b", true),
            ("/1/comment", true),
            ("/1.2.3/flags/seen", true),
            ("/flagsticks", true),
            ("/flags", false),
            ("/flags/seen", false),
            ("/", false),
            ("", false),
            ("comment", false),
            ("/comment/", false),
            ("/a//b", false),
            ("/a*", false),
            ("/a%", false),
            ("/\u{e9}", false),
            ("/a\u{1}", false),
            ("/1", false),
            ("/1.2", false),
            ("/0/comment", false),
            ("/1./comment", false),
            ("/1..2/comment", false),
            ("/1.TEXT/comment", false),
            ("/01/comment", false),
            ("/4294967296/comment", false),
        ] {
            assert_eq!(AnnotationEntry::parse(text.as_bytes()).is_some(), expect, "{text}");
        }
    }

    #[test]
    fn patterns_match_levels() {
        for (pattern, entry, expect) in [
            ("/%", "/comment", true),
            ("/%", "/1/comment", false),
            ("/*", "/1/comment", true),
            ("*", "/comment", true),
            ("/1/%", "/1/comment", true),
            ("/comment", "/comment", true),
            ("/comment", "/Comment", false),
        ] {
            let parsed = AnnotationPattern::parse(pattern.as_bytes()).unwrap();
            assert_eq!(parsed.matches(entry), expect, "{pattern} {entry}");
        }
        assert_eq!(AnnotationPattern::parse(b"/flags"), None);
        assert_eq!(AnnotationPattern::parse(b"comment"), None);
        assert_eq!(AnnotationPattern::parse("/\u{e9}*".as_bytes()), None);
    }

    #[test]
    fn flags_of_parts_are_on_or_off() {
        for (entry, value, expect) in [
            ("/1/flags/seen", "1", true),
            ("/1.2/flags/forwarded", "0", true),
            ("/1/flags/seen", "yes", false),
            ("/1/flags/seen", "", false),
            ("/1/flags/other", "yes", true),
            ("/vendor/flags/seen", "yes", true),
            ("/comment", "yes", true),
        ] {
            let parsed = AnnotationEntry::parse(entry.as_bytes()).unwrap();
            assert_eq!(parsed.takes(value.as_bytes()), expect, "{entry} {value}");
        }
    }

    #[test]
    fn attributes_have_suffixes() {
        for (name, expect) in [
            ("value", Some("value.priv value.shared")),
            ("size", Some("size.priv size.shared")),
            ("value.priv", Some("value.priv")),
            ("Size.Shared", Some("size.shared")),
            ("value.private", None),
            ("value.", None),
            ("content-type", None),
            ("", None),
        ] {
            let names = AnnotationAttribute::parse(name.as_bytes()).map(|attributes| {
                let names: Vec<&str> = attributes.into_iter().map(|one| one.as_str()).collect();
                names.join(" ")
            });
            assert_eq!(names.as_deref(), expect, "{name}");
        }
    }
}
