//! The time zone data distribution service (RFC 7808): what zones there are, each as a VTIMEZONE,
//! and when their clocks change. It is no secret, so nobody signs in.

use std::sync::LazyLock;

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use ical::{JoinedCalendar, vtimezone, zone_changes, zone_names};
use jiff::{SignedDuration, Timestamp};

use crate::answer::{self, Answer};
use crate::path;

/// The path of the time zone service; `/.well-known/timezone` leads here (RFC 7808 §4.2.1.3).
pub(crate) const PATH: &str = "/timezones/";
/// LIMIT: years that one answer tells the changes of.
const YEARS_MAX: i64 = 200;
/// LIMIT: bytes of a pattern.
const PATTERN_BYTES_MAX: usize = 256;

/// A zone, ready to be sent.
struct Zone {
    id: String,
    etag: String,
    calendar: Vec<u8>,
}

/// Made once: the data is part of the program, or of the machine.
static ZONES: LazyLock<Vec<Zone>> = LazyLock::new(|| {
    let ready = |id: String| {
        let mut calendar = JoinedCalendar::new("-//Posthorn//EN");
        let mut holder = ical::Component::new("VCALENDAR");
        holder.components.push(vtimezone(&id)?);
        calendar.add_component(&holder);
        let calendar = calendar.end();
        let etag = tag(&calendar);
        Some(Zone { id, etag, calendar })
    };
    zone_names().into_iter().filter_map(ready).collect()
});

/// The sync-token of the service: it changes when any of the zones does.
static SYNC_TOKEN: LazyLock<String> = LazyLock::new(|| {
    let all: String = ZONES.iter().map(|zone| format!("{} {}\n", zone.id, zone.etag)).collect();
    tag(all.as_bytes())
});

fn tag(bytes: &[u8]) -> String {
    let mut tag = blake3::hash(bytes).to_hex().to_string();
    tag.truncate(32);
    tag
}

/// Whether a path is of the service.
pub(crate) fn is_for(path: &str) -> bool {
    path == "/timezones" || path.starts_with(PATH)
}

/// Why a question is not answered (RFC 7808 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    InvalidAction,
    InvalidTzid,
    InvalidPattern,
    InvalidStart,
    InvalidEnd,
    InvalidChangedSince,
    TzidNotFound,
}

impl Fault {
    fn urn(self) -> &'static str {
        match self {
            Self::InvalidAction => "invalid-action",
            Self::InvalidTzid => "invalid-tzid",
            Self::InvalidPattern => "invalid-pattern",
            Self::InvalidStart => "invalid-start",
            Self::InvalidEnd => "invalid-end",
            Self::InvalidChangedSince => "invalid-changedsince",
            Self::TzidNotFound => "tzid-not-found",
        }
    }

    fn into_answer(self) -> Answer {
        let status = match self {
            Self::TzidNotFound | Self::InvalidAction => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        };
        let body = format!(
            "{{\"type\":\"urn:ietf:params:tzdist:error:{}\",\"title\":\"{}\",\"status\":{}}}",
            self.urn(),
            self.urn(),
            status.as_u16()
        );
        let mut answer = answer::plain(status);
        *answer.body_mut() = body.into();
        // RFC 7807 §6.1
        let kind = HeaderValue::from_static("application/problem+json");
        answer.headers_mut().insert(CONTENT_TYPE, kind);
        answer
    }
}

/// What comes back: its type, its tag, its bytes.
struct Found {
    media_type: &'static str,
    etag: String,
    body: Vec<u8>,
}

impl Found {
    fn json(body: String) -> Self {
        let body = body.into_bytes();
        Self { media_type: "application/json; charset=utf-8", etag: tag(&body), body }
    }
}

/// Answers a question.
pub(crate) async fn answer(
    method: &Method,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
) -> Answer {
    if let Some(refusal) = answer::refuse_change(method) {
        return refusal;
    }
    let (path, query) = (path.to_owned(), query.unwrap_or_default().to_owned());
    // The first one makes all zones, which takes a moment.
    let found = tokio::task::spawn_blocking(move || find(&path, &query)).await;
    let found = match found {
        Ok(Ok(found)) => found,
        Ok(Err(fault)) => return fault.into_answer(),
        Err(_) => return answer::plain(StatusCode::INTERNAL_SERVER_ERROR),
    };
    let etag = format!("W/\"{}\"", found.etag);
    let known = headers.get("if-none-match").and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.contains(&found.etag) || known.trim() == "*");
    let mut answer = match is_known {
        true => answer::empty(StatusCode::NOT_MODIFIED),
        false => {
            let kind = HeaderValue::from_static(found.media_type);
            answer::compressible(found.body, kind, headers).await
        }
    };
    let mut insert = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            answer.headers_mut().insert(name, value);
        }
    };
    insert(ETAG, &etag);
    insert(CACHE_CONTROL, "public, max-age=86400");
    answer
}

