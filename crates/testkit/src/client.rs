//! Small blocking IMAP, POP3 and SMTP clients, written from the RFCs for tests alone.
//!
//! They say what was sent and what came back, byte for byte, and interpret only what they need
//! to go on: where a response ends, and whether it is the one that was waited for. TLS accepts
//! any certificate, as tests make their own.
//!
//! **Invariant:** every read gives up after [`PATIENCE`]; a server that hangs fails the test.

pub mod base64;
mod imap;
mod pop3;
mod scram;
mod smtp;
mod stream;

use std::time::Duration;

pub use imap::{ImapClient, ImapReply};
pub use pop3::Pop3Client;
pub use scram::{Binding, ScramClient};
pub use smtp::{Delivery, Protocol, SmtpClient, SmtpReply};
pub use stream::Security;

/// LIMIT: how long a client waits for a server that says nothing.
pub const PATIENCE: Duration = Duration::from_secs(120);
