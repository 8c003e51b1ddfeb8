//! What FETCH marks as read (RFC 9051 §6.4.5).

use ids::{ModSeq, Uid, UidSet};
use message::flag::{Flags, SystemFlags};
use storage::{FlagChange, Rights, StorageError};

use crate::commands::{Ctx, own_modseq};
use crate::error::{CommandError, Result};
use crate::session::{OwnChange, Selected, Updates};
use crate::types::{FetchArgs, FetchAttribute, NumberSet};

/// The messages that got `\Seen`.
#[derive(Debug, Default)]
pub(super) struct Marked {
    pub(super) uids: UidSet,
    /// The change that gave it to them.
    modseq: Option<ModSeq>,
}

/// Sets `\Seen` where the attributes say so. The FLAGS of those that got it go into the answer
/// (RFC 9051 §6.4.5, BODY).
pub(super) async fn mark(ctx: &mut Ctx<'_>, args: &FetchArgs, seqs: &NumberSet) -> Result<Marked> {
    let selected = ctx.selected()?;
    // Messages of a mailbox opened by EXAMINE stay unseen (RFC 9051 §6.3.3).
    if !args.attributes.iter().any(FetchAttribute::sets_seen) || selected.is_read_only() {
        return Ok(Marked::default());
    }
    // RFC 4314 §4: nor do those whose \Seen this user may not change.
    if !selected.tenure().rights.contains(Rights::SEEN) {
        return Ok(Marked::default());
    }
    let mailbox = selected.known().mailbox();
    let unseen = unseen_of(selected, seqs);
    if unseen.is_empty() {
        return Ok(Marked::default());
    }
    let set = unseen.clone();
    let change = FlagChange::Add(seen());
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
            return Ok(Marked::default());
        }
        committed => committed?,
    };
    let own = own_modseq(&committed);
    let mut out = Vec::new();
    let answered = own.map_or(OwnChange::Nothing, OwnChange::Flags);
    let told = match ctx.tell_updates(Updates::WithoutExpunge, answered, &mut out).await {
        Ok(()) => send(ctx, &out).await,
        error => error,
    };
    // What another session marked meanwhile is not of this command, and was just told.
    let known = ctx.selected()?.known();
    let is_own = |uid: &Uid| known.by_uid(*uid).is_some_and(|(_, e)| Some(e.modseq()) == own);
    let marked = Marked { uids: unseen.iter().filter(is_own).collect(), modseq: own };
    if let Err(error) = told {
        take_back(ctx, marked, &UidSet::new()).await?;
        return Err(error);
    }
    Ok(marked)
}

/// Those of the messages that lack `\Seen`.
fn unseen_of(selected: &Selected, seqs: &NumberSet) -> UidSet {
    let mut unseen = UidSet::new();
    for &(first, last) in seqs.ranges() {
        for (_, entry) in selected.known().entries(first..=last) {
            if !entry.flags().system.contains(SystemFlags::SEEN) {
                unseen.insert(entry.uid());
            }
        }
    }
    unseen
}

/// Sends what there is to be sent: a client that went while its messages were marked is to be missed
/// now, and not when they are told.
async fn send(ctx: &mut Ctx<'_>, out: &[u8]) -> Result<()> {
    ctx.connection.write(out).await?;
    Ok(ctx.connection.flush().await?)
}

/// Takes `\Seen` back from messages that a failed request did not tell in full, which may have
/// failed because nobody listens any more: nothing is said meanwhile. Those that somebody changed
/// since stay as they are; but who gave them `\Seen` too has changed nothing, and it goes.
pub(super) async fn take_back(ctx: &mut Ctx<'_>, marked: Marked, told: &UidSet) -> Result<()> {
    let uids: UidSet = marked.uids.iter().filter(|uid| !told.contains(*uid)).collect();
    let Some(modseq) = marked.modseq.filter(|_| !uids.is_empty()) else { return Ok(()) };
    let actor = ctx.user()?.account;
    let selected = ctx.selected()?;
    let (owner, mailbox) = (selected.tenure().owner, selected.known().mailbox());
    let change = FlagChange::Remove(seen());
    let write = ctx.shared.store.write("imap fetch", move |tx| {
        tx.account_as(owner, actor)?.store_flags(mailbox, &uids, change, Some(modseq))
    });
    match write.await {
        Ok(committed) => {
            ctx.note_own(committed);
        }
        Err(error) => tracing::warn!(%error, "messages that could not be read count as seen"),
    }
    Ok(())
}

fn seen() -> Flags {
    Flags::new(SystemFlags::SEEN, Vec::new())
}
