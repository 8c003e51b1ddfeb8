//! Texts that keys seek, and what the search index says of them.
//!
//! The index compares texts in [`message::search_form`], the coarsest of all forms: what it does
//! not find no comparator finds. What it finds is found where that form is the comparator's;
//! with another the text itself is looked at, and so it is for HEADER, since the index does not
//! tell one field from the next.

use ids::ContentId;
use message::Collation;
use storage::{Found, SearchField, SearchTerm};

use super::content::{KeyField, Texts};

/// LIMIT: terms that the index is asked for at once: two bytes a message and term.
const TERMS_MAX: usize = 64;
/// Of what the index is not asked.
const NOT_ASKED: usize = usize::MAX;

/// Where a text is sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Key(KeyField),
    /// Fields of this name.
    Header(String),
    Body,
    /// Header or body.
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

/// A text that is sought.
#[derive(Debug)]
pub(super) struct Sought {
    pub(super) place: Place,
    /// In the form compared.
    text: String,
    collation: Collation,
    /// Its number among the terms that the index is asked for.
    term: usize,
}

impl Sought {
    pub(super) fn new(place: Place, text: String, collation: Collation) -> Self {
        Self { place, text, collation, term: NOT_ASKED }
    }

    /// Adds to the terms that the index is asked for.
    pub(super) fn number(&mut self, terms: &mut Vec<SearchTerm>) {
        // Decomposed, marks of one character change places; who compares octets sees that.
        if self.collation != Collation::UnicodeCasemap && !self.text.is_ascii() {
            return;
        }
        let text = message::search_form(&self.text);
        let term = SearchTerm { field: self.place.field(), text };
        if let Some(known) = terms.iter().position(|known| *known == term) {
            self.term = known;
        } else if terms.len() < TERMS_MAX {
            self.term = terms.len();
            terms.push(term);
        }
    }

    /// Whether a message holds it, if that can be told.
    pub(super) fn test(&self, indexed: Option<Indexed<'_>>, texts: &Texts<'_>) -> Option<bool> {
        let is_exact =
            self.collation == Collation::UnicodeCasemap && !matches!(self.place, Place::Header(_));
        match indexed.and_then(|indexed| indexed.found.holds(self.term, indexed.place)) {
            Some(false) => return Some(false),
            Some(true) if is_exact => return Some(true),
            _ => {}
        }
        match &self.place {
            Place::Key(field) => texts.key_contains(*field, &self.text),
            Place::Header(name) => texts.field_contains(name, &self.text),
            Place::Body => texts.body_contains(&self.text),
            Place::Whole => texts.whole_contains(&self.text),
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
