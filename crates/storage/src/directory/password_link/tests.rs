use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use ids::Clock;
use testkit::ManualClock;

use super::*;
use crate::testing::{TestStore, new_account, on_both_engines_with};
use crate::{Activity, Withdrawn};

const HOUR: i64 = 3_600;
const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn scene(test: impl Fn(&TestStore, AccountId, &ManualClock)) {
    let clock = Arc::new(ManualClock::default());
    let change = |settings: &mut crate::Settings| {
        settings.clock = clock.clone();
        settings.writers = 8;
    };
    on_both_engines_with(change, |store| test(store, store.account("Julie"), &clock));
}

fn make(store: &TestStore, account: AccountId, random: u8, hours: u32) -> String {
    let made =
        store.with(account, move |tx| tx.make_password_link(&[random; 32], hours, None)).unwrap();
    assert_eq!(made.expires, store.inner().now().plus_secs(i64::from(hours) * HOUR));
    made.secret
}

fn find(store: &TestStore, secret: &str) -> Option<PasswordLink> {
    let (secret, now) = (secret.to_owned(), store.inner().now());
    store.read(move |tx| tx.find_password_link(&secret, now)).unwrap()
}

fn set(store: &TestStore, secret: &str, hash: &'static str) -> Result<AccountId> {
    let secret = secret.to_owned();
    store.write(move |tx| tx.use_password_link(&secret, hash, None, PEER))
}

fn rows(store: &TestStore) -> i64 {
    let count = |tx: &mut ReadTx<'_>| {
        tx.sql.query_one("SELECT COUNT(*) FROM password_link", &[], |row| row.int(0))
    };
    store.read(count).unwrap().unwrap()
}

/// What the account is signed in to with.
fn credentials(store: &TestStore) -> (String, u64) {
    let julie = Address::parse("julie@example.test").unwrap();
    let found = store.read(move |tx| tx.credentials(&julie)).unwrap().unwrap();
    (found.password_hash, found.credential_version)
}

fn invalid<T>(result: Result<T>) -> String {
    match result {
        Err(StorageError::Invalid(text)) => text.to_owned(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was done"),
    }
}

#[test]
fn a_link_sets_the_password_once_in_its_time() {
    scene(|store, julie, clock| {
        let secret = make(store, julie, 0xab, 2);
        assert_eq!(secret, "ab".repeat(32));
        let (made, version) = (clock.now(), credentials(store).1);
        clock.advance_secs(2 * HOUR - 1);
        let expect = PasswordLink {
            account: julie,
            address: "Julie@example.test".to_owned(),
            created: made,
            expires: made.plus_secs(2 * HOUR),
            made_by: None,
        };
        // Looking uses nothing up.
        for _ in 0..2 {
            assert_eq!(find(store, &secret), Some(expect.clone()));
        }
        assert_eq!(find(store, &secret.to_uppercase()), None);
        assert_eq!(set(store, &secret, "$argon2id$new").unwrap(), julie);
        assert_eq!(credentials(store), ("$argon2id$new".to_owned(), version + 1));
        assert_eq!((find(store, &secret), rows(store)), (None, 0));
        let again = set(store, &secret, "$argon2id$other");
        assert!(matches!(again, Err(StorageError::NotFound("password link"))));
        assert_eq!(credentials(store), ("$argon2id$new".to_owned(), version + 1));
    });
}

#[test]
fn sessions_end_as_with_any_other_new_password() {
    scene(|store, julie, _| {
        let secret = make(store, julie, 1, 24);
        let verifier = ScramVerifier { salt: vec![1], iterations: 4096, sealed_keys: vec![2] };
        let facts = store.facts(move |tx| {
            tx.use_password_link(&secret, "$argon2id$new", Some(&verifier), PEER).map(drop)
        });
        assert_eq!(facts, ["CredentialsChanged"]);
        assert_eq!(store.read(move |tx| tx.scram_verifiers(julie)).unwrap().len(), 1);
    });
}

#[test]
fn a_link_that_is_too_old_or_was_replaced_is_good_for_nothing() {
    scene(|store, julie, clock| {
        let old = make(store, julie, 1, 1);
        let new = make(store, julie, 2, 168);
        assert_eq!((find(store, &old), rows(store)), (None, 1));
        assert!(matches!(set(store, &old, "$x"), Err(StorageError::NotFound(_))));
        clock.advance_secs(168 * HOUR - 1);
        store.inner().maintain().unwrap();
        assert!(find(store, &new).is_some());
        clock.advance_secs(1);
        assert_eq!(find(store, &new), None);
        assert!(matches!(set(store, &new, "$x"), Err(StorageError::NotFound(_))));
        assert_eq!(rows(store), 1);
        store.inner().maintain().unwrap();
        assert_eq!(rows(store), 0);
        for hours in [0, 169] {
            let made = store.with(julie, move |tx| tx.make_password_link(&[1; 32], hours, None));
            assert_eq!(invalid(made), "a link is good for 1 to 168 hours");
        }
    });
}

#[test]
fn whatever_else_is_decided_of_the_password_erases_the_link() {
    scene(|store, julie, _| {
        type Change = fn(&mut WriteTx<'_>, AccountId) -> Result<()>;
        let changes: [Change; 4] = [
            |tx, julie| tx.account(julie)?.set_password_hash("$argon2id$other"),
            |tx, julie| tx.account_as(julie, julie)?.set_password_hash(""),
            |tx, julie| tx.account(julie)?.set_blocked(true),
            |tx, julie| tx.remove_account(julie),
        ];
        for change in changes {
            let secret = make(store, julie, 3, 24);
            store.write(move |tx| change(tx, julie)).unwrap();
            assert_eq!((find(store, &secret), rows(store)), (None, 0));
            if store.read(move |tx| tx.load_account(julie)).is_ok() {
                let made = store.with(julie, |tx| tx.make_password_link(&[3; 32], 1, None));
                if let Err(error) = made {
                    assert_eq!(error.to_string(), "invalid: the account is blocked");
                }
                store.with(julie, |tx| tx.set_blocked(false)).unwrap();
            }
        }
    });
}

#[test]
fn of_two_uses_at_once_one_wins() {
    scene(|store, julie, _| {
        let (secret, version) = (make(store, julie, 4, 24), credentials(store).1);
        let (set_by, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let start = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    match set(store, &secret, "$argon2id$new") {
                        Ok(_) => set_by.fetch_add(1, Ordering::SeqCst),
                        Err(StorageError::NotFound("password link")) => {
                            refused.fetch_add(1, Ordering::SeqCst)
                        }
                        Err(error) => panic!("{error}"),
                    };
                });
            }
        });
        assert_eq!((set_by.into_inner(), refused.into_inner()), (1, 7));
        assert_eq!(credentials(store).1, version + 1);
    });
}

