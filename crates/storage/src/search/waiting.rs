//! Which accounts have something to be indexed, or sort keys to be stored: a hint in memory, made
//! complete by looking.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ids::{AccountId, Timestamp};

use crate::feed::Publication;
use crate::sort_keys::{self, Sizes};
use crate::{ReadTx, Result, Store};

/// LIMIT: accounts remembered; beyond it, all are looked at again.
const ACCOUNTS_MAX: usize = 100_000;
/// An account waits until nothing came for so long, so that one segment is written for all that
/// came, and so that indexing does not take its share of the machine while mail pours in.
const PAUSE_SECS: i64 = 3;
/// The longest that a message waits for others to be indexed with.
const WAIT_SECS_MAX: i64 = 60;
/// With this many messages an account does not wait: until they are indexed, a search reads them.
const MESSAGES_MAX: u64 = 20_000;

/// The messages of one account that wait to be indexed.
#[derive(Debug, Clone, Copy)]
struct Backlog {
    messages: u64,
    since: Timestamp,
    last: Timestamp,
}

impl Backlog {
    fn is_due(self, now: Timestamp) -> bool {
        self.messages >= MESSAGES_MAX
            || self.last.plus_secs(PAUSE_SECS) <= now
            || self.since.plus_secs(WAIT_SECS_MAX) <= now
    }
}

/// Accounts and how many messages of each wait, since when.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    accounts: HashMap<AccountId, Backlog>,
    /// Whether accounts may wait that are not among them.
    is_partial: bool,
}

impl Default for State {
    fn default() -> Self {
        // Nothing is known of what a process before this one left.
        Self { accounts: HashMap::new(), is_partial: true }
    }
}

impl Waiting {
    /// Remembers what a transaction added.
    pub(crate) fn note(&self, publication: &Publication, now: Timestamp) {
        for delta in publication.deltas.iter().filter(|delta| !delta.added.is_empty()) {
            self.add(delta.account, delta.added.len() as u64, now);
        }
    }

    pub(super) fn add(&self, account: AccountId, messages: u64, now: Timestamp) {
        let mut state = self.lock();
        if state.accounts.len() >= ACCOUNTS_MAX && !state.accounts.contains_key(&account) {
            state.is_partial = true;
            return;
        }
        let none = Backlog { messages: 0, since: now, last: now };
        let backlog = state.accounts.entry(account).or_insert(none);
        backlog.messages = backlog.messages.saturating_add(messages);
        backlog.last = now;
    }

    /// Has everything looked at again by the next [`Store::index`].
    pub(crate) fn look_again(&self) {
        self.lock().is_partial = true;
    }

    /// Messages that wait, as far as is known, and since when the longest.
    pub(crate) fn lag(&self) -> (u64, Option<Timestamp>) {
        let state = self.lock();
        let messages = state.accounts.values().map(|backlog| backlog.messages).sum();
        (messages, state.accounts.values().map(|backlog| backlog.since).min())
    }

    /// Takes an account whose turn it is.
    pub(crate) fn take(&self, store: &Store) -> Result<Option<AccountId>> {
        let now = store.now();
        if std::mem::take(&mut self.lock().is_partial) {
            let is_indexed = store.settings().search_index;
            let found = store.read_blocking(|tx| {
                let mut found = match is_indexed {
                    true => behind(tx)?,
                    false => Vec::new(),
                };
                let unsorted = sort_keys::accounts_behind(&mut *tx.sql, &Sizes::default())?;
                found.extend(unsorted.into_iter().map(|account| (account, 0)));
                Ok(found)
            });
            let found = found.inspect_err(|_| self.look_again())?;
            for (account, messages) in found {
                self.add(account, messages, now);
            }
        }
        let mut state = self.lock();
        let due = state.accounts.iter().filter(|(_, backlog)| backlog.is_due(now));
        // The one that has waited longest, so that none waits for ever.
        let account = due.min_by_key(|(_, backlog)| backlog.since).map(|(account, _)| *account);
        if let Some(account) = account {
            state.accounts.remove(&account);
        }
        Ok(account)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accounts whose index is behind, and by how many messages.
fn behind(tx: &mut ReadTx<'_>) -> Result<Vec<(AccountId, u64)>> {
    tx.sql.query_all(
        "SELECT account_id, CAST(SUM(uid_next - 1 - indexed_uid) AS BIGINT) \
         FROM mailbox WHERE indexed_uid < uid_next - 1 GROUP BY account_id",
        &[],
        |row| Ok((AccountId::new(row.int(0)?), row.int(1)?.cast_unsigned())),
    )
}
