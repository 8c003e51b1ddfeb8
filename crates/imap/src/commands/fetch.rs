//! FETCH and UID FETCH (RFC 9051 §6.4.5).
//!
//! The answer is made in batches: while one is on its way to the client, the next is read and
//! rendered on a storage thread. No transaction is open while bytes are written. What was sent of
//! messages is marked as read after that, part by part.

mod annotation;
pub(super) mod decoded;
pub(super) mod large;
mod rendered;
mod response;
pub(super) mod section;
mod seen;

use std::sync::Arc;

use ids::{ModSeq, UidSet};
use net::{Connection, ConnectionError, DrawnMemory};
use storage::{Snapshot, StorageError, Store};

use self::rendered::{Rendered, held_contents, render_batch, render_held};
pub(super) use self::response::{Plan, without_texts};
use self::response::{Read, render_message};
use super::batches::Batches;
use super::vanished::{Asked, expunged_since};
use super::{Ctx, Reply, message_limit};
use crate::error::{CommandError, Result, refused};
use crate::render::{self, Code};
use crate::session::{OwnChange, Updates};
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
    ctx.tell_updates(Updates::WithoutExpunge, OwnChange::Nothing, &mut out).await?;
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
    let actor = ctx.user()?.account;
    let selected = ctx.selected()?;
    let marks_seen = args.sets_seen() && seen::may_mark(selected);
    let by = args.by;
    let mut plan = Plan::new(args, actor, enabled, selected.recent().clone());
    plan.marks_seen = marks_seen;
    // RFC 9738 §3.1: where not all is told, the highest comes first.
    plan.descending = reached.is_some();
    let (plan, mut sent) = (Arc::new(plan), Sent::default());
    for (number, part) in seen::parts(&seqs, &plan).enumerate() {
        if number > 0 {
            ctx.check_rights().await?;
        }
        send_part(ctx, &part, &plan, &mut sent).await?;
    }
    let outcome = sent.outcome(by);
    if let (Err(_), Some(reached)) = (&outcome, reached) {
        // RFC 9738 §3.1: that not all was looked at is said beside another code, too.
        reached.tell(ctx);
    }
    outcome?;
    Ok(message_limit::reply(ctx, reached, Reply::done()))
}

/// How far a FETCH came, and what it left out.
struct Sent {
    /// Messages that the client has got all of and that are still to be marked.
    read: UidSet,
    /// Whether nothing that was asked for had to be left out.
    is_whole: bool,
    /// No message was erased under a session that was not told yet.
    is_complete: bool,
}

impl Default for Sent {
    fn default() -> Self {
        Self { read: UidSet::new(), is_whole: true, is_complete: true }
    }
}

impl Sent {
    /// Whether the request failed, all of it that could be told having been told.
    fn outcome(&self, by: Addressing) -> Result<()> {
        // RFC 9051 §6.4.9: UIDs of messages that are gone are passed over.
        if !self.is_complete && by == Addressing::Seq {
            return Err(StorageError::Expunged.into());
        }
        if !self.is_whole {
            // RFC 9051 §6.4.5: the request fails where a transfer encoding is not known.
            return Err(refused(Code::UnknownCte, "A part has an unknown transfer encoding"));
        }
        Ok(())
    }
}

/// Answers for some of the messages, and marks those of them that were sent.
async fn send_part(
    ctx: &mut Ctx<'_>,
    seqs: &NumberSet,
    plan: &Arc<Plan>,
    sent: &mut Sent,
) -> Result<()> {
    let answered = answer(ctx, seqs, plan, sent).await;
    // Also where the rest could not be told: these were.
    let read = std::mem::take(&mut sent.read);
    match answered {
        // Nothing may be said any more, in the middle of a response perhaps.
        Err(error @ (CommandError::Disconnected(_) | CommandError::Bye(_))) => {
            seen::mark_in_silence(ctx, read).await?;
            Err(error)
        }
        answered => {
            seen::mark(ctx, read).await?;
            answered
        }
    }
}

/// RFC 7162 §3.2.6: what was expunged comes before the first FETCH.
async fn tell_vanished(ctx: &mut Ctx<'_>, set: &SequenceSet, since: ModSeq) -> Result<()> {
    let selected = ctx.selected()?;
    let account = selected.tenure().owner;
    let known = selected.known().clone();
    // `*` reaches up to what was expunged last, and not only to the last message there is.
    let last = known.uid_next().get().saturating_sub(1);
    let uids = match set.is_saved() {
        true => NumberSet::clone(&selected.saved),
        false => set.resolve_uids(last),
    };
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

/// What an answer is made from.
struct Source<'p> {
    store: Store,
    known: Arc<Snapshot>,
    plan: &'p Arc<Plan>,
}

