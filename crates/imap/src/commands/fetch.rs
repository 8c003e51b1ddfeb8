//! FETCH and UID FETCH (RFC 9051 §6.4.5).
//!
//! The answer is made in batches: while one is on its way to the client, the next is read and
//! rendered on a storage thread. No transaction is open while bytes are written.

mod annotation;
pub(super) mod decoded;
pub(super) mod large;
mod response;
pub(super) mod section;

use std::collections::BTreeMap;
use std::sync::Arc;

use ids::{ContentId, ModSeq, Timestamp, Uid, UidSet};
use message::flag::{Flags, SystemFlags};
use storage::{
    Content, Entry, FlagChange, ReadTx, Rights, Snapshot, StorageError, Store, ThreadId,
};

use self::annotation::Annotations;
use self::large::Large;
pub(super) use self::response::Plan;
use self::response::{Read, render_message};
use super::batches::{BATCH_BYTES, Batches};
use super::vanished::{Asked, expunged_since};
use super::{Ctx, Reply, message_limit, own_modseq};
use crate::error::{CommandError, Result, refused};
use crate::render::{self, Code};
use crate::session::Updates;
use crate::types::{Addressing, FetchArgs, FetchAttribute, NumberSet, SequenceSet};

/// LIMIT: what only the view is asked for is handed over in pieces of this size.
const PIECE_BYTES: usize = 32 * 1024;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: FetchArgs) -> Result<Reply> {
    if args.vanished && !ctx.enabled.qresync() {
        // RFC 7162 §3.2.6: BAD unless QRESYNC was enabled.
        return Err(CommandError::Bad("VANISHED needs QRESYNC"));
    }
    let mut seqs = ctx.seqs_of(&args.set, args.by)?;
    if args.changed_since.is_some() || args.attributes.contains(&FetchAttribute::ModSeq) {
        // RFC 7162 §3.1: both make the client one that knows CONDSTORE.
        ctx.enable_condstore();
    }
    // What others changed is told first, so that the answer agrees with what came before it.
    let enabled = *ctx.enabled;
    let mut out = Vec::new();
    ctx.selected()?.tell_updates(Updates::WithoutExpunge, enabled, &mut out);
    ctx.connection.write(&out).await?;
    if let Some(since) = args.changed_since.filter(|_| args.vanished) {
        tell_vanished(ctx, &args.set, since).await?;
    }
    let limit = ctx.message_limit();
    if let Some(partial) = args.partial {
        // RFC 9738 §3.1: what is asked for is known to be too much.
        message_limit::refuse_above(limit, u64::from(partial.high - partial.low) + 1)?;
        // RFC 9394 §3.4: first the part of the set, then those of it that changed.
        seqs = seqs.slice(partial.positions(seqs.len() as usize));
    }
    let seqs = changed_since(ctx, seqs, args.changed_since)?;
    let (seqs, reached) = message_limit::cut(limit, ctx.selected()?.known(), seqs);
    let seen = mark_seen(ctx, &args, &seqs).await?;
    let actor = ctx.user()?.account;
    let selected = ctx.selected()?;
    let (known, recent) = (selected.known().clone(), selected.recent().clone());
    let by = args.by;
    let mut plan = Plan::new(args, actor, enabled, seen, recent);
    // RFC 9738 §3.1: where not all is told, the highest comes first.
    plan.descending = reached.is_some();
    answer(ctx, by, known, &seqs, plan).await?;
    Ok(message_limit::reply(ctx, reached, Reply::done()))
}

/// RFC 7162 §3.2.6: what was expunged comes before the first FETCH.
async fn tell_vanished(ctx: &mut Ctx<'_>, set: &SequenceSet, since: ModSeq) -> Result<()> {
    let selected = ctx.selected()?;
    let account = selected.tenure().owner;
    let known = selected.known().clone();
    // `*` reaches up to what was expunged last, and not only to the last message there is.
    let last = known.uid_next().get().saturating_sub(1);
    let uids = if set.is_saved() { selected.saved.clone() } else { set.resolve_uids(last) };
    let asked = Asked { since, uids, matched_to: 0 };
    let gone = expunged_since(ctx, account, known, asked).await?;
    ctx.push(|out| render::vanished(out, &gone, true));
    Ok(())
}

/// RFC 7162 §3.1.4.1: only messages changed after that.
fn changed_since(ctx: &mut Ctx<'_>, seqs: NumberSet, since: Option<ModSeq>) -> Result<NumberSet> {
    let Some(since) = since else { return Ok(seqs) };
    let known = ctx.selected()?.known();
    let entries = seqs.ranges().iter().flat_map(|&(first, last)| known.entries(first..=last));
    Ok(entries.filter(|(_, entry)| entry.modseq() > since).map(|(seq, _)| seq).collect())
}

