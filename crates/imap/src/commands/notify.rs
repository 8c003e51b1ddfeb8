//! NOTIFY (RFC 5465): what a session watches, and what it is told of it.
//!
//! A registration holds the change feeds of the account and of those whose mailboxes it watches,
//! and nothing else; it is woken by them, looks at the facts, and reads mailboxes only where
//! something is to be told. What was missed in a burst is read from the change log.
//!
//! LIMIT: an account that begins to share, with somebody who watches none of its mailboxes, is
//! seen when anything else is told: the feed of every account would have to be heard. What a domain
//! shares of the annotations of the server is heard in the feed of its oldest account; should that
//! be removed, it is heard again after the next NOTIFY.

mod known;
mod left;
mod others;
mod own;
mod renames;
mod tell;
mod teller;
mod watched;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use ids::{AccountId, CollectionId};
use storage::{Change, Changes, MailboxEntry, MailboxName, MailboxTree, Place, Rights, Store};

use self::known::{Known, Names};
pub(super) use self::left::Left;
use self::own::Own;
use self::watched::{Overflow, Watched};
use super::list::attributes;
use super::mailbox_filter::names;
use super::{Ctx, Reply, spelling, status};
use crate::error::{Result, refused};
use crate::parse::Dialect;
use crate::render::{self, Code, ListItem};
use crate::session::{OwnChange, Updates};
use crate::types::{
    EventGroup, FetchAttribute, ListAttribute, ListReturn, MailboxFilter, NotifyArgs, NotifyEvent,
    NotifyEvents, StatusItem, StatusItems,
};

pub(crate) use tell::{tell_others, tell_unasked};

/// LIMIT: accounts of which one session watches mailboxes.
const ACCOUNTS_MAX: usize = 64;

/// The state of NOTIFY in a session: the accounts and mailboxes watched, and for which events.
pub(crate) struct Notify {
    actor: AccountId,
    /// None after NOTIFY NONE: nothing is told unasked any more.
    groups: Vec<EventGroup>,
    watched: Vec<Watched>,
    /// In whose feed it stands what the domain shares of the annotations of the server, where that
    /// is asked for.
    server: Option<Watched>,
    /// The mailboxes of others under the names they were last seen by.
    others: Names,
    /// Changes by commands of this session, which are not events to it.
    own: Own,
    /// What was not told of a mailbox that was left since anything was told.
    left: Option<Left>,
    /// Something is still to be told of the open mailbox.
    is_due: bool,
}

pub(super) async fn run(ctx: &mut Ctx<'_>, args: NotifyArgs) -> Result<Reply> {
    let actor = ctx.user()?.account;
    let NotifyArgs::Set { status, groups } = args else {
        // What a command of the client itself brings to light is told as ever, or its numbers
        // would be wrong.
        *ctx.notify = Some(Box::new(Notify::of_nothing(actor)));
        ctx.enabled.tell_flags(true);
        ctx.enabled.tell_annotations(false);
        return Ok(Reply::done());
    };
    if groups.iter().any(|group| group.is_unknown) {
        // RFC 5465 §3.1: NO with the events that are known.
        return Err(refused(Code::BadEvent, "An event is not known here"));
    }
    let groups = spelling::stored_groups(ctx, groups).await?;
    let of_selected = |group: &&EventGroup| group.is_selected() && !group.events.is_empty();
    let flags = groups.iter().find(of_selected);
    let annotations =
        flags.is_some_and(|group| group.events.contains(NotifyEvent::AnnotationChange));
    // RFC 5465 §3.1: no SELECTED is SELECTED NONE: nothing unasked. What a command of the client
    // itself brings to light is told as ever, or its numbers would be wrong.
    let flags = flags.is_none_or(|group| group.events.contains(NotifyEvent::FlagChange));
    let mut notify = Box::new(Notify { groups, ..Notify::of_nothing(actor) });
    notify.watched.push(Watched::begin(&ctx.shared.store, actor).await?);
    if asks_of_server(&notify.groups) {
        notify.hear_server(&ctx.shared.store).await?;
    }
    let list = move |tx: &mut storage::ReadTx<'_>| tx.list_mailboxes_as(actor);
    let mut tree = ctx.shared.store.read(list).await?;
    if notify.follow(&ctx.shared.store, &tree).await? {
        // What happened to mailboxes of others before their feeds were heard.
        tree = ctx.shared.store.read(list).await?;
    }
    if notify.watched.len() > ACCOUNTS_MAX {
        // RFC 5465 §3.1: what would be too expensive may be refused.
        return Err(refused(Code::NotificationOverflow, "Mailboxes of too many accounts"));
    }
    notify.others = known::names_of(&tree, |owner| owner != actor);
    tell_no_access(ctx, &notify.groups, &tree);
    if status {
        tell_status(ctx, &notify.groups, &tree);
    }
    tell_so_far(ctx).await?;
    ctx.enabled.tell_flags(flags);
    ctx.enabled.tell_annotations(annotations);
    // RFC 5465 §5.2: what came just now is told, with the answer, with what is asked of new
    // messages.
    *ctx.notify = Some(notify);
    Ok(Reply::done())
}

