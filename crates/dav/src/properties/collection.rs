//! The properties of calendars, address books, the schedule inbox and folders: those of RFC 4918,
//! RFC 4791 §5.2, RFC 6352 §6.2, RFC 6638 and Apple's.

use storage::{Account, Collection, CollectionKind, CollectionRights, Components};

use super::{Described, Found, edition, http_date, rfc3339, sync_token, write_quota};
use crate::methods::push::is_told_of;
use crate::push;
use crate::resource::href_of;
use crate::xml::{APPLE, CALDAV, CALENDAR_SERVER, CARDDAV, DAV, Name, PUSH, Writer};

/// The collations of filters (RFC 4791 §7.5.1, RFC 6352 §8.3.1).
const COLLATIONS: [&str; 3] = ["i;ascii-casemap", "i;octet", "i;unicode-casemap"];

pub(super) fn write_type(writer: &mut Writer, collection: &Collection) {
    if collection.source.is_some() {
        // calendarserver-subscribed: its programs read it where it comes from.
        return writer.empty(&Name::calendar_server("subscribed"));
    }
    match collection.kind {
        CollectionKind::Calendar => writer.empty(&Name::caldav("calendar")),
        CollectionKind::AddressBook => writer.empty(&Name::carddav("addressbook")),
        CollectionKind::Inbox => writer.empty(&Name::caldav("schedule-inbox")),
        CollectionKind::Notifications => writer.empty(&Name::calendar_server("notification")),
        CollectionKind::Folder => {}
    }
}

/// TZID of a CALDAV:calendar-timezone.
fn zone_id(text: &str) -> Option<String> {
    let calendar = ical::Component::parse(text.as_bytes(), &ical::Limits::default()).ok()?;
    let zone = calendar.components_named("VTIMEZONE").next()?;
    Some(zone.line("TZID")?.text().trim().to_owned())
}

fn write_text(writer: &mut Writer, name: &Name, text: Option<&str>) -> Found {
    match text {
        Some(text) => {
            writer.text_element(name, text);
            true
        }
        None => false,
    }
}

