//! What is at a place, as far as whoever asks may know.

pub(crate) mod group;
pub(crate) mod known;

use std::sync::Arc;

use ids::AccountId;
use storage::{
    Account, Address, Collection, CollectionKind, CollectionRights, Home, Object, ReadTx,
    SharedWith, StorageError,
};

use crate::error::{DavError, Result};
use crate::path::{self, Place, Proxy};

/// The name of the organisation's directory in every home of address books (R-CARD-5).
pub(crate) const DIRECTORY: &str = "directory";

/// A resource: something at a path, with properties.
#[derive(Debug, Clone)]
pub(crate) enum Resource {
    /// `/` and `/dav/`
    Root,
    /// The collection of principals.
    Principals,
    /// The principal of an account.
    Principal(Arc<Account>),
    /// A team, or everybody of the organisation of whoever asks.
    Group(Arc<Group>),
    /// The calendar proxies of an account, who may read or also change its calendars.
    Proxy(Arc<Account>, Proxy),
    /// The collection of the homes of one kind.
    Homes(Home),
    /// Where somebody's collections stand.
    Home(Home, Arc<Account>),
    /// Where requests of scheduling go (RFC 6638 §2.1).
    Outbox(Arc<Account>),
    /// A collection of somebody.
    Collection(Arc<Account>, Box<Collection>),
    /// An object in a collection, whose path is known.
    Object(Arc<Account>, Arc<Collection>, Arc<str>, Box<Object>),
}

/// Several people under one name.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// The team or organisation.
    pub(crate) who: SharedWith,
    /// The name of the group.
    pub(crate) name: String,
    /// The addresses of those in a team.
    pub(crate) members: Vec<String>,
}

impl Resource {
    /// The canonical path of the resource.
    pub(crate) fn href(&self) -> String {
        match self {
            Self::Root => "/dav/".to_owned(),
            Self::Principals => path::principals_href(),
            Self::Principal(account) => path::principal_href(&account.address),
            Self::Group(group) => path::group_href(&group.who),
            Self::Proxy(account, proxy) => path::proxy_href(&account.address, *proxy),
            Self::Homes(home) => path::homes_href(*home),
            Self::Home(home, account) => path::home_href(*home, &account.address),
            Self::Outbox(account) => {
                path::collection_href(Home::Calendars, &account.address, "outbox")
            }
            Self::Collection(account, collection) => href_of(account, collection),
            Self::Object(_, _, collection, object) => path::object_href(collection, &object.name),
        }
    }

    /// The account that the resource belongs to, if it belongs to one.
    pub(crate) fn owner(&self) -> Option<&Arc<Account>> {
        match self {
            Self::Root | Self::Principals | Self::Homes(_) | Self::Group(_) => None,
            Self::Principal(account)
            | Self::Proxy(account, _)
            | Self::Home(_, account)
            | Self::Outbox(account)
            | Self::Collection(account, _)
            | Self::Object(account, ..) => Some(account),
        }
    }

    /// Whether it is a collection in the sense of WebDAV (RFC 4918 §3).
    pub(crate) fn is_collection(&self) -> bool {
        !matches!(self, Self::Group(_) | Self::Object(..))
    }

    /// The collection that it is or is in.
    pub(crate) fn collection(&self) -> Option<&Collection> {
        match self {
            Self::Collection(_, collection) => Some(collection),
            Self::Object(_, collection, ..) => Some(collection),
            _ => None,
        }
    }
}

/// The path of a collection of this account, or the one that it has in the home of whom it is
/// shared with.
pub(crate) fn href_of(account: &Account, collection: &Collection) -> String {
    let home = collection.kind.home();
    match &collection.guest {
        None => path::collection_href(home, &account.address, &collection.name),
        Some(guest) => path::collection_href(home, &guest.address, &collection.shared_name()),
    }
}

/// Who sent the request: an account, or somebody who came by an invitation link.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) account: Arc<Account>,
    /// R-CARD-2: whether their program gets on with one address book alone.
    pub(crate) has_one_book: bool,
    /// Set for somebody who has no account here and came by an invitation link.
    pub(crate) outside: Option<Arc<storage::Outsider>>,
}

/// QUIRK(Contacts, macOS 10.6 to 15, iOS): of several address books of an account it shows one, and
/// not always the same one.
pub(crate) fn has_one_book(user_agent: &str) -> bool {
    ["AddressBookCore/", "AddressBookSourceSync", "AddressBook/", "dataaccessd/"]
        .iter()
        .any(|word| user_agent.contains(word))
}

impl Actor {
    pub(crate) fn id(&self) -> AccountId {
        self.account.id
    }
}

