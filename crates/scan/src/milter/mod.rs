//! The milter protocol, version 6, as Sendmail's libmilter speaks it (its `mfdef.h` is the
//! nearest there is to a specification).
//!
//! The whole message is at hand when a milter first hears of it, so its commands follow each
//! other without waiting for a client. A connection to a milter lives as long as the SMTP session
//! that caused it: it hears of the peer once, and of each message.
//!
//! **Invariant:** no action is allowed to a milter that was not agreed on in the negotiation.
//! **Absent:** changes of sender and recipients. A recipient that a milter refuses refuses the
//! message, because the sender has had its answer to RCPT.

mod answer;
mod session;
mod wire;

pub(crate) use session::MilterSession;

use crate::address::ScannerAddress;

/// A milter.
#[derive(Debug, Clone)]
pub struct Milter {
    /// Where it listens.
    pub address: ScannerAddress,
}
