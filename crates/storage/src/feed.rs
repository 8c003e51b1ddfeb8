//! The change feed inside one daemon: brings views up to date and tells subscribers, per account,
//! in commit order without gaps.
//!
//! Writers call [`Feed::publish`] after their commit. With several writers, or several daemons on
//! one database, a publication may come before one that was committed earlier; the feed sees the
//! gap in the modification sequence and reads what is missing from the change log first.
//!
//! **Invariant:** an account's `published` number grows by one per transaction; a view holds
//! exactly the changes up to its `complete_to`. Accounts nobody looks at cost nothing.

mod account;
mod publication;
mod subscription;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ids::{AccountId, CollectionId, ModSeq};

use self::account::{AccountFeed, Loading};
use crate::view::{MailboxView, Snapshot, ViewState};
use crate::{Result, StorageError};

pub(crate) use publication::{FeedReader, Publication, read_modseq, read_since};
pub use subscription::{Lagged, Subscription};

/// What an account or an empty view costs, in messages' worth of memory.
const EMPTY_VIEW_MESSAGES: usize = 64;

/// The feed of one daemon.
pub(crate) struct Feed {
    reader: Box<dyn FeedReader>,
    accounts: Mutex<HashMap<AccountId, Arc<Mutex<AccountFeed>>>>,
    /// Counts openings, for dropping the view that was opened longest ago.
    tick: AtomicU64,
    /// An upper estimate of the messages in views; counted anew when it passes the maximum.
    cached_messages: AtomicUsize,
    cached_messages_max: usize,
    /// How many messages must be in memory before they are counted again.
    survey_at: AtomicUsize,
}

impl Feed {
    pub(crate) fn new(reader: Box<dyn FeedReader>, cached_messages_max: usize) -> Self {
        Self {
            reader,
            accounts: Mutex::default(),
            tick: AtomicU64::new(0),
            cached_messages: AtomicUsize::new(0),
            cached_messages_max,
            survey_at: AtomicUsize::new(cached_messages_max),
        }
    }

    /// Tells of a committed transaction of this daemon.
    pub(crate) fn publish(&self, publication: &Publication) {
        for (account, modseq) in &publication.modseqs {
            let Some(feed) = self.find(*account) else { continue };
            let mut feed = lock(&feed);
            feed.newest_seen = feed.newest_seen.max(*modseq);
            if !feed.stale && modseq.get() > feed.published.get() + 1 {
                self.catch_up(&mut feed, *account);
            }
            if !feed.stale && *modseq > feed.published {
                feed.publish_or_break_off(publication, *account, *modseq);
            }
        }
    }

    /// Another daemon committed `modseq` in `account`.
    pub(crate) fn remote(&self, account: AccountId, modseq: ModSeq) {
        let Some(feed) = self.find(account) else { return };
        let mut feed = lock(&feed);
        feed.newest_seen = feed.newest_seen.max(modseq);
        if !feed.stale && modseq > feed.published {
            self.catch_up(&mut feed, account);
        }
    }

    /// Notices of other daemons may have been lost: look at every account somebody watches.
    pub(crate) fn resync_all(&self) {
        let accounts: Vec<AccountId> = lock(&self.accounts).keys().copied().collect();
        for account in accounts {
            let Some(feed) = self.find(account) else { continue };
            let mut feed = lock(&feed);
            if !feed.stale {
                self.catch_up(&mut feed, account);
            }
        }
    }

    /// Reads the log from where the account's feed stands. If it can't, the feed breaks off:
    /// its sessions end and open anew.
    fn catch_up(&self, feed: &mut AccountFeed, account: AccountId) {
        match self.reader.since(account, feed.published) {
            Ok(Some((publication, newest))) => {
                let newest = newest.max(feed.published);
                feed.publish_or_break_off(&publication, account, newest);
            }
            Ok(None) | Err(_) => feed.break_off(),
        }
    }

    /// Every change of `account` from now on. Blocks on the database the first time.
    pub(crate) fn subscribe(&self, account: AccountId) -> Result<Subscription> {
        let feed = self.find_or_create(account)?;
        let changes = lock(&feed).subscribers.subscribe();
        Ok(Subscription { changes })
    }

