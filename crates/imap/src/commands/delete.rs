//! DELETE (RFC 9051 §6.3.5); R-FOLD-3 decides what remains.

use super::{Ctx, Reply, storage_name};
use crate::error::Result;
use crate::types::MailboxName;

pub(super) async fn run(ctx: &mut Ctx<'_>, mailbox: MailboxName) -> Result<Reply> {
    let user = ctx.user()?;
    let name = storage_name(&mailbox)?;
    ctx.shared
        .store
        .write("imap delete", move |tx| tx.delete_mailbox_as(user.account, &name))
        .await?;
    // The session's own view of a mailbox it deleted ends: RFC 9051 §6.3.5 leaves that open, and
    // commands on nothing would only fail.
    if ctx.state.selected().is_some_and(crate::session::Selected::is_over) {
        ctx.state.unselect();
    }
    Ok(Reply::done())
}
