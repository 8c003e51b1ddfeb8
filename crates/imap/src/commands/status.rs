//! STATUS (RFC 9051 §6.3.11).

use storage::Mailbox;

use super::{Ctx, Reply, existing_mailbox};
use crate::error::{CommandError, Result};
use crate::render::{self, StatusValues};
use crate::types::{MailboxName, StatusItem, StatusItems};

pub(super) async fn run(ctx: &mut Ctx<'_>, name: MailboxName, items: StatusItems) -> Result<Reply> {
    let user = ctx.user()?;
    require_known(items)?;
    let mailbox = existing_mailbox(ctx, user.account, &name).await?;
    if items.contains(StatusItem::HighestModSeq) {
        ctx.enable_condstore();
    }
    let append_limit = ctx.shared.settings.limits.append_bytes_max;
    let dialect = ctx.enabled.dialect();
    ctx.push(|out| {
        let id = mailbox.id.to_string();
        // RFC 9051 §6.3.11: under the name asked for, so that the client knows it again.
        render::status(out, name.as_str(), dialect, items, &values(&mailbox, append_limit, &id));
    });
    Ok(Reply::done())
}

/// RFC 9208 §4.1.4: DELETED-STORAGE belongs to QUOTA, which is not offered.
pub(super) fn require_known(items: StatusItems) -> Result<()> {
    match items.contains(StatusItem::DeletedStorage) {
        true => Err(CommandError::Bad("Unknown status item")),
        false => Ok(()),
    }
}

/// What STATUS says of a mailbox, from the row that holds all its counts.
pub(super) fn values<'m>(mailbox: &Mailbox, append_limit: u64, id: &'m str) -> StatusValues<'m> {
    StatusValues {
        messages: mailbox.messages,
        recent: 0,
        uid_next: mailbox.uid_next.get(),
        uid_validity: mailbox.uid_validity.get(),
        unseen: mailbox.unseen,
        deleted: mailbox.deleted,
        size_bytes: mailbox.size_bytes,
        highest_modseq: mailbox.highest_modseq.get(),
        append_limit: Some(append_limit),
        mailbox_id: id,
        deleted_bytes: 0,
    }
}
