//! Names that a client spells another way than mailboxes have them (RFC 9051 §5.1): they are taken
//! everywhere, and it is told what becomes of them.

use storage::{MailboxEntry, MailboxName as StoredName, Rights};

use super::notify::push_list;
use super::{Ctx, storage_name};
use crate::error::Result;
use crate::types::{EventGroup, MailboxFilter, MailboxName};

/// The name that a mailbox is to have.
pub(super) fn new_name(name: &str) -> Result<StoredName> {
    // RFC 6855 §3: neither of these is allowed, and both would end a line to many a program.
    if name.contains(['\u{2028}', '\u{2029}']) {
        return Err(storage::StorageError::Invalid("a mailbox name holds a line separator").into());
    }
    Ok(StoredName::parse(name)?)
}

/// RFC 9051 §6.3.9.7: LIST with OLDNAME where a name that a command has changed something by is
/// spelled another way than `stored`, the name now, which may be of no mailbox any more.
pub(super) async fn tell(ctx: &mut Ctx<'_>, asked: &str, stored: &StoredName) -> Result<()> {
    // IMAP4rev1 clients know of no OLDNAME.
    if asked == stored.as_str() || !ctx.enabled.rev2() {
        return Ok(());
    }
    let actor = ctx.user()?.account;
    let tree = ctx.shared.store.read(move |tx| tx.list_mailboxes_as(actor)).await?;
    let gone = || MailboxEntry {
        name: stored.clone(),
        mailbox: None,
        ghost: false,
        subscribed: false,
        has_children: false,
        rights: Rights::ALL,
    };
    let entry = tree.find(stored).cloned().unwrap_or_else(gone);
    let dialect = ctx.enabled.dialect();
    ctx.push(|out| push_list(out, &entry, Some(asked), dialect));
    Ok(())
}

/// The same mailboxes by the names they have.
pub(super) fn stored_filter(filter: MailboxFilter) -> MailboxFilter {
    let stored = |name: MailboxName| match storage_name(&name) {
        Ok(stored) => MailboxName::new(stored.as_str()).unwrap_or(name),
        // What can be no name, as the empty one, is compared as it stands.
        Err(_) => name,
    };
    let all = |names: Vec<MailboxName>| names.into_iter().map(stored).collect();
    match filter {
        MailboxFilter::Mailboxes(names) => MailboxFilter::Mailboxes(all(names)),
        MailboxFilter::Subtree(names) => MailboxFilter::Subtree(all(names)),
        MailboxFilter::SubtreeOne(names) => MailboxFilter::SubtreeOne(all(names)),
        other => other,
    }
}

/// The same for what is watched.
pub(super) fn stored_groups(groups: Vec<EventGroup>) -> Vec<EventGroup> {
    let stored = |group: EventGroup| EventGroup { filter: stored_filter(group.filter), ..group };
    groups.into_iter().map(stored).collect()
}
