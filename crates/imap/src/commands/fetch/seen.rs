//! What FETCH marks as read (RFC 9051 §6.4.5): messages that the client has got, after it has got
//! them.
//!
//! **Invariant:** nothing is marked that was not sent to its end. Where the daemon dies, or the
//! connection, no more than one part of an answer was read and is unseen still.

use ids::UidSet;
use message::flag::{Flags, SystemFlags};
use storage::{Entry, Extent, FlagChange, Rights};

use super::response::{Plan, as_read};
use crate::commands::{Ctx, own_modseq};
use crate::error::{CommandError, Result};
use crate::session::{OwnChange, Selected, Updates};
use crate::types::NumberSet;

/// LIMIT: so many messages are marked together; more of them are answered for in parts.
const PART_MESSAGES: usize = 2_000;

/// LIMIT: what is told of them is handed over in pieces of this size.
const PIECE_BYTES: usize = 32 * 1024;

/// Whether messages that are read here get `\Seen`.
pub(super) fn may_mark(selected: &Selected) -> bool {
    // RFC 9051 §6.3.3: not those of a mailbox opened by EXAMINE; RFC 4314 §4: nor those whose \Seen
    // this user may not change.
    !selected.is_read_only() && selected.tenure().rights.contains(Rights::SEEN)
}

/// The messages in the order they are answered for, those of each part marked before the next.
pub(super) fn parts<'s>(seqs: &'s NumberSet, plan: &Plan) -> impl Iterator<Item = NumberSet> + 's {
    let count = usize::try_from(seqs.len()).unwrap_or(usize::MAX);
    let size = if plan.marks_seen { PART_MESSAGES } else { count.max(1) };
    let (parts, descending) = (count.div_ceil(size), plan.descending);
    (0..parts).map(move |part| {
        let part = if descending { parts - 1 - part } else { part };
        seqs.slice(part * size..(part + 1).saturating_mul(size).min(count))
    })
}

/// Sets `\Seen` on messages that were sent, whose responses have said so (RFC 9051 §6.4.5) to
/// clients without CONDSTORE, and tells what those could not: the flags with their modseq to the
/// others, what others changed meanwhile, or that it has not come to that.
pub(super) async fn mark(ctx: &mut Ctx<'_>, read: UidSet) -> Result<()> {
    if read.is_empty() {
        return Ok(());
    }
    let before = ctx.selected()?.known().clone();
    let mailbox = before.mailbox();
    let (set, change) = (read.clone(), FlagChange::Add(seen()));
    let extent = Extent::of_flags(read.len());
    let committed = ctx
        .change_selected(("imap fetch", extent), move |tx| {
            tx.store_flags(mailbox, &set, change, None)
        })
        .await;
    let own = match committed {
        Ok(committed) => own_modseq(&committed),
        // RFC 9051 §6.4.5: NO is for data that can't be fetched. All of it was sent, and nobody
        // asked for a change: the messages stay unseen.
        Err(CommandError::Storage(error)) => {
            tracing::warn!(%error, "messages that are read stay unseen");
            return tell(ctx, &read, |_| true).await;
        }
        Err(error) => return Err(error),
    };
    let mut out = Vec::new();
    // What another session marked meanwhile is told with all that others did.
    ctx.tell_updates(
        Updates::WithoutExpunge,
        own.map_or(OwnChange::Nothing, OwnChange::Flags),
        &mut out,
    )
    .await?;
    ctx.connection.write(&out).await?;
    let wants_modseq = ctx.enabled.condstore();
    tell(ctx, &read, |entry| {
        let said = before.by_uid(entry.uid()).map(|(_, before)| as_read(&before));
        own == Some(entry.modseq()) && (wants_modseq || said.as_ref() != Some(entry.flags()))
    })
    .await
}

/// Tells the flags of those messages that are such, whatever NOTIFY leaves out: it is this command
/// that is about them.
async fn tell(
    ctx: &mut Ctx<'_>,
    read: &UidSet,
    is_such: impl Fn(&Entry<'_>) -> bool,
) -> Result<()> {
    let mut out = Vec::new();
    let (known, enabled) = (ctx.selected()?.known().clone(), *ctx.enabled);
    for (seq, entry) in read.ranges().flat_map(|range| known.between(range)) {
        if is_such(&entry) {
            ctx.selected()?.tell_message(&mut out, seq, &entry, enabled);
        }
        if out.len() >= PIECE_BYTES {
            ctx.connection.write(&out).await?;
            out.clear();
        }
    }
    Ok(ctx.connection.write(&out).await?)
}

/// Marks messages `\Seen` where the client cannot be told any more.
pub(super) async fn mark_in_silence(ctx: &mut Ctx<'_>, read: UidSet) -> Result<()> {
    if read.is_empty() {
        return Ok(());
    }
    let actor = ctx.user()?.account;
    let selected = ctx.selected()?;
    let (owner, mailbox) = (selected.tenure().owner, selected.known().mailbox());
    let change = FlagChange::Add(seen());
    let write = ctx.shared.store.write("imap fetch", move |tx| {
        tx.account_as(owner, actor)?.store_flags(mailbox, &read, change, None)
    });
    if let Err(error) = write.await {
        tracing::warn!(%error, "messages that were read stay unseen");
    }
    Ok(())
}

fn seen() -> Flags {
    Flags::new(SystemFlags::SEEN, Vec::new())
}
