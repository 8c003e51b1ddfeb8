//! The change feed of one account, as a session that watches holds it.

use std::sync::Arc;

use ids::{AccountId, ModSeq};
use storage::{Change, Changes, StorageError, Store, Subscription};

/// LIMIT: facts looked at together; more is an overflow, and the client asks what is so.
const CHANGES_MAX: usize = 10_000;

/// An account whose facts are heard.
pub(super) struct Watched {
    pub(super) account: AccountId,
    changes: Subscription,
    /// The changes that woke the session and are not told yet.
    heard: Vec<Arc<Vec<Change>>>,
    /// The subscription overflowed, so that changes are missing from `heard`.
    is_behind: bool,
    /// Changes up to this modification sequence were looked at.
    seen: ModSeq,
}

/// Something was missed for good (RFC 5465 §5.8).
pub(super) struct Overflow;

impl Watched {
    /// Hears everything that happens after this.
    pub(super) async fn begin(store: &Store, account: AccountId) -> storage::Result<Self> {
        // Before the first read: nothing falls between.
        let changes = store.subscribe(account).await?;
        let seen = store.read(move |tx| Ok(tx.load_account(account)?.modseq)).await?;
        Ok(Self { account, changes, heard: Vec::new(), is_behind: false, seen })
    }

    /// Completes when something happened. Cancel safe.
    pub(super) async fn hear(&mut self) {
        match self.changes.next().await {
            Ok(changes) => self.heard.push(changes),
            Err(_) => self.is_behind = true,
        }
    }

    /// Takes everything that happened and was not looked at.
    pub(super) async fn take(&mut self, store: &Store) -> Result<Vec<Change>, Overflow> {
        let mut lists = std::mem::take(&mut self.heard);
        while let Some(next) = self.changes.try_next() {
            match next {
                Ok(changes) => lists.push(changes),
                Err(_) => {
                    self.is_behind = true;
                    break;
                }
            }
        }
        if std::mem::take(&mut self.is_behind) {
            return self.catch_up(store).await.map_err(|_| Overflow);
        }
        let seen = self.seen;
        let changes = lists.iter().flat_map(|list| list.iter());
        let changes: Vec<Change> = changes.filter(|c| c.modseq > seen).cloned().collect();
        self.note(changes)
    }

    /// Reads what was missed from the change log.
    async fn catch_up(&mut self, store: &Store) -> storage::Result<Vec<Change>> {
        let (account, since) = (self.account, self.seen);
        self.changes = store.subscribe(account).await?;
        match store.read(move |tx| tx.changes_since(account, None, since)).await? {
            Changes::List(changes) => {
                self.note(changes).map_err(|_| StorageError::Conflict("too much happened"))
            }
            Changes::TooOld => Err(StorageError::Conflict("too much happened")),
        }
    }

    /// Up to which modification sequence changes were looked at.
    pub(super) fn seen(&self) -> ModSeq {
        self.seen
    }

    /// Takes what was read from the change log behind [`seen`](Self::seen): it is not taken again.
    pub(super) fn take_read(&mut self, changes: Changes) -> Result<Vec<Change>, Overflow> {
        match changes {
            Changes::List(changes) => self.note(changes),
            Changes::TooOld => Err(Overflow),
        }
    }

    fn note(&mut self, changes: Vec<Change>) -> Result<Vec<Change>, Overflow> {
        self.seen = changes.iter().map(|change| change.modseq).max().unwrap_or(self.seen);
        if changes.len() > CHANGES_MAX { Err(Overflow) } else { Ok(changes) }
    }
}
