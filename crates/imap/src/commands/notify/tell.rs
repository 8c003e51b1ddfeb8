//! What a session that watches is told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ids::CollectionId;
use storage::{
    Change, Fact, MailboxEntry, MailboxName, MailboxTree, MetadataEntry, MetadataScope, Rights,
};

use super::super::fetch::Plan;
use super::super::mailbox_filter::names;
use super::super::metadata::from_storage;
use super::super::{annotations, contexts, fetch, recent, status};
use super::others::{self, Turn};
use super::{Notify, is_of, push_list};
use crate::render::{self, Code, Status};
use crate::server::Shared;
use crate::session::{Enabled, Selected, State, Updates};
use crate::types::{EventGroup, NotifyEvent, NotifyEvents, NumberSet, StatusItem, StatusItems};

/// Tells what happened while no command runs, or while IDLE does, which lets expunges be told
/// that otherwise wait.
pub(crate) async fn tell_unasked(
    shared: &Arc<Shared>,
    state: &mut State,
    enabled: &mut Enabled,
    notify: &mut Option<Box<Notify>>,
    is_idle: bool,
    out: &mut Vec<u8>,
) {
    let Some(watch) = notify.as_ref() else { return };
    if watch.selected().is_some()
        && let Some(selected) = state.selected_mut()
    {
        let which = match watch.delays_expunges() && !is_idle {
            true => Updates::WithoutExpunge,
            false => Updates::All,
        };
        let new = selected.tell_updates(which, *enabled, out);
        selected.tell_modseq(*enabled, out);
        recent::keep(shared, state);
        annotations::refresh(shared, state, *enabled, out).await;
        contexts::refresh(shared, state, out).await;
        tell_new(shared, state, *enabled, notify, new, out).await;
    }
    tell_others(shared, state, enabled, notify, &[], out).await;
}

/// FETCH of the `count` newest messages of the open mailbox, as MessageNew has asked for
/// (RFC 5465 §5.2).
pub(crate) async fn tell_new(
    shared: &Shared,
    state: &mut State,
    enabled: Enabled,
    notify: &Option<Box<Notify>>,
    count: u32,
    out: &mut Vec<u8>,
) {
    let Some(group) = notify.as_ref().and_then(|notify| notify.selected()) else { return };
    let Some(selected) = state.selected().filter(|_| count > 0 && !group.fetch.is_empty()) else {
        return;
    };
    let (known, recent) = (selected.known().clone(), selected.recent().clone());
    let Some(actor) = state.user().map(|user| user.account) else { return };
    let mut seqs = NumberSet::new();
    seqs.insert_range(known.exists().saturating_sub(count) + 1, known.exists());
    let plan = Plan::of_new(group.fetch.clone(), actor, enabled, recent);
    match fetch::of_new(&shared.store, known, &seqs, plan).await {
        Ok(bytes) => out.extend_from_slice(&bytes),
        // The client has been told of them, and can ask.
        Err(error) => tracing::debug!(%error, "new messages are told without what was asked"),
    }
}

/// Tells what happened elsewhere in the account; `own` are the names that the client's command
/// itself changed (RFC 5465 §5: of those it need not hear).
pub(crate) async fn tell_others(
    shared: &Shared,
    state: &State,
    enabled: &mut Enabled,
    notify: &mut Option<Box<Notify>>,
    own: &[MailboxName],
    out: &mut Vec<u8>,
) {
    let Some(watch) = notify.as_mut() else { return };
    let owner = state.selected().map(|selected| selected.tenure().owner);
    if let Some(owner) = owner.filter(|_| watch.selected().is_some()) {
        match watch.hear_too(&shared.store, owner).await {
            // What happened there before it was heard is told next.
            Ok(is_new) => watch.is_due |= is_new,
            Err(error) => tracing::debug!(%error, "the open mailbox is told of when asked"),
        }
    }
    let told = match watch.take(&shared.store).await {
        Ok(changes) => tell_changes(shared, state, *enabled, watch, changes, own, out).await,
        Err(_) => false,
    };
    if !told {
        // RFC 5465 §5.8: and from here on it is as after NOTIFY NONE.
        let code = Code::NotificationOverflow;
        render::untagged(out, Status::Ok, Some(&code), "Too much happened at once");
        watch.give_up();
        enabled.tell_flags(true);
        enabled.tell_annotations(false);
    }
}

