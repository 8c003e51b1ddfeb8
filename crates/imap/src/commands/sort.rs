//! SORT and UID SORT (RFC 5256 §3) with DISPLAYFROM and DISPLAYTO (RFC 5957) and what RETURN asks
//! for (RFC 5267 §3).

mod annotation;

use std::ops::Range;

use ids::AccountId;
use message::{Collation, SortText};
use storage::{MailboxKeys, Snapshot, SortWant};

use self::annotation::Ranks;
use super::progress::Progress;
use super::search::{self, Found, off_thread};
use super::{Ctx, Reply, contexts};
use crate::error::Result;
use crate::server::Shared;
use crate::types::{Results, SearchReturn, SortArgs, SortCriterion, SortKey};

pub(super) async fn run(ctx: &mut Ctx<'_>, args: SortArgs) -> Result<Reply> {
    let returns = args.returns;
    contexts::require_new_tag(ctx, returns)?;
    let by_relevancy = args.criteria.iter().any(|criterion| criterion.key == SortKey::Relevancy);
    // RFC 6203 §6: the sort criterion needs a FUZZY key as the return option does.
    let relevancy = by_relevancy || returns.is_some_and(|returns| returns.relevancy);
    search::require_fuzzy(SearchReturn { relevancy, ..SearchReturn::default() }, &args.key)?;
    let followed = search::followed(ctx, returns, &args.key, &args.fetch)?;
    let saves = returns.is_some_and(|returns| returns.save);
    let found = search::find_all(ctx, &args.key, saves).await?;
    let scores = match by_relevancy {
        true => {
            let results = Results::Mailbox(found.seqs.clone());
            Some(search::relevance(ctx, &found.known, &results, &args.key).await?)
        }
        false => None,
    };
    let (actor, collation) = (ctx.user()?.account, *ctx.collation);
    let order = Order { actor, criteria: args.criteria.clone(), collation, scores };
    let sorting = in_order(ctx.shared, &found, order);
    let results = Results::Sorted(ctx.wait_for(&Progress::default(), sorting).await??);
    if let Some(followed) = followed {
        contexts::open(ctx, followed, args.by, args.criteria, found.known.clone(), &results)?;
    }
    let answered =
        search::answer(ctx, &found.known, results, args.by, returns, &args.key, false).await;
    contexts::unless_failed(ctx, returns, answered)?;
    Ok(Reply::done())
}

/// The order asked for.
pub(super) struct Order {
    /// The account that sorts, since annotations are not the same to everybody.
    pub(super) actor: AccountId,
    pub(super) criteria: Vec<SortCriterion>,
    pub(super) collation: Collation,
    /// How relevant each message is, in mailbox order, where that matters.
    pub(super) scores: Option<Vec<u8>>,
}

/// The sequence numbers found, in order.
pub(super) async fn in_order(shared: &Shared, found: &Found, order: Order) -> Result<Vec<u32>> {
    let seqs: Vec<u32> = found.seqs.iter().collect();
    let keys = match want(&order.criteria, order.collation) {
        Some(want) => Some(shared.store.sort_keys(&found.known, &seqs, &want).await?),
        None => None,
    };
    let known = found.known.clone();
    let ranks = annotation::ranks(shared, &known, &order).await?;
    let sorting = move || {
        let (known, keys, order, seqs) = (&*known, keys.as_ref(), &order, &*seqs);
        Sorter { known, keys, order, ranks: &ranks, seqs }.sorted()
    };
    off_thread(found.seqs.len() as usize, sorting).await
}

/// The keys that have to be read; `None` where the view has all that is needed.
fn want(criteria: &[SortCriterion], collation: Collation) -> Option<SortWant> {
    let is_known = |key: &SortKey| {
        use SortKey::{Annotation, Arrival, Relevancy, Size};
        matches!(key, Annotation(..) | Arrival | Relevancy | Size)
    };
    if criteria.iter().all(|criterion| is_known(&criterion.key)) {
        return None;
    }
    let mut texts: Vec<SortText> =
        criteria.iter().filter_map(|criterion| text_of(&criterion.key)).collect();
    texts.sort_unstable();
    texts.dedup();
    Some(SortWant { texts, collation, threads: false })
}

fn text_of(key: &SortKey) -> Option<SortText> {
    match key {
        SortKey::Subject => Some(SortText::Subject),
        SortKey::From => Some(SortText::From),
        SortKey::To => Some(SortText::To),
        SortKey::Cc => Some(SortText::Cc),
        SortKey::DisplayFrom => Some(SortText::DisplayFrom),
        SortKey::DisplayTo => Some(SortText::DisplayTo),
        SortKey::Annotation(..)
        | SortKey::Arrival
        | SortKey::Date
        | SortKey::Relevancy
        | SortKey::Size => None,
    }
}

/// Orders messages by one criterion after the other.
struct Sorter<'s> {
    known: &'s Snapshot,
    keys: Option<&'s MailboxKeys>,
    order: &'s Order,
    /// The ranks of annotations, by criterion.
    ranks: &'s [Ranks],
    /// The sequence numbers to sort, ascending.
    seqs: &'s [u32],
}

impl Sorter<'_> {
    /// Sorts all by the first criterion, then those that are equal by the next, and so on.
    fn sorted(&self) -> Vec<u32> {
        // A value to compare, and the place of a message in mailbox order, which decides last:
        // RFC 5256 §3, "an implicit sort criterion of sequence number".
        let mut places: Vec<(u64, u32)> = (0..self.seqs.len() as u32).map(|at| (0, at)).collect();
        let mut runs: Vec<Range<usize>> = std::iter::once(0..places.len()).collect();
        for (criterion, ranks) in self.order.criteria.iter().zip(self.ranks) {
            let mut equal = Vec::new();
            for run in runs {
                let (start, Some(run)) = (run.start, places.get_mut(run)) else { continue };
                for (value, at) in run.iter_mut() {
                    *value = self.value(criterion, ranks, *at);
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
    fn value(&self, criterion: &SortCriterion, ranks: &Ranks, at: u32) -> u64 {
        let seq = self.seqs.get(at as usize).copied().unwrap_or_default();
        let key = &criterion.key;
        let value = match key {
            SortKey::Annotation(..) => {
                let uid = self.known.by_seq(seq).map(|entry| entry.uid());
                uid.and_then(|uid| ranks.get(&uid)).copied().unwrap_or(0).into()
            }
            SortKey::Arrival => {
                let received = self.known.by_seq(seq).map(|entry| entry.internal_date());
                ordered(received.map_or(i64::MIN, |received| received.as_micros()))
            }
            SortKey::Size => self.known.by_seq(seq).map_or(0, |entry| entry.size_bytes().into()),
            // RFC 6203 §6: the most relevant message comes first.
            SortKey::Relevancy => {
                let score = self.order.scores.as_ref().and_then(|all| all.get(at as usize));
                u64::from(u8::MAX - score.copied().unwrap_or_default())
            }
            SortKey::Date => ordered(self.keys.map_or(0, |keys| keys.keys().sent(keys.row(seq)))),
            _ => text_of(key).zip(self.keys).map_or(0, |(text, keys)| {
                keys.keys().rank(text, self.order.collation, keys.row(seq)).into()
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
