//! The mailboxes of an account as a tree of names (R-FOLD).
//!
//! **Invariants:** a row is a real mailbox; a ghost is derived, never stored: a name that has no
//! row while one below it has. INBOX exists in every account. UIDVALIDITY only grows within an
//! account, so it never repeats for a name, and UIDNEXT only grows within a mailbox.

mod create;
mod delete;
mod name;
mod rename;
mod special_use;
mod subscribe;
mod tree;

pub use name::MailboxName;
pub use special_use::SpecialUse;
pub use tree::{Mailbox, MailboxEntry, MailboxTree};

pub(crate) use name::check_stored_name;

#[cfg(test)]
mod tests;
