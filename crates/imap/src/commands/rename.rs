//! RENAME (RFC 9051 §6.3.6); R-FOLD-4 decides what moves.

use super::{Ctx, Reply, spelling, storage_name};
use crate::error::Result;
use crate::types::RenameArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: RenameArgs) -> Result<Reply> {
    let user = ctx.user()?;
    let (from, to) = (storage_name(&args.from)?, spelling::new_name(args.to.as_str())?);
    let is_spelled = args.from.as_str() == from.as_str() && args.to.as_str() == to.as_str();
    let stored = to.clone();
    let store = ctx.shared.store.clone();
    let renamed = ctx
        .shared
        .store
        .write("imap rename", move |tx| {
            let place = tx.find_place(user.account, &from)?;
            let inbox = match place.name.is_inbox() {
                true => tx.find_mailbox(place.account, &place.name)?,
                false => None,
            };
            let view = inbox.and_then(|inbox| store.held_view(inbox.account, inbox.id));
            if let Some(view) = view {
                // The messages of INBOX go into another mailbox, and what sessions have claimed of
                // them may still be on its way into the rows.
                let mut account = tx.account_as(place.account, user.account)?;
                account.keep_recent(view.snapshot().mailbox(), view.recent_from())?;
            }
            tx.rename_mailbox_as(user.account, &from, &to)
        })
        .await?;
    ctx.note_own(renamed);
    if !is_spelled {
        // RFC 9051 §6.3.6: whichever of the two it is, under OLDNAME stands the one before.
        spelling::tell(ctx, args.from.as_str(), &stored).await?;
    }
    Ok(Reply::done())
}
