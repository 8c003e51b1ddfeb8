//! SEARCH and UID SEARCH (RFC 9051 §6.4.4) with ESEARCH (RFC 4731), SEARCHRES (RFC 5182), WITHIN
//! (RFC 5032), and MODSEQ (RFC 7162 §3.1.5).
//!
//! Keys are compiled to a [`Program`](program::Program), which is asked in stages: first with
//! what the view knows of each message, then, for the messages it could not decide, with what the
//! search index says, then with what was computed of them at delivery, with their headers, and
//! last with their text. So an expensive key reads only the messages that every cheap one has let
//! pass, and of those the index knows mostly none.

mod answer;
mod content;
mod flag_tests;
mod forms;
mod program;
mod relevance;
mod rows;
mod sought;
#[cfg(test)]
mod tests;
mod work;

use std::sync::Arc;

use ids::AccountId;
use message::Collation;
use storage::{Near, SearchTerm, Snapshot, StorageError, Store, Want};
use tokio::sync::Semaphore;

pub(super) use self::answer::{answer, highest_modseq, relevance, save, uids_in_order};
use self::program::{Facts, Program, Sets};
use self::rows::RowKeys;
pub(super) use self::rows::count_walks;
use self::sought::Indexed;
pub(super) use self::work::Work;
use super::aside::aside;
use super::batches::{BATCH_BYTES, Batches};
use super::contexts::Followed;
use super::message_limit::Reached;
use super::progress::Progress;
use super::{Ctx, Reply, contexts, message_limit, numbers_of};
use crate::error::{CommandError, Result, refused};
use crate::render::{self, Code, Status};
use crate::types::{FetchAttribute, NumberSet, Results, SearchArgs, SearchKey, SearchReturn};

/// LIMIT: tests of one message by one key that an async thread makes itself: about a millisecond.
const TESTS_IN_PLACE: u64 = 100_000;

/// LIMIT: such tests that are made at once: some tenths of a second, after which nobody may wait
/// for the answer any more.
const TESTS_AT_ONCE: u64 = 20_000_000;

/// LIMIT: up to so many messages are read themselves, sooner than the index is asked.
const READ_WITHOUT_INDEX: u64 = 16;

/// LIMIT: terms that one transaction asks the index for: a word spelled nearly so is compared with
/// every word that begins as it does.
const TERMS_AT_ONCE: usize = 8;

/// LIMIT: messages that an async thread orders itself: about half a millisecond.
const ORDERED_IN_PLACE: usize = 2000;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: SearchArgs) -> Result<Reply> {
    contexts::require_new_tag(ctx, args.returns)?;
    require_fuzzy(args.returns.unwrap_or_default(), &args.key)?;
    let followed = followed(ctx, args.returns, &args.key, &args.fetch)?;
    let saves = args.returns.is_some_and(|returns| returns.save);
    let limit = ctx.message_limit();
    let Found { known, seqs, reached } = find(ctx, &args.key, saves, limit).await?;
    let results = Results::Mailbox(seqs);
    if followed.is_some() && reached.is_some() {
        // RFC 5267 §4.3.1: what was not looked at can't be followed.
        let code = Code::NoUpdate(ctx.tag);
        ctx.push(|out| render::untagged(out, Status::No, Some(&code), "Not all was searched"));
    } else if let Some(followed) = followed {
        contexts::open(ctx, followed, args.by, Vec::new(), known.clone(), &results)?;
    }
    // RFC 9051 §6.4.4: who speaks IMAP4rev2 is answered with ESEARCH, asked for or not.
    let all = SearchReturn { all: true, ..SearchReturn::default() };
    let returns = args.returns.or(ctx.enabled.rev2().then_some(all));
    // RFC 9738 §3.1: where not all was searched, the highest comes first.
    let descending = reached.is_some();
    let answered = answer(ctx, &known, results, args.by, returns, &args.key, descending).await;
    contexts::unless_failed(ctx, returns, answered)?;
    Ok(message_limit::reply(ctx, reached, Reply::done()))
}

/// RFC 6203 §4: RELEVANCY needs a FUZZY key.
pub(super) fn require_fuzzy(returns: SearchReturn, key: &SearchKey) -> Result<()> {
    match returns.relevancy && !key.is_fuzzy() {
        true => Err(CommandError::Bad("RELEVANCY needs FUZZY")),
        false => Ok(()),
    }
}

