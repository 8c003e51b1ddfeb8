//! WebDAV (RFC 4918), CalDAV (RFC 4791) and CardDAV (RFC 6352).
//!
//! So far: [`xml`], what requests and answers say.

pub mod xml;
