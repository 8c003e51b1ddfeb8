//! CLOSE (RFC 9051 §6.4.1): expunges without a word, then unselects.

use super::{Ctx, Reply};
use crate::error::Result;

pub(super) async fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    let user = ctx.user()?;
    let selected = ctx.selected()?;
    // RFC 9051 §6.4.1: nothing is expunged from a mailbox opened by EXAMINE, and no error given.
    if !selected.is_read_only() {
        let mailbox = selected.known().mailbox();
        let store = ctx.shared.store.clone();
        store
            .account_write(user.account, "imap close", move |tx| tx.expunge(mailbox, None))
            .await?;
    }
    ctx.state.unselect();
    Ok(Reply::done())
}
