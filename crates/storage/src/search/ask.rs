//! Asking the index of an account.

use ids::{AccountId, CollectionId, ContentId};
use textindex::{Field, Head, Needle, UNKNOWN, search};

use super::rows::{Blocks, heads};
use crate::sql::Value;
use crate::{ReadTx, Result, StorageError};

/// Where a text is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SearchField {
    /// The texts of the body (RFC 9051 §6.4.4, BODY).
    Body,
    /// Header or body (TEXT).
    Text,
    /// Any field of the header as `name: value`: what HEADER can find is among it.
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

/// A text sought in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchTerm {
    /// Where.
    pub field: SearchField,
    /// What, in the form of [`message::search_form`].
    pub text: String,
}

/// What the index of an account says of its contents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Ascending.
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

    /// How much each content is about all terms together, in the order of their places; more is
    /// better, nothing is 0. Terms in few contents weigh more, long texts less (BM25).
    pub fn scores(&self) -> Vec<f32> {
        let total = self.contents.len() as f32;
        let mean = self.lengths.iter().map(|length| *length as f32).sum::<f32>() / total.max(1.0);
        let mut scores = vec![0.0; self.contents.len()];
        for counts in &self.counts {
            let is_hit = |count: &&u16| **count > 0 && **count != UNKNOWN;
            let hits = counts.iter().filter(is_hit).count() as f32;
            let weight = (1.0 + (total - hits + 0.5) / (hits + 0.5)).ln();
            let lengths = counts.iter().zip(&self.lengths);
            for (score, (count, length)) in scores.iter_mut().zip(lengths) {
                if is_hit(&count) {
                    let count = f32::from(*count);
                    let relative = *length as f32 / mean.max(1.0);
                    *score += weight * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * relative));
                }
            }
        }
        scores
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
    /// What the index of the account that has `mailbox` says of `terms`. Its cost is that of the
    /// account's index, whatever else the store holds.
    pub fn search(&mut self, mailbox: CollectionId, terms: &[SearchTerm]) -> Result<Found> {
        let sql = "SELECT account_id FROM mailbox WHERE id = ?1";
        let account = self.sql.query_one(sql, &[Value::Int(mailbox.get())], |row| row.int(0))?;
        // Of a mailbox that is gone nothing is known.
        let account = AccountId::new(account.unwrap_or(0));
        let needles: Vec<Needle<'_>> = terms
            .iter()
            .flat_map(|term| term.field.fields().iter().map(|field| (*field, &term.text)))
            .map(|(field, text)| Needle { field, text })
            .collect();
        let mut found = Found { counts: vec![Vec::new(); terms.len()], ..Found::default() };
        for (segment, head) in heads(&mut *self.sql, account)? {
            let mut blocks = Blocks { sql: &mut *self.sql, segment };
            match search(&head, &needles, &mut blocks) {
                Ok(counts) => found.append(&head, by_term(terms, counts)),
                // Its contents are looked at one by one, as if they were not indexed yet.
                Err(StorageError::Corrupt(cause)) => {
                    tracing::error!(segment, cause, "a segment cannot be searched");
                }
                Err(other) => return Err(other),
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Of the counts of each needle, those of each term.
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
