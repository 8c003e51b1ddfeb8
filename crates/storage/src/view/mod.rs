//! In-memory views of mailboxes: what sessions look at, brought up to date by the change feed.
//!
//! All sessions on a mailbox share one view; opening it again costs nothing, following a change
//! costs what changed. See [`Snapshot`] for how.

mod apply;
mod chunk;
mod delta;
mod diff;
mod flag_table;
mod hold;
mod load;
mod shared;
mod snapshot;

#[cfg(test)]
mod tests;

pub(crate) use delta::{DeltaEntry, MailboxDelta};
pub use diff::Diff;
pub(crate) use load::{load_delta_rows, load_snapshot};
pub use shared::MailboxView;
pub(crate) use shared::SharedView;
pub use snapshot::{Entry, Snapshot, ViewState};
