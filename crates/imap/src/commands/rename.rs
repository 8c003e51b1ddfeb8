//! RENAME (RFC 9051 §6.3.6); R-FOLD-4 decides what moves.

use super::{Ctx, Reply, storage_name};
use crate::error::Result;
use crate::types::RenameArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: RenameArgs) -> Result<Reply> {
    let user = ctx.user()?;
    let (from, to) = (storage_name(&args.from)?, storage_name(&args.to)?);
    let store = ctx.shared.store.clone();
    ctx.shared
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
    Ok(Reply::done())
}
