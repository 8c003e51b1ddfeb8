//! IMAP: appending, reading, flags, copies, sign-ins, connections that wait.
//!
//! One account, one mailbox of `messages` messages made by this client; what a test makes
//! beside it is deleted again.

mod append;
mod client;
mod idle;
mod mailbox;
mod search;
mod sign_in;
mod sort;
mod watch;

use super::BenchError;
use super::memory::own_cpu_secs;
use super::report::{Report, Row};
use super::target::{Credentials, Target};

/// What can be measured, each alone.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ImapTest {
    /// APPEND on each number of connections.
    Append,
    /// Warm FETCH 1:* of flags, envelopes, structures, headers, bodies.
    Fetch,
    /// STORE 1:* with replies and silent.
    Store,
    /// STORE of single messages on each number of connections.
    StoreOne,
    /// COPY, MOVE and EXPUNGE of everything.
    Copy,
    /// SELECT as the first thing asked of a server that was just started; fills nothing.
    FirstSelect,
    /// SELECT on a new connection.
    Select,
    /// Warm SORT and THREAD of everything.
    Sort,
    /// Warm SEARCH for texts.
    Search,
    /// The first SEARCH after the server's start, which whoever calls sees to.
    FirstSearch,
    /// Likewise the first SORT, by subject.
    FirstSort,
    /// Likewise the first THREAD, by references.
    FirstThread,
    /// LOGIN on new connections.
    SignIn,
    /// Memory of idle connections; needs `--pid`.
    Idle,
    /// Memory of waiting connections of many accounts, and how soon each is told of a message;
    /// needs `--pid`, `--lmtp-port` and `--watcher`.
    Watch,
}

/// What to measure over IMAP.
pub(crate) struct ImapPlan {
    pub(crate) tests: Vec<ImapTest>,
    pub(crate) credentials: Credentials,
    /// The mailbox that is read; one with another number of messages is filled anew.
    pub(crate) mailbox: String,
    pub(crate) messages: usize,
    /// How many of them are appended; the others are copies.
    pub(crate) distinct: usize,
    /// How many of them one run of APPEND, or of STORE of single messages, is about.
    pub(crate) append_messages: usize,
    pub(crate) size_bytes: usize,
    /// A row of APPEND and of STORE of single messages for each of these numbers.
    pub(crate) connections: Vec<usize>,
    pub(crate) rounds: usize,
    /// How long to wait before searching.
    pub(crate) settle_secs: u64,
    pub(crate) sign_ins: usize,
    /// How many connections sign in at once.
    pub(crate) sign_in_connections: usize,
    pub(crate) idle_connections: usize,
    /// The server's process, whose memory is read.
    pub(crate) pid: Option<u32>,
    /// The accounts that the waiting connections belong to, all with the password given.
    pub(crate) watchers: Vec<String>,
    pub(crate) watching_connections: usize,
    pub(crate) host: String,
    /// Where messages for the watchers are delivered.
    pub(crate) lmtp_port: Option<u16>,
    pub(crate) seed: u64,
}

/// Measures what the plan names, in the order of [`ImapTest`].
pub(crate) fn measure(target: &Target, plan: &ImapPlan) -> Result<Report, BenchError> {
    use ImapTest::{Append, FirstSelect, Idle, SignIn, Watch};
    let mut rows: Vec<Row> = Vec::new();
    let wants = |test| plan.tests.contains(&test);
    let needs_mailbox =
        plan.tests.iter().any(|test| !matches!(test, Append | FirstSelect | SignIn | Idle | Watch));
    if wants(FirstSelect) {
        rows.push(sign_in::first_select(target, plan)?);
    }
    if wants(ImapTest::Append) {
        rows.extend(append::measure(target, plan)?);
    }
    if needs_mailbox {
        append::fill(target, plan)?;
    }
    if wants(ImapTest::Fetch) {
        rows.extend(mailbox::fetch(target, plan)?);
    }
    if wants(ImapTest::Store) {
        rows.extend(mailbox::store(target, plan)?);
    }
    if wants(ImapTest::StoreOne) {
        rows.extend(mailbox::store_one(target, plan)?);
    }
    if wants(ImapTest::Copy) {
        rows.extend(mailbox::copy(target, plan)?);
    }
    if wants(ImapTest::Select) {
        rows.push(sign_in::select(target, plan)?);
    }
    if wants(ImapTest::Sort) {
        rows.extend(sort::sort(target, plan)?);
    }
    if wants(ImapTest::Search) {
        rows.extend(search::search(target, plan)?);
    }
    if wants(ImapTest::FirstSearch) {
        rows.push(search::first(target, plan)?);
    }
    if wants(ImapTest::FirstSort) {
        rows.push(sort::first(target, plan, "SORT (SUBJECT) UTF-8 ALL")?);
    }
    if wants(ImapTest::FirstThread) {
        rows.push(sort::first(target, plan, "THREAD REFERENCES UTF-8 ALL")?);
    }
    if wants(ImapTest::SignIn) {
        rows.push(sign_in::sign_in(target, plan)?);
    }
    if wants(ImapTest::Idle) {
        rows.extend(idle::measure(target, plan)?);
    }
    if wants(ImapTest::Watch) {
        rows.extend(watch::measure(target, plan)?);
    }
    Ok(Report {
        bench: "imap",
        server: target.name(),
        messages: plan.messages,
        size_bytes: plan.size_bytes,
        seed: plan.seed,
        client_cpu_secs: own_cpu_secs(),
        rows,
    })
}
