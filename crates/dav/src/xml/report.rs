//! The bodies of REPORT, as types: which report it is and what it asks for.

use ical::{CardFilter, ComponentFilter, TimeRange};

use super::address_filter;
use super::calendar_filter;
use super::element::Element;
use super::error::XmlError;
use super::limits::Limits;
use super::name::{CALDAV, CALENDAR_SERVER, CARDDAV, DAV, Name};
use super::principal_search::{PrincipalMatch, PrincipalSearch, limit};
use super::properties::PropertyRequest;

/// The reports that are served, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// CALDAV:calendar-query (RFC 4791 §7.8)
    CalendarQuery(CalendarQuery),
    /// CALDAV:calendar-multiget (RFC 4791 §7.9)
    CalendarMultiget(Multiget),
    /// CALDAV:free-busy-query (RFC 4791 §7.10)
    FreeBusyQuery(TimeRange),
    /// CARDDAV:addressbook-query (RFC 6352 §8.6)
    AddressbookQuery(AddressbookQuery),
    /// CARDDAV:addressbook-multiget (RFC 6352 §8.7)
    AddressbookMultiget(Multiget),
    /// DAV:sync-collection (RFC 6578 §3.2)
    SyncCollection(SyncCollection),
    /// DAV:expand-property (RFC 3253 §3.8)
    ExpandProperty(Vec<ExpandedProperty>),
    /// DAV:principal-property-search (RFC 3744 §9.4), and Apple's own
    PrincipalSearch(PrincipalSearch),
    /// DAV:principal-match (RFC 3744 §9.3)
    PrincipalMatch(PrincipalMatch),
    /// DAV:acl-principal-prop-set (RFC 3744 §9.2)
    AclPrincipalPropSet(PropertyRequest),
    /// DAV:principal-search-property-set (RFC 3744 §9.5)
    PrincipalSearchPropertySet,
}

/// CALDAV:calendar-query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarQuery {
    /// What is told of objects that match.
    pub request: PropertyRequest,
    /// The components that are to match.
    pub filter: ComponentFilter,
    /// The zone of floating times.
    pub zone: Option<QueryZone>,
    /// How many at most (RFC 5323 §5.17).
    pub limit: Option<usize>,
}

/// How a query names the zone of floating times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueryZone {
    /// CALDAV:timezone: an iCalendar object with a VTIMEZONE (RFC 4791 §9.8).
    Object(String),
    /// CALDAV:timezone-id (RFC 7809 §6.2).
    Id(String),
}

/// CALDAV:calendar-multiget and CARDDAV:addressbook-multiget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multiget {
    /// The properties that are answered for each resource.
    pub request: PropertyRequest,
    /// The paths of the resources, as they were written.
    pub hrefs: Vec<String>,
}

/// CARDDAV:addressbook-query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressbookQuery {
    /// What is told of cards that match.
    pub request: PropertyRequest,
    /// The cards that are to match.
    pub filter: CardFilter,
    /// The most resources that are answered.
    pub limit: Option<usize>,
}

/// DAV:sync-collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncCollection {
    /// Where the client is; `None` at its beginning (RFC 6578 §3.4: an empty token).
    pub token: Option<String>,
    /// How deep. QUIRK(programs older than the RFC): none, the header Depth says it.
    pub level: Option<SyncLevel>,
    /// The most members that are answered.
    pub limit: Option<usize>,
    /// The properties that are answered for each member.
    pub request: PropertyRequest,
}

/// DAV:sync-level (RFC 6578 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncLevel {
    /// Members of the collection.
    One,
    /// Members of members as well.
    Infinite,
}

/// DAV:property of DAV:expand-property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpandedProperty {
    /// The name of the property.
    pub name: Name,
    /// The properties of the resources that it names; none where it is told as it is.
    pub within: Vec<ExpandedProperty>,
}

impl Report {
    /// RFC 3253 §3.6: a report that is not known fails DAV:supported-report.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, XmlError> {
        let root = Element::parse(body, limits)?;
        let root = &root;
        let unknown = || XmlError::Precondition(Name::dav("supported-report"));
        Ok(match (root.name.namespace(), root.name.local()) {
            (CALDAV, "calendar-query") => Self::CalendarQuery(calendar_query(root, limits)?),
            (CALDAV, "calendar-multiget") => Self::CalendarMultiget(multiget(root, limits)?),
            (CALDAV, "free-busy-query") => Self::FreeBusyQuery(free_busy_query(root)?),
            (CARDDAV, "addressbook-query") => {
                Self::AddressbookQuery(addressbook_query(root, limits)?)
            }
            (CARDDAV, "addressbook-multiget") => Self::AddressbookMultiget(multiget(root, limits)?),
            (DAV, "sync-collection") => Self::SyncCollection(sync_collection(root, limits)?),
            (DAV, "expand-property") => {
                let mut left = limits.properties_max;
                Self::ExpandProperty(expanded(root, &mut left)?)
            }
            (DAV, "principal-property-search") => {
                Self::PrincipalSearch(PrincipalSearch::read(root, limits)?)
            }
            (CALENDAR_SERVER, "calendarserver-principal-search") => {
                Self::PrincipalSearch(PrincipalSearch::read_tokens(root, limits)?)
            }
            (DAV, "principal-match") => Self::PrincipalMatch(PrincipalMatch::read(root, limits)?),
            (DAV, "acl-principal-prop-set") => {
                Self::AclPrincipalPropSet(PropertyRequest::find_or_none(root, limits)?)
            }
            (DAV, "principal-search-property-set") => Self::PrincipalSearchPropertySet,
            _ => return Err(unknown()),
        })
    }
}

