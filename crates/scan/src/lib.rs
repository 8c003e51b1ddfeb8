//! Clients of the programs that check mail before it is taken: rspamd over HTTP, milters by the
//! protocol of libmilter (version 6), and clamd by INSTREAM.
//!
//! A [`Chain`] holds the configured [`Check`]s; [`ChainSession::run`] asks each of them in turn,
//! for one message, and makes of what they say one [`Outcome`]: accepted with or without changes,
//! quarantined, deferred, refused. [`ChainSession::recipient`] asks the milters of each recipient
//! before that. There is no silent discarding: who asks for that gets the message refused or
//! quarantined, so that nothing is lost; who takes all recipients away has it as with Postfix
//! (docs/decisions/015-milters.md).
//!
//! **Invariants:** every exchange ends within the time of its check; every answer has a bound;
//! what a scanner adds to a header section or to a reply is made to fit there, whatever it says.
//! **Absent:** SMTP, storage, configuration files; whether a sender or a recipient that a milter
//! names is an address, and where it gets its mail.

mod address;
mod chain;
mod clamd;
mod data;
mod edit;
mod envelope;
mod error;
mod finding;
mod mail;
mod milter;
mod rspamd;

pub use address::ScannerAddress;
pub use chain::{Chain, ChainSession, Check, CheckCounters, OnFailure, Outcome, Scanner};
pub use clamd::Clamd;
pub use data::DataOutcome;
pub use edit::Edit;
pub use envelope::{EnvelopeChanges, EnvelopeEdit};
pub use error::ScanError;
pub use finding::{Finding, Judgement, Reply};
pub use mail::{Mail, Origin, Peer, Recipient, TlsOfPeer};
pub use milter::Milter;
pub use rspamd::{Lesson, Rspamd, RspamdTeacher};
