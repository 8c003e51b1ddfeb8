//! Words of other programs: names and versions, of which nothing is known here.

use std::fmt;
use std::path::Path;

use toml::de::DeValue;

use super::{OptionValue, list, text};

/// LIMIT: RFC 2971 §3.3 lets programs give values of 1,024 octets; beginnings are shorter.
const BYTES_MAX: usize = 255;

/// A short text without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(String);

impl Word {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl OptionValue for Word {
    const TYPE: &'static str = "text";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        word(value)
    }
}

impl OptionValue for Vec<Word> {
    const TYPE: &'static str = "list of texts";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        list(value, word)
    }
}

fn word(value: &DeValue<'_>) -> Result<Word, String> {
    let text = text(value, "a text")?;
    if text.is_empty() || text.len() > BYTES_MAX || text.chars().any(char::is_control) {
        return Err(format!("expected 1 to {BYTES_MAX} bytes without control characters"));
    }
    Ok(Word(text.to_owned()))
}
