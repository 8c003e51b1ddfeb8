//! Write locks of WebDAV (RFC 4918 §6, §7).
//!
//! **Invariants:** an exclusive lock is alone where it reaches; what is locked changes only for
//! who holds one of its locks and names it; who may not write somewhere holds no lock there.

mod holder;
#[cfg(test)]
mod tests;

use ids::{AccountId, Timestamp};

use crate::collection::{Collection, Home};
use crate::sql::{Row, Value};
use crate::{AccountTx, LimitKind, ReadTx, Result, StorageError};

/// LIMIT: locks on what is one account's.
const LOCKS_MAX: usize = 1_000;
/// LIMIT: bytes of what a client says of itself.
const OWNER_BYTES_MAX: usize = 4 * 1024;
/// LIMIT: how long a lock lasts that is not refreshed.
const TIMEOUT_SECS_MAX: i64 = 3600;

/// A write lock of WebDAV (RFC 4918 §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The lock token, a URI.
    pub token: String,
    /// The home that the lock is in.
    pub home: Home,
    /// On what: the name of a collection, behind a slash that of an object in it.
    pub path: String,
    /// Whether it is on all that is below, too.
    pub deep: bool,
    /// Whether it is the only one.
    pub exclusive: bool,
    /// The account that took the lock.
    pub holder: AccountId,
    /// What the client says of itself, XML.
    pub owner: String,
    /// For how long it was asked for.
    pub timeout_secs: i64,
    /// When it ends by itself.
    pub expires: Timestamp,
}

impl Lock {
    /// Whether it reaches a place.
    pub fn covers(&self, home: Home, path: &str) -> bool {
        self.home == home && (self.path == path || (self.deep && is_below(path, &self.path)))
    }
}

fn is_below(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
}

fn read(row: &dyn Row) -> Result<Lock> {
    Ok(Lock {
        token: row.text(0)?.to_owned(),
        home: Home::from_column(row.int(1)?)?,
        path: row.text(2)?.to_owned(),
        deep: row.int(3)? != 0,
        exclusive: row.int(4)? != 0,
        holder: AccountId::new(row.int(5)?),
        owner: row.text(6)?.to_owned(),
        timeout_secs: row.int(7)?,
        expires: Timestamp::from_micros(row.int(8)?),
    })
}

impl ReadTx<'_> {
    /// The locks on what is an account's that have not ended, of those who may write there.
    pub fn list_locks(&mut self, account: AccountId, now: Timestamp) -> Result<Vec<Lock>> {
        let mut locks = self.stored_locks(account, now)?;
        let _: Vec<Lock> = self.retain_of_writers(account, &mut locks)?;
        Ok(locks)
    }

    /// The locks on what is the account's that have not expired, also of holders who may no longer
    /// write there.
    fn stored_locks(&mut self, account: AccountId, now: Timestamp) -> Result<Vec<Lock>> {
        self.sql.query_all(
            "SELECT token, home, path, deep, exclusive, holder, owner, timeout_secs, expires \
             FROM dav_lock WHERE account_id = ?1 AND expires > ?2 ORDER BY token",
            &[Value::Int(account.get()), Value::Int(now.as_micros())],
            read,
        )
    }

    /// The locks that cover a place, on itself or of infinite depth on something above it, of
    /// holders who may still write there.
    pub fn locks_on(
        &mut self,
        account: AccountId,
        home: Home,
        path: &str,
        now: Timestamp,
    ) -> Result<Vec<Lock>> {
        let mut locks = self.stored_locks(account, now)?;
        locks.retain(|lock| lock.covers(home, path));
        let _: Vec<Lock> = self.retain_of_writers(account, &mut locks)?;
        Ok(locks)
    }
}

/// Whether `held` opens what these locks are on.
fn opens(locks: &[&Lock], actor: AccountId, held: &[String]) -> bool {
    let is_held = |lock: &&Lock| lock.holder == actor && held.contains(&lock.token);
    locks.is_empty() || locks.iter().any(is_held)
}

const LOCKED: StorageError = StorageError::InUse("it is locked");

