//! RENAME (RFC 9051 §6.3.6); R-FOLD-4 decides what moves.

use storage::StorageError;

use super::{Ctx, Reply, storage_name};
use crate::error::Result;
use crate::types::RenameArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: RenameArgs) -> Result<Reply> {
    let user = ctx.user()?;
    let (from, to) = (storage_name(&args.from)?, storage_name(&args.to)?);
    ctx.shared
        .store
        .write("imap rename", move |tx| {
            let from = tx.find_place(user.account, &from)?;
            let to = tx.find_place(user.account, &to)?;
            if from.account != to.account {
                return Err(StorageError::NoPermission("a mailbox stays in its account"));
            }
            tx.account_as(from.account, user.account)?.rename_mailbox(&from.name, &to.name)
        })
        .await?;
    Ok(Reply::done())
}
