//! MKCOL with properties (RFC 5689 §3, §5.1) and MKCALENDAR (RFC 4791 §5.3.1, §9.2).

use super::element::Element;
use super::error::XmlError;
use super::limits::Limits;
use super::name::{CALDAV, DAV};
use super::update::with_language;

/// The properties that a new collection is to have; none of an empty body.
pub fn parse_mkcol(body: &[u8], limits: &Limits) -> Result<Vec<Element>, XmlError> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let root = Element::parse(body, limits)?;
    if !root.is(DAV, "mkcol") && !root.is(CALDAV, "mkcalendar") {
        return Err(XmlError::Unexpected("DAV:mkcol"));
    }
    let mut properties: Vec<Element> = Vec::new();
    for set in root.elements_named(DAV, "set") {
        let prop = set.only(DAV, "prop")?.ok_or(XmlError::Unexpected("DAV:prop"))?;
        for property in prop.elements() {
            if properties.len() >= limits.properties_max {
                return Err(XmlError::TooLarge("properties"));
            }
            properties.push(with_language(property, &[prop, set, &root]));
        }
    }
    Ok(properties)
}
