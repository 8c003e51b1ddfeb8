//! Text made comparable.

use unicode_normalization::UnicodeNormalization;

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
    // The digraphs that have a title case of their own (U+01C4 to U+01CC, U+01F1 to U+01F3).
    match char {
        '\u{1c4}'..='\u{1c6}' => return '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => return '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => return '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => return '\u{1f2}',
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
        ] {
            assert_eq!(casemap(one) == casemap(other), one != "ﬁ", "{one}");
        }
        assert_eq!(casemap("straße"), "STRAßE");
    }

    #[test]
    fn lines_are_single() {
        assert_eq!(one_line(" a\r\n\tb\u{a0}\0c "), "a b c");
        assert_eq!(one_line("\n"), "");
        assert_eq!(cut("aé", 2), "a");
    }
}
