//! EXPUNGE (RFC 9051 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1), with HIGHESTMODSEQ (RFC 7162).

use super::{Ctx, Reply, ReplyCode, require_writable, uids_of};
use crate::error::{CommandError, Result};
use crate::render::Code;
use crate::session::Updates;
use crate::types::{Addressing, SequenceSet};

pub(super) async fn run(ctx: &mut Ctx<'_>, within: Option<SequenceSet>) -> Result<Reply> {
    require_writable(ctx)?;
    let selected = ctx.selected()?;
    let mailbox = selected.known().mailbox();
    let uids = match within {
        None => None,
        Some(set) => {
            let seqs = selected
                .seqs_of(&set, Addressing::Uid)
                .ok_or(CommandError::Bad("No such message"))?;
            Some(uids_of(selected.known(), &seqs))
        }
    };
    ctx.change_selected("imap expunge", move |tx| tx.expunge(mailbox, uids.as_ref())).await?;
    let enabled = *ctx.enabled;
    let mut out = Vec::new();
    let selected = ctx.selected()?;
    selected.tell_updates(Updates::All, enabled, &mut out);
    // RFC 7162 §3.2.7, §3.2.9: the tagged OK says up to where the client knows everything now.
    let modseq = selected.take_modseq(enabled).map(Code::HighestModSeq).map(ReplyCode::Plain);
    ctx.connection.write(&out).await?;
    Ok(Reply { code: modseq, ..Reply::done() })
}
