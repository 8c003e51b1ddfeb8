//! Measurements of a mail server over real sockets: any server's, not only Posthorn's.
//!
//! The client here is written to cost little beside what it measures: deliveries share one thread,
//! other busy connections have blocking sockets and a thread each, replies are skipped rather than
//! parsed. It still counts what it is told, and a run in which a server left something out fails
//! instead of looking fast.
//!
//! **Invariants:** every connection of a run is open and signed in before its clock starts; the
//! message texts depend on the seed alone, so two servers are given the same work.
//! **Absent:** goals and comparisons; `tests/bench/compare.py` runs two servers in turn and
//! judges.

mod error;
mod http;
mod imap;
mod line_stream;
mod memory;
mod message;
mod race;
mod report;
mod smtp;
mod target;
mod tls;
mod wire;

pub(crate) use error::BenchError;
pub(crate) use http::{HttpPlan, measure as measure_http};
pub(crate) use imap::{ImapPlan, ImapTest, measure as measure_imap};
pub(crate) use report::Report;
pub(crate) use smtp::{Dialect, SmtpPlan, measure as measure_smtp};
pub(crate) use target::{Credentials, Target, Tls};
