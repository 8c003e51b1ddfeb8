//! RENAME (RFC 9051 §6.3.6); R-FOLD-4 decides what moves.

use super::{Ctx, Reply, storage_name};
use crate::error::Result;
use crate::types::RenameArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: RenameArgs) -> Result<Reply> {
    let user = ctx.user()?;
    let (from, to) = (storage_name(&args.from)?, storage_name(&args.to)?);
    ctx.shared
        .store
        .write("imap rename", move |tx| tx.rename_mailbox_as(user.account, &from, &to))
        .await?;
    Ok(Reply::done())
}
