//! SORT by values of annotations (RFC 5257 §4.9): each value gets a rank, by which messages are
//! then compared.

use std::collections::HashMap;

use ids::Uid;
use storage::{AnnotationKey, Snapshot};

use super::Order;
use crate::commands::annotations::to_storage;
use crate::error::Result;
use crate::server::Shared;
use crate::types::SortKey;

/// Where the value of a message stands among all, from 1. RFC 5257 does not say where messages
/// without one belong: they come first, as texts that are not there do elsewhere
/// (RFC 5256 §3).
pub(super) type Ranks = HashMap<Uid, u32>;

/// The ranks of each criterion; none of those that are about something else.
pub(super) async fn ranks(shared: &Shared, known: &Snapshot, order: &Order) -> Result<Vec<Ranks>> {
    let mut all = Vec::with_capacity(order.criteria.len());
    for criterion in &order.criteria {
        let SortKey::Annotation(entry, scope) = &criterion.key else {
            all.push(Ranks::new());
            continue;
        };
        let key = AnnotationKey { entry: entry.as_str().to_owned(), scope: to_storage(*scope) };
        let (actor, mailbox, collation) = (order.actor, known.mailbox(), order.collation);
        let read = shared.store.read(move |tx| {
            let values = tx.load_annotation_values(actor, mailbox, &key)?;
            let form = |value: &[u8]| collation.form(&String::from_utf8_lossy(value)).into_owned();
            let mut forms: Vec<(String, Uid)> =
                values.into_iter().map(|(uid, value)| (form(&value), uid)).collect();
            forms.sort_unstable();
            Ok(ranked(&forms))
        });
        all.push(read.await?);
    }
    Ok(all)
}

fn ranked(sorted: &[(String, Uid)]) -> Ranks {
    let equal = sorted.chunk_by(|(one, _), (other, _)| one == other);
    let ranked =
        (1..).zip(equal).flat_map(|(rank, same)| same.iter().map(move |(_, uid)| (*uid, rank)));
    ranked.collect()
}
