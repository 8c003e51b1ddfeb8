//! LOCK and UNLOCK (RFC 4918 §9.10, §9.11): write locks, exclusive or shared, that also hold for
//! names at which nothing is yet.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use ids::Timestamp;
use storage::{
    Collection, CollectionKind, Condition, EtagCondition, Home, Lock, ObjectLimits, ObjectName,
    PreparedObject, ReadTx, StorageError,
};

use crate::answer::{self, Answer};
use crate::error::{DavError, Result};
use crate::exchange::Exchange;
use crate::methods::if_header::IfHeader;
use crate::methods::post::random_uuid;
use crate::methods::preconditions::Preconditions;
use crate::path::Place;
use crate::properties::{lock_root, write_lock};
use crate::request::{Depth, Request};
use crate::resource::{self, Resource, Target};
use crate::xml::{LockInfo, LockScope, Name, Writer};

/// LIMIT: how long a lock lasts that nobody says a time for, in seconds.
const TIMEOUT_SECS: i64 = 600;

pub(crate) async fn run(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let wanted = LockInfo::parse(&request.body, &exchange.settings.xml)?;
    let conditions = Preconditions::parse(&request, &place)?;
    let depth = request.depth()?.unwrap_or(Depth::Infinity);
    if depth == Depth::One {
        return Err(DavError::BAD_REQUEST);
    }
    let (target, found) = exchange
        .read(move |exchange, tx| {
            let target = resource::find_target(tx, &exchange.actor, place)?;
            let found = resource::find_member(tx, &exchange.actor, &target)?;
            Ok((target, found))
        })
        .await?;
    match wanted {
        None => {
            let found = found.ok_or(DavError::NOT_FOUND)?;
            refresh(exchange, &request, &target, found, conditions).await
        }
        Some(wanted) => {
            let token = format!("urn:uuid:{}", random_uuid()?);
            let lock = Lock {
                token,
                home: target.home,
                path: String::new(),
                deep: depth == Depth::Infinity,
                exclusive: wanted.scope == LockScope::Exclusive,
                holder: exchange.actor.id(),
                owner: wanted.owner.map(|owner| owner.to_xml()).unwrap_or_default(),
                timeout_secs: request.timeout_secs().unwrap_or(TIMEOUT_SECS),
                expires: Timestamp::default(),
            };
            take(exchange, &target, found, lock, conditions).await
        }
    }
}

async fn take(
    exchange: &Exchange,
    target: &Target,
    found: Option<Resource>,
    wanted: Lock,
    conditions: Preconditions,
) -> Result<Answer> {
    let (collection, object) = match found {
        Some(Resource::Collection(_, collection)) => (*collection, None),
        Some(Resource::Object(_, collection, _, object)) => {
            ((*collection).clone(), Some(object.name))
        }
        _ => {
            let (collection, name) = empty_place(exchange, target).await?;
            (collection, Some(name))
        }
    };
    let (limits, home) = (exchange.settings.objects, target.home);
    let within = collection.clone();
    let taken = exchange
        .write(target.owner.id, "dav lock", move |tx| {
            conditions.check(tx, home)?;
            let is_new = match &object {
                Some(name) => put_if_absent(tx, &collection, name, &conditions.tokens(), &limits)?,
                None => false,
            };
            Ok((tx.lock(&collection, object.as_deref(), &wanted)?, is_new))
        })
        .await;
    let (lock, is_new) = taken.map_err(|error| match error {
        DavError::Storage(StorageError::InUse(_)) => {
            DavError::Failed(StatusCode::LOCKED, Name::dav("no-conflicting-lock"), None)
        }
        error => error,
    })?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut answer = discovery(status, &lock, target, Some(&within));
    if let Ok(token) = HeaderValue::from_str(&format!("<{}>", lock.token)) {
        answer.headers_mut().insert(HeaderName::from_static("lock-token"), token);
    }
    Ok(answer)
}

/// RFC 4918 §7.3: a lock on what is not there makes it, empty. An empty calendar object is none.
async fn empty_place(exchange: &Exchange, target: &Target) -> Result<(Collection, String)> {
    if target.home != Home::Files {
        return Err(DavError::NOT_FOUND);
    }
    let (parent, name) = target.object_name().ok_or(DavError::NOT_FOUND)?;
    let (sought, name) = (target.clone(), name.to_owned());
    let parent = exchange
        .read(move |exchange, tx| resource::find_collection(tx, &exchange.actor, &sought, &parent))
        .await?;
    Ok((parent.ok_or(DavError::Status(StatusCode::CONFLICT))?, name))
}