impl AccountTx<'_, '_> {
    /// Locks a place. `deep` reaches all below it.
    ///
    /// # Errors
    /// [`StorageError::InUse`] where another lock stands in the way, [`StorageError::Limit`] where
    /// the account has as many as it may have, [`StorageError::Invalid`] where what is said of the
    /// owner is too long; [`StorageError::NotFound`] and [`StorageError::NoPermission`] as for any
    /// change of the collection.
    pub fn lock(
        &mut self,
        collection: &Collection,
        object: Option<&str>,
        wanted: &Lock,
    ) -> Result<Lock> {
        self.require_still_there(collection, crate::CollectionRights::WRITE)?;
        let now = self.now;
        let path = path_of(&collection.name, object);
        if wanted.owner.len() > OWNER_BYTES_MAX {
            return Err(StorageError::Invalid("the owner of the lock is too long"));
        }
        let locks = self.purge_locks()?;
        if locks.len() >= LOCKS_MAX {
            return Err(StorageError::Limit { kind: LimitKind::Locks, max: LOCKS_MAX as u64 });
        }
        let home = collection.kind.home();
        let meets = |lock: &&Lock| {
            let below = wanted.deep && lock.home == home && is_below(&lock.path, &path);
            lock.covers(home, &path) || below
        };
        // RFC 4918 §6.1: an exclusive lock is alone.
        if locks.iter().filter(meets).any(|lock| lock.exclusive || wanted.exclusive) {
            return Err(LOCKED);
        }
        let timeout_secs = wanted.timeout_secs.clamp(1, TIMEOUT_SECS_MAX);
        let lock = Lock {
            token: wanted.token.clone(),
            home,
            path,
            holder: self.actor,
            owner: wanted.owner.clone(),
            timeout_secs,
            expires: now.plus_secs(timeout_secs),
            ..*wanted
        };
        self.insert_lock(&lock)?;
        Ok(lock)
    }