/// RFC 5465 §3.1: what has happened so far in the open mailbox is told at once, changes of flags
/// too where they are not to be told from here on. Expunges are told with the answer, as ever.
async fn tell_so_far(ctx: &mut Ctx<'_>) -> Result<()> {
    if ctx.state.selected().is_none() {
        return Ok(());
    }
    let mut out = Vec::new();
    ctx.tell_updates(Updates::WithoutExpunge, OwnChange::Nothing, &mut out).await?;
    ctx.connection.push(&out);
    Ok(())
}

/// RFC 5465 §3.1: what may be listed but not read is said to be out of reach.
fn tell_no_access(ctx: &mut Ctx<'_>, groups: &[EventGroup], tree: &MailboxTree) {
    let dialect = ctx.enabled.dialect();
    let asks = |entry: &MailboxEntry| {
        groups.iter().any(|group| {
            group.events.iter().any(NotifyEvent::is_of_messages) && names(&group.filter, entry)
        })
    };
    let mut out = Vec::new();
    for entry in tree.entries.iter().filter(|entry| entry.mailbox.is_some() && asks(entry)) {
        if !entry.rights.contains(Rights::READ) {
            push_list(&mut out, entry, None, dialect);
        }
    }
    ctx.connection.push(&out);
}

/// A LIST response for a name as it is now.
pub(super) fn push_list(
    out: &mut Vec<u8>,
    entry: &MailboxEntry,
    old_name: Option<&str>,
    dialect: Dialect,
) {
    let returns = ListReturn { subscribed: true, ..ListReturn::default() };
    let mut attributes = attributes(Some(entry), returns);
    if entry.mailbox.is_some() && !entry.rights.contains(Rights::READ) {
        attributes.insert(ListAttribute::NoAccess);
    }
    let item = ListItem { attributes, name: entry.name.as_str(), old_name, ..ListItem::default() };
    render::list_item(out, &item, dialect);
}

