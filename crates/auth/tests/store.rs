//! Signing in to accounts of a real store, and what its change feed says when that must end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{net::IpAddr, sync::Arc};

use auth::{
    AuthError, AuthSettings, Authenticator, Directory, Found, Lookup, PasswordPolicy, Protocol,
    ScramEntry, ScramKey, ScramSettings, SignedIn,
};
use ids::AccountId;
use sasl::Credentials;
use storage::{Address, Fact, NewAccount, Role, ScramVerifier, Settings, Store};
use testkit::ManualClock;
use tokio::sync::Semaphore;

const QUICK: PasswordPolicy =
    PasswordPolicy { chars_min: 8, argon2_memory_kib: 16, argon2_passes: 1 };

struct House {
    _folder: tempfile::TempDir,
    store: Store,
    authenticator: Authenticator,
    julie: AccountId,
}

/// `julie@example.test` with the alias `info`, and `example.org` as alias of her domain.
async fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let store = Store::open(Settings::new(folder.path(), clock.clone())).unwrap();
    let new = NewAccount {
        address: Address::parse("Julie@example.test").unwrap(),
        name: "Julie".to_owned(),
        role: Role::Collaborator,
        password_hash: QUICK.hash("julie@example.test", &"right password".into()).unwrap(),
        quota_bytes: 0,
        mail_only: false,
    };
    let made = store.write("test", move |tx| {
        tx.create_domain("example.test")?;
        tx.create_domain_alias("example.org", "example.test")?;
        let julie = tx.create_account(new)?;
        tx.add_alias(julie, &Address::parse("info@example.test")?)?;
        Ok(julie)
    });
    let julie = made.await.unwrap().value;
    let settings = AuthSettings { passwords: QUICK, ..Default::default() };
    let authenticator = Authenticator::new(store.clone(), clock, settings).unwrap();
    House { _folder: folder, store, authenticator, julie }
}

impl House {
    async fn sign_in(&self, name: &str, password: &str) -> Result<SignedIn, AuthError> {
        let credentials =
            Credentials { authzid: None, authcid: name.to_owned(), password: password.into() };
        let peer = IpAddr::from([192, 0, 2, 1]);
        self.authenticator.sign_in(&credentials, Protocol::Imap, peer).await
    }
}

#[tokio::test]
async fn the_primary_address_signs_in() {
    let house = house().await;
    let table = [
        ("julie@example.test", true),
        ("JULIE@EXAMPLE.TEST", true),
        ("julie%40example.test", true),
        ("julie@example.org", true),
        ("info@example.test", false),
        ("julie+detail@example.test", false),
        ("paul@example.test", false),
        ("julie@example.net", false),
    ];
    for (name, expect) in table {
        let result = house.sign_in(name, "right password").await;
        let expect = if expect { Ok(house.julie) } else { Err(AuthError::Wrong) };
        assert_eq!(result.map(|signed_in| signed_in.account), expect, "{name}");
    }
}

#[tokio::test]
async fn changes_end_sessions_and_remembered_passwords() {
    let house = house().await;
    let julie = house.julie;
    let session = house.sign_in("julie@example.test", "right password").await.unwrap();
    let mut changes = house.store.subscribe(julie).await.unwrap();
    assert_eq!(house.authenticator.is_current(&session).await, Ok(true));

    let address = Address::parse("julie@example.test").unwrap();
    let new = house.authenticator.new_password(&address, "", "other password".into());
    let new = new.await.unwrap().hash;
    let written = house.store.write("test", move |tx| tx.account(julie)?.set_password_hash(&new));
    written.await.unwrap();
    let facts = changes.next().await.unwrap();
    assert!(facts.iter().any(|change| change.fact == Fact::CredentialsChanged), "{facts:?}");
    assert_eq!(house.authenticator.is_current(&session).await, Ok(false));
    let old = house.sign_in("julie@example.test", "right password").await;
    assert_eq!(old, Err(AuthError::Wrong));
    let session = house.sign_in("julie@example.test", "other password").await.unwrap();

    let maintenance =
        |on: bool| house.store.write("test", move |tx| tx.account(julie)?.set_maintenance(on));
    maintenance(true).await.unwrap();
    let refused = house.sign_in("julie@example.test", "other password").await;
    assert_eq!(refused, Err(AuthError::Maintenance));
    assert_eq!(house.authenticator.is_current(&session).await, Ok(false));
    let ended = house.authenticator.require_current(&session).await;
    assert_eq!(ended, Err(AuthError::Maintenance));
    maintenance(false).await.unwrap();

    let blocked = house.store.write("test", move |tx| tx.account(julie)?.set_blocked(true));
    blocked.await.unwrap();
    let refused = house.sign_in("julie@example.test", "other password").await;
    assert_eq!(refused, Err(AuthError::Blocked));
    assert_eq!(house.authenticator.is_current(&session).await, Ok(false));

    house.store.write("test", move |tx| tx.remove_account(julie)).await.unwrap();
    let gone = house.sign_in("julie@example.test", "other password").await;
    assert_eq!(gone, Err(AuthError::Wrong));
    assert_eq!(house.authenticator.is_current(&session).await, Ok(false));
}

/// A store in which a verifier that is to be kept waits at the door.
struct Door {
    store: Store,
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Directory for Door {
    fn find<'a>(&'a self, address: &'a Address) -> Lookup<'a> {
        Directory::find(&self.store, address)
    }

    fn find_scram<'a>(&'a self, address: &'a Address) -> Found<'a, ScramEntry> {
        self.store.find_scram(address)
    }

    fn upgrade(
        &self,
        account: AccountId,
        password_hash: String,
        verifier: ScramVerifier,
    ) -> Found<'_, ()> {
        Box::pin(async move {
            self.arrived.add_permits(1);
            self.open.acquire().await.unwrap().forget();
            self.store.upgrade(account, password_hash, verifier).await
        })
    }

    fn forget_scram(&self) -> Found<'_, ()> {
        self.store.forget_scram()
    }
}

/// R-ADDR-8: what was computed before SCRAM was turned off, and is kept after all was erased.
#[tokio::test]
async fn no_verifier_outlives_scram() {
    let house = house().await;
    let (store, julie) = (house.store.clone(), house.julie);
    let (arrived, open) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let door = Door { store: store.clone(), arrived: arrived.clone(), open: open.clone() };
    let scram = ScramSettings { key: ScramKey::new([7; 32]), iterations: 4096 };
    // Each sign-in is verified, and comes to the door.
    let settings = |scram| AuthSettings {
        passwords: QUICK,
        cache_entries_max: 0,
        scram,
        ..Default::default()
    };
    let clock = Arc::new(ManualClock::default());
    let on = settings(Some(scram));
    let house = House { authenticator: Authenticator::new(door, clock, on).unwrap(), ..house };
    let verifiers = || store.read(move |tx| tx.scram_verifiers(julie));
    for (turned_off, left) in [(false, 1), (true, 0)] {
        let erase = || store.write("test", |tx| tx.drop_scram_verifiers());
        erase().await.unwrap();
        let signing_in = async {
            house.sign_in("julie@example.test", "right password").await.unwrap();
        };
        let turning_off = async {
            arrived.acquire().await.unwrap().forget();
            if turned_off {
                house.authenticator.replace_settings(settings(None)).unwrap();
                erase().await.unwrap();
            }
            open.add_permits(1);
        };
        tokio::join!(signing_in, turning_off);
        assert_eq!(verifiers().await.unwrap().len(), left, "{turned_off}");
    }
}
