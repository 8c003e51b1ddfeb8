//! LOCK and UNLOCK (RFC 4918 §9.10, §9.11).

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use ids::Timestamp;
use storage::{
    Collection, CollectionKind, Condition, Home, Lock, ObjectLimits, ObjectName, PreparedObject,
    StorageError,
};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::methods::if_header::IfHeader;
use crate::methods::post::random_uuid;
use crate::path::Place;
use crate::properties::write_lock;
use crate::request::{Depth, Request};
use crate::resource::{self, Resource, Target};
use crate::service::Session;
use crate::xml::{LockInfo, LockScope, Name, Writer};

/// LIMIT: how long a lock lasts that nobody says a time for, in seconds.
const TIMEOUT_SECS: i64 = 600;

pub(crate) async fn run(session: &Session, request: Request, place: Place) -> Result<Answer> {
    let wanted = LockInfo::parse(&request.body, &session.settings.xml)?;
    let conditions = IfHeader::parse(&request)?;
    let depth = request.depth()?.unwrap_or(Depth::Infinity);
    if depth == Depth::One {
        return Err(DavError::BAD_REQUEST);
    }
    let (target, found) = session
        .read(move |session, tx| {
            let target = resource::find_target(tx, &session.actor, place)?;
            let found = resource::find_member(tx, &session.actor, &target)?;
            Ok((target, found))
        })
        .await?;
    match wanted {
        None => refresh(session, &request, &target, conditions).await,
        Some(wanted) => {
            let token = format!("urn:uuid:{}", random_uuid()?);
            let lock = Lock {
                token,
                home: target.home,
                path: String::new(),
                deep: depth == Depth::Infinity,
                exclusive: wanted.scope == LockScope::Exclusive,
                holder: session.actor.id(),
                owner: wanted.owner.map(|owner| owner.to_xml()).unwrap_or_default(),
                timeout_secs: request.timeout_secs().unwrap_or(TIMEOUT_SECS),
                expires: Timestamp::default(),
            };
            take(session, &target, found, lock, conditions).await
        }
    }
}

async fn take(
    session: &Session,
    target: &Target,
    found: Option<Resource>,
    wanted: Lock,
    conditions: IfHeader,
) -> Result<Answer> {
    let (collection, object, is_new) = match found {
        Some(Resource::Collection(_, collection)) => (*collection, None, false),
        Some(Resource::Object(_, collection, _, object)) => {
            ((*collection).clone(), Some(object.name), false)
        }
        _ => {
            let (collection, name) = empty_place(session, target).await?;
            (collection, Some(name), true)
        }
    };
    let limits = session.settings.objects;
    let lock = session
        .write(target.owner.id, "dav lock", move |tx| {
            conditions.check(tx)?;
            if let (true, Some(name)) = (is_new, &object) {
                put_empty(tx, &collection, name, &conditions.tokens(), &limits)?;
            }
            Ok(tx.lock(&collection, object.as_deref(), &wanted)?)
        })
        .await;
    let lock = lock.map_err(|error| match error {
        DavError::Storage(StorageError::InUse(_)) => {
            DavError::Failed(StatusCode::LOCKED, Name::dav("no-conflicting-lock"), None)
        }
        error => error,
    })?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut answer = discovery(status, &lock, target);
    if let Ok(token) = HeaderValue::from_str(&format!("<{}>", lock.token)) {
        answer.headers_mut().insert(HeaderName::from_static("lock-token"), token);
    }
    Ok(answer)
}

/// RFC 4918 §7.3: a lock on what is not there makes it, empty. An empty calendar object is none.
async fn empty_place(session: &Session, target: &Target) -> Result<(Collection, String)> {
    if target.home != Home::Files {
        return Err(DavError::NOT_FOUND);
    }
    let (parent, name) = target.object_name().ok_or(DavError::NOT_FOUND)?;
    let (sought, name) = (target.clone(), name.to_owned());
    let parent = session
        .read(move |session, tx| resource::find_collection(tx, &session.actor, &sought, &parent))
        .await?;
    Ok((parent.ok_or(DavError::Status(StatusCode::CONFLICT))?, name))
}

fn put_empty(
    tx: &mut storage::AccountTx<'_, '_>,
    collection: &Collection,
    name: &str,
    tokens: &[String],
    limits: &ObjectLimits,
) -> Result<()> {
    debug_assert_eq!(collection.kind, CollectionKind::Folder);
    let media_type = "application/octet-stream".to_owned();
    let empty = PreparedObject::file(Vec::new(), media_type, limits)
        .map_err(|_| DavError::Status(StatusCode::INTERNAL_SERVER_ERROR))?;
    let condition = Condition { tokens, ..Condition::default() };
    tx.put_object(collection, &ObjectName::parse(name)?, &empty, &condition)?;
    Ok(())
}

async fn refresh(
    session: &Session,
    request: &Request,
    target: &Target,
    conditions: IfHeader,
) -> Result<Answer> {
    // RFC 4918 §9.10.2: the lock is named in If, alone.
    let token = conditions.tokens().into_iter().next().ok_or(DavError::BAD_REQUEST)?;
    let (home, path) = (target.home, target.lock_path());
    let timeout_secs = request.timeout_secs();
    let lock = session
        .write(target.owner.id, "dav lock", move |tx| {
            Ok(tx.refresh_lock(home, &path, &token, timeout_secs)?)
        })
        .await?;
    Ok(discovery(StatusCode::OK, &lock, target))
}

/// RFC 4918 §9.10.1: DAV:lockdiscovery in DAV:prop.
fn discovery(status: StatusCode, lock: &Lock, target: &Target) -> Answer {
    let body = Writer::document(&Name::dav("prop"), |writer| {
        writer.element(&Name::dav("lockdiscovery"), |writer| {
            write_lock(writer, lock, Some(&target.owner));
        });
    });
    answer::xml(status, body)
}

pub(crate) async fn unlock(session: &Session, request: Request, place: Place) -> Result<Answer> {
    let token = request.header("lock-token").ok_or(DavError::BAD_REQUEST)?;
    let token = token.strip_prefix('<').and_then(|token| token.strip_suffix('>'));
    let token = token.ok_or(DavError::BAD_REQUEST)?.to_owned();
    let target = session
        .read(move |session, tx| {
            let target = resource::find_target(tx, &session.actor, place)?;
            resource::find_member(tx, &session.actor, &target)?.ok_or(DavError::NOT_FOUND)?;
            Ok(target)
        })
        .await?;
    let (home, path) = (target.home, target.lock_path());
    let unlocked = session
        .write(target.owner.id, "dav unlock", move |tx| Ok(tx.unlock(home, &path, &token)?))
        .await;
    unlocked.map_err(|error| match error {
        // RFC 4918 §9.11.1
        DavError::Storage(StorageError::Conflict(_)) => {
            DavError::conflict(Name::dav("lock-token-matches-request-uri"))
        }
        error => error,
    })?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
