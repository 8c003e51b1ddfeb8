//! The properties of access control (RFC 3744 §5): privileges, the actor's own privileges, and the
//! access control list.

use storage::{CollectionKind, CollectionRights, CollectionShare, Home, SharedWith};

use super::{Described, Found};
use crate::path::{self, Proxy};
use crate::resource::Resource;
use crate::xml::{Name, Writer};

/// Privileges with those that they hold (RFC 3744 §3.12, §5.3; RFC 4791 §6.1.1; RFC 6638 §6).
const READ: &[Name] = &[
    Name::dav("read"),
    Name::dav("read-current-user-privilege-set"),
    Name::caldav("read-free-busy"),
];
const WRITE_CONTENT: &[Name] =
    &[Name::dav("write-content"), Name::dav("bind"), Name::dav("unbind"), Name::dav("unlock")];
const WRITE_PROPERTIES: &[Name] = &[Name::dav("write-properties")];
const ADMINISTER: &[Name] = &[READ_ACL, Name::dav("write-acl")];
/// The owner's privilege on collections that the server keeps, whose list nobody changes: the owner
/// reads the list.
const READ_ACL: Name = Name::dav("read-acl");

/// The scheduling privileges, which an outbox and an inbox alone have (RFC 6638 §6.1, §6.2).
const SEND: &[Name] = &[
    Name::caldav("schedule-send"),
    Name::caldav("schedule-send-invite"),
    Name::caldav("schedule-send-reply"),
    Name::caldav("schedule-send-freebusy"),
];
const DELIVER: &[Name] = &[
    Name::caldav("schedule-deliver"),
    Name::caldav("schedule-deliver-invite"),
    Name::caldav("schedule-deliver-reply"),
    Name::caldav("schedule-query-freebusy"),
];

/// The DAV privileges that these rights amount to.
fn privileges_of(rights: CollectionRights) -> Vec<Name> {
    let mut privileges = Vec::new();
    if rights.contains(CollectionRights::ALL) {
        privileges.push(Name::dav("all"));
    }
    if rights.contains(CollectionRights::READ) {
        privileges.extend_from_slice(READ);
    } else if rights.contains(CollectionRights::FREE_BUSY) {
        privileges.push(Name::caldav("read-free-busy"));
    }
    if rights.contains(CollectionRights::EDIT) {
        privileges.push(Name::dav("write"));
    }
    if rights.contains(CollectionRights::WRITE) {
        privileges.extend_from_slice(WRITE_CONTENT);
    }
    if rights.contains(CollectionRights::PROPERTIES) {
        privileges.extend_from_slice(WRITE_PROPERTIES);
    }
    if rights.contains(CollectionRights::SHARE) {
        privileges.extend_from_slice(ADMINISTER);
    }
    privileges
}

/// DAV:privilege for each.
fn write_privileges(writer: &mut Writer, privileges: &[Name]) {
    for privilege in privileges {
        writer.element(&Name::dav("privilege"), |writer| writer.empty(privilege));
    }
}

