//! COPY and UID COPY (RFC 9051 §6.4.7) with COPYUID (RFC 4315 §3).

use ids::UidSet;
use storage::Copied;

use super::progress::Progress;
use super::{
    Ctx, Reply, ReplyCode, message_limit, numbers_of, require_all, target_gone, target_mailbox,
    uids_of,
};
use crate::error::Result;
use crate::types::CopyArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: CopyArgs) -> Result<Reply> {
    let user = ctx.user()?;
    let seqs = ctx.seqs_of(&args.set, args.by)?;
    // RFC 9738 §3.1: all or none, as COPY is.
    let limit = ctx.save_limit();
    let selected = ctx.selected()?;
    if let (_, Some(reached)) = message_limit::cut(limit, selected.known(), seqs.clone()) {
        return Err(reached.refusal_of_copy());
    }
    let uids = uids_of(selected.known(), &seqs);
    let source = selected.known().mailbox();
    let target = target_mailbox(ctx, user.account, &args.mailbox).await?.id;
    let store = ctx.shared.store.clone();
    let work = store.write("imap copy", move |tx| {
        let copied = tx.copy_messages_as(user.account, source, &uids, target)?;
        require_all(args.by, uids.len(), copied.pairs.len())?;
        Ok(copied)
    });
    let copied = ctx.wait_for(&Progress::default(), work).await?.map_err(target_gone)?;
    let copied = ctx.note_own(copied);
    Ok(copy_uid(&copied).map_or_else(Reply::done, Reply::with_code))
}

/// COPYUID (RFC 4315 §3), left out when nothing was copied. Both sets are in ascending order,
/// as the pairs are.
pub(super) fn copy_uid(copied: &Copied) -> Option<ReplyCode> {
    if copied.pairs.is_empty() {
        return None;
    }
    let from: UidSet = copied.pairs.iter().map(|pair| pair.0).collect();
    let to: UidSet = copied.pairs.iter().map(|pair| pair.1).collect();
    Some(ReplyCode::CopyUid(copied.uid_validity, numbers_of(&from), numbers_of(&to)))
}