fn find(path: &str, query: &str) -> Result<Found, Fault> {
    let rest = path.strip_prefix(PATH).unwrap_or_default().trim_end_matches('/');
    let parameter = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| path::decode(value).ok()).next()
    };
    match rest {
        "capabilities" => Ok(Found::json(capabilities())),
        "zones" => match (parameter("pattern"), parameter("changedsince")) {
            (Some(pattern), _) => matching(&pattern.ok_or(Fault::InvalidPattern)?),
            (None, Some(since)) => {
                let since = since.ok_or(Fault::InvalidChangedSince)?;
                // Between two editions of the program everything may be another.
                Ok(list(ZONES.iter().filter(|_| since != *SYNC_TOKEN)))
            }
            (None, None) => Ok(list(ZONES.iter())),
        },
        rest => {
            let id = rest.strip_prefix("zones/").ok_or(Fault::InvalidAction)?;
            match id.strip_suffix("/observances") {
                Some(id) => expand(zone(id)?, parameter("start"), parameter("end")),
                None => {
                    let zone = zone(id)?;
                    let media_type = "text/calendar; charset=utf-8";
                    let (etag, body) = (zone.etag.clone(), zone.calendar.clone());
                    Ok(Found { media_type, etag, body })
                }
            }
        }
    }
}

/// RFC 7808 §5.2: the slash of a name is encoded; some programs leave it as it is.
fn zone(id: &str) -> Result<&'static Zone, Fault> {
    let id = path::decode(id).map_err(|_| Fault::InvalidTzid)?;
    let at = ZONES.binary_search_by(|zone| zone.id.as_str().cmp(&id));
    at.ok().and_then(|at| ZONES.get(at)).ok_or(Fault::TzidNotFound)
}

/// RFC 7808 §5.1
fn capabilities() -> String {
    let action = |name: &str, template: &str, parameters: &[&str]| {
        let parameters: Vec<String> = parameters
            .iter()
            .map(|name| format!("{{\"name\":\"{name}\",\"required\":false,\"multi\":false}}"))
            .collect();
        format!(
            "{{\"name\":\"{name}\",\"uri-template\":\"{template}\",\"parameters\":[{}]}}",
            parameters.join(",")
        )
    };
    let actions = [
        action("capabilities", "/timezones/capabilities", &[]),
        action("list", "/timezones/zones{?changedsince}", &["changedsince"]),
        action("get", "/timezones/zones/{tzid}", &[]),
        action("expand", "/timezones/zones/{tzid}/observances{?start,end}", &["start", "end"]),
        action("find", "/timezones/zones{?pattern}", &["pattern"]),
    ];
    format!(
        "{{\"version\":1,\"info\":{{\"primary-source\":\"IANA\",\"formats\":[\"text/calendar\"],\
         \"truncated\":{{\"any\":false,\"ranges\":[{{\"start\":\"1970-01-01T00:00:00Z\",\
         \"end\":\"*\"}}],\"untruncated\":false}},\"provider-details\":\"Posthorn\",\
         \"contacts\":[]}},\"actions\":[{}]}}",
        actions.join(",")
    )
}

/// RFC 7808 §5.3: `*` at the ends stands for anything, case is nothing.
fn matching(pattern: &str) -> Result<Found, Fault> {
    let word = pattern.trim_start_matches('*').trim_end_matches('*').to_lowercase();
    let (open_start, open_end) = (pattern.starts_with('*'), pattern.ends_with('*'));
    if word.is_empty() || word.contains('*') || pattern.len() > PATTERN_BYTES_MAX {
        return Err(Fault::InvalidPattern);
    }
    let word = word.replace('_', " ");
    let fits = |zone: &&Zone| {
        let id = zone.id.to_lowercase().replace('_', " ");
        match (open_start, open_end) {
            (true, true) => id.contains(&word),
            (true, false) => id.ends_with(&word),
            (false, true) => id.starts_with(&word),
            (false, false) => id == word,
        }
    };
    Ok(list(ZONES.iter().filter(fits)))
}

fn list(zones: impl Iterator<Item = &'static Zone>) -> Found {
    let one = |zone: &Zone| {
        format!(
            "{{\"tzid\":\"{}\",\"etag\":\"{}\",\"last-modified\":\"1970-01-01T00:00:00Z\",\
             \"publisher\":\"IANA\",\"version\":\"{}\"}}",
            zone.id, zone.etag, zone.etag
        )
    };
    let zones: Vec<String> = zones.map(one).collect();
    Found::json(format!(
        "{{\"synctoken\":\"{}\",\"timezones\":[{}]}}",
        *SYNC_TOKEN,
        zones.join(",")
    ))
}