/// RFC 5465 §3.1: STATUS of every mailbox whose messages are watched.
fn tell_status(ctx: &mut Ctx<'_>, groups: &[EventGroup], tree: &MailboxTree) {
    let selected = ctx.state.selected().map(|selected| selected.known().mailbox());
    let dialect = ctx.enabled.dialect();
    let mut out = Vec::new();
    for entry in tree.entries.iter().filter(|entry| entry.rights.contains(Rights::READ)) {
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

/// Completes when something happened in an account that is watched. Cancel safe.
pub(crate) async fn happened(notify: &mut Option<Box<Notify>>) {
    let Some(notify) = notify else { return std::future::pending().await };
    if std::mem::take(&mut notify.is_due) {
        return;
    }
    let watched = notify.watched.iter_mut().chain(&mut notify.server);
    let mut hearing: Vec<Pin<Box<_>>> = watched.map(|watched| Box::pin(watched.hear())).collect();
    poll_fn(|context| {
        let is_ready = hearing.iter_mut().any(|one| one.as_mut().poll(context).is_ready());
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Notify {
    /// NOTIFY NONE: nothing is told but while a command of the client runs; IDLE is silent too
    /// (RFC 5465 §4).
    fn of_nothing(actor: AccountId) -> Self {
        let (groups, watched, others) = (Vec::new(), Vec::new(), Names::new());
        let own = Own::default();
        Self { actor, groups, watched, server: None, others, own, left: None, is_due: false }
    }

    /// Stops watching, as after NOTIFY NONE (RFC 5465 §5.8).
    fn give_up(&mut self) {
        *self = Self::of_nothing(self.actor);
    }

    /// A transaction was the client's own: of that it need not hear (RFC 5465 §5).
    pub(crate) fn note_own(&mut self, changes: &[Change]) {
        self.own.note(changes);
    }

    /// The client's last transaction has renamed this, with all below it, in the account of its
    /// owner.
    pub(super) fn note_move(&mut self, from: Place, to: MailboxName) {
        self.own.note_move(from, to);
    }

    /// Whether mailboxes came, went or were renamed by the client since it was last told of others.
    pub(crate) fn turned_names(&self) -> bool {
        !self.own.names.is_empty()
    }

    /// The event group for the open mailbox, unless it asks for no event.
    fn selected(&self) -> Option<&EventGroup> {
        self.groups.iter().find(|group| group.is_selected() && !group.events.is_empty())
    }

    /// What is told of messages that come to the open mailbox (RFC 5465 §5.2).
    pub(super) fn fetch_of_new(&self) -> &[FetchAttribute] {
        self.selected().map_or(&[], |group| &group.fetch)
    }

    /// Whether expunges wait for a command that may tell them (RFC 5465 §6.1.2).
    fn delays_expunges(&self) -> bool {
        self.selected().is_some_and(|group| group.filter == MailboxFilter::SelectedDelayed)
    }

    /// Whether anything but the open mailbox is watched.
    fn watches_others(&self) -> bool {
        self.groups.iter().any(|group| !group.is_selected())
    }

    /// Hears the accounts whose mailboxes the groups name; whether one is new. Those heard once
    /// stay: what is taken away may be given back (RFC 5465 §5.9).
    async fn follow(&mut self, store: &Store, tree: &MailboxTree) -> storage::Result<bool> {
        let is_named =
            |entry: &&MailboxEntry| self.groups.iter().any(|group| names(&group.filter, entry));
        let named = tree.entries.iter().filter(is_named);
        let owners = named.filter_map(|entry| Some(entry.mailbox.as_ref()?.account));
        let mut new: Vec<AccountId> = owners
            .filter(|owner| self.watched.iter().all(|watched| watched.account != *owner))
            .collect();
        new.sort_unstable();
        new.dedup();
        // One more than may be is enough to know that there are too many.
        for owner in new.iter().take((ACCOUNTS_MAX + 1).saturating_sub(self.watched.len())) {
            self.watched.push(Watched::begin(store, *owner).await?);
        }
        Ok(!new.is_empty())
    }

    /// Hears the account that the open mailbox is in, which may be one that no group names; whether
    /// it was not heard before. It is one more than [`ACCOUNTS_MAX`] at most, as long as it is
    /// open.
    async fn hear_too(&mut self, store: &Store, owner: AccountId) -> storage::Result<bool> {
        if self.watched.iter().any(|watched| watched.account == owner) {
            return Ok(false);
        }
        if self.watched.len() > ACCOUNTS_MAX {
            self.watched.pop();
        }
        self.watched.push(Watched::begin(store, owner).await?);
        Ok(true)
    }

    /// Takes everything that happened, was not looked at, and was not the client's own; and what
    /// that was.
    async fn take(&mut self, store: &Store) -> std::result::Result<(Vec<Change>, Own), Overflow> {
        let own = std::mem::take(&mut self.own);
        let mut all = Vec::new();
        for watched in &mut self.watched {
            let changes = watched.take(store).await?.into_iter();
            all.extend(changes.filter(|change| !is_of_server(change) && !own.has(change)));
        }
        if let Some(server) = &mut self.server {
            // It may be one of those above too; all else that happens there is not for this
            // session.
            match server.take(store).await {
                Ok(changes) => {
                    let changes = changes.into_iter();
                    all.extend(changes.filter(|change| is_of_server(change) && !own.has(change)));
                }
                // How much happens in that account says nothing of what this client watches.
                Err(Overflow) => self.hear_server(store).await.unwrap_or_else(|error| {
                    tracing::debug!(%error, "annotations of the server are not told");
                }),
            }
        }
        Ok((all, own))
    }

    /// Hears anew what the domain shares of the annotations of the server; where that fails it is
    /// not heard any more.
    async fn hear_server(&mut self, store: &Store) -> storage::Result<()> {
        let actor = self.actor;
        self.server = None;
        let feed = store.read(move |tx| tx.find_server_feed(actor)).await?;
        self.server = Some(Watched::begin(store, feed).await?);
        Ok(())
    }

    /// The names there are, and what happened in the account of the one signed in up to then and
    /// was not taken: the names before that are made of it.
    async fn look(
        &mut self,
        store: &Store,
        own: &Own,
    ) -> std::result::Result<(MailboxTree, Vec<Change>), Overflow> {
        let actor = self.actor;
        let mine = self.watched.iter_mut().find(|watched| watched.account == actor);
        let mine = mine.ok_or(Overflow)?;
        let seen = mine.seen();
        let read = store.read(move |tx| {
            let is_behind = tx.load_account(actor)?.modseq > seen;
            let later = match is_behind {
                true => tx.changes_since(actor, None, seen)?,
                false => Changes::List(Vec::new()),
            };
            Ok((tx.list_mailboxes_as(actor)?, later))
        });
        let (tree, later) = read.await.map_err(|_| Overflow)?;
        let mut later = mine.take_read(later)?;
        later.retain(|change| !is_of_server(change) && !own.has(change));
        Ok((tree, later))
    }

    /// What the client did to mailboxes of others it knows of: that is not told as news later on.
    fn know_own(&mut self, changes: &[Change], own: &Own, now: &Names) {
        let actor = self.actor;
        let facts = known::facts_in_order(changes, own, |owner| owner != actor);
        Known::new(actor, &mut self.others, now).carry(&facts, own);
    }
}

fn asks_of_server(groups: &[EventGroup]) -> bool {
    groups.iter().any(|group| group.events.contains(NotifyEvent::ServerMetadataChange))
}

/// Whether a fact is about an annotation of the server that a domain shares (RFC 5465 §5.7).
fn is_of_server(change: &Change) -> bool {
    let of_shared = matches!(
        &change.fact,
        storage::Fact::MetadataChanged { entry } if entry.scope == storage::MetadataScope::Shared
    );
    of_shared && change.collection.is_none()
}

/// Whether a fact is about the messages of the open mailbox, which are told from its view.
fn is_of(change: &Change, selected: Option<CollectionId>) -> bool {
    use storage::Fact::{AnnotationsChanged, FlagsChanged, MessagesAdded, MessagesExpunged};
    let of_messages = matches!(
        change.fact,
        MessagesAdded(_) | FlagsChanged(_) | AnnotationsChanged(_) | MessagesExpunged(_)
    );
    of_messages && change.collection == selected
}
