//! DAV:sync-collection (RFC 6578 §3.2).

use std::sync::Arc;

use ids::ModSeq;
use storage::{Collection, CollectionChanges};

use crate::answer::{self, Answer};
use crate::describe::Describer;
use crate::error::{DavError, Result};
use crate::path::object_href;
use crate::properties::{parse_sync_token, sync_token};
use crate::request::{Depth, Request};
use crate::resource::{Resource, href_of};
use crate::service::Session;
use crate::work::Work;
use crate::xml::{Multistatus, Name, Status, SyncCollection, SyncLevel};

pub(crate) async fn run(
    session: &Session,
    request: &Request,
    found: Resource,
    sync: SyncCollection,
) -> Result<Answer> {
    let Resource::Collection(owner, collection) = found else {
        return Err(DavError::forbidden(Name::dav("supported-report")));
    };
    check_level(request, &sync)?;
    let since = since(&collection, &sync)?;
    let brief = request.is_brief();
    let max = sync.limit.unwrap_or(usize::MAX).min(session.settings.results_max);
    let body = session
        .read(move |session, tx| {
            // What changed since it was found is told of as well.
            let guest = collection.guest;
            let mut collection = tx.load_collection(collection.id)?;
            collection.guest = guest;
            let (put, gone, up_to, truncated) =
                match tx.collection_changes(&collection, since, max)? {
                    CollectionChanges::TooOld => return Err(invalid_token()),
                    // RFC 6578 §3.8: fewer than what came at once cannot be told.
                    CollectionChanges::TooMany => {
                        let status = hyper::StatusCode::INSUFFICIENT_STORAGE;
                        return Err(DavError::Failed(status, too_many(), None));
                    }
                    CollectionChanges::List { put, gone, up_to, truncated } => {
                        (put, gone, up_to, truncated)
                    }
                };
            let token = sync_token(collection.id, up_to);
            let href: Arc<str> = href_of(&owner, &collection).into();
            let shared = Arc::new(collection);
            let mut multistatus = Multistatus::new();
            let mut describer = Describer::new(&session.actor, &session.settings, session.now());
            let work = Work::new(&session.settings);
            for object in put {
                let (owner, shared, href) = (owner.clone(), shared.clone(), href.clone());
                let resource = Resource::Object(owner, shared, href, Box::new(object));
                describer.read(tx, &resource)?;
                let locks = describer.locks_on(&resource);
                let described = describer.described(&resource, &locks, None);
                described.respond(&mut multistatus, &sync.request, brief);
                work.go_on(multistatus.len())?;
            }
            // RFC 6578 §3.5.2: a status, and no properties.
            for name in gone {
                multistatus.status(&object_href(&href, &name), Status::NOT_FOUND, None);
            }
            if truncated {
                // RFC 6578 §3.6
                multistatus.status(&href, Status::INSUFFICIENT_STORAGE, Some(&too_many()));
            }
            multistatus.sync_token(&token);
            Ok(multistatus.finish())
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers).await)
}

/// RFC 6578 §3.3: the header is 0; older programs say the level with it. Our collections have no
/// members that have members, but folders, which are not told of.
fn check_level(request: &Request, sync: &SyncCollection) -> Result<()> {
    let level = match (sync.level, request.depth()?) {
        (Some(level), _) => level,
        (None, Some(Depth::Infinity)) => SyncLevel::Infinite,
        (None, _) => SyncLevel::One,
    };
    match level == SyncLevel::Infinite {
        true => Err(DavError::forbidden(Name::dav("sync-traversal-supported"))),
        false => Ok(()),
    }
}

/// Since when changes are told; `None`: all there is (RFC 6578 §3.4).
fn since(collection: &Collection, sync: &SyncCollection) -> Result<Option<ModSeq>> {
    let Some(token) = &sync.token else { return Ok(None) };
    match parse_sync_token(token) {
        Some((of, modseq)) if of == collection.id => Ok(Some(modseq)),
        _ => Err(invalid_token()),
    }
}

fn invalid_token() -> DavError {
    DavError::forbidden(Name::dav("valid-sync-token"))
}

fn too_many() -> Name {
    Name::dav("number-of-matches-within-limits")
}
