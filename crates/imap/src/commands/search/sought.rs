//! Texts that keys seek, and what the search index says of them.
//!
//! The index compares texts in [`message::search_form`], the coarsest of all forms: what it does
//! not find no comparator finds. What it finds is found where that form is the comparator's; with
//! another the text itself is looked at.

use ids::ContentId;
use message::Collation;
use storage::{Found, Near, SearchField, SearchTerm};

use super::content::{KeyField, Texts};

/// LIMIT: terms that the index is asked for at once: two bytes a message and term.
const TERMS_MAX: usize = 64;
/// The index of a term that the search index is not asked for.
const NOT_ASKED: usize = usize::MAX;

/// Where a text is sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Key(KeyField),
    /// Fields of this name.
    Header(String),
    Body,
    /// The whole message, header and body.
    Whole,
}

impl Place {
    pub(super) fn field(&self) -> SearchField {
        match self {
            Self::Key(KeyField::Bcc) => SearchField::Bcc,
            Self::Key(KeyField::Cc) => SearchField::Cc,
            Self::Key(KeyField::From) => SearchField::From,
            Self::Key(KeyField::Subject) => SearchField::Subject,
            Self::Key(KeyField::To) => SearchField::To,
            Self::Header(_) => SearchField::Header,
            Self::Body => SearchField::Body,
            Self::Whole => SearchField::Text,
        }
    }
}

/// The text or the word that a search key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// A text in the form compared.
    Text(String),
    /// Words spelled nearly so, by whatever comparator.
    Near(Near),
}

impl What {
    /// Whether it is compared in the coarsest form, whatever the comparator.
    pub(super) fn is_coarse(&self) -> bool {
        matches!(self, Self::Near(_))
    }

    /// Whether it stands in a text of the form in which it is compared.
    pub(super) fn is_in(&self, form: &str) -> bool {
        match self {
            Self::Text(text) => form.contains(text),
            Self::Near(near) => near.count_in(form) > 0,
        }
    }

    /// How often it does.
    pub(super) fn count_in(&self, form: &str) -> usize {
        match self {
            Self::Text(text) if text.is_empty() => 0,
            Self::Text(text) => form.matches(text.as_str()).count(),
            Self::Near(near) => near.count_in(form),
        }
    }

    /// How the index is asked for it at some place.
    pub(super) fn term(&self, place: &Place) -> SearchTerm {
        let sought = match self {
            Self::Near(near) => storage::Sought::Near(near.clone()),
            Self::Text(text) => {
                let text = message::search_form(text);
                match place {
                    // The index knows names in ASCII and capitals.
                    Place::Header(name) if name.is_ascii() => {
                        storage::Sought::Named(name.to_ascii_uppercase(), text)
                    }
                    _ => storage::Sought::Text(text),
                }
            }
        };
        SearchTerm { field: place.field(), sought }
    }
}

/// A text that is sought.
#[derive(Debug)]
pub(super) struct Sought {
    pub(super) place: Place,
    what: What,
    collation: Collation,
    /// Its number among the terms that the index is asked for.
    term: usize,
}

impl Sought {
    pub(super) fn new(place: Place, what: What, collation: Collation) -> Self {
        Self { place, what, collation, term: NOT_ASKED }
    }

    /// Adds to the terms that the index is asked for.
    pub(super) fn number(&mut self, terms: &mut Vec<SearchTerm>) {
        // Decomposed, marks of one character change places; who compares octets sees that.
        if self.collation != Collation::UnicodeCasemap
            && matches!(&self.what, What::Text(text) if !text.is_ascii())
        {
            return;
        }
        let term = self.what.term(&self.place);
        if let Some(known) = terms.iter().position(|known| *known == term) {
            self.term = known;
        } else if terms.len() < TERMS_MAX {
            self.term = terms.len();
            terms.push(term);
        }
    }

    /// Whether what the index finds is found.
    fn is_exact(&self) -> bool {
        match (&self.what, &self.place) {
            // Of these it does not tell one field from the next.
            (What::Near(_), Place::Header(_)) => false,
            (What::Near(_), _) => true,
            (What::Text(_), Place::Header(name)) if !name.is_ascii() => false,
            (What::Text(_), _) => self.collation == Collation::UnicodeCasemap,
        }
    }

    /// Whether a message holds it, if that can be told.
    pub(super) fn test(&self, indexed: Option<Indexed<'_>>, texts: &Texts<'_>) -> Option<bool> {
        match indexed.and_then(|indexed| indexed.found.holds(self.term, indexed.place)) {
            Some(false) => return Some(false),
            Some(true) if self.is_exact() => return Some(true),
            _ => {}
        }
        match &self.place {
            Place::Key(field) => texts.key_contains(*field, &self.what),
            Place::Header(name) => texts.field_contains(name, &self.what),
            Place::Body => texts.body_contains(&self.what),
            Place::Whole => texts.whole_contains(&self.what),
        }
    }
}

/// A message in the answer of the index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indexed<'f> {
    found: &'f Found,
    pub(super) place: usize,
}

impl<'f> Indexed<'f> {
    /// None for a message that the index does not know. `before`: the one looked up before.
    pub(super) fn find(
        found: Option<&'f Found>,
        content: ContentId,
        before: Option<usize>,
    ) -> Option<Self> {
        let found = found?;
        Some(Self { found, place: found.place(content, before)? })
    }
}
