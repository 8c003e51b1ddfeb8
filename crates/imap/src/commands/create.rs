//! CREATE (RFC 9051 §6.3.4) with USE (RFC 6154 §3). Storage makes the mailbox; the answer tells its
//! MAILBOXID.

use storage::{AccountTx, MailboxName, SpecialUse};

use super::{Ctx, Reply, ReplyCode, special_use, spelling, without_separator};
use crate::error::{Result, refused};
use crate::render::Code;
use crate::types::CreateArgs;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: CreateArgs) -> Result<Reply> {
    let user = ctx.user()?;
    let name = spelling::new_name(ctx, args.mailbox.as_str()).await?;
    // RFC 9051 §6.3.4: a trailing delimiter only says that children will come.
    let asked = without_separator(args.mailbox.as_str());
    let stored = name.clone();
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
        .write("imap create", move |tx| {
            let is_own = tx.find_place(user.account, &name)?.account == user.account;
            if !is_own && wanted.is_some() {
                tx.require_create_as(user.account, &name)?;
                return Ok(Err("Its owner says what a mailbox is for"));
            }
            if is_own && is_use_taken(&mut tx.account(user.account)?, &name, wanted)? {
                return Ok(Err("Another mailbox has this special use"));
            }
            tx.create_mailbox_as(user.account, &name, wanted).map(Ok)
        })
        .await?;
    // RFC 6154 §3: so too where the mailbox could be created without the use.
    let created = ctx.note_own(created).map_err(|why| refused(Code::UseAttr, why))?;
    spelling::tell(ctx, asked, &stored).await;
    // RFC 8474 §4.1: MAILBOXID in the answer to every CREATE.
    Ok(Reply::with_code(ReplyCode::MailboxId(created.id.to_string())))
}

/// Whether another mailbox than `name` has the use already.
fn is_use_taken(
    tx: &mut AccountTx<'_, '_>,
    name: &MailboxName,
    wanted: Option<SpecialUse>,
) -> storage::Result<bool> {
    let account = tx.id();
    if wanted.is_none() || tx.find_mailbox(account, name)?.is_some() {
        return Ok(false);
    }
    let tree = tx.list_mailboxes(account)?;
    let mut mailboxes = tree.entries.iter().filter_map(|entry| entry.mailbox.as_ref());
    Ok(mailboxes.any(|mailbox| mailbox.special_use == wanted))
}
