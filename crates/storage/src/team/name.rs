//! Names of teams: bounded, without control characters, and compared without case.

use unicode_normalization::UnicodeNormalization as _;

use crate::{Result, StorageError};

/// LIMIT: a name is shown in lists and typed in programs.
const NAME_BYTES_MAX: usize = 255;

/// A name that a team can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamName(String);

impl TeamName {
    /// Checks a name and brings it into NFC.
    ///
    /// # Errors
    /// [`StorageError::Invalid`] where it is none.
    pub fn parse(name: &str) -> Result<Self> {
        let name: String = name.nfc().collect();
        let is_bad = name.is_empty()
            || name.len() > NAME_BYTES_MAX
            || name.trim() != name
            || name.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
        match is_bad {
            true => Err(StorageError::Invalid(
                "not a name of a team: empty, too long, with controls or blanks at an end",
            )),
            false => Ok(Self(name)),
        }
    }

    /// The name as it was given, in NFC.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in the form that is compared.
    pub(crate) fn folded(&self) -> String {
        self.0.to_lowercase().nfc().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case() {
        for (name, folded) in [
            ("Sales", Some("sales")),
            ("Verkauf & Co.", Some("verkauf & co.")),
            ("E\u{301}quipe", Some("\u{e9}quipe")),
            ("", None),
            (" a", None),
            ("a ", None),
            ("a\nb", None),
        ] {
            let found = TeamName::parse(name).map(|name| name.folded());
            assert_eq!(found.ok().as_deref(), folded, "{name:?}");
        }
        assert!(TeamName::parse(&"x".repeat(256)).is_err());
    }
}
