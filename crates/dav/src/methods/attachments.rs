//! Managed attachments (RFC 8607): POST of an action at an object of a calendar, and their data for
//! those who sign in.

use std::sync::Arc;

use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Method, StatusCode, Uri};
use ical::Instances;
use storage::{
    Account, AccountTx, AttachmentAction, AttachmentData, AttachmentOutcome, AttachmentPlace,
    Collection, Condition, Home, NewAttachment, Object, ObjectName,
};

use crate::answer::{self, Answer};
use crate::attachments::{self, FileName};
use crate::error::{DavError, Format, Result, of_fault};
use crate::exchange::Exchange;
use crate::methods::get;
use crate::methods::post::random_hex;
use crate::methods::preconditions::Preconditions;
use crate::methods::put::{locked_or, of_outcome};
use crate::path::{attachment_href, object_href, query_value};
use crate::request::Request;
use crate::settings::AttachmentVerdict;
use crate::xml::Name;

/// RFC 8607 §5.1
const MANAGED_ID: HeaderName = HeaderName::from_static("cal-managed-id");

/// The precondition of what a check refuses: no standard has a name for it.
const NO_MALWARE: Name = Name::known("urn:x-posthorn", "no-malware");

/// LIMIT: bytes of a media type (RFC 6838 §4.2: 127 each of type and subtype).
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// Whether a request is one of these (RFC 8607 §3.3.1).
pub(crate) fn is_action(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("action=")))
}

/// What a request asks to be done with attachments.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Add(Instances),
    Update(String),
    Remove(String, Instances),
}

impl Asked {
    /// RFC 8607 §3.3, with the precondition of §3.11 that fails.
    fn parse(query: &str) -> Result<Self> {
        let wrong = |name| move || DavError::forbidden(Name::caldav(name));
        let value = |key, precondition| {
            query_value(query, key).map_err(|_| DavError::forbidden(Name::caldav(precondition)))
        };
        let action = value("action", "valid-action")?;
        let rid = value("rid", "valid-rid")?;
        let id = value("managed-id", "valid-managed-id")?;
        let instances = || match &rid {
            None => Ok(Instances::All),
            Some(rid) => Instances::parse(rid).ok_or_else(wrong("valid-rid")),
        };
        match (action.as_deref(), id) {
            (Some("attachment-add"), None) => Ok(Self::Add(instances()?)),
            (Some("attachment-add"), Some(_)) => Err(wrong("valid-managed-id")()),
            // RFC 8607 §3.3.2: an update is of all instances.
            (Some("attachment-update"), _) if rid.is_some() => Err(wrong("valid-rid")()),
            (Some("attachment-update"), Some(id)) => Ok(Self::Update(id)),
            (Some("attachment-remove"), Some(id)) => Ok(Self::Remove(id, instances()?)),
            (Some("attachment-update" | "attachment-remove"), None) => {
                Err(wrong("valid-managed-id")())
            }
            _ => Err(wrong("valid-action")()),
        }
    }
}

/// The object whose attachments are changed.
pub(super) struct Of {
    pub(super) owner: Arc<Account>,
    pub(super) collection: Arc<Collection>,
    /// The path of the collection.
    pub(super) href: Arc<str>,
    pub(super) object: Box<Object>,
    pub(super) conditions: Preconditions,
}

/// The object after a change of its attachments.
struct Changed {
    object: Object,
    /// Where they were asked for.
    bytes: Option<Vec<u8>>,
}

