//! Who may do what, as RFC 3744 says it.

use storage::{CollectionKind, CollectionRights, SharedWith};

use super::{Described, Found};
use crate::path;
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
const ADMINISTER: &[Name] = &[Name::dav("read-acl"), Name::dav("write-acl")];

/// What these rights are as privileges.
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
    if rights.contains(CollectionRights::SHARE) {
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
    /// What the one who asks may do here.
    fn privileges(&self) -> Vec<Name> {
        match self.resource {
            Resource::Root | Resource::Principals | Resource::Homes(_) => READ.to_vec(),
            Resource::Principal(account) | Resource::Proxy(account, _) => {
                let mut privileges = READ.to_vec();
                if account.id == self.actor.id() {
                    privileges.extend_from_slice(WRITE_PROPERTIES);
                }
                privileges
            }
            Resource::Home(..) => {
                let mut privileges = READ.to_vec();
                privileges.extend_from_slice(WRITE_CONTENT);
                privileges.push(Name::dav("write"));
                privileges
            }
            Resource::Outbox(_) => {
                let mut privileges = READ.to_vec();
                privileges.extend(
                    [
                        "schedule-send",
                        "schedule-send-freebusy",
                        "schedule-send-invite",
                        "schedule-send-reply",
                    ]
                    .map(Name::caldav),
                );
                privileges
            }
            Resource::Collection(_, collection) if collection.kind == CollectionKind::Inbox => {
                let mut privileges = privileges_of(self.rights);
                privileges.extend(
                    [
                        "schedule-deliver",
                        "schedule-deliver-invite",
                        "schedule-deliver-reply",
                        "schedule-query-freebusy",
                    ]
                    .map(Name::caldav),
                );
                privileges
            }
            Resource::Collection(..) | Resource::Object(..) => {
                let mut privileges = privileges_of(self.rights);
                // How it looks to oneself.
                if self.is_guest() && !self.rights.contains(CollectionRights::PROPERTIES) {
                    privileges.extend_from_slice(WRITE_PROPERTIES);
                }
                privileges
            }
        }
    }

    pub(super) fn write_acl(&self, writer: &mut Writer, name: &Name) -> Found {
        match name.local() {
            // RFC 3744 §5.4
            "current-user-privilege-set" => {
                let privileges = self.privileges();
                writer.element(name, |writer| write_privileges(writer, &privileges));
            }
            // RFC 3744 §5.3
            "supported-privilege-set" => writer.element(name, write_supported),
            // RFC 3744 §5.6
            "acl-restrictions" => writer.element(name, |writer| {
                writer.empty(&Name::dav("grant-only"));
                writer.empty(&Name::dav("no-invert"));
            }),
            "inherited-acl-set" => writer.empty(name),
            // RFC 3744 §5.5: for those who may read it.
            "acl" if self.rights.contains(CollectionRights::SHARE) => {
                writer.element(name, |writer| self.write_entries(writer));
            }
            _ => return false,
        }
        true
    }

    fn write_entries(&self, writer: &mut Writer) {
        let Some(owner) = self.resource.owner() else { return };
        let owner = path::principal_href(&owner.address);
        write_entry(writer, Some(&owner), &[Name::dav("all")], true);
        for share in self.shares {
            let privileges = privileges_of(share.rights);
            match &share.grantee {
                SharedWith::Account(address) => {
                    let href = path::principal_href(address);
                    write_entry(writer, Some(&href), &privileges, false);
                }
                SharedWith::Organisation => write_entry(writer, None, &privileges, false),
                // Teams are no principals of this protocol.
                SharedWith::Team(_) => {}
            }
        }
    }
}

/// DAV:ace (RFC 3744 §5.5); without a principal it is for everybody who is signed in.
fn write_entry(writer: &mut Writer, href: Option<&str>, privileges: &[Name], protected: bool) {
    writer.element(&Name::dav("ace"), |writer| {
        writer.element(&Name::dav("principal"), |writer| match href {
            Some(href) => writer.href(href),
            None => writer.empty(&Name::dav("authenticated")),
        });
        writer.element(&Name::dav("grant"), |writer| write_privileges(writer, privileges));
        if protected {
            writer.empty(&Name::dav("protected"));
        }
    });
}

fn write_supported(writer: &mut Writer) {
    let all: [(Name, &str, &[Name]); 3] = [
        (Name::dav("read"), "Read", READ),
        (Name::dav("write"), "Write", WRITE_CONTENT),
        (Name::dav("write-properties"), "Change properties", &[]),
    ];
    supported(writer, &Name::dav("all"), "Everything", |writer| {
        for (privilege, description, within) in &all {
            supported(writer, privilege, description, |writer| {
                for inner in within.iter().filter(|inner| *inner != privilege) {
                    supported(writer, inner, inner.local(), |_| {});
                }
            });
        }
        for inner in ADMINISTER {
            supported(writer, inner, inner.local(), |_| {});
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
        writer.text_element(&Name::dav("description"), description);
        within(writer);
    });
}
