//! DAV:sync-collection (RFC 6578 §3.2).

use std::sync::Arc;

use storage::CollectionChanges;

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
    // RFC 6578 §3.3: the header is 0; older programs say the level with it. Our collections have
    // no members that have members, but folders, which are not told of.
    let level = sync.level.or(match request.depth()? {
        Some(Depth::Infinity) => Some(SyncLevel::Infinite),
        _ => Some(SyncLevel::One),
    });
    if level == Some(SyncLevel::Infinite) {
        return Err(DavError::forbidden(Name::dav("sync-traversal-supported")));
    }
    let invalid = || DavError::forbidden(Name::dav("valid-sync-token"));
    let since = match &sync.token {
        // RFC 6578 §3.4: without a token, all there is.
        None => None,
        Some(token) => match parse_sync_token(token) {
            Some((of, modseq)) if of == collection.id => Some(modseq),
            _ => return Err(invalid()),
        },
    };
    let brief = request.is_brief();
    let max = sync.limit.unwrap_or(usize::MAX).min(session.settings.results_max);
    let body = session
        .read(move |session, tx| {
            // What changed since it was found is told of as well.
            let guest = collection.guest;
            let mut collection = tx.load_collection(collection.id)?;
            collection.guest = guest;
            let changes = tx.collection_changes(&collection, since, max)?;
            let (put, gone, up_to, truncated) = match changes {
                CollectionChanges::TooOld => {
                    return Err(DavError::forbidden(Name::dav("valid-sync-token")));
                }
                // RFC 6578 §3.8: fewer than what came at once cannot be told.
                CollectionChanges::TooMany => {
                    let name = Name::dav("number-of-matches-within-limits");
                    let status = hyper::StatusCode::INSUFFICIENT_STORAGE;
                    return Err(DavError::Failed(status, name, None));
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
                let failed = Name::dav("number-of-matches-within-limits");
                multistatus.status(&href, Status::INSUFFICIENT_STORAGE, Some(&failed));
            }
            multistatus.sync_token(&token);
            Ok(multistatus.finish())
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers).await)
}