pub(super) async fn run(exchange: &Exchange, mut request: Request, of: Of) -> Result<Answer> {
    let asked = Asked::parse(request.uri.query().unwrap_or_default())?;
    let status = match asked {
        Asked::Add(_) => StatusCode::CREATED,
        Asked::Update(_) | Asked::Remove(..) => StatusCode::OK,
    };
    let action = match asked {
        Asked::Add(instances) => {
            AttachmentAction::Add(new_attachment(exchange, &mut request).await?, instances)
        }
        Asked::Update(id) => {
            AttachmentAction::Update(id, new_attachment(exchange, &mut request).await?)
        }
        Asked::Remove(id, instances) => AttachmentAction::Remove(id, instances),
    };
    let (id, bodies) = match &action {
        AttachmentAction::Add(new, _) | AttachmentAction::Update(_, new) => {
            (Some(new.managed_id.clone()), new.data.bodies())
        }
        AttachmentAction::Remove(..) => (None, Vec::new()),
    };
    let (shows, zones) = (request.shows().is_some(), request.zones());
    let href = object_href(&of.href, &of.object.name);
    let name = ObjectName::parse(&of.object.name)?;
    let (owner, calendar, locked) = (of.owner.id, of.collection.id, of.object.name.clone());
    let asking = exchange.asking();
    let changed = exchange
        .write_all("dav attachment", bodies, move |tx| {
            tx.lock_meeting(owner, calendar, &locked, None)?;
            asking.change(tx, owner, |tx| change(tx, &of, &name, &action, shows))
        })
        .await
        .map_err(locked_or)?;
    let mut answer = match changed.bytes {
        Some(bytes) => get::representation(exchange, status, bytes, zones, &changed.object, &href),
        None if status == StatusCode::OK => answer::empty(StatusCode::NO_CONTENT),
        None => answer::empty(status),
    };
    if let Some(Ok(id)) = id.map(HeaderValue::try_from) {
        answer.headers_mut().insert(MANAGED_ID, id);
    }
    let tag = changed.object.schedule_tag();
    answer::insert_tag(&mut answer, answer::SCHEDULE_TAG, tag.as_deref());
    Ok(answer)
}

fn change(
    tx: &mut AccountTx<'_, '_>,
    of: &Of,
    name: &ObjectName,
    action: &AttachmentAction,
    shows: bool,
) -> Result<Changed> {
    of.conditions.check(tx, Home::Calendars)?;
    let tokens = of.conditions.tokens();
    let if_schedule_tag = of.conditions.schedule_tag();
    let condition = Condition { tokens: &tokens, if_schedule_tag, ..Condition::default() };
    let failed = |name| Err(DavError::forbidden(Name::caldav(name)));
    match tx.change_attachments(&of.collection, name, action, &condition)? {
        AttachmentOutcome::Done(_) => {}
        AttachmentOutcome::NoInstance => return failed("valid-rid"),
        AttachmentOutcome::NoAttachment => return failed("valid-managed-id"),
        AttachmentOutcome::TooBig(limit) => return Err(DavError::attachment_too_big(limit)),
        AttachmentOutcome::Invalid(fault) => return Err(of_fault(fault, Format::Calendar)),
        AttachmentOutcome::Refused(outcome) => {
            of_outcome(outcome, Home::Calendars, &of.owner, &of.href)?;
        }
    }
    let object = tx.find_shown_object(&of.collection, name.as_str())?.ok_or(DavError::NOT_FOUND)?;
    let bytes = shows.then(|| tx.load_shown_object(&of.collection, object.id)).transpose()?;
    Ok(Changed { object, bytes })
}

