//! EXPUNGE (RFC 9051 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1), with HIGHESTMODSEQ (RFC 7162).

use message::flag::SystemFlags;
use storage::{Entry, Extent, Snapshot};

use super::{Ctx, Reply, ReplyCode, message_limit, require_writable, uids_of};
use crate::error::{CommandError, Result};
use crate::render::Code;
use crate::session::{OwnChange, Updates};
use crate::types::{Addressing, NumberSet, SequenceSet};

pub(super) async fn run(ctx: &mut Ctx<'_>, within: Option<SequenceSet>) -> Result<Reply> {
    require_writable(ctx)?;
    let limit = ctx.message_limit();
    let selected = ctx.selected()?;
    let mailbox = selected.known().mailbox();
    let mut reached = None;
    let uids = match within {
        // RFC 9738 §3.1: EXPUNGE itself is not limited.
        None => None,
        Some(set) => {
            let seqs = selected
                .seqs_of(&set, Addressing::Uid)
                .ok_or(CommandError::Bad("No such message"))?;
            let known = selected.known();
            let (seqs, end) = match limit {
                Some(_) => message_limit::cut(limit, known, deleted_of(known, &seqs)),
                None => (seqs, None),
            };
            reached = end;
            Some(uids_of(known, &seqs))
        }
    };
    ctx.change_selected(("imap expunge", Extent::Any), move |tx| {
        tx.expunge(mailbox, uids.as_ref())
    })
    .await?;
    let enabled = *ctx.enabled;
    let mut out = Vec::new();
    ctx.tell_updates(Updates::All, OwnChange::Nothing, &mut out).await?;
    // RFC 7162 §3.2.7, §3.2.9: the tagged OK says up to where the client knows everything now.
    let modseq =
        ctx.selected()?.take_modseq(enabled).map(Code::HighestModSeq).map(ReplyCode::Plain);
    ctx.connection.write(&out).await?;
    Ok(message_limit::reply(ctx, reached, Reply { code: modseq, ..Reply::done() }))
}

/// The messages among them that would be expunged, for the limit on messages of a command.
fn deleted_of(known: &Snapshot, seqs: &NumberSet) -> NumberSet {
    let entries = seqs.ranges().iter().flat_map(|&(first, last)| known.entries(first..=last));
    let deleted = |entry: &Entry<'_>| entry.flags().system.contains(SystemFlags::DELETED);
    entries.filter(|(_, entry)| deleted(entry)).map(|(seq, _)| seq).collect()
}
