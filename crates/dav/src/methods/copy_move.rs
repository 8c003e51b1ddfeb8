//! COPY and MOVE (RFC 4918 §9.8, §9.9): find what is to be copied and where to, check the
//! conditions of both, and answer for what storage did.

use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use storage::{
    AccountTx, Answering, Collection, CollectionKind, CollectionName, Condition, CopyDepth,
    EtagCondition, Home, Object, ReadTx, StorageError, Transfer, TransferKind, WriteTx,
};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::attachments::attachment_place;
use crate::methods::get;
use crate::methods::preconditions::Preconditions;
use crate::methods::put::{Written, locked_or, of_outcome};
use crate::path::{Place, object_href};
use crate::request::{Depth, Request};
use crate::resource::{self, Resource, Target, href_of};
use crate::xml::{Name, ZonesSent};

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let conditions = Preconditions::parse(&request, &place)?;
    let destination = request.destination(&exchange.settings.public_url)?;
    let destination = Place::parse(&destination)?.ok_or(DavError::Status(StatusCode::FORBIDDEN))?;
    let (source, target) = exchange
        .read(move |exchange, tx| {
            let source = resource::find(tx, &exchange.actor, &place)?;
            let target = resource::find_target(tx, &exchange.actor, destination).map_err(
                |error| match error {
                    // What cannot be read now may be there another time.
                    DavError::Storage(_) => error,
                    _ => DavError::Status(StatusCode::FORBIDDEN),
                },
            )?;
            Ok((source, target))
        })
        .await?;
    let overwrite = request.overwrites()?;
    let moves = request.method.as_str() == "MOVE";
    let is_between = source.owner().is_some_and(|owner| owner.id != target.owner.id);
    match source {
        Resource::Object(_, collection, _, object) if is_between => {
            let kind = if moves { TransferKind::Move } else { TransferKind::Copy };
            let how =
                How { kind, overwrite, answering: request.answering(), shows: request.shows() };
            between(exchange, &collection, *object, target, how, conditions).await
        }
        // A collection stays its owner's: homes are theirs alone (RFC 3744 §7.1.1).
        Resource::Collection(_, collection)
            if is_between && moves && collection.guest.is_none() =>
        {
            Err(DavError::forbidden(Name::dav("need-privileges")))
        }
        _ if is_between => Err(DavError::Status(StatusCode::FORBIDDEN)),
        Resource::Object(_, collection, _, object) => {
            let kind = if moves { TransferKind::Move } else { TransferKind::Copy };
            let how =
                How { kind, overwrite, answering: request.answering(), shows: request.shows() };
            of_object(exchange, &collection, *object, target, how, conditions).await
        }
        Resource::Collection(_, collection) => {
            let depth = request.depth()?.unwrap_or(Depth::Infinity);
            of_collection(exchange, *collection, target, moves, depth, overwrite, conditions).await
        }
        _ => Err(DavError::Status(StatusCode::FORBIDDEN)),
    }
}

/// How an object is brought elsewhere.
#[derive(Clone, Copy)]
struct How {
    kind: TransferKind,
    overwrite: bool,
    /// Whether the organizer of a meeting that stood there hears that it is gone.
    answering: Answering,
    /// Where what is then at the destination is the answer, how it has its time zones.
    shows: Option<ZonesSent>,
}

async fn of_object(
    exchange: &Exchange,
    from: &Collection,
    object: Object,
    target: Target,
    How { kind, overwrite, answering, shows }: How,
    conditions: Preconditions,
) -> Result<Answer> {
    let (to, name) = destination(exchange, &target).await?;
    let collection_href = href_of(&target.owner, &to);
    let href = object_href(&collection_href, &name);
    let (from, home) = (from.clone(), to.kind.home());
    let whole = target.collection_name();
    let (owner, place, replaced) = (target.owner.id, to.clone(), name.clone());
    let lock = move |tx: &mut WriteTx<'_>| tx.lock_place(&place, &replaced, None);
    let outcome = exchange
        .write_after(owner, "dav copy", lock, move |tx| {
            conditions.check(tx, home)?;
            let tokens = conditions.tokens();
            let account = tx.id();
            let folder = tx.find_collection(account, home, &whole)?;
            if let Some(folder) = &folder {
                if !overwrite {
                    return Err(DavError::Status(StatusCode::PRECONDITION_FAILED));
                }
                tx.delete_collection(folder, &tokens)?;
            }
            let nothing = EtagCondition::Any;
            let condition = Condition {
                if_match: None,
                if_none_match: (!overwrite).then_some(&nothing),
                if_schedule_tag: None,
                tokens: &tokens,
            };
            let (from, object, to, name) = (&from, &object, &to, name.as_str());
            let transfer = Transfer { kind, from, object, to, name };
            let outcome = tx.transfer_scheduled(&transfer, &condition, answering)?;
            Ok((outcome, folder.is_some(), Stored::at(tx, to, name, shows.is_some())?))
        })
        .await;
    let (outcome, replaced_folder, stored) = outcome.map_err(refused)?;
    let written = match of_outcome(outcome, home, &target.owner, &collection_href)? {
        Written::Created if replaced_folder => Written::Replaced,
        written => written,
    };
    Ok(stored.answer(exchange, written, &href, shows))
}

