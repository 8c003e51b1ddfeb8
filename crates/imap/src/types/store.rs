//! Arguments of STORE and UID STORE (RFC 9051 §6.4.6).

use ids::ModSeq;
use message::flag::Flags;

use super::{Addressing, SequenceSet};

/// What STORE does with the flags given (RFC 9051 §6.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAction {
    /// `FLAGS`: they become the flags.
    Replace,
    /// `+FLAGS`: they are added.
    Add,
    /// `-FLAGS`: they are taken away.
    Remove,
}

/// `STORE set [(UNCHANGEDSINCE n)] action flags` and `UID STORE`.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreArgs {
    /// The messages whose flags are changed.
    pub set: SequenceSet,
    /// What the numbers in `set` are.
    pub by: Addressing,
    /// RFC 7162 §3.1.3: messages changed after it are left alone. 0 fails for every message.
    pub unchanged_since: Option<ModSeq>,
    /// Whether the flags are set, added or removed.
    pub action: StoreAction,
    /// `.SILENT`: the new flags are not sent back.
    pub silent: bool,
    /// The flags; `\Recent` is never among them.
    pub flags: Flags,
}
