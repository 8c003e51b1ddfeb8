//! All that a session may know of storage: immutable states of a mailbox, which do no I/O.

pub(crate) use storage::{Diff, Entry, MailboxView, Rights, Snapshot, ViewState};
