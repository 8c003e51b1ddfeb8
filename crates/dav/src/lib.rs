//! WebDAV (RFC 4918), CalDAV (RFC 4791) and CardDAV (RFC 6352).
//!
//! [`DavService`] answers one request of HTTP: it signs in (Basic, Bearer), finds what is at the
//! path ([`resource`], [`path`]), and runs the method (`methods/`) or the report (`reports/`).
//! Properties are rendered by `properties/` from what `describe` has read in one transaction; what
//! a body says is read by [`xml`].
//!
//! **Invariants:** rules about data are storage's, conditions and locks decided in its transaction;
//! a resource has one spelling of its path; DAV:error holds one precondition; what somebody may
//! not read is answered as if it were not there. **Absent:** SQL, connections, the layout of
//! iCalendar and vCard (`ical`).

mod address_data;
mod answer;
mod attachments;
mod body;
mod calendar_data;
mod counts;
mod describe;
mod error;
mod exchange;
mod methods;
mod notice;
mod outside;
mod path;
mod properties;
mod public;
mod push;
mod reports;
mod request;
mod resource;
mod scheduling;
mod service;
mod settings;
#[cfg(test)]
mod testing;
mod timezones;
mod turns;
mod waiting;
mod work;
pub mod xml;

pub use answer::Answer;
pub use attachments::attachment_path;
pub use counts::{Counts, MethodCounts};
pub use notice::Notifications;
pub use outside::{outside_file_path, outside_path};
pub use public::public_path;
pub use push::{PushKey, Pusher, PusherSettings};
pub use service::{DavService, Peer};
pub use settings::{AttachmentChecks, AttachmentVerdict, PushSettings, Settings};
pub use turns::Turns;
pub use xml::Limits as XmlLimits;
