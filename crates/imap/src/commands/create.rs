//! CREATE (RFC 9051 §6.3.4) with USE (RFC 6154 §3).

use storage::MailboxName;

use super::{Ctx, Reply, ReplyCode, special_use};
use crate::error::{Result, refused};
use crate::render::Code;
use crate::types::CreateArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: CreateArgs) -> Result<Reply> {
    let user = ctx.user()?;
    // RFC 9051 §6.3.4: a trailing delimiter only says that children will come.
    let name = args.mailbox.as_str();
    let name = MailboxName::parse(name.strip_suffix('/').unwrap_or(name))?;
    let mut uses = args.special_uses.iter();
    let (first, second) = (uses.next(), uses.next());
    if second.is_some() {
        // RFC 6154 §3: NO with USEATTR where a use can't be set.
        return Err(refused(Code::UseAttr, "A mailbox has one special use"));
    }
    let wanted = match first {
        None => None,
        Some(attribute) => Some(
            special_use::to_storage(attribute)
                .ok_or_else(|| refused(Code::UseAttr, "This special use can't be set"))?,
        ),
    };
    let created = ctx
        .shared
        .store
        .account_write(user.account, "imap create", move |tx| tx.create_mailbox(&name, wanted))
        .await?
        .value;
    // RFC 8474 §4.1: MAILBOXID in the answer to every CREATE.
    Ok(Reply::with_code(ReplyCode::MailboxId(created.id.to_string())))
}
