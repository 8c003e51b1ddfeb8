//! What is done for the data as a whole: checking, repairing, giving up, indexing.

use ids::{AccountId, Timestamp};

use super::Store;
use crate::check::{check_consistency, repair};
use crate::maintain::maintain;
use crate::search;
use crate::sort_keys::{self, Sizes};
use crate::{Finding, Indexed, Maintained, Repaired, Result};

impl Store {
    /// Checks every invariant of the stored data, reading every byte of it; empty means clean.
    /// Blocks for as long as that takes; writers go on meanwhile.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the data can't be read now.
    pub fn check_consistency(&self) -> Result<Vec<Finding>> {
        // What is in memory says nothing about what is stored.
        self.read_blocking(|tx| check_consistency(&mut tx.passing_by()))
    }

    /// Computes every counted number anew and says which were wrong. Messages, names and
    /// addresses are never touched. Blocks.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the data can't be written now.
    pub fn repair(&self) -> Result<Vec<Repaired>> {
        let repaired = self.write_blocking("repair", repair)?.value;
        self.inner.shared.waiting.look_again();
        Ok(repaired)
    }

    /// Gives up what nobody needs any more: expunged messages past their retention, the change
    /// log past its days, contents and blobs that nothing names, and their space. To be called
    /// now and then. Blocks for as long as that takes; works in small steps, so that writers hardly
    /// notice. One call at a time does the work, another waits for it.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the data can't be written now. What was done until
    /// then is done.
    pub fn maintain(&self) -> Result<Maintained> {
        let mut progress =
            self.inner.maintenance.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        maintain(self, &self.inner.shared.blobs, &mut progress)
    }

    /// Brings the search index, where there is one, and the stored sort keys up to date with the
    /// accounts that have waited long enough, in small transactions; what came in the last seconds
    /// is left to the next call. Between two of them it ends where `ended` says so. Blocks for as
    /// long as that takes.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] where the data can't be read or written now. What was done
    /// until then is done, the rest is done by a later call.
    pub fn index(&self, ended: &dyn Fn() -> bool) -> Result<Indexed> {
        let waiting = &self.inner.shared.waiting;
        let mut done = Indexed::default();
        while !ended()
            && let Some(account) = waiting.take(self)?
        {
            let indexed = self.index_account(account, ended).inspect_err(|_| {
                waiting.look_again();
            })?;
            if ended() {
                waiting.look_again();
            }
            done.messages += indexed.messages;
            done.merged += indexed.merged;
        }
        self.inner.shared.statistics.indexed(done.messages);
        Ok(done)
    }

    fn index_account(&self, account: AccountId, ended: &dyn Fn() -> bool) -> Result<Indexed> {
        sort_keys::update(self, account, &Sizes::default(), ended)?;
        match self.settings().search_index {
            true => search::update(self, account, ended),
            false => Ok(Indexed::default()),
        }
    }

    /// Has the next [`index`](Self::index) look at every account: for what other daemons wrote
    /// and did not come to index.
    pub fn index_all(&self) {
        self.inner.shared.waiting.look_again();
    }

    /// How many messages wait to be indexed, as far as is known, and since when the first.
    pub fn index_lag(&self) -> (u64, Option<Timestamp>) {
        self.inner.shared.waiting.lag()
    }
}
