//! Gathering what the properties of resources are made of, in one read transaction.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use ids::{AccountId, CollectionId, Timestamp};
use storage::{
    Account, Collection, CollectionKind, CollectionRights, CollectionShare, DeadProperty, Home,
    Lock, Object, ObjectId, ReadTx, StorageError,
};

use crate::path::{self, object_href};
use crate::properties::{Described, GUEST_EDITION, is_protected};
use crate::public;
use crate::reports::sync_home;
use crate::resource::{Actor, Resource, group, href_of};
use crate::settings::Settings;
use crate::xml::{Name, PropertyRequest, PropertySet};

/// What is read for several resources of one owner, each of it once.
pub(crate) struct Describer<'s> {
    pub(crate) actor: &'s Actor,
    pub(crate) settings: &'s Settings,
    pub(crate) now: Timestamp,
    rights: HashMap<CollectionId, CollectionRights>,
    shares: HashMap<CollectionId, Vec<CollectionShare>>,
    dead: HashMap<CollectionId, Vec<DeadProperty>>,
    reads_dead_of_objects: bool,
    reads_lengths: bool,
    /// The length of the object that was read last, where it is seen with alarms of the actor's
    /// own.
    shown_length: Option<(ObjectId, u64)>,
    objects_with_dead: HashMap<CollectionId, HashSet<ObjectId>>,
    /// The dead properties of the object that was read last; those of all objects might be as large
    /// as a quota.
    dead_of_object: Option<(ObjectId, Vec<DeadProperty>)>,
    /// By owner: places of two may have the same names.
    locks: HashMap<AccountId, Vec<Lock>>,
    default_calendar: Option<String>,
    notifications: Option<String>,
    /// For address books: the path of the directory, and of the card that is the actor's own.
    directory: Option<String>,
    /// Where calendars that are public are read.
    public_urls: HashMap<CollectionId, Option<String>>,
    me_card: Option<String>,
    /// The addresses of the principal that was read last.
    addresses: Vec<String>,
    is_room: bool,
    groups: Vec<String>,
    members: Vec<String>,
    proxied: Vec<(String, storage::Proxy)>,
    reads_acl: bool,
    home_tags: HashMap<Home, String>,
    reads_home_token: bool,
    /// The sync-token of the home that was read last.
    home_token: Option<String>,
}

impl<'s> Describer<'s> {
    pub(crate) fn new(actor: &'s Actor, settings: &'s Settings, now: Timestamp) -> Self {
        Self {
            actor,
            settings,
            now,
            rights: HashMap::new(),
            shares: HashMap::new(),
            dead: HashMap::new(),
            reads_dead_of_objects: true,
            reads_lengths: true,
            shown_length: None,
            objects_with_dead: HashMap::new(),
            dead_of_object: None,
            locks: HashMap::new(),
            default_calendar: None,
            notifications: None,
            directory: None,
            public_urls: HashMap::new(),
            me_card: None,
            addresses: Vec::new(),
            is_room: false,
            groups: Vec::new(),
            members: Vec::new(),
            proxied: Vec::new(),
            reads_acl: true,
            home_tags: HashMap::new(),
            reads_home_token: true,
            home_token: None,
        }
    }

    /// For a request: what somebody stored with objects is not read for one that asks for what is
    /// the server's alone, as most do.
    pub(crate) fn for_request(mut self, wanted: &PropertyRequest) -> Self {
        self.reads_acl = wanted.names(&Name::dav("acl"));
        self.reads_home_token = wanted.names(&Name::dav("sync-token"));
        self.reads_lengths = match &wanted.properties {
            PropertySet::Names => false,
            PropertySet::All(_) => true,
            PropertySet::These(names) => names.contains(&Name::dav("getcontentlength")),
        };
        self.reads_dead_of_objects = match &wanted.properties {
            PropertySet::Names | PropertySet::All(_) => true,
            PropertySet::These(names) => !names.iter().all(is_protected),
        };
        self
    }

