//! Responses made of facts that a session watches: LIST, STATUS and METADATA (RFC 5465 §5).

use std::collections::{BTreeMap, HashMap};

use ids::CollectionId;
use storage::{
    Change, Fact, MailboxEntry, MailboxName, MailboxTree, MetadataEntry, MetadataScope, Rights,
};

use super::super::mailbox_filter::names;
use super::super::metadata::from_storage;
use super::super::status;
use super::others::Turn;
use super::push_list;
use crate::render;
use crate::session::Enabled;
use crate::types::{EventGroup, NotifyEvent, NotifyEvents, StatusItem, StatusItems};

/// Makes responses of facts.
pub(super) struct Teller<'t> {
    tree: &'t MailboxTree,
    pub(super) by_id: HashMap<CollectionId, &'t MailboxEntry>,
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
    pub(super) fn new(
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

    pub(super) fn look_at(&mut self, change: &Change, renamed: &[&str], out: &mut Vec<u8>) {
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
    pub(super) fn look_at_other(&mut self, change: &Change, out: &mut Vec<u8>) {
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
    pub(super) fn tell_turn(&mut self, turn: &Turn<'_>, out: &mut Vec<u8>) {
        match turn {
            Turn::CameOrWent(name) => self.list_with_parent(name, out),
            Turn::Renamed(old, new) => {
                self.list(new, NotifyEvent::MailboxName, Some(old.as_str()), out);
            }
        }
    }

    /// RFC 5465 §5.1: FlagChange tells that a name has another UIDVALIDITY, as it has where another
    /// mailbox goes by it now.
    pub(super) fn note_validity(&mut self, entry: &MailboxEntry) {
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
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        for (id, items) in &self.statuses {
            if let Some(mailbox) = self.by_id.get(id).and_then(|entry| entry.mailbox.as_ref()) {
                let values = status::counts(mailbox);
                render::status(out, mailbox.name.as_str(), self.enabled.dialect(), *items, &values);
            }
        }
    }
}
