//! `text-match` (RFC 4791 §9.7.5, RFC 6352 §10.5.4) and its collations (RFC 4790).

use std::borrow::Cow;

use super::compared::Compared;

/// How texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collation {
    /// `i;ascii-casemap`: a to z like A to Z.
    AsciiCasemap,
    /// `i;octet`: byte by byte.
    Octet,
    /// `i;unicode-casemap` (RFC 5051): letters of every script without their case.
    UnicodeCasemap,
}

impl Collation {
    /// The collation of this identifier (RFC 4790).
    pub fn find(identifier: &str) -> Option<Self> {
        Some(match identifier.trim() {
            "i;ascii-casemap" => Self::AsciiCasemap,
            "i;octet" => Self::Octet,
            "i;unicode-casemap" => Self::UnicodeCasemap,
            _ => return None,
        })
    }

    /// The identifiers of all.
    pub const IDENTIFIERS: [&str; 3] = ["i;ascii-casemap", "i;octet", "i;unicode-casemap"];

    pub(super) fn key(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Octet => Cow::Borrowed(text),
            Self::UnicodeCasemap if !text.is_ascii() => Cow::Owned(unicode_key(text)),
            Self::AsciiCasemap | Self::UnicodeCasemap => Cow::Owned(text.to_ascii_uppercase()),
        }
    }
}

/// RFC 5051 §2: titlecase, then decomposed.
pub(super) fn unicode_key(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization as _;
    text.chars().map(titlecase).nfkd().collect()
}

/// The simple titlecase mapping, which is the uppercase one but where that makes two characters
/// of one (`ß`), and for the digraphs that have a case of their own.
fn titlecase(char: char) -> char {
    match char {
        'Ǆ' | 'ǅ' | 'ǆ' => return 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => return 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => return 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => return 'ǲ',
        _ => {}
    }
    let mut upper = char.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => char,
    }
}

/// Where the text has to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchKind {
    /// `contains`
    Contains,
    /// `equals`
    Equals,
    /// `starts-with`
    StartsWith,
    /// `ends-with`
    EndsWith,
}

/// A test of a text: a needle, a collation, and whether the result is negated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextMatch {
    /// The needle, in the form that the collation compares.
    key: String,
    collation: Collation,
    kind: MatchKind,
    negate: bool,
}

impl TextMatch {
    /// A test that holds where `text` is found; with `negate`, where it is not.
    pub fn new(text: &str, collation: Collation, kind: MatchKind, negate: bool) -> Self {
        Self { key: collation.key(text).into_owned(), collation, kind, negate }
    }

    /// Whether it is one of what is not there.
    pub fn is_negated(&self) -> bool {
        self.negate
    }

    /// Whether it holds for a text.
    pub fn holds(&self, text: &str) -> bool {
        self.holds_for(&Compared::new(text))
    }

    /// Whether it holds for a text that others may be asked of, too.
    pub(super) fn holds_for(&self, text: &Compared<'_>) -> bool {
        self.finds(text) != self.negate
    }

    /// Whether the text matches, before negation.
    pub(super) fn finds(&self, text: &Compared<'_>) -> bool {
        let wanted = self.key.as_bytes();
        text.with_key(self.collation, |key| match self.kind {
            MatchKind::Contains => memchr::memmem::find(key, wanted).is_some(),
            MatchKind::Equals => key == wanted,
            MatchKind::StartsWith => key.starts_with(wanted),
            MatchKind::EndsWith => key.ends_with(wanted),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collations_differ_in_case() {
        use Collation::{AsciiCasemap, Octet, UnicodeCasemap};
        for (collation, needle, text, found) in [
            (AsciiCasemap, "event", "Daily EVENT", true),
            (AsciiCasemap, "größe", "GRÖSSE", false),
            (AsciiCasemap, "GRöSSE", "grösse", true),
            (AsciiCasemap, "GRÖSSE", "grösse", false),
            (Octet, "event", "Daily EVENT", false),
            (Octet, "EVENT", "Daily EVENT", true),
            (UnicodeCasemap, "ÉTÉ", "un été", true),
            (UnicodeCasemap, "Привет", "ПРИВЕТ!", true),
            // Composed or not is the same, and so are forms for display; case goes first.
            (UnicodeCasemap, "e\u{301}te\u{301}", "ÉTÉ", true),
            (UnicodeCasemap, "①", "1", true),
            (UnicodeCasemap, "file", "ﬁle", false),
            // RFC 5051 maps one character to one.
            (UnicodeCasemap, "ss", "ß", false),
            (UnicodeCasemap, "", "anything", true),
        ] {
            let test = TextMatch::new(needle, collation, MatchKind::Contains, false);
            assert_eq!(test.holds(text), found, "{collation:?} {needle} in {text}");
            let not = TextMatch::new(needle, collation, MatchKind::Contains, true);
            assert_eq!(not.holds(text), !found);
        }
    }

    #[test]
    fn kinds_say_where() {
        use MatchKind::{Contains, EndsWith, Equals, StartsWith};
        for (kind, holds) in [
            (Contains, [true, true, true, true]),
            (Equals, [true, false, false, false]),
            (StartsWith, [true, true, false, false]),
            (EndsWith, [true, false, true, false]),
        ] {
            let test = TextMatch::new("me", Collation::UnicodeCasemap, kind, false);
            let found = ["Me", "mean", "home", "omega"].map(|text| test.holds(text));
            assert_eq!(found, holds, "{kind:?}");
        }
    }
}
