//! RESETKEY (RFC 4467 §7): what was authorized before is void.

use super::url_auth::INTERNAL;
use super::{Ctx, Reply, ReplyCode, existing_mailbox};
use crate::error::{CommandError, Result};
use crate::render::Code;
use crate::types::ResetKeyArgs;

/// Other sessions that have one of the mailboxes open are told from its view, where it is a mailbox
/// of the user's own.
///
/// DEVIATION(RFC 4467 §7): those with a mailbox of another are not told. They would learn the data
/// of mechanisms by it, and the one mechanism here has none.
pub(super) async fn run(ctx: &mut Ctx<'_>, args: ResetKeyArgs) -> Result<Reply> {
    let account = ctx.user()?.account;
    if args.mechanisms.iter().any(|mechanism| mechanism != INTERNAL) {
        return Err(CommandError::Refused { code: None, text: "INTERNAL is the only mechanism" });
    }
    let Some(name) = args.mailbox else {
        let remove = move |tx: &mut storage::WriteTx<'_>| tx.remove_url_keys(account);
        ctx.shared.store.write("imap resetkey", remove).await?;
        note_reset(ctx);
        return Ok(Reply { text: "All keys removed", ..Reply::done() });
    };
    let mailbox = existing_mailbox(ctx, account, &name).await?.id;
    let reset = move |tx: &mut storage::WriteTx<'_>| tx.reset_url_key(account, mailbox);
    ctx.shared.store.write("imap resetkey", reset).await?;
    note_reset(ctx);
    Ok(Reply::with_code(ReplyCode::Plain(Code::UrlMech)))
}

fn note_reset(ctx: &mut Ctx<'_>) {
    ctx.enabled.speak_url_auth();
    if let Some(selected) = ctx.state.selected_mut() {
        selected.note_url_key_reset();
    }
}
