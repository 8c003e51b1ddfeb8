//! The XML of WebDAV and what extends it: bodies of requests become values, values become bodies
//! of answers.
//!
//! | body | read by |
//! |---|---|
//! | PROPFIND (RFC 4918 §14.20) | [`PropertyRequest::parse`] |
//! | PROPPATCH (RFC 4918 §14.19) | [`PropertyChange::parse`] |
//! | MKCOL, MKCALENDAR (RFC 5689 §5, RFC 4791 §9.2) | [`parse_mkcol`] |
//! | LOCK (RFC 4918 §14.11) | [`LockInfo::parse`] |
//! | ACL (RFC 3744 §8.1) | [`parse_acl`] |
//! | REPORT | [`Report::parse`] |
//! | POST of Apple's sharing | [`SharingRequest::parse`] |
//!
//! All of them read a tree of [`Element`]s first, within [`Limits`], and ignore what they do not
//! know (RFC 4918 §17). Values of dead properties stay such trees, and come back as they were.
//! Answers are written with [`Multistatus`] and [`Writer`].
//!
//! **Invariants:** no document type, so no entity but those of XML itself; nothing is fetched;
//! depth, elements, attributes, namespaces and names are bounded before they cost anything.
//! **Absent:** storage, HTTP, what the values mean.

mod acl;
mod address_filter;
mod calendar_filter;
mod element;
mod error;
mod limits;
mod lock;
mod mkcol;
mod multistatus;
mod name;
mod principal_search;
mod properties;
mod push;
mod read;
mod report;
mod sharing;
#[cfg(test)]
mod tests;
mod update;
mod write;

pub use acl::{Ace, AcePrincipal, parse_acl};
pub use address_filter::AddressDataRequest;
pub use calendar_filter::{CalendarDataRequest, ZonesSent};
pub use element::{Attribute, Element, Node};
pub use error::XmlError;
pub use limits::Limits;
pub use lock::{LockInfo, LockScope};
pub use mkcol::parse_mkcol;
pub(crate) use multistatus::write_need_privileges;
pub use multistatus::{Multistatus, Response, Status};
pub use name::{APPLE, CALDAV, CALENDAR_SERVER, CARDDAV, DAV, ME, Name, PUSH};
pub use principal_search::{PrincipalMatch, PrincipalSearch, PropertySearch};
pub use properties::{PropertyRequest, PropertySet};
pub use push::PushRegister;
pub use report::{
    AddressbookQuery, CalendarQuery, ExpandedProperty, Multiget, QueryZone, Report, SyncCollection,
    SyncLevel,
};
pub use sharing::{Invitation, Sharee, SharingRequest};
pub use update::PropertyChange;
pub use write::{Writer, escape_text};
