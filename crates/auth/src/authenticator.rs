//! Signing in: passwords, tokens and SCRAM are checked against the directory here, attempts are
//! throttled, and what was verified is remembered for a while.

mod bearer;
mod check;
mod passwords;
mod scram;

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use ids::{AccountId, Clock, Timestamp};
use net::AddressKey;
use sasl::Credentials;
use storage::{AccessKey, Address, Grant, Protocol, StorageError};
use tokio::sync::Semaphore;

use crate::{
    ActivityLog, AuthError, Directory, Entry, PasswordPolicy, ScramSettings, ThrottleSettings,
    cache::VerifiedCache,
    mac::{Mac, MacKey},
    throttle::Throttle,
    user_name::parse_user_name,
};

pub use passwords::NewPassword;
pub(crate) use scram::ScramAttempt;

/// LIMIT: how often the time of last use is written; more often would tell nobody more.
const TOUCH_SECS: i64 = 3600;

/// Stands for attempts that look different each time they are repeated. No hash is zero.
const UNREPEATABLE: Mac = [0; 32];

/// Everything signing in is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSettings {
    /// The policy for new passwords.
    pub passwords: PasswordPolicy,
    /// The bounds on guessing.
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

/// A successful sign-in: the account, and by what it was signed in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The account that was signed in to.
    pub account: AccountId,
    /// The address signed in with.
    pub address: Address,
    /// The credential version of the account at sign-in, which [`Authenticator::is_current`]
    /// compares.
    pub credential_version: u64,
    /// The password, app password or token that was used.
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
    current: RwLock<Arc<Current>>,
    key: MacKey,
    memory: Mutex<Memory>,
    waiting: AtomicUsize,
    counters: Counters,
    activity: ActivityLog,
}

/// What it goes by, and what is made of that.
struct Current {
    settings: AuthSettings,
    /// Stands in for the hash of accounts that do not exist or have none.
    dummy_hash: Arc<str>,
    verifying: Arc<Semaphore>,
}

impl Current {
    fn new(settings: AuthSettings) -> Result<Self, AuthError> {
        let mut random = [0; 24];
        getrandom::fill(&mut random).map_err(|_| AuthError::Unavailable)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            dummy_hash: settings.passwords.dummy_hash(&random).into(),
            verifying: Arc::new(Semaphore::new(settings.verifications_max.clamp(1, cores))),
            settings,
        })
    }
}

/// State that is kept between sign-ins.
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
    /// Attempts that were told to wait.
    pub throttled: u64,
    /// Passwords computed with argon2id; the rest came from memory.
    pub verified: u64,
}

/// One attempt, as far as it is known before the password is looked at.
#[derive(Clone, Copy)]
struct Attempt<'a> {
    address: Option<&'a Address>,
    /// What it is counted by: the name that was given, or the account once that is known.
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
        let memory = Memory {
            cache: VerifiedCache::new(settings.cache_entries_max, settings.cache_ttl_secs),
            throttle: Throttle::new(settings.throttle),
        };
        Ok(Self {
            directory: Box::new(directory),
            clock,
            current: RwLock::new(Arc::new(Current::new(settings)?)),
            key: MacKey::random().map_err(|_| AuthError::Unavailable)?,
            memory: Mutex::new(memory),
            waiting: AtomicUsize::new(0),
            counters: Counters::default(),
            activity: ActivityLog::default(),
        })
    }

    /// Goes by other settings from now on. Who guessed wrong goes on being slowed down, by the new
    /// numbers; passwords verified lately are remembered no longer than these say.
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] where the system has no randomness.
    pub fn replace_settings(&self, settings: AuthSettings) -> Result<(), AuthError> {
        let current = self.current();
        if current.settings == settings {
            return Ok(());
        }
        let (entries_max, ttl_secs) = (settings.cache_entries_max, settings.cache_ttl_secs);
        let throttle = settings.throttle;
        let mut new = Current::new(settings)?;
        if new.settings.verifications_max == current.settings.verifications_max {
            // Those under way count still.
            new.verifying = current.verifying.clone();
        }
        if new.settings.passwords == current.settings.passwords {
            new.dummy_hash = current.dummy_hash.clone();
        }
        let mut memory = self.memory();
        memory.cache.limit(entries_max, ttl_secs);
        memory.throttle.replace_settings(throttle);
        drop(memory);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(())
    }

    fn current(&self) -> Arc<Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks credentials that came over `protocol` from `peer`.
    ///
    /// # Errors
    /// As [`AuthError`] says: wrong, blocked, in maintenance, throttled, or not to be told now.
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
        self.current().settings.scram.is_some()
    }

    /// Whether a session may go on: its account exists, is neither blocked nor in maintenance
    /// (R-ADDR-12), and has the password, app password or token the session was signed in with
    /// (R-ADDR-8, R-ADDR-9).
    ///
    /// # Errors
    /// [`AuthError::Unavailable`] where storage does not answer.
    pub async fn is_current(&self, signed_in: &SignedIn) -> Result<bool, AuthError> {
        match self.require_current(signed_in).await {
            Ok(()) => Ok(true),
            Err(AuthError::Unavailable) => Err(AuthError::Unavailable),
            Err(_) => Ok(false),
        }
    }

    /// Like [`is_current`](Self::is_current), telling why a session may not go on:
    /// [`AuthError::Wrong`] where the password is another or the account is gone.
    ///
    /// # Errors
    /// Why it may not go on; [`AuthError::Unavailable`] where storage does not answer.
    pub async fn require_current(&self, signed_in: &SignedIn) -> Result<(), AuthError> {
        let standing = self.directory.find_standing(signed_in, self.clock.now()).await;
        let standing = standing.map_err(|error| unavailable(&error))?;
        admit(standing.ok_or(AuthError::Wrong)?).map(drop)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
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

    /// Whether the address may try anything, before it is known which account is meant.
    fn check_address(&self, attempt: &Attempt<'_>) -> Result<(), AuthError> {
        self.memory()
            .throttle
            .check_address(attempt.peer, self.clock.now())
            .map_err(|retry_after_secs| AuthError::Throttled { retry_after_secs })
    }

    /// What an attempt is counted by: its account, whatever it was called, or else the name.
    fn counted_by(&self, name: Mac, entry: Option<&Entry>) -> Mac {
        entry.map_or(name, |entry| self.key.of_account(entry.account))
    }

    fn check_throttle(&self, attempt: &Attempt<'_>) -> Result<(), AuthError> {
        self.memory()
            .throttle
            .check(attempt.peer, &attempt.name, self.clock.now())
            .map_err(|retry_after_secs| AuthError::Throttled { retry_after_secs })
    }

    /// Like `check`, without regard to what was tried for the account.
    fn check_place(&self, attempt: &Attempt<'_>) -> Result<(), AuthError> {
        self.memory()
            .throttle
            .check_place(attempt.peer, &attempt.name, self.clock.now())
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

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator")
            .field("settings", &self.current().settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
