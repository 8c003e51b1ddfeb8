//! Reports to other domains of how TLS went with their servers: RFC 8460.
//!
//! [`Tally`] counts in memory; every half minute what was counted goes to
//! storage. Once a day is over,
//! the daemon that holds the lease tells each domain that wants to hear of it, by mail or by POST.
//!
//! **Invariants:** a domain is told of a day once, for a report by mail is in the transaction that
//! forgets what it tells of; memory is bounded; nothing here holds up mail.

mod mail;
mod send;
mod tally;

use std::sync::Arc;
use std::time::Duration;

use ids::Timestamp;
use tokio::time::{Instant, sleep};

use crate::queue::Inner;
use crate::settings::Reporter;

pub(crate) use send::offset;
pub(crate) use tally::Tally;

/// How often what was counted is written down.
const FLUSH: Duration = Duration::from_secs(30);
/// How often it is looked for days that are over.
const LOOK: Duration = Duration::from_secs(600);
/// RFC 8460 §4.1: a day, by UTC.
pub(crate) const DAY_SECS: i64 = 86_400;

pub(crate) fn day_of(at: Timestamp) -> i64 {
    at.as_secs().div_euclid(DAY_SECS)
}

/// Counts and reports until the shutdown.
pub(crate) async fn run(inner: Arc<Inner>, reporter: Reporter) {
    let mut looked: Option<Instant> = None;
    let mut again = send::Again::new();
    loop {
        tokio::select! {
            biased;
            () = inner.shutdown.requested() => break,
            () = sleep(FLUSH) => {}
        }
        inner.flush_tally().await;
        if looked.is_some_and(|at| at.elapsed() < LOOK) {
            continue;
        }
        looked = Some(Instant::now());
        tokio::select! {
            biased;
            () = inner.shutdown.requested() => break,
            // What is cut off is done after the next start, or by another daemon.
            outcome = inner.report_days(&reporter, &mut again) => {
                if let Err(error) = outcome {
                    tracing::warn!(%error, "reports of TLS");
                }
            }
        }
    }
    inner.flush_tally().await;
}

impl Inner {
    async fn flush_tally(&self) {
        let counted = self.tally.take();
        if counted.is_empty() {
            return;
        }
        let again = counted.clone();
        let written = self.store.write("tls results", move |tx| tx.add_tls_results(&counted)).await;
        if let Err(error) = written {
            tracing::warn!(%error, "how TLS went could not be written down yet");
            self.tally.put_back(again);
        }
    }
}
