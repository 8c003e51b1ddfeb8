//! Changes of properties (RFC 4918 §9.2): what may be set, and what is kept as it is.

use storage::{CollectionChange, CollectionKind, Components};

use crate::reports::free_busy::new_calendar;
use crate::xml::{
    APPLE, CALDAV, CALENDAR_SERVER, CARDDAV, DAV, Element, Name, PUSH, PropertyChange,
};

/// LIMIT: bytes of a time zone that are read.
const ZONE_BYTES_MAX: usize = 64 * 1024;

/// A property that cannot be changed so, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The property that was refused.
    pub(crate) name: Name,
    /// The status it gets; all others get 424.
    pub(crate) status: u16,
    /// The precondition that failed, if there is one for it.
    pub(crate) failed: Option<Name>,
}

impl Refused {
    fn protected(name: &Name) -> Self {
        let failed = Some(Name::dav("cannot-modify-protected-property"));
        Self { name: name.clone(), status: 403, failed }
    }

    fn conflict(name: &Name, failed: Option<Name>) -> Self {
        Self { name: name.clone(), status: 409, failed }
    }
}

/// What a PROPPATCH of a collection asks for beside its properties.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The properties to set and remove.
    pub(crate) change: CollectionChange,
    /// The path of the calendar that is to be the one for invitations.
    pub(crate) default_calendar: Option<String>,
}

/// The collection that MKCOL or MKCALENDAR asks for.
#[derive(Debug, Default)]
pub(crate) struct NewPlan {
    /// The properties to set at creation.
    pub(crate) change: CollectionChange,
    /// The kind that DAV:resourcetype asks for: `None` if it was not given, `Some(None)` for a
    /// plain folder.
    pub(crate) kind: Option<Option<CollectionKind>>,
    /// The kinds of component that it takes.
    pub(crate) components: Option<Components>,
}

/// Live properties that are the server's.
const PROTECTED_DAV: [&str; 26] = [
    "creationdate",
    "getcontentlength",
    "getcontenttype",
    "getetag",
    "getlastmodified",
    "lockdiscovery",
    "resourcetype",
    "supportedlock",
    "owner",
    "acl",
    "current-user-principal",
    "current-user-privilege-set",
    "supported-privilege-set",
    "acl-restrictions",
    "inherited-acl-set",
    "principal-collection-set",
    "principal-URL",
    "alternate-URI-set",
    "group-member-set",
    "group-membership",
    "quota-available-bytes",
    "quota-used-bytes",
    "sync-token",
    "supported-report-set",
    "add-member",
    "supported-method-set",
];
const PROTECTED_CALDAV: [&str; 18] = [
    "supported-calendar-component-set",
    "supported-calendar-data",
    "supported-collation-set",
    "supported-rscale-set",
    "max-resource-size",
    "min-date-time",
    "max-date-time",
    "max-instances",
    "max-attendees-per-instance",
    "max-attachment-size",
    "max-attachments-per-resource",
    "managed-attachments-server-URL",
    "calendar-home-set",
    "calendar-user-address-set",
    "schedule-inbox-URL",
    "schedule-outbox-URL",
    "schedule-tag",
    "calendar-user-type",
];
const PROTECTED_CARDDAV: [&str; 5] = [
    "directory-gateway",
    "supported-address-data",
    "supported-collation-set",
    "max-resource-size",
    "addressbook-home-set",
];

const PROTECTED_CALENDAR_SERVER: [&str; 7] = [
    "publish-url",
    "getctag",
    "invite",
    "allowed-sharing-modes",
    "shared-url",
    "notificationtype",
    "notification-URL",
];

const PROTECTED_PUSH: [&str; 3] = ["transports", "topic", "supported-triggers"];

/// Whether a property is the server's own: nothing that somebody stored has its name.
pub(crate) fn is_protected(name: &Name) -> bool {
    let local = name.local();
    match name.namespace() {
        DAV => PROTECTED_DAV.contains(&local),
        CALDAV => PROTECTED_CALDAV.contains(&local),
        CARDDAV => PROTECTED_CARDDAV.contains(&local),
        CALENDAR_SERVER => PROTECTED_CALENDAR_SERVER.contains(&local),
        PUSH => PROTECTED_PUSH.contains(&local),
        _ => false,
    }
}

/// What a PROPPATCH of a collection comes to, or what of it is refused.
pub(crate) fn plan(changes: &[PropertyChange], kind: CollectionKind) -> Result<Plan, Vec<Refused>> {
    let (mut plan, mut refused) = (Plan::default(), Vec::new());
    for change in changes {
        let name = change.name();
        if is_protected(name) {
            refused.push(Refused::protected(name));
            continue;
        }
        let value = match change {
            PropertyChange::Set(element) => Some(element),
            PropertyChange::Remove(_) => None,
        };
        if let Err(why) = apply(&mut plan, kind, name, value) {
            refused.push(why);
        }
    }
    if refused.is_empty() { Ok(plan) } else { Err(refused) }
}

