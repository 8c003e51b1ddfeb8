//! Messages that a delivery makes, before they are ready to leave.

use std::sync::atomic::{AtomicU64, Ordering};

use ids::{AccountId, Timestamp};
use jiff::tz::TimeZone;
use mailauth::Author;
use responder::Stamp;
use storage::{AnswerClaim, Filing};

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
    /// In whose name the message is signed.
    pub(crate) author: Author,
    pub(crate) reverse_path: &'a str,
    pub(crate) to: Vec<String>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) claim: Option<AnswerClaim>,
    /// Whether it counts among what the account sends.
    pub(crate) counted: bool,
    pub(crate) copy: Option<Filing>,
}