impl Source<'_> {
    /// Renders a batch behind what `out` has: here where all of it is in memory, else on a storage
    /// thread.
    async fn render(&self, batch: Vec<u32>, out: Vec<u8>) -> storage::Result<Rendered> {
        let (store, known, plan) = (&self.store, self.known.clone(), self.plan.clone());
        if let Some(contents) = held_contents(store, &known, &batch, &plan) {
            return Ok(render_held(out, &known, &batch, &plan, contents));
        }
        store.read(move |tx| render_batch(tx, out, &known, &batch, &plan)).await
    }

    /// Renders a batch while nothing is written, with the memory that a large message takes. `None`
    /// where it is a large message that was sent piece by piece.
    async fn begin(
        &self,
        ctx: &mut Ctx<'_>,
        batch: Vec<u32>,
        is_large: bool,
        sent: &mut Sent,
    ) -> Result<Option<(Rendered, Option<DrawnMemory>)>> {
        let Self { store, known, plan } = self;
        let large = batch.first().copied().filter(|_| is_large);
        if let Some(seq) = large
            && plan.is_of_pieces()
        {
            match large::read(store, known, plan, seq).await? {
                Some(large) => {
                    let read = &mut sent.read;
                    sent.is_whole &= large::send(ctx, known, plan, large, None, read).await?;
                }
                None => sent.is_complete = false,
            }
            return Ok(None);
        }
        let memory = large::draw_memory(ctx, plan, known, large).await?;
        Ok(Some((self.render(batch, Vec::new()).await?, memory)))
    }
}

/// Sends the answer, batch by batch.
async fn answer(
    ctx: &mut Ctx<'_>,
    seqs: &NumberSet,
    plan: &Arc<Plan>,
    sent: &mut Sent,
) -> Result<()> {
    let known = ctx.selected()?.known().clone();
    if plan.is_of_view() {
        return answer_from_view(ctx, &known, seqs, plan).await;
    }
    let source = Source { store: ctx.shared.store.clone(), known: known.clone(), plan };
    let mut batches = Batches::new(&known, seqs, plan.want()).giving(plan.copies());
    if plan.descending {
        batches = batches.descending();
    }
    let mut spare = Vec::new();
    let (mut ahead, mut has_begun) = (None, false);
    // One batch is written while the next is rendered; large messages are sent alone.
    loop {
        let (mut ready, memory) = match ahead.take() {
            Some(ready) => (ready, None),
            None => {
                let Some(batch) = batches.next() else { break };
                if std::mem::replace(&mut has_begun, true) {
                    ctx.check_rights().await?;
                }
                let is_large = batches.is_large(&batch);
                match source.begin(ctx, batch, is_large, sent).await? {
                    Some(begun) => begun,
                    None => continue,
                }
            }
        };
        sent.is_whole &= ready.is_whole;
        sent.is_complete &= ready.is_complete;
        if let Some(seq) = ready.rest {
            batches.go_back_to(seq);
        }
        if let Some(large) = ready.large.take() {
            let read = &mut sent.read;
            sent.is_whole &= large::send(ctx, &known, plan, large, memory, read).await?;
            continue;
        }
        let Some(batch) = batches.next_small() else {
            send_batch(ctx.connection, &ready, &mut sent.read).await?;
            continue;
        };
        let next = source.render(batch, std::mem::take(&mut spare));
        let sending = send_batch(ctx.connection, &ready, &mut sent.read);
        let (written, next) = tokio::join!(sending, next);
        written?;
        ctx.check_rights().await?;
        ahead = Some(next?);
        spare = ready.bytes;
    }
    Ok(())
}

/// Sends a batch; `read` gets what is to be marked of it, once that has left: what waits in a
/// buffer is lost with the connection, and nobody has read it.
async fn send_batch(
    connection: &mut Connection,
    ready: &Rendered,
    read: &mut UidSet,
) -> std::result::Result<(), ConnectionError> {
    connection.write(&ready.bytes).await?;
    if !ready.to_mark.is_empty() {
        connection.flush().await?;
        read.extend_set(&ready.to_mark);
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

/// LIMIT: what is told unasked of messages that came, and half as much again without their texts; a
/// client asks for the rest itself.
pub(super) const NEWS_BYTES: usize = 1024 * 1024;

/// FETCH responses of messages that came, as NOTIFY or a search with UPDATE has asked for
/// (RFC 5465 §5.2, §7), after so many bytes were told; or what needs no text. None of them is seen
/// by that.
pub(super) async fn of_new(
    store: &Store,
    known: Arc<Snapshot>,
    seqs: &NumberSet,
    (full, light): (Plan, Option<Plan>),
    told_bytes: usize,
) -> Result<Vec<u8>> {
    let (full, light) = (Arc::new(full), light.map(Arc::new));
    let mut batches = Batches::new(&known, seqs, full.want()).giving(full.copies());
    let mut out = Vec::new();
    while told_bytes + out.len() < NEWS_BYTES + NEWS_BYTES / 2
        && let Some(batch) = batches.next()
    {
        // The text of a large message, and of more than there is room for, is left to the client to
        // ask for.
        let is_full = told_bytes + out.len() < NEWS_BYTES && !batches.is_large(&batch);
        let Some(plan) = (if is_full { Some(&full) } else { light.as_ref() }) else { continue };
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