/// What a PROPPATCH of a home of address books comes to: the path of the card that is oneself, or
/// that there is none.
///
/// QUIRK(Contacts, macOS): it sets me-card here, and nothing else.
pub(crate) fn plan_me_card(changes: &[PropertyChange]) -> Result<Option<String>, Vec<Refused>> {
    let mut card = None;
    let mut refused = Vec::new();
    for change in changes {
        let name = change.name();
        let is_card = name.namespace() == CALENDAR_SERVER && name.local() == "me-card";
        match change {
            PropertyChange::Remove(_) if is_card => card = None,
            PropertyChange::Set(value) if is_card => {
                match value.element(DAV, "href").map(Element::word) {
                    Some(href) => card = Some(href),
                    None => refused.push(Refused::conflict(name, None)),
                }
            }
            _ => refused.push(Refused { name: name.clone(), status: 403, failed: None }),
        }
    }
    if refused.is_empty() { Ok(card) } else { Err(refused) }
}

/// What a PROPPATCH of an object comes to: all that is not the server's is kept as it is.
pub(crate) fn plan_dead(
    changes: &[PropertyChange],
) -> Result<Vec<(String, Option<String>)>, Vec<Refused>> {
    let is_live = |change: &&PropertyChange| is_protected(change.name());
    let refused: Vec<Refused> =
        changes.iter().filter(is_live).map(|change| Refused::protected(change.name())).collect();
    if !refused.is_empty() {
        return Err(refused);
    }
    Ok(changes.iter().map(dead).collect())
}

fn dead(change: &PropertyChange) -> (String, Option<String>) {
    match change {
        PropertyChange::Set(element) => (element.name.to_string(), Some(element.to_xml())),
        PropertyChange::Remove(name) => (name.to_string(), None),
    }
}

/// What MKCALENDAR or MKCOL asks for, or what of it is refused.
pub(crate) fn plan_new(properties: &[Element]) -> Result<NewPlan, Vec<Refused>> {
    let (mut plan, mut refused) = (Plan::default(), Vec::new());
    let mut new = NewPlan::default();
    for element in properties {
        let name = &element.name;
        match (name.namespace(), name.local()) {
            (DAV, "resourcetype") => new.kind = Some(kind_of(element)),
            (CALDAV, "supported-calendar-component-set") => match components_of(element) {
                Some(components) => new.components = Some(components),
                // RFC 4791 §5.3.1.1 knows no name for it; §5.3.2.1 does.
                None => refused.push(Refused {
                    name: name.clone(),
                    status: 403,
                    failed: Some(Name::caldav("supported-calendar-component")),
                }),
            },
            _ if is_protected(name) => refused.push(Refused::protected(name)),
            // Which kind it will be is told by the method or by DAV:resourcetype; no property
            // means something else in another kind.
            _ => {
                if let Err(why) = apply(&mut plan, CollectionKind::Calendar, name, Some(element)) {
                    refused.push(why);
                }
            }
        }
    }
    new.change = plan.change;
    let subscribes = properties.iter().find(|element| {
        let subscribed = |kind: &Element| kind.element(CALENDAR_SERVER, "subscribed").is_some();
        element.is(DAV, "resourcetype") && subscribed(element)
    });
    if let Some(element) = subscribes
        && !matches!(new.change.source, Some(Some(_)))
    {
        let failed = Some(Name::dav("valid-resourcetype"));
        refused.push(Refused { name: element.name.clone(), status: 403, failed });
    }
    if refused.is_empty() { Ok(new) } else { Err(refused) }
}

/// RFC 5689 §3: DAV:collection with what it is beside; `None` where that is nothing known.
fn kind_of(element: &Element) -> Option<CollectionKind> {
    let mut kind = Some(CollectionKind::Folder);
    for inner in element.elements() {
        match (inner.name.namespace(), inner.name.local()) {
            (DAV, "collection") => {}
            (CALDAV, "calendar") => kind = Some(CollectionKind::Calendar),
            (CARDDAV, "addressbook") => kind = Some(CollectionKind::AddressBook),
            // A calendar that is read elsewhere, if CS:source says where.
            (CALENDAR_SERVER, "subscribed") => kind = Some(CollectionKind::Calendar),
            _ => return None,
        }
    }
    kind
}

/// RFC 4791 §5.2.3. Components that nobody knows do not count, if others do.
fn components_of(element: &Element) -> Option<Components> {
    let mut components = Components::NONE;
    for comp in element.elements_named(CALDAV, "comp") {
        if let Some(known) = comp.attribute("name").and_then(Components::of) {
            components = components | known;
        }
    }
    (!components.is_empty()).then_some(components)
}

