//! How much making keys may take: of memory, which what a stranger wrote decides, and of threads,
//! which who hangs up and comes again would take one after the other.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::blocking;
use crate::{LimitKind, Result, StorageError};

/// LIMIT: keys of so many mailboxes are made at once where that takes much. Those of one mailbox
/// whose messages name as many ids as they may take up to half a gigabyte while they are made.
pub(super) const MADE_AT_ONCE: usize = 2;

/// What making the keys of one mailbox may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// LIMIT: distinct ids that the messages of a mailbox may name, whatever their number.
    pub(super) distinct: usize,
    /// LIMIT: ids they may name in References, whatever their number.
    pub(super) named: usize,
    /// LIMIT: distinct ids they may name besides, for each of them: their own and another. One
    /// takes 24 to 48 bytes, and THREAD 24 more.
    pub(super) distinct_each: usize,
    /// LIMIT: ids they may name in References besides, for each of them, the same one counted as
    /// often as it is named: 4 to 8 bytes. Mail of people has a handful.
    pub(super) named_each: usize,
    /// LIMIT: making keys of fewer messages takes no turn where ids are not asked for.
    pub(super) light_sorted: usize,
    /// LIMIT: making keys with ids of fewer messages takes no turn.
    pub(super) light_messages: usize,
    /// LIMIT: nor does adding to keys of at most so many bytes: those of some 600,000 messages.
    pub(super) light_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            distinct: 4_000_000,
            named: 16_000_000,
            distinct_each: 2,
            named_each: 12,
            light_sorted: 64 * 1024,
            light_messages: 2048,
            light_bytes: 32 * 1024 * 1024,
        }
    }
}

impl Bounds {
    /// How many ids so many messages may name.
    pub(super) fn of(&self, messages: u32) -> IdLimit {
        let besides = |each: usize| each.saturating_mul(messages as usize);
        IdLimit {
            distinct: self.distinct.saturating_add(besides(self.distinct_each)),
            named: self.named.saturating_add(besides(self.named_each)),
        }
    }

    /// Whether making keys takes little: of so many messages, to be added to so many bytes, with
    /// ids or without.
    pub(super) fn is_light(&self, messages: usize, bytes: usize, ids: bool) -> bool {
        match ids {
            true => messages < self.light_messages && bytes <= self.light_bytes,
            false => messages < self.light_sorted,
        }
    }
}

/// How many ids messages may name altogether.
#[derive(Debug, Clone, Copy)]
pub(super) struct IdLimit {
    /// Each counted once, those of the messages themselves among them.
    pub(super) distinct: usize,
    /// In References, each as often as it is named.
    pub(super) named: usize,
}

impl IdLimit {
    /// For messages whose number is bounded.
    pub(super) const NONE: Self = Self { distinct: usize::MAX, named: usize::MAX };

    /// [`StorageError::Limit`] where there are too many.
    pub(super) fn check(&self, distinct: usize, named: usize) -> Result<()> {
        let max = match (distinct > self.distinct, named > self.named) {
            (false, false) => return Ok(()),
            (true, _) => self.distinct,
            (false, true) => self.named,
        };
        Err(StorageError::Limit { kind: LimitKind::MessageIds, max: max as u64 })
    }
}

/// Whether messages name more ids than they may.
pub(super) fn is_too_many_ids(error: &StorageError) -> bool {
    matches!(error, StorageError::Limit { kind: LimitKind::MessageIds, .. })
}

/// The turn of who makes keys. What takes a thread keeps it until its end, even where nobody waits
/// for that any more: so there are never more such threads than turns.
#[derive(Debug, Clone, Default)]
pub(super) struct Turn {
    /// None where nothing much is made.
    permit: Option<Arc<OwnedSemaphorePermit>>,
}

impl Turn {
    /// Waits for one. Who gives up waiting has none.
    pub(super) async fn wait(turns: &Arc<Semaphore>) -> Result<Self> {
        let permit = turns.clone().acquire_owned().await;
        let permit = permit.map_err(|error| StorageError::Internal(error.to_string()))?;
        Ok(Self { permit: Some(Arc::new(permit)) })
    }

    /// Whether nothing much is made.
    pub(super) fn is_none(&self) -> bool {
        self.permit.is_none()
    }

    /// Runs `work` on a thread where blocking is allowed.
    pub(super) async fn blocking<T, F>(&self, label: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let turn = self.clone();
        let work = move || {
            let done = work();
            drop(turn);
            done
        };
        blocking(label, work).await
    }
}
