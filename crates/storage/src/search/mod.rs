//! Searching texts: an index of each account's contents, made behind deliveries.
//!
//! An account has segments ([`textindex`]), each of some contents, each content in one of them.
//! New messages are indexed in batches by [`update`], small segments are merged, what was erased
//! leaves with the next merge. Whoever searches is told, for each content, yes, no, or that the
//! index does not know: then the text itself is looked at. So an answer is complete at any time,
//! whatever is indexed, and a lost index costs time only.
//!
//! **Invariants:** a segment in use is whole and never changes; a content is in one segment of an
//! account at most; nothing here is waited for by a delivery. **Absent:** which messages are
//! found: a mailbox's view says which contents are in it.

mod ask;
mod cache;
mod check;
mod garbage;
mod merging;
mod near;
mod ranking;
mod rows;
#[cfg(test)]
mod tests;
mod texts;
mod update;
mod waiting;
mod writer;

pub use ask::{Found, SearchField, SearchTerm, Sought};
pub(crate) use cache::SearchCache;
pub(crate) use check::{check, repair};
pub(crate) use garbage::{give_up, sweep};
pub use near::Near;
pub use ranking::{Ranking, length_of};
pub use textindex::Asked;
pub use update::Indexed;
pub(crate) use update::update;
pub(crate) use waiting::Waiting;
