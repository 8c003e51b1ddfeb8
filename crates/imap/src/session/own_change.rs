//! The change that the command under way made itself, so that its answer and not an untagged update
//! tells the client.

use ids::ModSeq;

use crate::view::Entry;

/// A change of the command at hand, by its modification sequence: the command answers for that, and
/// it is not told as the change of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnChange {
    /// It has changed nothing, or leaves it to be told.
    Nothing,
    /// It tells the flags of all messages that this was the last change of.
    Flags(ModSeq),
    /// It changed annotations, and tells no flags.
    Annotations(ModSeq),
}

impl OwnChange {
    /// The modification sequence of the change, if there was one.
    pub(super) fn modseq(self) -> Option<ModSeq> {
        match self {
            Self::Nothing => None,
            Self::Flags(modseq) | Self::Annotations(modseq) => Some(modseq),
        }
    }

    /// Whether the client need not hear of a message that it knew as `before` and that is now
    /// `entry`.
    pub(super) fn excuses(self, before: Option<&Entry<'_>>, entry: &Entry<'_>) -> bool {
        match self {
            Self::Nothing => false,
            Self::Flags(own) => entry.modseq() == own,
            // Another may have changed its flags right before this.
            Self::Annotations(own) => {
                let is_as_known = before.is_some_and(|before| before.flags() == entry.flags());
                entry.modseq() == own && is_as_known
            }
        }
    }
}
