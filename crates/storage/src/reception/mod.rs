//! What became of messages at their reception: who brought each, and for every recipient where it
//! went. What goes on from there through the spool is told by its own trace (`spool::trace`).
//!
//! **Invariants:** a row is written by the transaction that stores the message, so that neither is
//! without the other; rows are added at the end alone, and nothing of a message is a key.
//! **Absent:** texts of messages; recipients refused before there was a message.

mod find;
#[cfg(test)]
mod tests;
pub(crate) mod text;

use ids::{CollectionId, SpoolId, Timestamp, Uid};

use crate::sql::Value;
use crate::{Placement, Result, WriteTx};

pub use find::{ReceptionCursor, ReceptionSlice};

/// A message that came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reception {
    /// Its number, which stands in the reply, in Received and in the log.
    pub message: u64,
    /// The protocol it came over, as Received names it.
    pub protocol: String,
    /// The IP address of the client.
    pub peer: String,
    /// The user who signed in; empty if none did.
    pub user: String,
    /// MAIL FROM; empty for the null sender.
    pub reverse_path: String,
    /// What is in angle brackets in its Message-ID; empty where it has none.
    pub message_id: String,
    /// The size of the message as it came, in bytes.
    pub size_bytes: u64,
    /// The mailbox that checks would have it in.
    pub placement: Placement,
    /// RCPT TO of each recipient that was accepted.
    pub forward_paths: Vec<String>,
}

/// One thing that became of a message for a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// The message was stored in a mailbox.
    Stored {
        /// The mailbox.
        mailbox: CollectionId,
        /// The UID that it got there.
        uid: Uid,
    },
    /// The queue has it.
    Queued(SpoolId),
    /// The list it was for sends it to its members.
    Posted(SpoolId),
    /// Rules of the account sent it on.
    SentOn(SpoolId),
    /// Rules of the account sent an answer, which is this spool entry.
    Answered(SpoolId),
    /// Rules of the account did away with it.
    Discarded,
    /// The recipient was refused, with this reply text.
    Refused(String),
}

impl Disposition {
    /// In one word, for people and programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Stored { .. } => "stored",
            Self::Queued(_) => "queued",
            Self::Posted(_) => "posted",
            Self::SentOn(_) => "sent-on",
            Self::Answered(_) => "answered",
            Self::Discarded => "discarded",
            Self::Refused(_) => "refused",
        }
    }

    /// The spool entry that it went into, if it did.
    pub fn spool(&self) -> Option<SpoolId> {
        match self {
            Self::Queued(spool)
            | Self::Posted(spool)
            | Self::SentOn(spool)
            | Self::Answered(spool) => Some(*spool),
            Self::Stored { .. } | Self::Discarded | Self::Refused(_) => None,
        }
    }
}

/// A row of the log of receptions: one message that came in, and what became of it for each
/// recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceptionRow {
    /// When the message was received.
    pub at: Timestamp,
    /// What was noted of the message at reception.
    pub reception: Reception,
    /// By recipient, in the order of the envelope.
    pub dispositions: Vec<Vec<Disposition>>,
}

impl ReceptionRow {
    /// The spool entries that the message went into.
    pub fn spooled(&self) -> impl Iterator<Item = SpoolId> {
        self.dispositions.iter().flatten().filter_map(Disposition::spool)
    }
}

impl WriteTx<'_> {
    /// Writes down what became of a message: by recipient, in the order of the envelope.
    pub fn note_reception(
        &mut self,
        reception: &Reception,
        dispositions: &[Vec<Disposition>],
    ) -> Result<()> {
        let (now, text) = (self.now.as_micros(), text::render(reception, dispositions));
        self.sql.execute(
            "INSERT INTO reception (at, trace) VALUES (?1, ?2)",
            &[Value::Int(now), Value::Text(&text)],
        )?;
        Ok(())
    }
}
