//! COPY and MOVE (RFC 4918 §9.8, §9.9).

use hyper::StatusCode;
use hyper::header::{HeaderValue, LOCATION};
use storage::{
    Answering, Collection, CollectionName, Condition, CopyDepth, EtagCondition, Home, Object,
    StorageError, Transfer, TransferKind, WriteTx,
};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::methods::attachments::attachment_place;
use crate::methods::preconditions::Preconditions;
use crate::methods::put::{Written, locked_or, of_outcome};
use crate::path::{Place, object_href};
use crate::request::{Depth, Request};
use crate::resource::{self, Resource, Target, href_of};
use crate::session::Session;

pub(crate) async fn run(session: &Session, request: Request, place: Place) -> Result<Answer> {
    let conditions = Preconditions::parse(&request, &place)?;
    let destination = request.destination(&session.settings.public_url)?;
    let destination = Place::parse(&destination)?.ok_or(DavError::Status(StatusCode::FORBIDDEN))?;
    let (source, target) = session
        .read(move |session, tx| {
            let source = resource::find(tx, &session.actor, &place)?;
            let target = resource::find_target(tx, &session.actor, destination)
                .map_err(|_| DavError::Status(StatusCode::FORBIDDEN))?;
            Ok((source, target))
        })
        .await?;
    let overwrite = request.overwrites()?;
    let moves = request.method.as_str() == "MOVE";
    let is_between = source.owner().is_some_and(|owner| owner.id != target.owner.id);
    match source {
        Resource::Object(_, collection, _, object) if is_between => {
            let kind = if moves { TransferKind::Move } else { TransferKind::Copy };
            let how = How { kind, overwrite, answering: request.answering() };
            between(session, &collection, *object, target, how, conditions).await
        }
        // A collection stays its owner's.
        _ if is_between => Err(DavError::Status(StatusCode::FORBIDDEN)),
        Resource::Object(_, collection, _, object) => {
            let kind = if moves { TransferKind::Move } else { TransferKind::Copy };
            let how = How { kind, overwrite, answering: request.answering() };
            of_object(session, &collection, *object, target, how, conditions).await
        }
        Resource::Collection(_, collection) => {
            let depth = request.depth()?.unwrap_or(Depth::Infinity);
            of_collection(session, *collection, target, moves, depth, overwrite, conditions).await
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
}

async fn of_object(
    session: &Session,
    from: &Collection,
    object: Object,
    target: Target,
    How { kind, overwrite, answering }: How,
    conditions: Preconditions,
) -> Result<Answer> {
    let (to, name) = destination(session, &target).await?;
    let collection_href = href_of(&target.owner, &to);
    let href = object_href(&collection_href, &name);
    let (from, home) = (from.clone(), to.kind.home());
    let whole = target.collection_name();
    let (owner, place, replaced) = (target.owner.id, to.id, name.clone());
    let lock = move |tx: &mut WriteTx<'_>| tx.lock_meeting(owner, place, &replaced, None);
    let outcome = session
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
            let written = tx.find_object(to.id, name)?;
            let schedule_tag = written.and_then(|written| written.schedule_tag());
            Ok((outcome, folder.is_some(), schedule_tag))
        })
        .await;
    let (outcome, replaced_folder, schedule_tag) = outcome.map_err(refused)?;
    let written = of_outcome(outcome, home, &target.owner, &collection_href)?;
    let mut answer = match (written, replaced_folder) {
        (Written::Created, false) => created(&href),
        (Written::Created | Written::Replaced, _) => answer::empty(StatusCode::NO_CONTENT),
    };
    // RFC 6638 §3.2.10
    answer::insert_tag(&mut answer, answer::SCHEDULE_TAG, schedule_tag.as_deref());
    Ok(answer)
}

/// The collection that something comes into, and its name there.
async fn destination(session: &Session, target: &Target) -> Result<(Collection, String)> {
    let conflict = || DavError::Status(StatusCode::CONFLICT);
    let (parent, name) = target.object_name().ok_or_else(conflict)?;
    let (name, sought) = (name.to_owned(), target.clone());
    let to = session
        .read(move |session, tx| {
            let parent = resource::find_collection(tx, &session.actor, &sought, &parent)?;
            parent.ok_or(DavError::Status(StatusCode::CONFLICT))
        })
        .await?;
    Ok((to, name))
}

/// From a collection of one account into one of another, in one transaction.
async fn between(
    session: &Session,
    from: &Collection,
    object: Object,
    target: Target,
    How { kind, overwrite, answering }: How,
    conditions: Preconditions,
) -> Result<Answer> {
    let (to, name) = destination(session, &target).await?;
    let collection_href = href_of(&target.owner, &to);
    let href = object_href(&collection_href, &name);
    let (from, home) = (from.clone(), to.kind.home());
    let (actor, quiet) = (session.actor.id(), session.quiet.clone());
    let public_url = session.settings.public_url.clone();
    let outcome = session
        .write_all("dav copy between", Vec::new(), move |tx| {
            let transfer = Transfer { kind, from: &from, object: &object, to: &to, name: &name };
            tx.lock_transfer(&transfer)?;
            let mut source = tx.account_as(from.account, actor)?;
            conditions.check(&mut source, home)?;
            let source_knows = source.up_to_date_pushes(&quiet)?;
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
            let written = tx.find_object(to.id, &name)?;
            Ok((outcome, written.and_then(|written| written.schedule_tag())))
        })
        .await;
    let (outcome, schedule_tag) = outcome.map_err(|error| match error {
        // RFC 4918 §9.8.5: Overwrite is F, and something is there.
        DavError::Storage(StorageError::Conflict(_)) => {
            DavError::Status(StatusCode::PRECONDITION_FAILED)
        }
        error => refused(error),
    })?;
    let mut answer = match of_outcome(outcome, home, &target.owner, &collection_href)? {
        Written::Created => created(&href),
        Written::Replaced => answer::empty(StatusCode::NO_CONTENT),
    };
    // RFC 6638 §3.2.10
    answer::insert_tag(&mut answer, answer::SCHEDULE_TAG, schedule_tag.as_deref());
    Ok(answer)
}

async fn of_collection(
    session: &Session,
    from: Collection,
    target: Target,
    moves: bool,
    depth: Depth,
    overwrite: bool,
    conditions: Preconditions,
) -> Result<Answer> {
    if target.home != from.kind.home() {
        return Err(DavError::Status(StatusCode::FORBIDDEN));
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
    let replaced = session
        .write_after(owner, "dav copy", lock, move |tx| {
            conditions.check(tx, home)?;
            let tokens = conditions.tokens();
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
