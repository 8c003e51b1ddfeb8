//! SUBSCRIBE (RFC 9051 §6.3.7) and UNSUBSCRIBE (RFC 9051 §6.3.8): names are noted, whether or not a
//! mailbox has them.

use storage::AccountTx;

use super::{Ctx, Reply, spelling, storage_name};
use crate::error::Result;
use crate::types::MailboxName;

pub(super) async fn run(ctx: &mut Ctx<'_>, mailbox: MailboxName) -> Result<Reply> {
    let user = ctx.user()?;
    let name = storage_name(&mailbox)?;
    let subscribe = move |tx: &mut AccountTx<'_, '_>| {
        let name = spelling::subscribed_name(tx, user.account, &name)?;
        tx.subscribe(&name)
    };
    let store = &ctx.shared.store;
    let written = store.account_write(user.account, "imap subscribe", subscribe).await?;
    ctx.note_own(written);
    Ok(Reply::done())
}

pub(super) async fn run_unsubscribe(ctx: &mut Ctx<'_>, mailbox: MailboxName) -> Result<Reply> {
    let user = ctx.user()?;
    let name = storage_name(&mailbox)?;
    let unsubscribe = move |tx: &mut AccountTx<'_, '_>| {
        // RFC 9051 §6.3.8: the name as given is removed, and no other. It may be one that was kept
        // before names were spelled one way, beside the one that LIST shows now.
        if tx.unsubscribe(&name)? {
            return Ok(());
        }
        let spelled = spelling::subscribed_name(tx, user.account, &name)?;
        tx.unsubscribe(&spelled).map(drop)
    };
    let store = &ctx.shared.store;
    let written = store.account_write(user.account, "imap unsubscribe", unsubscribe).await?;
    ctx.note_own(written);
    Ok(Reply::done())
}
