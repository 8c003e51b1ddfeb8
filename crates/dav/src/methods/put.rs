//! PUT (RFC 4918 §9.7, RFC 4791 §5.3.2, RFC 6352 §6.3.2).

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG};
use storage::{
    Account, Collection, CollectionKind, Condition, Home, MeetingPlace, ObjectLimits, ObjectName,
    PreparedObject, PutOutcome, StorageError,
};

use crate::answer::{self, Answer};
use crate::error::{DavError, Format, Result, of_fault};
use crate::exchange::Exchange;
use crate::methods::get;
use crate::methods::preconditions::Preconditions;
use crate::path::{Place, collection_href, object_href};
use crate::request::Request;
use crate::resource::{self, Target, href_of};
use crate::xml::{Name, ZonesSent};

/// LIMIT: bytes of the media type of a file.
const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// LIMIT: up to here reading an object takes less than moving to another thread for it; a larger
/// one would keep a connection of the store's to itself meanwhile.
const SMALL_BYTES: usize = 32 * 1024;

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let shown = request.shows().map(|zones| (zones, place.clone()));
    let answered = put_at(exchange, request, place).await;
    get::or_what_is_there(exchange, answered, shown).await
}

async fn put_at(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    if request.headers.contains_key(CONTENT_RANGE) {
        // RFC 9110 §14.5: a part is not to take the place of the whole.
        return Err(DavError::BAD_REQUEST);
    }
    let conditions = Preconditions::parse(&request, &place)?;
    if request.body.len() > SMALL_BYTES {
        let found = exchange.read(move |exchange, tx| destination(tx, exchange, place)).await?;
        let (target, collection, name) = found;
        return put(exchange, request, &target, collection, name, conditions).await;
    }
    let shows = request.shows();
    let (target, ready) = exchange
        .read(move |exchange, tx| {
            let (target, collection, name) = destination(tx, exchange, place)?;
            let object = Draft::of(request, &collection)?.prepare(&exchange.settings.objects)?;
            Ok((target, Ready { collection, name, object, conditions, shows }))
        })
        .await?;
    write(exchange, &target, ready).await
}

/// An object that is ready to be written.
struct Ready {
    collection: Collection,
    name: ObjectName,
    object: PreparedObject,
    conditions: Preconditions,
    /// Where what is stored is the answer, how it has its time zones.
    shows: Option<ZonesSent>,
}

/// The collection that something is put into, and the name it gets there.
fn destination(
    tx: &mut storage::ReadTx<'_>,
    exchange: &Exchange,
    place: Place,
) -> Result<(Target, Collection, ObjectName)> {
    let target = resource::find_target(tx, &exchange.actor, place)?;
    // RFC 4918 §9.7.2: PUT makes no collection.
    if resource::find_collection(tx, &exchange.actor, &target, &target.collection_name())?.is_some()
    {
        return Err(DavError::Status(StatusCode::METHOD_NOT_ALLOWED));
    }
    let (parent, name) =
        target.object_name().ok_or(DavError::Status(StatusCode::METHOD_NOT_ALLOWED))?;
    let name = ObjectName::parse(name)?;
    // RFC 4918 §9.7.1: 409 where what is above it is not there.
    let parent = resource::find_collection(tx, &exchange.actor, &target, &parent)?;
    let parent = parent.ok_or(DavError::Status(StatusCode::CONFLICT))?;
    Ok((target, parent, name))
}

/// Puts the body of a request into a collection.
pub(crate) async fn put(
    exchange: &Exchange,
    request: Request,
    target: &Target,
    collection: Collection,
    name: ObjectName,
    conditions: Preconditions,
) -> Result<Answer> {
    let shows = request.shows();
    let (draft, limits) = (Draft::of(request, &collection)?, exchange.settings.objects);
    let prepared = tokio::task::spawn_blocking(move || draft.prepare(&limits));
    let object = prepared.await.map_err(|error| {
        tracing::error!(%error, "reading an object failed");
        DavError::Status(StatusCode::INTERNAL_SERVER_ERROR)
    })??;
    write(exchange, target, Ready { collection, name, object, conditions, shows }).await
}

async fn write(exchange: &Exchange, target: &Target, ready: Ready) -> Result<Answer> {
    let Ready { collection, name, object, conditions, shows } = ready;
    let href = href_of(&target.owner, &collection);
    let own_href = object_href(&href, name.as_str());
    let home = collection.kind.home();
    let (collection, object, name) = (Arc::new(collection), Arc::new(object), Arc::new(name));
    let owner = target.owner.id;
    let (place, locked, locked_name) = (collection.clone(), object.clone(), name.clone());
    let put = exchange
        .write_object(
            owner,
            "dav put",
            move |tx| tx.lock_place(&place, locked_name.as_str(), Some(&locked)),
            move |tx| {
                conditions.check(tx, home)?;
                let tokens = conditions.tokens();
                let if_schedule_tag = conditions.schedule_tag();
                let condition =
                    Condition { tokens: &tokens, if_schedule_tag, ..Condition::default() };
                let put = tx.put_scheduled(&collection, &name, &object, &condition)?;
                let stored = match shows {
                    Some(_) => tx.find_shown_object(&collection, name.as_str())?,
                    None => None,
                };
                let id = stored.as_ref().map(|stored| stored.id);
                let bytes = id.map(|id| tx.load_shown_object(&collection, id)).transpose()?;
                Ok((put, stored.zip(bytes)))
            },
        )
        .await;
    let (put, stored) = put.map_err(locked_or)?;
    let status = match of_outcome(put.outcome, home, &target.owner, &href)? {
        Written::Created => StatusCode::CREATED,
        Written::Replaced => StatusCode::NO_CONTENT,
    };
    if let (Some((stored, bytes)), Some(zones)) = (stored, shows) {
        let status = if status == StatusCode::NO_CONTENT { StatusCode::OK } else { status };
        return Ok(get::representation(exchange, status, bytes, zones, &stored, &own_href));
    }
    let mut answer = answer::empty(status);
    // RFC 4791 §5.3.4: the etag may be told where what is stored is what was sent.
    answer::insert_tag(&mut answer, ETAG, put.etag.as_deref());
    // RFC 6638 §8.2
    answer::insert_tag(&mut answer, answer::SCHEDULE_TAG, put.schedule_tag.as_deref());
    Ok(answer)
}

