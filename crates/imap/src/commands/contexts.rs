//! Following the results of a search (RFC 5267 §4.3): UPDATE, and CANCELUPDATE.

use std::sync::Arc;

use ids::AccountId;
use storage::Snapshot;

use super::progress::Progress;
use super::search::{self, Asked, Found, Work, evaluate};
use super::sort::{Order, in_order};
use super::{Ctx, Reply, numbers_of, uids_of};
use crate::error::{CommandError, Result};
use crate::parse::Limits;
use crate::render::{self, Code, ContextUpdate, Status};
use crate::server::Shared;
use crate::session::{Context, Contexts, Missed, State, seqs_of_uids};
use crate::types::{
    Addressing, FetchAttribute, NumberSet, Results, SearchKey, SearchReturn, SequenceSet,
    SortCriterion, SortKey, Tag,
};

/// LIMIT: results that all searches followed in a session may have together; four bytes each.
const RESULTS_MAX: usize = 1_000_000;

/// LIMIT: walks over the rows of the mailbox that one search followed may take: all of them are
/// taken again with every change.
const WALKS_MAX: usize = 4;

/// RFC 5267 §4.3: a tag that is followed already is refused before anything is done.
pub(super) fn require_new_tag(ctx: &mut Ctx<'_>, returns: Option<SearchReturn>) -> Result<()> {
    let tag = ctx.tag;
    if returns.is_some_and(|returns| returns.update) && ctx.selected()?.contexts.has(tag) {
        return Err(CommandError::Bad("Tag reuse"));
    }
    Ok(())
}

/// A search that is to be followed.
#[derive(Debug, Clone)]
pub(super) struct Followed {
    /// What is searched, as it can be asked again.
    pub(super) key: SearchKey,
    /// What is told of messages that come to the results.
    pub(super) fetch: Vec<FetchAttribute>,
}

/// What is searched, as it can be asked again: sequence numbers and `$` replaced by the messages
/// they name now (RFC 5267 §4.3). It has no more ranges than the client wrote, but for what `$`
/// stands for, which is kept once.
pub(super) fn frozen(ctx: &mut Ctx<'_>, key: &SearchKey) -> Result<SearchKey> {
    let selected = ctx.selected()?;
    let (known, saved) = (selected.known().clone(), selected.saved.clone());
    Ok(key.map_sets(&|key| match key {
        SearchKey::Seqs(set) | SearchKey::Uids(set) if set.is_saved() => {
            Some(SearchKey::Saved(saved.clone()))
        }
        SearchKey::Seqs(set) => {
            let uids = uid_ranges(&known, &set.seqs_within(known.exists()));
            Some(SearchKey::Uids(SequenceSet::from_numbers(&uids)))
        }
        _ => None,
    }))
}

/// Follows results from now on, or says that they are not.
pub(super) fn open(
    ctx: &mut Ctx<'_>,
    Followed { key, fetch }: Followed,
    by: Addressing,
    criteria: Vec<SortCriterion>,
    known: Arc<Snapshot>,
    results: &Results,
) -> Result<()> {
    let (tag, limits) = (ctx.tag, &ctx.shared.settings.limits);
    let collation = *ctx.collation;
    let contexts = &mut ctx.selected()?.contexts;
    if let Some(text) = why_not(contexts, limits, &key, &criteria, results) {
        // RFC 5267 §4.3.1: the rest of the command is done all the same.
        let code = Code::NoUpdate(tag);
        ctx.push(|out| render::untagged(out, Status::No, Some(&code), text));
        return Ok(());
    }
    let results = match results {
        Results::Mailbox(seqs) => Results::Mailbox(numbers_of(&uids_of(&known, seqs))),
        Results::Sorted(seqs) => Results::Sorted(search::uids_in_order(&known, seqs)),
    };
    let tag = tag.clone();
    let (seen, missed) = (known, Missed::default());
    let is_doubtful = false;
    contexts.open(Context {
        tag,
        by,
        key,
        fetch,
        criteria,
        collation,
        results,
        seen,
        is_doubtful,
        missed,
    });
    Ok(())
}