impl Described<'_> {
    /// For want of which privilege a property is not told (RFC 3744 §3.6, §3.7).
    pub(crate) fn withheld(&self, name: &Name) -> Option<Name> {
        let wanted = match name.local() {
            "acl" => Name::dav("read-acl"),
            "current-user-privilege-set" => Name::dav("read-current-user-privilege-set"),
            _ => return None,
        };
        let is_withheld =
            name.namespace() == crate::xml::DAV && !self.privileges().contains(&wanted);
        is_withheld.then_some(wanted)
    }

    /// The privileges of the one who asks, on this resource (RFC 3744 §5.4).
    pub(crate) fn privileges(&self) -> Vec<Name> {
        match self.resource {
            Resource::Root | Resource::Principals | Resource::Homes(_) | Resource::Group(_) => {
                READ.to_vec()
            }
            Resource::Home(_, account) if account.id != self.actor.id() => READ.to_vec(),
            Resource::Home(..) | Resource::Principal(_) if self.actor.is_outside() => READ.to_vec(),
            Resource::Principal(account) | Resource::Proxy(account, _) => {
                let mut privileges = READ.to_vec();
                if account.id == self.actor.id() {
                    privileges.extend_from_slice(WRITE_PROPERTIES);
                    privileges.push(READ_ACL);
                }
                privileges
            }
            Resource::Home(..) => {
                let mut privileges = READ.to_vec();
                privileges.extend_from_slice(WRITE_CONTENT);
                privileges.extend([Name::dav("write"), READ_ACL]);
                privileges
            }
            Resource::Outbox(account) => {
                let mut privileges = READ.to_vec();
                privileges.extend_from_slice(SEND);
                if account.id == self.actor.id() {
                    privileges.push(READ_ACL);
                }
                privileges
            }
            Resource::Collection(_, collection) if collection.kind == CollectionKind::Inbox => {
                let mut privileges = privileges_of(self.rights);
                privileges.extend_from_slice(DELIVER);
                privileges
            }
            Resource::Collection(..) | Resource::Object(..) => {
                let mut privileges = privileges_of(self.rights);
                // How it looks to oneself.
                let looks_as_one_likes = self.is_guest() && !self.actor.is_outside();
                if looks_as_one_likes && !self.rights.contains(CollectionRights::PROPERTIES) {
                    privileges.extend_from_slice(WRITE_PROPERTIES);
                }
                privileges
            }
        }
    }

    fn scheduling_privileges(&self) -> &'static [Name] {
        match self.resource {
            Resource::Outbox(_) => SEND,
            Resource::Collection(_, collection) if collection.kind == CollectionKind::Inbox => {
                DELIVER
            }
            _ => &[],
        }
    }

    pub(super) fn write_acl(&self, writer: &mut Writer, name: &Name) -> Found {
        if self.withheld(name).is_some() {
            return false;
        }
        match name.local() {
            // RFC 3744 §5.4
            "current-user-privilege-set" => {
                let privileges = self.privileges();
                writer.element(name, |writer| write_privileges(writer, &privileges));
            }
            // RFC 3744 §5.3
            "supported-privilege-set" => {
                let more = self.scheduling_privileges();
                writer.element(name, |writer| write_supported(writer, more));
            }
            // RFC 3744 §5.6
            "acl-restrictions" => writer.element(name, |writer| {
                writer.empty(&Name::dav("grant-only"));
                writer.empty(&Name::dav("no-invert"));
            }),
            // RFC 3744 §5.7: what is in a collection has its list.
            "inherited-acl-set" => writer.element(name, |writer| {
                if let Resource::Object(_, _, collection, _) = self.resource {
                    writer.href(collection);
                }
            }),
            // RFC 3744 §5.5
            "acl" => writer.element(name, |writer| self.write_entries(writer)),
            _ => return false,
        }
        true
    }

    fn write_entries(&self, writer: &mut Writer) {
        let Some(owner) = self.resource.owner() else { return };
        let from = match self.resource {
            Resource::Object(_, _, collection, _) => Some(&**collection),
            _ => None,
        };
        let owner = path::principal_href(&owner.address);
        let own = match self.resource {
            Resource::Collection(..) | Resource::Object(..) => vec![Name::dav("all")],
            // The owner alone reads this.
            _ => self.privileges(),
        };
        write_entry(writer, &owner, &own, Kept::Protected, from);
        let mut of_readers = READ.to_vec();
        if matches!(self.resource, Resource::Outbox(_)) {
            of_readers.extend_from_slice(SEND);
        }
        for href in readers_of(self.resource) {
            write_entry(writer, &href, &of_readers, Kept::Protected, from);
        }
        // People elsewhere are no principals.
        let is_shown = |share: &&CollectionShare| {
            share.state.has_rights() && !matches!(share.grantee, SharedWith::Outside(_))
        };
        for share in self.shares.iter().filter(is_shown) {
            let (href, privileges) =
                (path::sharee_href(&share.grantee), privileges_of(share.rights));
            write_entry(writer, &href, &privileges, Kept::Changeable, from);
        }
    }
}

/// The principals who, besides the owner, may read what the server keeps for somebody, by their
/// paths.
pub(crate) fn readers_of(resource: &Resource) -> Vec<String> {
    let proxies = |account: &storage::Account, all: &[Proxy]| {
        all.iter().map(|proxy| path::proxy_href(&account.address, *proxy)).collect()
    };
    match resource {
        Resource::Principal(_) | Resource::Proxy(..) => {
            vec![path::group_href(&SharedWith::Organisation)]
        }
        // Who acts for somebody in their calendars finds these where the owner has them.
        Resource::Home(Home::Calendars, account) => proxies(account, &[Proxy::Read, Proxy::Write]),
        Resource::Outbox(account) => proxies(account, &[Proxy::Write]),
        _ => Vec::new(),
    }
}

