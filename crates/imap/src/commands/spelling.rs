//! Names that a client spells another way than mailboxes have them (RFC 9051 §5.1): they are taken
//! everywhere, and it is told what becomes of them.

use ids::AccountId;
use storage::{MailboxName as StoredName, ReadTx, Rights, StorageError};

use super::mailbox_filter::is_personal;
use super::{Ctx, storage_name, without_separator};
use crate::error::Result;
use crate::render::{self, ListItem};
use crate::types::{EventGroup, ListAttribute, ListAttributes, MailboxFilter, MailboxName};

/// The name that a mailbox is to have, of what the client has given.
pub(super) async fn new_name(ctx: &mut Ctx<'_>, name: &str) -> Result<StoredName> {
    let stored = StoredName::parse(without_separator(name))?;
    let is_separator = |c| matches!(c, '\u{2028}' | '\u{2029}');
    let Some(last) = stored.as_str().rfind(is_separator) else { return Ok(stored) };
    // RFC 6855 §3: neither of these is allowed, and both would end a line to many a program. What
    // has one in its name since before may have children all the same.
    let above = stored.as_str().get(last..).and_then(|rest| rest.find('/')).map(|at| last + at);
    let above = above.and_then(|end| stored.as_str().get(..end)).map(StoredName::parse);
    if let Some(Ok(above)) = above {
        let actor = ctx.user()?.account;
        let tree = ctx.shared.store.read(move |tx| tx.list_mailboxes_as(actor)).await?;
        let is_there =
            tree.find(&above).is_some_and(|entry| entry.mailbox.is_some() || entry.ghost);
        if is_there {
            return Ok(stored);
        }
    }
    Err(StorageError::Invalid("a mailbox name holds a line separator").into())
}

/// RFC 9051 §6.3.9.7: LIST with OLDNAME where a name that a command has put something into is
/// spelled another way than the mailbox has it now. What the command did is done: where that name
/// cannot be found out, nothing is told.
pub(super) async fn tell(ctx: &mut Ctx<'_>, asked: &str, stored: &StoredName) {
    // IMAP4rev1 clients know of no OLDNAME.
    if !ctx.enabled.rev2() || (asked == stored.as_str() && is_personal(asked)) {
        return;
    }
    if let Some(seen) = find_seen(ctx, stored).await.filter(|seen| seen.as_str() != asked) {
        push_old_name(ctx, &seen, ListAttributes::new(), asked);
    }
}

/// Tells of a mailbox that is no more, under the name by which it was seen before.
pub(super) fn tell_gone(ctx: &mut Ctx<'_>, asked: &str, seen: Option<StoredName>) {
    if let Some(seen) = seen.filter(|seen| ctx.enabled.rev2() && seen.as_str() != asked) {
        let attributes = ListAttributes::from_iter([ListAttribute::NonExistent]);
        push_old_name(ctx, &seen, attributes, asked);
    }
}

/// Tells of a mailbox that was seen by the first name before, and has been renamed.
pub(super) async fn tell_renamed(
    ctx: &mut Ctx<'_>,
    (from, seen): (&str, Option<StoredName>),
    (to, stored): (&str, &StoredName),
) {
    if !ctx.enabled.rev2() {
        return;
    }
    let was_spelled = seen.is_none_or(|seen| seen.as_str() == from);
    if was_spelled && to == stored.as_str() && is_personal(to) {
        return;
    }
    let now = find_seen(ctx, stored).await;
    // RFC 9051 §6.3.6: whichever of the two it is, under OLDNAME stands the one before.
    if let Some(now) = now.filter(|now| !was_spelled || now.as_str() != to) {
        push_old_name(ctx, &now, ListAttributes::new(), from);
    }
}

/// Which attributes such a name has beside, and what is below it, is left to LIST: an answer to
/// each message that is put somewhere shall not cost a look at all names.
fn push_old_name(ctx: &mut Ctx<'_>, name: &StoredName, attributes: ListAttributes, old: &str) {
    let dialect = ctx.enabled.dialect();
    let name = name.as_str();
    let item = ListItem { attributes, name, old_name: Some(old), ..ListItem::default() };
    ctx.push(|out| render::list_item(out, &item, dialect));
}

async fn find_seen(ctx: &Ctx<'_>, stored: &StoredName) -> Option<StoredName> {
    let (actor, stored) = (ctx.user().ok()?.account, stored.clone());
    let found = ctx.shared.store.read(move |tx| seen_name(tx, actor, &stored)).await;
    found.unwrap_or_else(|error| {
        tracing::debug!(%error, "a name is not told");
        None
    })
}