/// A place below a home where there may be nothing yet.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) owner: Arc<Account>,
    pub(crate) home: Home,
    pub(crate) names: Vec<String>,
    /// Whether the path names it as a guest's: in the home of somebody it is shared with.
    pub(crate) as_guest: bool,
}

impl Target {
    /// What these names mean in a home of `owner`: where a collection of somebody else has the
    /// first one there, the owner and the name are those that it really has.
    pub(crate) fn resolve(
        tx: &mut ReadTx<'_>,
        actor: &Actor,
        home: Home,
        owner: Arc<Account>,
        mut names: Vec<String>,
    ) -> Result<Self> {
        if owner.id == actor.id()
            && let Some(first) = names.first_mut()
            && let Some(found) = tx.find_guest_collection(owner.id, home, first)?
        {
            *first = found.name;
            let owner = Arc::new(tx.load_account(found.account)?);
            return Ok(Self { owner, home, names, as_guest: true });
        }
        Ok(Self { owner, home, names, as_guest: false })
    }

    /// The name of the collection that it would be.
    pub(crate) fn collection_name(&self) -> String {
        self.names.join("/")
    }

    /// The name of the collection that it would be in, and its own.
    pub(crate) fn object_name(&self) -> Option<(String, &str)> {
        let (last, before) = self.names.split_last()?;
        (!before.is_empty()).then(|| (before.join("/"), last.as_str()))
    }

    /// The path of the home, where locks are named from.
    pub(crate) fn lock_path(&self) -> String {
        self.names.join("/")
    }
}

/// The account of this address, as `actor` may know it: those of its organisation are no secret,
/// but to external users.
pub(crate) fn find_owner(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    address: &str,
) -> Result<Arc<Account>> {
    if address.eq_ignore_ascii_case(&actor.account.address) {
        return Ok(actor.account.clone());
    }
    if actor.is_outside() {
        return Err(DavError::NOT_FOUND);
    }
    let address = Address::parse(address).map_err(|_| DavError::NOT_FOUND)?;
    let found = tx.find_account(&address)?.ok_or(DavError::NOT_FOUND)?;
    match known::is_known(tx, actor, &found)? {
        true => Ok(Arc::new(found)),
        false => Err(DavError::NOT_FOUND),
    }
}

/// A place below a home.
pub(crate) fn find_target(tx: &mut ReadTx<'_>, actor: &Actor, place: Place) -> Result<Target> {
    match place {
        Place::Member(home, owner, names) => {
            let owner = find_owner(tx, actor, &owner)?;
            Target::resolve(tx, actor, home, owner, names)
        }
        _ => Err(DavError::Status(hyper::StatusCode::METHOD_NOT_ALLOWED)),
    }
}

/// What is at a place. Collections of others that `actor` may not read are not there.
pub(crate) fn find(tx: &mut ReadTx<'_>, actor: &Actor, place: &Place) -> Result<Resource> {
    let is_for_all = matches!(
        place,
        Place::Principal(_) | Place::Home(Home::Calendars, _) | Place::Member(Home::Calendars, ..)
    );
    if actor.is_outside() && !is_for_all {
        return Err(DavError::NOT_FOUND);
    }
    Ok(match place {
        Place::Root => Resource::Root,
        Place::Principals => Resource::Principals,
        Place::Principal(owner) => Resource::Principal(find_owner(tx, actor, owner)?),
        Place::Group(name) => Resource::Group(group::find(tx, actor, name)?),
        Place::Proxy(owner, proxy) => Resource::Proxy(find_owner(tx, actor, owner)?, *proxy),
        // RFC 9110 §9.3.5: it is there to be removed, and has no other method.
        Place::Push(_) | Place::Attachment(_) => return Err(DavError::NOT_FOUND),
        Place::Homes(home) => Resource::Homes(*home),
        Place::Home(home, owner) => {
            let owner = find_owner(tx, actor, owner)?;
            // Who acts for somebody in their calendars finds these where the owner has them.
            let acts = *home == Home::Calendars && tx.proxy_of(actor.id(), owner.id)?.is_some();
            if !acts {
                require_home(actor, &owner)?;
            }
            Resource::Home(*home, owner)
        }
        Place::Outbox(owner) => {
            let owner = find_owner(tx, actor, owner)?;
            // Who writes for somebody asks for them, too (calendarserver-proxy draft §3).
            if tx.proxy_of(actor.id(), owner.id)? != Some(storage::Proxy::Write) {
                require_home(actor, &owner)?;
            } else if tx.is_in_maintenance(owner.id)? {
                return Err(StorageError::Maintenance.into());
            }
            Resource::Outbox(owner)
        }
        Place::Member(home, owner, names) => {
            let owner = find_owner(tx, actor, owner)?;
            let target = Target::resolve(tx, actor, *home, owner, names.clone())?;
            find_member(tx, actor, &target)?.ok_or(DavError::NOT_FOUND)?
        }
    })
}

