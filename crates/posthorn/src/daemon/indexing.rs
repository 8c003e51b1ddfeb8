//! Keeps the search index, stored sort keys and digests of traces up to date, on a thread of its
//! own that gives way to all others.

use std::time::{Duration, Instant};

use net::Shutdown;
use storage::Store;
use tokio::sync::oneshot;

use super::system;

/// How long the thread rests when nothing waits.
const PAUSE: Duration = Duration::from_secs(1);
/// After an error, so that one that stays does not fill the log.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(60);
/// How often all accounts are looked at: for what other daemons left.
const LOOK_AGAIN: Duration = Duration::from_secs(60 * 60);
/// How often is looked whether enough was told of messages for another digest.
const DIGEST_AGAIN: Duration = Duration::from_secs(60);

/// Indexes until the shutdown begins, which then waits for the transaction under way.
pub(super) fn start(store: Store, shutdown: &Shutdown) -> std::io::Result<()> {
    let (ending, ended) = (shutdown.clone(), shutdown.clone());
    let (done, is_done) = oneshot::channel::<()>();
    let thread = std::thread::Builder::new().name("index".to_owned()).spawn(move || {
        // Dropped at the end, whatever ends the thread.
        let _done = done;
        system::give_way();
        run(&store, &ending);
    })?;
    shutdown.spawn(async move {
        ended.requested().await;
        thread.thread().unpark();
        // An error says that the thread has ended.
        let _ = is_done.await;
    });
    Ok(())
}

fn run(store: &Store, shutdown: &Shutdown) {
    let (mut looked, mut digested) = (Instant::now(), None);
    while !shutdown.is_requested() {
        if looked.elapsed() >= LOOK_AGAIN {
            looked = Instant::now();
            store.index_all();
        }
        if digested.is_none_or(|at: Instant| at.elapsed() >= DIGEST_AGAIN) {
            digested = Some(Instant::now());
            match store.digest_traces(&|| shutdown.is_requested()) {
                Ok(0) => {}
                // There may be more, which waits for what else there is to do.
                Ok(_) => digested = None,
                Err(cause) => tracing::warn!(%cause, "digests of the trace ended early"),
            }
        }
        let pause = match store.index(&|| shutdown.is_requested()) {
            Ok(done) => {
                if done.messages > 0 {
                    tracing::debug!(?done, "indexed");
                }
                PAUSE
            }
            Err(cause) => {
                tracing::warn!(%cause, "indexing ended early");
                PAUSE_AFTER_ERROR
            }
        };
        if !shutdown.is_requested() {
            std::thread::park_timeout(pause);
        }
    }
}