/// RFC 7808 §5.4
fn expand(
    zone: &Zone,
    start: Option<Option<String>>,
    end: Option<Option<String>>,
) -> Result<Found, Fault> {
    let read = |value: Option<Option<String>>, fault: Fault| match value {
        None => Ok(None),
        Some(text) => {
            let at = text.and_then(|text| text.parse::<Timestamp>().ok());
            at.map(Some).ok_or(fault)
        }
    };
    // RFC 7808 §5.4: without them, now, and ten years from the start.
    let start = read(start, Fault::InvalidStart)?.unwrap_or_else(first_of_year);
    let years = |count: i64| SignedDuration::from_hours(count * 365 * 24 + count / 4 * 24);
    let end = match read(end, Fault::InvalidEnd)? {
        Some(end) => end,
        None => start.checked_add(years(10)).map_err(|_| Fault::InvalidStart)?,
    };
    let longest = start.checked_add(years(YEARS_MAX)).unwrap_or(Timestamp::MAX);
    if end <= start || end > longest {
        return Err(Fault::InvalidEnd);
    }
    let changes = zone_changes(&zone.id, start, end).ok_or(Fault::TzidNotFound)?;
    let one = |change: &ical::ZoneChange| {
        format!(
            "{{\"name\":\"{}\",\"onset\":\"{}\",\"utc-offset-from\":{},\"utc-offset-to\":{}}}",
            change.name,
            change.onset.strftime("%Y-%m-%dT%H:%M:%SZ"),
            change.from,
            change.to
        )
    };
    let observances: Vec<String> = changes.iter().map(one).collect();
    Ok(Found::json(format!(
        "{{\"tzid\":\"{}\",\"start\":\"{}\",\"end\":\"{}\",\"observances\":[{}]}}",
        zone.id,
        start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        observances.join(",")
    )))
}

/// A beginning that is the same for everybody: the year before last, by the edition of the data.
fn first_of_year() -> Timestamp {
    // 2025-01-01T00:00:00Z
    Timestamp::from_second(1_735_689_600).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, query: &str) -> String {
        let found = find(path, query).unwrap_or_else(|fault| panic!("{path} {query}: {fault:?}"));
        String::from_utf8(found.body).unwrap()
    }

    #[test]
    fn questions_are_answered() {
        let vienna = text("/timezones/zones/Europe%2FVienna", "");
        assert_eq!(vienna, text("/timezones/zones/Europe/Vienna", ""));
        assert!(vienna.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"), "{vienna}");
        assert!(vienna.contains("TZID:Europe/Vienna\r\n") && vienna.ends_with("END:VCALENDAR\r\n"));
        let all = text("/timezones/zones", "");
        assert!(all.contains("\"tzid\":\"America/New_York\"") && all.contains("\"tzid\":\"UTC\""));
        let token = all.split('"').nth(3).unwrap();
        let since = text("/timezones/zones", &format!("changedsince={token}"));
        assert_eq!(since, format!("{{\"synctoken\":\"{token}\",\"timezones\":[]}}"));
        assert_eq!(text("/timezones/zones", "changedsince=old"), all);
        for (pattern, count) in
            [("*vienna*", 1), ("europe/vien*", 1), ("*york", 1), ("Europe%2FVienna", 1), ("x*", 0)]
        {
            let found = text("/timezones/zones", &format!("pattern={pattern}"));
            assert_eq!(found.matches("\"tzid\"").count(), count, "{pattern}");
        }
        let year = "start=2026-01-01T00:00:00Z&end=2027-01-01T00:00:00Z";
        assert_eq!(
            text("/timezones/zones/Europe%2FVienna/observances", year),
            "{\"tzid\":\"Europe/Vienna\",\"start\":\"2026-01-01T00:00:00Z\",\
             \"end\":\"2027-01-01T00:00:00Z\",\"observances\":[\
             {\"name\":\"CET\",\"onset\":\"2026-01-01T00:00:00Z\",\"utc-offset-from\":3600,\
             \"utc-offset-to\":3600},\
             {\"name\":\"CEST\",\"onset\":\"2026-03-29T01:00:00Z\",\"utc-offset-from\":3600,\
             \"utc-offset-to\":7200},\
             {\"name\":\"CET\",\"onset\":\"2026-10-25T01:00:00Z\",\"utc-offset-from\":7200,\
             \"utc-offset-to\":3600}]}"
        );
        assert!(text("/timezones/capabilities", "").contains("\"name\":\"expand\""));
    }

    #[test]
    fn what_is_no_question() {
        let observances = "/timezones/zones/Europe%2FVienna/observances";
        for (path, query, fault) in [
            ("/timezones/", "", Fault::InvalidAction),
            ("/timezones/leapseconds", "", Fault::InvalidAction),
            ("/timezones/zones/Mars", "", Fault::TzidNotFound),
            ("/timezones/zones/%ff", "", Fault::InvalidTzid),
            ("/timezones/zones", "pattern=*", Fault::InvalidPattern),
            ("/timezones/zones", "pattern=a*b", Fault::InvalidPattern),
            ("/timezones/zones", "changedsince=%zz", Fault::InvalidChangedSince),
            (observances, "start=soon", Fault::InvalidStart),
            (observances, "end=soon", Fault::InvalidEnd),
            (observances, "start=2026-01-01T00:00:00Z&end=2026-01-01T00:00:00Z", Fault::InvalidEnd),
            (observances, "start=1900-01-01T00:00:00Z&end=2200-01-01T00:00:00Z", Fault::InvalidEnd),
        ] {
            assert_eq!(find(path, query).map(|_| ()).unwrap_err(), fault, "{path} {query}");
        }
    }
}
