//! Search keys that one column of storage answers for a whole mailbox: save dates (RFC 8514 §4.3)
//! and conversations (RFC 8474 §6). They are looked up before the program is compiled, which then
//! knows them as sets of UIDs.

use std::collections::BTreeMap;
use std::ops::Range;

use ids::{CollectionId, Uid};
use message::date::Day;
use storage::{Store, ThreadId};

use super::program::{day_end, day_start};
use crate::error::Result;
use crate::types::{NumberSet, SearchKey};

/// A question to a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum RowKey {
    /// Seconds from, seconds to.
    Saved(i64, i64),
    Thread(ThreadId),
}

/// UIDs by question.
#[derive(Debug, Default)]
pub(super) struct RowKeys(BTreeMap<RowKey, NumberSet>);

impl RowKeys {
    /// Answers every such question in `key`.
    pub(super) async fn load(
        store: &Store,
        mailbox: CollectionId,
        key: &SearchKey,
    ) -> Result<Self> {
        let mut asked = BTreeMap::new();
        key.any(&mut |key| {
            if let Some(row_key) = row_key(key) {
                asked.insert(row_key, NumberSet::new());
            }
            false
        });
        if asked.is_empty() {
            return Ok(Self::default());
        }
        let read = store.read(move |tx| {
            for (key, uids) in &mut asked {
                let found = match *key {
                    RowKey::Saved(from, to) => {
                        tx.find_saved(mailbox, Range { start: from, end: to })?
                    }
                    RowKey::Thread(thread) => tx.find_thread(mailbox, thread)?,
                };
                *uids = found.into_iter().map(Uid::get).collect();
            }
            Ok(asked)
        });
        Ok(Self(read.await?))
    }

    /// The messages that `key` finds, if it is such a question.
    pub(super) fn uids_of(&self, key: &SearchKey) -> Option<NumberSet> {
        Some(self.0.get(&row_key(key)?).cloned().unwrap_or_default())
    }
}

fn row_key(key: &SearchKey) -> Option<RowKey> {
    let start = |day: &Day| day_start(*day);
    Some(match key {
        SearchKey::SavedBefore(day) => RowKey::Saved(i64::MIN, start(day)),
        SearchKey::SavedOn(day) => RowKey::Saved(start(day), day_end(*day)),
        SearchKey::SavedSince(day) => RowKey::Saved(start(day), i64::MAX),
        SearchKey::ThreadId(id) => RowKey::Thread(ThreadId::parse(id.strip_prefix('T')?)?),
        _ => return None,
    })
}
