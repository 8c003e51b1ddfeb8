//! Responses made of facts that a session watches: LIST, STATUS and METADATA (RFC 5465 §5).

use std::collections::{BTreeMap, HashMap, HashSet};

use ids::CollectionId;
use storage::{
    Change, Fact, MailboxEntry, MailboxName, MailboxTree, MetadataEntry, MetadataScope, Rights,
};

use super::super::mailbox_filter::is_named;
use super::super::metadata::from_storage;
use super::super::status;
use super::others::Turn;
use super::renames::{Pair, above};
use super::{Left, is_of_server, push_list};
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
    /// One STATUS for each mailbox, whatever happened in it.
    statuses: BTreeMap<CollectionId, StatusItems>,
    /// The names that a LIST response was written for.
    listed: HashSet<MailboxName>,
    /// The names that were subscribed to, and may not be any more.
    unsubscribed: HashSet<String>,
}

impl<'t> Teller<'t> {
    pub(super) fn new(
        tree: &'t MailboxTree,
        groups: &'t [EventGroup],
        selected: Option<CollectionId>,
        enabled: Enabled,
    ) -> Self {
        let real =
            tree.entries.iter().filter_map(|entry| Some((entry.mailbox.as_ref()?.id, entry)));
        let (statuses, listed, unsubscribed) = (BTreeMap::new(), HashSet::new(), HashSet::new());
        let by_id = real.collect();
        Self { tree, by_id, groups, selected, enabled, statuses, listed, unsubscribed }
    }

