//! Searches among principals (RFC 3744 §9.3, §9.4), and Apple's own.

use ical::{MatchKind, Quantifier};

use super::element::Element;
use super::error::XmlError;
use super::limits::Limits;
use super::name::{CALENDAR_SERVER, DAV, Name};
use super::properties::{PropertyRequest, PropertySet, names_in};

/// DAV:principal-property-search, or CS:calendarserver-principal-search, which says less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalSearch {
    /// Whether all searches have to match, or one.
    pub quantifier: Quantifier,
    /// What is sought in which properties.
    pub searches: Vec<PropertySearch>,
    /// The properties that are answered for each principal found.
    pub request: PropertyRequest,
    /// Whether the resource's DAV:principal-collection-set is meant in place of the resource.
    pub in_principal_collections: bool,
    /// The most principals that are answered.
    pub limit: Option<usize>,
}

/// DAV:property-search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertySearch {
    /// The properties, all of which have to have it. Without any, what a search by people looks
    /// at: names and addresses.
    pub properties: Vec<Name>,
    /// What is sought, without regard to case (RFC 3744 §9.4).
    pub text: String,
    /// The place in the property where the text has to stand.
    pub kind: MatchKind,
}

impl PrincipalSearch {
    pub(super) fn read(root: &Element, limits: &Limits) -> Result<Self, XmlError> {
        let searches = root.elements_named(DAV, "property-search");
        let searches: Vec<_> = searches
            .map(|search| PropertySearch::read(search, limits))
            .collect::<Result<_, _>>()?;
        // QUIRK(python-caldav 3): none asks for everybody; RFC 3744 §9.4 has one at least.
        if searches.len() > limits.tests_max {
            return Err(XmlError::TooLarge("DAV:property-search"));
        }
        Ok(Self {
            // Apple: DAV:principal-property-search test="anyof". RFC 3744 §9.4 knows only all.
            quantifier: match root.attribute("test") {
                Some("anyof") => Quantifier::Any,
                _ => Quantifier::All,
            },
            searches,
            request: request_of(root, limits)?,
            in_principal_collections: root
                .element(DAV, "apply-to-principal-collection-set")
                .is_some(),
            limit: limit(root, DAV)?,
        })
    }

    /// CS:calendarserver-principal-search: every word of CS:search-token in any property.
    pub(super) fn read_tokens(root: &Element, limits: &Limits) -> Result<Self, XmlError> {
        let tokens = root.elements_named(CALENDAR_SERVER, "search-token").map(Element::word);
        let tokens: Vec<String> = tokens.filter(|token| !token.is_empty()).collect();
        if tokens.is_empty() {
            return Err(XmlError::Unexpected("CS:search-token"));
        }
        if tokens.len() > limits.tests_max {
            return Err(XmlError::TooLarge("CS:search-token"));
        }
        let search =
            |text| PropertySearch { properties: Vec::new(), text, kind: MatchKind::Contains };
        Ok(Self {
            quantifier: Quantifier::All,
            searches: tokens.into_iter().map(search).collect(),
            request: PropertyRequest::find_or_none(root, limits)?,
            in_principal_collections: true,
            limit: limit(root, CALENDAR_SERVER)?,
        })
    }
}

/// QUIRK(python-caldav 3): the properties stand beside an empty DAV:prop, not in it.
fn request_of(root: &Element, limits: &Limits) -> Result<PropertyRequest, XmlError> {
    let request = PropertyRequest::find_or_none(root, limits)?;
    if request.properties != PropertySet::These(Vec::new()) {
        return Ok(request);
    }
    let mut beside = names_in(root, limits)?;
    beside.retain(|name| {
        let is_part = ["property-search", "prop", "apply-to-principal-collection-set", "limit"];
        name.namespace() != DAV || !is_part.contains(&name.local())
    });
    Ok(PropertyRequest::of_set(PropertySet::These(beside)))
}

impl PropertySearch {
    fn read(search: &Element, limits: &Limits) -> Result<Self, XmlError> {
        let prop = search.only(DAV, "prop")?.ok_or(XmlError::Unexpected("DAV:prop"))?;
        let text = search.only(DAV, "match")?.ok_or(XmlError::Unexpected("DAV:match"))?;
        let properties = names_in(prop, limits)?;
        if properties.is_empty() {
            return Err(XmlError::Unexpected("DAV:prop"));
        }
        // QUIRK(macOS, iOS): match-type, which RFC 3744 does not have.
        let kind = match text.attribute("match-type") {
            Some("starts-with") => MatchKind::StartsWith,
            Some("ends-with") => MatchKind::EndsWith,
            Some("equals") => MatchKind::Equals,
            _ => MatchKind::Contains,
        };
        Ok(Self { properties, text: text.word(), kind })
    }
}

/// DAV:principal-match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalMatch {
    /// The property that names the principal; without it, the resources that are the principal.
    pub property: Option<Name>,
    /// The properties that are answered for each principal found.
    pub request: PropertyRequest,
}

impl PrincipalMatch {
    pub(super) fn read(root: &Element, limits: &Limits) -> Result<Self, XmlError> {
        let property = root.only(DAV, "principal-property")?;
        let property = match (property, root.element(DAV, "self")) {
            (None, Some(_)) => None,
            (Some(property), None) => {
                let name = property.elements().next().map(|element| element.name.clone());
                Some(name.ok_or(XmlError::Unexpected("DAV:principal-property"))?)
            }
            _ => return Err(XmlError::Unexpected("DAV:principal-property")),
        };
        Ok(Self { property, request: PropertyRequest::find_or_none(root, limits)? })
    }
}

/// `limit` with `nresults` (RFC 5323 §5.17, RFC 6352 §10.6, RFC 6578 §6.3). 0 is no number of
/// results that anybody asks for.
pub(super) fn limit(root: &Element, namespace: &str) -> Result<Option<usize>, XmlError> {
    let limit = root.element(namespace, "limit");
    let Some(number) = limit.and_then(|limit| limit.element(namespace, "nresults")) else {
        return Ok(None);
    };
    match number.word().parse() {
        Ok(number) if number > 0 => Ok(Some(number)),
        _ => Err(XmlError::Unexpected("DAV:nresults")),
    }
}
