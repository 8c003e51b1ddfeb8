//! The properties that say what a resource can do: DAV:supported-report-set,
//! DAV:supported-method-set and DAV:supportedlock.

use storage::{Account, Collection, CollectionKind, Lock};

use crate::path;
use crate::resource::{Actor, Resource};
use crate::xml::{Name, PUSH, Writer};

/// Live properties that DAV:allprop tells (RFC 4918 §9.1, §14.2): those of RFC 4918 itself.
pub(super) const USUAL: &[Name] = &[
    Name::dav("resourcetype"),
    Name::dav("displayname"),
    Name::dav("creationdate"),
    Name::dav("getcontentlength"),
    Name::dav("getcontenttype"),
    Name::dav("getetag"),
    Name::dav("getlastmodified"),
    Name::dav("lockdiscovery"),
    Name::dav("supportedlock"),
];

/// Live properties that are left out of DAV:allprop (RFC 3744 §5, RFC 4791 §5.2, RFC 6352 §6.2,
/// RFC 6578 §4).
pub(super) const SPECIAL: &[Name] = &[
    Name::dav("current-user-principal"),
    Name::dav("current-user-privilege-set"),
    Name::dav("owner"),
    Name::dav("principal-collection-set"),
    Name::dav("supported-report-set"),
    Name::dav("supported-privilege-set"),
    Name::dav("acl"),
    Name::dav("acl-restrictions"),
    Name::dav("quota-available-bytes"),
    Name::dav("quota-used-bytes"),
    Name::dav("sync-token"),
    Name::dav("add-member"),
    Name::dav("principal-URL"),
    Name::dav("group-membership"),
    Name::dav("group-member-set"),
    Name::dav("alternate-URI-set"),
    Name::calendar_server("getctag"),
    Name::calendar_server("email-address-set"),
    Name::calendar_server("notification-URL"),
    Name::calendar_server("notificationtype"),
    Name::calendar_server("invite"),
    Name::calendar_server("allowed-sharing-modes"),
    Name::calendar_server("shared-url"),
    Name::calendar_server("calendar-proxy-read-for"),
    Name::calendar_server("calendar-proxy-write-for"),
    Name::caldav("calendar-home-set"),
    Name::caldav("calendar-user-address-set"),
    Name::caldav("calendar-user-type"),
    Name::caldav("schedule-inbox-URL"),
    Name::caldav("schedule-outbox-URL"),
    Name::caldav("schedule-default-calendar-URL"),
    Name::caldav("schedule-calendar-transp"),
    Name::caldav("schedule-tag"),
    Name::caldav("calendar-description"),
    Name::caldav("calendar-timezone"),
    Name::caldav("calendar-timezone-id"),
    Name::caldav("timezone-service-set"),
    Name::caldav("supported-calendar-component-set"),
    Name::caldav("supported-calendar-data"),
    Name::caldav("supported-collation-set"),
    Name::caldav("supported-rscale-set"),
    Name::caldav("max-resource-size"),
    Name::caldav("max-instances"),
    Name::caldav("max-attachment-size"),
    Name::caldav("max-attachments-per-resource"),
    Name::caldav("managed-attachments-server-URL"),
    Name::caldav("max-attendees-per-instance"),
    Name::carddav("addressbook-home-set"),
    Name::carddav("directory-gateway"),
    Name::calendar_server("me-card"),
    Name::calendar_server("publish-url"),
    Name::calendar_server("source"),
    Name::carddav("addressbook-description"),
    Name::carddav("supported-address-data"),
    Name::carddav("supported-collation-set"),
    Name::carddav("max-resource-size"),
    Name::apple("calendar-color"),
    Name::apple("calendar-order"),
    Name::known(PUSH, "transports"),
    Name::known(PUSH, "topic"),
    Name::known(PUSH, "supported-triggers"),
];