/// Makes an attachment from the body of a request and its Content-Type and Content-Disposition.
async fn new_attachment(exchange: &Exchange, request: &mut Request) -> Result<NewAttachment> {
    let filename = FileName::of_disposition(request.headers.get("content-disposition"));
    let filename = filename.into_string();
    let body = std::mem::take(&mut request.body);
    let place = attachment_place(&exchange.settings.public_url, &filename);
    let place = place.ok_or(DavError::Status(StatusCode::SERVICE_UNAVAILABLE))?;
    let AttachmentPlace { managed_id, token, uri } = place;
    check(exchange, &managed_id, &body).await?;
    let prepared = tokio::task::spawn_blocking(move || AttachmentData::new(body)).await;
    let data = prepared.map_err(|error| {
        tracing::error!(%error, "reading an attachment failed");
        DavError::Status(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    let media_type = media_type(request.header(CONTENT_TYPE.as_str()));
    Ok(NewAttachment { managed_id, token, uri, media_type, filename, data })
}

/// Has data looked at by whoever looks at what is attached to mail.
async fn check(exchange: &Exchange, id: &str, data: &[u8]) -> Result<()> {
    let Some(checks) = &exchange.settings.checks else { return Ok(()) };
    match checks.look_at(id, data).await {
        AttachmentVerdict::Sound => Ok(()),
        AttachmentVerdict::Harmful => Err(DavError::forbidden(NO_MALWARE)),
        AttachmentVerdict::Unknown => Err(DavError::Status(StatusCode::SERVICE_UNAVAILABLE)),
    }
}

/// What a new attachment of this name is known by.
pub(crate) fn attachment_place(public_url: &str, filename: &str) -> Option<AttachmentPlace> {
    let (managed_id, token) = (random_hex().ok()?, random_hex().ok()?);
    let uri = format!("{public_url}{}", attachment_href(&managed_id, filename));
    Some(AttachmentPlace { managed_id, token, uri })
}

/// RFC 8607 §3.4: FMTTYPE is what the request says it is, as RFC 5545 §3.2.8 writes it.
fn media_type(said: Option<&str>) -> String {
    let bare = said.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_name = |text: &str| {
        // RFC 6838 §4.2
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !text.is_empty() && text.bytes().all(plain)
    };
    let is_sound = bare.len() <= MEDIA_TYPE_BYTES_MAX
        && bare.split_once('/').is_some_and(|(kind, format)| is_name(kind) && is_name(format));
    match is_sound {
        true => bare.to_ascii_lowercase(),
        false => "application/octet-stream".to_owned(),
    }
}

/// Answers any request at the path of an attachment itself.
pub(crate) async fn of_path(exchange: &Exchange, request: Request, id: &str) -> Result<Answer> {
    const METHODS: HeaderValue = HeaderValue::from_static("OPTIONS, GET, HEAD");
    if request.method == Method::OPTIONS {
        return Ok(super::options::run("OPTIONS, GET, HEAD", &exchange.settings));
    }
    if !matches!(request.method, Method::GET | Method::HEAD) {
        // RFC 8607 §3.8, §3.9: it changes only by what objects say of it.
        let mut answer = answer::plain(StatusCode::METHOD_NOT_ALLOWED);
        answer.headers_mut().insert(ALLOW, METHODS);
        return Ok(answer);
    }
    let known = request.headers.contains_key(IF_NONE_MATCH).then(|| request.if_none_match());
    let known = known.transpose()?.flatten();
    let id = id.to_owned();
    let (found, bytes) = exchange
        .read(move |exchange, tx| {
            let found = tx.load_attachment(exchange.actor.id(), &id)?;
            let is_known = known.is_some_and(|known| attachments::is_named(&known, &found));
            let bytes = (!is_known).then(|| tx.load_attachment_data(&found)).transpose()?;
            Ok((found, bytes))
        })
        .await?;
    Ok(attachments::answer(&found, bytes, &request.headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_ask_for_one_thing() {
        let failed = |query: &str| match Asked::parse(query) {
            Err(DavError::Failed(StatusCode::FORBIDDEN, name, None)) => name.local().to_owned(),
            other => format!("{other:?}"),
        };
        for (query, expect) in [
            ("action=attachment-add&managed-id=1", "valid-managed-id"),
            ("action=attachment-add&rid=", "valid-rid"),
            ("action=attachment-add&rid=M&rid=M", "valid-rid"),
            ("action=attachment-update&managed-id=1&rid=M", "valid-rid"),
            ("action=attachment-update", "valid-managed-id"),
            ("action=attachment-remove", "valid-managed-id"),
            ("action=attachment-remove&managed-id=1&managed-id=1", "valid-managed-id"),
            ("action=attachment-move", "valid-action"),
            ("action=", "valid-action"),
            ("action=attachment-add&action=attachment-add", "valid-action"),
            ("rid=M", "valid-action"),
        ] {
            assert_eq!(failed(query), expect, "{query}");
        }
        assert_eq!(Asked::parse("action=attachment-add").unwrap(), Asked::Add(Instances::All));
        let rid = Instances::parse("M,20111022T160000").unwrap();
        let removed = Asked::Remove("a b".to_owned(), rid);
        let query = "managed-id=a%20b&action=attachment-remove&rid=M%2C20111022T160000";
        assert_eq!(Asked::parse(query).unwrap(), removed);
    }

    #[test]
    fn media_types_are_bare() {
        for (said, expect) in [
            (Some("text/HTML; charset=\"utf-8\""), "text/html"),
            (Some("image/svg+xml"), "image/svg+xml"),
            (Some("nonsense"), "application/octet-stream"),
            (Some("a/b\"c"), "application/octet-stream"),
            (Some("/"), "application/octet-stream"),
            (None, "application/octet-stream"),
        ] {
            assert_eq!(media_type(said), expect);
        }
    }
}
