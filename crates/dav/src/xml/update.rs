//! DAV:propertyupdate (RFC 4918 §9.2, §14.19) as a list of changes in their order.

use super::element::{Attribute, Element, XML};
use super::error::XmlError;
use super::limits::Limits;
use super::name::{DAV, Name};

/// One instruction of PROPPATCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyChange {
    /// The property is to be this.
    Set(Element),
    /// The property is to be gone.
    Remove(Name),
}

impl PropertyChange {
    /// The body of PROPPATCH, in its order (RFC 4918 §9.2: document order is observed).
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Vec<Self>, XmlError> {
        let root = Element::parse(body, limits)?;
        if !root.is(DAV, "propertyupdate") {
            return Err(XmlError::Unexpected("DAV:propertyupdate"));
        }
        let mut changes = Vec::new();
        for part in root.elements() {
            let sets = part.is(DAV, "set");
            if !sets && !part.is(DAV, "remove") {
                continue;
            }
            let prop = part.only(DAV, "prop")?.ok_or(XmlError::Unexpected("DAV:prop"))?;
            for property in prop.elements() {
                if changes.len() >= limits.properties_max {
                    return Err(XmlError::TooLarge("properties"));
                }
                changes.push(match sets {
                    true => Self::Set(with_language(property, &[prop, part, &root])),
                    false => Self::Remove(property.name.clone()),
                });
            }
        }
        match changes.is_empty() {
            true => Err(XmlError::Unexpected("DAV:prop")),
            false => Ok(changes),
        }
    }

    /// The name of the property.
    pub fn name(&self) -> &Name {
        match self {
            Self::Set(element) => &element.name,
            Self::Remove(name) => name,
        }
    }
}

/// RFC 4918 §4.3: the language in scope belongs to a property. `around` holds the elements that
/// it stands in, the innermost first.
pub(super) fn with_language(property: &Element, around: &[&Element]) -> Element {
    let language = |element: &Element| -> Option<Attribute> {
        element.attributes.iter().find(|attribute| attribute.name.is(XML, "lang")).cloned()
    };
    let mut property = property.clone();
    if language(&property).is_none() {
        property.attributes.extend(around.iter().find_map(|element| language(element)));
    }
    property
}
