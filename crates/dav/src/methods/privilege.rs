//! Which privileges a method needs, for whoever lacks them (RFC 3744 §7.1.1, appendix B).

use storage::ReadTx;

use crate::describe::Describer;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::{attachments, share};
use crate::path::{Place, path_of};
use crate::request::Request;
use crate::resource;
use crate::xml::Name;

/// A privilege of the resource at a path.
pub(crate) type Privilege = (String, Name);

/// A privilege that a method needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// The named privilege on the resource at this path.
    Of(String, Name),
    /// To write what is at a path, or, where there is nothing yet, to bind it to its collection.
    Content(String),
}

/// What a request needs beside finding what it is about; nothing where that is no privilege.
pub(crate) fn needed(request: &Request) -> Vec<Need> {
    let path = request.uri.path();
    let own = |local| vec![Need::Of(path.to_owned(), Name::dav(local))];
    let above = |path: &str, local| Need::Of(parent(path).to_owned(), Name::dav(local));
    let destination = request.header("destination").map(path_of);
    match request.method.as_str() {
        "GET" | "HEAD" | "PROPFIND" | "REPORT" => own("read"),
        "PROPPATCH" => own("write-properties"),
        "ACL" => own("write-acl"),
        "UNLOCK" => own("unlock"),
        "PUT" | "LOCK" => vec![Need::Content(path.to_owned())],
        "MKCOL" | "MKCALENDAR" => vec![above(path, "bind")],
        "DELETE" => vec![above(path, "unbind")],
        "COPY" => destination.map(|to| Need::Content(to.to_owned())).into_iter().collect(),
        "MOVE" => {
            let bound = destination.map(|to| above(to, "bind"));
            std::iter::once(above(path, "unbind")).chain(bound).collect()
        }
        "POST" => needed_to_post(request),
        _ => Vec::new(),
    }
}

/// POST does what its path, its query or its body says.
fn needed_to_post(request: &Request) -> Vec<Need> {
    let path = request.uri.path();
    let own = |name| vec![Need::Of(path.to_owned(), name)];
    match Place::parse(path) {
        // RFC 6638 §6.2.4
        Ok(Some(Place::Outbox(_))) => own(Name::caldav("schedule-send-freebusy")),
        Ok(Some(Place::Member(..))) if attachments::is_action(&request.uri) => {
            own(Name::dav("write-content"))
        }
        Ok(Some(Place::Member(..))) if share::is_xml(request) => own(Name::dav("write-acl")),
        // RFC 5995 §3.1: what it makes is bound to its collection.
        Ok(Some(Place::Member(..))) => own(Name::dav("bind")),
        _ => Vec::new(),
    }
}

/// Those of the needed privileges that the actor lacks. If the actor has them all, all are
/// returned: then it is not rights that were missing, but a resource which the server changes for
/// nobody, and RFC 3744 §7.1.1 wants at least one privilege named.
pub(crate) async fn lacking(exchange: &Exchange, needs: Vec<Need>) -> Result<Vec<Privilege>> {
    exchange
        .read(move |exchange, tx| {
            let mut needed = Vec::new();
            for need in needs {
                needed.push(named(exchange, tx, need)?);
            }
            let mut lacking = Vec::new();
            for one in &needed {
                if !has(exchange, tx, one)? {
                    lacking.push(one.clone());
                }
            }
            Ok(if lacking.is_empty() { needed } else { lacking })
        })
        .await
}

fn named(exchange: &Exchange, tx: &mut ReadTx<'_>, need: Need) -> Result<Privilege> {
    Ok(match need {
        Need::Of(href, name) => (href, name),
        Need::Content(path) => match find(exchange, tx, &path)? {
            Some(_) => (path, Name::dav("write-content")),
            None => (parent(&path).to_owned(), Name::dav("bind")),
        },
    })
}

/// As DAV:current-user-privilege-set says it. Of what cannot be seen nobody has any.
fn has(exchange: &Exchange, tx: &mut ReadTx<'_>, (href, name): &Privilege) -> Result<bool> {
    let Some(found) = find(exchange, tx, href)? else { return Ok(false) };
    let mut describer = Describer::new(&exchange.actor, &exchange.settings, exchange.now());
    describer.read(tx, &found)?;
    Ok(describer.described(&found, &[], None).privileges().contains(name))
}

fn find(
    exchange: &Exchange,
    tx: &mut ReadTx<'_>,
    path: &str,
) -> Result<Option<resource::Resource>> {
    let Some(place) = Place::parse(path)? else { return Ok(None) };
    match resource::find(tx, &exchange.actor, &place) {
        Ok(found) => Ok(Some(found)),
        Err(error @ DavError::Storage(_)) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The collection that something is a member of.
fn parent(path: &str) -> &str {
    let path = path.strip_suffix('/').unwrap_or(path);
    path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn methods_need_privileges() {
        let to = ("destination", "https://a.test/dav/y/2.ics");
        let other = ("depth", "0");
        let xml = ("content-type", "text/xml");
        let calendar = "/dav/calendars/a@b/x/";
        for (method, path, (name, value), expect) in [
            ("GET", "/dav/x/1.ics", other, "/dav/x/1.ics read"),
            ("PROPFIND", "/dav/x/", other, "/dav/x/ read"),
            ("REPORT", "/dav/x/", other, "/dav/x/ read"),
            ("PROPPATCH", "/dav/x/", other, "/dav/x/ write-properties"),
            ("ACL", "/dav/x/", other, "/dav/x/ write-acl"),
            ("UNLOCK", "/dav/x/", other, "/dav/x/ unlock"),
            ("LOCK", "/dav/x/", other, "/dav/x/ or above"),
            ("PUT", "/dav/x/1.ics", other, "/dav/x/1.ics or above"),
            ("MKCOL", "/dav/x/", other, "/dav/ bind"),
            ("DELETE", "/dav/x/1.ics", other, "/dav/x/ unbind"),
            ("COPY", "/dav/x/1.ics", to, "/dav/y/2.ics or above"),
            ("COPY", "/dav/x/1.ics", other, ""),
            ("MOVE", "/dav/x/1.ics", to, "/dav/x/ unbind, /dav/y/ bind"),
            ("MOVE", "/dav/x/1.ics", other, "/dav/x/ unbind"),
            ("DELETE", "/", other, "/ unbind"),
            ("POST", "/dav/calendars/a@b/outbox/", other, "_ schedule-send-freebusy"),
            ("POST", "/dav/calendars/a@b/x/1.ics?action=attachment-add", other, "_ write-content"),
            ("POST", "/dav/calendars/a@b/x/?add-member", other, "_ bind"),
            ("POST", calendar, xml, "_ write-acl"),
            ("POST", "/dav/calendars/a@b/", xml, ""),
        ] {
            let header = (HeaderName::from_static(name), HeaderValue::from_static(value));
            let request = Request {
                method: method.parse().unwrap(),
                uri: path.parse().unwrap(),
                headers: HeaderMap::from_iter([header]),
                body: Vec::new(),
            };
            let found: Vec<String> = needed(&request)
                .into_iter()
                .map(|need| match need {
                    Need::Of(href, name) => format!("{href} {}", name.local()),
                    Need::Content(href) => format!("{href} or above"),
                })
                .collect();
            let expect = expect.replace('_', request.uri.path());
            assert_eq!(found.join(", "), expect, "{method} {path}");
        }
    }
}