/// The name by which `actor` sees the mailbox that a name leads to; `None` where there is none, or
/// none that it may look up (RFC 4314 §4).
pub(super) fn seen_name(
    tx: &mut ReadTx<'_>,
    actor: AccountId,
    name: &StoredName,
) -> storage::Result<Option<StoredName>> {
    match tx.find_mailbox_as(actor, name, Rights::LOOKUP) {
        Ok(Some(mailbox)) => tx.name_as(actor, &mailbox).map(Some),
        Ok(None) | Err(StorageError::NoPermission(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name under which a subscription is kept: that by which `actor` sees the mailbox, so that it
/// is there in LIST. Where none is in its sight nothing is looked up, and it does not learn whether
/// there is one.
pub(super) fn subscribed_name(
    tx: &mut ReadTx<'_>,
    actor: AccountId,
    name: &StoredName,
) -> storage::Result<StoredName> {
    if is_personal(name.as_str()) {
        return Ok(name.clone());
    }
    match seen_name(tx, actor, name) {
        Ok(Some(seen)) => Ok(seen),
        Ok(None) | Err(StorageError::Maintenance) => Ok(name.with_normal_owner()),
        Err(error) => Err(error),
    }
}

/// The name by which `actor` would see a mailbox, or what is above all mailboxes of another: the
/// address in it may be written in other ways (RFC 5321 §2.4).
fn name_of_other(
    tx: &mut ReadTx<'_>,
    actor: AccountId,
    name: &str,
) -> storage::Result<Option<String>> {
    let Some((above, below)) = name.split_once('/') else { return Ok(None) };
    let (owner, rest) = below.split_once('/').unwrap_or((below, ""));
    let inbox = match StoredName::parse(&format!("{above}/{owner}/INBOX")) {
        Ok(inbox) => tx.find_place(actor, &inbox),
        Err(_) => return Ok(None),
    };
    let inbox = match inbox {
        Ok(place) => tx.find_mailbox(place.account, &place.name)?,
        Err(StorageError::NotFound(_)) => None,
        Err(error) => return Err(error),
    };
    let Some(inbox) = inbox else { return Ok(None) };
    let seen = tx.name_as(actor, &inbox)?;
    let Some(owner) = seen.as_str().strip_suffix("/INBOX") else { return Ok(None) };
    if rest.is_empty() {
        return Ok(Some(owner.to_owned()));
    }
    Ok(StoredName::parse(rest).ok().map(|rest| format!("{owner}/{rest}")))
}

/// The filters with the names that the mailboxes have in storage.
pub(super) async fn stored_filters(
    ctx: &Ctx<'_>,
    filters: Vec<MailboxFilter>,
) -> Result<Vec<MailboxFilter>> {
    let actor = ctx.user()?.account;
    let is_of_own =
        |filter: &MailboxFilter| names_of(filter).iter().all(|name| is_personal(name.as_str()));
    let stored = |name: &mut MailboxName| {
        // What can be no name, as the empty one, is compared as it stands.
        let stored = storage_name(name).ok();
        let stored = stored.and_then(|stored| MailboxName::new(stored.as_str()));
        *name = stored.unwrap_or_else(|| name.clone());
    };
    let mut filters = filters;
    filters.iter_mut().flat_map(names_mut).for_each(stored);
    if filters.iter().all(is_of_own) {
        return Ok(filters);
    }
    let read = ctx.shared.store.read(move |tx| {
        for name in filters.iter_mut().flat_map(names_mut) {
            if !is_personal(name.as_str())
                && let Some(seen) = name_of_other(tx, actor, name.as_str())?
                && let Some(seen) = MailboxName::new(seen)
            {
                *name = seen;
            }
        }
        Ok(filters)
    });
    Ok(read.await?)
}

fn names_of(filter: &MailboxFilter) -> &[MailboxName] {
    match filter {
        MailboxFilter::Mailboxes(names)
        | MailboxFilter::Subtree(names)
        | MailboxFilter::SubtreeOne(names) => names,
        _ => &[],
    }
}

fn names_mut(filter: &mut MailboxFilter) -> &mut [MailboxName] {
    match filter {
        MailboxFilter::Mailboxes(names)
        | MailboxFilter::Subtree(names)
        | MailboxFilter::SubtreeOne(names) => names,
        _ => &mut [],
    }
}

/// Like `stored_filters`, for the mailboxes that NOTIFY names.
pub(super) async fn stored_groups(
    ctx: &Ctx<'_>,
    mut groups: Vec<EventGroup>,
) -> Result<Vec<EventGroup>> {
    let filters = groups.iter().map(|group| group.filter.clone()).collect();
    let filters = stored_filters(ctx, filters).await?;
    for (group, filter) in groups.iter_mut().zip(filters) {
        group.filter = filter;
    }
    Ok(groups)
}
