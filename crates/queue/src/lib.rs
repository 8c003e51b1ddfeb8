//! The queue: brings what was accepted for elsewhere to where it goes, or tells its sender that
//! it cannot.
//!
//! RFC 5321 §4.5.4 (retries), §5.1 (finding the host) and §6 (failures); RFC 7505 (null MX); RFC
//! 3461, 3464, 6522 and 6533 (reports). docs/decisions/002-queue.md says why it is as it is.
//!
//! [`Queue`] keeps a table of destinations in memory and sends a *visit* to each that has
//! something due: it claims recipients from the spool, finds the hosts, sends message by message,
//! and settles each before the next one's last byte leaves.
//!
//! **Invariants:** a recipient is settled by who owns it, in the transaction that also takes the
//! report; memory grows with destinations and connections, not with messages; no report goes to
//! the null sender. Time, chance and the DNS are given to it.
//! **Absent:** SQL, the wire (that is `smtp::client`), and what may be sent by whom.

mod ahead;
mod answer;
mod backlog;
mod counters;
mod delivery;
mod destinations;
mod dmarc_report;
mod envelope;
mod hand;
mod hosts;
mod lease;
mod local;
mod memory;
mod policy;
mod posting;
mod queue;
mod report;
mod report_days;
mod report_mail;
mod returning;
mod schedule;
mod settings;
mod settle;
mod sweep;
mod tls_report;
mod visit;

pub use backlog::Backlog;
pub use counters::{Counters, CountersSnapshot};
pub use destinations::{DestinationState, Waits};
pub use queue::Queue;
pub use settings::{DmarcReporter, Reach, Relay, RelayTls, Reporter, Route, Settings};