    /// The view of `mailbox`, shared with every other session on it. Blocks on the database if
    /// it isn't in memory.
    pub(crate) fn open_view(
        &self,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Result<MailboxView> {
        let tick = self.tick.fetch_add(1, Ordering::Relaxed);
        let feed = self.find_or_create(account)?;
        let loading = lock(&feed).begin_loading(mailbox);
        let view = match loading {
            Loading::InMemory(view) => view,
            Loading::Begun(epoch) => {
                let load = AssertUnwindSafe(|| self.reader.snapshot(account, mailbox));
                let loaded = catch_unwind(load).unwrap_or_else(|_| {
                    Err(StorageError::Internal("loading a view panicked".to_owned()))
                });
                let view = lock(&feed).finish_loading(mailbox, epoch, loaded)?;
                let messages = view.snapshot().exists() as usize + EMPTY_VIEW_MESSAGES;
                self.cached_messages.fetch_add(messages, Ordering::Relaxed);
                view
            }
        };
        view.touch(tick);
        self.shrink();
        Ok(MailboxView::new(view))
    }

    /// The view of `mailbox` if it is in memory; never blocks on the database.
    pub(crate) fn opened_view(
        &self,
        account: AccountId,
        mailbox: CollectionId,
    ) -> Option<MailboxView> {
        let feed = self.find(account)?;
        let view = lock(&feed).views.get(&mailbox).cloned()?;
        view.touch(self.tick.fetch_add(1, Ordering::Relaxed));
        Some(MailboxView::new(view))
    }

    /// The state of `mailbox` if it is in memory and is the one that its change `modseq` made.
    /// Never waits: whoever asks holds the account in a transaction.
    pub(crate) fn state_at(
        &self,
        account: AccountId,
        mailbox: CollectionId,
        modseq: ModSeq,
    ) -> Option<Arc<Snapshot>> {
        let feed = self.find(account)?;
        let snapshot = feed.try_lock().ok()?.views.get(&mailbox)?.snapshot();
        let is_it = snapshot.state() == ViewState::Live && snapshot.highest_modseq() == modseq;
        is_it.then_some(snapshot)
    }

    /// A subscription if the account is watched already; never blocks on the database.
    pub(crate) fn subscribe_watched(&self, account: AccountId) -> Option<Subscription> {
        let feed = self.find(account)?;
        let feed = lock(&feed);
        (!feed.stale).then(|| Subscription { changes: feed.subscribers.subscribe() })
    }

    fn find(&self, account: AccountId) -> Option<Arc<Mutex<AccountFeed>>> {
        lock(&self.accounts).get(&account).cloned()
    }

    /// The account's feed, having read where the account stands if need be. Nothing is locked
    /// during that read: whoever publishes meanwhile notes how far, and if that is further than
    /// what was read, it is read again.
    fn find_or_create(&self, account: AccountId) -> Result<Arc<Mutex<AccountFeed>>> {
        let feed = lock(&self.accounts)
            .entry(account)
            .or_insert_with(|| Arc::new(Mutex::new(AccountFeed::new())))
            .clone();
        while lock(&feed).stale {
            let modseq = self.reader.modseq(account)?;
            let mut held = lock(&feed);
            if held.stale && modseq >= held.newest_seen {
                held.published = modseq;
                held.stale = false;
                self.cached_messages.fetch_add(EMPTY_VIEW_MESSAGES, Ordering::Relaxed);
            }
        }
        Ok(feed)
    }

    /// Drops views nobody holds, the longest unused first, while too many messages are cached;
    /// and accounts that nobody watches any more.
    fn shrink(&self) {
        let max = self.cached_messages_max;
        if self.cached_messages.load(Ordering::Relaxed) <= self.survey_at.load(Ordering::Relaxed) {
            return;
        }
        let (mut cached, mut idle) = self.survey();
        idle.sort_unstable_by_key(|view| view.used);
        for view in idle {
            if cached <= max / 2 {
                break;
            }
            self.drop_view(view.account, view.mailbox);
            cached -= view.messages.min(cached);
        }
        self.cached_messages.store(cached, Ordering::Relaxed);
        // What is held can't be dropped, however much it is: looking again is only worth it
        // after more has come.
        self.survey_at.store(max.max(cached + max / 4), Ordering::Relaxed);
    }

    /// Messages in memory, and the views nobody holds.
    fn survey(&self) -> (usize, Vec<IdleView>) {
        let (mut cached, mut idle) = (0, Vec::new());
        for (&account, feed) in lock(&self.accounts).iter() {
            cached += EMPTY_VIEW_MESSAGES;
            // A feed that is busy now is in use. Waiting for it here could block for ever: its
            // holder may be waiting for the map of accounts.
            let Ok(feed) = feed.try_lock() else { continue };
            if feed.views.is_empty() {
                idle.push(IdleView {
                    used: 0,
                    account,
                    mailbox: None,
                    messages: EMPTY_VIEW_MESSAGES,
                });
            }
            for (&mailbox, view) in &feed.views {
                let messages = view.snapshot().exists() as usize + EMPTY_VIEW_MESSAGES;
                cached += messages;
                if Arc::strong_count(view) == 1 {
                    let used = view.used();
                    idle.push(IdleView { used, account, mailbox: Some(mailbox), messages });
                }
            }
        }
        (cached, idle)
    }

    fn drop_view(&self, account: AccountId, mailbox: Option<CollectionId>) {
        let mut accounts = lock(&self.accounts);
        let Some(feed) = accounts.get(&account) else { return };
        // Nobody else can get hold of the feed while the map is locked; one that is locked, or
        // that somebody holds, is in use. Waiting for it here could block for ever.
        let holders = Arc::strong_count(feed);
        let Ok(mut held) = feed.try_lock() else { return };
        if let Some(mailbox) = mailbox
            && held.views.get(&mailbox).is_some_and(|view| Arc::strong_count(view) == 1)
        {
            held.views.remove(&mailbox);
        }
        let unwatched = held.is_unwatched() && holders == 1;
        drop(held);
        if unwatched {
            accounts.remove(&account);
        }
    }
}

/// A view in memory that no session holds; an account without views where `mailbox` is `None`.
struct IdleView {
    used: u64,
    account: AccountId,
    mailbox: Option<CollectionId>,
    messages: usize,
}

/// A panic elsewhere never leaves these maps half changed in a way that matters: go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
