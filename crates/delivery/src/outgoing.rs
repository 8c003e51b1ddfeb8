//! Messages that a delivery sends, with their envelopes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ids::{AccountId, Timestamp};
use jiff::tz::TimeZone;
use responder::Stamp;
use storage::{AnswerClaim, Filing, Outgoing, PreparedMessage, SpoolEntry, SpoolRecipient};

use crate::zone::date_time;

/// Tells messages apart that are made in the same microsecond.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Makes dates and ids of new messages.
pub(crate) struct Stamper<'a> {
    pub(crate) hostname: &'a str,
    pub(crate) zone: &'a TimeZone,
    pub(crate) now: Timestamp,
}

impl Stamper<'_> {
    /// Renders a message with a date and an id of its own.
    pub(crate) fn render(&self, render: impl FnOnce(Stamp<'_>) -> Vec<u8>) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.now.as_micros().to_le_bytes());
        hasher.update(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        hasher.update(&std::process::id().to_le_bytes());
        hasher.update(self.hostname.as_bytes());
        let hash = hasher.finalize().to_hex();
        let id = format!("{}.auto@{}", hash.get(..24).unwrap_or_default(), self.hostname);
        render(Stamp { date: date_time(self.zone, self.now), message_id: &id })
    }
}

/// A message of ours to somebody.
pub(crate) struct Letter<'a> {
    pub(crate) account: AccountId,
    pub(crate) reverse_path: &'a str,
    pub(crate) to: Vec<String>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) claim: Option<AnswerClaim>,
    pub(crate) copy: Option<Filing>,
}

impl Letter<'_> {
    /// As storage is told to send it.
    pub(crate) fn outgoing(self) -> Outgoing {
        let body = if self.bytes.is_ascii() { "7BIT" } else { "8BITMIME" };
        let smtputf8 = self.to.iter().any(|to| !to.is_ascii()) || !self.reverse_path.is_ascii();
        let envelope = serde_json::json!({ "body": body, "smtputf8": smtputf8 });
        let recipients = self.to.into_iter().map(|forward_path| SpoolRecipient {
            forward_path,
            // RFC 3834 §4: nobody wants to hear that an answer was late or did not arrive.
            parameters_json: serde_json::json!({ "notify": "NEVER" }).to_string(),
        });
        Outgoing {
            entry: SpoolEntry {
                account: Some(self.account),
                reverse_path: self.reverse_path.to_owned(),
                envelope_json: envelope.to_string(),
                recipients: recipients.collect(),
            },
            message: Arc::new(PreparedMessage::new(self.bytes)),
            claim: self.claim,
            copy: self.copy,
        }
    }
}
