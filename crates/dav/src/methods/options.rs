//! OPTIONS (RFC 4918 §10.1, RFC 4791 §5.1, RFC 6638 §2, RFC 6352 §6.1).

use hyper::StatusCode;
use hyper::header::{ALLOW, HeaderName, HeaderValue};

use storage::CollectionKind;

use crate::answer::{Answer, empty};
use crate::resource::Resource;
use crate::settings::Settings;

/// What is served. QUIRK(Apple's programs): look for it on the principal.
const CLASSES: &str = "1, 2, 3, access-control, extended-mkcol, calendar-access, \
                       calendar-auto-schedule, calendar-availability, calendar-no-timezone, \
                       addressbook, calendar-proxy, calendarserver-sharing, \
                       calendarserver-subscribed, calendarserver-principal-property-search, \
                       calendarserver-principal-search, calendarserver-home-sync";

/// The methods that a resource takes.
pub(crate) fn allowed(resource: &Resource) -> &'static str {
    match resource {
        Resource::Root
        | Resource::Principals
        | Resource::Principal(_)
        | Resource::Group(_)
        | Resource::Proxy(..)
        | Resource::Homes(_) => "OPTIONS, PROPFIND, PROPPATCH, REPORT",
        Resource::Home(..) => "OPTIONS, PROPFIND, PROPPATCH, REPORT, POST, MKCOL, MKCALENDAR",
        Resource::Outbox(_) => "OPTIONS, PROPFIND, REPORT, POST",
        Resource::Collection(_, collection) if collection.kind == CollectionKind::Inbox => {
            "OPTIONS, PROPFIND, PROPPATCH, REPORT, POST"
        }
        Resource::Collection(_, collection) if collection.kind.is_private() => {
            "OPTIONS, PROPFIND, PROPPATCH, REPORT"
        }
        Resource::Collection(..) => {
            "OPTIONS, PROPFIND, PROPPATCH, ACL, REPORT, POST, DELETE, COPY, MOVE, LOCK, UNLOCK"
        }
        Resource::Object(_, collection, ..) if collection.kind == CollectionKind::Calendar => {
            "OPTIONS, PROPFIND, PROPPATCH, REPORT, GET, HEAD, PUT, POST, DELETE, COPY, MOVE, LOCK, \
             UNLOCK"
        }
        Resource::Object(..) => {
            "OPTIONS, PROPFIND, PROPPATCH, ACL, REPORT, GET, HEAD, PUT, DELETE, COPY, MOVE, LOCK, \
             UNLOCK"
        }
    }
}

/// All methods, for places where nothing is yet.
pub(crate) const ANYTHING: &str = "OPTIONS, PROPFIND, PROPPATCH, ACL, REPORT, GET, HEAD, PUT, POST, \
                                   DELETE, COPY, MOVE, LOCK, UNLOCK, MKCOL, MKCALENDAR";

pub(crate) fn run(methods: &'static str, settings: &Settings) -> Answer {
    let mut classes = CLASSES.to_owned();
    if settings.attachments.bytes_max > 0 {
        // RFC 8607 §3.2
        classes.push_str(", calendar-managed-attachments");
    }
    if settings.pushes.is_some() {
        // draft-bitfire-webdav-push §2
        classes.push_str(", webdav-push");
    }
    let mut answer = empty(StatusCode::OK);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    if let Ok(classes) = HeaderValue::try_from(classes) {
        answer.headers_mut().insert(HeaderName::from_static("dav"), classes);
    }
    answer
}
