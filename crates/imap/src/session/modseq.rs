//! HIGHESTMODSEQ as a client that resynchronizes keeps it (RFC 7162 §6).
//!
//! **Invariant:** a client that follows those rules never keeps a modification sequence above
//! that of a message gone that it was not told of, or the next session would miss it.

use ids::ModSeq;

use super::Enabled;
use crate::view::Snapshot;

/// How far the client was told everything, and whether it must hear of that.
#[derive(Debug)]
pub(crate) struct ToldModSeq {
    /// Everything up to here was told.
    complete_to: ModSeq,
    /// Messages are gone and may not be told yet.
    holds: bool,
    /// Messages gone were told since HIGHESTMODSEQ was.
    is_due: bool,
    /// Changes of flags were left out, as NOTIFY wanted.
    is_lossy: bool,
}

impl ToldModSeq {
    /// The state after SELECT, whose HIGHESTMODSEQ was `complete_to`.
    pub(crate) fn new(complete_to: ModSeq) -> Self {
        Self { complete_to, holds: false, is_due: false, is_lossy: false }
    }

    /// The client was told of `known`, which still shows messages gone if it `holds`, and
    /// whether of messages gone.
    pub(crate) fn note(&mut self, known: &Snapshot, holds: bool, told_expunged: bool) {
        self.holds = holds || self.is_lossy;
        if !self.holds {
            self.complete_to = known.highest_modseq();
        }
        self.is_due |= told_expunged;
    }

    /// Changes of flags are not told: the next session has to be.
    pub(crate) fn note_loss(&mut self) {
        self.is_lossy = true;
    }

    /// The modseq to send with an answer now; `None` where there is nothing to say.
    pub(crate) fn take(&mut self, enabled: Enabled) -> Option<ModSeq> {
        // RFC 7162 §6: "VANISHED reply with MODSEQ 100 is delayed": said with every answer, as
        // each may hold a MODSEQ above.
        let is_due = std::mem::take(&mut self.is_due) || self.holds;
        (is_due && enabled.qresync()).then_some(self.complete_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::EnableItem;

    #[test]
    fn nothing_is_said_to_those_who_do_not_resynchronize() {
        let mut enabled = Enabled::default();
        let mut told = ToldModSeq { is_due: true, ..ToldModSeq::new(ModSeq::new(7)) };
        assert_eq!(told.take(enabled), None);
        told.is_due = true;
        enabled.switch_on(EnableItem::QResync);
        assert_eq!(told.take(enabled), Some(ModSeq::new(7)));
        assert_eq!(told.take(enabled), None);
        told.holds = true;
        assert_eq!(told.take(enabled), Some(ModSeq::new(7)));
        assert_eq!(told.take(enabled), Some(ModSeq::new(7)));
    }
}
