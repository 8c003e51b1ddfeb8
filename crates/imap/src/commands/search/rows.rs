//! Search keys that storage answers for a whole mailbox: save dates (RFC 8514 §4.3), conversations
//! (RFC 8474 §6) and annotations (RFC 5257 §4.8). They are looked up before the program is
//! compiled, which then knows them as sets of UIDs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use ids::{AccountId, CollectionId, Uid};
use message::Collation;
use message::date::Day;
use storage::{MetadataScope, ReadTx, Store, ThreadId};

use super::super::annotations::to_storage;
use super::super::numbers_of;
use super::program::{day_end, day_start};
use super::work::Work;
use super::{Asked, too_many};
use crate::error::Result;
use crate::types::{AnnotationCriterion, AnnotationPattern, AnnotationScope, NumberSet, SearchKey};

/// LIMIT: ranges in the answers to all keys of one search; eight bytes each.
const RANGES_MAX: usize = 4_000_000;

/// A question to storage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum RowKey {
    /// Seconds from, seconds to.
    Saved(i64, i64),
    Thread(ThreadId),
    /// Pattern of entries, whose, and what is in the value, if anything.
    Annotated(String, Option<AnnotationScope>, Option<String>),
}

impl RowKey {
    /// The messages of a mailbox that it finds.
    fn answer(
        &self,
        tx: &mut ReadTx<'_>,
        actor: AccountId,
        mailbox: CollectionId,
        collation: Collation,
        work: &Work,
    ) -> storage::Result<NumberSet> {
        let found = match self {
            Self::Saved(from, to) => tx.find_saved(mailbox, Range { start: *from, end: *to })?,
            Self::Thread(thread) => tx.find_thread(mailbox, *thread)?,
            Self::Annotated(entries, scope, value) => {
                let sought = SoughtValue::new(entries, *scope, value.as_deref(), collation);
                let found = |entry: &str, scope, value: &[u8]| {
                    work.take_look(value.len())
                        && sought.as_ref().is_some_and(|sought| sought.is_in(entry, scope, value))
                };
                return Ok(numbers_of(&tx.find_annotated_messages(actor, mailbox, found)?));
            }
        };
        Ok(found.into_iter().map(Uid::get).collect())
    }
}

/// The keys that the database answers by itself, each with the UIDs that match.
#[derive(Debug, Default)]
pub(super) struct RowKeys(BTreeMap<RowKey, Arc<NumberSet>>);

impl RowKeys {
    /// Answers every such question in what is asked. Each is a walk over the mailbox, which takes
    /// of the work that the command may make; NO with LIMIT where there is none left.
    pub(super) async fn load(store: &Store, asked: &Asked<'_>) -> Result<Self> {
        let Asked { key, known, actor, collation, work, .. } = *asked;
        let (mut rows, mut ranges) = (BTreeMap::new(), 0);
        // Each in a transaction of its own: others may read between two of them.
        for row_key in questions(key) {
            if !work.take_rows(known.exists()) {
                return Err(too_many());
            }
            let (question, budget, mailbox) = (row_key.clone(), work.clone(), known.mailbox());
            let read =
                move |tx: &mut ReadTx<'_>| question.answer(tx, actor, mailbox, collation, &budget);
            let uids = store.read(read).await?;
            ranges += uids.ranges().len();
            if work.is_spent() || ranges > RANGES_MAX {
                return Err(too_many());
            }
            rows.insert(row_key, Arc::new(uids));
        }
        Ok(Self(rows))
    }

    /// The messages that `key` finds, if it is such a question.
    pub(super) fn uids_of(&self, key: &SearchKey) -> Option<Arc<NumberSet>> {
        Some(self.0.get(&row_key(key)?).cloned().unwrap_or_default())
    }
}

/// Every such question in `key`, once.
fn questions(key: &SearchKey) -> BTreeSet<RowKey> {
    let mut questions = BTreeSet::new();
    key.any(&mut |key| {
        questions.extend(row_key(key));
        false
    });
    questions
}

/// How many walks over the mailbox `key` takes.
pub(in crate::commands) fn count_walks(key: &SearchKey) -> usize {
    questions(key).len()
}

/// A value of annotations that a search key asks for.
struct SoughtValue {
    entries: AnnotationPattern,
    scope: Option<MetadataScope>,
    /// In the form of the collation; any value will do where there is none.
    text: Option<String>,
    collation: Collation,
}

impl SoughtValue {
    fn new(
        entries: &str,
        scope: Option<AnnotationScope>,
        text: Option<&str>,
        collation: Collation,
    ) -> Option<Self> {
        let text = text.map(|text| collation.search_form(text).into_owned());
        let entries = AnnotationPattern::parse(entries.as_bytes())?;
        Some(Self { entries, scope: scope.map(to_storage), text, collation })
    }

    fn is_in(&self, entry: &str, scope: MetadataScope, value: &[u8]) -> bool {
        self.scope.is_none_or(|wanted| wanted == scope)
            && self.entries.matches(entry)
            && self.text.as_ref().is_none_or(|text| {
                self.collation.search_form(&String::from_utf8_lossy(value)).contains(text)
            })
    }
}

fn row_key(key: &SearchKey) -> Option<RowKey> {
    let start = |day: &Day| day_start(*day);
    Some(match key {
        SearchKey::SavedBefore(day) => RowKey::Saved(i64::MIN, start(day)),
        SearchKey::SavedOn(day) => RowKey::Saved(start(day), day_end(*day)),
        SearchKey::SavedSince(day) => RowKey::Saved(start(day), i64::MAX),
        SearchKey::Annotation(AnnotationCriterion { entries, scope, value }) => {
            RowKey::Annotated(entries.as_str().to_owned(), *scope, value.clone())
        }
        SearchKey::ThreadId(id) => RowKey::Thread(ThreadId::parse(id.strip_prefix('T')?)?),
        _ => return None,
    })
}
