//! Calendars that anybody reads who knows where (R-SHARE-4): `/calendars/public/TOKEN.ics`.
//!
//! A program asks every hour for what rarely changes: as long as nothing did, it costs one look at
//! one row.

use hyper::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, ETAG, HeaderMap, HeaderName, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, StatusCode};
use ical::{JoinedCalendar, public_part};
use storage::{Collection, ReadTx, Store};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::settings::Settings;
use crate::turns::Turn;
use crate::work::Work;

const PREFIX: &str = "/calendars/public/";
/// LIMIT: objects of which the bytes are in memory at a time: strangers ask.
const CHUNK: usize = 20;
/// Raised where what is left out, or how it is written, becomes another.
const EDITION: u32 = 4;

/// Whether a path is of such a calendar.
pub(crate) fn is_for(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// The URL of the public calendar with this token.
pub(crate) fn url(settings: &Settings, token: &str) -> String {
    format!("{}{}", settings.public_url, public_path(token))
}

/// The path of the calendar that this token leads to.
pub fn public_path(token: &str) -> String {
    format!("{PREFIX}{token}.ics")
}

/// Answers whoever comes; nobody signs in.
pub(crate) async fn answer(
    store: &Store,
    settings: &Settings,
    turn: Turn,
    method: &Method,
    (path, headers): (&str, &HeaderMap),
) -> Result<Answer> {
    if let Some(refusal) = answer::refuse_change(method) {
        return Ok(refusal);
    }
    let token = path.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(".ics"));
    let token = token.ok_or(DavError::NOT_FOUND)?.to_owned();
    let find = move |tx: &mut ReadTx<'_>| tx.find_public_calendar(&token);
    serve(store, settings, turn, headers, find, Shown::Public).await
}

/// How much of a calendar is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The parts that are public.
    Public,
    /// Everything, as those it is shared with see it.
    Everything,
}

/// Answers with a calendar as one file, at the turn of whoever asks.
pub(crate) async fn serve<F>(
    store: &Store,
    settings: &Settings,
    turn: Turn,
    headers: &HeaderMap,
    find: F,
    shown: Shown,
) -> Result<Answer>
where
    F: FnOnce(&mut ReadTx<'_>) -> storage::Result<Option<Collection>> + Send + 'static,
{
    let known = headers.get("if-none-match").and_then(|value| value.to_str().ok());
    let known = known.map(str::to_owned);
    let settings = settings.clone();
    let read = store.read(move |tx| {
        // Until it has read.
        let _turn = turn;
        let Some(found) = find(tx)? else { return Ok(None) };
        let tag = tag_of(&found);
        if known.is_some_and(|known| names(&known, &tag)) {
            return Ok(Some((tag, found, Ok(None))));
        }
        let body = match render(tx, &found, &settings, shown) {
            Err(DavError::Storage(error)) => return Err(error),
            body => body.map(Some),
        };
        Ok(Some((tag, found, body)))
    });
    let (tag, found, body) = read.await?.ok_or(DavError::NOT_FOUND)?;
    let mut answer = match body? {
        // RFC 9110 §15.4.5
        None => answer::empty(StatusCode::NOT_MODIFIED),
        Some(body) => {
            let kind = HeaderValue::from_static("text/calendar; charset=utf-8");
            let mut answer = answer::compressible(body, kind, headers).await;
            insert(&mut answer, CONTENT_DISPOSITION, &disposition(&found.name));
            answer
        }
    };
    insert(&mut answer, ETAG, &tag);
    // R-SHARE-4: what was switched off is dead at once, in caches too.
    insert(&mut answer, CACHE_CONTROL, "no-cache");
    insert(&mut answer, X_CONTENT_TYPE_OPTIONS, "nosniff");
    insert(&mut answer, HeaderName::from_static("x-robots-tag"), "noindex");
    Ok(answer)
}

fn insert(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

/// Weak: the same calendar is also sent compressed (RFC 9110 §8.8.1).
fn tag_of(calendar: &Collection) -> String {
    let (id, modseq) = (calendar.id.get(), calendar.highest_modseq.get());
    format!("W/\"{id}-{modseq}-{EDITION}\"")
}

/// RFC 9110 §13.1.2: compared weakly.
fn names(known: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    known.trim() == "*" || known.split(',').any(|one| opaque(one) == opaque(tag))
}

/// The name of a file (RFC 6266 §4.3), of letters that need no care.
fn disposition(name: &str) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() { char } else { '-' };
    let name: String = name.chars().map(plain).collect();
    format!("inline; filename=\"{name}.ics\"")
}

fn render(
    tx: &mut ReadTx<'_>,
    calendar: &Collection,
    settings: &Settings,
    shown: Shown,
) -> Result<Vec<u8>> {
    let mut joined = JoinedCalendar::new("-//Posthorn//EN");
    joined.name(calendar.display_name.as_ref().unwrap_or(&calendar.name));
    if let Some(text) = &calendar.description {
        joined.description(text);
    }
    if let Some(color) = &calendar.color {
        joined.color(color);
    }
    // RFC 7986 §5.7: programs that heed it ask no more often.
    joined.refresh_interval("PT1H");
    let work = Work::new(settings);
    let mut body = Vec::new();
    for chunk in tx.list_objects(calendar.id)?.chunks(CHUNK) {
        let ids: Vec<_> = chunk.iter().map(|object| object.id).collect();
        let mut bytes = tx.load_object_bytes(&ids)?;
        // R-SHARE-1: people elsewhere have no alarms.
        tx.show_bytes(calendar, &ids, &mut bytes)?;
        for object in ids.iter().filter_map(|id| bytes.get(id)) {
            match shown {
                Shown::Everything => joined.add(object),
                Shown::Public => {
                    if let Some(public) = public_part(object, &settings.objects.ical) {
                        joined.add_component(&public);
                    }
                }
            }
        }
        body.extend(joined.take());
        work.go_on(body.len())?;
    }
    body.extend(joined.end());
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        for (known, same) in [
            ("W/\"1-2\"", true),
            ("\"1-2\"", true),
            ("\"x\", W/\"1-2\"", true),
            ("*", true),
            ("\"1-3\"", false),
            ("", false),
        ] {
            assert_eq!(names(known, "W/\"1-2\""), same, "{known}");
        }
        assert_eq!(disposition("te\"am/ü"), "inline; filename=\"te-am--.ics\"");
    }
}
