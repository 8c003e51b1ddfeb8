//! Messages in mailboxes: added, copied, moved, flagged, expunged, read.
//!
//! **Invariants:** a message row and everything counted from it (its mailbox's numbers, its
//! account's usage) change in one transaction; UIDs are given out in ascending order and never
//! again; a verb that changes nothing uses up no sequence number and records nothing.
//! **Absent:** sequence numbers, which are a session's matter.

mod annotations;
mod append;
mod cache;
mod content;
mod copy;
mod counts;
mod deliver;
mod expunge;
mod expunged;
mod flags;
mod keywords;
mod load;
mod prepare;
mod recent;
mod replace;
mod saved;
mod selection;
mod sweep;
mod text_stream;
mod thread;

pub use annotations::{ANNOTATION_ENTRY_BYTES_MAX, Annotation, AnnotationChanges, AnnotationKey};
pub use append::{Append, Appended};
pub use copy::Copied;
pub use deliver::{Delivery, Placement};
pub use flags::{FlagChange, Stored};
pub use load::{Content, Want};
pub use prepare::PreparedMessage;
pub use text_stream::TextStream;
pub use thread::ThreadId;

pub(crate) use annotations::ANNOTATION_ROW_BYTES;
pub(crate) use cache::ContentCache;
pub(crate) use expunged::ROW_BYTES as EXPUNGED_ROW_BYTES;
pub(crate) use keywords::{FlagReader, decode as decode_flags};
pub(crate) use prepare::content_hash;
pub(crate) use selection::delta_entry;
pub(crate) use sweep::{FlagColumns, Sweeps, for_each_flags};

#[cfg(test)]
mod tests;
