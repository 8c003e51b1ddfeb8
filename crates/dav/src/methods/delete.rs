//! DELETE (RFC 4918 §9.6) of objects, collections, folders and subscriptions to pushes. Of a
//! meeting it tells the others in it (RFC 6638 §3.2.3.2).

use hyper::StatusCode;
use storage::{CollectionKind, Condition};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::preconditions::Preconditions;
use crate::methods::put::locked_or;
use crate::path::Place;
use crate::request::{Depth, Request};
use crate::resource::{self, Resource};
use crate::xml::Name;

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    if let Place::Push(token) = place {
        return super::push::remove(exchange, token).await;
    }
    let conditions = Preconditions::parse(&request, &place)?;
    let found =
        exchange.read(move |exchange, tx| resource::find(tx, &exchange.actor, &place)).await?;
    match found {
        Resource::Object(owner, collection, _, object) => {
            let answering = request.answering();
            let (id, owner, name) = (collection.id, owner.id, object.name.clone());
            let deleted = exchange.write_object(
                owner,
                "dav delete",
                move |tx| tx.lock_meeting(owner, id, &name, None),
                move |tx| {
                    conditions.check(tx, collection.kind.home())?;
                    let tokens = conditions.tokens();
                    let condition = Condition { tokens: &tokens, ..Condition::default() };
                    Ok(tx.delete_scheduled(&collection, &object.name, &condition, answering)?)
                },
            );
            deleted.await.map_err(locked_or)?;
        }
        Resource::Collection(owner, collection) => {
            // RFC 4918 §9.6.1: a collection goes with all that is in it.
            if !matches!(request.depth()?, None | Some(Depth::Infinity)) {
                return Err(DavError::BAD_REQUEST);
            }
            let kind = collection.kind;
            if collection.guest.is_some() {
                return leave(exchange, owner.id, *collection, conditions).await;
            }
            let (answering, owner, id) = (request.answering(), owner.id, collection.id);
            let deleted = exchange.write_after(
                owner,
                "dav delete",
                move |tx| match kind {
                    CollectionKind::Calendar => tx.lock_meetings_of(owner, id),
                    _ => Ok(()),
                },
                move |tx| {
                    conditions.check(tx, kind.home())?;
                    let tokens = conditions.tokens();
                    match kind {
                        // RFC 6638 §4.3: the default calendar stays; who wants it gone chooses
                        // another first.
                        CollectionKind::Calendar if tx.default_calendar(owner)? == Some(id) => {
                            let needed = Name::caldav("default-calendar-needed");
                            return Err(DavError::forbidden(needed));
                        }
                        CollectionKind::Calendar => {
                            tx.delete_calendar_scheduled(&collection, &tokens, answering)?;
                        }
                        _ => tx.delete_collection(&collection, &tokens)?,
                    }
                    Ok(())
                },
            );
            deleted.await.map_err(locked_or)?;
        }
        _ => return Err(DavError::Status(StatusCode::FORBIDDEN)),
    }
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// Whoever deletes what is somebody else's leaves it (caldav-sharing draft §5.6).
async fn leave(
    exchange: &Exchange,
    owner: ids::AccountId,
    collection: storage::Collection,
    conditions: Preconditions,
) -> Result<Answer> {
    let actor = exchange.actor.id();
    exchange
        .write_after(
            owner,
            "dav leave",
            move |tx| tx.lock_sharing([owner, actor]),
            move |tx| {
                conditions.check(tx, collection.kind.home())?;
                Ok(tx.leave_collection(collection.id)?)
            },
        )
        .await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
