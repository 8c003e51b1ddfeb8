//! Searches whose results the client follows (RFC 5267 §4.3).
//!
//! **Invariant:** what a context holds is what the client was told of its results.

use std::sync::Arc;

use ids::UidSet;
use message::Collation;

use crate::render::{ContextUpdate, context_update};
use crate::types::{
    Addressing, FetchAttribute, NumberSet, Placed, Results, SearchKey, SortCriterion, SortKey, Tag,
};
use crate::view::Snapshot;

/// A search being followed.
#[derive(Debug)]
pub(crate) struct Context {
    /// The command that asked for it.
    pub(crate) tag: Tag,
    /// Whether sequence numbers or UIDs are told.
    pub(crate) by: Addressing,
    /// What is searched, without sequence numbers: RFC 5267 §4.3 has them evaluated once.
    pub(crate) key: SearchKey,
    /// What is told of messages that come to the results (RFC 5465 §7).
    pub(crate) fetch: Vec<FetchAttribute>,
    /// The order; mailbox order where empty.
    pub(crate) criteria: Vec<SortCriterion>,
    /// How texts are compared.
    pub(crate) collation: Collation,
    /// The UIDs of the results.
    pub(crate) results: Results,
    /// The state of the mailbox that the results are of, but for messages expunged since.
    pub(crate) seen: Arc<Snapshot>,
    /// Any message may be found now that was not, or the other way round, though none has changed.
    pub(crate) is_doubtful: bool,
    /// What came while it could not be found out what changed.
    pub(crate) missed: Missed,
}

/// UIDs of messages of which a context has not said yet whether they are results.
#[derive(Debug, Default)]
pub(crate) struct Missed(NumberSet);

impl Missed {
    /// Adds messages about which a context could not be refreshed.
    pub(crate) fn note(&mut self, new: &NumberSet) {
        for &(low, high) in new.ranges() {
            self.0.insert_range(low, high);
        }
    }

    /// It is said of all: those that came to the results, of these and of the `new` ones.
    /// RFC 5465 §7: nothing is to be told of those whose flags or annotations changed.
    pub(crate) fn settle(&mut self, added: &NumberSet, new: &NumberSet) -> NumberSet {
        self.note(new);
        std::mem::take(&mut self.0).intersection(added)
    }
}

/// The searches followed in a mailbox.
#[derive(Debug, Default)]
pub(crate) struct Contexts(Vec<Context>);

impl Contexts {
    /// Whether no search is followed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many searches are followed, and how many results they have together.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.0.len(), self.0.iter().map(|context| context.results.len()).sum())
    }

    /// How many ranges the sets of numbers have that are searched for.
    pub(crate) fn count_ranges(&self) -> usize {
        let counts = self.0.iter().map(|context| context.key.count_ranges());
        counts.fold(0, usize::saturating_add)
    }

    /// Whether a command with this tag is followed.
    pub(crate) fn has(&self, tag: &Tag) -> bool {
        self.0.iter().any(|context| context.tag == *tag)
    }

    pub(crate) fn open(&mut self, context: Context) {
        self.0.push(context);
    }

    pub(crate) fn close(&mut self, tag: &Tag) {
        self.0.retain(|context| context.tag != *tag);
    }

    /// RFC 9586 §3: sequence numbers are not told any more.
    pub(crate) fn speak_uids(&mut self) {
        for context in &mut self.0 {
            context.by = Addressing::Uid;
        }
    }

    /// RFC 9051 Appendix E: there is no `\Recent` any more.
    pub(crate) fn forget_recent(&mut self) {
        for context in &mut self.0 {
            context.is_doubtful |= context.key.uses_recent();
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Context> {
        self.0.iter_mut()
    }

    /// Takes messages out that are about to be expunged: RFC 5267 §4.3.4, REMOVEFROM comes before
    /// EXPUNGE, while their sequence numbers in `known` are valid.
    pub(crate) fn tell_expunged(&mut self, known: &Snapshot, gone: &UidSet, out: &mut Vec<u8>) {
        if self.0.is_empty() || gone.is_empty() {
            return;
        }
        let mut uids = NumberSet::new();
        for range in gone.ranges() {
            uids.insert_range(range.start().get(), range.end().get());
        }
        for context in &mut self.0 {
            let removed = context.results.remove(&uids);
            context.tell(ContextUpdate::RemoveFrom, removed, known, out);
        }
    }
}

impl Context {
    /// Whether a message can come to stand elsewhere among the others: all that messages are sorted
    /// by stays as it is, but for annotations (RFC 5257 §4.9).
    pub(crate) fn is_order_mutable(&self) -> bool {
        self.criteria.iter().any(|criterion| matches!(criterion.key, SortKey::Annotation(..)))
    }

    /// Tells of results that came or went; nothing where there are none.
    pub(crate) fn tell(
        &self,
        update: ContextUpdate,
        mut placed: Vec<Placed>,
        known: &Snapshot,
        out: &mut Vec<u8>,
    ) {
        if placed.is_empty() {
            return;
        }
        if self.by == Addressing::Seq {
            let seq = |uid: u32| known.seq_of(ids::Uid::new(uid));
            for (_, results) in &mut placed {
                *results = results.map(seq);
            }
        }
        context_update(out, &self.tag, self.by, update, &placed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_while_a_search_failed_is_not_forgotten() {
        let set = |numbers: &[u32]| numbers.iter().copied().collect::<NumberSet>();
        let mut missed = Missed::default();
        missed.note(&set(&[5, 6]));
        missed.note(&set(&[7]));
        // 3 was there before, and has come to the results by its flags.
        assert_eq!(missed.settle(&set(&[3, 6, 7, 9]), &set(&[8, 9])), set(&[6, 7, 9]));
        assert_eq!(missed.settle(&set(&[5, 10]), &set(&[10])), set(&[10]));
    }
}
