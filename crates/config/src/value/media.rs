//! Media types (RFC 6838 §4.2), and all of a kind.

use std::path::Path;

use toml::de::DeValue;

use super::{OptionValue, list, text};

/// LIMIT: RFC 6838 §4.2 has 127 characters for each of the two names.
const NAME_BYTES_MAX: usize = 127;

/// `text/calendar`, or `text/*` for all that begin so; in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRange(String);

impl MediaRange {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl OptionValue for Vec<MediaRange> {
    const TYPE: &'static str = "list of media types";

    fn parse(value: &DeValue<'_>, _: &Path) -> Result<Self, String> {
        list(value, media_range)
    }
}

fn media_range(value: &DeValue<'_>) -> Result<MediaRange, String> {
    let text = text(value, "a media type")?.to_ascii_lowercase();
    let is_range = text
        .split_once('/')
        .is_some_and(|(main, sub)| is_name(main) && (sub == "*" || is_name(sub)));
    match is_range {
        true => Ok(MediaRange(text)),
        false => Err("expected a media type, such as \"text/calendar\" or \"text/*\"".to_owned()),
    }
}

/// RFC 6838 §4.2, `restricted-name`.
fn is_name(text: &str) -> bool {
    let is_other = |char: char| "!#$&-^_.+".contains(char);
    let is_long = text.len() > NAME_BYTES_MAX;
    text.starts_with(|char: char| char.is_ascii_alphanumeric())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || is_other(char))
        && !is_long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_told_from_other_texts() {
        for (given, expect) in [
            ("text/*", Some("text/*")),
            ("Text/Calendar", Some("text/calendar")),
            ("application/vnd.x+xml", Some("application/vnd.x+xml")),
            ("text", None),
            ("*/*", None),
            ("text/c*", None),
            ("text/", None),
            ("text/a b", None),
            ("a/b/c", None),
        ] {
            let range = media_range(&DeValue::String(given.into())).ok();
            assert_eq!(range.as_ref().map(MediaRange::as_str), expect, "{given}");
        }
    }
}
