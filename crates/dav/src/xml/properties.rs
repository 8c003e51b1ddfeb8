//! Which properties are asked for: DAV:prop, DAV:allprop and DAV:propname (RFC 4918 §9.1, §14.20).

use std::collections::HashSet;

use super::address_filter::AddressDataRequest;
use super::calendar_filter::{CalendarDataRequest, ZonesSent};
use super::element::Element;
use super::error::XmlError;
use super::limits::Limits;
use super::name::{CALDAV, CARDDAV, DAV, Name};

/// The body of PROPFIND, and what reports have of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyRequest {
    /// The properties that are asked for.
    pub properties: PropertySet,
    /// What is wanted of CALDAV:calendar-data, if that is among them.
    pub calendar_data: Option<CalendarDataRequest>,
    /// What is wanted of CARDDAV:address-data, if that is among them.
    pub address_data: Option<AddressDataRequest>,
}

/// Which properties of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertySet {
    /// The names of all: DAV:propname.
    Names,
    /// DAV:allprop: the live properties of RFC 4918 and all dead ones, and those of DAV:include.
    All(Vec<Name>),
    /// DAV:prop: these properties, none of them twice.
    These(Vec<Name>),
}

impl PropertyRequest {
    /// The body of PROPFIND. RFC 4918 §9.1: an empty one asks for all properties.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Self, XmlError> {
        if body.is_empty() {
            return Ok(Self::of_set(PropertySet::All(Vec::new())));
        }
        let root = Element::parse(body, limits)?;
        if !root.is(DAV, "propfind") {
            return Err(XmlError::Unexpected("DAV:propfind"));
        }
        Self::find(&root, limits)?.ok_or(XmlError::Unexpected("DAV:prop"))
    }

    /// Whether this one is told of, or its name.
    pub fn names(&self, name: &Name) -> bool {
        match &self.properties {
            PropertySet::Names => true,
            PropertySet::All(names) | PropertySet::These(names) => names.contains(name),
        }
    }

    /// A request for these properties.
    pub fn of_set(properties: PropertySet) -> Self {
        Self { properties, calendar_data: None, address_data: None }
    }

    /// Says which time zones calendar data has.
    pub fn send_zones(&mut self, zones: ZonesSent) {
        if let Some(data) = &mut self.calendar_data {
            data.zones = zones;
        }
    }

    /// What `parent` asks for by DAV:prop, DAV:allprop or DAV:propname, of which one may be there.
    pub(super) fn find(parent: &Element, limits: &Limits) -> Result<Option<Self>, XmlError> {
        let prop = parent.only(DAV, "prop")?;
        let all = parent.only(DAV, "allprop")?;
        let names = parent.only(DAV, "propname")?;
        match (prop, all, names) {
            (Some(prop), None, None) => Self::of_prop(prop, limits).map(Some),
            (None, Some(_), None) => {
                let include = parent.only(DAV, "include")?;
                let include = include.map(|include| names_in(include, limits)).transpose()?;
                Ok(Some(Self::of_set(PropertySet::All(include.unwrap_or_default()))))
            }
            (None, None, Some(_)) => Ok(Some(Self::of_set(PropertySet::Names))),
            (None, None, None) => Ok(None),
            _ => Err(XmlError::Unexpected("DAV:prop")),
        }
    }

    /// Like `find`, but a request that names no property asks for none.
    pub(super) fn find_or_none(parent: &Element, limits: &Limits) -> Result<Self, XmlError> {
        let found = Self::find(parent, limits)?;
        Ok(found.unwrap_or_else(|| Self::of_set(PropertySet::These(Vec::new()))))
    }

    fn of_prop(prop: &Element, limits: &Limits) -> Result<Self, XmlError> {
        let calendar_data = prop.element(CALDAV, "calendar-data");
        let address_data = prop.element(CARDDAV, "address-data");
        Ok(Self {
            properties: PropertySet::These(names_in(prop, limits)?),
            calendar_data: calendar_data.map(CalendarDataRequest::read).transpose()?,
            address_data: address_data.map(AddressDataRequest::read).transpose()?,
        })
    }
}

/// The names of the elements in one, each once.
pub(super) fn names_in(parent: &Element, limits: &Limits) -> Result<Vec<Name>, XmlError> {
    let mut names: Vec<Name> = Vec::new();
    let mut seen: HashSet<&Name> = HashSet::new();
    for element in parent.elements() {
        if !seen.insert(&element.name) {
            continue;
        }
        if names.len() >= limits.properties_max {
            return Err(XmlError::TooLarge("properties"));
        }
        names.push(element.name.clone());
    }
    Ok(names)
}
