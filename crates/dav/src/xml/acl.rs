//! Lists of who may do what (RFC 3744 §5.5, §8.1).

use super::element::Element;
use super::error::XmlError;
use super::limits::Limits;
use super::name::{DAV, Name};

/// One entry of an access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ace {
    /// Whom it is about.
    pub principal: AcePrincipal,
    /// Whether it is about everybody else instead.
    pub inverted: bool,
    /// Whether it gives the privileges, or denies them.
    pub grants: bool,
    /// The privileges that are granted or denied.
    pub privileges: Vec<Name>,
    /// Whether it may not be changed (RFC 3744 §5.5.3); as servers say, not as clients ask.
    pub protected: bool,
}

/// Whom an entry is about (RFC 3744 §5.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcePrincipal {
    /// DAV:href: the principal at this path.
    Href(String),
    /// DAV:all: everybody, signed in or not.
    All,
    /// Whoever is signed in.
    Authenticated,
    /// DAV:unauthenticated: whoever has not signed in.
    Unauthenticated,
    /// DAV:property: the principals that a property of the resource names, such as DAV:owner.
    Property(Name),
    /// The resource itself, which is a principal.
    Itself,
}

/// The body of ACL.
pub fn parse_acl(body: &[u8], limits: &Limits) -> Result<Vec<Ace>, XmlError> {
    let root = Element::parse(body, limits)?;
    if !root.is(DAV, "acl") {
        return Err(XmlError::Unexpected("DAV:acl"));
    }
    if root.elements_named(DAV, "ace").count() > limits.properties_max {
        return Err(XmlError::TooLarge("DAV:ace"));
    }
    root.elements_named(DAV, "ace").map(Ace::read).collect()
}

impl Ace {
    fn read(ace: &Element) -> Result<Self, XmlError> {
        let (principal, inverted) = match (ace.only(DAV, "principal")?, ace.only(DAV, "invert")?) {
            (Some(principal), None) => (principal, false),
            (None, Some(invert)) => {
                let inside = invert.only(DAV, "principal")?;
                (inside.ok_or(XmlError::Unexpected("DAV:principal"))?, true)
            }
            _ => return Err(XmlError::Unexpected("DAV:principal")),
        };
        let (list, grants) = match (ace.only(DAV, "grant")?, ace.only(DAV, "deny")?) {
            (Some(grant), None) => (grant, true),
            (None, Some(deny)) => (deny, false),
            // RFC 3744 §8.1.1: each entry either grants or denies.
            _ => return Err(XmlError::Unexpected("DAV:grant")),
        };
        let mut privileges = Vec::new();
        for privilege in list.elements_named(DAV, "privilege") {
            let mut names = privilege.elements().map(|element| element.name.clone());
            match (names.next(), names.next()) {
                (Some(name), None) => privileges.push(name),
                _ => return Err(XmlError::Unexpected("DAV:privilege")),
            }
        }
        if privileges.is_empty() {
            return Err(XmlError::Unexpected("DAV:privilege"));
        }
        let protected = ace.element(DAV, "protected").is_some();
        let principal = AcePrincipal::read(principal)?;
        Ok(Self { principal, inverted, grants, privileges, protected })
    }
}

impl AcePrincipal {
    fn read(principal: &Element) -> Result<Self, XmlError> {
        let mut all = principal.elements().filter(|element| element.name.namespace() == DAV);
        let (Some(which), None) = (all.next(), all.next()) else {
            return Err(XmlError::Unexpected("DAV:principal"));
        };
        Ok(match which.name.local() {
            "href" => Self::Href(which.word()),
            "all" => Self::All,
            "authenticated" => Self::Authenticated,
            "unauthenticated" => Self::Unauthenticated,
            "self" => Self::Itself,
            "property" => {
                let name = which.elements().next().map(|element| element.name.clone());
                Self::Property(name.ok_or(XmlError::Unexpected("DAV:property"))?)
            }
            _ => return Err(XmlError::Unexpected("DAV:principal")),
        })
    }
}
