//! GET and HEAD (RFC 9110 §9.3.1), with conditions (§13) and ranges (§14).

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Response, StatusCode};
use ids::Timestamp;
use storage::{EtagCondition, Object};

use crate::address_data;
use crate::answer::{self, Answer};
use crate::calendar_data::with_zones;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::preconditions::parse_date;
use crate::path::Place;
use crate::properties::{http_date, quoted_etag};
use crate::request::Request;
use crate::resource::{self, Resource};
use crate::xml::ZonesSent;

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let (if_match, if_none_match) = (request.if_match()?, request.if_none_match()?);
    // RFC 9110 §13.1.3, §13.1.4: dates are not looked at where there are etags.
    let date = |name, etags: &Option<EtagCondition>| match etags {
        Some(_) => None,
        None => request.header(name).and_then(parse_date).map(Timestamp::as_secs),
    };
    let modified_since = date("if-modified-since", &if_none_match);
    let unmodified_since = date("if-unmodified-since", &if_match);
    let (object, bytes) = exchange
        .read(move |exchange, tx| {
            let found = resource::find(tx, &exchange.actor, &place)?;
            let Resource::Object(_, collection, _, object) = found else {
                return Err(DavError::Status(StatusCode::METHOD_NOT_ALLOWED));
            };
            let modified = object.dated().map(Timestamp::as_secs);
            if if_match.is_some_and(|named| !named.names(Some(&object)))
                || unmodified_since.is_some_and(|since| modified.is_some_and(|at| at > since))
            {
                return Err(DavError::Status(StatusCode::PRECONDITION_FAILED));
            }
            if if_none_match.is_some_and(|named| named.names(Some(&object)))
                || modified_since.is_some_and(|since| modified.is_some_and(|at| at <= since))
            {
                return Ok((object, None));
            }
            let bytes = tx.load_shown_object(&collection, object.id)?;
            Ok((object, Some(bytes)))
        })
        .await?;
    let Some(bytes) = bytes else {
        // RFC 9110 §15.4.5
        return Ok(with_validators(answer::empty(StatusCode::NOT_MODIFIED), &object));
    };
    let (bytes, media_type) = represented(bytes, &object, &request, exchange).await?;
    let mut answer = ranged(bytes, &request.headers, &quoted_etag(&object));
    if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        return Ok(answer);
    }
    insert(&mut answer, CONTENT_TYPE, &media_type);
    make_inert(&mut answer, &media_type);
    if is_card(&object) {
        insert(&mut answer, VARY, "Accept");
    } else if request.zones() != ZonesSent::AsStored {
        insert(&mut answer, VARY, "CalDAV-Timezones");
    }
    Ok(with_validators(answer, &object))
}