/// The object that is at a destination after a COPY or MOVE, if there is one.
struct Stored {
    object: Option<Object>,
    /// Where they are asked for.
    bytes: Option<Vec<u8>>,
}

impl Stored {
    fn at(tx: &mut ReadTx<'_>, to: &Collection, name: &str, shows: bool) -> Result<Self> {
        let object = tx.find_shown_object(to, name)?;
        let shown = object.as_ref().filter(|_| shows);
        let bytes = shown.map(|object| tx.load_shown_object(to, object.id)).transpose()?;
        Ok(Self { object, bytes })
    }

    fn answer(
        self,
        exchange: &Exchange,
        written: Written,
        href: &str,
        shows: Option<ZonesSent>,
    ) -> Answer {
        let mut answer = match (&self.object, self.bytes, shows) {
            // RFC 8144 §3.1
            (Some(object), Some(bytes), Some(zones)) => {
                let status = match written {
                    Written::Created => StatusCode::CREATED,
                    Written::Replaced => StatusCode::OK,
                };
                get::representation(exchange, status, bytes, zones, object, href)
            }
            _ if written == Written::Created => answer::empty(StatusCode::CREATED),
            _ => answer::empty(StatusCode::NO_CONTENT),
        };
        if let (Written::Created, Ok(href)) = (written, HeaderValue::from_str(href)) {
            answer.headers_mut().insert(LOCATION, href);
        }
        // RFC 6638 §3.2.10
        let tag = self.object.and_then(|object| object.schedule_tag());
        answer::insert_tag(&mut answer, answer::SCHEDULE_TAG, tag.as_deref());
        answer
    }
}

/// The collection that something comes into, and its name there.
async fn destination(exchange: &Exchange, target: &Target) -> Result<(Collection, String)> {
    let conflict = || DavError::Status(StatusCode::CONFLICT);
    let (parent, name) = target.object_name().ok_or_else(conflict)?;
    let (name, sought) = (name.to_owned(), target.clone());
    let to = exchange
        .read(move |exchange, tx| {
            let parent = resource::find_collection(tx, &exchange.actor, &sought, &parent)?;
            parent.ok_or(DavError::Status(StatusCode::CONFLICT))
        })
        .await?;
    Ok((to, name))
}

/// From a collection of one account into one of another, in one transaction.
async fn between(
    exchange: &Exchange,
    from: &Collection,
    object: Object,
    target: Target,
    How { kind, overwrite, answering, shows }: How,
    conditions: Preconditions,
) -> Result<Answer> {
    let (to, name) = destination(exchange, &target).await?;
    let collection_href = href_of(&target.owner, &to);
    let href = object_href(&collection_href, &name);
    let (from, home) = (from.clone(), to.kind.home());
    let (actor, quiet) = (exchange.actor.id(), exchange.quiet.clone());
    let public_url = exchange.settings.public_url.clone();
    let outcome = exchange
        .write_all("dav copy between", Vec::new(), move |tx| {
            let transfer = Transfer { kind, from: &from, object: &object, to: &to, name: &name };
            tx.lock_transfer(&transfer)?;
            conditions.check_between(tx, actor, [from.account, to.account], home)?;
            let source_knows = tx.account_as(from.account, actor)?.up_to_date_pushes(&quiet)?;
            let target_knows = tx.account_as(to.account, actor)?.up_to_date_pushes(&quiet)?;
            let (tokens, nothing) = (conditions.tokens(), EtagCondition::Any);
            let condition = Condition {
                if_match: None,
                if_none_match: (!overwrite).then_some(&nothing),
                if_schedule_tag: None,
                tokens: &tokens,
            };
            let places = move |filename: &str| attachment_place(&public_url, filename);
            let outcome = tx.transfer_between(actor, &transfer, &condition, answering, &places)?;
            tx.account_as(from.account, actor)?.quiet_pushes(&source_knows)?;
            tx.account_as(to.account, actor)?.quiet_pushes(&target_knows)?;
            Ok((outcome, Stored::at(tx, &to, &name, shows.is_some())?))
        })
        .await;
    let (outcome, stored) = outcome.map_err(|error| match error {
        // RFC 4918 §9.8.5: Overwrite is F, and something is there.
        DavError::Storage(StorageError::Conflict(_)) => {
            DavError::Status(StatusCode::PRECONDITION_FAILED)
        }
        error => refused(error),
    })?;
    let written = of_outcome(outcome, home, &target.owner, &collection_href)?;
    Ok(stored.answer(exchange, written, &href, shows))
}

