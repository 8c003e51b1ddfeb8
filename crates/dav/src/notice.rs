//! Notifications of sharing, as Apple's programs read them (calendarserver-notifications and
//! caldav-sharing drafts).

use storage::{CollectionKind, CollectionRights, ShareNews, ShareNotice, ShareNotices, ShareState};

use crate::path;
use crate::xml::{Name, Writer};

/// Writes notices for [`storage::Settings::share_notices`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Notifications;

impl ShareNotices for Notifications {
    fn render(&self, notice: &ShareNotice) -> Vec<u8> {
        Writer::document(&Name::calendar_server("notification"), |writer| {
            let at = jiff::Timestamp::from_second(notice.at.as_secs()).unwrap_or_default();
            let stamp = at.strftime("%Y%m%dT%H%M%SZ").to_string();
            writer.text_element(&Name::calendar_server("dtstamp"), &stamp);
            let (name, news) = match notice.news {
                ShareNews::Invitation(state) => ("invite-notification", state_name(state)),
                ShareNews::Withdrawn => ("invite-notification", "invite-deleted"),
                ShareNews::Reply(state) => ("invite-reply", state_name(state)),
            };
            let name = Name::calendar_server(name);
            let of = [("shared-type", shared_type(notice.collection.kind))];
            writer.element_with(&name, &of, |writer| {
                write_who(writer, notice);
                writer.empty(&Name::calendar_server(news));
                writer.element(&Name::calendar_server("hosturl"), |writer| {
                    let home = notice.collection.kind.home();
                    let (owner, _) = &notice.owner;
                    writer.href(&path::collection_href(home, owner, &notice.collection.name));
                });
                match notice.news {
                    ShareNews::Reply(_) => write_reply(writer, notice),
                    ShareNews::Invitation(_) | ShareNews::Withdrawn => {
                        write_invitation(writer, notice);
                    }
                }
            });
        })
    }
}

/// What a collection is to those it is shared with.
pub(crate) fn shared_type(kind: CollectionKind) -> &'static str {
    match kind {
        CollectionKind::AddressBook => "addressbook",
        _ => "calendar",
    }
}

/// The element that says what somebody has answered.
pub(crate) fn state_name(state: ShareState) -> &'static str {
    match state {
        ShareState::Invited => "invite-noresponse",
        ShareState::Given | ShareState::Accepted => "invite-accepted",
        ShareState::Declined => "invite-declined",
    }
}

/// CS:access. QUIRK(macOS): fails where somebody has none.
pub(crate) fn write_access(writer: &mut Writer, rights: CollectionRights) {
    writer.element(&Name::calendar_server("access"), |writer| {
        let may_write = rights.contains(CollectionRights::WRITE);
        writer.empty(&Name::calendar_server(if may_write { "read-write" } else { "read" }));
    });
}

/// CS:organizer: whose it is.
pub(crate) fn write_organizer(writer: &mut Writer, address: &str, name: &str) {
    writer.element(&Name::calendar_server("organizer"), |writer| {
        writer.href(&format!("mailto:{address}"));
        writer.text_element(&Name::calendar_server("common-name"), name);
    });
}

fn write_who(writer: &mut Writer, notice: &ShareNotice) {
    let (address, name) = &notice.sharee;
    let uid = match notice.news {
        ShareNews::Invitation(_) | ShareNews::Withdrawn => "uid",
        ShareNews::Reply(_) => "in-reply-to",
    };
    writer.text_element(&Name::calendar_server(uid), &notice.invitation);
    writer.href(&format!("mailto:{address}"));
    writer.text_element(&Name::calendar_server("common-name"), name);
}

fn write_invitation(writer: &mut Writer, notice: &ShareNotice) {
    write_access(writer, notice.rights);
    let (address, name) = &notice.owner;
    write_organizer(writer, address, name);
    let own = notice.collection.display_name.as_deref();
    let summary = notice.summary.as_deref().or(own).unwrap_or(&notice.collection.name);
    writer.text_element(&Name::calendar_server("summary"), summary);
    if notice.collection.kind == CollectionKind::Calendar {
        super::properties::write_components(writer, notice.collection.components);
    }
}

fn write_reply(writer: &mut Writer, notice: &ShareNotice) {
    if let Some(summary) = notice.summary.as_deref().or(notice.collection.display_name.as_deref()) {
        writer.text_element(&Name::calendar_server("summary"), summary);
    }
}
