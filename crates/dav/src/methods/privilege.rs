//! Which privilege a method needs, for whoever lacks it (RFC 3744 §7.1.1, appendix B).

use crate::path::path_of;
use crate::request::Request;
use crate::xml::Name;

/// The resource and the privilege that are wanting where a request is refused for want of one; `None`
/// where it may be one of several.
pub(crate) fn needed(request: &Request) -> Option<(String, Name)> {
    let path = request.uri.path();
    let own = |local| Some((path.to_owned(), Name::dav(local)));
    let above = |path: &str, local| Some((parent(path).to_owned(), Name::dav(local)));
    match request.method.as_str() {
        "GET" | "HEAD" | "PROPFIND" | "REPORT" => own("read"),
        "PROPPATCH" => own("write-properties"),
        "ACL" => own("write-acl"),
        "UNLOCK" => own("unlock"),
        // What is new is bound to its collection.
        "PUT" if request.header("if-none-match").is_none() => own("write-content"),
        "LOCK" => own("write-content"),
        "PUT" | "MKCOL" | "MKCALENDAR" => above(path, "bind"),
        "DELETE" => above(path, "unbind"),
        "COPY" => above(path_of(request.header("destination")?), "bind"),
        // MOVE needs one of each of two collections; POST does what its body says.
        _ => None,
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
        let new = ("if-none-match", "*");
        let to = ("destination", "https://a.test/dav/y/2.ics");
        let other = ("depth", "0");
        for (method, path, (name, value), expect) in [
            ("GET", "/dav/x/1.ics", other, "/dav/x/1.ics read"),
            ("PROPFIND", "/dav/x/", other, "/dav/x/ read"),
            ("REPORT", "/dav/x/", other, "/dav/x/ read"),
            ("PROPPATCH", "/dav/x/", other, "/dav/x/ write-properties"),
            ("ACL", "/dav/x/", other, "/dav/x/ write-acl"),
            ("UNLOCK", "/dav/x/", other, "/dav/x/ unlock"),
            ("LOCK", "/dav/x/", other, "/dav/x/ write-content"),
            ("PUT", "/dav/x/1.ics", other, "/dav/x/1.ics write-content"),
            ("PUT", "/dav/x/1.ics", new, "/dav/x/ bind"),
            ("MKCOL", "/dav/x/", other, "/dav/ bind"),
            ("DELETE", "/dav/x/1.ics", other, "/dav/x/ unbind"),
            ("COPY", "/dav/x/1.ics", to, "/dav/y/ bind"),
            ("COPY", "/dav/x/1.ics", other, ""),
            ("MOVE", "/dav/x/1.ics", to, ""),
            ("DELETE", "/", other, "/ unbind"),
        ] {
            let header = (HeaderName::from_static(name), HeaderValue::from_static(value));
            let request = Request {
                method: method.parse().unwrap(),
                uri: path.parse().unwrap(),
                headers: HeaderMap::from_iter([header]),
                body: Vec::new(),
            };
            let found = needed(&request);
            let found = found.map(|(href, name)| format!("{href} {}", name.local()));
            assert_eq!(found.unwrap_or_default(), expect, "{method} {path}");
        }
    }
}
