//! The texts of a message in the forms in which they are compared, each made once.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use storage::Near;

use super::content::{KeyField, Region};
use super::sought::What;
use super::work::Looks;

/// Texts in one form, and the words in them once some are sought that are spelled nearly so.
#[derive(Default)]
pub(super) struct Forms {
    texts: Vec<String>,
    words: OnceCell<Words>,
}

impl Forms {
    pub(super) fn new(texts: Vec<String>) -> Self {
        Self { texts, words: OnceCell::new() }
    }

    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether what is sought stands in one of the texts; no longer looked at where nothing is
    /// left for it.
    pub(super) fn hold(&self, sought: &What, looks: &Looks<'_>) -> bool {
        match sought {
            What::Text(_) => {
                let bytes = self.texts.iter().map(String::len).sum();
                looks.take(bytes) && self.texts.iter().any(|text| sought.is_in(text))
            }
            What::Near(near) => {
                let words = self.words();
                looks.take_words(words.near_to(near).len())
                    && words.near_to(near).iter().any(|word| near.accepts(word.text(&self.texts)))
            }
        }
    }

    /// How often it does.
    pub(super) fn count(&self, sought: &What) -> usize {
        match sought {
            What::Text(_) => self.texts.iter().map(|text| sought.count_in(text)).sum(),
            What::Near(near) => {
                let words = self.words().near_to(near).iter();
                let near = words.filter(|word| near.accepts(word.text(&self.texts)));
                near.map(|word| word.count as usize).sum()
            }
        }
    }

    fn words(&self) -> &Words {
        self.words.get_or_init(|| Words::of(&self.texts))
    }
}

/// The different words of texts.
struct Words {
    /// By their first letter, which those spelled nearly so share.
    by_letter: HashMap<char, Vec<Word>>,
}

/// A word, where it stands first, and how often it does.
struct Word {
    text: u32,
    start: u32,
    bytes: u32,
    count: u32,
}

impl Word {
    fn text<'t>(&self, texts: &'t [String]) -> &'t str {
        let text = texts.get(self.text as usize).map_or("", String::as_str);
        let start = self.start as usize;
        text.get(start..start + self.bytes as usize).unwrap_or_default()
    }
}

impl Words {
    fn of(texts: &[String]) -> Self {
        let mut found: HashMap<&str, Word> = HashMap::new();
        for (number, text) in (0..).zip(texts) {
            for word in Near::words_in(text) {
                // LIMIT: no message is longer than these numbers count.
                let start = (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
                let first = || Word {
                    text: number,
                    start: u32::try_from(start).unwrap_or(u32::MAX),
                    bytes: word.len() as u32,
                    count: 0,
                };
                let entry = found.entry(word).or_insert_with(first);
                entry.count = entry.count.saturating_add(1);
            }
        }
        let mut by_letter: HashMap<char, Vec<Word>> = HashMap::new();
        for (text, word) in found {
            if let Some(letter) = text.chars().next() {
                by_letter.entry(letter).or_default().push(word);
            }
        }
        Self { by_letter }
    }

    /// The words that begin with the same letter as `near`, which alone can match.
    fn near_to(&self, near: &Near) -> &[Word] {
        let letter = near.start().chars().next();
        letter.and_then(|letter| self.by_letter.get(&letter)).map_or(&[], Vec::as_slice)
    }
}

/// A field by its name, how it was decoded, and whether it is in the coarsest form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FieldForm {
    pub(super) name: String,
    pub(super) is_address: bool,
    pub(super) is_coarse: bool,
}

/// All that was needed of a message so far.
#[derive(Default)]
pub(super) struct Kept {
    /// The texts in the form of the comparator.
    own: [OnceCell<Forms>; 3],
    /// The texts in the form of [`message::search_form`].
    coarse: [OnceCell<Forms>; 3],
    fields: RefCell<BTreeMap<FieldForm, Rc<Forms>>>,
    /// Texts stored at delivery, in the form of the comparator and in the coarsest.
    stored: [[OnceCell<Forms>; 2]; 5],
}

impl Kept {
    pub(super) fn region(&self, region: Region, is_coarse: bool) -> &OnceCell<Forms> {
        let [header, part_headers, body] = if is_coarse { &self.coarse } else { &self.own };
        match region {
            Region::Header => header,
            Region::PartHeaders => part_headers,
            Region::Body => body,
        }
    }

    /// The text of a field that was stored at delivery, made ready where it is not.
    pub(super) fn stored(
        &self,
        field: KeyField,
        is_coarse: bool,
        make: impl FnOnce() -> String,
    ) -> &Forms {
        let [bcc, cc, from, subject, to] = &self.stored;
        let [own, coarse] = match field {
            KeyField::Bcc => bcc,
            KeyField::Cc => cc,
            KeyField::From => from,
            KeyField::Subject => subject,
            KeyField::To => to,
        };
        let forms = if is_coarse { coarse } else { own };
        forms.get_or_init(|| Forms::new(vec![make()]))
    }

    /// The fields of a name, made ready where they are not.
    pub(super) fn field(&self, form: FieldForm, make: impl FnOnce() -> Vec<String>) -> Rc<Forms> {
        if let Some(known) = self.fields.borrow().get(&form) {
            return known.clone();
        }
        let made = Rc::new(Forms::new(make()));
        self.fields.borrow_mut().insert(form, made.clone());
        made
    }
}

#[cfg(test)]
mod tests {
    use super::super::work::Work;
    use super::*;

    #[test]
    fn words_are_counted_as_in_the_texts() {
        let texts = ["INVOICE 7, INVOICES. VOICE", "東INVOICE", "INVIOCE INVOICE INVENT", ""];
        let forms = Forms::new(texts.map(str::to_owned).to_vec());
        for (word, expect) in [("INVOICE", 5), ("VOICES", 1), ("MEETING", 0), ("ZEBRA", 0)] {
            let near = Near::new(word).unwrap();
            let plain: usize = texts.iter().map(|text| near.count_in(text)).sum();
            let what = What::Near(near);
            assert_eq!((forms.count(&what), plain), (expect, expect), "{word}");
            assert_eq!(forms.hold(&what, &Looks::default()), expect > 0, "{word}");
        }
        let text = What::Text("OIC".to_owned());
        assert_eq!(forms.count(&text), 5);
    }

    #[test]
    fn nothing_is_found_where_nothing_is_left() {
        let work = Work::new(100);
        let forms = Forms::new(vec!["INVOICE ".repeat(10)]);
        let (text, near) = (What::Text("INVOICE".to_owned()), Near::new("INVOICE").unwrap());
        let near = What::Near(near);
        let looks = Looks::of(&work);
        assert!((0..16).all(|_| forms.hold(&near, &looks)), "these are free");
        assert!(forms.hold(&text, &looks));
        assert!(!forms.hold(&text, &looks));
        assert!(work.is_spent());
        assert!(!forms.hold(&near, &Looks::of(&work)));
    }
}