/// The words of a text that is sought fuzzily, in the form of a collation.
fn words(text: &str, collation: Collation) -> Vec<String> {
    text.split_whitespace().map(|word| collation.search_form(word).into_owned()).collect()
}

/// The words spelled nearly like one that is sought fuzzily.
fn near(word: &str) -> Option<Near> {
    Near::new(&message::search_form(word))
}

/// The results of a search, with the snapshot they hold for.
pub(super) struct Found {
    /// The snapshot that the client knew.
    pub(super) known: Arc<Snapshot>,
    /// The sequence numbers in it.
    pub(super) seqs: NumberSet,
    /// How far down messages were looked at, where that is not all of them.
    pub(super) reached: Option<Reached>,
}

/// Searches the selected mailbox.
pub(super) async fn find(
    ctx: &mut Ctx<'_>,
    key: &SearchKey,
    saves: bool,
    limit: Option<u32>,
) -> Result<Found> {
    let store = ctx.shared.store.clone();
    let (actor, collation) = (ctx.user()?.account, *ctx.collation);
    let selected = ctx.selected()?;
    let (known, saved) = (selected.known().clone(), selected.saved.clone());
    let recent = Arc::new(numbers_of(selected.recent()));
    let work = Work::new(ctx.shared.settings.search_bytes_max);
    if key.uses_modseq() {
        // RFC 7162 §3.1: the key makes the client one that knows CONDSTORE.
        ctx.enable_condstore();
    }
    if saves {
        // RFC 9051 §6.4.4.1: what was saved before is gone also when this command fails, which
        // searches in what `$` stood for.
        ctx.selected()?.saved = Arc::default();
    }
    let progress = Progress::default();
    let searching = async {
        let (known, saved, recent, work) = (&known, &saved, &recent, &work);
        let asked = Asked { key, known, saved, recent, actor, collation, work };
        let (among, reached) = among(&store, limit, known, &asked).await?;
        let program = compile(&store, asked).await?;
        let seqs = evaluate(&store, known.clone(), &among, program, &progress).await?;
        Ok::<_, CommandError>((seqs, reached))
    };
    let (seqs, reached) = ctx.wait_for(&progress, searching).await??;
    ctx.check_rights().await?;
    Ok(Found { known, seqs, reached })
}

/// The messages to look at. RFC 9738 §3.1: those count that are looked at and not those found;
/// the numbers that all of them must have bound them beforehand.
async fn among(
    store: &Store,
    limit: Option<u32>,
    known: &Arc<Snapshot>,
    asked: &Asked<'_>,
) -> Result<(NumberSet, Option<Reached>)> {
    let mut all = NumberSet::new();
    all.insert_range(1, known.exists());
    if limit.is_none_or(|limit| known.exists() <= limit) {
        return Ok((all, None));
    }
    let numbers = asked.key.numbers();
    let program = Arc::new(compile(store, Asked { key: &numbers, ..*asked }).await?);
    // Numbers are all known to the view.
    let (found, _) = first_stage_where_fit(known, &all, &program).await?;
    Ok(message_limit::cut(limit, known, found))
}

/// A search that works on messages in their order, for commands that would be of no use for some
/// of them (RFC 9738 §3.3).
pub(super) async fn find_all(ctx: &mut Ctx<'_>, key: &SearchKey, saves: bool) -> Result<Found> {
    let limit = ctx.message_limit();
    let found = find(ctx, key, saves, limit).await?;
    match found.reached {
        Some(reached) => Err(reached.refusal()),
        None => Ok(found),
    }
}

/// A search and what its keys refer to.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) key: &'a SearchKey,
    pub(super) known: &'a Snapshot,
    /// UIDs that `$` stands for.
    pub(super) saved: &'a Arc<NumberSet>,
    /// UIDs that are `\Recent`.
    pub(super) recent: &'a Arc<NumberSet>,
    /// The account that searches, since annotations are not the same to everybody.
    pub(super) actor: AccountId,
    pub(super) collation: Collation,
    /// What the command may look through.
    pub(super) work: &'a Arc<Work>,
}

/// Makes a search ready.
pub(super) async fn compile(store: &Store, asked: Asked<'_>) -> Result<Program> {
    let rows = RowKeys::load(store, &asked).await?;
    let Asked { key, known, saved, recent, collation, work, .. } = asked;
    let sets = Sets { known, saved, recent, rows, collation };
    Ok(Program::compile(key, &sets, store.now(), work.clone()))
}