fn calendar_query(root: &Element, limits: &Limits) -> Result<CalendarQuery, XmlError> {
    let filter = root.only(CALDAV, "filter")?;
    let filter = filter.ok_or_else(|| XmlError::Precondition(Name::caldav("valid-filter")))?;
    let object = root.only(CALDAV, "timezone")?;
    let id = root.only(CALDAV, "timezone-id")?;
    let zone = match (object, id) {
        (None, None) => None,
        (Some(object), None) => Some(QueryZone::Object(object.text())),
        (None, Some(id)) => Some(QueryZone::Id(id.word())),
        // RFC 7809 §6.1: one of them.
        (Some(_), Some(_)) => return Err(XmlError::Unexpected("CALDAV:timezone")),
    };
    Ok(CalendarQuery {
        request: PropertyRequest::find_or_none(root, limits)?,
        filter: calendar_filter::filter(filter, limits)?,
        zone,
        limit: limit(root, DAV)?,
    })
}

fn multiget(root: &Element, limits: &Limits) -> Result<Multiget, XmlError> {
    if root.elements_named(DAV, "href").count() > limits.hrefs_max {
        return Err(XmlError::TooLarge("DAV:href"));
    }
    let hrefs: Vec<String> = root.elements_named(DAV, "href").map(Element::word).collect();
    // RFC 4791 §9.10, RFC 6352 §8.7: one at least.
    if hrefs.is_empty() {
        return Err(XmlError::Unexpected("DAV:href"));
    }
    Ok(Multiget { request: PropertyRequest::find_or_none(root, limits)?, hrefs })
}

fn free_busy_query(root: &Element) -> Result<TimeRange, XmlError> {
    let range = root.only(CALDAV, "time-range")?;
    let range = range.ok_or(XmlError::Unexpected("CALDAV:time-range"))?;
    calendar_filter::time_range(range)
}

fn addressbook_query(root: &Element, limits: &Limits) -> Result<AddressbookQuery, XmlError> {
    // RFC 6352 §10.3: there is one.
    let filter = root.only(CARDDAV, "filter")?.ok_or(XmlError::Unexpected("CARDDAV:filter"))?;
    Ok(AddressbookQuery {
        request: PropertyRequest::find_or_none(root, limits)?,
        filter: address_filter::filter(filter, limits)?,
        limit: limit(root, CARDDAV)?,
    })
}

fn sync_collection(root: &Element, limits: &Limits) -> Result<SyncCollection, XmlError> {
    let level = match root.only(DAV, "sync-level")?.map(Element::word).as_deref() {
        None => None,
        Some("1") => Some(SyncLevel::One),
        Some("infinite" | "infinity") => Some(SyncLevel::Infinite),
        Some(_) => return Err(XmlError::Unexpected("DAV:sync-level")),
    };
    let token = root.only(DAV, "sync-token")?.map(Element::word);
    Ok(SyncCollection {
        token: token.filter(|token| !token.is_empty()),
        level,
        limit: limit(root, DAV)?,
        request: PropertyRequest::find_or_none(root, limits)?,
    })
}

/// As deep as the tree of elements may be; `left` bounds all of them together.
fn expanded(parent: &Element, left: &mut usize) -> Result<Vec<ExpandedProperty>, XmlError> {
    let mut all = Vec::new();
    for property in parent.elements_named(DAV, "property") {
        *left = left.checked_sub(1).ok_or(XmlError::TooLarge("properties"))?;
        let local = property.attribute("name").ok_or(XmlError::Unexpected("a name"))?;
        // RFC 3253 §3.8: without a namespace, that of WebDAV.
        let namespace = property.attribute("namespace").unwrap_or(DAV);
        let name = Name::new(namespace, local).ok_or(XmlError::Unexpected("a name"))?;
        all.push(ExpandedProperty { name, within: expanded(property, left)? });
    }
    Ok(all)
}
