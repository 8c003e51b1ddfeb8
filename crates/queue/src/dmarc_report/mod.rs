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

use storage::StorageError;

use crate::queue::Inner;
use crate::report_days::{Again, DayReports};
use crate::settings::DmarcReporter;

/// What a daemon does for these reports.
pub(crate) struct DmarcReports {
    reporter: DmarcReporter,
    again: Again,
}

impl DmarcReports {
    pub(crate) fn new(reporter: DmarcReporter) -> Self {
        Self { reporter, again: Again::new() }
    }
}

impl DayReports for DmarcReports {
    const NAME: &str = "reports on mail in the name of others";

    async fn flush(&self, inner: &Inner) {
        let tally = &self.reporter.tally;
        let counted = tally.take();
        if counted.is_empty() {
            return;
        }
        let again = counted.clone();
        let written = inner.store.write("dmarc results", move |tx| tx.add_dmarc_results(&counted));
        if let Err(error) = written.await {
            tracing::warn!(%error, "what was found of mail could not be written down yet");
            tally.put_back(again);
        }
    }

    async fn tell(&mut self, inner: &Inner) -> Result<(), StorageError> {
        inner.tell_dmarc(&self.reporter, &mut self.again).await
    }
}
