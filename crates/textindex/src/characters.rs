//! The characters of texts, and pairs of them in a row or around a blank, with the documents that
//! have them.
//!
//! Needles so short stand nearly everywhere: their positions would be too many.

use std::collections::{HashMap, HashSet};

use crate::Field;
use crate::item::{is_listed, is_seam};
use crate::varint::ListWriter;

const ASCII: usize = 128;
const PAIRS: usize = ASCII * ASCII;
/// Places of ASCII characters, then of pairs of them in a row, then around a blank.
const PLACES: usize = ASCII + 2 * PAIRS;

/// What has a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Chars {
    One(char),
    InARow(char, char),
    /// With a blank between them.
    Around(char, char),
}

impl Chars {
    /// The place of what is ASCII alone.
    fn place(self) -> Option<usize> {
        let pair = |left: char, right: char| {
            (left.is_ascii() && right.is_ascii()).then(|| left as usize * ASCII + right as usize)
        };
        match self {
            Self::One(char) => char.is_ascii().then_some(char as usize),
            Self::InARow(left, right) => Some(ASCII + pair(left, right)?),
            Self::Around(left, right) => Some(ASCII + PAIRS + pair(left, right)?),
        }
    }

    fn at(place: usize) -> Self {
        let char = |at: usize| char::from((at % ASCII) as u8);
        match place.checked_sub(ASCII) {
            None => Self::One(char(place)),
            Some(pair) if pair < PAIRS => Self::InARow(char(pair / ASCII), char(pair)),
            Some(pair) => Self::Around(char((pair - PAIRS) / ASCII), char(pair)),
        }
    }

    fn text(self) -> String {
        match self {
            Self::One(char) => char.to_string(),
            Self::InARow(left, right) => [left, right].iter().collect(),
            Self::Around(left, right) => [left, ' ', right].iter().collect(),
        }
    }
}

/// Whether a list is kept of the documents of `field` that have this text.
pub(crate) fn has_list(field: Field, text: &str) -> bool {
    let mut chars = text.chars();
    let listed = match (chars.next(), chars.next(), chars.next(), chars.next()) {
        (Some(char), None, ..) => is_listed(char),
        (Some(left), Some(right), None, _) => {
            is_seam(left, right)
                || (field.lists_inner_pairs() && is_listed(left) && is_listed(right))
        }
        (Some(left), Some(' '), Some(right), None) => {
            field.lists_inner_pairs() && is_around(left, right)
        }
        _ => false,
    };
    field.documents_key().is_some() && listed
}

/// Whether two characters with a blank between are the end of a word and the beginning of one.
fn is_around(left: char, right: char) -> bool {
    is_listed(left) && left != ' ' && is_seam(' ', right)
}

/// Lists of documents, of one field.
#[derive(Debug)]
pub(crate) struct Characters {
    /// A bit for each place: whether the document under way has it.
    seen: Vec<u64>,
    ascii: Vec<ListWriter>,
    others: HashMap<Chars, ListWriter>,
    /// Others that the document under way has.
    seen_others: HashSet<Chars>,
}

impl Default for Characters {
    fn default() -> Self {
        Self {
            seen: vec![0; PLACES.div_ceil(64)],
            ascii: vec![ListWriter::default(); PLACES],
            others: HashMap::new(),
            seen_others: HashSet::new(),
        }
    }
}

impl Characters {
    /// Notes what a text of the document under way has; of pairs in a row those between items, and
    /// all of them and those around blanks if `inner`.
    pub(crate) fn see(&mut self, text: &str, inner: bool) {
        let (mut second, mut before): (Option<char>, Option<char>) = (None, None);
        for char in text.chars() {
            if !is_listed(char) {
                (second, before) = (None, None);
                continue;
            }
            self.see_chars(Chars::One(char));
            if let Some(before) = before
                && (inner || is_seam(before, char))
            {
                self.see_chars(Chars::InARow(before, char));
            }
            if let (Some(second), Some(' ')) = (second, before)
                && inner
                && is_around(second, char)
            {
                self.see_chars(Chars::Around(second, char));
            }
            (second, before) = (before, Some(char));
        }
    }

    fn see_chars(&mut self, chars: Chars) {
        match chars.place() {
            Some(place) => {
                if let Some(word) = self.seen.get_mut(place / 64) {
                    *word |= 1 << (place % 64);
                }
            }
            None => {
                self.seen_others.insert(chars);
            }
        }
    }

    /// Ends the document under way, whose number is above those before it; about how many bytes
    /// that took.
    pub(crate) fn list(&mut self, document: u32) -> usize {
        let mut bytes = 0;
        for (at, word) in self.seen.iter_mut().enumerate() {
            let mut rest = std::mem::take(word);
            while rest != 0 {
                let place = at * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if let Some(list) = self.ascii.get_mut(place) {
                    list.push(document);
                    bytes += 1;
                }
            }
        }
        for chars in self.seen_others.drain() {
            self.others.entry(chars).or_default().push(document);
            bytes += 2;
        }
        bytes
    }

    /// What was seen, with the documents that have it.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (String, &ListWriter)> {
        let ascii = self.ascii.iter().enumerate().map(|(place, list)| (Chars::at(place), list));
        let others = self.others.iter().map(|(chars, list)| (*chars, list));
        let lists = ascii.chain(others).filter(|(_, list)| !list.bytes.is_empty());
        lists.map(|(chars, list)| (chars.text(), list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_name_their_characters() {
        for place in 0..PLACES {
            assert_eq!(Chars::at(place).place(), Some(place));
        }
        assert_eq!(Chars::Around('A', 'é').place(), None);
    }

    #[test]
    fn what_has_a_list_was_seen() {
        let texts = ["A B", "THE FOX, 東 A", " A  B", "é É", "か A", "A. B"];
        for text in texts {
            let mut seen = Characters::default();
            seen.see(text, true);
            seen.list(0);
            let listed: HashSet<String> = seen.lists().map(|(text, _)| text).collect();
            let chars: Vec<char> = text.chars().collect();
            for length in 1..=3 {
                for piece in chars.windows(length).map(|piece| piece.iter().collect::<String>()) {
                    let is_listed = listed.contains(&piece);
                    assert_eq!(has_list(Field::Body, &piece), is_listed, "{piece:?} of {text:?}");
                }
            }
        }
    }
}