async fn tell_changes(
    shared: &Shared,
    state: &State,
    enabled: Enabled,
    watch: &mut Notify,
    mut changes: Vec<Change>,
    own: &[MailboxName],
    out: &mut Vec<u8>,
) -> bool {
    let count = changes.len();
    let selected = state.selected().map(|selected| selected.known().mailbox());
    changes.retain(|change| !is_of(change, selected));
    // What was held back, or came after the open mailbox was looked at, is told next, and not
    // only when something else happens.
    watch.is_due |= changes.len() < count
        && watch.selected().is_some()
        && state.selected().is_some_and(Selected::has_news);
    if changes.is_empty() || !watch.watches_others() {
        return true;
    }
    let actor = watch.actor;
    let Ok(tree) = shared.store.read(move |tx| tx.list_mailboxes_as(actor)).await else {
        return false;
    };
    let mut teller = Teller::new(&tree, &watch.groups, selected, enabled, own);
    let (mine, of_others): (Vec<Change>, Vec<Change>) =
        changes.into_iter().partition(|change| change.account == actor);
    let renamed: Vec<&str> = mine.iter().filter_map(renamed_from).collect();
    for change in &mine {
        teller.look_at(change, &renamed, out);
    }
    for change in &of_others {
        teller.look_at_other(change, out);
    }
    let now = others::names_of(actor, &tree);
    for turn in others::turns(&watch.others, &now) {
        teller.tell_turn(&turn, out);
    }
    for id in others::named_anew(&watch.others, &now) {
        teller.by_id.get(&id).copied().into_iter().for_each(|entry| teller.note_validity(entry));
    }
    teller.finish(out);
    watch.others = now;
    watch.follow(&shared.store, &tree).await.is_ok()
}

fn renamed_from(change: &Change) -> Option<&str> {
    match &change.fact {
        Fact::MailboxRenamed { from } => Some(from),
        _ => None,
    }
}

/// Makes responses of facts.
struct Teller<'t> {
    tree: &'t MailboxTree,
    by_id: HashMap<CollectionId, &'t MailboxEntry>,
    groups: &'t [EventGroup],
    /// The open mailbox: what happens to its messages is told as SELECTED asks.
    selected: Option<CollectionId>,
    enabled: Enabled,
    own: &'t [MailboxName],
    /// One STATUS for each mailbox, whatever happened in it.
    statuses: BTreeMap<CollectionId, StatusItems>,
    /// Names told already.
    listed: Vec<MailboxName>,
}

impl<'t> Teller<'t> {
    fn new(
        tree: &'t MailboxTree,
        groups: &'t [EventGroup],
        selected: Option<CollectionId>,
        enabled: Enabled,
        own: &'t [MailboxName],
    ) -> Self {
        let real =
            tree.entries.iter().filter_map(|entry| Some((entry.mailbox.as_ref()?.id, entry)));
        let (statuses, listed) = (BTreeMap::new(), Vec::new());
        Self { tree, by_id: real.collect(), groups, selected, enabled, own, statuses, listed }
    }

