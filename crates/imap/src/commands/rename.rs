//! RENAME (RFC 9051 §6.3.6). Storage moves the mailbox with all below it in one transaction
//! (R-FOLD-4); renaming INBOX moves its messages and leaves INBOX empty.

use super::{Ctx, Reply, spelling, storage_name};
use crate::error::Result;
use crate::types::RenameArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: RenameArgs) -> Result<Reply> {
    let user = ctx.user()?;
    let from = storage_name(&args.from)?;
    let to = spelling::new_name(ctx, args.to.as_str()).await?;
    let tells = ctx.enabled.rev2();
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
            let seen = if tells { spelling::seen_name(tx, user.account, &from)? } else { None };
            tx.rename_mailbox_as(user.account, &from, &to)?;
            Ok((seen, place, tx.find_place(user.account, &to)?.name))
        })
        .await?;
    let (seen, from, to) = ctx.note_own(renamed);
    if let Some(notify) = ctx.notify.as_mut().filter(|_| !from.name.is_inbox()) {
        notify.note_move(from, to);
    }
    let (from, to) = (args.from.as_str(), args.to.as_str());
    spelling::tell_renamed(ctx, (from, seen), (to, &stored)).await;
    Ok(Reply::done())
}