/// Whether an entry can be changed (RFC 3744 §5.5.3).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Protected,
    Changeable,
}

/// DAV:ace (RFC 3744 §5.5); `from` is the collection that it comes from, if it is not the
/// resource's own.
fn write_entry(
    writer: &mut Writer,
    href: &str,
    privileges: &[Name],
    kept: Kept,
    from: Option<&str>,
) {
    writer.element(&Name::dav("ace"), |writer| {
        writer.element(&Name::dav("principal"), |writer| writer.href(href));
        writer.element(&Name::dav("grant"), |writer| write_privileges(writer, privileges));
        if kept == Kept::Protected {
            writer.empty(&Name::dav("protected"));
        }
        if let Some(from) = from {
            writer.element(&Name::dav("inherited"), |writer| writer.href(from));
        }
    });
}

/// Whether ACL may name a privilege.
pub(crate) fn is_supported(privilege: &Name) -> bool {
    let sets: [&[Name]; 4] = [READ, WRITE_CONTENT, WRITE_PROPERTIES, ADMINISTER];
    [Name::dav("all"), Name::dav("write")].contains(privilege)
        || sets.iter().any(|set| set.contains(privilege))
}

/// The rights that these privileges are, if they are some that can be given.
pub(crate) fn rights_of(privileges: &[Name]) -> Option<CollectionRights> {
    let has = |local| privileges.contains(&Name::dav(local));
    // Each of these is given whole or not at all.
    let whole = |parts: &[&'static str]| match parts.iter().filter(|part| has(part)).count() {
        0 => Some(false),
        count => (count == parts.len()).then_some(true),
    };
    let content = whole(&["write-content", "bind", "unbind"]);
    let writes = if has("write") { true } else { content? };
    let describes = has("write") || has("write-properties");
    Some(match (has("read"), writes, describes, whole(&["read-acl", "write-acl"])?) {
        _ if has("all") => CollectionRights::SHARE,
        (true, true, true, true) => CollectionRights::SHARE,
        (true, true, true, false) => CollectionRights::EDIT,
        (true, true, false, false) => CollectionRights::WRITE,
        (true, false, true, false) => CollectionRights::PROPERTIES,
        (true, false, false, false) => CollectionRights::READ,
        (false, false, false, false) if privileges.contains(&Name::caldav("read-free-busy")) => {
            CollectionRights::FREE_BUSY
        }
        _ => return None,
    })
}

/// RFC 3744 §5.3: which privileges there are, and which hold which. RFC 6638 §6.3: those of
/// scheduling are under DAV:all alone, the first of `more` holding the rest.
fn write_supported(writer: &mut Writer, more: &[Name]) {
    let leaves = |writer: &mut Writer, within: &[Name], but: &Name| {
        for inner in within.iter().filter(|inner| *inner != but) {
            supported(writer, inner, inner.local(), |_| {});
        }
    };
    supported(writer, &Name::dav("all"), "Everything", |writer| {
        let read = Name::dav("read");
        supported(writer, &read, "Read", |writer| leaves(writer, READ, &read));
        let write = Name::dav("write");
        supported(writer, &write, "Write", |writer| {
            leaves(writer, WRITE_CONTENT, &write);
            leaves(writer, WRITE_PROPERTIES, &write);
        });
        leaves(writer, ADMINISTER, &write);
        if let Some(first) = more.first() {
            supported(writer, first, first.local(), |writer| leaves(writer, more, first));
        }
    });
}

fn supported(
    writer: &mut Writer,
    privilege: &Name,
    description: &str,
    within: impl FnOnce(&mut Writer),
) {
    writer.element(&Name::dav("supported-privilege"), |writer| {
        writer.element(&Name::dav("privilege"), |writer| writer.empty(privilege));
        // RFC 3744 §5.3: in which language, has to be said.
        let element = Name::dav("description");
        writer.element_with(&element, &[("xml:lang", "en")], |w| w.text(description));
        within(writer);
    });
}