    fn look_at(&mut self, change: &Change, renamed: &[&str], out: &mut Vec<u8>) {
        let entry = change.collection.and_then(|id| self.by_id.get(&id).copied());
        match &change.fact {
            Fact::MessagesAdded(_) => self.note(entry, NotifyEvent::MessageNew),
            Fact::MessagesExpunged(_) => self.note(entry, NotifyEvent::MessageExpunge),
            Fact::FlagsChanged(_) => self.note(entry, NotifyEvent::FlagChange),
            Fact::AnnotationsChanged(_) => self.note(entry, NotifyEvent::AnnotationChange),
            Fact::MailboxCreated => {
                if let Some(entry) = entry {
                    self.list_with_parent(&entry.name, out);
                    self.note_validity(entry);
                }
            }
            Fact::MailboxDeleted { name } => {
                if let Ok(name) = MailboxName::parse(name) {
                    self.list_with_parent(&name, out);
                }
            }
            Fact::MailboxRenamed { from } => {
                entry.into_iter().for_each(|entry| self.note_validity(entry));
                // RFC 5465 §5.4: no events for the children of what was renamed.
                let is_child = renamed.iter().any(|above| {
                    from.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
                });
                if let Some(entry) = entry.filter(|_| !is_child) {
                    self.list(&entry.name, NotifyEvent::MailboxName, Some(from), out);
                }
            }
            Fact::SubscriptionChanged { name, .. } => {
                if let Ok(name) = MailboxName::parse(name) {
                    self.list(&name, NotifyEvent::SubscriptionChange, None, out);
                }
            }
            Fact::MetadataChanged { entry: metadata } => {
                self.tell_metadata(change.collection.is_none(), entry, metadata, out);
            }
            Fact::MailboxUpdated
            | Fact::AclChanged
            | Fact::UrlKeyReset
            | Fact::CollectionCreated
            | Fact::CollectionUpdated
            | Fact::CollectionDeleted { .. }
            | Fact::ObjectPut { .. }
            | Fact::ObjectDeleted { .. }
            | Fact::CredentialsChanged
            | Fact::ScriptActivated { .. }
            | Fact::AccountUpdated => {}
        }
    }

    /// A fact of the account of another: of what the session sees of it, messages and what is
    /// shared. Names are told by [`tell_turn`](Self::tell_turn).
    fn look_at_other(&mut self, change: &Change, out: &mut Vec<u8>) {
        let Some(entry) = change.collection.and_then(|id| self.by_id.get(&id).copied()) else {
            return;
        };
        match &change.fact {
            Fact::MessagesAdded(_) => self.note(Some(entry), NotifyEvent::MessageNew),
            Fact::MessagesExpunged(_) => self.note(Some(entry), NotifyEvent::MessageExpunge),
            Fact::FlagsChanged(_) => self.note(Some(entry), NotifyEvent::FlagChange),
            Fact::AnnotationsChanged(_) => self.note(Some(entry), NotifyEvent::AnnotationChange),
            Fact::MetadataChanged { entry: metadata }
                if metadata.scope == MetadataScope::Shared =>
            {
                self.tell_metadata(false, Some(entry), metadata, out);
            }
            _ => {}
        }
    }

    /// RFC 5465 §5.4: rights given and taken are as mailboxes that come and go.
    fn tell_turn(&mut self, turn: &Turn<'_>, out: &mut Vec<u8>) {
        match turn {
            Turn::CameOrWent(name) => self.list_with_parent(name, out),
            Turn::Renamed(old, new) => {
                self.list(new, NotifyEvent::MailboxName, Some(old.as_str()), out);
            }
        }
    }

    /// RFC 5465 §5.1: FlagChange tells that a name has another UIDVALIDITY, as it has where another
    /// mailbox goes by it now.
    fn note_validity(&mut self, entry: &MailboxEntry) {
        let Some(mailbox) = &entry.mailbox else { return };
        // RFC 5465 §3.1: of the open mailbox only SELECTED asks.
        if !entry.rights.contains(Rights::READ)
            || self.selected == Some(mailbox.id)
            || self.own.contains(&entry.name)
            || !self.wants(entry).contains(NotifyEvent::FlagChange)
        {
            return;
        }
        let items = self.statuses.entry(mailbox.id).or_default();
        for item in [StatusItem::Messages, StatusItem::UidNext, StatusItem::UidValidity] {
            items.insert(item);
        }
        if self.enabled.condstore() {
            items.insert(StatusItem::HighestModSeq);
        }
    }

