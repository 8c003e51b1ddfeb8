//! Properties of resources: the live ones, computed; the dead ones, as they were written.

mod acl;
mod collection;
mod object;
mod principal;
mod sharing;
mod support;
mod update;

use message::date::{DateTime, format_rfc3339};
use storage::{
    Account, Collection, CollectionKind, CollectionRights, CollectionShare, DeadProperty, Home,
    Lock, Object,
};

use crate::path;
use crate::request::Detail;
use crate::resource::{Actor, Resource};
use crate::settings::Settings;
use crate::xml::{Multistatus, Name, PropertyRequest, PropertySet, Response, Status, Writer};

pub(crate) use acl::{is_supported, readers_of, rights_of};
pub(crate) use collection::write_components;
pub(crate) use support::{lock_root, write_lock};
pub(crate) use update::{Refused, is_protected, plan, plan_dead, plan_me_card, plan_new};

/// A resource with all that its properties are made of.
pub(crate) struct Described<'r> {
    pub(crate) resource: &'r Resource,
    pub(crate) actor: &'r Actor,
    pub(crate) settings: &'r Settings,
    /// What `actor` may do with the collection that it is or is in.
    pub(crate) rights: CollectionRights,
    pub(crate) locks: &'r [Lock],
    pub(crate) dead: &'r [DeadProperty],
    pub(crate) shares: &'r [CollectionShare],
    /// The path of the owner's calendar for invitations.
    pub(crate) default_calendar: Option<&'r str>,
    /// The path of what a principal is told of sharing; one's own alone.
    pub(crate) notifications: Option<&'r str>,
    /// The path of the organisation's directory, where there is one to be seen.
    pub(crate) directory: Option<&'r str>,
    /// The URL at which anybody may read the calendar.
    pub(crate) public_url: Option<&'r str>,
    /// The path of the card that is oneself.
    pub(crate) me_card: Option<&'r str>,
    /// The addresses of a principal in calendars.
    pub(crate) addresses: &'r [String],
    /// Whether it is a room (R-CAL-4).
    pub(crate) is_room: bool,
    /// The paths of the groups that a principal is in, and of the members of a group.
    pub(crate) groups: &'r [String],
    pub(crate) members: &'r [String],
    /// The principals whose calendar proxy this principal is, and with which rights.
    pub(crate) proxied: &'r [(String, storage::Proxy)],
    /// The length of an object as it would be sent, where that is not as stored.
    pub(crate) length: Option<u64>,
    /// What was asked for of the object's data, ready.
    pub(crate) data: Option<&'r str>,
    /// A value that changes with anything in a home.
    pub(crate) home_tag: Option<&'r str>,
    /// The sync-token of the home, for clients that synchronise it.
    pub(crate) home_token: Option<&'r str>,
}

/// Whether a resource has the property that was to be written.
pub(crate) type Found = bool;