/// Whether there was nothing of this name. What somebody wrote a moment ago stays as it is.
fn put_if_absent(
    tx: &mut storage::AccountTx<'_, '_>,
    collection: &Collection,
    name: &str,
    tokens: &[String],
    limits: &ObjectLimits,
) -> Result<bool> {
    if tx.find_object(collection.id, name)?.is_some() {
        return Ok(false);
    }
    if collection.kind != CollectionKind::Folder {
        return Err(DavError::NOT_FOUND);
    }
    let media_type = "application/octet-stream".to_owned();
    let empty = PreparedObject::file(Vec::new(), media_type, limits)
        .map_err(|_| DavError::Status(StatusCode::INTERNAL_SERVER_ERROR))?;
    let nothing = EtagCondition::Any;
    let condition = Condition { if_none_match: Some(&nothing), tokens, ..Condition::default() };
    tx.put_object(collection, &ObjectName::parse(name)?, &empty, &condition)?;
    Ok(true)
}

async fn refresh(
    exchange: &Exchange,
    request: &Request,
    target: &Target,
    found: Resource,
    conditions: Preconditions,
) -> Result<Answer> {
    // RFC 4918 §9.10.2: the lock is named in If, alone.
    let token = conditions.tokens().into_iter().next().ok_or(DavError::BAD_REQUEST)?;
    let (collection, object) = match found {
        Resource::Collection(_, collection) => (*collection, None),
        Resource::Object(_, collection, _, object) => ((*collection).clone(), Some(object.name)),
        _ => return Err(DavError::NOT_FOUND),
    };
    let (home, timeout_secs) = (target.home, request.timeout_secs());
    let within = collection.clone();
    let lock = exchange
        .write(target.owner.id, "dav lock", move |tx| {
            conditions.check(tx, home)?;
            Ok(tx.refresh_lock(&collection, object.as_deref(), &token, timeout_secs)?)
        })
        .await?;
    Ok(discovery(StatusCode::OK, &lock, target, Some(&within)))
}

/// RFC 4918 §9.10.1: DAV:lockdiscovery in DAV:prop.
fn discovery(
    status: StatusCode,
    lock: &Lock,
    target: &Target,
    within: Option<&Collection>,
) -> Answer {
    let body = Writer::document(&Name::dav("prop"), |writer| {
        writer.element(&Name::dav("lockdiscovery"), |writer| {
            write_lock(writer, lock, Some(&target.owner), within);
        });
    });
    answer::xml(status, body)
}