    /// Reads what is not known yet of a resource. An object is described before another is read.
    pub(crate) fn read(
        &mut self,
        tx: &mut ReadTx<'_>,
        resource: &Resource,
    ) -> Result<(), StorageError> {
        if let Some(owner) = resource.owner()
            && let Entry::Vacant(locks) = self.locks.entry(owner.id)
        {
            locks.insert(tx.list_locks(owner.id, self.now)?);
        }
        self.read_groups(tx, resource)?;
        match resource {
            Resource::Principal(account) => self.read_person(tx, account),
            Resource::Home(home, account) => self.read_home(tx, *home, account),
            Resource::Collection(account, collection) => {
                self.read_collection(tx, account, collection)
            }
            Resource::Object(_, collection, _, object) => self.read_object(tx, collection, object),
            _ => Ok(()),
        }
    }

    fn read_person(&mut self, tx: &mut ReadTx<'_>, account: &Account) -> Result<(), StorageError> {
        self.read_default(tx, account)?;
        self.read_contacts(tx, account)?;
        self.addresses = tx.calendar_addresses(account.id)?;
        self.is_room = tx.is_room(account.id)?;
        self.notifications = match account.id == self.actor.id() {
            true => tx.find_notifications(account.id)?.map(|found| href_of(account, &found)),
            false => None,
        };
        Ok(())
    }

    fn read_home(
        &mut self,
        tx: &mut ReadTx<'_>,
        home: Home,
        account: &Arc<Account>,
    ) -> Result<(), StorageError> {
        match home {
            Home::Calendars => self.read_default(tx, account)?,
            Home::AddressBooks => self.read_contacts(tx, account)?,
            Home::Files => {}
        }
        let all = tx.list_collections(account.id, home)?;
        let newest = all.iter().map(|one| one.highest_modseq).max().unwrap_or_default();
        let mut tag = format!("{newest}-{}", all.len());
        if account.id == self.actor.id() {
            // Each by the numbers of its owner, and what its guest has changed by theirs.
            for one in tx.list_guest_collections(account.id, home)? {
                let own = one.guest.map(|guest| guest.modseq).unwrap_or_default();
                write!(tag, "-{}.{}.{own}.{GUEST_EDITION}", one.id, one.highest_modseq).ok();
            }
            if home == Home::AddressBooks
                && let Some(directory) = tx.directory_book(account.id)?
            {
                write!(tag, "-{}.{}", directory.id, directory.highest_modseq).ok();
            }
        }
        self.home_tags.insert(home, tag);
        self.home_token = match self.reads_home_token && !self.actor.is_outside() {
            true => sync_home::find_token(tx, self.actor, home, account)?,
            false => None,
        };
        Ok(())
    }

    fn read_collection(
        &mut self,
        tx: &mut ReadTx<'_>,
        account: &Account,
        collection: &Collection,
    ) -> Result<(), StorageError> {
        let id = collection.id;
        if collection.kind == CollectionKind::Inbox {
            self.read_default(tx, account)?;
        }
        self.read_rights(tx, collection)?;
        if let Entry::Vacant(shares) = self.shares.entry(id) {
            shares.insert(tx.list_collection_shares(id)?);
        }
        if collection.kind == CollectionKind::Calendar
            && let Entry::Vacant(url) = self.public_urls.entry(id)
        {
            let token = tx.public_token(collection)?;
            url.insert(token.map(|token| public::url(self.settings, &token)));
        }
        if let Entry::Vacant(dead) = self.dead.entry(id) {
            dead.insert(match &collection.guest {
                None => tx.load_dead_properties(id, None)?,
                Some(guest) => tx.load_overlay_properties(guest.account, id)?,
            });
        }
        Ok(())
    }

    fn read_object(
        &mut self,
        tx: &mut ReadTx<'_>,
        collection: &Collection,
        object: &Object,
    ) -> Result<(), StorageError> {
        self.read_rights(tx, collection)?;
        if self.reads_lengths && crate::properties::edition(collection).is_some() {
            let shown = tx.load_shown_object(collection, object.id)?;
            self.shown_length = Some((object.id, shown.len() as u64));
        }
        // What is in a collection has the list of it.
        if let Entry::Vacant(shares) = self.shares.entry(collection.id)
            && self.reads_acl
        {
            shares.insert(tx.list_collection_shares(collection.id)?);
        }
        if self.reads_dead_of_objects {
            self.read_dead_of(tx, collection.id, object.id)?;
        }
        Ok(())
    }

