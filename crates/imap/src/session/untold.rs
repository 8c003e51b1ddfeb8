//! Changes of flags on their way to the client, told in pieces: there may be as many as messages.

use ids::UidSet;

use super::responses::push_flags;
use super::{Enabled, OwnChange};
use crate::view::Snapshot;

/// LIMIT: as much is told of changed flags at once, and about as much is in memory of them.
pub(super) const PIECE_BYTES: usize = 32 * 1024;

/// Messages whose flags are still to be told.
#[derive(Debug)]
pub(super) struct Untold {
    /// Sequence numbers before and now, as a comparison of snapshots gives them.
    changed: std::vec::IntoIter<(u32, u32)>,
    /// The change by the command in progress, which sends the responses for it itself.
    own: OwnChange,
}

impl Default for Untold {
    fn default() -> Self {
        Self::new(Vec::new(), OwnChange::Nothing)
    }
}

impl Untold {
    pub(super) fn new(changed: Vec<(u32, u32)>, own: OwnChange) -> Self {
        Self { changed: changed.into_iter(), own }
    }

    /// Tells of them in `known` until `out` holds a piece; whether some are left.
    pub(super) fn tell(
        &mut self,
        known: &Snapshot,
        recent: &UidSet,
        enabled: Enabled,
        out: &mut Vec<u8>,
    ) -> bool {
        for (_, seq) in self.changed.by_ref() {
            if let Some(entry) = known.by_seq(seq)
                && !matches!(self.own, OwnChange::Flags(own) if own == entry.modseq())
            {
                push_flags(out, seq, &entry, recent.contains(entry.uid()), enabled);
            }
            if out.len() >= PIECE_BYTES {
                return true;
            }
        }
        // The room they took is given back.
        *self = Self::default();
        false
    }
}
