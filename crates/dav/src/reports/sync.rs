//! DAV:sync-collection (RFC 6578 §3.2) of calendars, address books, inboxes and folders: what
//! changed since a token, in bounded pieces.

use std::sync::Arc;

use ids::ModSeq;
use storage::{Account, Collection, CollectionChanges, ReadTx};

use super::sync_home;
use crate::answer::{self, Answer};
use crate::describe::Describer;
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::path::object_href;
use crate::properties::{edition, parse_sync_token, sync_token};
use crate::request::{Depth, Detail, Request};
use crate::resource::{Resource, href_of};
use crate::work::{Work, too_much};
use crate::xml::{Multistatus, Name, Status, SyncCollection, SyncLevel};

pub(crate) async fn run(
    exchange: &Exchange,
    request: &Request,
    found: Resource,
    sync: SyncCollection,
) -> Result<Answer> {
    let (owner, collection) = match found {
        Resource::Collection(owner, collection) => (owner, collection),
        Resource::Home(home, owner) if !exchange.actor.is_outside() => {
            check_level(request, &sync)?;
            return sync_home::run(exchange, request, (home, owner), sync).await;
        }
        _ => return Err(DavError::forbidden(Name::dav("supported-report"))),
    };
    check_level(request, &sync)?;
    let since = since(&collection, &sync)?;
    let detail = request.detail();
    let mut max = sync.limit.unwrap_or(usize::MAX).min(exchange.settings.results_max);
    let body = exchange
        .read(move |exchange, tx| {
            // What changed since it was found is told of as well.
            let guest = collection.guest;
            let mut collection = tx.load_collection(collection.id)?;
            collection.guest = guest;
            let work = Work::new(&exchange.settings);
            let told =
                Told { exchange, owner, collection: collection.into(), since, sync, detail, work };
            loop {
                match told.render(tx, max)? {
                    Rendered::Whole(body) => return Ok(body),
                    // RFC 6578 §3.6: what has no room in this answer has it in the next. A third
                    // try is rare: objects differ little in what is told of them.
                    Rendered::Fits(fitting) => max = fitting - fitting / 8,
                }
            }
        })
        .await?;
    Ok(answer::multistatus(body, &request.headers).await)
}

/// The parameters of one sync-collection REPORT on a collection.
struct Told<'s> {
    exchange: &'s Exchange,
    owner: Arc<Account>,
    collection: Arc<Collection>,
    since: Option<ModSeq>,
    sync: SyncCollection,
    detail: Detail,
    work: Work,
}

/// An attempt to render an answer within the bound on its size.
enum Rendered {
    /// An answer with every change asked for.
    Whole(Vec<u8>),
    /// It would have been too large: only so many changes fit.
    Fits(usize),
}

impl Told<'_> {
    /// The answer with about `max` changes.
    fn render(&self, tx: &mut ReadTx<'_>, max: usize) -> Result<Rendered> {
        let (mut put, folders, gone, up_to, truncated) =
            match tx.collection_changes(&self.collection, self.since, max)? {
                CollectionChanges::TooOld => return Err(invalid_token()),
                CollectionChanges::TooMany => return Err(too_few()),
                CollectionChanges::List { put, folders, gone, up_to, truncated } => {
                    (put, folders, gone, up_to, truncated)
                }
            };
        tx.show_objects(&self.collection, &mut put)?;
        let href: Arc<str> = href_of(&self.owner, &self.collection).into();
        let mut multistatus = Multistatus::new();
        let Exchange { actor, settings, .. } = self.exchange;
        let describer = Describer::new(actor, settings, self.exchange.now());
        let mut describer = describer.for_request(&self.sync.request);
        let objects = put.into_iter().map(|object| {
            let (owner, collection) = (self.owner.clone(), self.collection.clone());
            Resource::Object(owner, collection, href.clone(), Box::new(object))
        });
        // What is in a folder is shared by itself.
        let is_own = self.owner.id == actor.id();
        let folders = folders.into_iter().filter(|_| is_own);
        let folders =
            folders.map(|folder| Resource::Collection(self.owner.clone(), Box::new(folder)));
        for (told, resource) in objects.chain(folders).enumerate() {
            describer.read(tx, &resource)?;
            let locks = describer.locks_on(&resource);
            let described = describer.described(&resource, &locks, None);
            described.respond(&mut multistatus, &self.sync.request, self.detail);
            self.work.go_on_in_time()?;
            if !self.work.has_room(multistatus.len()) {
                return if told == 0 { Err(too_much()) } else { Ok(Rendered::Fits(told)) };
            }
        }
        // RFC 6578 §3.5.2: a status, and no properties.
        for name in gone {
            let gone = match name.strip_suffix('/') {
                Some(folder) => object_href(&href, folder) + "/",
                None => object_href(&href, &name),
            };
            multistatus.status(&gone, Status::NOT_FOUND, None);
        }
        if truncated {
            // RFC 6578 §3.6
            multistatus.status(&href, Status::INSUFFICIENT_STORAGE, Some(&too_many()));
        }
        multistatus.sync_token(&sync_token(self.collection.id, up_to, edition(&self.collection)));
        Ok(Rendered::Whole(multistatus.finish()))
    }
}

/// RFC 6578 §3.3: the header is 0; older programs say the level with it. What is in the folders of
/// a folder is told of by these.
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

/// The modification sequence of the token, since which changes are told; `None` without a token,
/// which asks for everything (RFC 6578 §3.4).
fn since(collection: &Collection, sync: &SyncCollection) -> Result<Option<ModSeq>> {
    let Some(token) = &sync.token else { return Ok(None) };
    match parse_sync_token(token, edition(collection)) {
        Some((of, modseq)) if of == collection.id => Ok(Some(modseq)),
        _ => Err(invalid_token()),
    }
}

pub(super) fn invalid_token() -> DavError {
    DavError::forbidden(Name::dav("valid-sync-token"))
}

/// RFC 6578 §3.8: fewer than what came at once cannot be told.
pub(super) fn too_few() -> DavError {
    DavError::Failed(hyper::StatusCode::INSUFFICIENT_STORAGE, too_many(), None)
}

pub(super) fn too_many() -> Name {
    Name::dav("number-of-matches-within-limits")
}