#[test]
fn a_link_is_the_managers_word() {
    scene(|store, julie, _| {
        let (max, boss) = (store.account("max"), store.account("boss"));
        let as_whom = |whose, who| {
            store.write(move |tx| {
                let made = tx.account_as(whose, who)?.make_password_link(&[5; 32], 24, None)?;
                Ok(made.secret)
            })
        };
        for who in [julie, max, boss] {
            assert!(matches!(as_whom(julie, who), Err(StorageError::NoPermission(_))));
        }
        store.with(boss, |tx| tx.set_role(Role::Administrator)).unwrap();
        let withdraw = |tx: &mut AccountTx<'_, '_>| tx.set_withdrawn(Withdrawn::PASSWORD);
        store.with(julie, withdraw).unwrap();
        let secret = as_whom(julie, boss).unwrap();
        assert_eq!(find(store, &secret).unwrap().made_by, Some(boss));
        assert_eq!(set(store, &secret, "$argon2id$new").unwrap(), julie);
        // An administrator becomes no owner.
        store.with(julie, |tx| tx.set_role(Role::Owner)).unwrap();
        assert!(matches!(as_whom(julie, boss), Err(StorageError::NoPermission(_))));
        store.with(max, |tx| tx.set_role(Role::Owner)).unwrap();
        let secret = as_whom(julie, max).unwrap();
        // Who goes takes along what they handed out.
        store.write(move |tx| tx.remove_account(max)).unwrap();
        assert_eq!((find(store, &secret), rows(store)), (None, 0));
    });
}

#[test]
fn what_can_have_no_password_has_no_link() {
    scene(|store, julie, _| {
        let info = store
            .write(|tx| {
                let info = tx.create_account(new_account("info@example.test"))?;
                tx.account(info)?.set_shared(true)?;
                Ok(info)
            })
            .unwrap();
        let made = store.with(info, |tx| tx.make_password_link(&[6; 32], 24, None));
        assert_eq!(invalid(made), "nobody signs in to a shared account");
        store
            .write(move |tx| {
                tx.create_domain_alias("also.test", "example.test")?;
                tx.add_alias(julie, &Address::parse("j@example.test")?)
            })
            .unwrap();
        let sent_to = |text: &str| {
            let address = Address::parse(text).unwrap();
            store
                .with(julie, move |tx| tx.make_password_link(&[6; 32], 24, Some(&address)))
                .map(|made| made.secret)
        };
        for own in ["JULIE@example.test", "julie+x@example.test", "j@also.test"] {
            assert!(invalid(sent_to(own)).starts_with("mail to that address comes to"), "{own}");
        }
        let nobody = invalid(sent_to("nobody@example.test"));
        assert_eq!(nobody, "nobody here has the address the link is to be sent to");
        assert_eq!(rows(store), 0);
        for other in ["info@example.test", "julie@far.test"] {
            sent_to(other).unwrap();
        }
    });
}

#[test]
fn the_log_of_the_account_says_who_made_a_link_and_from_where_it_was_used() {
    scene(|store, julie, clock| {
        let boss = store.account("boss");
        store.with(boss, |tx| tx.set_role(Role::Administrator)).unwrap();
        make(store, julie, 7, 24);
        clock.advance_secs(1);
        let far = Address::parse("julie@far.test").unwrap();
        let secret = store
            .write(move |tx| {
                let mut account = tx.account_as(julie, boss)?;
                Ok(account.make_password_link(&[8; 32], 24, Some(&far))?.secret)
            })
            .unwrap();
        clock.advance_secs(1);
        set(store, &secret, "$argon2id$new").unwrap();
        let rows = store.read(move |tx| tx.list_activity(julie, 10)).unwrap();
        let shown = |row: &Activity| {
            let peer = row.peer.map(|peer| peer.to_string()).unwrap_or_default();
            format!("{} {} {peer} {}", row.kind.as_str(), row.protocol, row.detail)
        };
        assert_eq!(
            rows.iter().map(shown).collect::<Vec<_>>(),
            [
                "password-changed http 192.0.2.7 link",
                "password-link-made   by boss@example.test, sent to julie@far.test",
                "password-link-made   by the operator",
            ]
        );
        assert!(rows.iter().all(|row| !row.detail.contains(&secret)));
    });
}
