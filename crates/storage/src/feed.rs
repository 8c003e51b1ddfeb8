//! The change feed inside one daemon: brings views up to date and tells subscribers, per account,
//! in commit order without gaps.
//!
//! Writers call [`Feed::publish`] after their commit. With several writers, or several daemons on
//! one database, a publication may come before one that was committed earlier; the feed sees the
//! gap in the modification sequence and reads what is missing from the change log first.
//!
//! **Invariant:** an account's `published` number grows by one per transaction; a view holds
//! exactly the changes up to its `complete_to`. Accounts nobody looks at cost nothing.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ids::{AccountId, CollectionId, ModSeq};
use tokio::sync::broadcast;

use crate::sql::{Sql, Value};
use crate::view::{MailboxDelta, MailboxView, SharedView, Snapshot, ViewState, load_delta_rows};
use crate::{Change, Changes, Result, StorageError, change_log};

/// LIMIT: a subscriber that is this many transactions behind reads anew; a slot costs some 40
/// bytes for every account with a session.
const SUBSCRIPTION_QUEUE: usize = 32;

/// What an account or an empty view costs, in messages' worth of memory.
const EMPTY_VIEW_MESSAGES: usize = 64;

/// What one transaction did, for the feed.
#[derive(Debug, Default)]
pub(crate) struct Publication {
    pub(crate) changes: Vec<Change>,
    pub(crate) deltas: Vec<MailboxDelta>,
    pub(crate) modseqs: BTreeMap<AccountId, ModSeq>,
    /// Destinations for which something was spooled, and when it is due. Only this daemon's queue
    /// hears of it so.
    pub(crate) spooled: BTreeMap<String, ids::Timestamp>,
    /// What moving messages says of them, for who teaches a filter.
    pub(crate) lessons: Vec<crate::Lesson>,
    /// In whose mailboxes something happened that scripts run for. Likewise.
    pub(crate) events: std::collections::BTreeSet<AccountId>,
}

/// Reads from the database for the feed; blocks.
pub(crate) trait FeedReader: Send + Sync {
    /// The account's newest modification sequence.
    fn modseq(&self, account: AccountId) -> Result<ModSeq>;
    /// What was committed after `since`, up to the newest commit; `None` if the log no longer
    /// reaches back that far. The second value is the account's newest modification sequence.
    fn since(&self, account: AccountId, since: ModSeq) -> Result<Option<(Publication, ModSeq)>>;
    /// A mailbox of `account` as it is now.
    fn snapshot(&self, account: AccountId, mailbox: CollectionId) -> Result<Snapshot>;
}