/// The reports that a resource takes (RFC 3253 §3.1.5).
fn reports_of(resource: &Resource, actor: &Actor) -> Vec<Name> {
    let mut reports = vec![
        Name::dav("expand-property"),
        Name::dav("principal-match"),
        Name::dav("principal-property-search"),
        Name::dav("principal-search-property-set"),
        Name::dav("acl-principal-prop-set"),
    ];
    match resource {
        Resource::Collection(_, collection) => {
            reports.push(Name::dav("sync-collection"));
            match collection.kind {
                CollectionKind::Calendar => reports.extend([
                    Name::caldav("calendar-query"),
                    Name::caldav("calendar-multiget"),
                    Name::caldav("free-busy-query"),
                ]),
                CollectionKind::Inbox => reports
                    .extend([Name::caldav("calendar-query"), Name::caldav("calendar-multiget")]),
                CollectionKind::AddressBook => reports.extend([
                    Name::carddav("addressbook-query"),
                    Name::carddav("addressbook-multiget"),
                ]),
                CollectionKind::Folder | CollectionKind::Notifications => {}
            }
        }
        Resource::Home(home, _) => {
            // People elsewhere have one calendar there, which neither comes nor goes.
            if !actor.is_outside() {
                reports.push(Name::dav("sync-collection"));
            }
            if *home == storage::Home::Calendars {
                reports.push(Name::caldav("calendar-multiget"));
            }
        }
        _ => {}
    }
    reports
}

pub(super) fn write_reports(writer: &mut Writer, name: &Name, resource: &Resource, actor: &Actor) {
    writer.element(name, |writer| {
        for report in reports_of(resource, actor) {
            writer.element(&Name::dav("supported-report"), |writer| {
                writer.element(&Name::dav("report"), |writer| writer.empty(&report));
            });
        }
    });
}

/// RFC 3253 §3.1.3.
pub(super) fn write_methods(writer: &mut Writer, name: &Name, resource: &Resource) {
    writer.element(name, |writer| {
        for method in crate::methods::options::allowed(resource).split(", ") {
            let attributes = [("name", method)];
            writer.element_with(&Name::dav("supported-method"), &attributes, |_| {});
        }
    });
}

/// RFC 4918 §15.10.
pub(super) fn write_supported_lock(writer: &mut Writer, name: &Name, resource: &Resource) {
    writer.element(name, |writer| {
        if !matches!(resource, Resource::Collection(..) | Resource::Object(..)) {
            return;
        }
        for scope in ["exclusive", "shared"] {
            writer.element(&Name::dav("lockentry"), |writer| {
                writer.element(&Name::dav("lockscope"), |writer| writer.empty(&Name::dav(scope)));
                writer.element(&Name::dav("locktype"), |writer| writer.empty(&Name::dav("write")));
            });
        }
    });
}

/// DAV:activelock (RFC 4918 §14.1) of something in a collection of `owner`'s.
pub(crate) fn write_lock(
    writer: &mut Writer,
    lock: &Lock,
    owner: Option<&Account>,
    collection: Option<&Collection>,
) {
    writer.element(&Name::dav("activelock"), |writer| {
        let scope = if lock.exclusive { "exclusive" } else { "shared" };
        writer.element(&Name::dav("lockscope"), |writer| writer.empty(&Name::dav(scope)));
        writer.element(&Name::dav("locktype"), |writer| writer.empty(&Name::dav("write")));
        let depth = if lock.deep { "infinity" } else { "0" };
        writer.text_element(&Name::dav("depth"), depth);
        writer.raw(&lock.owner);
        let timeout = format!("Second-{}", lock.timeout_secs);
        writer.text_element(&Name::dav("timeout"), &timeout);
        writer.element(&Name::dav("locktoken"), |writer| writer.href(&lock.token));
        if let Some(owner) = owner {
            let root = lock_root(lock, owner, collection);
            writer.element(&Name::dav("lockroot"), |writer| writer.href(&root));
        }
    });
}

/// DAV:lockroot (RFC 4918 §14.12): the URL by which whoever asks reaches what was locked. A
/// collection of somebody else has its own in the home of whom it is shared with.
pub(crate) fn lock_root(lock: &Lock, owner: &Account, collection: Option<&Collection>) -> String {
    let as_guest = collection.and_then(|collection| {
        let guest = collection.guest.as_ref()?;
        let below = lock.path.strip_prefix(&collection.name)?;
        let name = format!("{}{below}", collection.shared_name());
        Some(path::collection_href(lock.home, &guest.address, &name))
    });
    let own = || path::collection_href(lock.home, &owner.address, &lock.path);
    let root = as_guest.unwrap_or_else(own);
    root.strip_suffix('/').unwrap_or(&root).to_owned()
}
