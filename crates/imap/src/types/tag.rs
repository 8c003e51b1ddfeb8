//! The tag that a client puts before a command (RFC 9051 §2.2.1): 1 to 255 octets, none of which
//! could break a response.

use std::fmt;

/// A command tag (RFC 9051 §2.2.1): 1 to 255 characters that may stand in an astring, without `+`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tag(Box<str>);

impl Tag {
    /// LIMIT: the grammar sets none; real clients use under 20, and every reply repeats it.
    pub const BYTES_MAX: usize = 255;

    /// The tag spelled by `bytes`, if they spell one.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() || bytes.len() > Self::BYTES_MAX {
            return None;
        }
        if !bytes.iter().all(|&b| crate::parse::class::is_tag(b)) {
            return None;
        }
        std::str::from_utf8(bytes).ok().map(|text| Self(text.into()))
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The characters as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_grammar_does() {
        for good in ["a", "A001", "1.2", "]", "#;x", &"t".repeat(255)] {
            assert!(Tag::new(good.as_bytes()).is_some(), "{good}");
        }
        for bad in ["", "+", "a+", "*", "a b", "a\"", "a(", "\\", "%", "é", &"t".repeat(256)] {
            assert!(Tag::new(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
