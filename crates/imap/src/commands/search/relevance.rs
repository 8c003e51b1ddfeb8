//! How much messages are about what a fuzzy search is for (RFC 6203 §4).

use std::sync::Arc;

use message::Collation;
use storage::{ReadTx, SearchField, SearchTerm, Snapshot, Store, Want};

use super::super::batches::{BATCH_BYTES, Batches};
use super::content::{KeyField, Texts};
use super::sought::Place;
use super::{READ_WITHOUT_INDEX, words};
use crate::error::Result;
use crate::types::{NumberSet, SearchKey};

/// LIMIT: where more messages were found, only what was computed of them at delivery is looked
/// at, not their bodies.
const WHOLE_MESSAGES_MAX: u64 = 2000;

/// What is counted.
#[derive(Debug, Clone)]
struct Term {
    place: Place,
    /// In the form of the collation.
    words: Vec<String>,
    collation: Collation,
}

impl Term {
    /// What the index is asked for. A word of the subject or of a sender counts as such and as a
    /// word of the message.
    fn sought(&self) -> impl Iterator<Item = SearchTerm> + use<> {
        let fields: &[SearchField] = match &self.place {
            Place::Whole => &[SearchField::Subject, SearchField::From, SearchField::Text],
            other => &[other.field()],
        };
        let fields = fields.to_vec();
        let words = self.words.clone().into_iter();
        words.flat_map(move |word| {
            let text = message::search_form(&word);
            fields.clone().into_iter().map(move |field| SearchTerm { field, text: text.clone() })
        })
    }
}

/// Scores from 1 to 100 for each of `found`, ascending: the best one has 100.
pub(super) async fn scores(
    store: &Store,
    known: &Arc<Snapshot>,
    found: &NumberSet,
    key: &SearchKey,
    collation: Collation,
) -> Result<Vec<u8>> {
    let mut terms = Vec::new();
    collect(key, false, collation, &mut terms);
    let whole = found.len() <= WHOLE_MESSAGES_MAX
        && terms.iter().any(|term| !matches!(term.place, Place::Key(_)));
    let terms = Arc::new(terms);
    if found.len() > READ_WITHOUT_INDEX
        && let Some(weights) = indexed_weights(store, known, found, &terms).await?
    {
        return Ok(scaled(&weights));
    }
    let want = match whole {
        true => Want::KEYS | Want::HEADER | Want::TEXT | Want::PARTS,
        false => Want::KEYS,
    };
    let mut weights = Vec::with_capacity(found.len() as usize);
    let mut batches = Batches::new(known, found, want);
    while let Some(batch) = batches.next() {
        let (known, terms) = (known.clone(), terms.clone());
        let (more, rest) =
            store.read(move |tx| weigh_batch(tx, &known, &batch, &terms, want)).await?;
        if let Some(seq) = rest {
            batches.go_back_to(seq);
        }
        weights.extend(more);
    }
    Ok(scaled(&weights))
}

/// Weights by the search index; `None` where it does not know all of the messages.
async fn indexed_weights(
    store: &Store,
    known: &Arc<Snapshot>,
    found: &NumberSet,
    terms: &Arc<Vec<Term>>,
) -> Result<Option<Vec<u32>>> {
    let (known, found, terms) = (known.clone(), found.clone(), terms.clone());
    let weights = store.read(move |tx| {
        let sought: Vec<SearchTerm> = terms.iter().flat_map(Term::sought).collect();
        if sought.is_empty() {
            return Ok(None);
        }
        let index = tx.search(known.mailbox(), &sought)?;
        let scores = index.scores();
        let mut place = None;
        let ranges = found.ranges().iter();
        let entries = ranges.flat_map(|&(first, last)| known.entries(first..=last));
        let weights = entries.map(|(_, entry)| {
            place = Some(index.place(entry.content(), place)?);
            let score = scores.get(place?).copied().unwrap_or_default();
            // Scores are some ten at most: three digits behind the point tell messages apart.
            Some((score * 1000.0) as u32)
        });
        Ok(weights.collect())
    });
    Ok(weights.await?)
}

/// RFC 6203 §4: scores use the whole range.
fn scaled(weights: &[u32]) -> Vec<u8> {
    let most = u64::from(weights.iter().copied().max().unwrap_or_default()).max(1);
    let score = |weight: &u32| (1 + u64::from(*weight) * 99 / most) as u8;
    weights.iter().map(score).collect()
}

/// What is sought fuzzily; what must not be there adds nothing.
fn collect(key: &SearchKey, is_fuzzy: bool, collation: Collation, terms: &mut Vec<Term>) {
    let mut add = |place, text: &str| {
        if is_fuzzy {
            terms.push(Term { place, words: words(text, collation), collation });
        }
    };
    match key {
        SearchKey::Fuzzy(key) => collect(key, true, collation, terms),
        SearchKey::And(keys) => {
            keys.iter().for_each(|key| collect(key, is_fuzzy, collation, terms));
        }
        SearchKey::Or(left, right) => {
            collect(left, is_fuzzy, collation, terms);
            collect(right, is_fuzzy, collation, terms);
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

/// Weights, and the first message that was too much for the batch.
fn weigh_batch(
    tx: &mut ReadTx<'_>,
    known: &Snapshot,
    seqs: &[u32],
    terms: &[Term],
    want: Want,
) -> storage::Result<(Vec<u32>, Option<u32>)> {
    let entries: Vec<_> = seqs.iter().filter_map(|&seq| known.by_seq(seq)).collect();
    let ids: Vec<_> = entries.iter().map(|entry| entry.content()).collect();
    let contents = tx.load_contents_within(&ids, want, BATCH_BYTES)?;
    let rest = seqs.get(contents.len()).copied();
    let weights = contents.iter().map(|content| {
        let texts = |term: &Term| content.as_ref().map(|c| Texts::of(c, term.collation));
        let weight = |term: &Term| texts(term).map_or(0, |texts| weight(&texts, term));
        terms.iter().map(weight).sum()
    });
    Ok((weights.collect(), rest))
}

/// How much a message is about a term. A word in the subject weighs more than one among the
/// addresses, and that more than one in the text; said often it weighs more, with less and less
/// added each time.
fn weight(texts: &Texts<'_>, term: &Term) -> u32 {
    let saturated = |count: usize, weight: u32| {
        let count = count.min(1000) as u32;
        weight * 1000 * count / (count + 2)
    };
    let in_word = |word: &String| match &term.place {
        Place::Key(KeyField::Subject) => saturated(texts.count_in_key(KeyField::Subject, word), 8),
        Place::Key(field) => saturated(texts.count_in_key(*field, word), 4),
        Place::Header(name) => saturated(texts.count_in_field(name, word), 3),
        Place::Body => saturated(texts.count_in_body(word), 1),
        Place::Whole => {
            saturated(texts.count_in_key(KeyField::Subject, word), 8)
                + saturated(texts.count_in_key(KeyField::From, word), 4)
                + saturated(texts.count_in_key(KeyField::To, word), 2)
                + saturated(texts.count_in_body(word), 1)
        }
    };
    term.words.iter().map(in_word).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_use_the_whole_range() {
        assert_eq!(scaled(&[0, 5, 10]), [1, 50, 100]);
        assert_eq!(scaled(&[7]), [100]);
        assert_eq!(scaled(&[0, 0]), [1, 1]);
        assert_eq!(scaled(&[]), [0; 0]);
    }
}
