//! The seam to those who check messages before they are taken: spam filters, virus scanners.
//!
//! [`ContentChecks`] is what the binary gives a [`Server`](crate::Server). A connection begins a
//! [`CheckSession`] with its first message and asks it about each; what comes back is a
//! [`Verdict`]. There is no verdict for throwing a message away unseen; one whose recipients are
//! all taken away goes to nobody, which is written down (docs/decisions/015-milters.md).

use std::net::SocketAddr;
use std::pin::Pin;

use net::TlsFacts;
use storage::Placement;

use crate::render::{Enhanced, Reply};
use crate::settings::Role;
use crate::types::{Envelope, Recipient};

/// A message that was read, and all that is known of it; or what is known before it is read.
#[derive(Debug, Clone, Copy)]
pub struct CheckedMail<'a> {
    /// The kind of listener that it came by.
    pub role: Role,
    /// Where it came from.
    pub peer: SocketAddr,
    /// The peer's name in the DNS, where it was looked up and points back.
    pub peer_name: Option<&'a str>,
    /// The name in HELO.
    pub helo: &'a str,
    /// TLS, where it is used.
    pub tls: Option<&'a TlsFacts>,
    /// The address of the account that signed in.
    pub account: Option<&'a str>,
    /// The mechanism by which it did.
    pub mechanism: Option<&'a str>,
    /// Tells the transactions of a connection apart.
    pub transaction: u64,
    /// Sender and recipients.
    pub envelope: &'a Envelope,
    /// The id that stands in our Received field, in the log and in the reply; empty before there is
    /// a message.
    pub id: &'a str,
    /// Header and body, without our trace fields.
    pub message: &'a [u8],
}

/// The outcome of the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The message is taken.
    Accept {
        /// How it is now, where a check changed it.
        changed: Option<Vec<u8>>,
        /// Where it belongs in mailboxes here.
        placement: Placement,
        /// The changes of its envelope.
        envelope: EnvelopeChanges,
    },
    /// The message is refused, for now or for good.
    Refuse(CheckReply),
}

/// The changes to an envelope that checks ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvelopeChanges {
    /// Another reverse-path; empty for the null path. One that is none is not taken.
    pub sender: Option<String>,
    /// The recipients that are taken away, by their places in the envelope.
    pub removed: Vec<usize>,
    /// The recipients to add. Where one cannot be added, the message is refused for now.
    pub added: Vec<AddedRecipient>,
}

impl EnvelopeChanges {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A recipient that a check adds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddedRecipient {
    /// The address, without brackets.
    pub address: String,
    /// As they would follow the path in RCPT.
    pub parameters: String,
}

/// How a check has a message, or a recipient, refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReply {
    /// 4yz or 5yz. Behind 421 the connection is closed (RFC 5321 §3.8).
    pub code: u16,
    /// The enhanced status code, of the same class.
    pub enhanced: Enhanced,
    /// One line of printable ASCII, made or cleaned by who gives it.
    pub text: String,
}

impl CheckReply {
    pub(crate) fn reply(&self) -> Reply {
        Reply { code: self.code, enhanced: Some(self.enhanced), text: self.text.clone().into() }
    }
}

/// A verdict on its way.
pub type Checking<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// All checks, as every connection shares them.
pub trait ContentChecks: Send + Sync + 'static {
    /// Whether any would look at mail that comes by such a listener.
    fn looks_at(&self, role: Role) -> bool;

    /// The checks as one connection uses them.
    fn begin(&self) -> Box<dyn CheckSession>;
}

/// The checks of one connection.
pub trait CheckSession: Send {
    /// Whether any is asked of recipients; where none is, nothing is made ready for that.
    fn asks_recipients(&self, role: Role) -> bool;

    /// Asks whether one more recipient is taken. There is no message yet; the envelope has the
    /// recipients before it.
    fn check_recipient<'a>(
        &'a mut self,
        mail: CheckedMail<'a>,
        recipient: &'a Recipient,
    ) -> Checking<'a, Result<(), CheckReply>>;

    /// Asks about a message.
    fn check<'a>(&'a mut self, mail: CheckedMail<'a>) -> Checking<'a, Verdict>;

    /// The connection has ended.
    fn end(self: Box<Self>) -> Checking<'static, ()>;
}