    /// Who watches what is subscribed to hears of what was until now: subscriptions go with what
    /// is renamed.
    pub(super) fn note_unsubscribed<'c>(&mut self, changes: impl Iterator<Item = &'c Change>) {
        let names = changes.filter_map(|change| match &change.fact {
            Fact::SubscriptionChanged { name, subscribed: false } => Some(name.clone()),
            _ => None,
        });
        self.unsubscribed.extend(names);
    }

    /// A fact of the account of the one signed in. Names are told by
    /// [`tell_turns`](Self::tell_turns).
    pub(super) fn look_at(&mut self, change: &Change, out: &mut Vec<u8>) {
        let entry = change.collection.and_then(|id| self.by_id.get(&id).copied());
        match &change.fact {
            Fact::MessagesAdded(_) => self.note(entry, NotifyEvent::MessageNew),
            Fact::MessagesExpunged(_) => self.note(entry, NotifyEvent::MessageExpunge),
            Fact::FlagsChanged(_) => self.note(entry, NotifyEvent::FlagChange),
            Fact::AnnotationsChanged(_) => self.note(entry, NotifyEvent::AnnotationChange),
            Fact::MailboxCreated | Fact::MailboxRenamed { .. } => {
                entry.into_iter().for_each(|entry| self.note_validity(entry));
            }
            Fact::SubscriptionChanged { name, .. } => {
                if let Ok(name) = MailboxName::parse(name) {
                    // RFC 5465 §5.5: who watches what is subscribed to hears when it no longer is.
                    let wanted = self.wants_of(name.as_str(), true);
                    if wanted.contains(NotifyEvent::SubscriptionChange) {
                        self.list(&name, None, out);
                    }
                }
            }
            Fact::MetadataChanged { entry: metadata } => {
                self.tell_metadata(change.collection.is_none(), entry, metadata, out);
            }
            Fact::MailboxDeleted { .. }
            | Fact::MailboxUpdated
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

    /// What was not told of a mailbox while it was open.
    pub(super) fn note_left(&mut self, left: &Left) {
        let entry = self.by_id.get(&left.mailbox).copied();
        left.events.iter().for_each(|event| self.note(entry, event));
    }

    /// A fact of the account of another: of what the session sees of it, messages and what is
    /// shared, of the server too. Names are told by [`tell_turns`](Self::tell_turns).
    pub(super) fn look_at_other(&mut self, change: &Change, out: &mut Vec<u8>) {
        if let Fact::MetadataChanged { entry } = &change.fact
            && is_of_server(change)
        {
            return self.tell_metadata(true, None, entry, out);
        }
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

    /// Mailboxes that come, go, or are renamed. RFC 5465 §5.4: rights given and taken are as
    /// mailboxes that come and go.
    pub(super) fn tell_turns(&mut self, turns: &[Turn<'_>], out: &mut Vec<u8>) {
        for turn in turns {
            match turn {
                Turn::Went(name) => self.list_affected(name, out),
                Turn::GaveWay(name) => self.list_gone(name, out),
                Turn::Renamed(moved) => self.list_moved(moved, out),
                Turn::Came(name) => self.list_with_parent(name, out),
            }
        }
        // What was above them may have been renamed, and would be gone before the client hears so.
        for turn in turns {
            if let Turn::Went(name) = turn {
                self.list_parent(name, out);
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
            // RFC 5465 §5: with `l` and `r`; RFC 5464 §3.3: and where GETMETADATA would answer.
            Some(entry) => {
                entry.rights.contains(Rights::READ)
                    && entry.rights.shows_annotations()
                    && self.wants(entry).contains(NotifyEvent::MailboxMetadataChange)
            }
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

    /// The events that the client wants of a mailbox.
    fn wants(&self, entry: &MailboxEntry) -> NotifyEvents {
        self.wants_of(entry.name.as_str(), entry.subscribed)
    }

    /// The events that the client wants of a mailbox of this name.
    fn wants_of(&self, name: &str, subscribed: bool) -> NotifyEvents {
        let groups = self.groups.iter();
        let groups = groups.filter(|group| is_named(&group.filter, name, subscribed));
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
        self.list_affected(name, out);
        self.list_parent(name, out);
    }

    fn list_parent(&mut self, name: &MailboxName, out: &mut Vec<u8>) {
        let parent = name.as_str().rsplit_once('/').map(|(parent, _)| MailboxName::parse(parent));
        if let Some(Ok(parent)) = parent {
            self.list_affected(&parent, out);
        }
    }

    fn list_affected(&mut self, name: &MailboxName, out: &mut Vec<u8>) {
        if self.asks_former(name) {
            self.list(name, None, out);
        }
    }

    /// A mailbox is gone by whose name another is about to be told, though that was told before.
    fn list_gone(&mut self, name: &MailboxName, out: &mut Vec<u8>) {
        if self.asks_former(name) {
            self.listed.remove(name);
            push_list(out, &gone(name), None, self.enabled.dialect());
        }
    }

    /// RFC 5465 §5.4: a mailbox renamed, and no event for its children, which go along. Where that
    /// is none for this client, each of them that it watches is as renamed by itself.
    fn list_moved(&mut self, moved: &[Pair<'_>], out: &mut Vec<u8>) {
        let mut told: HashSet<&str> = HashSet::new();
        for (old, new) in moved {
            let goes_along = above(old.as_str()).any(|name| told.contains(name));
            if !goes_along && self.list_renamed(old, new, out) {
                told.insert(old.as_str());
            }
        }
    }

    /// Tells who watches a mailbox under the one name or the other that it was renamed; whether
    /// this client does.
    fn list_renamed(&mut self, old: &MailboxName, new: &MailboxName, out: &mut Vec<u8>) -> bool {
        // Subscriptions of the owner go with it, and those of others stay (RFC 9051 §6.3.7).
        let subscribed = self.is_subscribed(new);
        let asks = self.asks_name(new.as_str(), subscribed)
            || self.asks_name(old.as_str(), subscribed)
            || self.asks_former(old);
        if asks {
            self.list(new, Some(old.as_str()), out);
        }
        asks
    }

    /// Whether it is to be told that a name is affected which may be another mailbox's now.
    fn asks_former(&self, name: &MailboxName) -> bool {
        let subscribed = self.is_subscribed(name) || self.unsubscribed.contains(name.as_str());
        self.asks_name(name.as_str(), subscribed)
    }

    fn is_subscribed(&self, name: &MailboxName) -> bool {
        self.tree.find(name).is_some_and(|entry| entry.subscribed)
    }

    /// Whether it is to be told that a name is affected.
    fn asks_name(&self, name: &str, subscribed: bool) -> bool {
        self.wants_of(name, subscribed).contains(NotifyEvent::MailboxName)
    }

    /// Tells of a name as it is now, once; and where it came from though the name was told.
    fn list(&mut self, name: &MailboxName, old_name: Option<&str>, out: &mut Vec<u8>) {
        if !self.listed.insert(name.clone()) && old_name.is_none() {
            return;
        }
        let entry = self.tree.find(name).cloned().unwrap_or_else(|| gone(name));
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

/// A name that nothing goes by.
fn gone(name: &MailboxName) -> MailboxEntry {
    MailboxEntry {
        name: name.clone(),
        mailbox: None,
        ghost: false,
        subscribed: false,
        has_children: false,
        rights: Rights::ALL,
    }
}

#[cfg(test)]
mod tests {
    use ids::{AccountId, ModSeq};

    use super::*;
    use crate::types::MailboxFilter;

    /// It was told because the subscription changed, and is another mailbox now.
    #[test]
    fn what_gave_way_is_told_of_again() {
        let name = MailboxName::parse("Other Users/max@example.test/a").unwrap();
        let now = MailboxEntry { subscribed: true, ..gone(&name) };
        let tree = MailboxTree { entries: vec![now] };
        let events = [NotifyEvent::MailboxName, NotifyEvent::SubscriptionChange];
        let group = EventGroup {
            filter: MailboxFilter::Subscribed,
            events: events.into_iter().collect(),
            fetch: Vec::new(),
            is_unknown: false,
        };
        let groups = [group];
        let mut teller = Teller::new(&tree, &groups, None, Enabled::default());
        let subscribed =
            Fact::SubscriptionChanged { name: name.as_str().to_owned(), subscribed: true };
        let change = Change {
            account: AccountId::new(1),
            modseq: ModSeq::new(2),
            collection: None,
            fact: subscribed,
        };
        let mut out = Vec::new();
        teller.look_at(&change, &mut out);
        teller.tell_turns(&[Turn::GaveWay(&name), Turn::Came(&name), Turn::Came(&name)], &mut out);
        let line = |attributes| {
            format!("* LIST ({attributes}) \"/\" \"Other Users/max@example.test/a\"\r\n")
        };
        let is = line("\\NonExistent \\Subscribed");
        let expect = [is.clone(), line("\\NonExistent"), is].concat();
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }
}
