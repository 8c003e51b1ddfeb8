//! What SORT and THREAD compare, for whole mailboxes and in memory.
//!
//! Messages never change, so their keys are read once: [`SortKeys`] holds them column by column,
//! texts as their rank among all texts of the mailbox, message ids as small numbers. What is new
//! in a mailbox is added when it is next asked for. The columns of a mailbox of 200,000 messages
//! take some 10 MB, and [`SortKeyCache`] bounds what all mailboxes take together.
//!
//! What is behind a delivery for long is also stored, in [`blocks`] of messages whose UIDs are
//! side by side, so that the first SORT after a start reads a few rows in place of one for each
//! message (docs/decisions/013-sort-blocks.md).
//!
//! **Invariant:** keys are found by UID; a row once made stays right, whatever becomes of its
//! message.
//! **Absent:** the order that SORT asks for and the trees of THREAD, which are made of these.

mod blocks;
mod bounds;
mod build;
mod cache;
mod check;
mod columns;
mod load;
mod mend;
mod texts;
mod threads;
mod update;

pub(crate) use blocks::delete_of;
pub(crate) use cache::SortKeyCache;
pub(crate) use check::{check, repair};
pub use columns::{SortKeys, SortWant};
pub use load::MailboxKeys;
pub use threads::ThreadRow;
pub(crate) use update::{Sizes, accounts_behind, sweep, update};

#[cfg(test)]
mod tests;
