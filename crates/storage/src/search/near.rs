//! Words spelled nearly alike: what a fuzzy search (RFC 6203) finds beside the text itself.
//!
//! Two words are near each other where one becomes the other by few slips of the pen, or where
//! they differ in their endings only, as `invoice`, `invoices` and `invoicing` do. Both are rules
//! about letters and know no language.

use textindex::words;

/// LIMIT: letters; longer ones are no words that somebody misspelled.
const LETTERS_MAX: usize = 32;
/// Words with fewer letters are near too many others.
const LETTERS_MIN: usize = 4;
/// From so many letters on, two slips are allowed.
const LETTERS_TWO_SLIPS: usize = 8;
/// An ending: so many letters at most.
const ENDING_MAX: usize = 3;

/// A word, and those near it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    letters: Vec<char>,
    /// The first letter.
    start: String,
    slips: usize,
}

impl Near {
    /// The words near `text`, which is in the form of [`message::search_form`]. `None` for what is
    /// not one word, is too short, or has digits: numbers with another digit are others.
    pub fn new(text: &str) -> Option<Self> {
        let mut all = words(text);
        let word = all.next()?;
        let letters: Vec<char> = word.chars().collect();
        let is_word = all.next().is_none() && letters.iter().all(|char| char.is_alphabetic());
        if !is_word || !(LETTERS_MIN..=LETTERS_MAX).contains(&letters.len()) {
            return None;
        }
        let slips = if letters.len() < LETTERS_TWO_SLIPS { 1 } else { 2 };
        let start = letters.iter().take(1).collect();
        Some(Self { letters, start, slips })
    }

    /// What all words near this one begin with.
    pub fn start(&self) -> &str {
        &self.start
    }

    /// The words of a text, in the same form, that may be near another.
    pub fn words_in(text: &str) -> impl Iterator<Item = &str> {
        words(text).filter(|word| may_be_near(word))
    }

    /// Whether a word, in the same form, is near.
    pub fn accepts(&self, word: &str) -> bool {
        if !may_be_near(word) || !word.starts_with(&self.start) {
            return false;
        }
        let mut letters = ['\0'; LETTERS_MAX];
        let mut count = 0;
        for char in word.chars() {
            let Some(place) = letters.get_mut(count) else { return false };
            *place = char;
            count += 1;
        }
        let other = letters.get(..count).unwrap_or_default();
        let common = self.letters.iter().zip(other).take_while(|(one, two)| one == two).count();
        self.has_other_ending(other, common) || self.is_misspelled(other, common)
    }

    /// How often words near this one stand in a text of the same form.
    pub fn count_in(&self, text: &str) -> usize {
        words(text).filter(|word| self.accepts(word)).count()
    }

    /// Both go on with an ending behind the letters they have in common, which are most.
    fn has_other_ending(&self, other: &[char], common: usize) -> bool {
        let (ours, theirs) = (self.letters.len() - common, other.len() - common);
        let (longer, shorter) = (ours.max(theirs), ours.min(theirs));
        common >= LETTERS_MIN
            && longer <= ENDING_MAX
            // Two long endings are another word, as in `contract` and `control`.
            && (common >= 2 * longer || (shorter <= 1 && common > longer))
            && other.iter().all(|char| char.is_alphabetic())
    }

    /// Few letters are missing, too many, others, or changed places with their neighbours. The
    /// first letter is mostly right, and where only it is wrong the word is another one.
    fn is_misspelled(&self, other: &[char], common: usize) -> bool {
        if common == 0 || self.letters.len().abs_diff(other.len()) > self.slips {
            return false;
        }
        let ours = self.letters.get(common..).unwrap_or_default();
        let theirs = other.get(common..).unwrap_or_default();
        is_within(ours, theirs, self.slips)
    }
}

/// Whether a word is not too short or too long to be near another.
fn may_be_near(word: &str) -> bool {
    // No letter has more than four bytes.
    (LETTERS_MIN - 1..=LETTERS_MAX * 4).contains(&word.len())
}

