//! How the queue of this daemon hears of what was spooled: a hint in memory, made complete by
//! looking.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ids::Timestamp;
use tokio::sync::Notify;

/// LIMIT: destinations remembered between two looks; beyond it, the queue looks by itself.
const DESTINATIONS_MAX: usize = 100_000;

/// Destinations for which something was spooled since the queue last asked, with the earliest
/// instant at which it is due.
#[derive(Debug, Default)]
pub struct SpoolNotices {
    waiting: Mutex<BTreeMap<String, Timestamp>>,
    signal: Notify,
}

impl SpoolNotices {
    pub(crate) fn note(&self, spooled: &BTreeMap<String, Timestamp>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (destination, due) in spooled {
            if let Some(earliest) = waiting.get_mut(destination) {
                *earliest = (*earliest).min(*due);
            } else if waiting.len() < DESTINATIONS_MAX {
                waiting.insert(destination.clone(), *due);
            }
        }
        drop(waiting);
        self.signal.notify_one();
    }

    /// Waits until something was spooled.
    pub async fn wait(&self) {
        self.signal.notified().await;
    }

    /// What was spooled since the last call.
    pub fn take(&self) -> BTreeMap<String, Timestamp> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
