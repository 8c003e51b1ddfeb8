//! Sign-ins against a directory in memory and a clock that stands still.

use std::collections::HashMap;

use ids::Timestamp;
use storage::StorageError;
use testkit::ManualClock;

use super::*;
use crate::Lookup;

const QUICK: PasswordPolicy =
    PasswordPolicy { chars_min: 8, argon2_memory_kib: 16, argon2_passes: 1 };

/// Accounts by normal name; `None` for a directory that does not answer.
#[derive(Clone, Default)]
struct Book(Arc<Mutex<Option<HashMap<String, Entry>>>>);

impl Book {
    fn edit(&self, name: &str, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.0.lock().unwrap();
        let blank = Entry {
            account: AccountId::new(7),
            password_hash: String::new(),
            credential_version: 1,
            blocked: false,
            maintenance: false,
        };
        change(entries.get_or_insert_default().entry(name.to_owned()).or_insert(blank));
    }

    fn set_password(&self, name: &str, password: &str) {
        self.edit(name, |entry| {
            entry.password_hash = QUICK.hash(name, &password.into()).unwrap();
            entry.credential_version += 1;
        });
    }
}

impl Directory for Book {
    fn find<'a>(&'a self, address: &'a Address) -> Lookup<'a> {
        let found = match &*self.0.lock().unwrap() {
            Some(entries) => Ok(entries.get(&normal_name(address)).cloned()),
            None => Err(StorageError::Unavailable("on fire".to_owned())),
        };
        Box::pin(std::future::ready(found))
    }
}

struct Desk {
    book: Book,
    clock: Arc<ManualClock>,
    authenticator: Authenticator,
}

/// A desk with julie and her password.
fn desk() -> Desk {
    let book = Book::default();
    book.set_password("julie@example.test", "right password");
    let clock = Arc::new(ManualClock::default());
    let throttle = ThrottleSettings {
        failures_per_address_max: 3,
        failures_per_network_max: 0,
        network: net::NetworkPrefix::default(),
        failures_per_account_max: 5,
        window_secs: 60,
        loopback_exempt: false,
    };
    let settings =
        AuthSettings { passwords: QUICK, throttle, cache_entries_max: 10, ..Default::default() };
    let authenticator = Authenticator::new(book.clone(), clock.clone(), settings).unwrap();
    Desk { book, clock, authenticator }
}

impl Desk {
    async fn try_from(&self, peer: u8, name: &str, password: &str) -> Result<SignedIn, AuthError> {
        let credentials =
            Credentials { authzid: None, authcid: name.to_owned(), password: password.into() };
        let peer = IpAddr::from([192, 0, 2, peer]);
        self.authenticator.sign_in(&credentials, Protocol::Imap, peer).await
    }

    async fn outcome(&self, peer: u8, name: &str, password: &str) -> Result<(), AuthError> {
        self.try_from(peer, name, password).await.map(drop)
    }
}

#[tokio::test]
async fn names_and_passwords() {
    let desk = desk();
    desk.book.edit("nobody@example.test", |_| {});
    let table = [
        ("julie@example.test", "right password", Ok(())),
        ("JULIE@Example.Test", "right password", Ok(())),
        ("julie%40example.test", "right password", Ok(())),
        ("julie@example.test", "right\u{a0}password", Ok(())),
        ("julie@example.test", "Right password", Err(AuthError::Wrong)),
        ("julie@example.test", "", Err(AuthError::Wrong)),
        ("julie", "right password", Err(AuthError::Wrong)),
        ("other@example.test", "right password", Err(AuthError::Wrong)),
        // An account without a password is opened by none.
        ("nobody@example.test", "", Err(AuthError::Wrong)),
        ("nobody@example.test", "right password", Err(AuthError::Wrong)),
    ];
    for (peer, (name, password, expect)) in (1..).zip(table) {
        assert_eq!(desk.outcome(peer, name, password).await, expect, "{name} {password}");
    }
    let signed_in = desk.try_from(1, "julie@example.test", "right password").await.unwrap();
    assert_eq!(signed_in.account, AccountId::new(7));
    assert_eq!(signed_in.credential_version, 2);
    assert_eq!(signed_in.address, Address::parse("julie@example.test").unwrap());
    let printed = format!("{:?} {signed_in:?}", desk.authenticator);
    assert!(!printed.contains("argon2id") && !printed.contains("right"), "{printed}");
}

