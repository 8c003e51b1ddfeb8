//! Texts that filters are about, and what it costs to compare them.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

use super::text_match::{Collation, unicode_key};

/// Up to so many bytes, which names and addresses rarely have, a text is compared without a string
/// of its own.
const SHORT_BYTES: usize = 256;
/// LIMIT: bytes that are compared before the clock is asked again.
const UNASKED_BYTES: usize = 64 * 1024;

/// A text with what the collations make of it: made where one asks for it, and once.
#[derive(Debug)]
pub(super) struct Compared<'t> {
    text: Cow<'t, str>,
    /// The text under i;ascii-casemap, made once, unless it is short.
    upper: OnceCell<String>,
    /// The text under i;unicode-casemap, made once, unless it is ASCII.
    unicode: OnceCell<String>,
}

impl<'t> Compared<'t> {
    pub(super) fn new(text: impl Into<Cow<'t, str>>) -> Self {
        Self { text: text.into(), upper: OnceCell::new(), unicode: OnceCell::new() }
    }

    /// What is said of the text as a collation compares it.
    pub(super) fn with_key<R>(&self, collation: Collation, of: impl FnOnce(&[u8]) -> R) -> R {
        let text: &str = &self.text;
        match collation {
            Collation::Octet => of(text.as_bytes()),
            Collation::UnicodeCasemap if !text.is_ascii() => {
                of(self.unicode.get_or_init(|| unicode_key(text)).as_bytes())
            }
            Collation::AsciiCasemap | Collation::UnicodeCasemap => {
                let mut short = [0; SHORT_BYTES];
                match short.get_mut(..text.len()) {
                    Some(key) => {
                        key.copy_from_slice(text.as_bytes());
                        key.make_ascii_uppercase();
                        of(key)
                    }
                    None => of(self.upper.get_or_init(|| text.to_ascii_uppercase()).as_bytes()),
                }
            }
        }
    }
}

/// Whether there is time to compare more, asked now and then: a filter may compare a large text
/// hundreds of times, and an object may have hundreds of thousands of small ones.
pub(super) struct Pace<'p> {
    may_go_on: &'p dyn Fn() -> bool,
    unasked_bytes: Cell<usize>,
}

impl<'p> Pace<'p> {
    pub(super) fn new(may_go_on: &'p dyn Fn() -> bool) -> Self {
        Self { may_go_on, unasked_bytes: Cell::new(0) }
    }

    /// Whether there is time for what may take long.
    pub(super) fn may_go_on(&self) -> bool {
        (self.may_go_on)()
    }

    /// Whether there is time to compare so many bytes. Once there is none, there is none again.
    pub(super) fn has_time_for(&self, bytes: usize) -> bool {
        let unasked = self.unasked_bytes.get().saturating_add(bytes);
        let has_time = unasked <= UNASKED_BYTES || self.may_go_on();
        let is_asked = has_time && unasked > UNASKED_BYTES;
        self.unasked_bytes.set(if is_asked { 0 } else { unasked });
        has_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is made once, or not at all, is what the collation makes of the text by itself.
    #[test]
    fn keys_are_those_of_the_collation() {
        let long = "Grüße, ǆ ﬁ ① ".repeat(40);
        let plain = "Ab-z{[`@ ".repeat(40);
        let exact: String =
            (0..SHORT_BYTES).map(|at| if at % 2 == 0 { 'a' } else { 'Z' }).collect();
        let odd = [
            "",
            "a",
            "Z",
            "@[`{",
            "\u{0}\u{7f}",
            "ß",
            "İi",
            "e\u{301}",
            "\u{fffd}",
            "ÿ\t\n",
            "\u{fdfa}",
            "Doe, Jörg",
            "JOERG@HOME.example",
            &exact,
            &long,
            &plain,
        ];
        let longer = format!("{exact}b");
        for text in odd.into_iter().chain([longer.as_str()]) {
            let compared = Compared::new(text);
            for collation in [Collation::AsciiCasemap, Collation::Octet, Collation::UnicodeCasemap]
            {
                let plainly = collation.key(text);
                for _ in 0..2 {
                    let is_same = compared.with_key(collation, |key| key == plainly.as_bytes());
                    assert!(is_same, "{collation:?} {text:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_long_is_made_once() {
        let (ascii, other) = ("a".repeat(SHORT_BYTES + 1), "ä".repeat(SHORT_BYTES));
        for (text, collation) in [
            (&ascii, Collation::AsciiCasemap),
            (&ascii, Collation::UnicodeCasemap),
            (&other, Collation::AsciiCasemap),
            (&other, Collation::UnicodeCasemap),
        ] {
            let compared = Compared::new(text);
            let made = || compared.with_key(collation, |key| key.as_ptr());
            assert_eq!(made(), made(), "{collation:?}");
        }
    }

    #[test]
    fn the_clock_is_asked_now_and_then() {
        let (asked, is_late) = (Cell::new(0), Cell::new(false));
        let ask = || {
            asked.set(asked.get() + 1);
            !is_late.get()
        };
        let pace = Pace::new(&ask);
        assert!(pace.has_time_for(UNASKED_BYTES) && asked.get() == 0);
        assert!(pace.has_time_for(1) && asked.get() == 1);
        assert!((0..10).all(|_| pace.has_time_for(UNASKED_BYTES / 10)) && asked.get() == 1);
        is_late.set(true);
        assert!(!pace.has_time_for(usize::MAX));
        assert!(!pace.has_time_for(0) && asked.get() == 3);
    }
}
