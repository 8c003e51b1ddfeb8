//! Paths of resources, and the one way in which each is written.

use storage::Home;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// What a path names, before anybody looked whether it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `/` and `/dav/`: where programs begin.
    Root,
    /// `/dav/principals/`
    Principals,
    /// `/dav/principals/ADDRESS/`
    Principal(String),
    /// `/dav/principals/team:NAME/`, `/dav/principals/anyone/`: a team, everybody of the
    /// organisation.
    Group(String),
    /// `/dav/principals/ADDRESS/calendar-proxy-read/` and `…-write/`: who may see, or change, the
    /// calendars of somebody (calendarserver-proxy draft §5).
    Proxy(String, Proxy),
    /// `/dav/calendars/` and the like: what homes stand in.
    Homes(Home),
    /// `/dav/calendars/ADDRESS/`
    Home(Home, String),
    /// `/dav/calendars/ADDRESS/outbox/`
    Outbox(String),
    /// `/dav/attachments/ID/NAME`: the data of a managed attachment (RFC 8607), whatever the name.
    Attachment(String),
    /// `/dav/push/TOKEN`: a subscription to pushes.
    Push(String),
    /// Something in a home: a collection, an object, or a file or folder at any depth.
    Member(Home, String, Vec<String>),
}

/// The two groups of calendar proxies of a principal (calendar-proxy draft).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proxy {
    /// `calendar-proxy-read`: they may read.
    Read,
    /// `calendar-proxy-write`: they may read and write.
    Write,
}

impl Proxy {
    pub(crate) fn segment(self) -> &'static str {
        match self {
            Self::Read => "calendar-proxy-read",
            Self::Write => "calendar-proxy-write",
        }
    }
}

impl From<Proxy> for storage::Proxy {
    fn from(proxy: Proxy) -> Self {
        match proxy {
            Proxy::Read => Self::Read,
            Proxy::Write => Self::Write,
        }
    }
}

impl From<storage::Proxy> for Proxy {
    fn from(proxy: storage::Proxy) -> Self {
        match proxy {
            storage::Proxy::Read => Self::Read,
            storage::Proxy::Write => Self::Write,
        }
    }
}

/// A path that no resource can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadPath;

fn segment_of(home: Home) -> &'static str {
    match home {
        Home::Calendars => "calendars",
        Home::AddressBooks => "addressbooks",
        Home::Files => "files",
    }
}

impl Place {
    /// The place at the path of a URL; `None` where nothing of WebDAV can be.
    pub(crate) fn parse(path: &str) -> Result<Option<Self>, BadPath> {
        let segments = segments(path)?;
        let mut segments = segments.into_iter();
        match segments.next().as_deref() {
            None => return Ok(Some(Self::Root)),
            Some("dav") => {}
            Some(_) => return Ok(None),
        }
        let Some(kind) = segments.next() else { return Ok(Some(Self::Root)) };
        let owner = segments.next();
        // Names are stored in one normal form (NFC); Apple's programs ask for another.
        let rest: Vec<String> = segments.map(normal).collect();
        if kind == "principals" {
            return Ok(principal(owner, &rest));
        }
        if kind == "attachments" {
            return Ok(owner.filter(|_| rest.len() <= 1).map(Self::Attachment));
        }
        if kind == "push" {
            return Ok(owner.filter(|_| rest.is_empty()).map(Self::Push));
        }
        let home = match kind.as_str() {
            "calendars" => Home::Calendars,
            "addressbooks" => Home::AddressBooks,
            "files" => Home::Files,
            _ => return Ok(None),
        };
        Ok(Some(match (owner, rest.as_slice()) {
            (None, _) => Self::Homes(home),
            (Some(owner), []) => Self::Home(home, owner),
            (Some(owner), [name]) if home == Home::Calendars && name == "outbox" => {
                Self::Outbox(owner)
            }
            (Some(owner), _) => Self::Member(home, owner, rest),
        }))
    }
}