/// Sets `\Seen` where the attributes say so; the UIDs of the messages that got it. Their FLAGS
/// go into the answer (RFC 9051 §6.4.5, BODY).
async fn mark_seen(ctx: &mut Ctx<'_>, args: &FetchArgs, seqs: &NumberSet) -> Result<UidSet> {
    let selected = ctx.selected()?;
    // Messages of a mailbox opened by EXAMINE stay unseen (RFC 9051 §6.3.3).
    if !args.attributes.iter().any(FetchAttribute::sets_seen) || selected.is_read_only() {
        return Ok(UidSet::new());
    }
    // RFC 4314 §4: nor do those whose \Seen this user may not change.
    if !selected.tenure().rights.contains(Rights::SEEN) {
        return Ok(UidSet::new());
    }
    let known = selected.known().clone();
    let mailbox = known.mailbox();
    let mut unseen = UidSet::new();
    for &(first, last) in seqs.ranges() {
        for (_, entry) in known.entries(first..=last) {
            if !entry.flags().system.contains(SystemFlags::SEEN) {
                unseen.insert(entry.uid());
            }
        }
    }
    if unseen.is_empty() {
        return Ok(unseen);
    }
    let set = unseen.clone();
    let change = FlagChange::Add(Flags::new(SystemFlags::SEEN, Vec::new()));
    let committed = ctx
        .change_selected("imap fetch", move |tx| tx.store_flags(mailbox, &set, change, None))
        .await;
    let committed = match committed {
        // Nobody asked for a change: what is there is read all the same.
        Err(CommandError::Storage(
            error @ (StorageError::Unavailable(_)
            | StorageError::NoSpace(_)
            | StorageError::NotFound(_)
            | StorageError::NoPermission(_)
            | StorageError::Maintenance),
        )) => {
            tracing::warn!(%error, "messages that are read stay unseen");
            return Ok(UidSet::new());
        }
        committed => committed?,
    };
    let enabled = *ctx.enabled;
    let mut out = Vec::new();
    let own = own_modseq(&committed);
    ctx.selected()?.tell_updates_but(Updates::WithoutExpunge, enabled, own, &mut out);
    ctx.connection.write(&out).await?;
    Ok(unseen)
}

/// Sends the answer, batch by batch.
async fn answer(
    ctx: &mut Ctx<'_>,
    by: Addressing,
    known: Arc<Snapshot>,
    seqs: &NumberSet,
    plan: Plan,
) -> Result<()> {
    if plan.is_of_view() {
        return answer_from_view(ctx, &known, seqs, &plan).await;
    }
    let plan = Arc::new(plan);
    let store = ctx.shared.store.clone();
    let render = |batch: Vec<u32>, out: Vec<u8>| {
        let (store, known, plan) = (store.clone(), known.clone(), plan.clone());
        async move {
            if let Some(contents) = held_contents(&store, &known, &batch, &plan) {
                return Ok(render_held(out, &known, &batch, &plan, contents));
            }
            store.read(move |tx| render_batch(tx, out, &known, &batch, &plan)).await
        }
    };
    let mut batches = Batches::new(&known, seqs, plan.want()).giving(plan.copies());
    if plan.descending {
        batches = batches.descending();
    }
    let mut spare = Vec::new();
    let (mut is_whole, mut is_complete) = (true, true);
    let (mut ahead, mut has_begun) = (None, false);
    loop {
        let (ready, memory) = match ahead.take() {
            Some(ready) => (ready, None),
            None => {
                let Some(batch) = batches.next() else { break };
                if std::mem::replace(&mut has_begun, true) {
                    ctx.check_rights().await?;
                }
                let large = batches.is_large(&batch).then(|| batch.first().copied()).flatten();
                if let Some(seq) = large
                    && plan.is_of_pieces()
                {
                    match large::read(&store, &known, &plan, seq).await? {
                        Some(large) => {
                            is_whole &= large::send(ctx, &known, &plan, large, None).await?
                        }
                        None => is_complete = false,
                    }
                    continue;
                }
                let memory = large::draw_memory(ctx, &plan, &known, large).await?;
                (render(batch, Vec::new()).await?, memory)
            }
        };
        is_whole &= ready.is_whole;
        is_complete &= ready.is_complete;
        if let Some(seq) = ready.rest {
            batches.go_back_to(seq);
        }
        if let Some(large) = ready.large {
            is_whole &= large::send(ctx, &known, &plan, large, memory).await?;
            continue;
        }
        let Some(batch) = batches.next_small() else {
            ctx.connection.write(&ready.bytes).await?;
            continue;
        };
        let next = render(batch, std::mem::take(&mut spare));
        let (written, next) = tokio::join!(ctx.connection.write(&ready.bytes), next);
        written?;
        ctx.check_rights().await?;
        ahead = Some(next?);
        spare = ready.bytes;
    }
    outcome(by, is_whole, is_complete)
}

