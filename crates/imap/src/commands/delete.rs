//! DELETE (RFC 9051 §6.3.5). Storage decides what remains (R-FOLD-3). A session that had the
//! mailbox open leaves it and is told `CLOSED`; one that speaks IMAP4rev2 and spelled the name
//! otherwise than it is listed hears that it is gone.

use storage::WriteTx;

use super::{Ctx, Reply, spelling, storage_name};
use crate::error::Result;
use crate::render::{self, Code, Status};
use crate::types::MailboxName;

pub(super) async fn run(ctx: &mut Ctx<'_>, mailbox: MailboxName) -> Result<Reply> {
    let user = ctx.user()?;
    let name = storage_name(&mailbox)?;
    let tells = ctx.enabled.rev2();
    let delete = move |tx: &mut WriteTx<'_>| {
        let seen = if tells { spelling::seen_name(tx, user.account, &name)? } else { None };
        tx.delete_mailbox_as(user.account, &name)?;
        Ok(seen)
    };
    let deleted = ctx.shared.store.write("imap delete", delete).await?;
    let seen = ctx.note_own(deleted);
    // The session's own view of a mailbox it deleted ends: RFC 9051 §6.3.5 leaves that open, and
    // commands on nothing would only fail. CLOSED (RFC 7162 §3.2.11, RFC 9051 §7.1) says so.
    if ctx.state.selected().is_some_and(crate::session::Selected::is_over) {
        ctx.state.unselect();
        ctx.push(|out| {
            render::untagged(out, Status::Ok, Some(&Code::Closed), "The mailbox is deleted");
        });
    }
    spelling::tell_gone(ctx, mailbox.as_str(), seen);
    Ok(Reply::done())
}
