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
#[derive(Default)]
pub(crate) struct DmarcReports {
    again: Again,
}

impl DayReports for DmarcReports {
    const NAME: &str = "reports on mail in the name of others";

    async fn flush(&self, inner: &Inner) {
        let settings = inner.settings();
        let Some(DmarcReporter { tally, .. }) = &settings.dmarc_reports else { return };
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
        match &inner.settings().dmarc_reports {
            Some(reporter) => inner.tell_dmarc(reporter, &mut self.again).await,
            None => Ok(()),
        }
    }
}
