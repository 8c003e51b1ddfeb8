//! The properties of calendar objects, address objects and files: RFC 4918 §15, and the
//! Schedule-Tag of RFC 6638 §3.2.10.

use storage::{Account, Collection, CollectionKind, Object, ShareNotice};

use super::{Described, Found, http_date, quoted_etag, rfc3339, write_quota};
use crate::xml::{CALDAV, CALENDAR_SERVER, CARDDAV, DAV, Name, Writer};

impl Described<'_> {
    pub(super) fn write_object(
        &self,
        writer: &mut Writer,
        name: &Name,
        account: &Account,
        collection: &Collection,
        object: &Object,
    ) -> Found {
        let is_card = collection.kind == CollectionKind::AddressBook;
        match (name.namespace(), name.local()) {
            (DAV, "getetag") => writer.text_element(name, &quoted_etag(object)),
            (DAV, "getcontenttype") => writer.text_element(name, &object.media_type),
            (DAV, "getcontentlength") => {
                let length = self.length.unwrap_or(object.size_bytes);
                writer.text_element(name, &length.to_string());
            }
            (DAV, "getlastmodified") => writer.text_element(name, &http_date(object.modified)),
            (DAV, "creationdate") => writer.text_element(name, &rfc3339(object.created)),
            (CALDAV, "schedule-tag") => match object.schedule_tag() {
                Some(tag) => writer.text_element(name, &format!("\"{tag}\"")),
                None => return false,
            },
            (CALENDAR_SERVER, "notificationtype")
                if collection.kind == CollectionKind::Notifications =>
            {
                return write_notification_type(writer, name, object);
            }
            (DAV, _) => return write_quota(writer, name, account, self.actor),
            (CALDAV, "calendar-data") if is_card => return false,
            (CARDDAV, "address-data") if !is_card => return false,
            (CALDAV, "calendar-data") | (CARDDAV, "address-data") => match self.data {
                Some(data) => writer.text_element(name, data),
                None => return false,
            },
            _ => return false,
        }
        true
    }
}

/// calendarserver-notifications draft §4.2: what it is, without its particulars.
fn write_notification_type(writer: &mut Writer, name: &Name, object: &Object) -> Found {
    let Some((is_reply, is_book)) = ShareNotice::kind_of(&object.name) else { return false };
    writer.element(name, |writer| {
        let kind = if is_reply { "invite-reply" } else { "invite-notification" };
        let of = [("shared-type", if is_book { "addressbook" } else { "calendar" })];
        writer.element_with(&Name::calendar_server(kind), &of, |_| {});
    });
    true
}