/// All bytes, or those of the range that is asked for (RFC 9110 §14).
pub(crate) fn ranged(bytes: Vec<u8>, headers: &HeaderMap, etag: &str) -> Answer {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // RFC 9110 §13.1.5
    let range = header("range").filter(|_| header("if-range").is_none_or(|known| known == etag));
    let mut answer = match range.map(|text| parse_range(text.trim(), bytes.len())) {
        None | Some(Asked::Whole) => Response::new(Full::from(bytes)),
        Some(Asked::Part(first, last)) => {
            let size = bytes.len();
            let mut answer = Response::new(Full::from(Bytes::from(bytes).slice(first..=last)));
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            insert(&mut answer, CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
            answer
        }
        Some(Asked::Impossible) => {
            let mut answer = answer::plain(StatusCode::RANGE_NOT_SATISFIABLE);
            insert(&mut answer, CONTENT_RANGE, &format!("bytes */{}", bytes.len()));
            return answer;
        }
    };
    answer.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer
}

/// What is there after a change, or instead of one, for who asked for it with
/// `Prefer: return=representation` (RFC 7240 §4.2, RFC 8144 §3).
pub(crate) fn representation(
    exchange: &Exchange,
    status: StatusCode,
    bytes: Vec<u8>,
    zones: ZonesSent,
    object: &Object,
    href: &str,
) -> Answer {
    let bytes = match object.media_type.starts_with("text/calendar") {
        true => with_zones(bytes.into(), zones, &exchange.settings.objects.ical).into_owned(),
        false => bytes,
    };
    let mut answer = Response::new(Full::from(bytes));
    *answer.status_mut() = status;
    insert(&mut answer, CONTENT_TYPE, &object.media_type);
    make_inert(&mut answer, &object.media_type);
    insert(&mut answer, CONTENT_LOCATION, href);
    insert(&mut answer, HeaderName::from_static("preference-applied"), "return=representation");
    with_validators(answer, object)
}

/// The answer to a change at a place: where it was refused because a condition failed, with what is
/// there instead, if that was asked for and whoever asks may read it (RFC 8144 §3.2).
pub(crate) async fn or_what_is_there(
    exchange: &Exchange,
    answered: Result<Answer>,
    shown: Option<(ZonesSent, Place)>,
) -> Result<Answer> {
    let (error, zones, place) = match (answered, shown) {
        (Err(error @ DavError::Status(StatusCode::PRECONDITION_FAILED)), Some((zones, place))) => {
            (error, zones, place)
        }
        (answered, _) => return answered,
    };
    let found = exchange
        .read(move |exchange, tx| {
            let found = resource::find(tx, &exchange.actor, &place)?;
            let href = found.href();
            let Resource::Object(_, collection, _, object) = found else { return Ok(None) };
            let bytes = tx.load_shown_object(&collection, object.id)?;
            Ok(Some((href, object, bytes)))
        })
        .await;
    // What is not there, or cannot be read now, leaves the refusal.
    let Ok(Some((href, object, bytes))) = found else { return Err(error) };
    let status = StatusCode::PRECONDITION_FAILED;
    Ok(representation(exchange, status, bytes, zones, &object, &href))
}

/// What people store is no page of this server's: a browser runs no script of it, nor takes it for
/// something else than it says it is.
pub(crate) fn make_inert(answer: &mut Answer, media_type: &str) {
    let headers = answer.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderValue::from_static("sandbox; default-src 'none'");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    if !is_passive(media_type) {
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
}

/// Whether a browser only shows or plays it. Whatever is not known to be so is saved instead.
fn is_passive(media_type: &str) -> bool {
    let bare = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match bare.split_once('/') {
        Some(("audio" | "video", _)) => true,
        Some(("image", format)) => !format.contains("xml"),
        Some(("text", format)) => matches!(format, "plain" | "calendar" | "vcard"),
        _ => false,
    }
}

fn is_card(object: &Object) -> bool {
    object.media_type.starts_with("text/vcard")
}

/// A larger object is read and written anew where nobody waits for the thread.
const REWRITTEN_HERE_MAX: usize = 64 * 1024;

/// What is stored, or a card in the version that the client prefers (RFC 6352 §5.1.1). Both have
/// one etag: a client that changes what it got replaces what is stored.
async fn represented(
    bytes: Vec<u8>,
    object: &Object,
    request: &Request,
    exchange: &Exchange,
) -> Result<(Vec<u8>, String)> {
    let stored = object.media_type.to_string();
    let (limits, zones) = (exchange.settings.objects.ical, request.zones());
    let is_calendar = object.media_type.starts_with("text/calendar");
    let accept = request.header("accept").filter(|_| is_card(object)).map(str::to_owned);
    if accept.is_none() && !(is_calendar && zones != ZonesSent::AsStored) {
        return Ok((bytes, stored));
    }
    let is_large = bytes.len() > REWRITTEN_HERE_MAX;
    let write = move || {
        if is_calendar {
            return (with_zones(bytes.into(), zones, &limits).into_owned(), stored);
        }
        match address_data::negotiated(&bytes, accept.as_deref(), &limits) {
            Some((card, version)) => {
                (card, format!("text/vcard; version={}; charset=utf-8", version.name()))
            }
            None => (bytes, stored),
        }
    };
    if !is_large {
        return Ok(write());
    }
    tokio::task::spawn_blocking(write).await.map_err(|error| {
        tracing::error!(%error, "writing an object anew failed");
        DavError::Status(StatusCode::INTERNAL_SERVER_ERROR)
    })
}

fn with_validators(mut answer: Answer, object: &Object) -> Answer {
    insert(&mut answer, ETAG, &quoted_etag(object));
    // RFC 6638 §8.2
    answer::insert_tag(&mut answer, answer::SCHEDULE_TAG, object.schedule_tag().as_deref());
    insert(&mut answer, LAST_MODIFIED, &http_date(object.modified));
    answer
}

fn insert(answer: &mut Answer, name: hyper::header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// All of it: no range, one that is not understood, or several (RFC 9110 §14.2).
    Whole,
    /// The bytes from the first number up to and with the second.
    Part(usize, usize),
    /// The range lies outside the representation: 416.
    Impossible,
}

/// ```text
/// int-range    = first-pos "-" [ last-pos ]
/// suffix-range = "-" suffix-length
/// ```
/// RFC 9110 §14.1.2
fn parse_range(text: &str, size: usize) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|text| text.split_once('-'))
    else {
        return Asked::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let number = |text: &str| text.parse::<usize>().ok();
    let end = size.saturating_sub(1);
    match (number(first), number(last)) {
        (None, Some(0)) if first.is_empty() => Asked::Impossible,
        (None, Some(suffix)) if first.is_empty() && size > 0 => {
            Asked::Part(size.saturating_sub(suffix), end)
        }
        (Some(first), _) if first >= size => Asked::Impossible,
        (Some(first), None) if last.is_empty() => Asked::Part(first, end),
        (Some(first), Some(last)) if first <= last => Asked::Part(first, last.min(end)),
        _ => Asked::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_runs_nothing() {
        let fixture = crate::testing::Fixture::new();
        assert_eq!(fixture.status("MKCOL", "/a", &[], ""), 201);
        for (media_type, is_saved) in [
            ("text/html", true),
            ("TEXT/HTML; charset=utf-8", true),
            ("application/xhtml+xml", true),
            ("image/svg+xml", true),
            ("text/javascript", true),
            ("application/pdf", true),
            ("nonsense", true),
            ("text/plain; charset=utf-8", false),
            ("image/png", false),
        ] {
            fixture.request("PUT", "/a/x", &[("content-type", media_type)], media_type);
            for range in ["bytes=0-", "bytes=0-1"] {
                let answer = fixture.request("GET", "/a/x", &[("range", range)], "");
                let header = |name: &str| {
                    answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
                };
                assert_eq!(header("content-type").as_deref(), Some(media_type));
                assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"));
                let policy = header("content-security-policy");
                assert_eq!(policy.as_deref(), Some("sandbox; default-src 'none'"));
                let saved = header("content-disposition");
                assert_eq!(saved.as_deref(), is_saved.then_some("attachment"), "{media_type}");
            }
        }
    }

    #[test]
    fn dates_are_conditions() {
        let fixture = crate::testing::Fixture::new();
        assert_eq!(fixture.status("MKCOL", "/a", &[], ""), 201);
        assert_eq!(fixture.status("PUT", "/a/x", &[], "1"), 201);
        let answer = fixture.request("GET", "/a/x", &[], "");
        let (at, etag) = (&answer.headers()["last-modified"], &answer.headers()["etag"]);
        let (at, etag) = (at.to_str().unwrap(), etag.to_str().unwrap());
        let before = "Mon, 05 Jan 2015 08:00:00 GMT";
        for (headers, status) in [
            (vec![("if-modified-since", at)], 304),
            (vec![("if-modified-since", before)], 200),
            (vec![("if-modified-since", "soon")], 200),
            (vec![("if-modified-since", at), ("if-none-match", "\"other\"")], 200),
            (vec![("if-unmodified-since", at)], 200),
            (vec![("if-unmodified-since", before)], 412),
            (vec![("if-unmodified-since", before), ("if-match", etag)], 200),
        ] {
            assert_eq!(fixture.status("GET", "/a/x", &headers, ""), status, "{headers:?}");
        }
    }

    #[test]
    fn ranges_are_read() {
        for (text, expect) in [
            ("bytes=0-499", Asked::Part(0, 499)),
            ("bytes=500-", Asked::Part(500, 999)),
            ("bytes=-500", Asked::Part(500, 999)),
            ("bytes=-5000", Asked::Part(0, 999)),
            ("bytes=999-5000", Asked::Part(999, 999)),
            ("bytes=1000-", Asked::Impossible),
            ("bytes=-0", Asked::Impossible),
            ("bytes=5-4", Asked::Whole),
            ("bytes=0-1,5-6", Asked::Whole),
            ("lines=1-2", Asked::Whole),
        ] {
            assert_eq!(parse_range(text, 1000), expect, "{text}");
        }
    }
}
