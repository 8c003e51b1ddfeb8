//! Messages that came since the client was last told what it wants to know of such (RFC 5465 §5.2,
//! §7), whichever command it was that told of them.

use ids::{Uid, UidSet};

use crate::types::NumberSet;
use crate::view::Snapshot;

/// New messages of a selected mailbox.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// The lowest UID that one of them can have.
    from: Option<Uid>,
    /// The UIDs of messages that the client itself put there.
    own: UidSet,
}

impl News {
    /// The client is told of messages beyond what it knew.
    pub(super) fn note(&mut self, before: &Snapshot) {
        // What comes later stands behind what came first.
        self.from.get_or_insert(before.uid_next());
    }

    /// A command of the client added these.
    pub(super) fn note_own(&mut self, uids: &UidSet) {
        self.own.extend_set(uids);
    }

    /// The sequence numbers in `known` of those that came from elsewhere; from now on they are old.
    pub(super) fn take(&mut self, known: &Snapshot) -> NumberSet {
        let mut seqs = NumberSet::new();
        let Some(from) = self.from.take() else { return seqs };
        let first = known.first_seq_from(from);
        if first > known.exists() {
            return seqs;
        }
        seqs.insert_range(first, known.exists());
        let own = std::mem::take(&mut self.own);
        let own: NumberSet = own.iter().filter_map(|uid| known.seq_of(uid)).collect();
        seqs.difference(&own)
    }
}