/// What is to be followed, where UPDATE asks for it.
pub(super) fn followed(
    ctx: &mut Ctx<'_>,
    returns: Option<SearchReturn>,
    key: &SearchKey,
    fetch: &[FetchAttribute],
) -> Result<Option<Followed>> {
    match returns.is_some_and(|returns| returns.update) {
        true => Ok(Some(Followed { key: contexts::frozen(ctx, key)?, fetch: fetch.to_vec() })),
        false => Ok(None),
    }
}

/// Does what takes time for each of `messages`, beside the async threads if there are many.
pub(super) async fn off_thread<T: Send + 'static>(
    messages: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    if messages <= ORDERED_IN_PLACE {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| StorageError::Internal(error.to_string()))?)
}

/// [`off_thread`], one after the other where there are more than `turns`: who gives up waiting
/// takes none, and what has begun keeps its own until its end, even where nobody waits for that.
pub(super) async fn off_thread_in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    messages: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    if messages <= ORDERED_IN_PLACE {
        return Ok(work());
    }
    let turn = turns.clone().acquire_owned().await;
    let turn = turn.map_err(|error| StorageError::Internal(error.to_string()))?;
    let in_turn = move || {
        let done = work();
        drop(turn);
        done
    };
    off_thread(messages, in_turn).await
}

/// The sequence numbers of the messages found among some.
pub(super) async fn evaluate(
    store: &Store,
    known: Arc<Snapshot>,
    among: &NumberSet,
    program: Program,
    progress: &Progress,
) -> Result<NumberSet> {
    let program = Arc::new(program);
    let (mut found, mut open) = first_stage_where_fit(&known, among, &program).await?;
    let mut index = None;
    if open.len() > READ_WITHOUT_INDEX && !program.terms().is_empty() {
        let (known, program, asked) = (known.clone(), program.clone(), open);
        let asking = aside(store, move |store| index_stage(store, &known, &asked, &program));
        let (more, rest, answer) = asking.await?;
        append(&mut found, more);
        (open, index) = (rest, Some(Arc::new(answer)));
    }
    progress.begin(u32::try_from(among.len()).unwrap_or(u32::MAX));
    for want in program.stages() {
        if open.is_empty() {
            break;
        }
        let mut undecided = NumberSet::new();
        let mut batches = Batches::new(&known, &open, want);
        let mut left = open.len();
        while let Some(batch) = batches.next() {
            let (known, index) = (known.clone(), index.clone());
            let tester = Tester { known, program: program.clone(), index };
            let testing = aside(store, move |store| tester.test(store, &batch, want));
            let (tested, rest) = testing.await?;
            if program.work().is_spent() {
                return Err(refused(Code::Limit, "Too many keys for texts of this size"));
            }
            if let Some(seq) = rest {
                batches.go_back_to(seq);
            }
            for (seq, outcome) in tested {
                left -= u64::from(outcome.is_some());
                match outcome {
                    Some(true) => found.insert(seq),
                    Some(false) => {}
                    None => undecided.insert(seq),
                }
            }
            progress.left(u32::try_from(left).unwrap_or(u32::MAX));
        }
        open = undecided;
    }
    Ok(found)
}

/// What the view alone decides: the messages found, and those still open.
fn first_stage(known: &Snapshot, among: &NumberSet, program: &Program) -> (NumberSet, NumberSet) {
    stage(known, among, program, None)
}

/// The first stage, beside the async threads where it takes time.
async fn first_stage_where_fit(
    known: &Arc<Snapshot>,
    among: &NumberSet,
    program: &Arc<Program>,
) -> Result<(NumberSet, NumberSet)> {
    let tests = among.len().saturating_mul(program.size());
    match tests <= TESTS_IN_PLACE {
        true => Ok(first_stage(known, among, program)),
        false => first_stage_aside(known, among, program, TESTS_AT_ONCE).await,
    }
}

