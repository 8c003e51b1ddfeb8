//! The milter protocol, version 6, as Sendmail's libmilter speaks it (its `mfdef.h` is the
//! nearest there is to a specification).
//!
//! A milter is asked of each recipient before its sender is told, so that it can refuse one and
//! take the others. The content is at hand whole when it first hears of it, so those commands
//! follow each other without waiting for a client. A connection to a milter lives as long as the
//! SMTP session that caused it: it hears of the peer once, and of each transaction.
//!
//! **Invariant:** no action is allowed to a milter that was not agreed on in the negotiation, nor
//! before the end of the message.
//! **Absent:** what comes of a change of the envelope; the macros that a milter asks for (it gets
//! those that are known).

mod answer;
mod exchange;
mod session;
mod wire;

pub(crate) use session::MilterSession;

use crate::address::ScannerAddress;

/// A milter and the bounds on asking it.
#[derive(Debug, Clone)]
pub struct Milter {
    /// The address that it listens at.
    pub address: ScannerAddress,
}
