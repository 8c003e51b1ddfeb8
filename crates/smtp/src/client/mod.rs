//! The sending side of SMTP: one connection to another server.
//!
//! RFC 5321, with RFC 1870 (SIZE), 2920 (PIPELINING), 3030 (CHUNKING, BINARYMIME), 3207
//! (STARTTLS), 3461 (DSN parameters), 4954 (AUTH), 6152 (8BITMIME), 6531 (SMTPUTF8), 2852
//! (DELIVERBY), 6710 (MT-PRIORITY), 8689 (REQUIRETLS) and 9422 (LIMITS).
//!
//! [`Opening`] takes a connection from the greeting to where mail can be sent, [`Transaction`]
//! sends one message: state machines that are given replies, append commands to a buffer and say
//! what they wait for. [`Client`] moves the bytes.
//!
//! **Invariants:** nothing a server says is held beyond [`ReplyReader`]'s bounds, and nothing is
//! waited for without an end (RFC 5321 §4.5.3.2); what was learnt before TLS is forgotten with it;
//! a recipient counts as reached after the final 2xx, and only then; nothing leaves with `DATA`
//! that holds a bare CR or LF, or a line `.` of its own.
//! **Absent:** which server to connect to, when to try again, whom to tell.

mod capabilities;
mod connection;
mod content;
mod opening;
mod outbound;
mod reply;
mod transaction;

pub use capabilities::Capabilities;
pub use connection::{Client, ConnectError, Host};
pub use content::OutboundContent;
pub use opening::{Act, Credentials, Failure, Opening, OpeningSettings, TlsUse};
pub use outbound::{Outbound, OutboundRecipient, Unfit};
pub use reply::{ReplyFault, ReplyReader, ServerReply, Status};
pub use transaction::{Outcome, Stage, Step, Transaction, Verdict, Wait};
