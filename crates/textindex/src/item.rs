//! Where a text is cut into items.
//!
//! **Invariant:** whether an item begins between two characters depends on these two alone, so
//! that a needle is cut as the text around it is.

/// What a character is to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// An item of a word, in a script that writes words apart or that runs on without a mark.
    Word,
    /// An item by itself.
    Ideograph,
    /// The text between words; it belongs to the item before it.
    Between,
}

fn class(char: char) -> Class {
    if char.is_ascii() {
        return if char.is_ascii_alphanumeric() { Class::Word } else { Class::Between };
    }
    match char {
        // Radicals, kana, bopomofo, ideographs. Hangul is written in words.
        '\u{2e80}'..='\u{2fdf}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{3098}'
        | '\u{309d}'..='\u{312f}'
        | '\u{31a0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{1b000}'..='\u{1b16f}'
        | '\u{20000}'..='\u{3ffff}' => Class::Ideograph,
        _ if char.is_alphanumeric() => Class::Word,
        _ => Class::Between,
    }
}

fn begins(before: Class, here: Class) -> bool {
    match here {
        Class::Ideograph => true,
        Class::Word => before != Class::Word,
        Class::Between => false,
    }
}

/// The items of a text, in order; together they are the text.
pub(crate) fn items(text: &str) -> Items<'_> {
    Items { rest: text }
}

pub(crate) struct Items<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let mut chars = self.rest.char_indices();
        let mut before = class(chars.next()?.1);
        let end = chars.find_map(|(at, char)| {
            let here = class(char);
            let found = begins(before, here);
            before = here;
            found.then_some(at)
        });
        let (item, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        Some(item)
    }
}

/// How much of a field a text takes: its items, and the gap behind it.
pub fn length(text: &str) -> usize {
    items(text).count() + 1
}

/// The words of a text, each with what [`What::Word`](crate::What::Word) is asked about.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    items(text).map(word).filter(|word| !word.is_empty())
}

/// The word that an item begins with; empty where it begins with something else, as the first of
/// a text may.
pub(crate) fn word(item: &str) -> &str {
    let end = item.char_indices().find(|(_, char)| class(*char) == Class::Between);
    item.get(..end.map_or(item.len(), |(at, _)| at)).unwrap_or_default()
}

/// Whether a list of documents is kept for this character alone: ideographs are items anyway.
pub(crate) fn is_listed(char: char) -> bool {
    class(char) != Class::Ideograph
}

/// Whether a list of documents is kept for these two in a row.
pub(crate) fn is_seam(left: char, right: char) -> bool {
    is_listed(left) && is_listed(right) && begins(class(left), class(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_before_words_and_ideographs() {
        for (text, expect) in [
            ("", vec![]),
            ("..", vec![".."]),
            ("  THE FOX,\r\nTOO", vec!["  ", "THE ", "FOX,\r\n", "TOO"]),
            ("JULIE@EXAMPLE.ORG>", vec!["JULIE@", "EXAMPLE.", "ORG>"]),
            ("東京は、TOKYO", vec!["東", "京", "は、", "TOKYO"]),
            ("A東", vec!["A", "東"]),
            ("か\u{3099}き", vec!["か\u{3099}", "き"]),
            ("ΩМ1", vec!["ΩМ1"]),
        ] {
            assert_eq!(items(text).collect::<Vec<_>>(), expect);
        }
    }

    #[test]
    fn seams_are_boundaries_without_ideographs() {
        assert!(is_seam(' ', 'A') && !is_seam('A', ' ') && !is_seam('A', 'B'));
        assert!(!is_seam('東', 'A') && !is_seam(' ', '東') && is_listed(' ') && !is_listed('は'));
    }
}
