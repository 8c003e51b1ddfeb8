//! Data that is no mail, such as what is attached to an event: scanners that read any data are
//! asked.

use crate::chain::{Chain, Check, OnFailure, Scanner, count};
use crate::error::ScanError;
use crate::finding::Judgement;

/// What comes of looking at data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataOutcome {
    /// Nobody has anything against it.
    Accept,
    /// The data is refused, for this reason.
    Refuse(String),
    /// It cannot be checked now, and is not to be taken without.
    Unavailable,
}

impl Chain {
    /// Asks each clamd, whatever mail it looks at, under what is said of it for mail. The others
    /// read mail alone. `id` is our name for the data.
    pub async fn look_at_data(&self, id: &str, data: &[u8]) -> DataOutcome {
        for check in self.checks() {
            let outcome = check.look_at_data(id, data).await;
            if outcome != DataOutcome::Accept {
                return outcome;
            }
        }
        DataOutcome::Accept
    }
}

impl Check {
    async fn look_at_data(&self, id: &str, data: &[u8]) -> DataOutcome {
        let Scanner::Clamd(clamd) = &self.scanner else { return DataOutcome::Accept };
        if data.len() as u64 > self.size_bytes_max {
            count(&self.counters.skipped);
            tracing::info!(check = self.name, data = id, "too large to be checked");
            return DataOutcome::Accept;
        }
        let asked = tokio::time::timeout(self.timeout, clamd.look_at(data)).await;
        match asked.unwrap_or(Err(ScanError::TimedOut)) {
            // There is no Junk for it: what is condemned is refused.
            Ok(Judgement::Reject(reply)) => {
                count(&self.counters.refused);
                tracing::info!(check = self.name, data = id, "refused by a check");
                DataOutcome::Refuse(reply.text)
            }
            Ok(_) => {
                count(&self.counters.accepted);
                DataOutcome::Accept
            }
            Err(error) => {
                count(&self.counters.failed);
                tracing::warn!(check = self.name, data = id, %error, "not checked");
                match self.on_failure {
                    OnFailure::Defer => DataOutcome::Unavailable,
                    OnFailure::Accept => DataOutcome::Accept,
                }
            }
        }
    }
}
