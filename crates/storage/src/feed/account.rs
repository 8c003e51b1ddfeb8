//! The feed of one account: the subscriptions to its changes, each with a bounded queue. What is
//! published is a committed transaction, in commit order.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ids::{AccountId, CollectionId, ModSeq};
use tokio::sync::broadcast;

use super::Publication;
use crate::view::{MailboxDelta, SharedView, Snapshot, ViewState};
use crate::{Change, Result};

/// LIMIT: a subscriber that is this many transactions behind reads anew; a slot costs some 40
/// bytes for every account with a session.
const SUBSCRIPTION_QUEUE: usize = 32;

pub(super) struct AccountFeed {
    /// Where the account stands must be read before anything is published: the feed is new, or
    /// it broke off.
    pub(super) stale: bool,
    /// Grows when the feed breaks off: a view loaded across that lacks changes.
    pub(super) epoch: u64,
    /// The newest transaction heard of, published or not.
    pub(super) newest_seen: ModSeq,
    pub(super) published: ModSeq,
    pub(super) subscribers: broadcast::Sender<Arc<Vec<Change>>>,
    pub(super) views: HashMap<CollectionId, Arc<SharedView>>,
    /// Mailboxes being loaded: how many loaders, and what was published meanwhile.
    pub(super) loading: HashMap<CollectionId, (usize, Vec<MailboxDelta>)>,
}

/// How opening a view begins.
pub(super) enum Loading {
    /// The view is in memory already.
    InMemory(Arc<SharedView>),
    /// With reading it, in this epoch of the feed.
    Begun(u64),
}

impl AccountFeed {
    pub(super) fn new() -> Self {
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

    pub(super) fn is_unwatched(&self) -> bool {
        self.views.is_empty() && self.loading.is_empty() && self.subscribers.receiver_count() == 0
    }

    /// Publishes; a panic on the way, which would leave views half changed, ends those views
    /// and not the thread that writes.
    pub(super) fn publish_or_break_off(
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
    pub(super) fn begin_loading(&mut self, mailbox: CollectionId) -> Loading {
        if let Some(view) = self.views.get(&mailbox) {
            return Loading::InMemory(view.clone());
        }
        self.loading.entry(mailbox).or_default().0 += 1;
        Loading::Begun(self.epoch)
    }

    pub(super) fn finish_loading(
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

    pub(super) fn break_off(&mut self) {
        self.views.values().for_each(|view| view.lose());
        self.views.clear();
        self.loading.clear();
        self.stale = true;
        self.epoch += 1;
        // Subscribers see a closed channel once the old sender is gone.
        self.subscribers = broadcast::Sender::new(SUBSCRIPTION_QUEUE);
    }
}