#[tokio::test]
async fn acting_as_somebody_else() {
    let desk = desk();
    let table = [
        (Some("julie@example.test"), Ok(())),
        (Some("Julie%40example.test"), Ok(())),
        (Some("boss@example.test"), Err(AuthError::Wrong)),
        (Some("nonsense"), Err(AuthError::Wrong)),
    ];
    for (authzid, expect) in table {
        let credentials = Credentials {
            authzid: authzid.map(str::to_owned),
            authcid: "julie@example.test".to_owned(),
            password: "right password".into(),
        };
        let peer = IpAddr::from([192, 0, 2, 1]);
        let result = desk.authenticator.sign_in(&credentials, Protocol::Submission, peer).await;
        assert_eq!(result.map(drop), expect, "{authzid:?}");
    }
}

#[tokio::test]
async fn blocked_and_maintenance_are_told_to_who_knows_the_password() {
    let desk = desk();
    let table = [
        (true, false, AuthError::Blocked),
        (false, true, AuthError::Maintenance),
        (true, true, AuthError::Blocked),
    ];
    for (blocked, maintenance, expect) in table {
        desk.book.edit("julie@example.test", |entry| {
            entry.blocked = blocked;
            entry.maintenance = maintenance;
        });
        let right = desk.outcome(1, "julie@example.test", "right password").await;
        assert_eq!(right, Err(expect));
        let wrong = desk.outcome(2, "julie@example.test", "wrong password").await;
        assert_eq!(wrong, Err(AuthError::Wrong));
    }
    *desk.book.0.lock().unwrap() = None;
    let result = desk.outcome(1, "julie@example.test", "right password").await;
    assert_eq!(result, Err(AuthError::Unavailable));
}

#[tokio::test]
async fn verified_passwords_are_remembered_until_they_change() {
    let desk = desk();
    let verified = || desk.authenticator.counts().verified;
    let sign_in = |password| desk.outcome(1, "julie@example.test", password);
    assert_eq!(sign_in("right password").await, Ok(()));
    assert_eq!(sign_in("right password").await, Ok(()));
    assert_eq!(verified(), 1);
    // Not beyond their time, however often they are used.
    desk.clock.advance_secs(299);
    assert_eq!(sign_in("right password").await, Ok(()));
    assert_eq!(verified(), 1);
    desk.clock.advance_secs(1);
    assert_eq!(sign_in("right password").await, Ok(()));
    assert_eq!(verified(), 2);
    // A change counts at once, for the old one and for the new one.
    desk.book.set_password("julie@example.test", "other password");
    assert_eq!(sign_in("right password").await, Err(AuthError::Wrong));
    assert_eq!(sign_in("other password").await, Ok(()));
    assert_eq!(verified(), 4);
    desk.book.edit("julie@example.test", |entry| entry.blocked = true);
    assert_eq!(sign_in("other password").await, Err(AuthError::Blocked));
    assert_eq!(verified(), 4);
    // What one account knows opens no other.
    desk.book.set_password("paul@example.test", "pauls password");
    let result = desk.outcome(1, "paul@example.test", "other password").await;
    assert_eq!(result, Err(AuthError::Wrong));
}