impl Described<'_> {
    /// Writes one property; nothing where the resource has none of that name.
    pub(crate) fn write(&self, writer: &mut Writer, name: &Name) -> Found {
        if self.write_live(writer, name) {
            return true;
        }
        let stored = name.to_string();
        match self.dead.iter().find(|dead| dead.name == stored) {
            Some(dead) => {
                writer.raw(&dead.value);
                true
            }
            None => false,
        }
    }

    /// Whether the server knows what a property means, and has it.
    pub(crate) fn is_live(&self, name: &Name) -> bool {
        self.write_live(&mut Writer::default(), name)
    }

    fn write_live(&self, writer: &mut Writer, name: &Name) -> Found {
        if self.write_common(writer, name) {
            return true;
        }
        match self.resource {
            Resource::Root | Resource::Principals | Resource::Homes(_) => false,
            Resource::Principal(account) => self.write_principal(writer, name, account),
            Resource::Group(group) => self.write_group(writer, name, group),
            Resource::Proxy(account, proxy) => self.write_proxy(writer, name, account, *proxy),
            Resource::Home(home, account) => self.write_home(writer, name, *home, account),
            Resource::Outbox(account) => self.write_outbox(writer, name, account),
            Resource::Collection(account, collection) => {
                self.write_collection(writer, name, account, collection)
            }
            Resource::Object(account, collection, _, object) => {
                self.write_object(writer, name, account, collection, object)
            }
        }
    }

    /// Properties that every resource has.
    fn write_common(&self, writer: &mut Writer, name: &Name) -> Found {
        if name.namespace() != crate::xml::DAV {
            return false;
        }
        match name.local() {
            "resourcetype" => writer.element(name, |writer| self.write_types(writer)),
            // RFC 5397 §3
            "current-user-principal" => {
                let href = path::principal_href(&self.actor.account.address);
                writer.element(name, |writer| writer.href(&href));
            }
            "principal-collection-set" => {
                writer.element(name, |writer| writer.href(&path::principals_href()));
            }
            "owner" => match self.resource.owner() {
                Some(owner) => {
                    let href = path::principal_href(&owner.address);
                    writer.element(name, |writer| writer.href(&href));
                }
                None => return false,
            },
            "supported-report-set" => {
                support::write_reports(writer, name, self.resource, self.actor)
            }
            "supportedlock" => support::write_supported_lock(writer, name, self.resource),
            "lockdiscovery" => writer.element(name, |writer| {
                let owner = self.resource.owner().map(|owner| &**owner);
                let collection = self.resource.collection();
                self.locks.iter().for_each(|lock| write_lock(writer, lock, owner, collection));
            }),
            "supported-method-set" => support::write_methods(writer, name, self.resource),
            _ => return self.write_acl(writer, name),
        }
        true
    }

    /// Whether it is a collection of somebody else in one's own home.
    fn is_guest(&self) -> bool {
        matches!(self.resource, Resource::Collection(_, found) if found.guest.is_some())
    }

    fn write_types(&self, writer: &mut Writer) {
        let collection = |writer: &mut Writer| writer.empty(&Name::dav("collection"));
        match self.resource {
            Resource::Root | Resource::Principals | Resource::Homes(_) | Resource::Home(..) => {
                collection(writer);
            }
            Resource::Group(_) => writer.empty(&Name::dav("principal")),
            Resource::Principal(_) => {
                collection(writer);
                writer.empty(&Name::dav("principal"));
            }
            Resource::Proxy(_, proxy) => {
                collection(writer);
                writer.empty(&Name::dav("principal"));
                writer.empty(&Name::calendar_server(proxy.segment()));
            }
            Resource::Outbox(_) => {
                collection(writer);
                writer.empty(&Name::caldav("schedule-outbox"));
            }
            Resource::Collection(_, found) => {
                collection(writer);
                collection::write_type(writer, found);
                // caldav-sharing draft §5.2
                if self.is_guest() {
                    writer.empty(&Name::calendar_server("shared"));
                } else if !self.shares.is_empty() {
                    writer.empty(&Name::calendar_server("shared-owner"));
                }
            }
            Resource::Object(..) => {}
        }
    }

    /// Tells of the resource what was asked for, under the statuses it has.
    pub(crate) fn respond(
        &self,
        multistatus: &mut Multistatus,
        request: &PropertyRequest,
        detail: Detail,
    ) {
        let href = self.resource.href();
        multistatus.response(&href, |response| match &request.properties {
            PropertySet::Names => response.names(Status::OK, self.all_names(true).iter()),
            PropertySet::All(include) => {
                let mut names = self.all_names(false);
                names.extend(
                    include
                        .iter()
                        .filter(|name| !names.contains(name))
                        .cloned()
                        .collect::<Vec<_>>(),
                );
                let mut missing = Vec::new();
                response.propstat(Status::OK, |writer| {
                    for name in &names {
                        if !self.write(writer, name) && include.contains(name) {
                            missing.push(name.clone());
                        }
                    }
                });
                self.tell_missing(response, &href, &missing, detail);
            }
            PropertySet::These(names) => {
                let mut missing = Vec::new();
                response.propstat(Status::OK, |writer| {
                    for name in names {
                        if !self.write(writer, name) {
                            missing.push(name.clone());
                        }
                    }
                });
                self.tell_missing(response, &href, &missing, detail);
            }
        });
    }

    /// What was asked for, and is not there or not for whoever asks.
    pub(crate) fn tell_missing(
        &self,
        response: &mut Response<'_>,
        href: &str,
        missing: &[Name],
        detail: Detail,
    ) {
        let mut absent = Vec::new();
        for name in missing {
            match self.withheld(name) {
                Some(privilege) => response.withheld(href, &privilege, [name]),
                None => absent.push(name),
            }
        }
        // RFC 8144 §2.1: what is not there need not be said.
        if detail == Detail::Full {
            response.names(Status::NOT_FOUND, absent);
        }
    }

    /// The names of what DAV:allprop tells, or of all there is.
    fn all_names(&self, every: bool) -> Vec<Name> {
        let mut names: Vec<Name> = support::USUAL.to_vec();
        if every {
            names.extend_from_slice(support::SPECIAL);
        }
        let mut probe = Writer::default();
        names.retain(|name| self.write_live(&mut probe, name));
        names.extend(self.dead.iter().filter_map(|dead| parse_name(&dead.name)));
        names
    }
}

/// A name as dead properties are stored under it.
pub(crate) fn parse_name(stored: &str) -> Option<Name> {
    let (namespace, local) = stored.strip_prefix('{')?.rsplit_once('}')?;
    Name::new(namespace, local)
}

