//! SUBSCRIBE (RFC 9051 §6.3.7) and UNSUBSCRIBE (RFC 9051 §6.3.8).

use super::{Ctx, Reply, storage_name};
use crate::error::Result;
use crate::types::MailboxName;

pub(super) async fn run(ctx: &mut Ctx<'_>, mailbox: MailboxName) -> Result<Reply> {
    let user = ctx.user()?;
    let name = storage_name(&mailbox)?;
    ctx.shared
        .store
        .account_write(user.account, "imap subscribe", move |tx| tx.subscribe(&name))
        .await?;
    Ok(Reply::done())
}

pub(super) async fn run_unsubscribe(ctx: &mut Ctx<'_>, mailbox: MailboxName) -> Result<Reply> {
    let user = ctx.user()?;
    let name = storage_name(&mailbox)?;
    ctx.shared
        .store
        .account_write(user.account, "imap unsubscribe", move |tx| tx.unsubscribe(&name))
        .await?;
    Ok(Reply::done())
}
