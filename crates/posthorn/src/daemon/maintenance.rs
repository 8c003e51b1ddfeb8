//! What the store asks for now and then: erasing what is past its time, giving space back.

use std::time::Duration;

use net::Shutdown;
use storage::{StorageError, Store};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How often. Each run takes only what has become due, in small transactions.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Not while the daemon starts and everybody signs in again.
const FIRST: Duration = Duration::from_secs(5 * 60);

/// Runs maintenance until the shutdown begins.
pub(super) fn start(store: Store, shutdown: &Shutdown) {
    let ended = shutdown.clone();
    shutdown.spawn(async move {
        let mut due = interval_at(Instant::now() + FIRST, INTERVAL);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = ended.requested() => return,
                _ = due.tick() => {}
            }
            let store = store.clone();
            // Blocks on storage for as long as there is something to erase.
            let run = tokio::task::spawn_blocking(move || store.maintain());
            tokio::select! {
                biased;
                // What is under way ends with its transaction; the next start goes on.
                () = ended.requested() => return,
                outcome = run => report(outcome),
            }
        }
    });
}

type Outcome = Result<Result<storage::Maintained, StorageError>, tokio::task::JoinError>;

fn report(outcome: Outcome) {
    match outcome {
        Ok(Ok(done)) => tracing::debug!(?done, "maintenance"),
        Ok(Err(cause)) => tracing::warn!(%cause, "maintenance ended early"),
        Err(cause) => tracing::error!(%cause, "maintenance panicked"),
    }
}