/// Whether the request failed, all of it that could be told having been told.
fn outcome(by: Addressing, is_whole: bool, is_complete: bool) -> Result<()> {
    // RFC 9051 §6.4.9: UIDs of messages that are gone are passed over.
    if !is_complete && by == Addressing::Seq {
        return Err(StorageError::Expunged.into());
    }
    if !is_whole {
        // RFC 9051 §6.4.5: the request fails where a transfer encoding is not known.
        return Err(refused(Code::UnknownCte, "A part has an unknown transfer encoding"));
    }
    Ok(())
}

/// The answer to what the view knows by itself, such as FLAGS.
async fn answer_from_view(
    ctx: &mut Ctx<'_>,
    known: &Snapshot,
    seqs: &NumberSet,
    plan: &Plan,
) -> Result<()> {
    let mut out = Vec::with_capacity(PIECE_BYTES);
    let ranges = seqs.ranges();
    if plan.descending {
        for seq in ranges.iter().rev().flat_map(|&(first, last)| (first..=last).rev()) {
            if let Some(entry) = known.by_seq(seq) {
                render_message(&mut out, seq, &entry, plan, &Read::default());
            }
            if out.len() >= PIECE_BYTES {
                ctx.check_rights().await?;
                ctx.connection.write(&out).await?;
                out.clear();
            }
        }
        ctx.connection.write(&out).await?;
        return Ok(());
    }
    for (seq, entry) in ranges.iter().flat_map(|&(first, last)| known.entries(first..=last)) {
        render_message(&mut out, seq, &entry, plan, &Read::default());
        if out.len() >= PIECE_BYTES {
            ctx.connection.write(&out).await?;
            out.clear();
        }
    }
    ctx.connection.write(&out).await?;
    Ok(())
}

/// LIMIT: what is told unasked of messages that came; a client asks for the rest itself.
const NEWS_BYTES: usize = 1024 * 1024;

/// FETCH responses of messages that came, as NOTIFY has asked for (RFC 5465 §5.2). None of them
/// is seen by that.
pub(super) async fn of_new(
    store: &Store,
    known: Arc<Snapshot>,
    seqs: &NumberSet,
    plan: Plan,
) -> Result<Vec<u8>> {
    let plan = Arc::new(plan);
    let mut batches = Batches::new(&known, seqs, plan.want()).giving(plan.copies());
    let mut out = Vec::new();
    while out.len() < NEWS_BYTES
        && let Some(batch) = batches.next()
    {
        // What a large message has to tell is left to the client to ask for.
        if batches.is_large(&batch) {
            continue;
        }
        let (known, plan) = (known.clone(), plan.clone());
        let rendered =
            store.read(move |tx| render_batch(tx, Vec::new(), &known, &batch, &plan)).await?;
        out.extend_from_slice(&rendered.bytes);
        if let Some(seq) = rendered.rest {
            batches.go_back_to(seq);
        }
    }
    Ok(out)
}

/// LIMIT: what is rendered at once; a message with more to tell is sent item by item.
const RENDERED_BYTES: u64 = 2 * BATCH_BYTES;

/// Responses for a batch of messages.
struct Rendered {
    bytes: Vec<u8>,
    /// Nothing asked for had to be left out.
    is_whole: bool,
    /// No message was erased under a session that was not told yet.
    is_complete: bool,
    /// The first message that was too much for this batch.
    rest: Option<u32>,
    /// A message with more to tell than is rendered at once; it is the whole batch.
    large: Option<Large>,
}

/// What a batch asks for, where all of it is in memory: it needs no transaction then, and no
/// other thread, which for small messages takes longer than rendering them.
fn held_contents(
    store: &Store,
    known: &Snapshot,
    seqs: &[u32],
    plan: &Plan,
) -> Option<Vec<Content>> {
    if plan.wants_rows() {
        return None;
    }
    let entries = seqs.iter().filter_map(|&seq| known.by_seq(seq));
    let ids: Vec<_> = entries.map(|entry| entry.content()).collect();
    store.held_contents(&ids, plan.want())
}

impl Rendered {
    /// Nothing yet, to be rendered into a buffer that was used before.
    fn begin(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self { bytes, is_whole: true, is_complete: true, rest: None, large: None }
    }

