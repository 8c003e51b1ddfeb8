//! APPEND (RFC 9051 §6.3.12), several messages at once (RFC 3502): all or none.

use std::sync::Arc;

use ids::{Timestamp, Uid};
use storage::Append;

use super::{Ctx, Reply, ReplyCode, target_mailbox};
use crate::error::Result;
use crate::types::{AppendArgs, AppendMessage, NumberSet};

pub(super) async fn run(ctx: &mut Ctx<'_>, args: AppendArgs) -> Result<Reply> {
    let user = ctx.user()?;
    let mailbox = target_mailbox(ctx, user.account, &args.mailbox).await?.id;
    let mut options = Vec::with_capacity(args.messages.len());
    let mut prepared = Vec::with_capacity(args.messages.len());
    for message in args.messages {
        let AppendMessage { flags, internal_date, bytes, .. } = message;
        let internal_date = internal_date.map(|date| Timestamp::from_secs(date.unix_secs()));
        options.push(Append { flags, internal_date });
        prepared.push(Arc::new(ctx.shared.store.prepare(bytes).await?));
    }
    let messages = prepared.clone();
    let appended = ctx
        .shared
        .store
        .account_write_with(user.account, "imap append", prepared, move |tx| {
            let mut appended = Vec::with_capacity(messages.len());
            for (message, options) in messages.iter().zip(options) {
                appended.push(tx.append_message(mailbox, message, options)?);
            }
            Ok(appended)
        })
        .await?
        .value;
    let uids: NumberSet = appended.iter().map(|one| Uid::get(one.uid)).collect();
    // RFC 4315 §3: APPENDUID with a set when several were appended (RFC 3502 §6.3.11).
    let code = appended.first().map(|one| ReplyCode::AppendUid(one.uid_validity, uids));
    Ok(Reply { code, ..Reply::done() })
}
