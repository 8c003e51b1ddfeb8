//! SELECT (RFC 9051 §6.3.2) and EXAMINE (RFC 9051 §6.3.3): opens the view of a mailbox and tells
//! its state; with QRESYNC, what changed since the client was here.

mod resync;

use self::resync::Resync;
use storage::{Mailbox, Rights};

use super::{Ctx, Reply, ReplyCode, existing_mailbox};
use crate::error::{CommandError, Result, refused};
use crate::render::{self, Code, ListItem, Status};
use crate::session::{Access, Enabled, Selected, Tenure};
use crate::types::SelectArgs;

/// DEVIATION(RFC 6855 §8): messages with UTF-8 in their headers are told of as they are to those
/// who did not ENABLE UTF8=ACCEPT, too, and not as surrogates (RFC 6858): so Dovecot and Cyrus do,
/// and programs read them. A surrogate would be another message under the same UID, with a size, a
/// structure and signatures of its own.
pub(super) async fn run(ctx: &mut Ctx<'_>, args: SelectArgs, access: Access) -> Result<Reply> {
    let user = ctx.user()?;
    if args.qresync.is_some() && !ctx.enabled.qresync() {
        // RFC 7162 §3.2.5: BAD unless QRESYNC was enabled.
        return Err(CommandError::Bad("QRESYNC was not enabled"));
    }
    // RFC 9051 §6.3.2: the mailbox selected before is closed also when this command fails;
    // RFC 7162 §3.2.11: CLOSED marks where its updates end.
    if ctx.leave() {
        ctx.push(|out| {
            render::untagged(out, Status::Ok, Some(&Code::Closed), "Previous mailbox closed");
        });
    }
    let mailbox = existing_mailbox(ctx, user.account, &args.mailbox).await?;
    let view = ctx.shared.store.open_view(mailbox.account, mailbox.id).await?;
    let tenure = tenure(ctx, &mailbox).await?;
    // RFC 4314 §5.2: READ-ONLY where this user may change nothing.
    let asked = access;
    let access = match tenure.rights.intersects(Rights::CHANGING) {
        true => access,
        false => Access::ReadOnly,
    };
    if args.condstore {
        // RFC 7162 §3.1.8: the parameter makes the client one that knows CONDSTORE.
        ctx.enable_condstore();
    }
    let enabled = *ctx.enabled;
    let mut selected = Selected::new(view, tenure, access, enabled);
    selected.note_asked(asked, args.annotate);
    let resync = match args.qresync {
        // RFC 7162 §3.2.5: what a client remembers of another mailbox is passed over.
        Some(params) if params.uid_validity == selected.known().uid_validity() => {
            Some(Resync::load(ctx, mailbox.account, selected.known(), &params).await?)
        }
        _ => None,
    };
    // A mailbox of another has the name asked for: to its owner it has another.
    let name = match mailbox.account == user.account {
        true => mailbox.name.as_str(),
        false => args.mailbox.as_str(),
    };
    let annotations = annotations(ctx, asked);
    ctx.push(|out| {
        tell_opened(out, &selected, enabled);
        if let Some(code) = annotations {
            render::untagged(out, Status::Ok, Some(&code), "Annotations");
        }
        if enabled.rev2() {
            // RFC 9051 §6.3.2: LIST with the mailbox's name, and under OLDNAME the one asked for
            // where that is spelled another way (§6.3.9.7).
            let old_name = Some(args.mailbox.as_str()).filter(|asked| *asked != name);
            let item = ListItem { name, old_name, ..ListItem::default() };
            render::list_item(out, &item, enabled.dialect());
        }
    });
    ctx.state.select(selected);
    if let Some(resync) = resync {
        resync.tell(ctx).await?;
    }
    let code = match access {
        Access::ReadWrite => Code::ReadWrite,
        Access::ReadOnly => Code::ReadOnly,
    };
    Ok(Reply::with_code(ReplyCode::Plain(code)))
}

/// What may be done with a mailbox whose view is open: were that changed from here on, the view
/// would tell.
async fn tenure(ctx: &Ctx<'_>, mailbox: &Mailbox) -> Result<Tenure> {
    let (actor, owner, id) = (ctx.user()?.account, mailbox.account, mailbox.id);
    if actor == owner {
        return Ok(Tenure { owner, is_own: true, rights: Rights::ALL });
    }
    let rights = ctx.shared.store.read(move |tx| tx.rights_of(actor, id)).await?;
    match rights.contains(Rights::READ) {
        true => Ok(Tenure { owner, is_own: false, rights }),
        false => Err(refused(Code::NonExistent, "No such mailbox")),
    }
}

/// RFC 5257 §4.1: how long a value may be, or that none may be changed.
fn annotations(ctx: &Ctx<'_>, asked: Access) -> Option<Code<'static>> {
    if ctx.off.contains(&ctx.shared.settings, "ANNOTATE-EXPERIMENT-1") {
        return None;
    }
    Some(Code::Annotations(match asked {
        Access::ReadWrite => Some(ctx.shared.store.settings().annotation_value_bytes_max),
        Access::ReadOnly => None,
    }))
}

fn tell_opened(out: &mut Vec<u8>, selected: &Selected, enabled: Enabled) {
    let known = selected.known();
    selected.tell_flags(out);
    render::exists(out, known.exists());
    if !enabled.rev2() {
        render::recent(out, selected.count_recent());
        if let Some(seq) = known.first_unseen()
            && !enabled.uid_only()
        {
            // RFC 3501 §7.1: UNSEEN, gone in RFC 9051.
            render::untagged(out, Status::Ok, Some(&Code::Unseen(seq)), "First unseen");
        }
    }
    let numbers = [
        (Code::UidValidity(known.uid_validity()), "UIDs valid"),
        (Code::UidNext(known.uid_next()), "Predicted next UID"),
        // RFC 7162 §3.1.2.1: told whether or not the client asked for it.
        (Code::HighestModSeq(known.highest_modseq()), "Highest"),
    ];
    for (code, text) in &numbers {
        render::untagged(out, Status::Ok, Some(code), text);
    }
    let id = known.mailbox().to_string();
    // RFC 8474 §4.2.
    render::untagged(out, Status::Ok, Some(&Code::MailboxId(&id)), "Mailbox id");
    // DEVIATION(RFC 4467 §8): only to those who make such URLs. The list never changes, and with
    // the one mechanism there is it says no more than the capability.
    if enabled.speaks_url_auth() {
        render::untagged(out, Status::Ok, Some(&Code::UrlMech), "Mechanisms");
    }
}
