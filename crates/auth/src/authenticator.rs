//! Signing in.

mod bearer;
mod passwords;
mod scram;

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use ids::{AccountId, Clock, Timestamp};
use net::AddressKey;
use sasl::{Credentials, Password};
use storage::{AccessKey, AccessKeyKind, Address, Grant, Protocol, StorageError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    ActivityLog, AuthError, Directory, Entry, PasswordPolicy, ScramSettings, ThrottleSettings,
    access_key,
    cache::VerifiedCache,
    mac::{Mac, MacKey},
    password::{prepare, verify},
    throttle::Throttle,
    user_name::parse_user_name,
};

pub use passwords::NewPassword;
pub(crate) use scram::ScramAttempt;

/// LIMIT: sign-ins that may wait for a verification. Above that the wait would be longer than
/// programs have patience, so they are told to come back.
const WAITING_MAX: usize = 1_000;

/// LIMIT: how often the time of last use is written; more often would tell nobody more.
const TOUCH_SECS: i64 = 3600;

/// Stands for attempts that look different each time they are repeated. No hash is zero.
const UNREPEATABLE: Mac = [0; 32];

/// Everything signing in is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSettings {
    /// What new passwords are like.
    pub passwords: PasswordPolicy,
    /// What slows guessing down.
    pub throttle: ThrottleSettings,
    /// How long a verified password need not be verified again; 0: each time.
    pub cache_ttl_secs: u32,
    /// How many verified passwords are remembered.
    pub cache_entries_max: usize,
    /// How many passwords are verified at a time; never more than there are cores.
    pub verifications_max: usize,
    /// Whether verifiers for SCRAM are kept, and how; `None` keeps none and offers no SCRAM.
    pub scram: Option<ScramSettings>,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            passwords: PasswordPolicy::default(),
            throttle: ThrottleSettings::default(),
            cache_ttl_secs: 300,
            cache_entries_max: 10_000,
            verifications_max: 4,
            scram: None,
        }
    }
}

/// Somebody who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The account.
    pub account: AccountId,
    /// The address signed in with.
    pub address: Address,
    /// What [`Authenticator::is_current`] compares.
    pub credential_version: u64,
    /// What was signed in with.
    pub grant: Grant,
}

impl SignedIn {
    fn new(entry: &Entry, address: Address, grant: Grant) -> Self {
        let Entry { account, credential_version, .. } = *entry;
        Self { account, address, credential_version, grant }
    }
}

/// Checks names and passwords for every protocol of the daemon.
pub struct Authenticator {
    directory: Box<dyn Directory>,
    clock: Arc<dyn Clock>,
    settings: AuthSettings,
    key: MacKey,
    /// Stands in for the hash of accounts that do not exist or have none.
    dummy_hash: Arc<str>,
    memory: Mutex<Memory>,
    verifying: Arc<Semaphore>,
    waiting: AtomicUsize,
    counters: Counters,
    activity: ActivityLog,
}

/// What is remembered between sign-ins.
struct Memory {
    cache: VerifiedCache,
    throttle: Throttle,
}

/// Outcomes, for the metrics page.
#[derive(Debug, Default)]
struct Counters {
    signed_in: AtomicU64,
    wrong: AtomicU64,
    throttled: AtomicU64,
    verified: AtomicU64,
}

/// How many sign-ins there have been, by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInCounts {
    /// Right name and password.
    pub signed_in: u64,
    /// Wrong name or password.
    pub wrong: u64,
    /// Told to wait.
    pub throttled: u64,
    /// Passwords computed with argon2id; the rest came from memory.
    pub verified: u64,
}

/// One attempt, as far as it is known before the password is looked at.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    address: Option<&'a Address>,
    name: Mac,
    peer: AddressKey,
    address_of_peer: IpAddr,
    protocol: Protocol,
}