/// Why a search is not followed beside those that are.
fn why_not(
    contexts: &Contexts,
    limits: &Limits,
    key: &SearchKey,
    criteria: &[SortCriterion],
    results: &Results,
) -> Option<&'static str> {
    let (count, size) = contexts.size();
    let ranges = contexts.count_ranges().saturating_add(key.count_ranges());
    [
        // How relevant a message is changes with the others: that order cannot be followed.
        (
            criteria.iter().any(|criterion| criterion.key == SortKey::Relevancy),
            "No order to be followed",
        ),
        // Nothing happens to a message that grows older.
        (key.uses_time(), "Time is not followed"),
        (count >= limits.contexts_max || size + results.len() > RESULTS_MAX, "Too many contexts"),
        (ranges > limits.sequence_ranges_max, "Too many ranges to be followed"),
        (search::count_walks(key) > WALKS_MAX, "Too many keys to be followed"),
    ]
    .into_iter()
    .find_map(|(is_so, text)| is_so.then_some(text))
}

/// What came of a command after [`open`]: where it failed nothing is followed, as nothing else of
/// it was done.
pub(super) fn unless_failed<T>(
    ctx: &mut Ctx<'_>,
    returns: Option<SearchReturn>,
    result: Result<T>,
) -> Result<T> {
    if result.is_err()
        && returns.is_some_and(|returns| returns.update)
        && let Some(selected) = ctx.state.selected_mut()
    {
        selected.contexts.close(ctx.tag);
    }
    result
}

/// CANCELUPDATE (RFC 5267 §4.3.5).
pub(super) fn run_cancel(ctx: &mut Ctx<'_>, tags: &[Tag]) -> Result<Reply> {
    let contexts = &mut ctx.selected()?.contexts;
    if !tags.iter().all(|tag| contexts.has(tag)) {
        return Err(CommandError::Bad("No such context"));
    }
    for tag in tags {
        contexts.close(tag);
    }
    Ok(Reply::done())
}

/// The attributes that NOTIFY or UPDATE asks for of messages that have just come.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The sequence numbers of those messages.
    pub(super) seqs: NumberSet,
    /// The attributes to fetch; at least one.
    pub(super) fetch: Vec<FetchAttribute>,
}

/// Tells what has changed in the results of searches since the client was last told: to be
/// called after it was told of the changes that caused it. What cannot be found out now is told
/// later. What is to be told of those that are among the `new` messages, or came before and were
/// not told of.
pub(super) async fn refresh(
    shared: &Shared,
    state: &mut State,
    new: &NumberSet,
    out: &mut Vec<u8>,
) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let actor = state.user().map(|user| user.account);
    let Some(selected) = state.selected_mut().filter(|selected| !selected.contexts.is_empty())
    else {
        return wanted;
    };
    let known = selected.known().clone();
    let recent = Arc::new(numbers_of(selected.recent()));
    let Some(actor) = actor else { return wanted };
    let new = uid_ranges(&known, new);
    for context in selected.contexts.iter_mut() {
        match refresh_one(shared, actor, context, &known, &recent, out).await {
            Ok(added) => {
                let uids = context.missed.settle(&added, &new);
                let seqs = seqs_of_uids(&known, &uids);
                if !seqs.is_empty() && !context.fetch.is_empty() {
                    wanted.push(Wanted { seqs, fetch: context.fetch.clone() });
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a context is not up to date");
                context.missed.note(&new);
            }
        }
    }
    wanted
}

/// The UIDs from the first to the last of each range of messages: between them are no others that
/// there are.
fn uid_ranges(known: &Snapshot, seqs: &NumberSet) -> NumberSet {
    let mut uids = NumberSet::new();
    for &(first, last) in seqs.ranges() {
        if let Some((first, last)) = known.by_seq(first).zip(known.by_seq(last)) {
            uids.insert_range(first.uid().get(), last.uid().get());
        }
    }
    uids
}

