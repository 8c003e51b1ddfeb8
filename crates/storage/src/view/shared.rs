//! The one view of a mailbox that all its sessions share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ids::{CollectionId, Uid};
use tokio::sync::watch;

use super::delta::MailboxDelta;
use super::snapshot::{Snapshot, ViewState};

/// The newest snapshot of a mailbox, and who waits for the next.
#[derive(Debug)]
pub(crate) struct SharedView {
    newest: watch::Sender<Arc<Snapshot>>,
    /// The first UID that no session was told of as `\Recent`.
    recent_from: AtomicU32,
    /// When it was last opened, as a count of openings: the smallest is dropped first.
    used: AtomicU64,
}

impl SharedView {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self {
            recent_from: AtomicU32::new(snapshot.recent_at_load.get()),
            newest: watch::Sender::new(Arc::new(snapshot)),
            used: AtomicU64::new(0),
        }
    }

    pub(crate) fn apply<'d>(&self, deltas: impl Iterator<Item = &'d MailboxDelta>) {
        let next = self.newest.borrow().after(deltas);
        self.newest.send_replace(Arc::new(next));
    }

    /// Ends the view: its sessions must end too.
    pub(crate) fn lose(&self) {
        let mut lost = Snapshot::clone(&self.newest.borrow());
        lost.state = ViewState::Lost;
        self.newest.send_replace(Arc::new(lost));
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.newest.borrow().clone()
    }

    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn touch(&self, tick: u64) {
        self.used.store(tick, Ordering::Relaxed);
    }
}

/// A session's hold on a mailbox's view. Cheap to clone; no I/O.
#[derive(Debug, Clone)]
pub struct MailboxView {
    shared: Arc<SharedView>,
}

impl MailboxView {
    pub(crate) fn new(shared: Arc<SharedView>) -> Self {
        Self { shared }
    }

    /// The mailbox shown.
    pub fn mailbox(&self) -> CollectionId {
        self.shared.newest.borrow().mailbox()
    }

    /// The newest state. A write's own effect is in before its future completes.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot()
    }

    /// The first UID that is still `\Recent`: no session was told of it (RFC 3501 §2.3.2).
    pub fn recent_from(&self) -> Uid {
        Uid::new(self.shared.recent_from.load(Ordering::Relaxed))
    }

    /// Claims every message below `end` as `\Recent` for the calling session: from the UID
    /// returned on, no other session has or will. [`AccountTx::keep_recent`](crate::AccountTx)
    /// keeps that over a restart.
    pub fn claim_recent(&self, end: Uid) -> Uid {
        Uid::new(self.shared.recent_from.fetch_max(end.get(), Ordering::Relaxed))
    }

    /// Tells of every later snapshot.
    pub fn watch(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.shared.newest.subscribe()
    }
}