    fn tell_metadata(
        &self,
        of_server: bool,
        entry: Option<&MailboxEntry>,
        metadata: &MetadataEntry,
        out: &mut Vec<u8>,
    ) {
        let wanted = match entry {
            Some(entry) => self.wants(entry).contains(NotifyEvent::MailboxMetadataChange),
            None => of_server && self.asks(NotifyEvent::ServerMetadataChange),
        };
        if wanted {
            let name = entry.map_or("", |entry| entry.name.as_str());
            let changed = [from_storage(metadata)];
            render::metadata_changed(out, name, self.enabled.dialect(), &changed);
        }
    }

    /// Whether an event that is about no mailbox is asked for.
    fn asks(&self, event: NotifyEvent) -> bool {
        self.groups.iter().any(|group| group.events.contains(event))
    }

    /// What is asked of a name.
    fn wants(&self, entry: &MailboxEntry) -> NotifyEvents {
        let groups = self.groups.iter().filter(|group| names(&group.filter, entry));
        groups.flat_map(|group| group.events.iter()).collect()
    }

    /// Messages of a mailbox that is not open changed.
    fn note(&mut self, entry: Option<&MailboxEntry>, event: NotifyEvent) {
        let Some((entry, mailbox)) = entry.and_then(|e| Some((e, e.mailbox.as_ref()?))) else {
            return;
        };
        // RFC 5465 §5: events need the rights `l` and `r`.
        if !entry.rights.contains(Rights::READ) || !self.wants(entry).contains(event) {
            return;
        }
        // RFC 5465 §5.1: nothing is told where there is no modseq to tell.
        if event == NotifyEvent::AnnotationChange && !self.enabled.condstore() {
            return;
        }
        let items = self.statuses.entry(mailbox.id).or_default();
        let with_modseq = match event {
            // RFC 5465 §5.1: UNSEEN may be told, and must be where there is no modseq to tell.
            NotifyEvent::FlagChange => {
                items.insert(StatusItem::UidValidity);
                items.insert(StatusItem::Unseen);
                self.enabled.condstore()
            }
            NotifyEvent::AnnotationChange => {
                items.insert(StatusItem::UidValidity);
                true
            }
            NotifyEvent::MessageExpunge => self.enabled.qresync(),
            _ => self.enabled.condstore(),
        };
        if !matches!(event, NotifyEvent::FlagChange | NotifyEvent::AnnotationChange) {
            items.insert(StatusItem::Messages);
            items.insert(StatusItem::UidNext);
        }
        if with_modseq {
            items.insert(StatusItem::HighestModSeq);
        }
    }

    /// RFC 5465 §5.4: a mailbox that came or went, and the name right above it.
    fn list_with_parent(&mut self, name: &MailboxName, out: &mut Vec<u8>) {
        self.list(name, NotifyEvent::MailboxName, None, out);
        let parent = name.as_str().rsplit_once('/').map(|(parent, _)| MailboxName::parse(parent));
        if let Some(Ok(parent)) = parent {
            self.list(&parent, NotifyEvent::MailboxName, None, out);
        }
    }

    fn list(
        &mut self,
        name: &MailboxName,
        event: NotifyEvent,
        old_name: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        let gone = || MailboxEntry {
            name: name.clone(),
            mailbox: None,
            ghost: false,
            subscribed: false,
            has_children: false,
            rights: Rights::ALL,
        };
        let entry = self.tree.find(name).cloned().unwrap_or_else(gone);
        let is_news = !self.listed.contains(name) && !self.own.contains(name);
        if !is_news || !self.wants(&entry).contains(event) {
            return;
        }
        self.listed.push(name.clone());
        push_list(out, &entry, old_name, self.enabled.dialect());
    }

    /// The counts of mailboxes where something happened.
    fn finish(self, out: &mut Vec<u8>) {
        for (id, items) in &self.statuses {
            if let Some(mailbox) = self.by_id.get(id).and_then(|entry| entry.mailbox.as_ref()) {
                let values = status::counts(mailbox);
                render::status(out, mailbox.name.as_str(), self.enabled.dialect(), *items, &values);
            }
        }
    }
}
