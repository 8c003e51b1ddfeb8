//! PUT (RFC 4918 §9.7, RFC 4791 §5.3.2, RFC 6352 §6.3.2).

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderValue};
use storage::{
    Collection, CollectionKind, Condition, Home, ObjectName, PreparedObject, PutOutcome,
    StorageError,
};

use crate::answer::{self, Answer};
use crate::error::{DavError, Format, Result, of_fault};
use crate::methods::preconditions::Preconditions;
use crate::path::{Place, object_href};
use crate::request::Request;
use crate::resource::{self, Target, href_of};
use crate::service::Session;
use crate::xml::Name;

/// LIMIT: bytes of the media type of a file.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

pub(crate) async fn run(session: &Session, request: Request, place: Place) -> Result<Answer> {
    let conditions = Preconditions::parse(&request, &place)?;
    let (target, collection, name) =
        session.read(move |session, tx| destination(tx, session, place)).await?;
    put(session, request, &target, collection, name, conditions).await
}

/// The collection that something is put into, and the name it gets there.
fn destination(
    tx: &mut storage::ReadTx<'_>,
    session: &Session,
    place: Place,
) -> Result<(Target, Collection, ObjectName)> {
    let target = resource::find_target(tx, &session.actor, place)?;
    // RFC 4918 §9.7.2: PUT makes no collection.
    if resource::find_collection(tx, &session.actor, &target, &target.collection_name())?.is_some()
    {
        return Err(DavError::Status(StatusCode::METHOD_NOT_ALLOWED));
    }
    let (parent, name) =
        target.object_name().ok_or(DavError::Status(StatusCode::METHOD_NOT_ALLOWED))?;
    let name = ObjectName::parse(name)?;
    // RFC 4918 §9.7.1: 409 where what is above it is not there.
    let parent = resource::find_collection(tx, &session.actor, &target, &parent)?;
    let parent = parent.ok_or(DavError::Status(StatusCode::CONFLICT))?;
    Ok((target, parent, name))
}

/// Puts the body of a request into a collection.
pub(crate) async fn put(
    session: &Session,
    request: Request,
    target: &Target,
    collection: Collection,
    name: ObjectName,
    conditions: Preconditions,
) -> Result<Answer> {
    let object = prepare(session, request, &collection).await?;
    let etag = object.etag();
    let href = href_of(&target.owner, &collection);
    let home = collection.kind.home();
    let outcome = session
        .write(target.owner.id, "dav put", move |tx| {
            conditions.check(tx, home)?;
            let tokens = conditions.tokens();
            let condition = Condition { tokens: &tokens, ..Condition::default() };
            Ok(tx.put_object(&collection, &name, &object, &condition)?)
        })
        .await;
    let status = match outcome.map_err(locked_or)? {
        PutOutcome::Created => StatusCode::CREATED,
        PutOutcome::Replaced => StatusCode::NO_CONTENT,
        PutOutcome::UidTaken { name } => {
            return Err(uid_conflict(home, object_href(&href, &name)));
        }
        PutOutcome::WrongComponent => {
            return Err(DavError::forbidden(Name::caldav("supported-calendar-component")));
        }
    };
    let mut answer = answer::empty(status);
    // RFC 4791 §5.3.4: what is stored is what was sent, so its etag may be told.
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{etag}\"")) {
        answer.headers_mut().insert(ETAG, etag);
    }
    Ok(answer)
}

/// RFC 4791 §5.3.2.1, RFC 6352 §6.3.2.1: with the resource that has it.
pub(crate) fn uid_conflict(home: Home, href: String) -> DavError {
    let name = match home {
        Home::AddressBooks => Name::carddav("no-uid-conflict"),
        Home::Calendars | Home::Files => Name::caldav("no-uid-conflict"),
    };
    DavError::Failed(StatusCode::CONFLICT, name, Some(href))
}

/// RFC 4918 §9.7.1: what cannot be because of what is there.
pub(crate) fn locked_or(error: DavError) -> DavError {
    match error {
        DavError::Storage(StorageError::AlreadyExists(_)) => {
            DavError::Status(StatusCode::METHOD_NOT_ALLOWED)
        }
        DavError::Storage(StorageError::InUse(_)) => {
            DavError::Failed(StatusCode::LOCKED, Name::dav("lock-token-submitted"), None)
        }
        error => error,
    }
}

async fn prepare(
    session: &Session,
    request: Request,
    collection: &Collection,
) -> Result<PreparedObject> {
    let media_type = request.header(CONTENT_TYPE.as_str()).unwrap_or("").to_owned();
    let (limits, kind) = (session.settings.objects, collection.kind);
    let is = |wanted: &[&str]| {
        let bare = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        bare.is_empty() || wanted.contains(&bare.as_str())
    };
    // QUIRK(several programs): octets, or plain text; what it is shows when it is read.
    const VAGUE: [&str; 2] = ["application/octet-stream", "text/plain"];
    let format = match kind {
        CollectionKind::Calendar if !is(&["text/calendar", VAGUE[0], VAGUE[1]]) => {
            return Err(DavError::forbidden(Name::caldav("supported-calendar-data")));
        }
        CollectionKind::AddressBook
            if !is(&["text/vcard", "text/x-vcard", "text/directory", VAGUE[0], VAGUE[1]]) =>
        {
            return Err(DavError::forbidden(Name::carddav("supported-address-data")));
        }
        CollectionKind::Inbox => {
            return Err(DavError::forbidden(Name::dav("need-privileges")));
        }
        CollectionKind::Calendar => Format::Calendar,
        CollectionKind::AddressBook => Format::Card,
        CollectionKind::Folder => Format::File,
    };
    let body = request.body;
    let prepared = tokio::task::spawn_blocking(move || match format {
        Format::Calendar => PreparedObject::calendar(body, &limits),
        Format::Card => PreparedObject::card(body, &limits),
        Format::File => {
            let media_type = match media_type.len() {
                1..=MEDIA_TYPE_BYTES_MAX => media_type,
                _ => "application/octet-stream".to_owned(),
            };
            PreparedObject::file(body, media_type, &limits)
        }
    });
    let prepared = prepared.await.map_err(|error| {
        tracing::error!(%error, "reading an object failed");
        DavError::Status(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    prepared.map_err(|fault| of_fault(fault, format))
}
