//! The spool: mail accepted for elsewhere. A message stands here from the moment its sender was
//! told 250 until the queue has brought it out to each recipient, or has said that it cannot.
//!
//! The queue (`crates/queue`) claims recipients that are due, one destination at a time, and
//! settles what became of them. docs/decisions/002-queue.md says why it is as it is.
//!
//! **Invariants:** a recipient is worked on by the daemon that owns its row and by no other; what
//! has an end has no row; a message goes in the transaction that ends its last recipient; nobody is
//! given a message without its parameters: one whose rows cannot be read waits.
//! **Absent:** schedules (but of what cannot be read), reports to senders and anything of SMTP,
//! which belong to the queue.

mod along;
mod change;
mod claim;
mod damage;
mod envelope;
mod lease;
mod list;
mod notices;
mod overdue;
mod settle;
mod terms;
#[cfg(test)]
mod tests;
mod trace;
mod waiting;

use ids::{AccountId, SpoolId, Timestamp};
use message::address::normal_domain;

use crate::message_store::PreparedMessage;
use crate::sql::Value;
use crate::{Result, StorageError, WriteTx};
use waiting::WaitingChange;

pub use change::SpoolChange;
pub use claim::{Claim, ClaimedMessage, ClaimedRecipient};
pub use envelope::{MailParameters, RcptParameters};
pub use list::{SpoolFilter, SpoolRow, SpoolRowRecipient, SpoolTotals};
pub use notices::SpoolNotices;
pub use overdue::{Overdue, OverdueCursor, OverdueSlice};
pub use settle::{Fate, Settlement};
pub use terms::{Deadline, SpoolTerms, Urgency, WhenLate};
pub use trace::{TraceEvent, TraceRow};
pub use waiting::DestinationBacklog;

/// An envelope to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolEntry {
    /// The account that submitted it; `None` for mail of the server itself.
    pub account: Option<AccountId>,
    /// MAIL FROM; empty for the null sender (RFC 5321 §4.5.5).
    pub reverse_path: String,
    /// The parameters of MAIL FROM.
    pub parameters: MailParameters,
    /// Whom it goes to; at least one.
    pub recipients: Vec<SpoolRecipient>,
}

/// A recipient of a message that is being spooled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolRecipient {
    /// The forward-path, as in RCPT TO.
    pub forward_path: String,
    /// The parameters of RCPT TO (NOTIFY, ORCPT).
    pub parameters: RcptParameters,
}

/// What the queue goes by: the domain in normal form, or the path itself where it has none
/// (`postmaster`).
pub fn spool_destination(forward_path: &str) -> String {
    match forward_path.rsplit_once('@') {
        Some((_, domain)) => normal_domain(domain),
        None => forward_path.to_ascii_lowercase(),
    }
}

impl WriteTx<'_> {
    /// Takes a message into the spool, due at once. It does not count against anybody's storage
    /// quota.
    ///
    /// # Errors
    /// [`StorageError::TooBig`] where the message is larger than any may be.
    pub fn spool(&mut self, entry: SpoolEntry, message: &PreparedMessage) -> Result<SpoolId> {
        self.spool_on(SpoolTerms::default(), entry, message)
    }

    /// Puts a message into the spool on terms of its own.
    ///
    /// # Errors
    /// [`StorageError::Limit`] where the account has as many messages waiting for later as it may;
    /// [`StorageError::TooBig`].
    pub fn spool_on(
        &mut self,
        terms: SpoolTerms,
        entry: SpoolEntry,
        message: &PreparedMessage,
    ) -> Result<SpoolId> {
        if entry.recipients.is_empty() {
            return Err(StorageError::Invalid("a spooled message has no recipient"));
        }
        self.check_message_size(message)?;
        let begins = terms.begins.filter(|begins| *begins > self.now);
        if let (Some(account), Some(_)) = (entry.account, begins) {
            self.check_scheduled(account)?;
        }
        let content = self.put_content_of_spool(message)?;
        let now = self.now.as_micros();
        let due = begins.unwrap_or(self.now);
        let instant = |at: Option<Timestamp>| Value::Int(at.map_or(0, Timestamp::as_micros));
        let id = self.sql.insert(
            "INSERT INTO spool \
             (account_id, reverse_path, envelope, content_id, created, begins, deadline) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
            &[
                entry.account.map_or(Value::Null, |account| Value::Int(account.get())),
                Value::Text(&entry.reverse_path),
                Value::Text(&entry.parameters.to_json()?),
                Value::Int(content.get()),
                Value::Int(now),
                instant(begins),
                instant(terms.deadline),
            ],
        )?;
        let parameters = entry.recipients.iter().map(|one| one.parameters.to_json());
        let parameters = parameters.collect::<Result<Vec<String>>>()?;
        let destinations: Vec<String> =
            entry.recipients.iter().map(|one| spool_destination(&one.forward_path)).collect();
        let texts = parameters.iter().zip(&destinations);
        let numbered = entry.recipients.iter().zip(texts).zip(0i64..);
        let mut rows = numbered.map(|((recipient, (parameters, destination)), ordinal)| {
            vec![
                Value::Int(id),
                Value::Int(ordinal),
                Value::Text(&recipient.forward_path),
                Value::Text(parameters),
                Value::Text(destination),
                Value::Int(due.as_micros()),
                Value::Int(terms.urgency.column()),
            ]
        });
        self.sql.execute_many(
            "INSERT INTO spool_recipient \
             (spool_id, ordinal, forward_path, parameters, destination, due, urgency) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &mut rows,
        )?;
        let mut waiting = WaitingChange::default();
        destinations.iter().for_each(|destination| waiting.add(destination, 1));
        self.count_waiting(waiting)?;
        for destination in destinations {
            self.note_due(destination, due);
        }
        Ok(SpoolId::new(id))
    }

    /// Has the queue of this daemon hear of it after the commit.
    fn note_due(&mut self, destination: String, due: Timestamp) {
        let earliest = self.spooled.entry(destination).or_insert(due);
        *earliest = due.min(*earliest);
    }
}
