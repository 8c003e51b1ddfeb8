//! `\Recent` (RFC 3501 §2.3.2), which IMAP4rev2 no longer has: the messages that this session was
//! the first to be told of.
//!
//! **Invariant:** nothing here but what was claimed of the view, or, in a mailbox opened
//! read-only, what nobody had claimed.

use ids::{Uid, UidSet};

use super::Access;
use crate::view::{MailboxView, Snapshot};

/// The recent messages of a selected mailbox.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    uids: UidSet,
    /// The number of recent messages that the client was told last.
    told: u32,
    /// The first UID that is not claimed, where storage does not keep the claim yet.
    to_keep: Option<Uid>,
}

impl Recent {
    /// Takes what is still recent of `known`, which the client is about to be told.
    pub(crate) fn claim(&mut self, view: &MailboxView, known: &Snapshot, access: Access) {
        let end = known.uid_next();
        let from = match access {
            Access::ReadWrite => view.claim_recent(end),
            // RFC 3501 §6.3.2: EXAMINE takes nothing away from later sessions.
            Access::ReadOnly => view.recent_from(),
        };
        let Some(last) = end.get().checked_sub(1).map(Uid::new) else { return };
        if from > last {
            return;
        }
        if access == Access::ReadWrite {
            self.to_keep = Some(end);
        }
        if known.first_seq_from(from) <= known.exists() {
            self.uids.insert_range(from, last);
        }
    }

    /// The UIDs of recent messages, some of which may be gone.
    pub(crate) fn uids(&self) -> &UidSet {
        &self.uids
    }

    /// How many there are in `known`.
    pub(crate) fn count(&self, known: &Snapshot) -> u32 {
        let below = |range: std::ops::RangeInclusive<Uid>| {
            let past = range.end().get().checked_add(1).map(Uid::new);
            let past = past.map_or(known.exists() + 1, |past| known.first_seq_from(past));
            past - known.first_seq_from(*range.start())
        };
        self.uids.ranges().map(below).sum()
    }

    /// Whether there are more or fewer in `known` than told last; the client is told now.
    pub(crate) fn is_news(&mut self, known: &Snapshot) -> bool {
        let count = self.count(known);
        std::mem::replace(&mut self.told, count) != count
    }

    /// The first UID that is not among those whose claim storage should keep; each is returned
    /// once.
    pub(crate) fn take_claim(&mut self) -> Option<Uid> {
        self.to_keep.take()
    }

    /// IMAP4rev2 was enabled: there is no such flag any more.
    pub(crate) fn forget(&mut self) {
        self.uids = UidSet::new();
    }
}
