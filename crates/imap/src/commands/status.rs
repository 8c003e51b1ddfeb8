//! STATUS (RFC 9051 §6.3.11): counts of a mailbox, most of them from its row alone, without opening
//! it.

use ids::Uid;
use storage::{Mailbox, Snapshot};

use super::{Ctx, Reply, existing_mailbox};
use crate::error::Result;
use crate::render::{self, StatusValues};
use crate::session::Selected;
use crate::types::{MailboxName, StatusItem, StatusItems};

pub(super) async fn run(ctx: &mut Ctx<'_>, name: MailboxName, items: StatusItems) -> Result<Reply> {
    let user = ctx.user()?;
    let mailbox = existing_mailbox(ctx, user.account, &name).await?;
    if items.contains(StatusItem::HighestModSeq) {
        ctx.enable_condstore();
    }
    let counted = count(ctx, items, &mailbox).await?;
    let append_limit = ctx.shared.settings.limits.append_bytes_max;
    let dialect = ctx.enabled.dialect();
    ctx.push(|out| {
        let id = mailbox.id.to_string();
        let values = values(&mailbox, counted, append_limit, &id);
        // RFC 9051 §6.3.11: under the name asked for, so that the client knows it again.
        render::status(out, name.as_str(), dialect, items, &values);
    });
    Ok(Reply::done())
}

/// What of an answer stands in no row of the mailbox.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    recent: u32,
    deleted_bytes: u64,
}

/// Counts what is asked for and costs reading.
pub(super) async fn count(ctx: &Ctx<'_>, items: StatusItems, mailbox: &Mailbox) -> Result<Counted> {
    let recent = count_recent(ctx, items, mailbox).await?;
    let mut deleted_bytes = 0;
    if items.contains(StatusItem::DeletedStorage) && mailbox.deleted > 0 {
        let id = mailbox.id;
        deleted_bytes = ctx.shared.store.read(move |tx| tx.sum_deleted(id)).await?;
    }
    Ok(Counted { recent, deleted_bytes })
}

/// RECENT, where it is asked for: RFC 3501 §6.3.10; RFC 9051 has no \Recent any more.
async fn count_recent(ctx: &Ctx<'_>, items: StatusItems, mailbox: &Mailbox) -> Result<u32> {
    if !items.contains(StatusItem::Recent) || ctx.enabled.rev2() {
        return Ok(0);
    }
    // The session's own ones count in the mailbox it has open.
    let own = ctx.state.selected().filter(|selected| selected.known().mailbox() == mailbox.id);
    let own = own.map_or(0, Selected::count_recent);
    // What sessions have claimed is in a view before it is in the rows.
    let unclaimed = match ctx.shared.store.held_view(mailbox.account, mailbox.id) {
        Some(view) => recent_in(&view.snapshot(), view.recent_from()),
        None => {
            let id = mailbox.id;
            ctx.shared.store.read(move |tx| tx.count_recent(id)).await?
        }
    };
    Ok(own + unclaimed)
}

fn recent_in(newest: &Snapshot, from: Uid) -> u32 {
    newest.exists() + 1 - newest.first_seq_from(from)
}

/// The counts of a mailbox that its row holds.
pub(super) fn counts(mailbox: &Mailbox) -> StatusValues<'static> {
    values(mailbox, Counted::default(), 0, "")
}

/// What STATUS says of a mailbox, from the row that holds all its counts.
pub(super) fn values<'m>(
    mailbox: &Mailbox,
    counted: Counted,
    append_limit: u64,
    id: &'m str,
) -> StatusValues<'m> {
    StatusValues {
        messages: mailbox.messages,
        recent: counted.recent,
        uid_next: mailbox.uid_next.get(),
        uid_validity: mailbox.uid_validity.get(),
        unseen: mailbox.unseen,
        deleted: mailbox.deleted,
        size_bytes: mailbox.size_bytes,
        highest_modseq: mailbox.highest_modseq.get(),
        append_limit: Some(append_limit),
        mailbox_id: id,
        deleted_bytes: counted.deleted_bytes,
    }
}