#[tokio::test]
async fn other_settings_hold_at_once_and_nobody_is_forgiven() {
    let desk = desk();
    let (name, right) = ("julie@example.test", "right password");
    let settings = |change: fn(&mut AuthSettings)| {
        let mut settings = desk.authenticator.current().settings.clone();
        change(&mut settings);
        desk.authenticator.replace_settings(settings).unwrap();
    };
    for guess in ["guess 1", "guess 2"] {
        assert_eq!(desk.outcome(1, name, guess).await, Err(AuthError::Wrong));
    }
    settings(|settings| settings.throttle.failures_per_address_max = 10);
    assert_eq!(desk.outcome(1, name, "guess 3").await, Err(AuthError::Wrong));
    assert_eq!(desk.outcome(1, name, right).await, Ok(()));
    // Of what was verified as much is remembered as they say: nothing, and for no time.
    let verified = || desk.authenticator.counts().verified;
    let before = verified();
    assert_eq!(desk.outcome(1, name, right).await, Ok(()));
    assert_eq!(verified(), before);
    settings(|settings| settings.cache_entries_max = 0);
    assert_eq!(desk.outcome(1, name, right).await, Ok(()));
    assert_eq!(verified(), before + 1);
    settings(|settings| {
        settings.passwords.chars_min = 30;
        settings.verifications_max = 1;
    });
    let address = Address::parse(name).unwrap();
    let refused = desk.authenticator.new_password(&address, name, right.into()).await;
    assert!(matches!(refused, Err(crate::PasswordError::TooShort { chars_min: 30 })));
    settings(|settings| settings.throttle.failures_per_account_max = 1);
    assert_eq!(desk.outcome(3, name, "guess 7").await, Err(AuthError::Wrong));
    let throttled = desk.outcome(4, name, right).await;
    assert!(matches!(throttled, Err(AuthError::Throttled { .. })), "{throttled:?}");
}

#[tokio::test]
async fn guessing_is_slowed_down_alike_for_unknown_accounts() {
    for name in ["julie@example.test", "nobody@example.test", "no address"] {
        let desk = desk();
        for guess in ["guess 1", "guess 2", "guess 3"] {
            assert_eq!(desk.outcome(1, name, guess).await, Err(AuthError::Wrong), "{name}");
        }
        let throttled = |retry_after_secs| Err(AuthError::Throttled { retry_after_secs });
        assert_eq!(desk.outcome(1, name, "right password").await, throttled(5));
        assert_eq!(desk.authenticator.counts().verified, 3);
        desk.clock.advance_secs(5);
        assert_eq!(desk.outcome(1, name, "guess 4").await, Err(AuthError::Wrong));
        assert_eq!(desk.outcome(1, name, "guess 5").await, throttled(10));
        // From elsewhere the account's own bound holds.
        assert_eq!(desk.outcome(2, name, "guess 6").await, Err(AuthError::Wrong));
        assert_eq!(desk.outcome(3, name, "guess 7").await, throttled(5));
        assert_eq!(desk.authenticator.counts().throttled, 3);
    }
}

/// A domain alias is another name for the same account.
#[tokio::test]
async fn guesses_count_for_the_account_whatever_it_is_called() {
    let desk = desk();
    let names = ["julie@example.test", "julie@alias.test"];
    desk.book.set_password(names[1], "right password");
    assert_eq!(desk.outcome(1, names[1], "right password").await, Ok(()));
    for (peer, name) in (10..15).zip(names.into_iter().cycle()) {
        let guess = format!("guess {peer}");
        assert_eq!(desk.outcome(peer, name, &guess).await, Err(AuthError::Wrong));
    }
    let throttled = Err(AuthError::Throttled { retry_after_secs: 5 });
    for name in names {
        assert_eq!(desk.outcome(20, name, "right password").await, throttled, "{name}");
        // Where it was signed in from under any of them, it is under all.
        assert_eq!(desk.outcome(1, name, "right password").await, Ok(()), "{name}");
    }
    // Nobody's name is the name of an account.
    assert_eq!(desk.outcome(20, "julie@other.test", "guess").await, Err(AuthError::Wrong));
}

#[tokio::test]
async fn who_signed_in_from_here_is_not_locked_out() {
    let desk = desk();
    assert_eq!(desk.outcome(1, "julie@example.test", "right password").await, Ok(()));
    for peer in 10..15 {
        let guess = format!("guess {peer}");
        let result = desk.outcome(peer, "julie@example.test", &guess).await;
        assert_eq!(result, Err(AuthError::Wrong));
    }
    let throttled = Err(AuthError::Throttled { retry_after_secs: 5 });
    assert_eq!(desk.outcome(20, "julie@example.test", "right password").await, throttled);
    assert_eq!(desk.outcome(1, "julie@example.test", "right password").await, Ok(()));
}

