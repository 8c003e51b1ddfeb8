//! MOVE and UID MOVE (RFC 6851, RFC 9051 §6.4.8): one transaction copies and expunges; COPYUID is
//! told before the EXPUNGE responses.

use super::copy::copy_uid;
use super::progress::Progress;
use super::{
    Ctx, Reply, message_limit, require_all, require_writable, target_gone, target_mailbox, uids_of,
};
use crate::error::Result;
use crate::render::{self, Status};
use crate::session::{OwnChange, Updates};
use crate::types::CopyArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: CopyArgs) -> Result<Reply> {
    let user = ctx.user()?;
    require_writable(ctx)?;
    let (limit, seqs) = (ctx.message_limit(), ctx.seqs_of(&args.set, args.by)?);
    let selected = ctx.selected()?;
    let (seqs, reached) = message_limit::cut(limit, selected.known(), seqs);
    let uids = uids_of(selected.known(), &seqs);
    let source = selected.known().mailbox();
    let target = target_mailbox(ctx, user.account, &args.mailbox).await?.id;
    let store = ctx.shared.store.clone();
    let work = store.write("imap move", move |tx| {
        let moved = tx.move_messages_as(user.account, source, &uids, target)?;
        require_all(args.by, uids.len(), moved.pairs.len())?;
        Ok(moved)
    });
    let moved = ctx.wait_for(&Progress::default(), work).await?.map_err(target_gone)?;
    let moved = ctx.note_own(moved);
    let mut out = Vec::new();
    if let Some(code) = copy_uid(&moved) {
        // RFC 6851 §4.3: COPYUID in an untagged OK before the EXPUNGE responses.
        render::untagged(&mut out, Status::Ok, Some(&code.as_code()), "Moved");
    }
    // RFC 6851 §3.3: the command answers with EXPUNGE for what it moved away.
    ctx.tell_updates(Updates::All, OwnChange::Nothing, &mut out).await?;
    ctx.connection.write(&out).await?;
    Ok(message_limit::reply(ctx, reached, Reply::done()))
}
