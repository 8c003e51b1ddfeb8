//! The properties of principals (RFC 3744 §4) and of their homes: addresses, groups, home sets,
//! scheduling URLs.

use storage::{Account, Home};

use super::{Described, Found, write_home_href, write_quota};
use crate::path::{self, Proxy};
use crate::resource::Group;
use crate::xml::{CALDAV, CALENDAR_SERVER, CARDDAV, DAV, Name, Writer};

fn display_name(account: &Account) -> &str {
    if account.name.is_empty() { &account.address } else { &account.name }
}

impl Described<'_> {
    /// The e-mail address of a principal.
    fn mail_of<'a>(&'a self, account: &'a Account) -> &'a str {
        if account.id == self.actor.id() { self.actor.mail_address() } else { &account.address }
    }

    pub(super) fn write_principal(
        &self,
        writer: &mut Writer,
        name: &Name,
        account: &Account,
    ) -> Found {
        match name.namespace() {
            DAV => return self.write_principal_dav(writer, name, account),
            CALDAV => return self.write_principal_caldav(writer, name, account),
            CARDDAV
                if name.local() == "addressbook-home-set"
                    && !account.mail_only
                    && !self.actor.is_outside() =>
            {
                write_home_href(writer, name, Home::AddressBooks, account);
            }
            CARDDAV => return self.write_directory(writer, name, account),
            CALENDAR_SERVER => match name.local() {
                "email-address-set" => writer.element(name, |writer| {
                    let element = Name::calendar_server("email-address");
                    writer.text_element(&element, self.mail_of(account));
                }),
                "notification-URL" => match self.notifications {
                    Some(href) => writer.element(name, |writer| writer.href(href)),
                    None => return false,
                },
                "me-card" => return self.write_me_card(writer, name, account),
                // calendarserver-proxy draft §5: whose calendars this one may see or change.
                "calendar-proxy-read-for" | "calendar-proxy-write-for" => {
                    let writes = name.local() == "calendar-proxy-write-for";
                    let wanted = if writes { storage::Proxy::Write } else { storage::Proxy::Read };
                    writer.element(name, |writer| {
                        let them = self.proxied.iter().filter(|(_, proxy)| *proxy == wanted);
                        them.for_each(|(of, _)| writer.href(&path::principal_href(of)));
                    });
                }
                _ => return false,
            },
            _ => return false,
        }
        true
    }

    fn write_principal_dav(&self, writer: &mut Writer, name: &Name, account: &Account) -> Found {
        match name.local() {
            "displayname" => writer.text_element(name, display_name(account)),
            "principal-URL" => {
                let href = path::principal_href(&account.address);
                writer.element(name, |writer| writer.href(&href));
            }
            "alternate-URI-set" => writer.element(name, |writer| {
                writer.href(&format!("mailto:{}", self.mail_of(account)));
            }),
            "group-member-set" => writer.empty(name),
            // RFC 3744 §4.4
            "group-membership" => writer.element(name, |writer| {
                self.groups.iter().for_each(|group| writer.href(group));
            }),
            _ => return write_quota(writer, name, account, self.actor),
        }
        true
    }

    fn write_principal_caldav(&self, writer: &mut Writer, name: &Name, account: &Account) -> Found {
        if account.mail_only {
            return false;
        }
        match name.local() {
            "calendar-home-set" => write_home_href(writer, name, Home::Calendars, account),
            "calendar-user-address-set" => writer.element(name, |writer| {
                // QUIRK(Thunderbird 136): takes the first; older ones the last. Both are the same.
                let mail = format!("mailto:{}", self.mail_of(account));
                let preferred = [("preferred", "1")];
                writer.element_with(&Name::dav("href"), &preferred, |writer| writer.text(&mail));
                let others = self.addresses.iter().filter(|other| **other != mail);
                others.for_each(|other| writer.href(other));
                writer.element_with(&Name::dav("href"), &preferred, |writer| writer.text(&mail));
            }),
            // RFC 6638 §2.4.2
            "calendar-user-type" => {
                writer.text_element(name, if self.is_room { "ROOM" } else { "INDIVIDUAL" });
            }
            "schedule-inbox-URL" | "schedule-outbox-URL" if !self.actor.is_outside() => {
                let collection =
                    if name.local() == "schedule-inbox-URL" { "inbox" } else { "outbox" };
                let href = path::collection_href(Home::Calendars, &account.address, collection);
                writer.element(name, |writer| writer.href(&href));
            }
            "schedule-default-calendar-URL" => return self.write_default_calendar(writer, name),
            _ => return false,
        }
        true
    }

    /// Where Apple's programs look people up while an address is typed (CARDDAV:directory-gateway
    /// of Calendar Server): they ask it with addressbook-query alone, and never list it.
    fn write_directory(&self, writer: &mut Writer, name: &Name, account: &Account) -> Found {
        match self.directory {
            Some(href) if name.local() == "directory-gateway" && account.id == self.actor.id() => {
                writer.element(name, |writer| writer.href(href));
                true
            }
            _ => false,
        }
    }

    fn write_me_card(&self, writer: &mut Writer, name: &Name, account: &Account) -> Found {
        match self.me_card {
            Some(href) if account.id == self.actor.id() => {
                writer.element(name, |writer| writer.href(href));
                true
            }
            _ => false,
        }
    }

    pub(super) fn write_default_calendar(&self, writer: &mut Writer, name: &Name) -> Found {
        let Some(href) = self.default_calendar else { return false };
        writer.element(name, |writer| writer.href(href));
        true
    }

    pub(super) fn write_proxy(
        &self,
        writer: &mut Writer,
        name: &Name,
        account: &Account,
        proxy: Proxy,
    ) -> Found {
        match (name.namespace(), name.local()) {
            (DAV, "displayname") => writer.text_element(name, proxy.segment()),
            (DAV, "principal-URL") => {
                let href = path::proxy_href(&account.address, proxy);
                writer.element(name, |writer| writer.href(&href));
            }
            // RFC 3744 §4.3
            (DAV, "group-member-set") => writer.element(name, |writer| {
                self.members.iter().for_each(|member| writer.href(member));
            }),
            (DAV, "group-membership") => writer.empty(name),
            _ => return false,
        }
        true
    }

    pub(super) fn write_group(&self, writer: &mut Writer, name: &Name, group: &Group) -> Found {
        match (name.namespace(), name.local()) {
            (DAV, "displayname") => writer.text_element(name, &group.name),
            (DAV, "principal-URL") => {
                writer.element(name, |writer| writer.href(&path::group_href(&group.who)));
            }
            (DAV, "group-member-set") => writer.element(name, |writer| {
                for member in &group.members {
                    writer.href(&path::principal_href(member));
                }
            }),
            (DAV, "group-membership" | "alternate-URI-set") => writer.empty(name),
            (CALDAV, "calendar-user-type") => writer.text_element(name, "GROUP"),
            _ => return false,
        }
        true
    }

    pub(super) fn write_home(
        &self,
        writer: &mut Writer,
        name: &Name,
        home: Home,
        account: &Account,
    ) -> Found {
        match (name.namespace(), name.local()) {
            (DAV, "displayname") => writer.text_element(name, display_name(account)),
            // RFC 6578 §4
            (DAV, "sync-token") => match self.home_token {
                Some(token) => writer.text_element(name, token),
                None => return false,
            },
            (DAV, _) => return write_quota(writer, name, account, self.actor),
            (CALENDAR_SERVER, "getctag") => match self.home_tag {
                Some(tag) => writer.text_element(name, tag),
                None => return false,
            },
            (CALENDAR_SERVER, "me-card") if home == Home::AddressBooks => {
                return self.write_me_card(writer, name, account);
            }
            (CARDDAV, _) if home == Home::AddressBooks => {
                return self.write_directory(writer, name, account);
            }
            // RFC 8607 §6.1: they are found where the home is, by whatever name it was reached.
            (CALDAV, "managed-attachments-server-URL")
                if home == Home::Calendars && self.settings.attachments.bytes_max > 0 =>
            {
                writer.empty(name);
            }
            // RFC 7809 §5.1
            (CALDAV, "timezone-service-set") if home == Home::Calendars => {
                let service = format!("{}{}", self.settings.public_url, crate::timezones::PATH);
                writer.element(name, |writer| writer.href(service.trim_end_matches('/')));
            }
            // RFC 6638 §2.4.1 has them on principals; programs look here as well.
            (CALDAV, "schedule-default-calendar-URL") if home == Home::Calendars => {
                return self.write_default_calendar(writer, name);
            }
            _ => return false,
        }
        true
    }

    pub(super) fn write_outbox(&self, writer: &mut Writer, name: &Name, _: &Account) -> Found {
        match (name.namespace(), name.local()) {
            (DAV, "displayname") => writer.text_element(name, "outbox"),
            (CALDAV, "supported-calendar-component-set") => writer.element(name, |writer| {
                let attributes = [("name", "VFREEBUSY")];
                writer.element_with(&Name::caldav("comp"), &attributes, |_| {});
            }),
            _ => return false,
        }
        true
    }
}
