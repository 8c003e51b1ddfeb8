//! The configuration file: one table of options, and everything that follows from it.
//!
//! Each option is declared once, in [`options`], with its key, type, default and paragraph of
//! documentation. From that declaration come the plain struct [`Config`] the daemon reads, the
//! reference ([`render_reference`]) and the sample file ([`render_sample`]). [`parse`] reports
//! everything that is wrong with a file at once, each problem as `file:line:key: text`.
//!
//! **Invariants:** a [`Config`] exists only if every value in it passed its checks; an unknown
//! key is an error; a secret never stands in the file, only the path of one.
//! **Absent:** reading files, the environment, the clock, defaults hidden elsewhere in the
//! workspace. A protocol crate never sees this crate: the binary copies what it needs into
//! that crate's own settings.

mod options;
mod parse;
mod position;
mod problem;
mod reader;
mod render;
mod value;

pub use options::{
    Acme, Activity, Auth, Authenticity, BlockList, Calendar, Certificate, Check, Config, Dav,
    Delivery, Imap, ImapClient, Limits, Listener, Log, Metrics, MtaSts, Peers, Pop3, Queue, Route,
    Rspamd, Search, SentReports, Storage, Submission, Tls,
};
pub use parse::{Vocabulary, parse, read_file};
pub use position::line_of;
pub use problem::{Problem, Problems};
pub use render::{render_reference, render_sample};
pub use value::{
    AcmeChallenge, Blobs, CheckedMail, Database, DmarcPolicy, DnsFailure, DnssecTrust, Endpoint,
    Level, LogFormat, MailedInvitations, MediaRange, Network, PeerAction, Protocol, RouteTls,
    SaslMechanism, Scanner, ScriptRedirects, Secret, Socket, SpfPolicy, StsMode, TlsMode,
    Unavailable, WebUrl, Word, parse_size,
};