/// [`FeedReader::since`] in one read transaction.
pub(crate) fn read_since(
    sql: &mut (dyn Sql + '_),
    account: AccountId,
    since: ModSeq,
) -> Result<Option<(Publication, ModSeq)>> {
    let newest = read_modseq(sql, account)?;
    let Changes::List(changes) = change_log::since(sql, account, None, since)? else {
        return Ok(None);
    };
    let mut publication = Publication::default();
    for change in &changes {
        publication.deltas.extend(load_delta_rows(sql, change)?);
    }
    publication.changes = changes;
    Ok(Some((publication, newest)))
}

/// [`FeedReader::modseq`] in a read transaction.
pub(crate) fn read_modseq(sql: &mut (dyn Sql + '_), account: AccountId) -> Result<ModSeq> {
    let modseq = sql.query_one(
        "SELECT modseq FROM account WHERE id = ?1",
        &[Value::Int(account.get())],
        |row| row.int(0),
    )?;
    Ok(ModSeq::new(modseq.ok_or(StorageError::NotFound("account"))? as u64))
}

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

struct AccountFeed {
    /// Where the account stands must be read before anything is published: the feed is new, or
    /// it broke off.
    stale: bool,
    /// Grows when the feed breaks off: a view loaded across that lacks changes.
    epoch: u64,
    /// The newest transaction heard of, published or not.
    newest_seen: ModSeq,
    published: ModSeq,
    subscribers: broadcast::Sender<Arc<Vec<Change>>>,
    views: HashMap<CollectionId, Arc<SharedView>>,
    /// Mailboxes being loaded: how many loaders, and what was published meanwhile.
    loading: HashMap<CollectionId, (usize, Vec<MailboxDelta>)>,
}

/// How opening a view begins.
enum Loading {
    /// With a view in memory.
    InMemory(Arc<SharedView>),
    /// With reading it, in this epoch of the feed.
    Begun(u64),
}

/// A subscriber missed changes: read the state anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lagged;

/// Every change of one account from the moment of subscribing.
#[derive(Debug)]
pub struct Subscription {
    changes: broadcast::Receiver<Arc<Vec<Change>>>,
}

impl Subscription {
    /// The next transaction's changes, in commit order. Cancel safe.
    ///
    /// # Errors
    /// [`Lagged`] if changes were missed, or the feed broke off: read the state anew.
    pub async fn next(&mut self) -> std::result::Result<Arc<Vec<Change>>, Lagged> {
        self.changes.recv().await.map_err(|_| Lagged)
    }

    /// Like [`next`](Self::next) without waiting; `None` if there is nothing new.
    pub fn try_next(&mut self) -> Option<std::result::Result<Arc<Vec<Change>>, Lagged>> {
        match self.changes.try_recv() {
            Ok(changes) => Some(Ok(changes)),
            Err(broadcast::error::TryRecvError::Empty) => None,
            Err(_) => Some(Err(Lagged)),
        }
    }
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

impl AccountFeed {
    fn new() -> Self {
        Self {
            stale: true,
            epoch: 0,
            newest_seen: ModSeq::default(),
            published: ModSeq::default(),
            subscribers: broadcast::Sender::new(SUBSCRIPTION_QUEUE),
            views: HashMap::new(),
            loading: HashMap::new(),
        }
    }

    fn is_unwatched(&self) -> bool {
        self.views.is_empty() && self.loading.is_empty() && self.subscribers.receiver_count() == 0
    }

    /// Publishes; a panic on the way, which would leave views half changed, ends those views
    /// and not the thread that writes.
    fn publish_or_break_off(
        &mut self,
        publication: &Publication,
        account: AccountId,
        modseq: ModSeq,
    ) {
        let publish = AssertUnwindSafe(|| self.publish(publication, account, modseq));
        if catch_unwind(publish).is_err() {
            tracing::error!(%account, %modseq, "publishing changes panicked");
            self.break_off();
        }
    }

    fn publish(&mut self, publication: &Publication, account: AccountId, modseq: ModSeq) {
        self.published = modseq;
        let mut mailboxes: Vec<CollectionId> = Vec::new();
        for delta in publication.deltas.iter().filter(|delta| delta.account == account) {
            if !mailboxes.contains(&delta.mailbox) {
                mailboxes.push(delta.mailbox);
            }
            if let Some((_, buffer)) = self.loading.get_mut(&delta.mailbox) {
                buffer.push(delta.clone());
            }
        }
        for mailbox in mailboxes {
            if let Some(view) = self.views.get(&mailbox) {
                view.apply(publication.deltas.iter().filter(|delta| delta.mailbox == mailbox));
            }
        }
        self.views.retain(|mailbox, _| {
            !publication.deltas.iter().any(|delta| delta.mailbox == *mailbox && delta.deleted)
        });
        if self.subscribers.receiver_count() > 0 {
            let changes: Vec<Change> = publication
                .changes
                .iter()
                .filter(|change| change.account == account)
                .cloned()
                .collect();
            if !changes.is_empty() {
                // Only fails when the last receiver went away just now.
                let _ = self.subscribers.send(Arc::new(changes));
            }
        }
    }

    /// The view if it is in memory; else changes to the mailbox are kept from here on, until
    /// [`finish_loading`](Self::finish_loading).
    fn begin_loading(&mut self, mailbox: CollectionId) -> Loading {
        if let Some(view) = self.views.get(&mailbox) {
            return Loading::InMemory(view.clone());
        }
        self.loading.entry(mailbox).or_default().0 += 1;
        Loading::Begun(self.epoch)
    }

    fn finish_loading(
        &mut self,
        mailbox: CollectionId,
        epoch: u64,
        loaded: Result<Snapshot>,
    ) -> Result<Arc<SharedView>> {
        if self.epoch != epoch {
            // The feed broke off meanwhile, and what was kept for this loader with it.
            let view = Arc::new(SharedView::new(loaded?));
            view.lose();
            return Ok(view);
        }
        let buffer = match self.loading.get_mut(&mailbox) {
            Some((loaders, buffer)) if *loaders > 1 => {
                *loaders -= 1;
                buffer.clone()
            }
            _ => self.loading.remove(&mailbox).unwrap_or_default().1,
        };
        let snapshot = loaded?;
        if let Some(view) = self.views.get(&mailbox) {
            return Ok(view.clone());
        }
        let view = Arc::new(SharedView::new(snapshot.after(buffer.iter())));
        if view.snapshot().state() == ViewState::Live {
            self.views.insert(mailbox, view.clone());
        }
        Ok(view)
    }

    fn break_off(&mut self) {
        self.views.values().for_each(|view| view.lose());
        self.views.clear();
        self.loading.clear();
        self.stale = true;
        self.epoch += 1;
        // Subscribers see a closed channel once the old sender is gone.
        self.subscribers = broadcast::Sender::new(SUBSCRIPTION_QUEUE);
    }
}

/// A panic elsewhere never leaves these maps half changed in a way that matters: go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
