//! Questions to the search index of an account: which messages hold words or phrases, per field.
//! The answer may miss messages that are not indexed yet, and says which those are.

use ids::{AccountId, CollectionId, ContentId};
use textindex::{Asked, Field, Head, Needle, UNKNOWN, What, search};

use super::cache::{KeptSegment, SearchCache};
use super::near::Near;
use super::ranking::Ranking;
use super::rows::{Blocks, find_head, segments};
use crate::sql::Value;
use crate::{ReadTx, Result, StorageError};

/// Where a text is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SearchField {
    /// The texts of the body (RFC 9051 §6.4.4, BODY).
    Body,
    /// Header or body (TEXT).
    Text,
    /// Any field of the header as `name: value`.
    Header,
    /// SUBJECT.
    Subject,
    /// FROM.
    From,
    /// TO.
    To,
    /// CC.
    Cc,
    /// BCC.
    Bcc,
}

impl SearchField {
    fn fields(self) -> &'static [Field] {
        match self {
            Self::Body => &[Field::Body],
            Self::Text => &[Field::Body, Field::Header],
            Self::Header => &[Field::Header],
            Self::Subject => &[Field::Subject],
            Self::From => &[Field::From],
            Self::To => &[Field::To],
            Self::Cc => &[Field::Cc],
            Self::Bcc => &[Field::Bcc],
        }
    }
}

/// A text or word sought in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchTerm {
    /// The field that is searched.
    pub field: SearchField,
    /// The words or phrase.
    pub sought: Sought,
}

/// What is sought, in the form of [`message::search_form`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// A text, wherever it stands.
    Text(String),
    /// A text in the values of header fields of one name, which is ASCII; nothing at all asks for
    /// such a field (RFC 9051 §6.4.4, HEADER).
    Named(String, String),
    /// Words spelled nearly so.
    Near(Near),
}

/// What the index of an account says of its contents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Ids of the contents that match, ascending.
    contents: Vec<i64>,
    /// By term: how often it stands in each of `contents`.
    counts: Vec<Vec<u16>>,
    /// How long the text of each of `contents` is, in words about.
    lengths: Vec<u32>,
}

impl Found {
    /// Where a content stands, to be asked of further; `None` for one that is not indexed. A
    /// caller that goes through a mailbox passes what was said of the message before, near which
    /// the next one mostly is.
    pub fn place(&self, content: ContentId, before: Option<usize>) -> Option<usize> {
        let content = content.get();
        let next = before.map_or(0, |before| before + 1);
        if self.contents.get(next) == Some(&content) {
            return Some(next);
        }
        self.contents.binary_search(&content).ok()
    }

    /// Whether a term, by its number, is in the content at `place`; `None` where that is not
    /// known.
    pub fn holds(&self, term: usize, place: usize) -> Option<bool> {
        match *self.counts.get(term)?.get(place)? {
            UNKNOWN => None,
            count => Some(count > 0),
        }
    }

    /// How often a term stands in the content at `place`; `None` where that is not known.
    pub fn count(&self, term: usize, place: usize) -> Option<u16> {
        let count = *self.counts.get(term)?.get(place)?;
        (count != UNKNOWN).then_some(count)
    }

    /// How long the text of the content at `place` is, in words about.
    pub fn length(&self, place: usize) -> u32 {
        self.lengths.get(place).copied().unwrap_or_default()
    }

    /// How texts are ranked by these terms, each with a weight of its own.
    pub fn ranking(&self, weights: &[f32]) -> Ranking {
        let total = self.contents.len();
        let length: f32 = self.lengths.iter().map(|length| *length as f32).sum();
        let hits = |counts: &Vec<u16>| {
            counts.iter().filter(|count| **count > 0 && **count != UNKNOWN).count()
        };
        let terms = weights.iter().copied().zip(self.counts.iter().map(hits));
        Ranking::new(terms, total, length / total.max(1) as f32)
    }

    /// Adds what the index said of further terms. False, and nothing is added, where it has come to
    /// know other contents since: of these terms nothing is known then.
    pub fn extend(&mut self, more: Self) -> bool {
        let is_same = self.contents == more.contents;
        if is_same {
            self.counts.extend(more.counts);
        }
        is_same
    }

    /// The contents the index knows, ascending: what [`place`](Self::place) counts.
    pub fn contents(&self) -> impl ExactSizeIterator<Item = ContentId> {
        self.contents.iter().copied().map(ContentId::new)
    }

    fn append(&mut self, head: &Head, counts: Vec<Vec<u16>>) {
        self.contents.extend(head.documents());
        self.lengths.extend(head.lengths(Field::Body));
        for (all, more) in self.counts.iter_mut().zip(counts) {
            all.extend(more);
        }
    }

