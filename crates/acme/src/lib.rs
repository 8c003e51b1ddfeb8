//! Certificates by ACME: ordered, proved, kept in storage, renewed ahead of time.
//!
//! RFC 8555, with RFC 8737 (`tls-alpn-01`) and RFC 9773 (renewal information). `protocol` has the
//! messages, the rest what is ordered and when, how names are proved, and what is kept.
//!
//! [`Keeper::run`] looks every few seconds whether anything is new in storage, and has it
//! presented; the daemon that holds the lease orders what is due. Whatever answers a challenge
//! stands in storage, so that any daemon can be asked for it ([`TlsProofs`], [`http_answer`]).
//!
//! **Invariants:** of several daemons one orders at a time; an order that was begun is gone on
//! with; after a failure it is not tried again before its time, nor before the server said; a
//! certificate is used only once it is on stable storage, and never without its key.
//! **Absent:** what the names are for, where keys that seal come from, listeners.

mod account;
mod error;
mod keeper;
mod obtain;
mod protocol;
mod prove;
mod schedule;
mod settings;

pub use error::AcmeError;
pub use keeper::{Keeper, KeeperCounts};
pub use protocol::Problem;
pub use prove::{TlsProofs, http_answer};
pub use settings::{ChallengeKind, ExternalAccount, Seal, Settings};