async fn of_collection(
    exchange: &Exchange,
    from: Collection,
    target: Target,
    moves: bool,
    depth: Depth,
    overwrite: bool,
    conditions: Preconditions,
) -> Result<Answer> {
    let is_nested = target.home != Home::Files && target.names.len() > 1;
    if target.home != from.kind.home() || is_nested {
        return Err(misplaced(from.kind));
    }
    let home = target.home;
    let name = CollectionName::parse(home, &target.collection_name())?;
    let href = crate::path::collection_href(target.home, &target.owner.address, name.as_str());
    let depth = match depth {
        Depth::Infinity => CopyDepth::Infinity,
        // RFC 4918 §9.9.2: MOVE of a collection is of all of it.
        Depth::Zero if !moves => CopyDepth::Zero,
        Depth::Zero | Depth::One => return Err(DavError::BAD_REQUEST),
    };
    let (owner, place) = (target.owner.id, name.as_str().to_owned());
    let lock = move |tx: &mut WriteTx<'_>| match (moves && home == Home::Calendars)
        .then(|| tx.find_collection(owner, home, &place))
        .transpose()?
        .flatten()
    {
        Some(there) => tx.lock_meetings_of(owner, there.id),
        None => Ok(()),
    };
    let replaced = exchange
        .write_after(owner, "dav copy", lock, move |tx| {
            conditions.check(tx, home)?;
            let tokens = conditions.tokens();
            if overwrite {
                require_not_default(tx, &from, &name)?;
            }
            Ok(match moves {
                true => tx.rename_collection(&from, &name, overwrite, &tokens)?,
                false => tx.copy_folder(&from, &name, depth, overwrite, &tokens)?,
            })
        })
        .await;
    match replaced.map_err(refused)? {
        true => Ok(answer::empty(StatusCode::NO_CONTENT)),
        false => Ok(created(&href)),
    }
}

/// RFC 6638 §4.3: the default calendar stays, here as where it is deleted by itself.
fn require_not_default(
    tx: &mut AccountTx<'_, '_>,
    from: &Collection,
    to: &CollectionName,
) -> Result<()> {
    let account = tx.id();
    let there = tx.find_collection(account, from.kind.home(), to.as_str())?;
    match there.filter(|there| there.kind == CollectionKind::Calendar && there.id != from.id) {
        Some(there) if tx.default_calendar(account)? == Some(there.id) => {
            Err(DavError::forbidden(Name::caldav("default-calendar-needed")))
        }
        _ => Ok(()),
    }
}

/// The error for a collection of this kind at a place that cannot hold it.
fn misplaced(kind: CollectionKind) -> DavError {
    match kind {
        // RFC 4791 §5.3.2.1
        CollectionKind::Calendar => {
            DavError::forbidden(Name::caldav("calendar-collection-location-ok"))
        }
        // RFC 6352 §6.3.2.1
        CollectionKind::AddressBook => {
            DavError::forbidden(Name::carddav("addressbook-collection-location-ok"))
        }
        _ => DavError::Status(StatusCode::FORBIDDEN),
    }
}

fn created(href: &str) -> Answer {
    let mut answer = answer::empty(StatusCode::CREATED);
    if let Ok(href) = HeaderValue::from_str(href) {
        answer.headers_mut().insert(LOCATION, href);
    }
    answer
}

/// RFC 4918 §9.8.5, §9.9.4.
fn refused(error: DavError) -> DavError {
    match error {
        DavError::Storage(StorageError::AlreadyExists(_)) => {
            DavError::Status(StatusCode::PRECONDITION_FAILED)
        }
        DavError::Storage(StorageError::Conflict(why)) if why.contains("folder above") => {
            DavError::Status(StatusCode::CONFLICT)
        }
        DavError::Storage(StorageError::NoPermission(why)) if !why.contains("right") => {
            DavError::Status(StatusCode::FORBIDDEN)
        }
        error => locked_or(error),
    }
}
