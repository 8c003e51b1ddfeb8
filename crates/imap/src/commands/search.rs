//! SEARCH and UID SEARCH (RFC 9051 §6.4.4) with ESEARCH (RFC 4731), SEARCHRES (RFC 5182), WITHIN
//! (RFC 5032), and MODSEQ (RFC 7162 §3.1.5).
//!
//! Keys are compiled to a [`Program`](program::Program), which is asked in stages: first with
//! what the view knows of each message, then, for the messages it could not decide, with what
//! was computed of them at delivery, then with their headers, and last with their text. So an
//! expensive key reads only the messages that every cheap one has let pass.

mod content;
mod program;

use std::sync::Arc;

use ids::ModSeq;
use storage::{ReadTx, Snapshot, StorageError, Want};

use self::program::{Facts, Program, Sets};
use super::batches::{BATCH_BYTES, Batches};
use super::{Ctx, Reply, numbers_of, uids_of};
use crate::error::Result;
use crate::render::{self, Esearch};
use crate::types::{Addressing, NumberSet, SearchArgs, SearchReturn};

/// LIMIT: tests of one message by one key that an async thread makes itself: about a millisecond.
const TESTS_IN_PLACE: u64 = 100_000;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: SearchArgs) -> Result<Reply> {
    let now = ctx.shared.store.now();
    let uses_modseq = args.key.uses_modseq();
    let selected = ctx.selected()?;
    let known = selected.known().clone();
    let recent = numbers_of(selected.recent());
    let sets = Sets { known: &known, saved: &selected.saved, recent };
    let program = Program::compile(&args.key, &sets, now);
    if uses_modseq {
        // RFC 7162 §3.1: the key makes the client one that knows CONDSTORE.
        ctx.enable_condstore();
    }
    let saves = args.returns.is_some_and(|returns| returns.save);
    if saves {
        // RFC 9051 §6.4.4.1: what was saved before is gone also when this command fails; the
        // program has resolved its own `$` already.
        ctx.selected()?.saved = NumberSet::new();
    }
    let found = evaluate(ctx, known.clone(), program).await?;
    if saves {
        let kept = kept(&found, args.returns.unwrap_or_default());
        ctx.selected()?.saved = numbers_of(&uids_of(&known, &kept));
    }
    let modseq = uses_modseq.then(|| highest_modseq(&known, &found, args.returns)).flatten();
    tell(ctx, &args, &known, &found, modseq).await?;
    Ok(Reply::done())
}

/// RFC 9051 §6.4.4.1: MIN and MAX alone save only what they name.
fn kept(found: &NumberSet, returns: SearchReturn) -> NumberSet {
    if returns.all || returns.count || !(returns.min || returns.max) {
        return found.clone();
    }
    let min = found.first().filter(|_| returns.min);
    let max = found.last().filter(|_| returns.max);
    min.into_iter().chain(max).collect()
}

/// The highest modseq of what is returned: of all found (RFC 7162 §3.1.6), or with MIN and MAX
/// only of those two (RFC 4731 §3.2).
fn highest_modseq(
    known: &Snapshot,
    found: &NumberSet,
    returns: Option<SearchReturn>,
) -> Option<ModSeq> {
    let returned = returns.map_or_else(|| found.clone(), |returns| kept(found, returns));
    let ranges = returned.ranges().iter();
    ranges.flat_map(|&(first, last)| known.entries(first..=last)).map(|(_, e)| e.modseq()).max()
}

async fn tell(
    ctx: &mut Ctx<'_>,
    args: &SearchArgs,
    known: &Snapshot,
    found: &NumberSet,
    modseq: Option<ModSeq>,
) -> Result<()> {
    let uids;
    let found = match args.by {
        Addressing::Seq => found,
        Addressing::Uid => {
            uids = numbers_of(&uids_of(known, found));
            &uids
        }
    };
    // RFC 9051 §6.4.4: who speaks IMAP4rev2 is answered with ESEARCH, asked for or not.
    let all = SearchReturn { all: true, ..SearchReturn::default() };
    let returns = args.returns.or(ctx.enabled.rev2().then_some(all));
    let mut out = Vec::new();
    match returns {
        None => render::search(&mut out, found, modseq),
        // RFC 5182 §2.1: SAVE alone keeps the result and sends none.
        Some(returns) if !returns.sends_result() => {}
        Some(returns) => {
            let reply = Esearch { tag: ctx.tag, by: args.by, returns, found, modseq };
            render::esearch(&mut out, &reply);
        }
    }
    ctx.connection.write(&out).await?;
    Ok(())
}

/// The sequence numbers of the messages found.
async fn evaluate(ctx: &Ctx<'_>, known: Arc<Snapshot>, program: Program) -> Result<NumberSet> {
    let program = Arc::new(program);
    let tests = u64::from(known.exists()).saturating_mul(program.size());
    let (mut found, mut open) = if tests <= TESTS_IN_PLACE {
        first_stage(&known, &program)
    } else {
        let (known, program) = (known.clone(), program.clone());
        let testing = tokio::task::spawn_blocking(move || first_stage(&known, &program));
        testing.await.map_err(|error| StorageError::Internal(error.to_string()))?
    };
    for want in program.stages() {
        if open.is_empty() {
            break;
        }
        let mut undecided = NumberSet::new();
        let mut batches = Batches::new(&known, &open, want);
        while let Some(batch) = batches.next() {
            let (known, program) = (known.clone(), program.clone());
            let (tested, rest) = ctx
                .shared
                .store
                .read(move |tx| test_batch(tx, &known, &batch, &program, want))
                .await?;
            if let Some(seq) = rest {
                batches.go_back_to(seq);
            }
            for (seq, outcome) in tested {
                match outcome {
                    Some(true) => found.insert(seq),
                    Some(false) => {}
                    None => undecided.insert(seq),
                }
            }
        }
        open = undecided;
    }
    Ok(found)
}

/// What the view alone decides: the messages found, and those still open.
fn first_stage(known: &Snapshot, program: &Program) -> (NumberSet, NumberSet) {
    let (mut found, mut open) = (NumberSet::new(), NumberSet::new());
    for (seq, entry) in known.entries(1..=known.exists()) {
        match program.test(&Facts::of_view(seq, &entry)) {
            Some(true) => found.insert(seq),
            Some(false) => {}
            None => open.insert(seq),
        }
    }
    (found, open)
}

/// Sequence numbers and what came out for each.
type Tested = Vec<(u32, Option<bool>)>;

/// Tests a batch; with it the first message that was too much for it.
fn test_batch(
    tx: &mut ReadTx<'_>,
    known: &Snapshot,
    seqs: &[u32],
    program: &Program,
    want: Want,
) -> storage::Result<(Tested, Option<u32>)> {
    let entries: Vec<_> =
        seqs.iter().filter_map(|&seq| known.by_seq(seq).map(|entry| (seq, entry))).collect();
    let ids: Vec<_> = entries.iter().map(|(_, entry)| entry.content()).collect();
    let contents = tx.load_contents_within(&ids, want, BATCH_BYTES)?;
    let rest = entries.get(contents.len()).map(|(seq, _)| *seq);
    let facts = entries.iter().zip(&contents);
    // What was erased under a session that was not told yet is not found.
    let tested = facts.filter_map(|((seq, entry), content)| {
        let facts = Facts::of_content(*seq, entry, content.as_ref()?);
        Some((*seq, program.test(&facts)))
    });
    Ok((tested.collect(), rest))
}