    fn read_rights(
        &mut self,
        tx: &mut ReadTx<'_>,
        collection: &Collection,
    ) -> Result<(), StorageError> {
        if self.rights.contains_key(&collection.id) {
            return Ok(());
        }
        let mut rights = tx.collection_rights(self.actor.id(), collection)?;
        if rights.is_empty() {
            // R-ADDR-12: what is listed all the same looks as if it could be read alone.
            let granted = tx.granted_rights(self.actor.id(), collection)?;
            rights = granted.and(CollectionRights::READ);
        }
        self.rights.insert(collection.id, self.actor.limit(rights));
        Ok(())
    }

    /// In which groups a principal is, and who is in one: the business of those concerned.
    fn read_groups(
        &mut self,
        tx: &mut ReadTx<'_>,
        resource: &Resource,
    ) -> Result<(), StorageError> {
        let actor = self.actor;
        self.groups.clear();
        self.proxied.clear();
        match resource {
            Resource::Principal(account) if account.id == actor.id() && !actor.is_outside() => {
                self.proxied = tx.proxied_by(actor.id())?;
                let proxied = self.proxied.iter();
                let of = proxied.map(|(of, proxy)| path::proxy_href(of, (*proxy).into()));
                self.groups = of.collect();
                let groups = group::of_actor(tx, actor)?;
                self.groups.extend(groups.iter().map(Resource::href));
            }
            Resource::Proxy(account, proxy) => {
                let members = tx.list_proxies(account.id, (*proxy).into())?;
                self.members = members.iter().map(path::sharee_href).collect();
                if account.id != actor.id() {
                    let own = path::principal_href(&actor.account.address);
                    self.members.retain(|member| *member == own);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn read_dead_of(
        &mut self,
        tx: &mut ReadTx<'_>,
        collection: CollectionId,
        object: ObjectId,
    ) -> Result<(), StorageError> {
        let having = match self.objects_with_dead.entry(collection) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let list = tx.list_objects_with_properties(collection)?;
                unknown.insert(list.into_iter().collect())
            }
        };
        self.dead_of_object = match having.contains(&object) {
            true => Some((object, tx.load_dead_properties(collection, Some(object))?)),
            false => None,
        };
        Ok(())
    }

    /// The directory, and which card is oneself: nobody else's business.
    fn read_contacts(
        &mut self,
        tx: &mut ReadTx<'_>,
        account: &Account,
    ) -> Result<(), StorageError> {
        if account.id != self.actor.id() || self.actor.is_outside() {
            return Ok(());
        }
        let directory = tx.directory_book(account.id)?;
        self.directory = directory.map(|directory| href_of(account, &directory));
        let me = tx.me_card(account.id)?;
        self.me_card = me.map(|(book, card)| object_href(&href_of(account, &book), &card.name));
        Ok(())
    }

    fn read_default(&mut self, tx: &mut ReadTx<'_>, account: &Account) -> Result<(), StorageError> {
        if self.default_calendar.is_some() || self.actor.is_outside() {
            return Ok(());
        }
        if let Some(id) = tx.default_calendar(account.id)? {
            let calendar = tx.load_collection(id)?;
            self.default_calendar = Some(href_of(account, &calendar));
        }
        Ok(())
    }

    /// The resource with what was read.
    pub(crate) fn described<'r>(
        &'r self,
        resource: &'r Resource,
        locks: &'r [Lock],
        data: Option<&'r str>,
    ) -> Described<'r> {
        let collection = resource.collection().map(|collection| collection.id);
        let object = match resource {
            Resource::Object(.., object) => Some(object.id),
            _ => None,
        };
        let home_tag = match resource {
            Resource::Home(home, _) => self.home_tags.get(home).map(String::as_str),
            _ => None,
        };
        let dead = match (object, &self.dead_of_object) {
            (Some(object), Some((read, dead))) if *read == object => Some(dead),
            (Some(_), _) => None,
            (None, _) => collection.and_then(|id| self.dead.get(&id)),
        };
        let read = self.shown_length.filter(|(read, _)| object == Some(*read));
        Described {
            resource,
            length: read.map(|(_, length)| length),
            actor: self.actor,
            settings: self.settings,
            rights: collection.and_then(|id| self.rights.get(&id).copied()).unwrap_or_default(),
            locks,
            dead: dead.map_or(&[], Vec::as_slice),
            shares: collection.and_then(|id| self.shares.get(&id)).map_or(&[], Vec::as_slice),
            default_calendar: self.default_calendar.as_deref(),
            notifications: self.notifications.as_deref(),
            directory: self.directory.as_deref(),
            public_url: collection
                .and_then(|id| self.public_urls.get(&id))
                .and_then(Option::as_deref),
            me_card: self.me_card.as_deref(),
            addresses: &self.addresses,
            is_room: self.is_room,
            groups: &self.groups,
            members: &self.members,
            proxied: &self.proxied,
            data,
            home_tag,
            home_token: home_tag.and(self.home_token.as_deref()),
        }
    }

