//! What tests of sessions share: a store of either engine with accounts, and connections to a
//! service through memory.
//!
//! **Invariant:** what a test leaves is consistent: [`House::close`] says what is not.
//! **Absent:** the protocols; whatever `testkit` can hold, which knows no store.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod connect;
mod transcripts;

use std::sync::Arc;

use auth::{AuthSettings, Authenticator, PasswordPolicy, ScramSettings};
use ids::AccountId;
use net::Shutdown;
use storage::{AccountTx, Address, Database, NewAccount, Role, Store};
use tempfile::TempDir;
use testkit::ManualClock;

pub use transcripts::{Played, message_file, play_all_on_postgres, play_all_on_sqlite};

/// Passwords are hashed in no time.
pub const QUICK: PasswordPolicy =
    PasswordPolicy { chars_min: 8, argon2_memory_kib: 16, argon2_passes: 1 };

/// A store with the account `julie@example.test`, password `right password`.
pub struct House {
    /// The store.
    pub store: Store,
    /// The authenticator that sign-ins are checked by.
    pub authenticator: Arc<Authenticator>,
    /// The time in the house.
    pub clock: Arc<ManualClock>,
    /// Julie.
    pub account: AccountId,
    /// Ends the sessions when it is requested.
    pub shutdown: Shutdown,
    scram: Option<ScramSettings>,
    settings: storage::Settings,
    folder: TempDir,
}

impl House {
    /// A house on a database, with settings of its own.
    pub async fn build(
        database: Database,
        scram: Option<ScramSettings>,
        change: impl FnOnce(&mut storage::Settings),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let mut settings = storage::Settings::new(folder.path(), clock.clone());
        settings.database = database;
        settings.inline_bytes_max = 1_000;
        change(&mut settings);
        let opened = settings.clone();
        let store = tokio::task::spawn_blocking(|| Store::open(opened)).await.unwrap().unwrap();
        let new = new_account("julie@example.test");
        let made = store.write("fixture", move |tx| {
            tx.create_domain("example.test")?;
            tx.create_account(new)
        });
        let account = made.await.unwrap().value;
        let authenticator = authenticator(&store, &clock, scram.clone());
        let shutdown = Shutdown::new();
        Self { store, authenticator, clock, account, shutdown, scram, settings, folder }
    }

    /// The house after a restart, with the same data.
    pub async fn restart(self) -> Self {
        let Self { store, authenticator, clock, account, shutdown, scram, settings, folder } = self;
        shutdown.begin();
        let closing = tokio::task::spawn_blocking(move || {
            store.close();
            drop((authenticator, store));
        });
        closing.await.unwrap();
        let store = loop {
            // Sessions hold the store until they have ended.
            let settings = settings.clone();
            let opened = tokio::task::spawn_blocking(|| Store::open(settings)).await.unwrap();
            match opened {
                Ok(store) => break store,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let authenticator = self::authenticator(&store, &clock, scram.clone());
        let shutdown = Shutdown::new();
        Self { store, authenticator, clock, account, shutdown, scram, settings, folder }
    }

    /// Makes another account of the domain, with the same password.
    pub async fn add_account(&self, local: &str) -> AccountId {
        let new = new_account(&format!("{local}@example.test"));
        self.store.write("fixture", move |tx| tx.create_account(new)).await.unwrap().value
    }

    /// What another session does to the account.
    pub async fn write(
        &self,
        work: impl FnOnce(&mut AccountTx<'_, '_>) -> storage::Result<()> + Send + 'static,
    ) {
        self.store.account_write(self.account, "act", work).await.unwrap();
    }

    /// Gives Julie another password.
    pub async fn set_password(&self, new: &str) {
        let hash = QUICK.hash("julie@example.test", &new.into()).unwrap();
        self.write(move |tx| tx.set_password_hash(&hash)).await;
    }

    /// Ends the sessions, and returns what is then wrong with the store.
    pub async fn close(&self) -> Vec<String> {
        self.shutdown.begin();
        let store = self.store.clone();
        let findings = tokio::task::spawn_blocking(move || {
            let findings = store.check_consistency();
            store.close();
            findings
        });
        findings.await.unwrap().unwrap().iter().map(|finding| format!("{finding:?}")).collect()
    }
}

fn new_account(address: &str) -> NewAccount {
    NewAccount {
        address: Address::parse(address).unwrap(),
        name: String::new(),
        role: Role::Collaborator,
        password_hash: QUICK.hash(address, &"right password".into()).unwrap(),
        quota_bytes: 0,
        mail_only: true,
    }
}

fn authenticator(
    store: &Store,
    clock: &Arc<ManualClock>,
    scram: Option<ScramSettings>,
) -> Arc<Authenticator> {
    let settings = AuthSettings { passwords: QUICK, scram, ..AuthSettings::default() };
    Arc::new(Authenticator::new(store.clone(), clock.clone(), settings).unwrap())
}