impl Described<'_> {
    pub(super) fn write_collection(
        &self,
        writer: &mut Writer,
        name: &Name,
        account: &Account,
        collection: &Collection,
    ) -> Found {
        match name.namespace() {
            DAV => self.write_collection_dav(writer, name, account, collection),
            CALDAV => self.write_calendar(writer, name, collection),
            CARDDAV if collection.kind == CollectionKind::AddressBook => {
                self.write_address_book(writer, name, collection)
            }
            APPLE => match name.local() {
                "calendar-color" => write_text(writer, name, collection.color.as_deref()),
                "calendar-order" => {
                    let order = collection.sort_order.map(|order| order.to_string());
                    write_text(writer, name, order.as_deref())
                }
                _ => false,
            },
            CALENDAR_SERVER if name.local() == "publish-url" => match self.public_url {
                Some(url) if self.rights.contains(CollectionRights::SHARE) => {
                    writer.element(name, |writer| writer.href(url));
                    true
                }
                _ => false,
            },
            CALENDAR_SERVER if name.local() == "source" => match &collection.source {
                Some(source) => {
                    writer.element(name, |writer| writer.href(source));
                    true
                }
                None => false,
            },
            CALENDAR_SERVER if name.local() == "getctag" => {
                let tag = sync_token(collection.id, collection.highest_modseq, edition(collection));
                write_text(writer, name, tag.strip_prefix("data:,"))
            }
            CALENDAR_SERVER => self.write_sharing(writer, name, account, collection),
            PUSH => match &self.settings.pushes {
                Some(pushes) if is_told_of(collection, self.rights) => {
                    push::write_property(writer, name, &pushes.key, collection.id)
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn write_collection_dav(
        &self,
        writer: &mut Writer,
        name: &Name,
        account: &Account,
        collection: &Collection,
    ) -> Found {
        match name.local() {
            "displayname" => {
                return write_text(writer, name, collection.display_name.as_deref());
            }
            // RFC 6578 §4
            "sync-token" => {
                let token =
                    sync_token(collection.id, collection.highest_modseq, edition(collection));
                writer.text_element(name, &token);
            }
            "creationdate" => writer.text_element(name, &rfc3339(collection.created)),
            "getlastmodified" => writer.text_element(name, &http_date(collection.created)),
            // RFC 5995 §3.2.1; into the inbox and the notifications, nobody else puts anything.
            // QUIRK(Contacts): breaks where an address book has it.
            "add-member"
                if collection.kind != CollectionKind::AddressBook
                    && !collection.kind.is_private() =>
            {
                let href = format!("{}?add-member", href_of(account, collection));
                writer.element(name, |writer| writer.href(&href));
            }
            _ => return write_quota(writer, name, account, self.actor),
        }
        true
    }

    fn write_calendar(&self, writer: &mut Writer, name: &Name, collection: &Collection) -> Found {
        let is_inbox = collection.kind == CollectionKind::Inbox;
        if collection.kind != CollectionKind::Calendar && !is_inbox {
            return false;
        }
        let objects = &self.settings.objects;
        match name.local() {
            "calendar-description" => {
                return write_text(writer, name, collection.description.as_deref());
            }
            "calendar-timezone" => {
                return write_text(writer, name, collection.timezone.as_deref());
            }
            // RFC 7809 §5.2: as the other one has it.
            "calendar-timezone-id" => {
                let id = collection.timezone.as_deref().and_then(zone_id);
                return write_text(writer, name, id.as_deref());
            }
            "supported-calendar-component-set" => write_components(writer, collection.components),
            "supported-calendar-data" => writer.element(name, |writer| {
                let attributes = [("content-type", "text/calendar"), ("version", "2.0")];
                writer.element_with(&Name::caldav("calendar-data"), &attributes, |_| {});
            }),
            // RFC 7529 §10.1
            "supported-rscale-set" if !is_inbox => writer.element(name, |writer| {
                for scale in ical::Scale::names() {
                    writer.text_element(&Name::caldav("supported-rscale"), scale);
                }
            }),
            "max-resource-size" => writer.text_element(name, &objects.bytes_max.to_string()),
            "max-instances" => writer.text_element(name, &objects.instances_max.to_string()),
            "max-attachment-size" => {
                // RFC 8607 §6.2; where there are none, of those that stand in the object itself.
                let bytes_max = match self.settings.attachments.bytes_max {
                    0 => objects.attachment_bytes_max,
                    bytes_max => bytes_max,
                };
                writer.text_element(name, &bytes_max.to_string());
            }
            // RFC 8607 §6.3
            "max-attachments-per-resource" if self.settings.attachments.bytes_max > 0 => {
                let max = self.settings.attachments.per_object_max;
                writer.text_element(name, &max.to_string());
            }
            "max-attendees-per-instance" => {
                writer.text_element(name, &self.settings.attendees_max.to_string());
            }
            "supported-collation-set" => write_collations(writer, name),
            "schedule-calendar-transp" if !is_inbox => writer.element(name, |writer| {
                let word = if collection.transparent { "transparent" } else { "opaque" };
                writer.empty(&Name::caldav(word));
            }),
            "schedule-default-calendar-URL" if is_inbox => {
                return self.write_default_calendar(writer, name);
            }
            // RFC 6638 §9.1 has put `schedule-calendar-transp` in its place; older programs ask.
            "calendar-free-busy-set" if is_inbox => writer.element(name, |writer| {
                if let Some(href) = self.default_calendar {
                    writer.href(href);
                }
            }),
            _ => return false,
        }
        true
    }

    fn write_address_book(
        &self,
        writer: &mut Writer,
        name: &Name,
        collection: &Collection,
    ) -> Found {
        match name.local() {
            "addressbook-description" => {
                return write_text(writer, name, collection.description.as_deref());
            }
            "supported-address-data" => writer.element(name, |writer| {
                for version in ["3.0", "4.0"] {
                    let attributes = [("content-type", "text/vcard"), ("version", version)];
                    writer.element_with(&Name::carddav("address-data-type"), &attributes, |_| {});
                }
            }),
            "max-resource-size" => {
                writer.text_element(name, &self.settings.objects.bytes_max.to_string());
            }
            "supported-collation-set" => write_collations(writer, name),
            _ => return false,
        }
        true
    }
}

/// CALDAV:supported-calendar-component-set.
pub(crate) fn write_components(writer: &mut Writer, components: Components) {
    writer.element(&Name::caldav("supported-calendar-component-set"), |writer| {
        for component in components.names() {
            writer.element_with(&Name::caldav("comp"), &[("name", component)], |_| {});
        }
    });
}

fn write_collations(writer: &mut Writer, name: &Name) {
    let element = match name.namespace() {
        CALDAV => Name::caldav("supported-collation"),
        _ => Name::carddav("supported-collation"),
    };
    writer.element(name, |writer| {
        COLLATIONS.iter().for_each(|collation| writer.text_element(&element, collation));
    });
}
