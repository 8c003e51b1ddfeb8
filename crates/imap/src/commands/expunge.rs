//! EXPUNGE (RFC 9051 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1).

use super::{Ctx, Reply, require_writable, uids_of};
use crate::error::{CommandError, Result};
use crate::session::Updates;
use crate::types::{Addressing, SequenceSet};

pub(super) async fn run(ctx: &mut Ctx<'_>, within: Option<SequenceSet>) -> Result<Reply> {
    let user = ctx.user()?;
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
    ctx.shared
        .store
        .account_write(user.account, "imap expunge", move |tx| tx.expunge(mailbox, uids.as_ref()))
        .await?;
    let enabled = *ctx.enabled;
    let mut out = Vec::new();
    ctx.selected()?.tell_updates(Updates::All, enabled, &mut out);
    ctx.connection.write(&out).await?;
    Ok(Reply::done())
}
