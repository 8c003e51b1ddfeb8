//! CLOSE (RFC 9051 §6.4.1): expunges without a word, then unselects.

use storage::StorageError;

use super::{Ctx, Reply};
use crate::error::Result;

pub(super) async fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    let user = ctx.user()?;
    let selected = ctx.selected()?;
    // RFC 9051 §6.4.1: nothing is expunged from a mailbox opened by EXAMINE, and no error given.
    if selected.is_read_only() {
        ctx.state.unselect();
        return Ok(Reply::done());
    }
    let mailbox = selected.known().mailbox();
    let store = ctx.shared.store.clone();
    match store.account_write(user.account, "imap close", move |tx| tx.expunge(mailbox, None)).await
    {
        // A mailbox deleted meanwhile is closed all the same.
        Ok(_) | Err(StorageError::NotFound(_)) => {
            ctx.state.unselect();
            Ok(Reply::done())
        }
        Err(error) => Err(error.into()),
    }
}