/// The first stage where it takes time: beside the async threads, and so many tests at once that
/// nothing of it goes on for long that nobody waits for any more.
async fn first_stage_aside(
    known: &Arc<Snapshot>,
    among: &NumberSet,
    program: &Arc<Program>,
    tests_at_once: u64,
) -> Result<(NumberSet, NumberSet)> {
    let (messages, size) = (among.len(), program.size().max(1));
    if !program.work().take_tests(messages.saturating_mul(size)) {
        return Err(too_many());
    }
    let at_once = (tests_at_once / size).max(1) as usize;
    let (mut found, mut open) = (NumberSet::new(), NumberSet::new());
    for start in (0..messages as usize).step_by(at_once) {
        let some = among.slice(start..start.saturating_add(at_once));
        let (known, program) = (known.clone(), program.clone());
        let testing = tokio::task::spawn_blocking(move || first_stage(&known, &some, &program));
        let tested = testing.await;
        let (more, rest) = tested.map_err(|error| StorageError::Internal(error.to_string()))?;
        append(&mut found, more);
        append(&mut open, rest);
    }
    Ok((found, open))
}

/// The keys take more than one command may do, whatever the texts.
fn too_many() -> CommandError {
    refused(Code::Limit, "Too many keys for a mailbox of this size")
}

/// Adds numbers.
fn append(numbers: &mut NumberSet, more: NumberSet) {
    if numbers.is_empty() {
        *numbers = more;
        return;
    }
    for &(first, last) in more.ranges() {
        numbers.insert_range(first, last);
    }
}

/// What the index decides beside it, and all that it said.
fn index_stage(
    store: &Store,
    known: &Snapshot,
    among: &NumberSet,
    program: &Program,
) -> storage::Result<(NumberSet, NumberSet, storage::Found)> {
    let index = ask_index(store, known, program.terms(), storage::Asked::Whether)?;
    let (found, open) = stage(known, among, program, Some(&index));
    Ok((found, open, index))
}

/// What the index says of all terms, in some transactions: between two of them others may read.
fn ask_index(
    store: &Store,
    known: &Snapshot,
    terms: &[SearchTerm],
    asked: storage::Asked,
) -> storage::Result<storage::Found> {
    let mailbox = known.mailbox();
    let mut answer: Option<storage::Found> = None;
    for terms in terms.chunks(TERMS_AT_ONCE) {
        let found = store.read_blocking(|tx| tx.search(mailbox, terms, asked))?;
        let Some(known) = &mut answer else {
            answer = Some(found);
            continue;
        };
        if !known.extend(found) {
            break;
        }
    }
    Ok(answer.unwrap_or_default())
}

fn stage(
    known: &Snapshot,
    among: &NumberSet,
    program: &Program,
    index: Option<&storage::Found>,
) -> (NumberSet, NumberSet) {
    let (mut found, mut open) = (NumberSet::new(), NumberSet::new());
    let ranges = among.ranges().iter();
    let mut place = None;
    for (seq, entry) in ranges.flat_map(|&(first, last)| known.entries(first..=last)) {
        let indexed = Indexed::find(index, entry.content(), place);
        place = indexed.map_or(place, |indexed| Some(indexed.place));
        match program.test(&Facts::of_view(seq, &entry, indexed)) {
            Some(true) => found.insert(seq),
            Some(false) => {}
            None => open.insert(seq),
        }
    }
    (found, open)
}

/// Sequence numbers and what came out for each.
type Tested = Vec<(u32, Option<bool>)>;

/// What messages are tested with that have to be read.
struct Tester {
    known: Arc<Snapshot>,
    program: Arc<Program>,
    index: Option<Arc<storage::Found>>,
}

impl Tester {
    /// Tests a batch; with it the first message that was too much for it.
    fn test(
        &self,
        store: &Store,
        seqs: &[u32],
        want: Want,
    ) -> storage::Result<(Tested, Option<u32>)> {
        let entry = |&seq: &u32| self.known.by_seq(seq).map(|entry| (seq, entry));
        let entries: Vec<_> = seqs.iter().filter_map(entry).collect();
        let ids: Vec<_> = entries.iter().map(|(_, entry)| entry.content()).collect();
        let contents =
            store.read_blocking(|tx| tx.load_contents_within(&ids, want, BATCH_BYTES))?;
        let rest = entries.get(contents.len()).map(|(seq, _)| *seq);
        // What was erased under a session that was not told yet is not found.
        let tested = entries.iter().zip(&contents).filter_map(|((seq, entry), content)| {
            let indexed = Indexed::find(self.index.as_deref(), entry.content(), None);
            let facts = Facts::of_view(*seq, entry, indexed);
            let facts = facts.with_content(content.as_ref()?, &self.program);
            Some((*seq, self.program.test(&facts)))
        });
        Ok((tested.collect(), rest))
    }
}