impl Authenticator {
    /// An authenticator on a directory, which is normally `storage::Store`.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] where the system has no randomness.
    pub fn new(
        directory: impl Directory,
        clock: Arc<dyn Clock>,
        settings: AuthSettings,
    ) -> Result<Self, AuthError> {
        let mut random = [0; 24];
        getrandom::fill(&mut random).map_err(|_| AuthError::Unavailable)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            directory: Box::new(directory),
            clock,
            key: MacKey::random().map_err(|_| AuthError::Unavailable)?,
            dummy_hash: settings.passwords.dummy_hash(&random).into(),
            memory: Mutex::new(Memory {
                cache: VerifiedCache::new(settings.cache_entries_max, settings.cache_ttl_secs),
                throttle: Throttle::new(settings.throttle),
            }),
            verifying: Arc::new(Semaphore::new(settings.verifications_max.clamp(1, cores))),
            waiting: AtomicUsize::new(0),
            counters: Counters::default(),
            activity: ActivityLog::default(),
            settings,
        })
    }

    /// Checks credentials that came over `protocol` from `peer`.
    pub async fn sign_in(
        &self,
        credentials: &Credentials,
        protocol: Protocol,
        peer: IpAddr,
    ) -> Result<SignedIn, AuthError> {
        let address = parse_user_name(&credentials.authcid);
        let name = match &address {
            Some(address) => self.key.of_name(&normal_name(address)),
            None => self.key.of_name(&credentials.authcid),
        };
        let (address_of_peer, peer) = (peer, AddressKey::of(peer));
        let attempt = Attempt { address: address.as_ref(), name, peer, address_of_peer, protocol };
        let outcome = self.check(&attempt, credentials).await;
        self.note(&attempt, &outcome);
        let (entry, grant) = outcome?;
        Ok(SignedIn::new(&entry, address.ok_or(AuthError::Wrong)?, grant))
    }

    /// What owners of accounts are told of sign-ins.
    pub fn activity(&self) -> &ActivityLog {
        &self.activity
    }

    /// Takes down what the program that signed in says it is.
    pub fn note_program(
        &self,
        signed_in: &SignedIn,
        protocol: Protocol,
        peer: IpAddr,
        program: &str,
    ) {
        let SignedIn { account, grant, .. } = *signed_in;
        self.activity.program(account, grant, protocol, peer, program);
    }

    /// Whether SCRAM is served.
    pub fn has_scram(&self) -> bool {
        self.settings.scram.is_some()
    }

    /// Whether a session may go on: its account exists, is neither blocked nor in maintenance
    /// (R-ADDR-12), and has the password, app password or token the session was signed in with
    /// (R-ADDR-8, R-ADDR-9).
    pub async fn is_current(&self, signed_in: &SignedIn) -> Result<bool, AuthError> {
        match self.require_current(signed_in).await {
            Ok(()) => Ok(true),
            Err(AuthError::Unavailable) => Err(AuthError::Unavailable),
            Err(_) => Ok(false),
        }
    }

    /// Like [`is_current`](Self::is_current), telling why a session may not go on:
    /// [`AuthError::Wrong`] where the password is another or the account is gone.
    pub async fn require_current(&self, signed_in: &SignedIn) -> Result<(), AuthError> {
        let standing = self.directory.find_standing(signed_in, self.clock.now()).await;
        let standing = standing.map_err(|error| unavailable(&error))?;
        admit(standing.ok_or(AuthError::Wrong)?).map(drop)
    }

    /// How many sign-ins there have been.
    pub fn counts(&self) -> SignInCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SignInCounts {
            signed_in: read(&self.counters.signed_in),
            wrong: read(&self.counters.wrong),
            throttled: read(&self.counters.throttled),
            verified: read(&self.counters.verified),
        }
    }

    async fn check(
        &self,
        attempt: &Attempt<'_>,
        credentials: &Credentials,
    ) -> Result<(Entry, Grant), AuthError> {
        self.check_throttle(attempt)?;
        let entry = match attempt.address {
            Some(address) => self.find(address).await?,
            None => None,
        };
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
        let stored_hash = match entry {
            Some(entry) if !entry.password_hash.is_empty() => entry.password_hash.as_str(),
            _ => &self.dummy_hash,
        };
        let name = attempt.address.map(normal_name).unwrap_or_default();
        let mac = self.key.of_attempt(&name, stored_hash, &password);
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
        let turn = self.verifying.clone().acquire_owned().await;
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

    fn check_throttle(&self, attempt: &Attempt<'_>) -> Result<(), AuthError> {
        self.memory()
            .throttle
            .check(attempt.peer, &attempt.name, self.clock.now())
            .map_err(|retry_after_secs| AuthError::Throttled { retry_after_secs })
    }

    async fn find(&self, address: &Address) -> Result<Option<Entry>, AuthError> {
        self.directory.find(address).await.map_err(|error| unavailable(&error))
    }

    /// Writes down that a key was used, if that was not done lately. Signing in does not fail
    /// over it.
    async fn touch(&self, key: &AccessKey) {
        let now = self.clock.now();
        let lately = |used: Timestamp| used <= now && now < used.plus_secs(TOUCH_SECS);
        if !key.last_used.is_some_and(lately)
            && let Err(error) = self.directory.touch(key.id).await
        {
            tracing::warn!(%error, "the time of last use was not kept");
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts and logs an outcome. A name is logged only where it parsed as an address: people
    /// type passwords into the wrong field.
    fn note(&self, attempt: &Attempt<'_>, outcome: &Result<(Entry, Grant), AuthError>) {
        let name = attempt.address.map(Address::to_string).unwrap_or_default();
        let (peer, protocol) = (attempt.peer, attempt.protocol);
        let (address_of_peer, now) = (attempt.address_of_peer, self.clock.now());
        match (outcome, attempt.address) {
            (Ok((entry, grant)), _) => {
                self.activity.signed_in(entry.account, *grant, protocol, address_of_peer, now);
            }
            (Err(error), Some(address)) => {
                let name = normal_name(address);
                self.activity.refused(name, error, protocol, address_of_peer, now);
            }
            (Err(_), None) => {}
        }
        let counter = match outcome {
            Ok(_) => &self.counters.signed_in,
            Err(AuthError::Throttled { .. }) => &self.counters.throttled,
            Err(_) => &self.counters.wrong,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Ok((entry, grant)) => {
                tracing::debug!(account = %entry.account, name, ?protocol, ?grant, "signed in");
            }
            Err(error) => tracing::info!(name, %peer, ?protocol, %error, "sign-in refused"),
        }
    }
}

/// Whether an account may be used by who proved to be its holder (R-ADDR-12).
fn admit(entry: Entry) -> Result<Entry, AuthError> {
    match entry {
        Entry { blocked: true, .. } => Err(AuthError::Blocked),
        Entry { maintenance: true, .. } => Err(AuthError::Maintenance),
        entry => Ok(entry),
    }
}

/// Nobody acts as somebody else here, so the authorization identity is the same address or none.
fn acts_as_self(authzid: Option<&str>, address: Option<&Address>) -> bool {
    match authzid {
        None => true,
        Some(authzid) => parse_user_name(authzid).as_ref() == address,
    }
}

/// Whether a key may be used at this moment for a protocol.
fn is_good(key: &AccessKey, protocol: Protocol, now: Timestamp) -> bool {
    !key.is_expired(now) && key.protocols.contains(protocol)
}

fn unavailable(error: &StorageError) -> AuthError {
    tracing::error!(%error, "account lookup failed");
    AuthError::Unavailable
}

/// What an address is known by between sign-ins: its parts in normal form.
fn normal_name(address: &Address) -> String {
    format!("{}@{}", address.local(), address.domain())
}

/// One of those who wait for a verification.
struct WaitingPlace<'a>(&'a AtomicUsize);

impl<'a> WaitingPlace<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
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

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