/// Letters of a word and one more.
type Row = [u8; LETTERS_MAX + 1];

/// Whether no more than `most` slips are between two words of at most [`LETTERS_MAX`] letters:
/// letters left out, added, replaced, or swapped with the next.
fn is_within(one: &[char], two: &[char], most: usize) -> bool {
    let most = most as u8;
    // The row before the last one, the last one, and the one being filled.
    let mut second: Row = [0; LETTERS_MAX + 1];
    let mut last: Row = std::array::from_fn(|at| at as u8);
    let at = |row: &Row, column: usize| row.get(column).copied().unwrap_or(u8::MAX);
    for (row, char) in one.iter().enumerate() {
        let mut filled: Row = [u8::MAX; LETTERS_MAX + 1];
        let mut left = row as u8 + 1;
        let mut least_of_row = left;
        if let Some(first) = filled.first_mut() {
            *first = left;
        }
        for (column, other) in two.iter().enumerate() {
            let replaced = at(&last, column).saturating_add(u8::from(char != other));
            let above = at(&last, column + 1).min(left).saturating_add(1);
            let mut least = replaced.min(above);
            let is_swap = row > 0
                && column > 0
                && one.get(row - 1) == Some(other)
                && two.get(column - 1) == Some(char);
            if is_swap {
                least = least.min(at(&second, column - 1).saturating_add(1));
            }
            if let Some(place) = filled.get_mut(column + 1) {
                *place = least;
            }
            left = least;
            least_of_row = least_of_row.min(least);
        }
        // It only grows from here on: a swap that is begun costs one as well.
        if least_of_row > most {
            return false;
        }
        second = std::mem::replace(&mut last, filled);
    }
    at(&last, two.len()) <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_near_by_slips_and_endings() {
        for (word, near, far) in [
            (
                "INVOICE",
                &["INVOICE", "INVOICES", "INVOICED", "INVOICING", "INVIOCE", "INVICE"][..],
                &["VOICE", "INVEST", "NVOICE", "INVOCATION"][..],
            ),
            ("MEETING", &["MEETINGS", "MEET", "MEETS", "MEATING"], &["MEE", "GREETING", "SEATING"]),
            ("CONTRACT", &["CONTRACTS", "CONTRACTOR", "CONRACT"], &["CONTROL"]),
            ("BEGLEITUNG", &["BEGLEITUNGEN", "BEGLIETUNG", "BEGLETTUNG"], &["BEGLEICHEN"]),
            ("ПИСЬМО", &["ПИСЬМА", "ПИСЬМОМ", "ПИСМО"], &["ПИСК"]),
            ("ROOF", &["ROOFS", "ROOFING", "ROF"], &["PROOF", "ROAR"]),
        ] {
            let pattern = Near::new(word).unwrap();
            for other in near {
                assert!(pattern.accepts(other), "{word} {other}");
            }
            for other in far {
                assert!(!pattern.accepts(other), "{word} {other}");
            }
        }
    }

    #[test]
    fn not_every_text_has_words_near_it() {
        for text in ["", "FOX", "TWO WORDS", "2026", "A1B2C3", "東京都庁", &"X".repeat(40)] {
            assert_eq!(Near::new(text), None, "{text}");
        }
        assert!(Near::new("RESUME,").is_some());
        assert_eq!(
            Near::new("RESUME").map(|near| near.count_in("RESUMES? A RESMUE, 東RESUME.")),
            Some(3)
        );
    }

    #[test]
    fn slips_are_counted() {
        let letters = |text: &str| text.chars().collect::<Vec<_>>();
        for (one, two, expect) in
            [("", "", 0), ("AB", "BA", 1), ("ABC", "", 3), ("ABCD", "ACBD", 1), ("AXC", "ABCD", 2)]
        {
            for (one, two) in [(letters(one), letters(two)), (letters(two), letters(one))] {
                let least = (0..9).find(|most| is_within(&one, &two, *most));
                assert_eq!(least, Some(expect), "{one:?} {two:?}");
            }
        }
    }
}
