//! Requests from the RFCs' own examples, and what real programs and hostile ones send.

mod answers;
mod filters;
mod hostile;
mod requests;
mod trees;

use super::*;

fn limits() -> Limits {
    Limits::default()
}

/// A body with the usual prefixes declared at its root, which is `D:` or `C:` something.
fn with_prefixes(body: &str) -> Vec<u8> {
    let declarations = " xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
        xmlns:CARD=\"urn:ietf:params:xml:ns:carddav\" xmlns:CS=\"http://calendarserver.org/ns/\"";
    let at = body.find([' ', '>', '/']).unwrap();
    format!("{}{declarations}{}", &body[..at], &body[at..]).into_bytes()
}
