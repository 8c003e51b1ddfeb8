//! The body of LOCK: which kind of lock is asked for, and by whom (RFC 4918 §9.10, §14.11).

use super::element::Element;
use super::error::XmlError;
use super::limits::Limits;
use super::name::DAV;

/// The body of LOCK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockInfo {
    /// Whether others may lock it as well.
    pub scope: LockScope,
    /// DAV:owner as it was sent; it comes back in DAV:lockdiscovery.
    pub owner: Option<Element>,
}

/// DAV:lockscope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockScope {
    /// Nobody else has a lock.
    Exclusive,
    /// Others may have one, too.
    Shared,
}

impl LockInfo {
    /// RFC 4918 §9.10.2: an empty body refreshes a lock, and gives none of these.
    pub fn parse(body: &[u8], limits: &Limits) -> Result<Option<Self>, XmlError> {
        if body.is_empty() {
            return Ok(None);
        }
        let root = Element::parse(body, limits)?;
        if !root.is(DAV, "lockinfo") {
            return Err(XmlError::Unexpected("DAV:lockinfo"));
        }
        let kind = root.only(DAV, "locktype")?;
        if kind.and_then(|kind| kind.element(DAV, "write")).is_none() {
            return Err(XmlError::Unexpected("DAV:locktype"));
        }
        let scope = root.only(DAV, "lockscope")?.ok_or(XmlError::Unexpected("DAV:lockscope"))?;
        let is = |local| scope.element(DAV, local).is_some();
        let scope = match (is("exclusive"), is("shared")) {
            (true, false) => LockScope::Exclusive,
            (false, true) => LockScope::Shared,
            _ => return Err(XmlError::Unexpected("DAV:lockscope")),
        };
        Ok(Some(Self { scope, owner: root.only(DAV, "owner")?.cloned() }))
    }
}
