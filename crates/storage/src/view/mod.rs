//! In-memory views of mailboxes: what sessions look at, brought up to date by the change feed.

mod delta;

pub(crate) use delta::{DeltaEntry, MailboxDelta};