    /// Puts the contents in order; segments mostly follow each other already.
    fn sort(&mut self) {
        if self.contents.is_sorted() {
            return;
        }
        let mut order: Vec<usize> = (0..self.contents.len()).collect();
        order.sort_by_key(|at| self.contents.get(*at));
        self.contents = in_order(&self.contents, &order);
        self.lengths = in_order(&self.lengths, &order);
        for counts in &mut self.counts {
            *counts = in_order(counts, &order);
        }
    }
}

fn in_order<T: Copy>(values: &[T], order: &[usize]) -> Vec<T> {
    order.iter().filter_map(|at| values.get(*at).copied()).collect()
}

impl ReadTx<'_> {
    /// What the index of the account that has `mailbox` says of `terms`; asked
    /// [whether](Asked::Whether) they stand in a content, it counts no further than it has to. Its
    /// cost is that of the account's index, whatever else the store holds.
    pub fn search(
        &mut self,
        mailbox: CollectionId,
        terms: &[SearchTerm],
        asked: Asked,
    ) -> Result<Found> {
        let sql = "SELECT account_id FROM mailbox WHERE id = ?1";
        let account = self.sql.query_one(sql, &[Value::Int(mailbox.get())], |row| row.int(0))?;
        // Of a mailbox that is gone nothing is known.
        let account = AccountId::new(account.unwrap_or(0));
        let accepts: Vec<Accepts<'_>> = terms.iter().map(accepts).collect();
        let whats = terms.iter().zip(&accepts).map(|(term, accepts)| match &term.sought {
            Sought::Text(text) => What::Text(text),
            Sought::Named(name, text) => What::Named(name, text),
            Sought::Near(near) => What::Word(near.start(), accepts),
        });
        let fields = |term: &SearchTerm| term.field.fields().iter().copied();
        let needles: Vec<Needle<'_>> = terms
            .iter()
            .zip(whats)
            .flat_map(|(term, what)| fields(term).map(move |field| Needle { field, what }))
            .collect();
        let mut found = Found { counts: vec![Vec::new(); terms.len()], ..Found::default() };
        let number = self.index.map_or(0, SearchCache::begin);
        for segment in segments(&mut *self.sql, account)? {
            let Some(mut kept) = self.segment(number, segment.id)? else { continue };
            let head = kept.head.clone();
            let keys = Some(&mut kept.keys);
            let mut blocks = Blocks { sql: &mut *self.sql, segment: segment.id, kept: keys };
            match search(&head, &needles, asked, &mut blocks) {
                Ok(counts) => found.append(&head, by_term(terms, counts)),
                // Its contents are looked at one by one, as if they were not indexed yet.
                Err(StorageError::Corrupt(cause)) => {
                    tracing::error!(segment.id, cause, "a segment cannot be searched");
                }
                Err(other) => return Err(other),
            }
            if let Some(index) = self.index {
                index.keep(number, segment.id, kept);
            }
        }
        found.sort();
        Ok(found)
    }

    /// What is in memory of a segment, its head at least; `None` where that is damaged.
    fn segment(&mut self, search: u64, segment: i64) -> Result<Option<KeptSegment>> {
        if let Some(kept) = self.index.and_then(|index| index.find(search, segment)) {
            return Ok(Some(kept));
        }
        let head = find_head(&mut *self.sql, segment)?;
        let nothing = |head| match self.index {
            Some(index) => index.nothing_of(head),
            None => SearchCache::new(0).nothing_of(head),
        };
        Ok(head.map(nothing))
    }
}

/// Whether a word is what a term seeks.
type Accepts<'t> = Box<dyn Fn(&str) -> bool + 't>;

fn accepts(term: &SearchTerm) -> Accepts<'_> {
    match &term.sought {
        Sought::Near(near) => Box::new(|word| near.accepts(word)),
        Sought::Text(_) | Sought::Named(..) => Box::new(|_| false),
    }
}

/// From the counts of each needle, the counts of each term.
fn by_term(terms: &[SearchTerm], counts: Vec<Vec<u16>>) -> Vec<Vec<u16>> {
    let mut counts = counts.into_iter();
    terms
        .iter()
        .map(|term| {
            let fields = counts.by_ref().take(term.field.fields().len());
            fields.reduce(either).unwrap_or_default()
        })
        .collect()
}

/// A hit in one of two fields is one; nothing is known where one is not known and the other has
/// none.
fn either(mut left: Vec<u16>, right: Vec<u16>) -> Vec<u16> {
    for (left, right) in left.iter_mut().zip(right) {
        *left = match (*left, right) {
            (UNKNOWN, 0) | (0, UNKNOWN) | (UNKNOWN, UNKNOWN) => UNKNOWN,
            (UNKNOWN, hits) | (hits, UNKNOWN) => hits,
            (left, right) => left.saturating_add(right).min(UNKNOWN - 1),
        };
    }
    left
}
