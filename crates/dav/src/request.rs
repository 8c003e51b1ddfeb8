//! A request with its body in memory, its path, and the headers that several methods read (Depth,
//! Prefer, If-Match and so on).

use hyper::header::{HOST, HeaderName, IF_MATCH, IF_NONE_MATCH};
use hyper::{HeaderMap, Method, StatusCode, Uri};
use storage::{Answering, EtagCondition};

use crate::error::{DavError, Result};
use crate::path::path_of;
use crate::xml::ZonesSent;

/// How deep a request reaches (RFC 4918 §10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The resource alone.
    Zero,
    /// The resource and its members.
    One,
    /// The resource and everything below it.
    Infinity,
}

/// How much an answer says of properties that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Nothing (RFC 8144 §2.1, `return=minimal`).
    Minimal,
    /// Each, with its status.
    Full,
}

/// A request whose body is in memory.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The path it is about.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// A header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }

    /// The depth, where there is any.
    pub(crate) fn depth(&self) -> Result<Option<Depth>> {
        match self.header("depth") {
            None => Ok(None),
            Some("0") => Ok(Some(Depth::Zero)),
            Some("1") => Ok(Some(Depth::One)),
            Some(text) if text.eq_ignore_ascii_case("infinity") => Ok(Some(Depth::Infinity)),
            Some(_) => Err(DavError::BAD_REQUEST),
        }
    }

    /// How much the answer says (RFC 8144 §2, and Apple's older way).
    pub(crate) fn detail(&self) -> Detail {
        let is_brief = self.prefers("return=minimal")
            || self.header("brief").is_some_and(|brief| brief.eq_ignore_ascii_case("t"));
        if is_brief { Detail::Minimal } else { Detail::Full }
    }

    /// Where what is then at the place is the answer, how it has its time zones (RFC 8144 §3).
    pub(crate) fn shows(&self) -> Option<ZonesSent> {
        self.prefers("return=representation").then(|| self.zones())
    }

    /// Whether the Prefer header holds `wanted` (RFC 7240 §2).
    pub(crate) fn prefers(&self, wanted: &str) -> bool {
        let values = self.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split([',', ';'])).any(|preference| {
            let plain: String =
                preference.chars().filter(|char| !matches!(char, ' ' | '\t' | '"')).collect();
            plain.eq_ignore_ascii_case(wanted)
        })
    }

    /// RFC 4918 §10.6: T without any word.
    pub(crate) fn overwrites(&self) -> Result<bool> {
        match self.header("overwrite") {
            None => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("t") => Ok(true),
            Some(text) if text.eq_ignore_ascii_case("f") => Ok(false),
            Some(_) => Err(DavError::BAD_REQUEST),
        }
    }

    /// The path of Destination (RFC 4918 §10.3), which is on this server.
    pub(crate) fn destination(&self, public_url: &str) -> Result<String> {
        let text = self.header("destination").ok_or(DavError::BAD_REQUEST)?;
        if text.starts_with('/') {
            return Ok(path_of(text).to_owned());
        }
        authority_of(text).ok_or(DavError::BAD_REQUEST)?;
        // RFC 4918 §9.8.5: 502 where the destination is on another server.
        if !is_here(text, &self.uri, &self.headers, public_url) {
            return Err(DavError::Status(StatusCode::BAD_GATEWAY));
        }
        Ok(path_of(text).to_owned())
    }

    /// The condition of If-Match, if the request has one.
    pub(crate) fn if_match(&self) -> Result<Option<EtagCondition>> {
        self.etags(&IF_MATCH)
    }

    /// The condition of If-None-Match, if the request has one.
    pub(crate) fn if_none_match(&self) -> Result<Option<EtagCondition>> {
        self.etags(&IF_NONE_MATCH)
    }

    /// If-Schedule-Tag-Match (RFC 6638 §8.3). QUIRK(Apple's programs): nothing in it.
    pub(crate) fn schedule_tag(&self) -> Option<String> {
        let text = self.header("if-schedule-tag-match")?;
        parse_etags(text).into_iter().next()
    }

    /// CalDAV-Timezones (RFC 7809 §7.1).
    pub(crate) fn zones(&self) -> ZonesSent {
        match self.header("caldav-timezones") {
            Some(text) if text.eq_ignore_ascii_case("t") => ZonesSent::All,
            Some(text) if text.eq_ignore_ascii_case("f") => ZonesSent::Unknown,
            _ => ZonesSent::AsStored,
        }
    }

    /// Schedule-Reply (RFC 6638 §8.1): F where an organizer is not to be told.
    pub(crate) fn answering(&self) -> Answering {
        match self.header("schedule-reply") {
            Some(text) if text.eq_ignore_ascii_case("f") => Answering::Silent,
            _ => Answering::Reply,
        }
    }

    fn etags(&self, header: &HeaderName) -> Result<Option<EtagCondition>> {
        let mut etags = Vec::new();
        let mut is_there = false;
        for value in self.headers.get_all(header) {
            let text = value.to_str().map_err(|_| DavError::BAD_REQUEST)?.trim();
            is_there = true;
            if text == "*" {
                return Ok(Some(EtagCondition::Any));
            }
            etags.extend(parse_etags(text));
        }
        Ok(is_there.then_some(EtagCondition::OneOf(etags)))
    }

    /// For how long a lock is asked for, in seconds (RFC 4918 §10.7).
    pub(crate) fn timeout_secs(&self) -> Option<i64> {
        let text = self.header("timeout")?;
        let first = text.split(',').next()?.trim();
        match first.strip_prefix("Second-") {
            Some(secs) => secs.parse::<u32>().ok().map(i64::from),
            None => Some(i64::from(u32::MAX)),
        }
    }
}