/// The UIDs of the messages that are results now and were not.
async fn refresh_one(
    shared: &Shared,
    actor: AccountId,
    context: &mut Context,
    known: &Arc<Snapshot>,
    recent: &Arc<NumberSet>,
    out: &mut Vec<u8>,
) -> Result<NumberSet> {
    let mut new = NumberSet::new();
    if Arc::ptr_eq(&context.seen, known) && !context.is_doubtful {
        return Ok(new);
    }
    let fresh = fresh(known, context);
    if !fresh.is_empty() {
        let nothing = Arc::default();
        let (key, collation) = (&context.key, context.collation);
        let work = &Work::new(shared.settings.search_bytes_max);
        let asked = Asked { key, known, saved: &nothing, recent, actor, collation, work };
        let program = search::compile(&shared.store, asked).await?;
        let matched =
            evaluate(&shared.store, known.clone(), &fresh, program, &Progress::default()).await?;
        let matched = numbers_of(&uids_of(known, &matched));
        let held = context.results.to_set();
        let changed = numbers_of(&uids_of(known, &fresh)).intersection(&held);
        let mut gone = changed.difference(&matched);
        new = matched.difference(&held);
        let left = held.difference(&gone);
        let next = next_results(shared, actor, context, known, &left, &new).await?;
        if context.is_order_mutable() {
            // RFC 5267 §4.3.2, "the results are maintained in the requested order": what moved is
            // taken out and put where it belongs now.
            gone = context.results.out_of_place(gone, changed, &next);
        }
        // RFC 5267 §4.3.2: the client works them off in this order.
        let removed = context.results.remove(&gone);
        context.tell(ContextUpdate::RemoveFrom, removed, known, out);
        let added = context.results.grow(next);
        context.tell(ContextUpdate::AddTo, added, known, out);
    }
    context.seen = known.clone();
    context.is_doubtful = false;
    Ok(new)
}

/// The messages that may be found now and were not, or the other way round.
fn fresh(known: &Snapshot, context: &Context) -> NumberSet {
    if context.is_doubtful {
        let mut all = NumberSet::new();
        if known.exists() > 0 {
            all.insert_range(1, known.exists());
        }
        return all;
    }
    let diff = known.diff_from(&context.seen);
    let mut fresh: NumberSet = diff.changed.iter().map(|(_, seq)| *seq).collect();
    if diff.appended > 0 {
        fresh.insert_range(known.exists() - diff.appended + 1, known.exists());
    }
    if context.key.uses_last_uid() {
        // Where `*` is another message, a range to it, from wherever, holds all that it held, but
        // for the last message of then and of now.
        let last =
            [context.seen.as_ref(), known].map(|snapshot| snapshot.by_seq(snapshot.exists()));
        for entry in last.into_iter().flatten() {
            known.seq_of(entry.uid()).into_iter().for_each(|seq| fresh.insert(seq));
        }
    }
    fresh
}

/// The results with those that are new, in their order.
async fn next_results(
    shared: &Shared,
    actor: AccountId,
    context: &Context,
    known: &Arc<Snapshot>,
    left: &NumberSet,
    new: &NumberSet,
) -> Result<Results> {
    let mut all = left.clone();
    for &(low, high) in new.ranges() {
        all.insert_range(low, high);
    }
    if context.criteria.is_empty() {
        return Ok(Results::Mailbox(all));
    }
    let seqs = all.iter().filter_map(|uid| known.seq_of(ids::Uid::new(uid))).collect();
    let found = Found { known: known.clone(), seqs, reached: None };
    let (criteria, collation) = (context.criteria.clone(), context.collation);
    let order = Order { actor, criteria, collation, scores: None };
    let seqs = in_order(shared, &found, order).await?;
    Ok(Results::Sorted(search::uids_in_order(known, &seqs)))
}
