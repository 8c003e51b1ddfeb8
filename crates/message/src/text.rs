//! Texts made comparable: the collations of RFC 4790 and RFC 5051.

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
    /// Every collation.
    pub const ALL: [Self; 3] = [Self::UnicodeCasemap, Self::AsciiCasemap, Self::Octet];

    /// The name that it is registered under.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnicodeCasemap => "i;unicode-casemap",
            Self::AsciiCasemap => "i;ascii-casemap",
            Self::Octet => "i;octet",
        }
    }

    /// The form in which SEARCH compares `text`: with i;unicode-casemap that of [`search_form`].
    ///
    /// DEVIATION(RFC 5255 §4.6): the default comparator ignores accents too. Who looks for
    /// `Müller` means `Muller` as well, and all that the comparator itself finds is found.
    pub fn search_form(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::UnicodeCasemap => Cow::Owned(search_form(text)),
            other => other.form(text),
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

/// The form in which SEARCH compares texts: that of [`casemap`], in which what a compatibility
/// character stands for has no case either, without the accents of Latin, Greek and Cyrillic. So
/// `resume` finds `Résumé`, and everything is found that i;unicode-casemap finds. The marks of
/// other scripts tell words apart and stay.
pub fn search_form(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    let mut form = String::with_capacity(text.len());
    for run in text.as_bytes().chunk_by(|left, right| left.is_ascii() == right.is_ascii()) {
        // A run ends between two characters: all bytes of one are ASCII or none is.
        let run = std::str::from_utf8(run).unwrap_or_default();
        if run.is_ascii() {
            form.extend(run.chars().map(|char| char.to_ascii_uppercase()));
        } else {
            let folded = run.chars().map(title_case).nfkd().map(title_case);
            form.extend(folded.filter(|char| !is_accent(*char)));
        }
    }
    form
}

// The blocks of combining diacritical marks, all of them.
fn is_accent(char: char) -> bool {
    matches!(char, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
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
    let mut rest = text;
    loop {
        let (plain, after) = rest.split_at(plain_len(rest, line.is_empty() || line.ends_with(' ')));
        line.push_str(plain);
        let mut chars = after.chars();
        let Some(char) = chars.next() else { break };
        rest = chars.as_str();
        if !char.is_whitespace() && !char.is_control() {
            line.push(char);
        } else if !line.is_empty() && !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// How much of `text` is as it should be: words of ASCII with one blank between them, which most
/// texts are. `after_blank`: a blank at its beginning is one too many.
fn plain_len(text: &str, mut after_blank: bool) -> usize {
    let is_plain = |byte: &u8| {
        let is_second_blank = *byte == b' ' && std::mem::replace(&mut after_blank, true);
        after_blank &= *byte == b' ';
        byte.is_ascii_graphic() || *byte == b' ' && !is_second_blank
    };
    text.as_bytes().iter().copied().take_while(is_plain).count()
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
    fn search_form_ignores_accents_too() {
        for (text, form) in [
            ("Résumé, e\u{301}", "RESUME, E"),
            ("Ёж и Йод", "ЕЖ И ИОД"),
            ("ﬁn straße", "FIN STRAßE"),
            ("Việt ơ Ångström", "VIET O ANGSTROM"),
            ("が ガ", "か\u{3099} カ\u{3099}"),
            ("ά", "Α"),
            ("\u{301}", ""),
        ] {
            assert_eq!(search_form(text), form, "{text}");
        }
    }

    #[test]
    fn search_form_finds_what_casemap_finds() {
        let chars: Vec<char> = "aÀéß ﬁǆΩά\u{301}\u{327}й東がﾊﾟ한ｋ①".chars().collect();
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let mut text = |max| -> String {
                (0..rng.usize(1..max)).map(|_| chars[rng.usize(..chars.len())]).collect()
            };
            let (text, needle) = (text(12), text(4));
            if casemap(&text).contains(&casemap(&needle)) {
                assert!(search_form(&text).contains(&search_form(&needle)), "{text:?} {needle:?}");
            }
        }
    }

    #[test]
    fn lines_are_single() {
        assert_eq!(one_line(" a\r\n\tb\u{a0}\0c "), "a b c");
        assert_eq!(one_line("\n"), "");
        assert_eq!(one_line("  a  b c   d\t e\u{e9}  f "), "a b c d e\u{e9} f");
        assert_eq!(cut("aé", 2), "a");
    }
}