fn apply(
    plan: &mut Plan,
    kind: CollectionKind,
    name: &Name,
    value: Option<&Element>,
) -> Result<(), Refused> {
    let text = || value.map(Element::text);
    let change = &mut plan.change;
    match (name.namespace(), name.local()) {
        (DAV, "displayname") => change.display_name = Some(text()),
        (CALDAV, "calendar-description") | (CARDDAV, "addressbook-description") => {
            change.description = Some(text());
        }
        (APPLE, "calendar-color") => {
            change.color = Some(text().map(|color| color.trim().to_owned()));
        }
        (APPLE, "calendar-order") => {
            let order = text().map(|order| order.trim().parse::<i64>());
            change.sort_order = Some(order.transpose().map_err(|_| Refused::conflict(name, None))?);
        }
        (CALDAV, "calendar-timezone") => {
            let zone = text();
            if zone.as_deref().is_some_and(|zone| !is_time_zone(zone)) {
                // RFC 4791 §5.2.2
                let failed = Some(Name::caldav("valid-calendar-data"));
                return Err(Refused { name: name.clone(), status: 403, failed });
            }
            change.timezone = Some(zone);
        }
        (CALDAV, "calendar-timezone-id") => {
            let id = value.map(Element::word);
            let zone = id.as_deref().map(zone_called).unwrap_or(Some(None));
            // RFC 7809 §3.1.5
            let failed = || Some(Name::caldav("valid-timezone"));
            let unknown = || Refused { name: name.clone(), status: 403, failed: failed() };
            change.timezone = Some(zone.ok_or_else(unknown)?);
        }
        (CALDAV, "schedule-calendar-transp") => {
            let is_set = value.is_some_and(|value| value.element(CALDAV, "transparent").is_some());
            change.transparent = Some(is_set);
        }
        (CALDAV | CALENDAR_SERVER, "calendar-availability") if kind == CollectionKind::Inbox => {
            if text().is_some_and(|text| !is_availability(&text)) {
                // RFC 7953 §7.2.4
                let failed = Some(Name::caldav("valid-calendar-data"));
                return Err(Refused { name: name.clone(), status: 403, failed });
            }
            change.dead.push((name.to_string(), value.map(Element::to_xml)));
        }
        (CALENDAR_SERVER, "source") => {
            let href = value.and_then(|value| value.element(DAV, "href")).map(Element::word);
            change.source = Some(match (value, href) {
                (None, _) => None,
                (Some(_), Some(href)) if is_web(&href) => Some(href),
                (Some(_), _) => return Err(Refused::conflict(name, None)),
            });
        }
        (CALDAV, "schedule-default-calendar-URL") if kind == CollectionKind::Inbox => {
            let href = value.and_then(|value| value.element(DAV, "href")).map(Element::word);
            match href {
                Some(href) => plan.default_calendar = Some(href),
                // RFC 6638 §4.3.1.1: there is always one.
                None => {
                    let failed = Some(Name::caldav("default-calendar-needed"));
                    return Err(Refused { name: name.clone(), status: 403, failed });
                }
            }
        }
        _ => change.dead.push(match value {
            Some(element) => (name.to_string(), Some(element.to_xml())),
            None => (name.to_string(), None),
        }),
    }
    Ok(())
}

/// RFC 7953 §7.2.4: an iCalendar object with VAVAILABILITY, of which free and busy times can be
/// made.
fn is_availability(text: &str) -> bool {
    let limits = ical::Limits { bytes_max: ZONE_BYTES_MAX, ..ical::Limits::default() };
    let Ok(calendar) = ical::Component::parse(text.as_bytes(), &limits) else { return false };
    let Ok(range) = ical::TimeRange::parse(Some("20260101T000000Z"), Some("20270101T000000Z"))
    else {
        return false;
    };
    let mut said = ical::Availability::new(&ical::BusyTimes::new(range, &[]));
    let zone = jiff::tz::TimeZone::UTC;
    let is_other = |part: &ical::Component| !part.is("VAVAILABILITY") && !part.is("VTIMEZONE");
    calendar.components_named("VAVAILABILITY").next().is_some()
        && !calendar.components.iter().any(is_other)
        && said.add(&calendar, zone, &limits).is_ok()
}

/// The CALDAV:calendar-timezone of a zone that is known by this name; `None`: it is not.
fn zone_called(id: &str) -> Option<Option<String>> {
    let mut calendar = new_calendar();
    calendar.components.push(ical::vtimezone(id)?);
    Some(String::from_utf8(calendar.render()).ok())
}

/// Whether a URL has a scheme that calendars are subscribed to with.
fn is_web(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    ["http", "https", "webcal", "webcals"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// RFC 4791 §5.2.2: an iCalendar object with one VTIMEZONE.
fn is_time_zone(text: &str) -> bool {
    let limits = ical::Limits { bytes_max: ZONE_BYTES_MAX, ..ical::Limits::default() };
    ical::Component::parse(text.as_bytes(), &limits)
        .is_ok_and(|object| object.components_named("VTIMEZONE").count() == 1)
}