    /// Adds a message, if it fits; the first one that does not fit at all is the batch.
    fn add(
        &mut self,
        (seq, entry): (u32, &Entry<'_>),
        content: Content,
        read: Read<'static>,
        plan: &Plan,
    ) -> Added {
        let more = plan.bytes_max(&content) + read.annotations.bytes();
        if more.saturating_add(self.bytes.len() as u64) <= RENDERED_BYTES {
            let read = read.with(&content);
            self.is_whole &= render_message(&mut self.bytes, seq, entry, plan, &read);
            return Added::Rendered;
        }
        if !self.bytes.is_empty() {
            self.rest = Some(seq);
            return Added::Full;
        }
        self.large = Some(Large::new(seq, content, read));
        Added::Large
    }
}

/// What became of a message of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Added {
    Rendered,
    /// It is left to the next batch.
    Full,
    /// The batch is this message.
    Large,
}

/// Responses for as many messages of a batch as make no more than one may.
fn render_held(
    bytes: Vec<u8>,
    known: &Snapshot,
    seqs: &[u32],
    plan: &Plan,
    contents: Vec<Content>,
) -> Rendered {
    let mut rendered = Rendered::begin(bytes);
    let entries = seqs.iter().filter_map(|&seq| known.by_seq(seq).map(|entry| (seq, entry)));
    let mut pairs = entries.zip(contents);
    while let Some(((seq, entry), content)) = pairs.next() {
        if rendered.bytes.len() as u64 > BATCH_BYTES {
            rendered.rest = Some(seq);
            break;
        }
        match rendered.add((seq, &entry), content, Read::default(), plan) {
            Added::Rendered => {}
            Added::Full => break,
            Added::Large => {
                rendered.rest = pairs.next().map(|((seq, _), _)| seq);
                break;
            }
        }
    }
    rendered
}

fn render_batch(
    tx: &mut ReadTx<'_>,
    bytes: Vec<u8>,
    known: &Snapshot,
    seqs: &[u32],
    plan: &Plan,
) -> storage::Result<Rendered> {
    let mut entries: Vec<_> =
        seqs.iter().filter_map(|&seq| known.by_seq(seq).map(|entry| (seq, entry))).collect();
    let left_out = annotation::cut(tx, known, &mut entries, plan)?;
    let ids: Vec<_> = entries.iter().map(|(_, entry)| entry.content()).collect();
    let contents = tx.load_contents_within(&ids, plan.want(), BATCH_BYTES)?;
    let rows = Rows::load(tx, known, &entries, plan)?;
    let loaded = entries.iter().map(|(_, entry)| entry).take(contents.len());
    let mut rendered = Rendered::begin(bytes);
    rendered.bytes.reserve(plan.estimate(loaded).min(RENDERED_BYTES as usize));
    rendered.rest = entries.get(contents.len()).map(|(seq, _)| *seq).or(left_out);
    for (at, ((seq, entry), content)) in entries.iter().zip(contents).enumerate() {
        let Some(content) = content else {
            rendered.is_complete = false;
            continue;
        };
        match rendered.add((*seq, entry), content, rows.of(entry), plan) {
            Added::Rendered => {}
            Added::Full => break,
            Added::Large => {
                rendered.rest = entries.get(at + 1).map(|(seq, _)| *seq).or(left_out);
                break;
            }
        }
    }
    Ok(rendered)
}

/// What single columns say of the messages of a batch.
#[derive(Default)]
struct Rows {
    threads: Vec<(ContentId, ThreadId)>,
    save_dates: Vec<(Uid, Timestamp)>,
    annotations: BTreeMap<Uid, Annotations>,
}

impl Rows {
    fn load(
        tx: &mut ReadTx<'_>,
        known: &Snapshot,
        entries: &[(u32, Entry<'_>)],
        plan: &Plan,
    ) -> storage::Result<Self> {
        let mut rows = Self::default();
        if plan.wants_threads() {
            let contents: Vec<_> = entries.iter().map(|(_, entry)| entry.content()).collect();
            rows.threads = tx.load_threads(&contents)?;
        }
        let Some(range) = annotation::range_of(entries) else { return Ok(rows) };
        if plan.wants_save_dates() {
            rows.save_dates = tx.load_save_dates(known.mailbox(), range)?;
        }
        if plan.annotation().is_some() {
            rows.annotations = annotation::load(tx, known, entries, plan)?;
        }
        Ok(rows)
    }

    fn of(&self, entry: &Entry<'_>) -> Read<'static> {
        let (id, uid) = (entry.content(), entry.uid());
        let thread = self.threads.binary_search_by_key(&id, |(content, _)| *content).ok();
        let saved = self.save_dates.binary_search_by_key(&uid, |(uid, _)| *uid).ok();
        Read {
            content: None,
            thread: thread.and_then(|at| self.threads.get(at)).map(|(_, thread)| *thread),
            saved: saved.and_then(|at| self.save_dates.get(at)).map(|(_, saved)| *saved),
            annotations: self.annotations.get(&uid).cloned().unwrap_or_default(),
        }
    }
}