/// What a PUT did to the object at its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Created,
    Replaced,
}

/// What came of a PUT, COPY or MOVE into the collection of this path, or the precondition that
/// failed.
pub(crate) fn of_outcome(
    outcome: PutOutcome,
    home: Home,
    owner: &Account,
    collection: &str,
) -> Result<Written> {
    Err(match outcome {
        PutOutcome::Created => return Ok(Written::Created),
        PutOutcome::Replaced => return Ok(Written::Replaced),
        PutOutcome::UidTaken { name } => uid_conflict(home, object_href(collection, &name)),
        PutOutcome::WrongComponent => {
            DavError::forbidden(Name::caldav("supported-calendar-component"))
        }
        // RFC 6638 §3.2.4.1
        PutOutcome::MeetingTaken { place } => {
            let failed = Name::caldav("unique-scheduling-object-resource");
            let href = place.map(|MeetingPlace { calendar, name }| {
                object_href(&collection_href(Home::Calendars, &owner.address, &calendar), &name)
            });
            DavError::Failed(StatusCode::FORBIDDEN, failed, href)
        }
        PutOutcome::SeveralOrganizers => {
            DavError::forbidden(Name::caldav("same-organizer-in-all-components"))
        }
        PutOutcome::NotForOrganizer => {
            DavError::forbidden(Name::caldav("allowed-organizer-scheduling-object-change"))
        }
        PutOutcome::NotForAttendee => {
            DavError::forbidden(Name::caldav("allowed-attendee-scheduling-object-change"))
        }
        // R-CAL-4; no standard has a name for it.
        PutOutcome::RoomTaken => DavError::Status(StatusCode::CONFLICT),
        // RFC 8607 §3.11
        PutOutcome::UnknownAttachment => {
            DavError::forbidden(Name::caldav("valid-managed-id-parameter"))
        }
        PutOutcome::TooManyAttachments => {
            DavError::forbidden(Name::caldav("max-attachments-per-resource"))
        }
        PutOutcome::TooBig => DavError::forbidden(Name::caldav("max-resource-size")),
        PutOutcome::TooManyAttendees => {
            DavError::forbidden(Name::caldav("max-attendees-per-instance"))
        }
    })
}

/// RFC 4791 §5.3.2.1, RFC 6352 §6.3.2.1: with the resource that has it.
fn uid_conflict(home: Home, href: String) -> DavError {
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

/// A body before it is read.
struct Draft {
    format: Format,
    media_type: String,
    body: Vec<u8>,
}

impl Draft {
    /// Reads the body of a PUT; fails if its media type shows that the collection does not take it.
    fn of(request: Request, collection: &Collection) -> Result<Self> {
        let media_type = request.header(CONTENT_TYPE.as_str()).unwrap_or("").to_owned();
        let is = |wanted: &[&str]| {
            let bare = media_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
            bare.is_empty() || wanted.contains(&bare.as_str())
        };
        // QUIRK(several programs): octets, or plain text; what it is shows when it is read.
        const VAGUE: [&str; 2] = ["application/octet-stream", "text/plain"];
        let format = match collection.kind {
            CollectionKind::Calendar if !is(&["text/calendar", VAGUE[0], VAGUE[1]]) => {
                return Err(DavError::forbidden(Name::caldav("supported-calendar-data")));
            }
            CollectionKind::AddressBook
                if !is(&["text/vcard", "text/x-vcard", "text/directory", VAGUE[0], VAGUE[1]]) =>
            {
                return Err(DavError::forbidden(Name::carddav("supported-address-data")));
            }
            CollectionKind::Inbox | CollectionKind::Notifications => {
                return Err(DavError::forbidden(Name::dav("need-privileges")));
            }
            CollectionKind::Calendar => Format::Calendar,
            CollectionKind::AddressBook => Format::Card,
            CollectionKind::Folder => Format::File,
        };
        Ok(Self { format, media_type, body: request.body })
    }

    /// Reads it. Not for async code.
    fn prepare(self, limits: &ObjectLimits) -> Result<PreparedObject> {
        let Self { format, media_type, body } = self;
        let prepared = match format {
            Format::Calendar => PreparedObject::calendar(body, limits),
            Format::Card => PreparedObject::card(body, limits),
            Format::File => {
                let media_type = match media_type.len() {
                    1..=MEDIA_TYPE_BYTES_MAX => media_type,
                    _ => "application/octet-stream".to_owned(),
                };
                PreparedObject::file(body, media_type, limits)
            }
        };
        prepared.map_err(|fault| of_fault(fault, format))
    }
}