#[tokio::test]
async fn a_device_with_an_old_password_locks_nobody_out() {
    let desk = desk();
    for _ in 0..100 {
        let result = desk.outcome(1, "julie@example.test", "old password").await;
        assert_eq!(result, Err(AuthError::Wrong));
    }
    assert_eq!(desk.authenticator.counts().verified, 1);
    // And when the old one becomes the right one, it is.
    desk.book.set_password("julie@example.test", "old password");
    assert_eq!(desk.outcome(1, "julie@example.test", "old password").await, Ok(()));
}

#[tokio::test]
async fn attempts_side_by_side_count_too() {
    let desk = desk();
    let guesses: Vec<String> = (0..20).map(|n| format!("guess {n}")).collect();
    let attempts = guesses.iter().map(|guess| desk.outcome(1, "julie@example.test", guess));
    let mut attempts: Vec<_> = attempts.map(Box::pin).collect();
    let mut wrong = 0;
    std::future::poll_fn(|cx| {
        attempts.retain_mut(|attempt| match attempt.as_mut().poll(cx) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(result) => {
                wrong += usize::from(result == Err(AuthError::Wrong));
                false
            }
        });
        match attempts.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    // The bound, and those that were being computed when it was reached.
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!((3..=3 + cores.min(4)).contains(&wrong), "{wrong}");
}

#[tokio::test]
async fn sessions_of_an_old_password_are_not_current() {
    let desk = desk();
    let signed_in = desk.try_from(1, "julie@example.test", "right password").await.unwrap();
    assert_eq!(desk.authenticator.is_current(&signed_in).await, Ok(true));
    desk.book.edit("julie@example.test", |entry| entry.maintenance = true);
    assert_eq!(desk.authenticator.is_current(&signed_in).await, Ok(false));
    desk.book.edit("julie@example.test", |entry| entry.maintenance = false);
    assert_eq!(desk.authenticator.is_current(&signed_in).await, Ok(true));
    desk.book.edit("julie@example.test", |entry| entry.blocked = true);
    assert_eq!(desk.authenticator.is_current(&signed_in).await, Ok(false));
    desk.book.edit("julie@example.test", |entry| {
        entry.blocked = false;
    });
    desk.book.set_password("julie@example.test", "other password");
    assert_eq!(desk.authenticator.is_current(&signed_in).await, Ok(false));
    let anew = desk.try_from(1, "julie@example.test", "other password").await.unwrap();
    // The address lives on as another account.
    desk.book.edit("julie@example.test", |entry| entry.account = AccountId::new(8));
    assert_eq!(desk.authenticator.is_current(&anew).await, Ok(false));
    desk.book.0.lock().unwrap().as_mut().unwrap().clear();
    assert_eq!(desk.authenticator.is_current(&anew).await, Ok(false));
    *desk.book.0.lock().unwrap() = None;
    assert_eq!(desk.authenticator.is_current(&anew).await, Err(AuthError::Unavailable));
}

#[tokio::test]
async fn new_passwords() {
    let desk = desk();
    let julie = Address::parse("julie@example.test").unwrap();
    let hash = |password: &'static str| {
        let made = desk.authenticator.new_password(&julie, "julie@example.test", password.into());
        async { made.await.map(|made| (made.hash, made.scram)) }
    };
    let (made, scram) = hash("another one").await.unwrap();
    assert!(scram.is_none());
    desk.book.edit("julie@example.test", |entry| entry.password_hash = made);
    assert_eq!(desk.outcome(1, "julie@example.test", "another one").await, Ok(()));
    let short = hash("short").await.map(drop);
    assert_eq!(short, Err(crate::PasswordError::TooShort { chars_min: 8 }));
    // A clock set back does no harm.
    desk.clock.set(Timestamp::from_secs(0));
    assert_eq!(desk.outcome(1, "julie@example.test", "another one").await, Ok(()));
}
