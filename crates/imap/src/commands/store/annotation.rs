//! STORE with ANNOTATION and UID STORE with it (RFC 5257 §4.5).

use storage::{Extent, StorageError};

use super::{modified, none_left};
use crate::commands::annotations::changes_of;
use crate::commands::{Ctx, Reply, message_limit, own_modseq, uids_of};
use crate::error::{CommandError, Result};
use crate::session::{OwnChange, Updates, begin_fetch};
use crate::types::{Addressing, AnnotateArgs};

pub(in crate::commands) async fn run(ctx: &mut Ctx<'_>, args: AnnotateArgs) -> Result<Reply> {
    // RFC 5257 §3.4: private ones need no right but `r`, so that a mailbox that is read-only for
    // want of rights will do; EXAMINE changes nothing (RFC 9051 §6.3.3).
    if ctx.selected()?.is_examined() {
        return Err(CommandError::Refused { code: None, text: "The mailbox is open read-only" });
    }
    let (limit, seqs) = (ctx.message_limit(), ctx.seqs_of(&args.set, args.by)?);
    let selected = ctx.selected()?;
    let (seqs, reached) = message_limit::cut(limit, selected.known(), seqs);
    let uids = uids_of(selected.known(), &seqs);
    let mailbox = selected.known().mailbox();
    if args.unchanged_since.is_some() {
        // RFC 7162 §3.1: the modifier makes the client one that knows CONDSTORE.
        ctx.enable_condstore();
    }
    let (set, since, changes) = (uids.clone(), args.unchanged_since, changes_of(args.values));
    let committed = ctx
        .change_selected(("imap store annotation", Extent::Any), move |tx| {
            tx.store_annotations(mailbox, &set, &changes, since)
        })
        .await
        .map_err(no_part)?;
    let own = own_modseq(&committed).map_or(OwnChange::Nothing, OwnChange::Annotations);
    let stored = committed.value;
    tell(ctx, args.by, &stored.applied, own).await?;
    if !stored.skipped.is_empty() {
        let reply = modified(ctx.selected()?, args.by, &stored)?;
        return Ok(message_limit::reply(ctx, reached, reply));
    }
    if stored.applied.is_empty() && !uids.is_empty() && args.by == Addressing::Seq {
        return Err(none_left());
    }
    Ok(message_limit::reply(ctx, reached, Reply::done()))
}

/// RFC 5257 §3.2.1: BAD for a part that is not there.
pub(in crate::commands) fn no_part(error: CommandError) -> CommandError {
    match error {
        CommandError::Storage(StorageError::NotFound("body part")) => {
            CommandError::Bad("No such body part")
        }
        error => error,
    }
}

/// What others changed; and the new MODSEQ to those who know of it, though nothing else is said
/// of what was stored (RFC 5257 §4.5, RFC 7162 §3.1.3).
async fn tell(
    ctx: &mut Ctx<'_>,
    by: Addressing,
    applied: &ids::UidSet,
    own: OwnChange,
) -> Result<()> {
    let enabled = *ctx.enabled;
    let mut out = Vec::new();
    ctx.tell_updates(Updates::WithoutExpunge, own, &mut out).await?;
    if enabled.condstore() {
        let known = ctx.selected()?.known();
        for (seq, entry) in applied.ranges().flat_map(|range| known.between(range)) {
            let mut fetch = begin_fetch(&mut out, seq, &entry, enabled);
            // RFC 7162 §3.2.4: with the UID; RFC 9051 §6.4.9 asks for it anyway.
            if !enabled.uid_only() && (by == Addressing::Uid || enabled.condstore()) {
                fetch.uid(entry.uid());
            }
            fetch.modseq(entry.modseq());
            fetch.finish();
        }
    }
    ctx.connection.write(&out).await?;
    Ok(())
}