fn principal(owner: Option<String>, rest: &[String]) -> Option<Place> {
    let Some(owner) = owner else { return Some(Place::Principals) };
    match rest {
        [] if owner == "anyone" || owner.starts_with("team:") => Some(Place::Group(normal(owner))),
        [] => Some(Place::Principal(owner)),
        [one] if one == Proxy::Read.segment() => Some(Place::Proxy(owner, Proxy::Read)),
        [one] if one == Proxy::Write.segment() => Some(Place::Proxy(owner, Proxy::Write)),
        _ => None,
    }
}

/// The parts of a path, decoded. RFC 3986 §3.3: dot segments are the client's to resolve; ours
/// have none, and none that hold a slash.
fn segments(path: &str) -> Result<Vec<String>, BadPath> {
    let mut segments = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let decoded = decode(part)?;
        let is_bad = decoded == "."
            || decoded == ".."
            || decoded.contains('/')
            || decoded.chars().any(char::is_control);
        if is_bad {
            return Err(BadPath);
        }
        segments.push(decoded);
    }
    Ok(segments)
}

fn normal(segment: String) -> String {
    match is_nfc(&segment) {
        true => segment,
        false => segment.nfc().collect(),
    }
}

/// QUIRK(iOS 18.4): `%40` in user names: decoded once, everywhere.
pub(crate) fn decode(part: &str) -> Result<String, BadPath> {
    if !part.contains('%') {
        return Ok(part.to_owned());
    }
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(BadPath) };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    String::from_utf8(bytes).map_err(|_| BadPath)
}

/// The path of a URL as a request has it, without scheme, authority and query.
pub(crate) fn path_of(uri: &str) -> &str {
    let after = match uri.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| rest.get(at..).unwrap_or("/")),
        None => uri,
    };
    after.split(['?', '#']).next().unwrap_or(after)
}

/// Writes a path of these segments; a collection ends with a slash.
fn render(segments: &[&str], is_collection: bool) -> String {
    let mut path = String::with_capacity(64);
    for segment in segments {
        path.push('/');
        encode(segment, &mut path);
    }
    if is_collection {
        path.push('/');
    }
    path
}

/// RFC 3986 §3.3, `pchar`: all others are encoded.
fn encode(segment: &str, out: &mut String) {
    for byte in segment.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~!$'()*+,;=:@".contains(&byte);
        if is_plain {
            out.push(char::from(byte));
            continue;
        }
        push_encoded(byte, out);
    }
}

fn push_encoded(byte: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    for nibble in [byte >> 4, byte & 15] {
        out.push(char::from(DIGITS[usize::from(nibble)]));
    }
}

/// The path of a principal.
pub(crate) fn principal_href(address: &str) -> String {
    render(&["dav", "principals", address], true)
}

/// The path of a team, or of everybody of the organisation, as a principal: named as in access
/// control lists.
pub(crate) fn group_href(group: &storage::SharedWith) -> String {
    render(&["dav", "principals", &group.to_string()], true)
}

/// The principal path of somebody that something is shared with.
pub(crate) fn sharee_href(sharee: &storage::SharedWith) -> String {
    match sharee {
        storage::SharedWith::Account(address) => principal_href(address),
        storage::SharedWith::Team(_) | storage::SharedWith::Organisation => group_href(sharee),
        storage::SharedWith::Outside(address) => format!("mailto:{address}"),
    }
}

/// The path of the proxies of a principal.
pub(crate) fn proxy_href(address: &str, proxy: Proxy) -> String {
    render(&["dav", "principals", address, proxy.segment()], true)
}

/// The path of what all principals stand in.
pub(crate) fn principals_href() -> String {
    render(&["dav", "principals"], true)
}

/// The path of a managed attachment; the name is for who saves it.
pub(crate) fn attachment_href(id: &str, filename: &str) -> String {
    match filename {
        "" => render(&["dav", "attachments", id], false),
        filename => render(&["dav", "attachments", id, filename], false),
    }
}

/// A text with all encoded but what RFC 8187 §3.2.1 has as it is.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => push_encoded(byte, &mut out),
        }
    }
    out
}

/// The value of a parameter of a query, if it is there once.
pub(crate) fn query_value(query: &str, key: &str) -> Result<Option<String>, BadPath> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(name, _)| *name == key).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => decode(value).map(Some),
        (Some(_), Some(_)) => Err(BadPath),
    }
}

