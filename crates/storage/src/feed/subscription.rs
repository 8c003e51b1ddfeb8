//! One subscription to the changes of an account. Its queue is bounded: when it overflows the
//! subscriber is told so, and has to read everything anew.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::Change;

/// A subscriber missed changes: read the state anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lagged;

/// Every change of one account from the moment of subscribing.
#[derive(Debug)]
pub struct Subscription {
    pub(super) changes: broadcast::Receiver<Arc<Vec<Change>>>,
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
