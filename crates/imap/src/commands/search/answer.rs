//! The end of a search: its results are saved for `$` (RFC 9051 §6.4.4.1), scored where RELEVANCY
//! is asked for (RFC 6203 §4), and told as SEARCH or ESEARCH.

use std::collections::BTreeMap;
use std::sync::Arc;

use ids::ModSeq;
use storage::Snapshot;

use super::super::progress::Progress;
use super::super::{Ctx, numbers_of, uids_of};
use super::relevance::scores;
use crate::error::Result;
use crate::render::{self, Esearch};
use crate::types::{Addressing, NumberSet, Results, SearchKey, SearchReturn};

/// A score for each result, in their order (RFC 6203 §4).
pub(in crate::commands) async fn relevance(
    ctx: &mut Ctx<'_>,
    known: &Arc<Snapshot>,
    results: &Results,
    key: &SearchKey,
) -> Result<Vec<u8>> {
    let seqs = results.to_set();
    let (store, collation) = (ctx.shared.store.clone(), *ctx.collation);
    let scoring = scores(&store, known, &seqs, key, collation);
    let scores = ctx.wait_for(&Progress::default(), scoring).await??;
    Ok(match results {
        Results::Mailbox(_) => scores,
        Results::Sorted(numbers) => {
            let by_seq: BTreeMap<u32, u8> = seqs.iter().zip(scores).collect();
            numbers.iter().map(|seq| by_seq.get(seq).copied().unwrap_or(1)).collect()
        }
    })
}

/// Saves and tells what was found, as far as it was asked for.
pub(in crate::commands) async fn answer(
    ctx: &mut Ctx<'_>,
    known: &Arc<Snapshot>,
    results: Results,
    by: Addressing,
    returns: Option<SearchReturn>,
    key: &SearchKey,
    descending: bool,
) -> Result<()> {
    let relevancy = match returns.is_some_and(|returns| returns.relevancy) {
        true => Some(relevance(ctx, known, &results, key).await?),
        false => None,
    };
    // RFC 9051 §6.4.4.1: only now, as a search that fails leaves nothing saved.
    if returns.is_some_and(|returns| returns.save) {
        save(ctx, known, &results, returns)?;
    }
    let modseq = key.uses_modseq().then(|| highest_modseq(known, &results, returns)).flatten();
    tell(ctx, known, results, by, returns, Told { descending, relevancy, modseq }).await
}

/// Values that the answer has beside the results (RFC 6203, RFC 7162).
struct Told {
    /// Whether the highest comes first.
    descending: bool,
    relevancy: Option<Vec<u8>>,
    modseq: Option<ModSeq>,
}

/// Keeps what `$` stands for from now on.
pub(in crate::commands) fn save(
    ctx: &mut Ctx<'_>,
    known: &Snapshot,
    results: &Results,
    returns: Option<SearchReturn>,
) -> Result<()> {
    let kept = kept(results, returns.unwrap_or_default());
    ctx.selected()?.saved = Arc::new(numbers_of(&uids_of(known, &kept)));
    Ok(())
}

/// RFC 9051 §6.4.4.4: MIN and MAX save only what they name, unless ALL or COUNT stand beside
/// them; RFC 9394 §3.2: so does PARTIAL.
fn kept(found: &Results, returns: SearchReturn) -> NumberSet {
    let names_some = returns.min || returns.max || returns.partial.is_some();
    if returns.all || returns.count || !names_some {
        return found.to_set();
    }
    let mut kept = match returns.partial {
        Some(partial) => found.slice(partial.positions(found.len())).to_set(),
        None => NumberSet::new(),
    };
    let min = found.first().filter(|_| returns.min);
    let max = found.last().filter(|_| returns.max);
    for seq in min.into_iter().chain(max) {
        kept.insert(seq);
    }
    kept
}

/// The highest modseq of what is returned: of all found (RFC 7162 §3.1.6), or with MIN and MAX
/// only of those two (RFC 4731 §3.2).
pub(in crate::commands) fn highest_modseq(
    known: &Snapshot,
    found: &Results,
    returns: Option<SearchReturn>,
) -> Option<ModSeq> {
    let returned = kept(found, returns.unwrap_or_default());
    let ranges = returned.ranges().iter();
    ranges.flat_map(|&(first, last)| known.entries(first..=last)).map(|(_, e)| e.modseq()).max()
}

/// Answers with what was found, in the numbers asked for.
async fn tell(
    ctx: &mut Ctx<'_>,
    known: &Arc<Snapshot>,
    results: Results,
    by: Addressing,
    returns: Option<SearchReturn>,
    told: Told,
) -> Result<()> {
    let results = match (by, results) {
        (Addressing::Seq, results) => results,
        (Addressing::Uid, Results::Mailbox(seqs)) => {
            Results::Mailbox(numbers_of(&uids_of(known, &seqs)))
        }
        (Addressing::Uid, Results::Sorted(seqs)) => Results::Sorted(uids_in_order(known, &seqs)),
    };
    let mut out = Vec::new();
    match returns {
        None => render::found(&mut out, &results, told.descending, told.modseq),
        // RFC 5182 §2.1: SAVE alone keeps the result and sends none.
        Some(returns) if !returns.sends_result() => {}
        Some(returns) => {
            let reply = Esearch {
                tag: ctx.tag,
                mailbox: None,
                by,
                returns,
                found: &results,
                relevancy: told.relevancy.as_deref(),
                modseq: told.modseq,
            };
            render::esearch(&mut out, &reply);
        }
    }
    ctx.connection.write(&out).await?;
    Ok(())
}

/// The UIDs of messages, in the order given.
pub(in crate::commands) fn uids_in_order(known: &Snapshot, seqs: &[u32]) -> Vec<u32> {
    // Looked up one by one, unless one walk over the mailbox costs less.
    if seqs.len() < known.exists() as usize / 16 {
        let uid = |seq: &u32| known.by_seq(*seq).map_or(0, |entry| entry.uid().get());
        return seqs.iter().map(uid).collect();
    }
    let all: Vec<u32> =
        known.entries(1..=known.exists()).map(|(_, entry)| entry.uid().get()).collect();
    let uid = |seq: &u32| all.get(seq.saturating_sub(1) as usize).copied().unwrap_or_default();
    seqs.iter().map(uid).collect()
}
