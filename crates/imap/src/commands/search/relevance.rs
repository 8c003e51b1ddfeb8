//! How much messages are about what a fuzzy search is for (RFC 6203 §4).
//!
//! What is sought is counted in each message, by the index where it knows, else in the texts; the
//! same formula makes scores of both.

use std::collections::BTreeMap;
use std::sync::Arc;

use message::Collation;
use storage::{Asked, Found, Ranking, SearchTerm, Snapshot, Store, Want};

use super::super::aside::aside;
use super::super::batches::{BATCH_BYTES, Batches};
use super::content::{KeyField, Texts};
use super::sought::{Place, What};
use super::{READ_WITHOUT_INDEX, ask_index, near, words};
use crate::error::Result;
use crate::types::{NumberSet, SearchKey};

/// LIMIT: where more messages are to be read, only what was computed of them at delivery is looked
/// at, not their bodies.
const WHOLE_MESSAGES_MAX: u64 = 2000;
/// LIMIT: terms that are counted: two bytes a message for each.
const TERMS_MAX: usize = 64;

/// A word spelled nearly like one that is sought counts as so much of it.
const NEAR_WEIGHT: f32 = 0.25;
/// Where all of a message is searched, a word of the subject counts so often, as a word of the
/// message beside.
const SUBJECT_WEIGHT: f32 = 2.0;

/// One searched word or phrase, with the weight that each occurrence adds to the score.
#[derive(Debug, Clone)]
struct Term {
    place: Place,
    what: What,
    weight: f32,
}

/// Everything that is counted, and how texts are compared.
struct Terms {
    terms: Vec<Term>,
    collation: Collation,
}

impl Terms {
    fn of(key: &SearchKey, collation: Collation) -> Self {
        let mut all = Self { terms: Vec::new(), collation };
        all.collect(key, false);
        all.terms.truncate(TERMS_MAX);
        all
    }

    /// What is sought fuzzily; what must not be there adds nothing.
    fn collect(&mut self, key: &SearchKey, is_fuzzy: bool) {
        let mut add = |place: Place, text: &str| {
            if is_fuzzy {
                self.add(&place, text);
            }
        };
        match key {
            SearchKey::Fuzzy(key) => self.collect(key, true),
            SearchKey::And(keys) => keys.iter().for_each(|key| self.collect(key, is_fuzzy)),
            SearchKey::Or(left, right) => {
                self.collect(left, is_fuzzy);
                self.collect(right, is_fuzzy);
            }
            SearchKey::Bcc(text) => add(Place::Key(KeyField::Bcc), text),
            SearchKey::Cc(text) => add(Place::Key(KeyField::Cc), text),
            SearchKey::From(text) => add(Place::Key(KeyField::From), text),
            SearchKey::To(text) => add(Place::Key(KeyField::To), text),
            SearchKey::Subject(text) => add(Place::Key(KeyField::Subject), text),
            SearchKey::Header { field, value } => add(Place::Header(field.clone()), value),
            SearchKey::Body(text) => add(Place::Body, text),
            SearchKey::Text(text) => add(Place::Whole, text),
            _ => {}
        }
    }

    fn add(&mut self, place: &Place, text: &str) {
        let mut places = vec![(place.clone(), 1.0)];
        if *place == Place::Whole {
            places.push((Place::Key(KeyField::Subject), SUBJECT_WEIGHT));
            places.push((Place::Key(KeyField::From), 1.0));
        }
        for word in words(text, self.collation) {
            let near = near(&word).map(|near| (What::Near(near), NEAR_WEIGHT));
            for (what, of_word) in near.into_iter().chain([(What::Text(word), 1.0)]) {
                let term = |(place, of_place): &(Place, f32)| {
                    let (place, weight) = (place.clone(), of_place * of_word);
                    Term { place, what: what.clone(), weight }
                };
                self.terms.extend(places.iter().map(term));
            }
        }
    }

    /// What has to be read where the index does not know.
    fn want(&self, messages: u64) -> Want {
        let in_text = self.terms.iter().any(|term| !matches!(term.place, Place::Key(_)));
        match in_text && messages <= WHOLE_MESSAGES_MAX {
            true => Want::KEYS | Want::HEADER | Want::TEXT | Want::PARTS,
            false => Want::KEYS,
        }
    }

    fn search_terms(&self) -> Vec<SearchTerm> {
        self.terms.iter().map(|term| term.what.term(&term.place)).collect()
    }

    /// Counts the terms in a message that was read.
    fn count(&self, texts: &Texts<'_>) -> Counted {
        let count = |term: &Term| {
            let count = match &term.place {
                Place::Key(field) => texts.count_in_key(*field, &term.what),
                Place::Header(name) => texts.count_in_field(name, &term.what),
                Place::Body => texts.count_in_body(&term.what),
                Place::Whole => texts.count_in_whole(&term.what),
            };
            u16::try_from(count).unwrap_or(u16::MAX)
        };
        Counted { counts: self.terms.iter().map(count).collect(), length: texts.body_length() }
    }
}

/// How often each term stands in a message, and how long its text is.
#[derive(Debug, Clone, Default)]
struct Counted {
    counts: Vec<u16>,
    length: u32,
}

