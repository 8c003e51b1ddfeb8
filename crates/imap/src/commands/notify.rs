//! NOTIFY (RFC 5465): what a session watches, and what it is told of it.
//!
//! A registration holds the account's change feed and nothing else; it is woken by it, looks at
//! the facts, and reads mailboxes only where something is to be told. What was missed in a
//! burst is read from the change log.

mod tell;

use std::sync::Arc;

use ids::{AccountId, CollectionId, ModSeq};
use storage::{Change, Changes, MailboxTree, StorageError, Store, Subscription};

use super::mailbox_filter::names;
use super::{Ctx, Reply, status};
use crate::error::{Result, refused};
use crate::render::{self, Code};
use crate::types::{
    EventGroup, MailboxFilter, NotifyArgs, NotifyEvent, NotifyEvents, StatusItem, StatusItems,
};

pub(crate) use tell::{tell_new, tell_others, tell_unasked};

/// LIMIT: facts looked at together; more is an overflow, and the client asks what is so.
const CHANGES_MAX: usize = 10_000;

/// What a session watches.
pub(crate) struct Notify {
    account: AccountId,
    groups: Vec<EventGroup>,
    changes: Subscription,
    /// What woke the session.
    heard: Vec<Arc<Vec<Change>>>,
    /// Something was missed.
    is_behind: bool,
    /// Everything up to here was looked at.
    seen: ModSeq,
}

/// Something was missed for good (RFC 5465 §5.8).
struct Overflow;

pub(super) async fn run(ctx: &mut Ctx<'_>, args: NotifyArgs) -> Result<Reply> {
    let account = ctx.user()?.account;
    let NotifyArgs::Set { status, groups } = args else {
        // What remains is what was so before NOTIFY: updates while a command runs.
        *ctx.notify = None;
        ctx.enabled.tell_flags(true);
        return Ok(Reply::done());
    };
    if groups.iter().any(|group| group.is_unknown) {
        // RFC 5465 §3.1: NO with the events that are known.
        return Err(refused(Code::BadEvent, "An event is not known here"));
    }
    // Before the first read: nothing falls between.
    let changes = ctx.shared.store.subscribe(account).await?;
    let read = move |tx: &mut storage::ReadTx<'_>| {
        Ok((tx.load_account(account)?.modseq, tx.list_mailboxes(account)?))
    };
    let (seen, tree) = ctx.shared.store.read(read).await?;
    if status {
        tell_status(ctx, &groups, &tree);
    }
    let of_selected = |group: &&EventGroup| group.is_selected() && !group.events.is_empty();
    let flags = groups.iter().find(of_selected);
    // RFC 5465 §3.1: no SELECTED is SELECTED NONE: nothing unasked. What a command of the client
    // itself brings to light is told as ever, or its numbers would be wrong.
    let flags = flags.is_none_or(|group| group.events.contains(NotifyEvent::FlagChange));
    ctx.enabled.tell_flags(flags);
    let (heard, is_behind) = (Vec::new(), false);
    *ctx.notify = Some(Box::new(Notify { account, groups, changes, heard, is_behind, seen }));
    Ok(Reply::done())
}

/// RFC 5465 §3.1: STATUS of every mailbox whose messages are watched.
fn tell_status(ctx: &mut Ctx<'_>, groups: &[EventGroup], tree: &MailboxTree) {
    let selected = ctx.state.selected().map(|selected| selected.known().mailbox());
    let dialect = ctx.enabled.dialect();
    let mut out = Vec::new();
    for entry in &tree.entries {
        let Some(mailbox) = entry.mailbox.as_ref().filter(|m| Some(m.id) != selected) else {
            continue;
        };
        let events = groups.iter().filter(|group| names(&group.filter, entry));
        let items: StatusItems = events.flat_map(|group| first_items(group.events)).collect();
        if !items.is_empty() {
            let values = status::counts(mailbox);
            render::status(&mut out, mailbox.name.as_str(), dialect, items, &values);
        }
    }
    ctx.connection.push(&out);
}

fn first_items(events: NotifyEvents) -> Vec<StatusItem> {
    let mut items = Vec::new();
    for event in events.iter() {
        items.extend_from_slice(match event {
            NotifyEvent::MessageNew => {
                &[StatusItem::Messages, StatusItem::UidNext, StatusItem::UidValidity][..]
            }
            NotifyEvent::MessageExpunge => &[StatusItem::Messages],
            NotifyEvent::FlagChange | NotifyEvent::AnnotationChange => {
                &[StatusItem::UidValidity, StatusItem::HighestModSeq]
            }
            _ => &[],
        });
    }
    items
}

/// Completes when something happened in the account. Cancel safe.
pub(crate) async fn happened(notify: &mut Option<Box<Notify>>) {
    let Some(notify) = notify else { return std::future::pending().await };
    match notify.changes.next().await {
        Ok(changes) => notify.heard.push(changes),
        Err(_) => notify.is_behind = true,
    }
}

impl Notify {
    /// What is asked of the open mailbox.
    fn selected(&self) -> Option<&EventGroup> {
        self.groups.iter().find(|group| group.is_selected() && !group.events.is_empty())
    }

    /// Whether expunges wait for a command that may tell them (RFC 5465 §6.1.2).
    fn delays_expunges(&self) -> bool {
        self.selected().is_some_and(|group| group.filter == MailboxFilter::SelectedDelayed)
    }

    /// Whether anything but the open mailbox is watched.
    fn watches_others(&self) -> bool {
        self.groups.iter().any(|group| !group.is_selected())
    }

    /// Takes everything that happened and was not looked at.
    async fn take(&mut self, store: &Store) -> std::result::Result<Vec<Change>, Overflow> {
        let mut lists = std::mem::take(&mut self.heard);
        while let Some(next) = self.changes.try_next() {
            match next {
                Ok(changes) => lists.push(changes),
                Err(_) => {
                    self.is_behind = true;
                    break;
                }
            }
        }
        if std::mem::take(&mut self.is_behind) {
            return self.catch_up(store).await.map_err(|_| Overflow);
        }
        let seen = self.seen;
        let changes = lists.iter().flat_map(|list| list.iter());
        let changes: Vec<Change> = changes.filter(|c| c.modseq > seen).cloned().collect();
        self.note(changes)
    }

    /// Reads what was missed from the change log.
    async fn catch_up(&mut self, store: &Store) -> storage::Result<Vec<Change>> {
        let (account, since) = (self.account, self.seen);
        self.changes = store.subscribe(account).await?;
        match store.read(move |tx| tx.changes_since(account, None, since)).await? {
            Changes::List(changes) => {
                self.note(changes).map_err(|_| StorageError::Conflict("too much happened"))
            }
            Changes::TooOld => Err(StorageError::Conflict("too much happened")),
        }
    }

    fn note(&mut self, changes: Vec<Change>) -> std::result::Result<Vec<Change>, Overflow> {
        self.seen = changes.iter().map(|change| change.modseq).max().unwrap_or(self.seen);
        if changes.len() > CHANGES_MAX { Err(Overflow) } else { Ok(changes) }
    }
}

/// Whether a fact is about the messages of the open mailbox, which are told from its view.
fn is_of(change: &Change, selected: Option<CollectionId>) -> bool {
    use storage::Fact::{FlagsChanged, MessagesAdded, MessagesExpunged};
    let of_messages =
        matches!(change.fact, MessagesAdded(_) | FlagsChanged(_) | MessagesExpunged(_));
    of_messages && change.collection == selected
}
