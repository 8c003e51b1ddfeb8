//! REPLACE and UID REPLACE (RFC 8508): one transaction appends the new message and expunges the old
//! one.

use super::append::{Prepared, is_cancelled, prepare};
use super::store::annotation::no_part;
use super::{Ctx, Reply, ReplyCode, require_writable, target_gone, target_mailbox};
use crate::error::{CommandError, Result};
use crate::render::{self, Code, Status};
use crate::session::{OwnChange, Updates};
use crate::types::{NumberSet, ReplaceArgs};
use storage::StorageError;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: ReplaceArgs) -> Result<Reply> {
    let user = ctx.user()?;
    require_writable(ctx)?;
    if is_cancelled(&args.message) {
        return Err(CommandError::Refused { code: None, text: "A message is empty" });
    }
    let seqs = ctx.seqs_of(&args.set, args.by)?;
    let selected = ctx.selected()?;
    let source = selected.known().mailbox();
    let old = seqs.first().and_then(|seq| selected.known().by_seq(seq)).map(|entry| entry.uid());
    // RFC 8508 §3.2: NO where the message can't be removed.
    let old = old.ok_or(StorageError::Expunged)?;
    let target = target_mailbox(ctx, user.account, &args.mailbox).await?.id;
    let left = ctx.shared.settings.limits.append_total_bytes_max;
    let Prepared { message, append, drawn: _drawn } = prepare(ctx, args.message, left).await?;
    let (messages, counted) = (vec![message.clone()], message.clone());
    let replaced = ctx
        .shared
        .store
        .write_with("imap replace", messages, move |tx| {
            tx.replace_message_as(user.account, (source, old), target, &message, append)
        })
        .await
        .map_err(|error| no_part(target_gone(error)))?;
    let replaced = ctx.note_own(replaced);
    ctx.count_message(&counted);
    let uids: NumberSet = [replaced.uid.get()].into_iter().collect();
    let code = ReplyCode::AppendUid(replaced.uid_validity, uids);
    let enabled = *ctx.enabled;
    let mut out = Vec::new();
    // RFC 8508 §4.3: APPENDUID comes before EXPUNGE.
    let text = "Replacement message ready";
    render::untagged(&mut out, Status::Ok, Some(&code.as_code()), text);
    ctx.tell_updates(Updates::All, OwnChange::Nothing, &mut out).await?;
    // RFC 8508 §4.5, RFC 7162 §3.2.9: as UID EXPUNGE says it.
    let modseq =
        ctx.selected()?.take_modseq(enabled).map(Code::HighestModSeq).map(ReplyCode::Plain);
    ctx.connection.write(&out).await?;
    Ok(Reply { code: modseq, ..Reply::done() })
}