/// Scores from 1 to 100 for each of `found`, ascending: the best one has 100.
pub(super) async fn scores(
    store: &Store,
    known: &Arc<Snapshot>,
    found: &NumberSet,
    key: &SearchKey,
    collation: Collation,
) -> Result<Vec<u8>> {
    let terms = Arc::new(Terms::of(key, collation));
    let mut index = None;
    if found.len() > READ_WITHOUT_INDEX && !terms.terms.is_empty() {
        let (known, sought) = (known.clone(), terms.search_terms());
        let asking = move |store: &Store| ask_index(store, &known, &sought, Asked::HowOften);
        index = Some(aside(store, asking).await?);
    }
    let index = index.filter(|index| index.contents().len() > 0);
    let mut counted = BTreeMap::new();
    let mut unknown = NumberSet::new();
    for (seq, entry) in entries(known, found) {
        let place = index.as_ref().and_then(|index| index.place(entry.content(), None));
        match index.as_ref().zip(place).and_then(|(index, place)| of_index(index, &terms, place)) {
            Some(known) => {
                counted.insert(seq, known);
            }
            None => unknown.insert(seq),
        }
    }
    read(store, known, &unknown, &terms, &mut counted).await?;
    let ranking = match &index {
        Some(index) => {
            index.ranking(&terms.terms.iter().map(|term| term.weight).collect::<Vec<_>>())
        }
        None => ranking_of(&terms, &counted, known.exists()),
    };
    let score = |(_, counted): (&u32, &Counted)| {
        ranking.score(counted.counts.iter().copied(), counted.length)
    };
    Ok(scaled(&counted.iter().map(score).collect::<Vec<f32>>()))
}

fn entries<'k>(
    known: &'k Snapshot,
    seqs: &'k NumberSet,
) -> impl Iterator<Item = (u32, storage::Entry<'k>)> {
    seqs.ranges().iter().flat_map(|&(first, last)| known.entries(first..=last))
}

/// What the index says of a message, if it knows of every term.
fn of_index(index: &Found, terms: &Terms, place: usize) -> Option<Counted> {
    let counts = (0..terms.terms.len()).map(|term| index.count(term, place));
    Some(Counted { counts: counts.collect::<Option<_>>()?, length: index.length(place) })
}

/// Counts in messages that have to be read.
async fn read(
    store: &Store,
    known: &Arc<Snapshot>,
    seqs: &NumberSet,
    terms: &Arc<Terms>,
    counted: &mut BTreeMap<u32, Counted>,
) -> Result<()> {
    let want = terms.want(seqs.len());
    let mut batches = Batches::new(known, seqs, want);
    while let Some(batch) = batches.next() {
        let (known, terms) = (known.clone(), terms.clone());
        let reading = aside(store, move |store| read_batch(store, &known, &batch, &terms, want));
        let (more, rest) = reading.await?;
        if let Some(seq) = rest {
            batches.go_back_to(seq);
        }
        counted.extend(more);
    }
    Ok(())
}

/// What was counted by sequence number, and the first message that was too much for the batch.
type Batch = (Vec<(u32, Counted)>, Option<u32>);

fn read_batch(
    store: &Store,
    known: &Snapshot,
    seqs: &[u32],
    terms: &Terms,
    want: Want,
) -> storage::Result<Batch> {
    let entries: Vec<_> = seqs.iter().filter_map(|&seq| known.by_seq(seq)).collect();
    let ids: Vec<_> = entries.iter().map(|entry| entry.content()).collect();
    let contents = store.read_blocking(|tx| tx.load_contents_within(&ids, want, BATCH_BYTES))?;
    let rest = seqs.get(contents.len()).copied();
    let counts = seqs.iter().zip(&contents).map(|(seq, content)| {
        // Of what was erased meanwhile nothing is left.
        let texts = content.as_ref().map(|content| Texts::of(content, terms.collation));
        let counted = texts.map(|texts| terms.count(&texts.keeping_forms()));
        (*seq, counted.unwrap_or_default())
    });
    Ok((counts.collect(), rest))
}

/// Without an index, the messages found stand for all: what all of them have weighs little.
fn ranking_of(terms: &Terms, counted: &BTreeMap<u32, Counted>, exists: u32) -> Ranking {
    let length: f32 = counted.values().map(|counted| counted.length as f32).sum();
    let hits = |at: usize| {
        counted.values().filter(|counted| counted.counts.get(at).is_some_and(|n| *n > 0)).count()
    };
    let weighted = terms.terms.iter().enumerate().map(|(at, term)| (term.weight, hits(at)));
    let total = counted.len().max(exists as usize);
    Ranking::new(weighted, total, length / counted.len().max(1) as f32)
}

/// RFC 6203 §4: scores use the whole range.
fn scaled(weights: &[f32]) -> Vec<u8> {
    let most = weights.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    // Divided first: the best one is the whole of itself, and 99 parts of it are not quite 99.
    weights.iter().map(|weight| (1.0 + weight / most * 99.0) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_use_the_whole_range() {
        assert_eq!(scaled(&[0.0, 0.5, 1.0]), [1, 50, 100]);
        assert_eq!(scaled(&[7.0]), [100]);
        assert_eq!(scaled(&[0.0, 0.0]), [1, 1]);
        assert_eq!(scaled(&[]), [0; 0]);
    }
}