pub(crate) async fn unlock(exchange: &Exchange, request: Request, place: Place) -> Result<Answer> {
    let token = request.header("lock-token").ok_or(DavError::BAD_REQUEST)?;
    let token = token.strip_prefix('<').and_then(|token| token.strip_suffix('>'));
    let token = token.ok_or(DavError::BAD_REQUEST)?.to_owned();
    let conditions = Preconditions::parse(&request, &place)?;
    let target = exchange
        .read(move |exchange, tx| {
            let target = resource::find_target(tx, &exchange.actor, place)?;
            resource::find_member(tx, &exchange.actor, &target)?.ok_or(DavError::NOT_FOUND)?;
            Ok(target)
        })
        .await?;
    let (home, path) = (target.home, target.lock_path());
    let unlocked = exchange
        .write(target.owner.id, "dav unlock", move |tx| {
            conditions.check(tx, home)?;
            Ok(tx.unlock(home, &path, &token)?)
        })
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

/// What a request might be refused for that is locked.
pub(crate) struct Refused {
    places: Vec<Place>,
    held: Vec<String>,
}

impl Refused {
    /// What a request for a place is about.
    pub(crate) fn of(exchange: &Exchange, request: &Request, place: &Place) -> Self {
        let destination = request.destination(&exchange.settings.public_url).ok();
        let destination = destination.and_then(|path| Place::parse(&path).ok().flatten());
        let held = IfHeader::parse(request).map(|states| states.tokens()).unwrap_or_default();
        Self { places: destination.into_iter().chain([place.clone()]).collect(), held }
    }

    /// RFC 4918 §16: the refusal with a URL of what is locked.
    pub(crate) async fn name(self, exchange: &Exchange, error: DavError) -> DavError {
        let root = exchange
            .read(move |exchange, tx| {
                let mut places = self.places.into_iter();
                let roots = places
                    .find_map(|place| find_locked(tx, exchange, place, &self.held).transpose());
                roots.transpose()
            })
            .await;
        match root {
            Ok(Some(root)) => {
                DavError::Failed(StatusCode::LOCKED, Name::dav("lock-token-submitted"), Some(root))
            }
            _ => error,
        }
    }
}

/// The root of a lock that is in the way at a place, of those that the client does not hold: on
/// what is there, on what it stands in, or on what stands below it.
fn find_locked(
    tx: &mut ReadTx<'_>,
    exchange: &Exchange,
    place: Place,
    held: &[String],
) -> Result<Option<String>> {
    let actor = &exchange.actor;
    let Ok(target) = resource::find_target(tx, actor, place) else { return Ok(None) };
    let (home, path) = (target.home, target.lock_path());
    let mut locks = tx.list_locks(target.owner.id, exchange.now())?;
    locks.retain(|lock| lock.holder != actor.id() || !held.contains(&lock.token));
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    let here = |lock: &&Lock| lock.covers(home, &path);
    let around = |lock: &&Lock| parent.is_some_and(|parent| lock.covers(home, parent));
    let below = |lock: &&Lock| {
        lock.home == home && lock.path.strip_prefix(&path).is_some_and(|rest| rest.starts_with('/'))
    };
    let found = locks.iter().find(here).or_else(|| locks.iter().find(around));
    let Some(lock) = found.or_else(|| locks.iter().find(below)) else { return Ok(None) };
    let first = target.names.first().map_or("", String::as_str);
    let collection = resource::find_collection(tx, actor, &target, first)?;
    Ok(Some(lock_root(lock, &target.owner, collection.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, file_href};

    const WANTED: &str = "<D:lockinfo xmlns:D=\"DAV:\"><D:lockscope><D:exclusive/></D:lockscope>\
        <D:locktype><D:write/></D:locktype></D:lockinfo>";

    #[test]
    fn locks_are_refreshed_and_taken_away_on_conditions() {
        let fixture = Fixture::new();
        assert_eq!(fixture.status("MKCOL", "/a", &[], ""), 201);
        let answer = fixture.request("LOCK", "/a/x", &[], WANTED);
        let token = answer.headers()["lock-token"].to_str().unwrap().to_owned();
        let holds = format!("({token})");
        let held = ("if", holds.as_str());
        let other = format!("({token} [\"other\"])");
        for condition in [("if", other.as_str()), ("if-match", "\"other\"")] {
            let refresh = if condition.0 == "if" { vec![condition] } else { vec![held, condition] };
            assert_eq!(fixture.status("LOCK", "/a/x", &refresh, ""), 412, "{condition:?}");
            let unlock = [("lock-token", token.as_str()), condition];
            assert_eq!(fixture.status("UNLOCK", "/a/x", &unlock, ""), 412, "{condition:?}");
        }
        assert_eq!(fixture.status("LOCK", "/a/x", &[held], ""), 200);
        assert_eq!(fixture.status("UNLOCK", "/a/x", &[("lock-token", &token)], ""), 204);
    }

    #[test]
    fn what_was_written_meanwhile_is_locked_as_it_is() {
        let fixture = Fixture::new();
        assert_eq!(fixture.status("MKCOL", "/a", &[], ""), 201);
        assert_eq!(fixture.status("LOCK", "/a/new", &[], WANTED), 201);
        assert_eq!(fixture.body("/a/new"), "");
        assert_eq!(fixture.status("PUT", "/a/x", &[], "precious"), 201);
        let place = Place::parse(&file_href("/a/x")).unwrap().unwrap();
        let exchange = &fixture.exchange;
        let request = Request {
            method: hyper::Method::GET,
            uri: hyper::Uri::default(),
            headers: hyper::HeaderMap::new(),
            body: Vec::new(),
        };
        let conditions = Preconditions::parse(&request, &place).unwrap();
        let owner = exchange.actor.account.clone();
        let names = vec!["a".to_owned(), "x".to_owned()];
        let target = Target { owner, home: Home::Files, names, as_guest: false };
        let wanted = Lock {
            token: "urn:x".to_owned(),
            home: Home::Files,
            path: String::new(),
            deep: false,
            exclusive: true,
            holder: exchange.actor.id(),
            owner: String::new(),
            timeout_secs: 60,
            expires: Timestamp::default(),
        };
        // It was not there when the request looked.
        let answer = fixture.block_on(take(exchange, &target, None, wanted, conditions)).unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(fixture.body("/a/x"), "precious");
        assert_eq!(fixture.status("PUT", "/a/x", &[], "2"), 423);
    }
}
