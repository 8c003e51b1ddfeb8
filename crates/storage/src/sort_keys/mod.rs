//! What SORT and THREAD compare, for whole mailboxes and in memory.
//!
//! Messages never change, so their keys are read once: [`SortKeys`] holds them column by column,
//! texts as their rank among all texts of the mailbox, message ids as small numbers. What is new
//! in a mailbox is added when it is next asked for. The columns of a mailbox of 200,000 messages
//! take some 10 MB, and [`SortKeyCache`] bounds what all mailboxes take together.
//!
//! **Invariant:** keys are found by UID; a row once made stays right, whatever becomes of its
//! message.
//! **Absent:** the order that SORT asks for and the trees of THREAD, which are made of these.

mod cache;
mod columns;
mod load;
mod texts;
mod threads;

pub(crate) use cache::SortKeyCache;
pub use columns::{SortKeys, SortWant};
pub use load::MailboxKeys;
pub use threads::ThreadRow;

#[cfg(test)]
mod tests;
