//! SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314 §3). Whether the user may is asked
//! in storage; whoever has no right is answered as if there were no mailbox.

use storage::{AclChange, Mailbox, Rights};

use super::{Ctx, Reply, storage_name};
use crate::error::{CommandError, Result, refused};
use crate::render::{self, Code};
use crate::types::{AclArgs, MailboxName, RightsAction};

pub(super) async fn run(ctx: &mut Ctx<'_>, args: AclArgs) -> Result<Reply> {
    match args {
        AclArgs::Set { mailbox, identifier, action, rights } => {
            // RFC 4314 §3.1: BAD where a right is not known.
            let rights = Rights::parse(&rights).ok_or(CommandError::Bad("No such right"))?;
            let change = match action {
                RightsAction::Set => AclChange::Set(rights),
                RightsAction::Add => AclChange::Add(rights),
                RightsAction::Remove => AclChange::Remove(rights),
            };
            set(ctx, mailbox, identifier, change).await
        }
        AclArgs::Delete(mailbox, identifier) => {
            set(ctx, mailbox, identifier, AclChange::Set(Rights::NONE)).await
        }
        AclArgs::Get(mailbox) => tell_acl(ctx, mailbox).await,
        AclArgs::List(mailbox, identifier) => tell_grantable(ctx, mailbox, identifier).await,
        AclArgs::Mine(mailbox) => tell_own(ctx, mailbox).await,
    }
}

/// A mailbox that exists to this user, who needs these rights.
async fn mailbox(ctx: &Ctx<'_>, name: &MailboxName, needed: Rights) -> Result<Mailbox> {
    let actor = ctx.user()?.account;
    let name = storage_name(name)?;
    let found = ctx.shared.store.read(move |tx| tx.find_mailbox_as(actor, &name, needed)).await?;
    found.ok_or_else(|| refused(Code::NonExistent, "No such mailbox"))
}

async fn set(
    ctx: &mut Ctx<'_>,
    name: MailboxName,
    identifier: String,
    change: AclChange,
) -> Result<Reply> {
    let actor = ctx.user()?.account;
    let id = mailbox(ctx, &name, Rights::ADMINISTER).await?.id;
    let write =
        ctx.shared.store.write("imap setacl", move |tx| tx.set_acl(actor, id, &identifier, change));
    let written = write.await?;
    ctx.note_own(written);
    Ok(Reply::done())
}

async fn tell_acl(ctx: &mut Ctx<'_>, name: MailboxName) -> Result<Reply> {
    let actor = ctx.user()?.account;
    let id = mailbox(ctx, &name, Rights::ADMINISTER).await?.id;
    let acl = ctx.shared.store.read(move |tx| tx.load_acl(actor, id)).await?;
    let entries: Vec<(String, String)> =
        acl.into_iter().map(|entry| (entry.identifier, entry.rights.to_string())).collect();
    let dialect = ctx.enabled.dialect();
    ctx.push(|out| render::acl(out, name.as_str(), dialect, &entries));
    Ok(Reply::done())
}

/// RFC 4314 §3.4: every right can be given by itself; the owner has all without.
async fn tell_grantable(ctx: &mut Ctx<'_>, name: MailboxName, identifier: String) -> Result<Reply> {
    let actor = ctx.user()?.account;
    let id = mailbox(ctx, &name, Rights::ADMINISTER).await?.id;
    let who = identifier.clone();
    let is_owner = ctx.shared.store.read(move |tx| tx.is_owner(actor, id, &who)).await?;
    let all = Rights::ALL.to_string();
    let (always, others) = if is_owner { (all.as_str(), "") } else { ("", all.as_str()) };
    let dialect = ctx.enabled.dialect();
    ctx.push(|out| {
        render::list_rights(out, name.as_str(), dialect, &identifier, always, others);
    });
    Ok(Reply::done())
}

/// RFC 4314 §4: to whoever has one of these rights.
const ASKING: [Rights; 6] = [
    Rights::LOOKUP,
    Rights::READ,
    Rights::INSERT,
    Rights::CREATE,
    Rights::DELETE_MAILBOX,
    Rights::ADMINISTER,
];

async fn tell_own(ctx: &mut Ctx<'_>, name: MailboxName) -> Result<Reply> {
    let actor = ctx.user()?.account;
    let id = mailbox(ctx, &name, Rights::NONE).await?.id;
    let rights = ctx.shared.store.read(move |tx| tx.rights_of(actor, id)).await?;
    if !ASKING.iter().any(|right| rights.contains(*right)) {
        return Err(refused(Code::NonExistent, "No such mailbox"));
    }
    let (dialect, rights) = (ctx.enabled.dialect(), rights.to_string());
    ctx.push(|out| render::my_rights(out, name.as_str(), dialect, &rights));
    Ok(Reply::done())
}
