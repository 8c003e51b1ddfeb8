//! SORT and UID SORT (RFC 5256 §3) with DISPLAYFROM and DISPLAYTO (RFC 5957) and what RETURN asks
//! for (RFC 5267 §3).

use std::ops::Range;

use message::{Collation, SortText};
use storage::{MailboxKeys, Snapshot, SortWant};

use super::search::{self, Found, off_thread};
use super::{Ctx, Reply, contexts};
use crate::error::Result;
use crate::server::Shared;
use crate::types::{Results, SortArgs, SortCriterion, SortKey};

pub(super) async fn run(ctx: &mut Ctx<'_>, args: SortArgs) -> Result<Reply> {
    let returns = args.returns;
    contexts::require_new_tag(ctx, returns)?;
    let followed = search::followed(ctx, returns, &args.key)?;
    let saves = returns.is_some_and(|returns| returns.save);
    let found = search::find(ctx, &args.key, saves).await?;
    let criteria = args.criteria.clone();
    let results = Results::Sorted(in_order(ctx.shared, &found, criteria).await?);
    if let Some(key) = followed {
        contexts::open(ctx, key, args.by, args.criteria, found.known.clone(), &results)?;
    }
    if saves {
        search::save(ctx, &found.known, &results, returns)?;
    }
    let modseq = args.key.uses_modseq();
    let known = found.known.clone();
    let modseq = modseq.then(|| search::highest_modseq(&known, &results, returns)).flatten();
    search::tell(ctx, &known, results, args.by, returns, modseq).await?;
    Ok(Reply::done())
}

/// The sequence numbers found, in the order that `criteria` ask for.
pub(super) async fn in_order(
    shared: &Shared,
    found: &Found,
    criteria: Vec<SortCriterion>,
) -> Result<Vec<u32>> {
    let seqs: Vec<u32> = found.seqs.iter().collect();
    let collation = Collation::default();
    let keys = match want(&criteria, collation) {
        Some(want) => Some(shared.store.sort_keys(&found.known, &seqs, &want).await?),
        None => None,
    };
    let known = found.known.clone();
    let sorting = move || {
        let sorter = Sorter { known: &known, keys: keys.as_ref(), collation, seqs: &seqs };
        sorter.sorted(&criteria)
    };
    off_thread(found.seqs.len() as usize, sorting).await
}

/// The keys that have to be read; `None` where the view has all that is needed.
fn want(criteria: &[SortCriterion], collation: Collation) -> Option<SortWant> {
    let is_known = |key| matches!(key, SortKey::Arrival | SortKey::Size);
    if criteria.iter().all(|criterion| is_known(criterion.key)) {
        return None;
    }
    let mut texts: Vec<SortText> =
        criteria.iter().filter_map(|criterion| text_of(criterion.key)).collect();
    texts.sort_unstable();
    texts.dedup();
    Some(SortWant { texts, collation, threads: false })
}

fn text_of(key: SortKey) -> Option<SortText> {
    match key {
        SortKey::Subject => Some(SortText::Subject),
        SortKey::From => Some(SortText::From),
        SortKey::To => Some(SortText::To),
        SortKey::Cc => Some(SortText::Cc),
        SortKey::DisplayFrom => Some(SortText::DisplayFrom),
        SortKey::DisplayTo => Some(SortText::DisplayTo),
        SortKey::Arrival | SortKey::Date | SortKey::Size => None,
    }
}

/// Orders messages by one criterion after the other.
struct Sorter<'s> {
    known: &'s Snapshot,
    keys: Option<&'s MailboxKeys>,
    collation: Collation,
    /// Ascending.
    seqs: &'s [u32],
}

impl Sorter<'_> {
    /// Sorts all by the first criterion, then those that are equal by the next, and so on.
    fn sorted(&self, criteria: &[SortCriterion]) -> Vec<u32> {
        // A value to compare, and the place of a message in mailbox order, which decides last:
        // RFC 5256 §3, "an implicit sort criterion of sequence number".
        let mut places: Vec<(u64, u32)> = (0..self.seqs.len() as u32).map(|at| (0, at)).collect();
        let mut runs: Vec<Range<usize>> = std::iter::once(0..places.len()).collect();
        for criterion in criteria {
            let mut equal = Vec::new();
            for run in runs {
                let (start, Some(run)) = (run.start, places.get_mut(run)) else { continue };
                for (value, at) in run.iter_mut() {
                    *value = self.value(criterion, *at);
                }
                run.sort_unstable();
                let mut from = start;
                for same in run.chunk_by(|(one, _), (other, _)| one == other) {
                    if same.len() > 1 {
                        equal.push(from..from + same.len());
                    }
                    from += same.len();
                }
            }
            runs = equal;
        }
        places.iter().filter_map(|(_, at)| self.seqs.get(*at as usize).copied()).collect()
    }

    /// What a message is compared by.
    fn value(&self, criterion: &SortCriterion, at: u32) -> u64 {
        let seq = self.seqs.get(at as usize).copied().unwrap_or_default();
        let key = criterion.key;
        let value = match key {
            SortKey::Arrival => {
                let received = self.known.by_seq(seq).map(|entry| entry.internal_date());
                ordered(received.map_or(i64::MIN, |received| received.as_micros()))
            }
            SortKey::Size => self.known.by_seq(seq).map_or(0, |entry| entry.size_bytes().into()),
            SortKey::Date => ordered(self.keys.map_or(0, |keys| keys.keys().sent(keys.row(seq)))),
            _ => text_of(key).zip(self.keys).map_or(0, |(text, keys)| {
                keys.keys().rank(text, self.collation, keys.row(seq)).into()
            }),
        };
        // RFC 5256 §3: REVERSE turns one criterion, and not the order of those that are equal.
        if criterion.reverse { !value } else { value }
    }
}

/// A number that compares without a sign as `value` does with one.
fn ordered(value: i64) -> u64 {
    value.cast_unsigned() ^ (1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_order() {
        let values = [i64::MIN, -5, -1, 0, 1, 7, i64::MAX];
        assert!(values.map(ordered).is_sorted());
    }
}
