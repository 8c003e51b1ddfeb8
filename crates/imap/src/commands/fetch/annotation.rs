//! The ANNOTATION item of FETCH (RFC 5257 §4.3): values and sizes of the entries asked for, as far
//! as they are private to the user or shared.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use ids::Uid;
use storage::{Annotation, Entry, MetadataScope, ReadTx, Snapshot};

use super::response::Plan;
use crate::commands::annotations::to_storage;
use crate::commands::batches::BATCH_BYTES;
use crate::render::{AnnotationItem, FetchWriter};
use crate::types::AnnotationQuery;

/// The annotations asked for that one message has, by entry.
#[derive(Debug, Clone, Default)]
pub(super) struct Annotations(Arc<[Annotation]>);

impl Annotations {
    /// About what they take in an answer beside the names asked for.
    pub(super) fn bytes(&self) -> u64 {
        // What attributes are called, and how long a literal is.
        let one = |one: &Annotation| (one.value.len() + one.key.entry.len() + 64) as u64;
        self.0.iter().map(one).sum()
    }

    /// DEVIATION(RFC 5257 §3.2.1): an entry of a part that a message does not have is NIL here
    /// and not BAD. Mostly many messages are asked for, and a client can't know beforehand which
    /// of them have that part.
    pub(super) fn render(&self, fetch: &mut FetchWriter<'_>, query: &AnnotationQuery) {
        let mut items: Vec<AnnotationItem<'_>> = Vec::new();
        for pattern in &query.entries {
            match pattern.as_plain_name() {
                // RFC 5257 §3.2.2: NIL where there is no such entry.
                Some(name) => push(&mut items, self.item(name)),
                None => {
                    let matching = self.0.iter().filter(|one| pattern.matches(&one.key.entry));
                    matching.for_each(|one| push(&mut items, self.item(&one.key.entry)));
                }
            }
        }
        fetch.annotations(&items, &query.attributes);
    }

    fn item<'a>(&'a self, entry: &'a str) -> AnnotationItem<'a> {
        let value = |scope| {
            let found = self.0.iter().find(|one| one.key.entry == entry && one.key.scope == scope);
            found.map(|one| one.value.as_slice())
        };
        let (private, shared) = (value(MetadataScope::Private), value(MetadataScope::Shared));
        AnnotationItem { entry, private, shared }
    }
}

fn push<'a>(items: &mut Vec<AnnotationItem<'a>>, item: AnnotationItem<'a>) {
    if items.iter().all(|known| known.entry != item.entry) {
        items.push(item);
    }
}

/// The most that the names asked for take in the answer about one message.
pub(super) fn names_bytes(query: &AnnotationQuery) -> u64 {
    // ` size.shared NIL` and the like.
    let attributes = 20 * query.attributes.len();
    let names = query.entries.iter().filter_map(|pattern| pattern.as_plain_name());
    names.map(|name| (name.len() + attributes) as u64).sum()
}

/// The UIDs of the messages of a batch, whichever way it goes.
pub(super) fn range_of(entries: &[(u32, Entry<'_>)]) -> Option<RangeInclusive<Uid>> {
    let uids = || entries.iter().map(|(_, entry)| entry.uid());
    Some(uids().min()?..=uids().max()?)
}

/// Takes those messages out of a batch whose annotations are too much beside those of the ones
/// before them; the first of them.
pub(super) fn cut(
    tx: &mut ReadTx<'_>,
    known: &Snapshot,
    entries: &mut Vec<(u32, Entry<'_>)>,
    plan: &Plan,
) -> storage::Result<Option<u32>> {
    let Some(range) = range_of(entries).filter(|_| plan.annotation().is_some()) else {
        return Ok(None);
    };
    let sizes = tx.annotation_sizes(plan.actor, known.mailbox(), range)?;
    let sizes: HashMap<Uid, u64> = sizes.into_iter().collect();
    let mut sum = 0;
    let too_much = entries.iter().position(|(_, entry)| {
        let size = sizes.get(&entry.uid()).copied().unwrap_or(0);
        let is_first = sum == 0;
        sum += size;
        size > 0 && sum > BATCH_BYTES && !is_first
    });
    let first = too_much.and_then(|at| entries.get(at)).map(|(seq, _)| *seq);
    entries.truncate(too_much.unwrap_or(entries.len()));
    Ok(first)
}

/// The annotations asked for of the messages of a batch, by UID.
pub(super) fn load(
    tx: &mut ReadTx<'_>,
    known: &Snapshot,
    entries: &[(u32, Entry<'_>)],
    plan: &Plan,
) -> storage::Result<BTreeMap<Uid, Annotations>> {
    let (Some(query), Some(range)) = (plan.annotation(), range_of(entries)) else {
        return Ok(BTreeMap::new());
    };
    let uids: HashSet<Uid> = entries.iter().map(|(_, entry)| entry.uid()).collect();
    let wanted = |uid, entry: &str, scope| {
        uids.contains(&uid)
            && query.attributes.iter().any(|attribute| to_storage(attribute.scope) == scope)
            && query.entries.iter().any(|pattern| pattern.matches(entry))
    };
    let all = tx.load_annotations(plan.actor, known.mailbox(), range, wanted)?;
    let mut by_uid = BTreeMap::new();
    for of_one in all.chunk_by(|one, other| one.uid == other.uid) {
        if let Some(first) = of_one.first() {
            by_uid.insert(first.uid, Annotations(of_one.into()));
        }
    }
    Ok(by_uid)
}
