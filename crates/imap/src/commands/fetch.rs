//! FETCH and UID FETCH (RFC 9051 §6.4.5).
//!
//! The answer is made in batches: while one is on its way to the client, the next is read and
//! rendered on a storage thread. No transaction is open while bytes are written.

mod message;
mod section;

use std::sync::Arc;

use ids::{ModSeq, UidSet};
use message::flag::{Flags, SystemFlags};
use storage::{FlagChange, ReadTx, Snapshot, Want};

use self::message::{Plan, render_message};
use super::{Ctx, Reply, require_writable};
use crate::error::{CommandError, Result};
use crate::session::Updates;
use crate::types::{Addressing, EnableItem, FetchArgs, FetchAttribute, NumberSet};

/// LIMIT: messages rendered in one read transaction.
const BATCH_MESSAGES: usize = 512;
/// LIMIT: bytes of messages (RFC822.SIZE) rendered in one read transaction, one message at
/// least; so much memory an answer takes, twice.
const BATCH_BYTES: u64 = 512 * 1024;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: FetchArgs) -> Result<Reply> {
    if args.changed_since.is_some() || args.attributes.contains(&FetchAttribute::ModSeq) {
        // RFC 7162 §3.1: both make the client one that knows CONDSTORE.
        ctx.enabled.switch_on(EnableItem::CondStore);
    }
    let seqs = ctx
        .selected()?
        .seqs_of(&args.set, args.by)
        .ok_or(CommandError::Bad("No such sequence number"))?;
    // What others changed is told first, so that the answer agrees with what came before it.
    let enabled = *ctx.enabled;
    let mut out = Vec::new();
    ctx.selected()?.tell_updates(Updates::WithoutExpunge, enabled, &mut out);
    ctx.connection.write(&out).await?;
    let seqs = changed_since(ctx, seqs, args.changed_since)?;
    let seen = mark_seen(ctx, &args, &seqs).await?;
    let known = ctx.selected()?.known().clone();
    let plan = Plan::new(&args, enabled.condstore() && args.changed_since.is_some(), seen);
    answer(ctx, known, &seqs, plan).await?;
    Ok(Reply::done())
}

/// RFC 7162 §3.1.4.1: only messages changed after that.
fn changed_since(
    ctx: &mut Ctx<'_>,
    seqs: NumberSet,
    since: Option<ModSeq>,
) -> Result<NumberSet> {
    let Some(since) = since else { return Ok(seqs) };
    let known = ctx.selected()?.known();
    let entries = seqs.ranges().iter().flat_map(|&(first, last)| known.entries(first..=last));
    Ok(entries.filter(|(_, entry)| entry.modseq() > since).map(|(seq, _)| seq).collect())
}

/// Sets `\Seen` where the attributes say so; the UIDs of the messages that got it. Their FLAGS
/// go into the answer (RFC 9051 §6.4.5, BODY).
async fn mark_seen(ctx: &mut Ctx<'_>, args: &FetchArgs, seqs: &NumberSet) -> Result<UidSet> {
    // Messages of a mailbox opened by EXAMINE stay unseen (RFC 9051 §6.3.3).
    if !args.sets_seen() || require_writable(ctx).is_err() {
        return Ok(UidSet::new());
    }
    let user = ctx.user()?;
    let known = ctx.selected()?.known().clone();
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
    let stored = ctx
        .shared
        .store
        .account_write(user.account, "imap fetch", move |tx| {
            tx.store_flags(mailbox, &set, change, None)
        })
        .await?
        .value;
    let enabled = *ctx.enabled;
    let mut out = Vec::new();
    let own = Some(stored.modseq);
    ctx.selected()?.tell_updates_but(Updates::WithoutExpunge, enabled, own, &mut out);
    ctx.connection.write(&out).await?;
    Ok(unseen)
}

/// Sends the answer, batch by batch.
async fn answer(
    ctx: &mut Ctx<'_>,
    known: Arc<Snapshot>,
    seqs: &NumberSet,
    plan: Plan,
) -> Result<()> {
    let plan = Arc::new(plan);
    let mut batches = Batches::new(&known, seqs, plan.want());
    if plan.want().is_empty() {
        while let Some(batch) = batches.next() {
            let mut out = Vec::with_capacity(batch.len() * 64);
            for &seq in &batch {
                if let Some(entry) = known.by_seq(seq) {
                    render_message(&mut out, seq, &entry, &plan, None);
                }
            }
            ctx.connection.write(&out).await?;
        }
        return Ok(());
    }
    let store = ctx.shared.store.clone();
    let render = |batch: Vec<u32>| {
        let (known, plan) = (known.clone(), plan.clone());
        store.read(move |tx| render_batch(tx, &known, &batch, &plan))
    };
    let Some(first) = batches.next() else { return Ok(()) };
    let mut ready = render(first).await?;
    while let Some(batch) = batches.next() {
        let (written, next) = tokio::join!(ctx.connection.write(&ready), render(batch));
        written?;
        ready = next?;
    }
    ctx.connection.write(&ready).await?;
    Ok(())
}

fn render_batch(
    tx: &mut ReadTx<'_>,
    known: &Snapshot,
    seqs: &[u32],
    plan: &Plan,
) -> storage::Result<Vec<u8>> {
    let entries: Vec<_> =
        seqs.iter().filter_map(|&seq| known.by_seq(seq).map(|entry| (seq, entry))).collect();
    let ids: Vec<_> = entries.iter().map(|(_, entry)| entry.content()).collect();
    let contents = tx.load_contents(&ids, plan.want())?;
    let mut out = Vec::with_capacity(plan.estimate(entries.iter().map(|(_, entry)| entry)));
    for ((seq, entry), content) in entries.iter().zip(&contents) {
        render_message(&mut out, *seq, entry, plan, Some(content));
    }
    Ok(out)
}

/// Sequence numbers in batches of bounded size.
struct Batches<'s> {
    known: &'s Snapshot,
    seqs: std::iter::Peekable<Box<dyn Iterator<Item = u32> + Send + 's>>,
    whole_messages: bool,
}

impl<'s> Batches<'s> {
    fn new(known: &'s Snapshot, seqs: &'s NumberSet, want: Want) -> Self {
        let seqs: Box<dyn Iterator<Item = u32> + Send + 's> = Box::new(seqs.iter());
        Self { known, seqs: seqs.peekable(), whole_messages: want.contains(Want::TEXT) }
    }

    fn next(&mut self) -> Option<Vec<u32>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(&seq) = self.seqs.peek() {
            let size = self.known.by_seq(seq).map_or(0, |entry| u64::from(entry.size_bytes()));
            bytes += if self.whole_messages { size } else { 0 };
            if batch.len() >= BATCH_MESSAGES || (bytes > BATCH_BYTES && !batch.is_empty()) {
                break;
            }
            batch.push(seq);
            self.seqs.next();
        }
        (!batch.is_empty()).then_some(batch)
    }
}

/// Whether UIDs go into the answer.
pub(super) fn names_uids(args: &FetchArgs) -> bool {
    // RFC 9051 §6.4.9: UID FETCH answers with UIDs, asked for or not.
    args.by == Addressing::Uid
}
