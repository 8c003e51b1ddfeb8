//! Requests about the queue, and what they are answered with.

use serde::{Deserialize, Serialize};

/// Which messages of the queue: those to which all of this applies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueFilter {
    pub(crate) id: Option<String>,
    pub(crate) sender: Option<String>,
    pub(crate) recipient: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) held: Option<bool>,
    /// Whether only messages that are to be sent later are meant.
    #[serde(default)]
    pub(crate) scheduled: bool,
}

/// What is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum QueueChange {
    Hold,
    Release,
    Retry,
    Remove,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueRow {
    pub(crate) id: i64,
    /// The sender's address; empty for reports.
    pub(crate) sender: String,
    pub(crate) accepted: String,
    /// When it is to be sent, where that is not at once.
    #[serde(default)]
    pub(crate) scheduled: Option<String>,
    /// The instant by which the message is to be delivered.
    #[serde(default)]
    pub(crate) deadline: Option<String>,
    /// `urgent`, `normal` or `bulk`.
    #[serde(default)]
    pub(crate) urgency: String,
    pub(crate) size_bytes: u64,
    pub(crate) recipients: Vec<QueueRecipientRow>,
}

/// A recipient it has not reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueRecipientRow {
    pub(crate) recipient: String,
    pub(crate) domain: String,
    /// `waiting`, `scheduled`, `active`, `deferred` or `held`.
    pub(crate) state: String,
    pub(crate) attempts: u64,
    pub(crate) next_attempt: String,
    pub(crate) last_attempt: Option<String>,
    pub(crate) answer: String,
    /// Why nothing is tried at its domain, where it waits untried; known to the running daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) domain_answer: Option<String>,
}

/// How much waits: recipients, but for the messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueTotals {
    pub(crate) messages: u64,
    /// Recipients that the list shows as `waiting`.
    pub(crate) fresh: u64,
    #[serde(default)]
    pub(crate) scheduled: u64,
    pub(crate) deferred: u64,
    pub(crate) active: u64,
    pub(crate) held: u64,
    pub(crate) oldest: Option<String>,
}

/// What waits for a destination, and for what. What only the running daemon knows is absent where
/// it does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueDestinationRow {
    pub(crate) destination: String,
    pub(crate) waiting: u64,
    /// The earliest that is due.
    pub(crate) due: Option<String>,
    pub(crate) connections: Option<u64>,
    pub(crate) resting: Option<u64>,
    pub(crate) connections_allowed: Option<u64>,
    /// Visits in a row that found no server.
    pub(crate) failures: Option<u64>,
    pub(crate) left_alone_until: Option<String>,
    /// Why the last attempt to reach the destination failed.
    #[serde(default)]
    pub(crate) answer: Option<String>,
    pub(crate) messages_per_minute: Option<u32>,
    pub(crate) next_message: Option<String>,
    /// What holds it up: `back-off`, `rate` or `connections`.
    pub(crate) limit: Option<String>,
}

/// Something that happened to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueTraceRow {
    /// Its number in the queue, where it was or is there.
    pub(crate) id: Option<i64>,
    /// How it came, where it is its reception that is told of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) came: Option<QueueTraceCame>,
    pub(crate) at: String,
    pub(crate) accepted: String,
    pub(crate) event: String,
    pub(crate) sender: String,
    pub(crate) recipient: String,
    pub(crate) answer: String,
}

/// How a message came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueTraceCame {
    /// The number that stands in the reply, in Received and in the log.
    pub(crate) message: String,
    pub(crate) protocol: String,
    pub(crate) peer: String,
    /// The user who signed in.
    pub(crate) user: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) size_bytes: u64,
    /// Whether checks put it aside.
    pub(crate) quarantined: bool,
}
