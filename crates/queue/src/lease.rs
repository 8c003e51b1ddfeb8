//! This daemon's right to work on the queue, renewed as long as it lives.

use std::sync::{Mutex, PoisonError};

use ids::{QueueDaemonId, Timestamp};
use storage::{StorageError, Store};

const LEASE_SECS: i64 = 60;
/// How often it is renewed.
pub(crate) const RENEW_SECS: i64 = 15;
/// It counts for less than it lasts: what is begun on it must come to an end on it, and the
/// clocks of daemons differ.
const MARGIN_SECS: i64 = 15;

/// The lease, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    held: Mutex<Option<Held>>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    daemon: QueueDaemonId,
    until: Timestamp,
}

impl Lease {
    /// Under which number this daemon may claim and send now.
    pub(crate) fn daemon(&self, now: Timestamp) -> Option<QueueDaemonId> {
        let held = (*self.lock())?;
        (now < held.until.plus_secs(-MARGIN_SECS)).then_some(held.daemon)
    }

    /// Renews the lease, or gets one under a new number. Also ends daemons that are dead.
    pub(crate) async fn keep(&self, store: &Store) -> Result<(), StorageError> {
        let held = *self.lock();
        let written = store.write_messages("queue lease", Vec::new(), move |tx| {
            let until = tx.now().plus_secs(LEASE_SECS);
            if let Some(held) = held {
                tx.renew_queue_lease(held.daemon, until)?;
                return Ok((Held { daemon: held.daemon, until }, tx.end_dead_queue_daemons()?));
            }
            let daemon = tx.register_queue_daemon(until)?;
            Ok((Held { daemon, until }, tx.end_dead_queue_daemons()?))
        });
        match written.await {
            Ok(committed) => {
                let (held, dead) = committed.value;
                *self.lock() = Some(held);
                if dead > 0 {
                    tracing::warn!(dead, "took over the queue of daemons that have ended");
                }
                Ok(())
            }
            Err(error @ StorageError::Conflict(_)) => {
                tracing::warn!("the lease on the queue has run out; others may have taken over");
                *self.lock() = None;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives everything back.
    pub(crate) async fn end(&self, store: &Store) {
        let Some(held) = self.lock().take() else { return };
        let ended = store
            .write_messages("queue end", Vec::new(), move |tx| tx.end_queue_daemon(held.daemon))
            .await;
        if let Err(error) = ended {
            // It runs out by itself.
            tracing::warn!(%error, "the queue's lease could not be ended");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
