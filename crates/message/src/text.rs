//! Text made comparable.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// How texts are compared (RFC 4790, RFC 5051): each has a form in which equal means equal bytes
/// and order is the order of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Collation {
    /// `i;unicode-casemap` (RFC 5051), what SORT and THREAD use where nothing else was chosen.
    #[default]
    UnicodeCasemap,
    /// `i;ascii-casemap` (RFC 4790 §9.2): case of ASCII letters is ignored.
    AsciiCasemap,
    /// `i;octet` (RFC 4790 §9.3): nothing is ignored.
    Octet,
}

impl Collation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::UnicodeCasemap, Self::AsciiCasemap, Self::Octet];

    /// Its registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnicodeCasemap => "i;unicode-casemap",
            Self::AsciiCasemap => "i;ascii-casemap",
            Self::Octet => "i;octet",
        }
    }

    /// The form of `text` that is compared.
    pub fn form(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::UnicodeCasemap => Cow::Owned(casemap(text)),
            Self::AsciiCasemap => Cow::Owned(text.to_ascii_uppercase()),
            Self::Octet => Cow::Borrowed(text),
        }
    }
}

/// The form in which texts are compared for SORT, THREAD and SEARCH: the collation
/// i;unicode-casemap that RFC 5256 §3 names, that is each character in its title case and then
/// decomposed (NFKD). Two texts are equal under it where their forms are equal bytes.
pub fn casemap(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    text.chars().map(title_case).nfkd().collect()
}

// Simple case mapping: a character whose upper case is several stays itself.
fn title_case(char: char) -> char {
    match char {
        // The digraphs that have a title case of their own (U+01C4 to U+01CC, U+01F1 to U+01F3).
        '\u{1c4}'..='\u{1c6}' => return '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => return '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => return '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => return '\u{1f2}',
        // Greek with iota below: the title case is one character, the upper case two.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            return char::from_u32(char as u32 + 8).unwrap_or(char);
        }
        '\u{1fb3}' => return '\u{1fbc}',
        '\u{1fc3}' => return '\u{1fcc}',
        '\u{1ff3}' => return '\u{1ffc}',
        // Georgian has an upper case and no title case.
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => return char,
        _ => {}
    }
    let mut upper = char.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => char,
    }
}

/// Blanks and controls, each run of them one blank; none at the ends.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for char in text.chars() {
        if !char.is_whitespace() && !char.is_control() {
            line.push(char);
        } else if !line.is_empty() && !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// At most `max` bytes of a text, whole characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casemap_folds_case_and_composition() {
        for (one, other) in [
            ("Hello", "hELLO"),
            ("CAFÉ", "cafe\u{301}"),
            ("ǆ", "Ǆ"),
            ("ﬁ", "fi\u{0}"),
            ("Ωmega", "ωMEGA"),
            ("\u{1f80}", "\u{1f88}"),
            ("\u{1fb3}", "\u{1fbc}"),
        ] {
            assert_eq!(casemap(one) == casemap(other), one != "ﬁ", "{one}");
        }
        assert_eq!(casemap("straße"), "STRAßE");
        // RFC 5051 §2: the title case of a Georgian letter is itself.
        assert_eq!(casemap("\u{10d0}"), "\u{10d0}");
    }

    #[test]
    fn collations_have_forms() {
        for (collation, text, form) in [
            (Collation::UnicodeCasemap, "aé", "AE\u{301}"),
            (Collation::AsciiCasemap, "aé", "Aé"),
            (Collation::Octet, "aé", "aé"),
        ] {
            assert_eq!(collation.form(text), form, "{}", collation.name());
        }
    }

    #[test]
    fn lines_are_single() {
        assert_eq!(one_line(" a\r\n\tb\u{a0}\0c "), "a b c");
        assert_eq!(one_line("\n"), "");
        assert_eq!(cut("aé", 2), "a");
    }
}
