//! APPEND (RFC 9051 §6.3.12), several messages at once (RFC 3502): all or none,
//! each whole or put together (RFC 4469).

mod binary;
mod catenate;

use std::sync::Arc;

use ids::{Timestamp, Uid};
use storage::{Append, Extent, PreparedMessage, StorageError};
use tokio::sync::OwnedSemaphorePermit;

use super::annotations::changes_of;
use super::store::annotation::no_part;
use super::{Ctx, Reply, ReplyCode, message_limit, spelling, storage_name};
use super::{target_gone, target_mailbox};
use crate::error::{CommandError, Result, refused};
use crate::render::Code;
use crate::types::{AppendArgs, AppendData, AppendMessage, NumberSet};

pub(super) async fn run(ctx: &mut Ctx<'_>, args: AppendArgs) -> Result<Reply> {
    let user = ctx.user()?;
    message_limit::refuse_above(ctx.save_limit(), args.messages.len() as u64)?;
    if args.messages.iter().any(is_cancelled) {
        return Err(CommandError::Refused { code: None, text: "A message is empty" });
    }
    let target = target_mailbox(ctx, user.account, &args.mailbox).await?;
    let (owner, mailbox) = (target.account, target.id);
    let mut options = Vec::with_capacity(args.messages.len());
    let mut prepared = Vec::with_capacity(args.messages.len());
    // What parts of other messages take in these is held until they are stored.
    let mut memory = Vec::new();
    let mut left = ctx.shared.settings.limits.append_total_bytes_max;
    for message in args.messages {
        let Prepared { message, append, drawn } = prepare(ctx, message, left).await?;
        left = left.saturating_sub(message.size());
        options.push(append);
        prepared.push(message);
        memory.extend(drawn);
    }
    let (messages, counted) = (prepared.clone(), prepared.clone());
    let extent = Extent::of_messages(&prepared, prepared.len());
    let appended = ctx
        .shared
        .store
        .deliver_messages(extent, "imap append", prepared, move |tx| {
            let mut tx = tx.account_as(owner, user.account)?;
            let mut appended = Vec::with_capacity(messages.len());
            for (message, options) in messages.iter().zip(&options) {
                appended.push(tx.append_message(mailbox, message, options.clone())?);
            }
            Ok(appended)
        })
        .await
        .map_err(|error| no_part(target_gone(error)))?;
    drop(memory);
    let appended = ctx.note_own(appended);
    for message in &counted {
        ctx.count_message(message);
    }
    // RFC 9051 §6.3.12.
    if let Ok(stored) = storage_name(&args.mailbox) {
        spelling::tell(ctx, args.mailbox.as_str(), &stored).await;
    }
    let uids: NumberSet = appended.iter().map(|one| Uid::get(one.uid)).collect();
    // RFC 4315 §3: APPENDUID with a set when several were appended (RFC 3502 §6.3.11).
    let code = appended.first().map(|one| ReplyCode::AppendUid(one.uid_validity, uids));
    Ok(Reply { code, ..Reply::done() })
}

/// RFC 3502 §6.3.11: a message of no octets is an error, and how a client cancels.
pub(super) fn is_cancelled(message: &AppendMessage) -> bool {
    matches!(&message.data, AppendData::Whole { bytes, .. } if bytes.is_empty())
}

/// A message ready to be stored.
pub(super) struct Prepared {
    pub(super) message: Arc<PreparedMessage>,
    pub(super) append: Append,
    /// What it takes of the memory that messages being appended share, where nothing was drawn
    /// when it came.
    pub(super) drawn: Option<OwnedSemaphorePermit>,
}

/// Makes a message ready to be stored, having put it together if need be, of at most `left` bytes.
pub(super) async fn prepare(
    ctx: &mut Ctx<'_>,
    message: AppendMessage,
    left: u64,
) -> Result<Prepared> {
    let AppendMessage { flags, internal_date, annotations, data } = message;
    let (bytes, binary, drawn) = match data {
        AppendData::Whole { bytes, binary, .. } => (bytes, binary, None),
        AppendData::Catenate(parts) => {
            let bytes_max = left.min(ctx.shared.settings.limits.append_bytes_max);
            let whole = catenate::put_together(ctx, parts, bytes_max).await?;
            (whole.bytes, whole.is_binary, whole.memory)
        }
    };
    if bytes.is_empty() {
        return Err(CommandError::Refused { code: None, text: "A message is empty" });
    }
    let bytes = if binary && bytes.contains(&0) { as_text(bytes).await? } else { bytes };
    let internal_date = internal_date.map(|date| Timestamp::from_secs(date.unix_secs()));
    let message = Arc::new(ctx.shared.store.prepare(bytes).await?);
    let append = Append { flags, internal_date, annotations: changes_of(annotations) };
    Ok(Prepared { message, append, drawn })
}

/// A message with NUL in a form that BODY[…] can send.
async fn as_text(bytes: Vec<u8>) -> Result<Vec<u8>> {
    let encoded = tokio::task::spawn_blocking(move || binary::without_nul(&bytes)).await;
    let encoded = encoded.map_err(|error| StorageError::Internal(error.to_string()))?;
    // RFC 3516 §4.4: NO with UNKNOWN-CTE for what cannot be stored.
    encoded.ok_or_else(|| refused(Code::UnknownCte, "NUL where no transfer encoding helps"))
}
