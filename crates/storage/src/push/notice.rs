//! How the daemon hears that there may be something to tell: a hint in memory of what it committed
//! itself, made complete by looking at all subscriptions now and then.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ids::{CollectionId, Timestamp};
use tokio::sync::Notify;

use super::PushesUnderWay;
use crate::change::{Change, Fact};
use crate::sql::{Dialect, Value};
use crate::{ReadTx, Result, WriteTx};

/// LIMIT: collections that wait to be looked at; where more changed, all are.
const COLLECTIONS_MAX: usize = 1_000;
/// LIMIT: subscriptions of a page, looked at in one go.
const PAGE: i64 = 1_000;

/// See the module.
#[derive(Debug, Default)]
pub struct PushNotices {
    waiting: Mutex<ChangedCollections>,
    signal: Notify,
}

/// Collections that changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ChangedCollections {
    /// The collections that changed.
    pub known: BTreeSet<CollectionId>,
    /// Whether others changed too, of which nothing else is known.
    pub others: bool,
}

impl PushNotices {
    /// Notes the changes of a transaction.
    pub(crate) fn note(&self, changes: &[Change]) {
        let told = changes.iter().filter(|change| is_told(&change.fact));
        let mut told = told.filter_map(|change| change.collection).peekable();
        if told.peek().is_none() {
            return;
        }
        let mut waiting = self.waiting();
        waiting.known.extend(told);
        if waiting.known.len() > COLLECTIONS_MAX {
            *waiting = ChangedCollections { known: BTreeSet::new(), others: true };
        }
        drop(waiting);
        self.signal.notify_one();
    }

    /// Waits until something changed.
    pub async fn wait(&self) {
        self.signal.notified().await;
    }

    /// What changed since the last call.
    pub fn take(&self) -> ChangedCollections {
        std::mem::take(&mut *self.waiting())
    }

    /// Makes the next call of `take` report unknown changes, since those taken could not be looked
    /// at.
    pub fn lose(&self) {
        self.waiting().others = true;
    }

    fn waiting(&self) -> MutexGuard<'_, ChangedCollections> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_told(fact: &Fact) -> bool {
    matches!(fact, Fact::ObjectPut { .. } | Fact::ObjectDeleted { .. } | Fact::CollectionUpdated)
}

impl ReadTx<'_> {
    /// The subscriptions at these collections that were not told of all there is.
    pub fn pushes_behind(&mut self, collections: &BTreeSet<CollectionId>) -> Result<Vec<i64>> {
        let collections: Vec<i64> = collections.iter().map(|id| id.get()).collect();
        let mut found = Vec::new();
        self.sql.query_in(
            "SELECT s.id FROM push_subscription s JOIN collection c ON c.id = s.collection_id \
             WHERE s.collection_id IN ({IN}) AND s.told_modseq < c.highest_modseq",
            &collections,
            &mut |row| {
                found.push(row.int(0)?);
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// The subscriptions that are behind, of one page of all subscriptions behind `after`; and
    /// where the next page begins, if there is one.
    pub fn pushes_behind_of_all(&mut self, after: i64) -> Result<(Vec<i64>, Option<i64>)> {
        let page = self.sql.query_all(
            "SELECT s.id, CASE WHEN s.told_modseq < c.highest_modseq THEN 1 ELSE 0 END \
             FROM push_subscription s JOIN collection c ON c.id = s.collection_id \
             WHERE s.id > ?1 ORDER BY s.id LIMIT ?2",
            &[Value::Int(after), Value::Int(PAGE)],
            |row| Ok((row.int(0)?, row.int(1)? != 0)),
        )?;
        let next = page.last().map(|(id, _)| *id).filter(|_| page.len() as i64 == PAGE);
        Ok((page.into_iter().filter_map(|(id, behind)| behind.then_some(id)).collect(), next))
    }

    /// When the next subscription is to be looked at that there is room for.
    pub fn next_push_look(&mut self, under_way: &PushesUnderWay) -> Result<Option<Timestamp>> {
        let next = self.sql.query_one(
            "SELECT look FROM push_subscription WHERE look IS NOT NULL \
             AND account_id NOT IN (?1, ?2, ?3, ?4) ORDER BY look, id LIMIT 1",
            &under_way.full(),
            |row| row.int(0),
        )?;
        Ok(next.map(Timestamp::from_micros))
    }
}

impl WriteTx<'_> {
    /// These are to be looked at, as soon as they may be told of something.
    ///
    /// Also where that is known already: whoever has such a row in hand may be about to write that
    /// there is nothing to look at, without having seen the change.
    pub fn note_pushes(&mut self, subscriptions: &[i64]) -> Result<()> {
        if self.sql.dialect() == Dialect::Postgres {
            // In ascending order, as everybody who has several of them.
            let lock = "SELECT id FROM push_subscription WHERE id IN ({IN}) ORDER BY id FOR UPDATE";
            self.sql.query_in(lock, subscriptions, &mut |_| Ok(()))?;
        }
        let now = self.now.as_micros();
        for id in subscriptions {
            self.sql.execute(
                "UPDATE push_subscription \
                 SET look = COALESCE(look, CASE WHEN due > ?2 THEN due ELSE ?2 END) \
                 WHERE id = ?1 AND told_modseq < \
                 (SELECT c.highest_modseq FROM collection c WHERE c.id = collection_id)",
                &[Value::Int(*id), Value::Int(now)],
            )?;
        }
        Ok(())
    }

    /// Removes subscriptions that have expired.
    pub fn remove_expired_pushes(&mut self) -> Result<()> {
        let now = self.now.as_micros();
        let expired = "DELETE FROM push_subscription WHERE expires <= ?1";
        self.sql.execute(expired, &[Value::Int(now)])?;
        Ok(())
    }
}
