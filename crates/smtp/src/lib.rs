//! SMTP: port 25, submission (587, 465) and LMTP on the receiving side; for the sending side see
//! [`client`].
//!
//! RFC 5321, with RFC 1870 (SIZE), 2034 and 3463 (enhanced codes), 2920 (PIPELINING), 3030
//! (CHUNKING, BINARYMIME), 3207 (STARTTLS), 3461, 3464 and 6533 (delivery status notifications, see
//! [`report`]), 3848 (names in Received), 4954 (AUTH), 6152 (8BITMIME), 6409 (submission), 6531
//! (SMTPUTF8), 2852 (DELIVERBY), 4865 (FUTURERELEASE), 6710 (MT-PRIORITY), 8689 (REQUIRETLS), 9422
//! (LIMITS), and RFC 2033 (LMTP).
//!
//! A line goes from `server` to [`session::Session`], which parses it (`parse`), decides by its
//! state, and either renders a reply (`render`) or asks the server to do something: look an
//! address up, check a password, read a message (`content`). The message is held in memory,
//! within a budget shared by all connections, and written by one storage transaction for all
//! its recipients.
//!
//! **Invariants:** 250 is sent after storage says that the message is durable; only CRLF `.`
//! CRLF ends `DATA`; no bare CR or LF gets in; every bound on a peer is in [`Settings`].
//! Mail from outside is checked by `mailauth` before it is stored (RFC 8601).
//! **Absent:** when and where to send, retrying, filters, what checks content ([`check`] is the
//! seam).

mod header;
mod originators;
mod server;
mod settings;

pub mod check;
pub mod client;
pub mod content;
pub mod error;
pub mod parse;
pub mod render;
pub mod report;
pub mod session;
pub mod types;

pub use content::{Content, ContentLimits, Encoding, Fed, Framing};
pub use server::{
    Authenticity, AuthenticitySettings, BlockList, Desk, Disowned, DmarcTally, PeerAction,
    PeerPolicy, PeerSettings, ReceptionMemory, ReportInbox, Server, TimedLookups,
};
pub use settings::{Role, Settings};