/// Like `find`, for an actor who may know only when the owner is busy (RFC 4791 §6.1.1).
pub(crate) fn find_for_free_busy(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    place: &Place,
) -> Result<Resource> {
    if let Place::Member(Home::Calendars, owner, names) = place
        && let [name] = names.as_slice()
    {
        let owner = find_owner(tx, actor, owner)?;
        if let Some(found) = tx.find_collection(owner.id, Home::Calendars, name)?
            && tx.granted_rights(actor.id(), &found)?.contains(CollectionRights::FREE_BUSY)
        {
            if tx.collection_rights(actor.id(), &found)?.is_empty() {
                return Err(StorageError::Maintenance.into());
            }
            return Ok(Resource::Collection(owner, Box::new(found)));
        }
    }
    find(tx, actor, place)
}

/// A home is its owner's business; what is shared from it is reached by itself.
fn require_home(actor: &Actor, owner: &Account) -> Result<()> {
    match actor.id() == owner.id {
        true => Ok(()),
        false => Err(DavError::NOT_FOUND),
    }
}

/// The collection or the object at a place below a home; `None` where there is neither.
pub(crate) fn find_member(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    target: &Target,
) -> Result<Option<Resource>> {
    let name = target.collection_name();
    if let Some(found) = find_collection(tx, actor, target, &name)? {
        return Ok(Some(Resource::Collection(target.owner.clone(), Box::new(found))));
    }
    let Some((parent, name)) = target.object_name() else { return Ok(None) };
    let Some(collection) = find_collection(tx, actor, target, &parent)? else { return Ok(None) };
    require_open(&collection)?;
    let Some(object) = tx.find_shown_object(&collection, name)? else { return Ok(None) };
    let href = href_of(&target.owner, &collection);
    let (owner, collection) = (target.owner.clone(), Arc::new(collection));
    Ok(Some(Resource::Object(owner, collection, href.into(), Box::new(object))))
}

/// R-ADDR-12: refuses what is about the contents of a collection while its owner is in maintenance.
/// Not 404: whoever synchronises would delete what they have.
pub(crate) fn require_open(collection: &Collection) -> std::result::Result<(), StorageError> {
    match collection.guest.as_ref().is_some_and(|guest| guest.in_maintenance) {
        true => Err(StorageError::Maintenance),
        false => Ok(()),
    }
}

/// A collection by its name, if `actor` may read it.
pub(crate) fn find_collection(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    target: &Target,
    name: &str,
) -> Result<Option<Collection>> {
    let is_directory = (target.home, name) == (Home::AddressBooks, DIRECTORY);
    if is_directory && target.owner.id != actor.id() {
        // Everybody has it in their own home.
        return Ok(None);
    }
    let found = tx.find_collection(target.owner.id, target.home, name)?;
    let Some(found) = found else { return Ok(None) };
    if target.as_guest {
        return Ok(tx.as_guest(actor.id(), found)?.map(|found| actor.seen_by(found)));
    }
    let rights = tx.granted_rights(actor.id(), &found)?;
    let shown = rights.contains(CollectionRights::READ);
    let is_of_others = actor.id() != found.account && !found.is_directory();
    if shown && is_of_others && tx.is_in_maintenance(found.account)? {
        return Err(StorageError::Maintenance.into());
    }
    Ok(shown.then_some(found))
}