/// Whether a URL is of the server that a request went to, by the name that the client has for it or
/// the one that is given to others: a proxy in between may have told another one.
pub(crate) fn is_here(url: &str, uri: &Uri, headers: &HeaderMap, public_url: &str) -> bool {
    let Some(authority) = authority_of(url) else { return false };
    let host = || headers.get(HOST).and_then(|host| host.to_str().ok());
    let asked = uri.authority().map(|authority| authority.as_str()).or_else(host);
    let known = [asked.map(without_usual_port), authority_of(public_url)];
    known.into_iter().flatten().any(|known| known.eq_ignore_ascii_case(authority))
}

fn authority_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    Some(without_usual_port(rest.split(['/', '?', '#']).next().unwrap_or(rest)))
}

/// RFC 9110 §4.2.3: with the port that is meant without one, or without it, is the same.
fn without_usual_port(authority: &str) -> &str {
    let authority = authority.trim();
    let usual = [":443", ":80"].iter().find_map(|port| authority.strip_suffix(port));
    usual.unwrap_or(authority)
}

/// ```text
/// entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE
/// ```
/// RFC 9110 §8.8.3. Ours are strong, and none of them has a quote.
fn parse_etags(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim);
    let bare = parts.map(|part| part.strip_prefix("W/").unwrap_or(part));
    // QUIRK(several programs): no quotes.
    bare.map(|part| part.trim_matches('"').to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &str)]) -> Request {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Request {
            method: Method::GET,
            uri: "/dav/x".parse().unwrap(),
            headers: map,
            body: Vec::new(),
        }
    }

    #[test]
    fn headers_are_read() {
        assert_eq!(request(&[("depth", "1")]).depth().unwrap(), Some(Depth::One));
        assert_eq!(request(&[("depth", "Infinity")]).depth().unwrap(), Some(Depth::Infinity));
        assert!(request(&[("depth", "2")]).depth().is_err());
        assert_eq!(
            request(&[("prefer", "handling=x, return=\"minimal\"")]).detail(),
            Detail::Minimal
        );
        assert_eq!(request(&[("brief", "t")]).detail(), Detail::Minimal);
        assert_eq!(request(&[("prefer", "return=representation")]).detail(), Detail::Full);
        assert_eq!(request(&[("timeout", "Infinite, Second-5")]).timeout_secs(), Some(0xffff_ffff));
        assert_eq!(request(&[("timeout", "Second-60")]).timeout_secs(), Some(60));
        let etags = request(&[("if-match", "\"a\", W/\"b\"")]).if_match().unwrap();
        let named = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(etags, Some(EtagCondition::OneOf(named)));
        assert_eq!(request(&[("if-match", "*")]).if_match().unwrap(), Some(EtagCondition::Any));
        let there = |host: &str, text: &str| {
            let request = request(&[("host", host), ("destination", text)]);
            request.destination("https://dav.example.test/")
        };
        assert_eq!(there("h:1", "http://h:1/a%20b").unwrap(), "/a%20b");
        assert_eq!(there("h:1", "/a").unwrap(), "/a");
        // The usual port may be said or not; a proxy may know the server by another name.
        assert_eq!(there("h", "https://H:443/a").unwrap(), "/a");
        assert_eq!(there("h:443", "https://h/a").unwrap(), "/a");
        assert_eq!(there("inside:8080", "https://dav.example.test/a").unwrap(), "/a");
        for other in ["http://other/a", "http://h:2/a", "https://dav.example.test:8443/a", "a"] {
            assert!(there("h:1", other).is_err(), "{other}");
        }
    }
}