/// The path of a subscription to pushes.
pub(crate) fn push_href(token: &str) -> String {
    render(&["dav", "push", token], false)
}

/// The path of what homes stand in.
pub(crate) fn homes_href(home: Home) -> String {
    render(&["dav", segment_of(home)], true)
}

/// The path of a home.
pub(crate) fn home_href(home: Home, address: &str) -> String {
    render(&["dav", segment_of(home), address], true)
}

/// The path of a collection; its name may have several levels.
pub(crate) fn collection_href(home: Home, address: &str, name: &str) -> String {
    let mut segments = vec!["dav", segment_of(home), address];
    segments.extend(name.split('/'));
    render(&segments, true)
}

/// The path of an object in a collection whose path is known.
pub(crate) fn object_href(collection: &str, name: &str) -> String {
    let mut path = String::with_capacity(collection.len() + name.len() + 8);
    path.push_str(collection);
    encode(name, &mut path);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_places() {
        let member = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            Some(Place::Member(Home::Calendars, "a@b".to_owned(), names))
        };
        for (path, expect) in [
            ("/", Some(Place::Root)),
            ("/dav", Some(Place::Root)),
            ("/metrics", None),
            ("/dav/x", None),
            ("/dav/principals/", Some(Place::Principals)),
            ("/dav/principals/a%40b", Some(Place::Principal("a@b".to_owned()))),
            ("/dav/principals/a@b/x/", None),
            ("/dav/principals/anyone/", Some(Place::Group("anyone".to_owned()))),
            ("/dav/principals/team:Our%20team/", Some(Place::Group("team:Our team".to_owned()))),
            ("/dav/attachments/0f/a.txt", Some(Place::Attachment("0f".to_owned()))),
            ("/dav/attachments/0f/a/b", None),
            ("/dav/calendars//a@b/", Some(Place::Home(Home::Calendars, "a@b".to_owned()))),
            ("/dav/calendars/a%40b/outbox/", Some(Place::Outbox("a@b".to_owned()))),
            ("/dav/calendars/a@b/jobs/a%20b.ics", member(&["jobs", "a b.ics"])),
            ("/dav/calendars/a@b/jobs/", member(&["jobs"])),
        ] {
            assert_eq!(Place::parse(path), Ok(expect), "{path}");
        }
        for path in ["/dav/../x", "/dav/%2e%2E/", "/dav/a%2fb", "/dav/a%00", "/%", "/%zz", "/%ff"] {
            assert_eq!(Place::parse(path), Err(BadPath), "{path}");
        }
    }

    #[test]
    fn names_have_one_normal_form() {
        let fixture = crate::testing::Fixture::new();
        // An u with its dots behind it, and in one.
        let (apart, one) = ("/u%CC%88", "/%C3%BC");
        assert_eq!(fixture.status("MKCOL", apart, &[], ""), 201);
        assert_eq!(fixture.status("PUT", &format!("{one}{apart}"), &[], "1"), 201);
        for path in [format!("{apart}{apart}"), format!("{one}{one}")] {
            assert_eq!(fixture.body(&path), "1", "{path}");
        }
        let to = crate::testing::file_href(&format!("{apart}/x"));
        let headers = [("destination", to.as_str())];
        assert_eq!(fixture.status("MOVE", &format!("{apart}{apart}"), &headers, ""), 201);
        assert_eq!(fixture.status("DELETE", apart, &[], ""), 204);
        assert_eq!(fixture.status("GET", &format!("{one}/x"), &[], ""), 404);
    }

    #[test]
    fn paths_are_written_in_one_way() {
        assert_eq!(principal_href("a@b"), "/dav/principals/a@b/");
        let folder = collection_href(Home::Files, "a@b", "x y/ü");
        assert_eq!(folder, "/dav/files/a@b/x%20y/%C3%BC/");
        assert_eq!(object_href(&folder, "1%&?.ics"), format!("{folder}1%25%26%3F.ics"));
        assert_eq!(path_of("https://host:8443/a/b?c#d"), "/a/b");
        assert_eq!(path_of("http://host"), "/");
        assert_eq!(path_of("/a"), "/a");
    }
}
