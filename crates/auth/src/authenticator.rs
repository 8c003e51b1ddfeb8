//! Signing in.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use ids::{AccountId, Clock};
use net::AddressKey;
use sasl::{Credentials, Password};
use storage::Address;
use tokio::sync::Semaphore;

use crate::{
    AuthError, Directory, Entry, PasswordError, PasswordPolicy, ThrottleSettings,
    cache::VerifiedCache,
    mac::{Mac, MacKey},
    password::{prepare, verify},
    throttle::Throttle,
    user_name::parse_user_name,
};

/// LIMIT: sign-ins that may wait for a verification. Above that the wait would be longer than
/// programs have patience, so they are told to come back.
const WAITING_MAX: usize = 1_000;

/// Everything signing in is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            passwords: PasswordPolicy::default(),
            throttle: ThrottleSettings::default(),
            cache_ttl_secs: 300,
            cache_entries_max: 10_000,
            verifications_max: 4,
        }
    }
}

/// Where somebody signs in, for the log and for app passwords that are limited to protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// IMAP.
    Imap,
    /// Message submission.
    Submission,
    /// POP3.
    Pop3,
    /// ManageSieve.
    ManageSieve,
    /// CalDAV, CardDAV and the API.
    Http,
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
struct Attempt<'a> {
    address: Option<&'a Address>,
    name: Mac,
    peer: AddressKey,
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
        let peer = AddressKey::of(peer);
        let attempt = Attempt { address: address.as_ref(), name, peer, protocol };
        let outcome = self.check(&attempt, credentials).await;
        self.note(&attempt, &outcome);
        let entry = outcome?;
        let address = address.ok_or(AuthError::Wrong)?;
        let credential_version = entry.credential_version;
        Ok(SignedIn { account: entry.account, address, credential_version })
    }

    /// Whether a session may go on: its account exists, is neither blocked nor in maintenance
    /// (R-ADDR-12), and has the password the session was signed in with (R-ADDR-8).
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
        let entry = self.find(&signed_in.address).await?.ok_or(AuthError::Wrong)?;
        let is_same = entry.account == signed_in.account
            && entry.credential_version == signed_in.credential_version;
        match entry {
            _ if !is_same => Err(AuthError::Wrong),
            Entry { blocked: true, .. } => Err(AuthError::Blocked),
            Entry { maintenance: true, .. } => Err(AuthError::Maintenance),
            _ => Ok(()),
        }
    }

    /// [`PasswordPolicy::hash`] beside the async threads.
    pub async fn hash_password(
        &self,
        address: &str,
        password: Password,
    ) -> Result<String, PasswordError> {
        let _turn = self.verifying.acquire().await.map_err(|_| PasswordError::Unavailable)?;
        let policy = self.settings.passwords;
        let address = address.to_owned();
        tokio::task::spawn_blocking(move || policy.hash(&address, &password))
            .await
            .map_err(|_| PasswordError::Unavailable)?
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
    ) -> Result<Entry, AuthError> {
        self.check_throttle(attempt)?;
        let entry = match attempt.address {
            Some(address) => self.find(address).await?,
            None => None,
        };
        // RFC 4616 §2: the credentials must permit to act as the authorization identity. Nobody
        // acts as somebody else here, so it is the same address or none.
        let acts_as_self = match &credentials.authzid {
            None => true,
            Some(authzid) => parse_user_name(authzid).as_ref() == attempt.address,
        };
        let stored_hash = match &entry {
            Some(entry) if !entry.password_hash.is_empty() => entry.password_hash.as_str(),
            _ => &self.dummy_hash,
        };
        // A password that nothing can equal is looked at like any other wrong one.
        let prepared = prepare(&credentials.password).unwrap_or_else(|| Password::from(""));
        let right = self.is_right(attempt, stored_hash, prepared).await?;
        match entry {
            Some(entry) if right && acts_as_self => match entry {
                Entry { blocked: true, .. } => Err(AuthError::Blocked),
                Entry { maintenance: true, .. } => Err(AuthError::Maintenance),
                entry => Ok(entry),
            },
            _ => Err(AuthError::Wrong),
        }
    }

    /// Looks at the password: from memory where possible, else by computing it in turn.
    async fn is_right(
        &self,
        attempt: &Attempt<'_>,
        stored_hash: &str,
        password: Password,
    ) -> Result<bool, AuthError> {
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
        let right = self.verify_in_turn(attempt, stored_hash, password).await?;
        let mut memory = self.memory();
        let now = self.clock.now();
        if right {
            memory.cache.put(mac, now);
            memory.throttle.succeeded(attempt.peer, attempt.name, now);
        } else {
            memory.throttle.failed(attempt.peer, attempt.name, mac, now);
        }
        Ok(right)
    }

    /// Computes the hash on a blocking thread, not more at a time than allowed.
    async fn verify_in_turn(
        &self,
        attempt: &Attempt<'_>,
        stored_hash: &str,
        password: Password,
    ) -> Result<bool, AuthError> {
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
            let _turn = turn;
            verify(&password, &stored_hash)
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
        self.directory.find(address).await.map_err(|error| {
            tracing::error!(%error, "account lookup failed");
            AuthError::Unavailable
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts and logs an outcome. A name is logged only where it parsed as an address: people
    /// type passwords into the wrong field.
    fn note(&self, attempt: &Attempt<'_>, outcome: &Result<Entry, AuthError>) {
        let name = attempt.address.map(Address::to_string).unwrap_or_default();
        let (peer, protocol) = (attempt.peer, attempt.protocol);
        let counter = match outcome {
            Ok(_) => &self.counters.signed_in,
            Err(AuthError::Throttled { .. }) => &self.counters.throttled,
            Err(_) => &self.counters.wrong,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        match outcome {
            Ok(entry) => {
                tracing::debug!(account = %entry.account, name, ?protocol, "signed in");
            }
            Err(error) => tracing::info!(name, %peer, ?protocol, %error, "sign-in refused"),
        }
    }
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
