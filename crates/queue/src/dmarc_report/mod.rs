//! Reports to other domains on mail in their name: RFC 7489 §7.2.
//!
//! `smtp` counts what it finds, in memory; every half minute that goes to storage. Once a day is
//! over, the daemon that holds the lease tells each domain that wants to hear of it.
//!
//! **Invariants:** a domain is told of a day once, for its report is spooled in the transaction
//! that forgets what it tells of; who sends what nobody wants is told of nothing; nobody gets
//! reports on others' domains unasked; memory is bounded; nothing here holds up mail.

mod mail;
mod send;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::queue::Inner;
use crate::settings::DmarcReporter;

/// How often what was counted is written down.
const FLUSH: Duration = Duration::from_secs(30);
/// How often it is looked for days that are over.
const LOOK: Duration = Duration::from_secs(600);

/// Counts and reports until the shutdown.
pub(crate) async fn run(inner: Arc<Inner>, reporter: DmarcReporter) {
    let mut looked: Option<Instant> = None;
    let mut again = send::Again::new();
    loop {
        tokio::select! {
            biased;
            () = inner.shutdown.requested() => break,
            () = sleep(FLUSH) => {}
        }
        flush(&inner, &reporter).await;
        if looked.is_some_and(|at| at.elapsed() < LOOK) {
            continue;
        }
        looked = Some(Instant::now());
        tokio::select! {
            biased;
            () = inner.shutdown.requested() => break,
            // What is cut off is done after the next start, or by another daemon.
            outcome = inner.tell_dmarc(&reporter, &mut again) => {
                if let Err(error) = outcome {
                    tracing::warn!(%error, "reports on mail in the name of others");
                }
            }
        }
    }
    flush(&inner, &reporter).await;
}

async fn flush(inner: &Inner, reporter: &DmarcReporter) {
    let counted = reporter.tally.take();
    if counted.is_empty() {
        return;
    }
    let again = counted.clone();
    let written = inner.store.write("dmarc results", move |tx| tx.add_dmarc_results(&counted));
    if let Err(error) = written.await {
        tracing::warn!(%error, "what was found of mail could not be written down yet");
        reporter.tally.put_back(again);
    }
}
