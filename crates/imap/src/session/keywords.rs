//! Which keywords the client was told of by FLAGS (RFC 9051 §7.3.5).

use message::flag::Keyword;

use crate::view::{Diff, Snapshot};

/// The keywords of the last FLAGS, in their order.
#[derive(Debug)]
pub(super) struct ToldKeywords(Vec<Keyword>);

impl ToldKeywords {
    /// The keywords that an untagged FLAGS for this snapshot lists.
    pub(super) fn of(known: &Snapshot) -> Self {
        Self(known.keywords())
    }

    /// Whether a message that came or changed shows another one. How many keywords a mailbox has
    /// says nothing of that: storage forgets those that no message has any more.
    pub(super) fn lack_some(&self, known: &Snapshot, diff: &Diff) -> bool {
        let changed = diff.changed.iter().filter_map(|(_, seq)| known.by_seq(*seq));
        let first = (known.exists() + 1).saturating_sub(diff.appended);
        let came = known.entries(first..=known.exists()).map(|(_, entry)| entry);
        // Neighbours mostly have equal flags.
        let mut last = None;
        changed.chain(came).any(|entry| {
            let set = Some(entry.flag_set());
            let keywords = entry.flags().keywords();
            std::mem::replace(&mut last, set) != set && !keywords.iter().all(|one| self.has(one))
        })
    }

    fn has(&self, keyword: &Keyword) -> bool {
        self.0.binary_search(keyword).is_ok()
    }
}