/// The members of a resource, where it has any that can be listed.
pub(crate) fn members(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    resource: &Resource,
) -> std::result::Result<Vec<Resource>, StorageError> {
    Ok(match resource {
        Resource::Root => {
            let homes = [Home::Calendars, Home::AddressBooks, Home::Files].map(Resource::Homes);
            std::iter::once(Resource::Principals).chain(homes).collect()
        }
        Resource::Principals => vec![Resource::Principal(actor.account.clone())],
        Resource::Principal(_) if actor.is_outside() => Vec::new(),
        Resource::Principal(account) => [Proxy::Read, Proxy::Write]
            .map(|proxy| Resource::Proxy(account.clone(), proxy))
            .into_iter()
            .collect(),
        Resource::Homes(home) => vec![Resource::Home(*home, actor.account.clone())],
        Resource::Home(Home::AddressBooks, owner) if actor.has_one_book => the_one_book(tx, owner)?,
        Resource::Home(home, owner) => {
            let mut found: Vec<Resource> = tx
                .list_collections(owner.id, *home)?
                .into_iter()
                .filter(|collection| !collection.name.contains('/'))
                .map(|collection| Resource::Collection(owner.clone(), Box::new(collection)))
                .collect();
            if owner.id != actor.id() {
                let mut found = readable(tx, actor, found)?;
                if tx.proxy_of(actor.id(), owner.id)? == Some(storage::Proxy::Write) {
                    found.push(Resource::Outbox(owner.clone()));
                }
                return Ok(found);
            }
            found.extend(guests(tx, actor, *home)?);
            if *home == Home::AddressBooks {
                let directory = tx.directory_book(owner.id)?;
                let shown = |book| Resource::Collection(owner.clone(), Box::new(book));
                found.extend(directory.map(shown));
            }
            if *home == Home::Calendars && !actor.is_outside() {
                found.push(Resource::Outbox(owner.clone()));
            }
            found
        }
        Resource::Collection(owner, collection) => {
            require_open(collection)?;
            let href: Arc<str> = href_of(owner, collection).into();
            let shared = Arc::new((**collection).clone());
            let mut found = Vec::new();
            if collection.kind == CollectionKind::Folder && owner.id == actor.id() {
                let level = collection.name.matches('/').count() + 1;
                let below = tx.list_folders_below(owner.id, &collection.name)?;
                let direct = below.into_iter().filter(|one| one.name.matches('/').count() == level);
                found.extend(direct.map(|one| Resource::Collection(owner.clone(), Box::new(one))));
            }
            let mut objects = tx.list_objects(collection.id)?;
            tx.show_objects(collection, &mut objects)?;
            found.extend(objects.into_iter().map(|object| {
                Resource::Object(owner.clone(), shared.clone(), href.clone(), Box::new(object))
            }));
            found
        }
        Resource::Group(_) | Resource::Proxy(..) | Resource::Outbox(_) | Resource::Object(..) => {
            Vec::new()
        }
    })
}

/// What a book is marked with, as a dead property, that such a program made.
pub(crate) const MADE_BY_CONTACTS: (&str, &str) =
    ("{urn:x-posthorn}made-by-contacts", "<made-by-contacts xmlns=\"urn:x-posthorn\"/>");

/// R-CARD-2: the default book, and what the program made itself, which it would miss.
fn the_one_book(
    tx: &mut ReadTx<'_>,
    owner: &Arc<Account>,
) -> std::result::Result<Vec<Resource>, StorageError> {
    let own = tx.list_collections(owner.id, Home::AddressBooks)?;
    let default = own.iter().min_by_key(|book| (book.name != "personal", book.created));
    let default = default.map(|book| book.id);
    let mut found = Vec::new();
    for book in own {
        let dead = tx.load_dead_properties(book.id, None)?;
        if Some(book.id) == default || dead.iter().any(|dead| dead.name == MADE_BY_CONTACTS.0) {
            found.push(Resource::Collection(owner.clone(), Box::new(book)));
        }
    }
    Ok(found)
}

/// Of the collections in somebody's home, those that the actor may read.
fn readable(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    all: Vec<Resource>,
) -> std::result::Result<Vec<Resource>, StorageError> {
    let mut kept = Vec::new();
    for resource in all {
        let Some(collection) = resource.collection() else { continue };
        // Those of somebody in maintenance are listed, too.
        let rights = tx.granted_rights(actor.id(), collection)?;
        if rights.contains(CollectionRights::READ) {
            kept.push(resource);
        }
    }
    Ok(kept)
}

/// R-SHARE-3: what others share stands in one's own home.
fn guests(
    tx: &mut ReadTx<'_>,
    actor: &Actor,
    home: Home,
) -> std::result::Result<Vec<Resource>, StorageError> {
    let mut found = Vec::new();
    for collection in tx.list_guest_collections(actor.id(), home)? {
        let owner = Arc::new(tx.load_account(collection.account)?);
        found.push(Resource::Collection(owner, Box::new(actor.seen_by(collection))));
    }
    Ok(found)
}

/// The names by which the owner of `tx` has what stands at a place in a home; `None` where it is
/// not theirs.
pub(crate) fn names_at(
    tx: &mut storage::AccountTx<'_, '_>,
    home: Home,
    names: &[String],
) -> std::result::Result<Option<Vec<String>>, StorageError> {
    let (account, actor) = (tx.id(), tx.actor());
    let Some((first, rest)) = names.split_first() else { return Ok(None) };
    let found = tx.find_guest_collection(actor, home, first)?;
    let Some(found) = found.filter(|found| found.account == account) else { return Ok(None) };
    Ok(Some(std::iter::once(found.name).chain(rest.iter().cloned()).collect()))
}
