//! CLOSE (RFC 9051 §6.4.1): expunges without a word, then unselects.

use storage::{Extent, StorageError};

use super::notify::Left;
use super::{Ctx, Reply};
use crate::error::{CommandError, Result};

pub(super) async fn run(ctx: &mut Ctx<'_>) -> Result<Reply> {
    let selected = ctx.selected()?;
    // RFC 9051 §6.4.1: nothing is expunged from a mailbox opened by EXAMINE, and no error given.
    if selected.is_read_only() {
        ctx.leave();
        return Ok(Reply::done());
    }
    // What is expunged here is the client's own, and no news to it.
    let left = Left::of(selected);
    let mailbox = selected.known().mailbox();
    match ctx
        .change_selected(("imap close", Extent::Any), move |tx| tx.expunge(mailbox, None))
        .await
    {
        // A mailbox deleted meanwhile is closed all the same; so is one from which this user may
        // not expunge (RFC 4314 §4).
        Ok(_)
        | Err(CommandError::Storage(
            StorageError::NotFound(_) | StorageError::NoPermission(_) | StorageError::Maintenance,
        )) => {
            ctx.state.unselect();
            if let Some(notify) = ctx.notify {
                notify.note_left(left);
            }
            Ok(Reply::done())
        }
        Err(error) => Err(error),
    }
}