/// RFC 4331 §3, §4: both are those of the account, and its own business.
fn write_quota(writer: &mut Writer, name: &Name, account: &Account, actor: &Actor) -> Found {
    if account.id != actor.id() {
        return false;
    }
    let value = match name.local() {
        "quota-used-bytes" => account.used_bytes,
        // RFC 4331 §3: not there where nothing limits it.
        "quota-available-bytes" if account.quota_bytes > 0 => {
            account.quota_bytes.saturating_sub(account.used_bytes)
        }
        _ => return false,
    };
    writer.text_element(name, &value.to_string());
    true
}

/// RFC 9110 §5.6.7, of DAV:getlastmodified.
pub(crate) fn http_date(at: ids::Timestamp) -> String {
    let Ok(at) = jiff::Timestamp::from_second(at.as_secs()) else { return String::new() };
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// RFC 4918 §15.1: RFC 3339.
fn rfc3339(at: ids::Timestamp) -> String {
    format_rfc3339(DateTime::from_unix_secs(at.as_secs()))
}

/// The etag of an object as HTTP writes it.
pub(crate) fn quoted_etag(object: &Object) -> String {
    format!("\"{}\"", object.etag())
}

/// Raised where what is seen of calendars of others becomes another without any change of theirs:
/// programs read them anew then.
pub(crate) const GUEST_EDITION: &str = "1";

/// The edition of what is seen of a collection; `None` where that is what its owner sees.
pub(crate) fn edition(collection: &Collection) -> Option<&'static str> {
    let is_calendar = collection.kind == CollectionKind::Calendar;
    (is_calendar && collection.guest.is_some()).then_some(GUEST_EDITION)
}

/// The sync-token of a collection (RFC 6578 §4): where it stands.
pub(crate) fn sync_token(
    collection: ids::CollectionId,
    modseq: ids::ModSeq,
    edition: Option<&str>,
) -> String {
    let token = format!("data:,{}-{}", collection.get(), modseq.get());
    edition.map_or(token.clone(), |edition| format!("{token}-{edition}"))
}

/// The collection and the modseq in a sync-token of this edition; `None` where it is no such token.
pub(crate) fn parse_sync_token(
    token: &str,
    edition: Option<&str>,
) -> Option<(ids::CollectionId, ids::ModSeq)> {
    let token = match edition {
        Some(edition) => token.strip_suffix(edition)?.strip_suffix('-')?,
        None => token,
    };
    let (collection, modseq) = token.strip_prefix("data:,")?.split_once('-')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(collection) || !plain(modseq) {
        return None;
    }
    let collection = ids::CollectionId::new(collection.parse().ok()?);
    Some((collection, ids::ModSeq::new(modseq.parse().ok()?)))
}

/// The path of the home of somebody.
fn write_home_href(writer: &mut Writer, name: &Name, home: Home, account: &Account) {
    let href = path::home_href(home, &account.address);
    writer.element(name, |writer| writer.href(&href));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::Describer;
    use crate::path::Place;
    use crate::testing::{Fixture, file_href};

    /// RFC 3744 §3.7: what may be done here is told with DAV:read, and to nobody else.
    #[test]
    fn privileges_are_withheld_from_who_may_not_read_them() {
        let fixture = Fixture::new();
        assert_eq!(fixture.status("MKCOL", "/a", &[], ""), 201);
        let exchange = &fixture.exchange;
        let (actor, settings) = (exchange.actor.clone(), exchange.settings.clone());
        let place = Place::parse(&file_href("/a")).unwrap().unwrap();
        let now = exchange.now();
        let told = |reads: bool| {
            let (actor, settings, place) = (actor.clone(), settings.clone(), place.clone());
            let read = exchange.store.read_blocking(move |tx| {
                let found = crate::resource::find(tx, &actor, &place).unwrap();
                let mut describer = Describer::new(&actor, &settings, now);
                if reads {
                    describer.read(tx, &found)?;
                }
                let names = vec![Name::dav("current-user-privilege-set")];
                let properties = PropertySet::These(names);
                let request =
                    PropertyRequest { properties, calendar_data: None, address_data: None };
                let mut multistatus = Multistatus::new();
                describer.described(&found, &[], None).respond(
                    &mut multistatus,
                    &request,
                    Detail::Minimal,
                );
                Ok(String::from_utf8(multistatus.finish()).unwrap())
            });
            read.unwrap()
        };
        assert!(told(true).contains("<D:current-user-privilege-set><D:privilege><D:all/>"));
        // Whose rights were not read has none.
        let withheld = told(false);
        let expect = "<D:prop><D:current-user-privilege-set/></D:prop><D:status>HTTP/1.1 403 \
            Forbidden</D:status><D:error><D:need-privileges><D:resource>\
            <D:href>/dav/files/julie@example.test/a/</D:href><D:privilege>\
            <D:read-current-user-privilege-set/></D:privilege></D:resource></D:need-privileges>\
            </D:error>";
        assert!(withheld.contains(expect), "{withheld}");
    }
}
