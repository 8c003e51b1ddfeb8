//! Reports to other domains of how TLS went with their servers: RFC 8460.
//!
//! [`Tally`] counts in memory; every half minute what was counted goes to storage. Once a day is
//! over, the daemon that holds the lease tells each domain that wants to hear of it, by mail or by
//! POST.
//!
//! **Invariants:** a domain is told of a day once, for a report by mail is in the transaction that
//! forgets what it tells of; memory is bounded; nothing here holds up mail.

mod mail;
mod send;
mod tally;

use storage::StorageError;

use crate::queue::Inner;
use crate::report_days::{Again, DayReports};

pub(crate) use tally::Tally;

/// What a daemon does for these reports.
#[derive(Default)]
pub(crate) struct TlsReports {
    again: Again,
}

impl DayReports for TlsReports {
    const NAME: &str = "reports of TLS";

    async fn flush(&self, inner: &Inner) {
        let counted = inner.tally.take();
        if counted.is_empty() {
            return;
        }
        let again = counted.clone();
        let written = inner.store.write("tls results", move |tx| tx.add_tls_results(&counted));
        if let Err(error) = written.await {
            tracing::warn!(%error, "how TLS went could not be written down yet");
            inner.tally.put_back(again);
        }
    }

    async fn tell(&mut self, inner: &Inner) -> Result<(), StorageError> {
        match &inner.settings().tls_reports {
            Some(reporter) => inner.tell_of_tls(reporter, &mut self.again).await,
            None => Ok(()),
        }
    }
}
