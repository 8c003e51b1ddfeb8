//! Names of collections and objects: the last parts of their paths, decoded.

use unicode_normalization::{UnicodeNormalization, is_nfc};

use super::Home;
use crate::{LimitKind, Result, StorageError};

/// LIMIT: bytes of one component.
const COMPONENT_BYTES_MAX: usize = 255;
/// LIMIT: bytes of the name of a folder, with those above it.
const NAME_BYTES_MAX: usize = 1024;
/// LIMIT: folders within folders.
const DEPTH_MAX: usize = 30;

/// Names that only the server makes collections under.
const RESERVED: [(Home, &str); 4] = [
    (Home::Calendars, "inbox"),
    (Home::Calendars, "outbox"),
    (Home::Calendars, "notifications"),
    (Home::AddressBooks, "directory"),
];

/// The name of a collection in its home, in the one form in which it is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CollectionName(String);

impl CollectionName {
    /// Reads a name; two that differ in normalisation only become one.
    pub fn parse(home: Home, name: &str) -> Result<Self> {
        if RESERVED.contains(&(home, name)) || super::guest::number_of(name).is_some() {
            return Err(StorageError::NoPermission("this name is the server's own"));
        }
        Self::parse_any(home, name)
    }

    /// Like [`parse`](Self::parse), reserved names too.
    pub(crate) fn parse_any(home: Home, name: &str) -> Result<Self> {
        let levels = if home == Home::Files { DEPTH_MAX } else { 1 };
        let name = normal(name, NAME_BYTES_MAX)?;
        if name.split('/').count() > levels {
            let kind = LimitKind::CollectionDepth;
            return Err(StorageError::Limit { kind, max: levels as u64 });
        }
        name.split('/').try_for_each(check_component)?;
        Ok(Self(name))
    }

    /// The name as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder above.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }
}

/// The name of an object in its collection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

impl ObjectName {
    /// Reads a name; two that differ in normalisation only become one.
    pub fn parse(name: &str) -> Result<Self> {
        let name = normal(name, COMPONENT_BYTES_MAX)?;
        check_component(&name)?;
        Ok(Self(name))
    }

    /// The name as stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn normal(name: &str, bytes_max: usize) -> Result<String> {
    let too_long = StorageError::Limit { kind: LimitKind::CollectionName, max: bytes_max as u64 };
    // The bound on the input comes first: normalisation shortens, but not without limit.
    if name.len() > bytes_max * 4 {
        return Err(too_long);
    }
    let name = match is_nfc(name) {
        true => name.to_owned(),
        false => name.nfc().collect(),
    };
    match name.len() > bytes_max {
        true => Err(too_long),
        false => Ok(name),
    }
}

fn check_component(component: &str) -> Result<()> {
    if component.len() > COMPONENT_BYTES_MAX {
        let kind = LimitKind::CollectionName;
        return Err(StorageError::Limit { kind, max: COMPONENT_BYTES_MAX as u64 });
    }
    match component {
        "" | "." | ".." => Err(StorageError::Invalid("a name is empty, `.` or `..`")),
        name if name.contains('/') || name.chars().any(char::is_control) => {
            Err(StorageError::Invalid("a name holds a slash or a control character"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for (name, good) in [
            ("personal", true),
            ("A b@c~ü", true),
            ("", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a\0b", false),
            ("a\u{85}b", false),
        ] {
            assert_eq!(ObjectName::parse(name).is_ok(), good, "{name:?}");
            assert_eq!(CollectionName::parse(Home::Calendars, name).is_ok(), good, "{name:?}");
        }
        let folder = |name: &str| CollectionName::parse(Home::Files, name);
        assert_eq!(folder("a/b").unwrap().parent(), Some("a"));
        for name in ["/a", "a/", "a//b", "a/../b"] {
            assert!(folder(name).is_err(), "{name}");
        }
        assert!(folder(&["a"; 31].join("/")).is_err());
        assert!(folder(&["a"; 30].join("/")).is_ok());
        assert!(ObjectName::parse(&"ü".repeat(128)).is_err());
        assert_eq!(ObjectName::parse("u\u{308}").unwrap().as_str(), "ü");
        assert!(CollectionName::parse(Home::Calendars, "inbox").is_err());
        assert!(CollectionName::parse(Home::AddressBooks, "inbox").is_ok());
    }
}