    fn insert_lock(&mut self, lock: &Lock) -> Result<()> {
        let account = self.account;
        self.sql.execute(
            "INSERT INTO dav_lock (token, account_id, home, path, deep, exclusive, holder, \
             owner, timeout_secs, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                Value::Text(&lock.token),
                Value::Int(account.get()),
                Value::Int(lock.home.column()),
                Value::Text(&lock.path),
                Value::Int(i64::from(lock.deep)),
                Value::Int(i64::from(lock.exclusive)),
                Value::Int(lock.holder.get()),
                Value::Text(&lock.owner),
                Value::Int(lock.timeout_secs),
                Value::Int(lock.expires.as_micros()),
            ],
        )?;
        Ok(())
    }

    /// Lets a lock last longer (RFC 4918 §9.10.2). It needs what taking it needs.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] where the actor has no such lock there;
    /// [`StorageError::NotFound`] and [`StorageError::NoPermission`] as for any change of the
    /// collection.
    pub fn refresh_lock(
        &mut self,
        collection: &Collection,
        object: Option<&str>,
        token: &str,
        timeout_secs: Option<i64>,
    ) -> Result<Lock> {
        self.require_still_there(collection, crate::CollectionRights::WRITE)?;
        let (account, now, actor) = (self.account, self.now, self.actor);
        let path = path_of(&collection.name, object);
        let locks = self.locks_on(account, collection.kind.home(), &path, now)?;
        let found = locks.into_iter().find(|lock| lock.token == token && lock.holder == actor);
        let mut lock = found.ok_or(StorageError::Conflict("there is no such lock here"))?;
        lock.timeout_secs = timeout_secs.unwrap_or(lock.timeout_secs).clamp(1, TIMEOUT_SECS_MAX);
        lock.expires = now.plus_secs(lock.timeout_secs);
        self.sql.execute(
            "UPDATE dav_lock SET timeout_secs = ?2, expires = ?3 WHERE token = ?1",
            &[
                Value::Text(token),
                Value::Int(lock.timeout_secs),
                Value::Int(lock.expires.as_micros()),
            ],
        )?;
        Ok(lock)
    }

    /// Takes a lock away (RFC 4918 §9.11); only who took it can, and the owner of what it is on.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] where there is no such lock, [`StorageError::NoPermission`] where
    /// it is somebody else's.
    pub fn unlock(&mut self, home: Home, path: &str, token: &str) -> Result<()> {
        let (account, now, actor) = (self.account, self.now, self.actor);
        let locks = self.locks_on(account, home, path, now)?;
        let lock = locks.iter().find(|lock| lock.token == token);
        let lock = lock.ok_or(StorageError::Conflict("there is no such lock here"))?;
        if lock.holder != actor && !self.is_own() {
            return Err(StorageError::NoPermission("the lock is somebody else's"));
        }
        self.sql.execute("DELETE FROM dav_lock WHERE token = ?1", &[Value::Text(token)])?;
        Ok(())
    }

    /// Refuses to change what is locked: an object, or a collection itself.
    pub(crate) fn require_unlocked(
        &mut self,
        home: Home,
        collection: &str,
        object: Option<&str>,
        held: &[String],
    ) -> Result<()> {
        self.require_places_unlocked(home, &[&path_of(collection, object)], held)
    }

    /// Like `require_unlocked`, for something that comes or goes: RFC 4918 §7.4, a lock on a
    /// collection is one on what stands in it.
    pub(crate) fn require_place_unlocked(
        &mut self,
        home: Home,
        collection: &str,
        object: Option<&str>,
        held: &[String],
    ) -> Result<()> {
        let path = path_of(collection, object);
        match path.rsplit_once('/') {
            Some((parent, _)) => self.require_places_unlocked(home, &[&path, parent], held),
            None => self.require_places_unlocked(home, &[&path], held),
        }
    }

    fn require_places_unlocked(
        &mut self,
        home: Home,
        places: &[&str],
        held: &[String],
    ) -> Result<()> {
        let (account, now, actor) = (self.account, self.now, self.actor);
        let mut locks = self.stored_locks(account, now)?;
        locks.retain(|lock| places.iter().any(|place| lock.covers(home, place)));
        self.remove_uncounted(&mut locks)?;
        for place in places {
            let on: Vec<&Lock> = locks.iter().filter(|lock| lock.covers(home, place)).collect();
            if !opens(&on, actor, held) {
                return Err(LOCKED);
            }
        }
        Ok(())
    }

    /// Like `require_place_unlocked`, for all that is below a collection, too: fails where
    /// something is locked and `held` has no token of the actor's for it.
    pub(crate) fn require_unlocked_below(
        &mut self,
        home: Home,
        collection: &str,
        held: &[String],
    ) -> Result<()> {
        self.require_place_unlocked(home, collection, None, held)?;
        let (account, now, actor) = (self.account, self.now, self.actor);
        let mut locks = self.stored_locks(account, now)?;
        let is_below = |lock: &Lock| lock.home == home && is_below(&lock.path, collection);
        locks.retain(|lock| is_below(lock) || lock.covers(home, collection));
        self.remove_uncounted(&mut locks)?;
        for lock in locks.iter().filter(|lock| is_below(lock)) {
            let on: Vec<&Lock> = locks.iter().filter(|on| on.covers(home, &lock.path)).collect();
            if !opens(&on, actor, held) {
                return Err(LOCKED);
            }
        }
        Ok(())
    }

    /// RFC 4918 §7.5, §9.6: what is gone or moved away takes its locks with it.
    pub(crate) fn remove_locks_below(&mut self, home: Home, path: &str) -> Result<()> {
        let (account, now) = (self.account, self.now);
        for lock in self.stored_locks(account, now)? {
            if lock.home == home && (lock.path == path || is_below(&lock.path, path)) {
                let token = [Value::Text(&lock.token)];
                self.sql.execute("DELETE FROM dav_lock WHERE token = ?1", &token)?;
            }
        }
        Ok(())
    }

    /// Takes those away that do not count. Should their holders get their rights back, somebody
    /// else may have a lock there, or have changed what they believe to be as they left it.
    fn remove_uncounted(&mut self, locks: &mut Vec<Lock>) -> Result<()> {
        let account = self.account;
        for lock in self.retain_of_writers(account, locks)? {
            let token = [Value::Text(&lock.token)];
            self.sql.execute("DELETE FROM dav_lock WHERE token = ?1", &token)?;
        }
        Ok(())
    }

    /// Takes those away that have ended, and those that do not count. Those that stay.
    fn purge_locks(&mut self) -> Result<Vec<Lock>> {
        let (account, now) = (self.account, self.now);
        self.sql.execute(
            "DELETE FROM dav_lock WHERE account_id = ?1 AND expires <= ?2",
            &[Value::Int(account.get()), Value::Int(now.as_micros())],
        )?;
        let mut locks = self.stored_locks(account, now)?;
        self.remove_uncounted(&mut locks)?;
        Ok(locks)
    }
}

fn path_of(collection: &str, object: Option<&str>) -> String {
    match object {
        Some(object) => format!("{collection}/{object}"),
        None => collection.to_owned(),
    }
}