    /// The locks that reach a resource.
    pub(crate) fn locks_on(&self, resource: &Resource) -> Vec<Lock> {
        let locks = resource.owner().and_then(|owner| self.locks.get(&owner.id));
        let Some(locks) = locks.filter(|locks| !locks.is_empty()) else { return Vec::new() };
        let Some((home, path)) = lock_place(resource) else { return Vec::new() };
        locks.iter().filter(|lock| lock.covers(home, &path)).cloned().collect()
    }
}

/// Where locks on a resource are named.
pub(crate) fn lock_place(resource: &Resource) -> Option<(Home, String)> {
    match resource {
        Resource::Collection(_, collection) => {
            Some((collection.kind.home(), collection.name.clone()))
        }
        Resource::Object(_, collection, _, object) => {
            let path = format!("{}/{}", collection.name, object.name);
            Some((collection.kind.home(), path))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Place;
    use crate::resource;
    use crate::testing::{Fixture, file_href};

    #[test]
    fn each_object_shows_its_own_properties() {
        let fixture = Fixture::new();
        assert_eq!(fixture.status("MKCOL", "/a", &[], ""), 201);
        for name in ["x", "y", "z"] {
            assert_eq!(fixture.status("PUT", &format!("/a/{name}"), &[], name), 201);
        }
        for path in ["/a", "/a/x", "/a/z"] {
            let patch = format!(
                "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><q xmlns=\"q:\">of {path}</q>\
                 </D:prop></D:set></D:propertyupdate>"
            );
            assert_eq!(fixture.status("PROPPATCH", path, &[], &patch), 207);
        }
        let ask = "<D:propfind xmlns:D=\"DAV:\"><D:prop><q xmlns=\"q:\"/></D:prop></D:propfind>";
        let headers = [("depth", "1"), ("prefer", "return=minimal")];
        let answer = fixture.request("PROPFIND", "/a", &headers, ask);
        let text = fixture.text(answer);
        let told: Vec<&str> = text.split("of /a").skip(1).filter_map(|at| at.get(..2)).collect();
        assert_eq!(told, ["</", "/x", "/z"], "{text}");
    }

    #[test]
    fn what_is_stored_with_objects_is_read_where_it_is_asked_for() {
        let fixture = Fixture::new();
        assert_eq!(fixture.status("MKCOL", "/a", &[], ""), 201);
        assert_eq!(fixture.status("PUT", "/a/x", &[], "1"), 201);
        let patch = "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop><q xmlns=\"q:\"/></D:prop>\
            </D:set></D:propertyupdate>";
        assert_eq!(fixture.status("PROPPATCH", "/a/x", &[], patch), 207);
        let (etag, own) = (Name::dav("getetag"), Name::new("q:", "q").unwrap());
        for (properties, is_read) in [
            (PropertySet::These(vec![etag.clone()]), false),
            (PropertySet::These(vec![etag, own]), true),
            (PropertySet::All(Vec::new()), true),
            (PropertySet::Names, true),
        ] {
            let wanted = PropertyRequest::of_set(properties.clone());
            let place = Place::parse(&file_href("/a/x")).unwrap().unwrap();
            let read = fixture.block_on(fixture.exchange.read(move |exchange, tx| {
                let found = resource::find(tx, &exchange.actor, &place)?;
                let describer = Describer::new(&exchange.actor, &exchange.settings, exchange.now());
                let mut describer = describer.for_request(&wanted);
                describer.read(tx, &found)?;
                Ok(describer.dead_of_object.is_some())
            }));
            assert_eq!(read.unwrap(), is_read, "{properties:?}");
        }
    }
}
