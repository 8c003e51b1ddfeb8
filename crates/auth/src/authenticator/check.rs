//! Whether a name and a password are right, and at what cost that is found out.

use std::sync::atomic::{AtomicUsize, Ordering};

use sasl::{Credentials, Password};
use storage::{AccessKeyKind, Grant};
use tokio::sync::OwnedSemaphorePermit;

use super::{Attempt, Authenticator, acts_as_self, admit, is_good, unavailable};
use crate::password::{prepare, verify};
use crate::{AuthError, Entry, access_key};

/// LIMIT: sign-ins that may wait for a verification. Above that the wait would be longer than
/// programs have patience, so they are told to come back.
const WAITING_MAX: usize = 1_000;

impl Authenticator {
    pub(super) async fn check(
        &self,
        attempt: &Attempt<'_>,
        credentials: &Credentials,
    ) -> Result<(Entry, Grant), AuthError> {
        self.check_address(attempt)?;
        let entry = match attempt.address {
            Some(address) => self.find(address).await?,
            None => None,
        };
        // The names of an account, that under a domain alias too, share its failures.
        let name = self.counted_by(attempt.name, entry.as_ref());
        let attempt = &Attempt { name, ..*attempt };
        self.check_throttle(attempt)?;
        // A password that nothing can equal is looked at like any other wrong one.
        let prepared = prepare(&credentials.password).unwrap_or_else(|| Password::from(""));
        let mut grant = self.find_app_password(attempt, entry.as_ref(), &prepared).await?;
        if grant.is_none() && self.is_right(attempt, entry.as_ref(), prepared).await? {
            grant = Some(Grant::Password);
        }
        // RFC 4616 §2: the credentials must permit to act as the authorization identity.
        let acts_as_self = acts_as_self(credentials.authzid.as_deref(), attempt.address);
        match (entry, grant) {
            (Some(entry), Some(grant)) if acts_as_self => admit(entry).map(|entry| (entry, grant)),
            _ => Err(AuthError::Wrong),
        }
    }

    /// Whether the password is an app password of the account, good for the protocol
    /// (R-ADDR-9). These are random, so that finding the hash is proof enough.
    async fn find_app_password(
        &self,
        attempt: &Attempt<'_>,
        entry: Option<&Entry>,
        password: &Password,
    ) -> Result<Option<Grant>, AuthError> {
        if !access_key::is_like_app_password(password) {
            return Ok(None);
        }
        // Looked up for accounts that do not exist too: they cost the same work.
        let hash = access_key::hash(password);
        let found = self.directory.find_key(&hash).await.map_err(|error| unavailable(&error))?;
        let now = self.clock.now();
        let found = found.map(|found| found.key).filter(|key| {
            entry.is_some_and(|entry| entry.account == key.account)
                && key.kind == AccessKeyKind::AppPassword
                && is_good(key, attempt.protocol, now)
        });
        let Some(key) = found else { return Ok(None) };
        self.memory().throttle.succeeded(attempt.peer, attempt.name, now);
        self.touch(&key).await;
        Ok(Some(Grant::AccessKey(key.id)))
    }

    /// Looks at the password: from memory where possible, else by computing it in turn.
    async fn is_right(
        &self,
        attempt: &Attempt<'_>,
        entry: Option<&Entry>,
        password: Password,
    ) -> Result<bool, AuthError> {
        let dummy_hash = self.current().dummy_hash.clone();
        let stored_hash = match entry {
            Some(entry) if !entry.password_hash.is_empty() => entry.password_hash.as_str(),
            _ => &dummy_hash,
        };
        // By the account: devices that know it by several names repeat each other's attempts.
        let mac = self.key.of_attempt(&attempt.name, stored_hash, &password);
        {
            let mut memory = self.memory();
            let now = self.clock.now();
            if memory.cache.contains(&mac, now) {
                memory.throttle.succeeded(attempt.peer, attempt.name, now);
                return Ok(true);
            }
            if memory.throttle.is_repetition(&attempt.name, &mac, now) {
                return Ok(false);
            }
        }
        let (right, turn) = self.verify_in_turn(attempt, stored_hash, password.clone()).await?;
        {
            let mut memory = self.memory();
            let now = self.clock.now();
            if right {
                memory.cache.put(mac, now);
                memory.throttle.succeeded(attempt.peer, attempt.name, now);
            } else {
                memory.throttle.failed(attempt.peer, attempt.name, mac, now);
            }
        }
        // Only now, so that whoever is next sees what came of this one.
        drop(turn);
        if let (true, Some(entry), Some(address)) = (right, entry, attempt.address) {
            self.upgrade(address, entry, password).await;
        }
        Ok(right)
    }

    /// Computes the hash on a blocking thread, not more at a time than allowed. The turn is over
    /// when the permit is dropped.
    async fn verify_in_turn(
        &self,
        attempt: &Attempt<'_>,
        stored_hash: &str,
        password: Password,
    ) -> Result<(bool, OwnedSemaphorePermit), AuthError> {
        let _place = WaitingPlace::take(&self.waiting).ok_or(AuthError::Unavailable)?;
        let turn = self.current().verifying.clone().acquire_owned().await;
        let turn = turn.map_err(|_| AuthError::Unavailable)?;
        // Attempts made side by side have failed meanwhile; they must not all have a try.
        self.check_throttle(attempt)?;
        self.counters.verified.fetch_add(1, Ordering::Relaxed);
        let stored_hash = stored_hash.to_owned();
        let verification = tokio::task::spawn_blocking(move || {
            // Held by the computation itself: a session that goes away meanwhile does not stop
            // it, and must not let another one begin.
            (verify(&password, &stored_hash), turn)
        });
        verification.await.map_err(|_| AuthError::Unavailable)
    }
}

/// A place among those that wait for a password to be computed.
pub(super) struct WaitingPlace<'a>(&'a AtomicUsize);

impl<'a> WaitingPlace<'a> {
    pub(super) fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        (before < WAITING_MAX).then_some(place)
    }
}

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
