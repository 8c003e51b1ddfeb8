use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use ids::AccountId;

use super::{Recipient, Resolution};
use crate::testing::{TestStore, mailbox_name, new_account, on_both_engines, on_both_engines_with};
use crate::{
    ALIASES_MAX, AccessKeyKind, Address, LimitKind, NewAccessKey, Protocols, Quotas, Result, Role,
    StorageError,
};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn add_alias(store: &TestStore, account: AccountId, alias: &str) -> Result<()> {
    let alias = address(alias);
    store.write(move |tx| tx.add_alias(account, &alias))
}

/// The error as text, or `ok`.
fn outcome<T>(result: Result<T>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

#[test]
fn domains_and_domain_aliases_share_one_set_of_names() {
    on_both_engines(|store| {
        for (name, expect) in [
            ("Example.TEST", "ok"),
            ("example.test", "domain exists already"),
            ("b\u{fc}cher.test", "ok"),
            ("xn--bcher-kva.test", "domain exists already"),
            ("[192.0.2.1]", "invalid: not a domain name"),
        ] {
            assert_eq!(outcome(store.write(|tx| tx.create_domain(name))), expect, "{name}");
        }
        for (alias, target, expect) in [
            ("example.org", "example.test", "ok"),
            ("example.org", "example.test", "domain exists already"),
            ("example.test", "example.test", "domain exists already"),
            ("other.test", "example.org", "invalid: the domain is a domain alias"),
            ("other.test", "nowhere.test", "domain does not exist"),
        ] {
            let found = store.write(|tx| tx.create_domain_alias(alias, target));
            assert_eq!(outcome(found), expect, "{alias} {target}");
        }
        let names: Vec<(String, Option<String>)> = store
            .read(|tx| tx.list_domains())
            .unwrap()
            .into_iter()
            .map(|domain| (domain.name, domain.alias_of))
            .collect();
        assert_eq!(
            names,
            [
                ("example.org".to_owned(), Some("example.test".to_owned())),
                ("example.test".to_owned(), None),
                ("xn--bcher-kva.test".to_owned(), None),
            ]
        );
    });
}

#[test]
fn a_domain_in_use_stays() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let remove = |name| outcome(store.write(move |tx| tx.remove_domain(name)));
        assert_eq!(remove("example.test"), "in use: the domain has accounts");
        store.write(|tx| tx.create_domain("b.test")).unwrap();
        let other = "invalid: the domain is of another organisation";
        assert_eq!(outcome(add_alias(store, julie, "shop@b.test")), other);
        store.write(|tx| tx.join_organisation("b.test", "example.test")).unwrap();
        add_alias(store, julie, "shop@b.test").unwrap();
        assert_eq!(remove("b.test"), "in use: the domain has aliases or lists");
        store.write(move |tx| tx.remove_alias(julie, &address("shop@b.test"))).unwrap();
        store.write(|tx| tx.create_domain_alias("c.test", "b.test")).unwrap();
        assert_eq!(remove("b.test"), "in use: the domain has domain aliases");
        assert_eq!(remove("c.test"), "invalid: the domain is a domain alias");
        store.write(|tx| tx.remove_domain_alias("C.test")).unwrap();
        assert_eq!(remove("B.test"), "ok");
        assert_eq!(remove("b.test"), "domain does not exist");
        let alias = store.write(|tx| tx.remove_domain_alias("c.test"));
        assert_eq!(outcome(alias), "domain alias does not exist");
    });
}

#[test]
fn addresses_are_one_name_space() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let paul = store.account("paul");
        store.write(|tx| tx.create_domain_alias("example.org", "example.test")).unwrap();
        for (account, alias, expect) in [
            (julie, "Info@example.test", "ok"),
            (julie, "info@example.test", "address exists already"),
            (paul, "INFO@example.test", "address exists already"),
            (paul, "info@example.org", "address exists already"),
            (paul, "Julie@example.test", "address exists already"),
            (julie, "julie@example.test", "address exists already"),
            (paul, "sales@example.org", "ok"),
            (julie, "sales@example.test", "address exists already"),
            (julie, "info@elsewhere.test", "domain does not exist"),
            (julie, "\"a b\"@example.test", "ok"),
            (AccountId::new(999), "x@example.test", "account does not exist"),
        ] {
            assert_eq!(outcome(add_alias(store, account, alias)), expect, "{alias}");
        }
        for (taken, expect) in [
            ("info@example.test", "address exists already"),
            ("paul@example.test", "address exists already"),
            ("new@example.org", "invalid: the domain is a domain alias"),
            ("new@nowhere.test", "domain does not exist"),
        ] {
            let new = new_account(taken);
            assert_eq!(outcome(store.write(|tx| tx.create_account(new))), expect, "{taken}");
        }
        let aliases = store.read(move |tx| tx.list_aliases(julie)).unwrap();
        assert_eq!(aliases, ["\"a b\"@example.test", "Info@example.test"]);
        let foreign = store.write(move |tx| tx.remove_alias(paul, &address("info@example.test")));
        assert_eq!(outcome(foreign), "alias does not exist");
        let primary = store.write(move |tx| tx.remove_alias(paul, &address("paul@example.test")));
        assert_eq!(outcome(primary), "alias does not exist");
        store.write(move |tx| tx.remove_alias(julie, &address("info@example.org"))).unwrap();
        assert_eq!(outcome(add_alias(store, paul, "info@example.test")), "ok");
    });
}

#[test]
fn the_51st_alias_is_refused() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        for number in 0..ALIASES_MAX {
            add_alias(store, julie, &format!("a{number}@example.test")).unwrap();
        }
        let refused = add_alias(store, julie, "one-more@example.test");
        assert!(matches!(
            refused,
            Err(StorageError::Limit { kind: LimitKind::Aliases, max: ALIASES_MAX })
        ));
        store.write(move |tx| tx.remove_alias(julie, &address("a7@example.test"))).unwrap();
        add_alias(store, julie, "one-more@example.test").unwrap();
        assert_eq!(store.read(move |tx| tx.load_account(julie)).unwrap().aliases, ALIASES_MAX);
    });
}

#[test]
fn a_race_for_the_last_alias_has_as_many_winners_as_places() {
    let many_writers = |settings: &mut crate::Settings| settings.writers = 16;
    on_both_engines_with(many_writers, |store| {
        let julie = store.account("julie");
        for number in 0..40 {
            add_alias(store, julie, &format!("a{number}@example.test")).unwrap();
        }
        let (added, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let start = Barrier::new(50);
        std::thread::scope(|scope| {
            for number in 0..50 {
                let (added, refused, start) = (&added, &refused, &start);
                scope.spawn(move || {
                    start.wait();
                    match add_alias(store, julie, &format!("race{number}@example.test")) {
                        Ok(()) => added.fetch_add(1, Ordering::SeqCst),
                        Err(StorageError::Limit { kind: LimitKind::Aliases, .. }) => {
                            refused.fetch_add(1, Ordering::SeqCst)
                        }
                        Err(error) => panic!("{error}"),
                    };
                });
            }
        });
        assert_eq!((added.into_inner(), refused.into_inner()), (10, 40));
        assert_eq!(store.read(move |tx| tx.list_aliases(julie)).unwrap().len(), 50);
    });
}

#[test]
fn mail_finds_its_account() {
    on_both_engines(|store| {
        let paul = store.account("paul");
        // Nobody has `julie` yet.
        add_alias(store, paul, "julie+paul@example.test").unwrap();
        let julie = store.account("Julie");
        store.write(|tx| tx.create_domain_alias("example.org", "example.test")).unwrap();
        add_alias(store, julie, "info@example.test").unwrap();
        store.with(julie, |tx| tx.set_plus_to_mailbox(true)).unwrap();
        store.with(paul, |tx| tx.set_blocked(true)).unwrap();
        let resolve = |text: &str| {
            let address = address(text);
            match store.read(move |tx| tx.resolve(&address)).unwrap() {
                Resolution::Account(Recipient { account, detail, plus_to_mailbox, .. }) => {
                    let whose = if account == julie { "julie" } else { "paul" };
                    let wish = if plus_to_mailbox { " wants" } else { "" };
                    format!("{whose} {}{wish}", detail.unwrap_or_default())
                }
                other => format!("{other:?}"),
            }
        };
        for (to, expect) in [
            ("JULIE@Example.Test", "julie  wants"),
            ("julie@example.org", "julie  wants"),
            ("info@example.org", "julie  wants"),
            ("info+Shop@example.test", "julie Shop wants"),
            ("julie+Shop@example.org", "julie Shop wants"),
            ("julie+@example.test", "julie  wants"),
            ("Julie+PAUL@example.test", "paul "),
            ("julie+paul+x@example.test", "julie paul+x wants"),
            ("paul@example.test", "paul "),
            ("nobody@example.test", "UnknownRecipient"),
            ("nobody+x@example.org", "UnknownRecipient"),
            ("+x@example.test", "UnknownRecipient"),
            ("julie@elsewhere.test", "Relay"),
            ("julie@[192.0.2.1]", "Relay"),
        ] {
            assert_eq!(resolve(to), expect, "{to}");
        }
        store.write(move |tx| tx.set_catch_all("example.test", Some(paul))).unwrap();
        assert_eq!(resolve("nobody+x@example.org"), "paul ");
        assert_eq!(resolve("julie+x@example.org"), "julie x wants");
        store.write(|tx| tx.set_catch_all("example.test", None)).unwrap();
        assert_eq!(resolve("nobody@example.test"), "UnknownRecipient");
        let nobody = store.write(|tx| tx.set_catch_all("example.test", Some(AccountId::new(999))));
        assert_eq!(outcome(nobody), "account does not exist");
    });
}

/// R-ADDR-6: what has a detail is mail of whoever has the address without it.
#[test]
fn nobody_takes_plus_addresses_of_others() {
    on_both_engines(|store| {
        let (julie, paul) = (store.account("julie"), store.account("paul"));
        add_alias(store, julie, "info@example.test").unwrap();
        let text = "what stands before the + is somebody else's, whose mail this would take";
        for alias in ["julie+shop@example.test", "JULIE+x@example.test", "info+x@example.test"] {
            let refused = add_alias(store, paul, alias);
            assert!(matches!(refused, Err(StorageError::Invalid(why)) if why == text), "{alias}");
            add_alias(store, julie, alias).unwrap();
        }
        add_alias(store, paul, "paul+shop@example.test").unwrap();
        add_alias(store, paul, "nobody+shop@example.test").unwrap();
    });
}

#[test]
fn the_first_of_those_in_charge_is_postmaster() {
    on_both_engines(|store| {
        let [julie, paul, anna] = ["julie", "paul", "anna"].map(|name| store.account(name));
        store.write(|tx| tx.create_domain("other.test")).unwrap();
        let postmaster = |domain: &'static str| {
            let found = store.read(move |tx| tx.postmaster(domain)).unwrap();
            found.map(|found| found.account)
        };
        // Where nobody is in charge, there is somebody all the same.
        assert_eq!(postmaster("example.test"), Some(julie));
        assert_eq!((postmaster("other.test"), postmaster("nowhere.test")), (None, None));
        store.write(|tx| tx.join_organisation("other.test", "example.test")).unwrap();
        assert_eq!(postmaster("other.test"), Some(julie));
        store.with(julie, |tx| tx.set_blocked(true)).unwrap();
        store.with(paul, |tx| tx.set_role(Role::External)).unwrap();
        assert_eq!(postmaster("example.test"), Some(anna));
        store.with(julie, |tx| tx.set_blocked(false)).unwrap();
        store.with(paul, |tx| tx.set_role(Role::Administrator)).unwrap();
        store.with(julie, |tx| tx.set_role(Role::Administrator)).unwrap();
        assert_eq!(postmaster("example.test"), Some(julie));
        store.with(anna, |tx| tx.set_role(Role::Owner)).unwrap();
        assert_eq!(postmaster("example.test"), Some(anna));
        assert_eq!(postmaster("other.test"), Some(anna));
        assert_eq!(postmaster("nowhere.test"), Some(anna));
        // RFC 5321 §4.5.1: there is one, also where nobody is there yet. Then nobody of another
        // organisation: it is no matter of theirs.
        store.write(|tx| tx.create_domain("third.test")).unwrap();
        assert_eq!(postmaster("third.test"), Some(anna));
        let new = new_account("max@third.test");
        let max = store.write(|tx| tx.create_account(new)).unwrap();
        assert_eq!(postmaster("third.test"), Some(max));
        assert_eq!(postmaster("example.test"), Some(anna));
        store.with(anna, |tx| tx.set_blocked(true)).unwrap();
        assert_eq!(postmaster("example.test"), Some(julie));
    });
}

#[test]
fn an_organisation_keeps_its_last_owner() {
    on_both_engines(|store| {
        let [julie, paul] = ["julie", "paul"].map(|name| store.account(name));
        let role = |account, role| outcome(store.with(account, move |tx| tx.set_role(role)));
        let remove = |account| outcome(store.write(move |tx| tx.remove_account(account)));
        let kept = "not permitted: an organisation keeps its last owner";
        assert_eq!(role(julie, Role::Owner), "ok");
        // Who owns another organisation is none of this one's.
        let eve = store.write(|tx| {
            tx.create_domain("other.test")?;
            tx.create_account(new_account("eve@other.test"))
        });
        let eve = eve.unwrap();
        assert_eq!(role(eve, Role::Owner), "ok");
        for less in [Role::Administrator, Role::Collaborator, Role::External] {
            assert_eq!((role(julie, less), remove(julie)), (kept.to_owned(), kept.to_owned()));
        }
        assert_eq!(role(julie, Role::Owner), "ok");
        assert_eq!(role(paul, Role::Owner), "ok");
        assert_eq!(role(julie, Role::Collaborator), "ok");
        assert_eq!(remove(paul), kept);
        // With its last account an organisation ends.
        assert_eq!((remove(julie), remove(paul)), ("ok".to_owned(), "ok".to_owned()));
        // One that joined another is of it, owners included.
        let max = store.account("max");
        assert_eq!(role(max, Role::Owner), "ok");
        store.write(|tx| tx.join_organisation("other.test", "example.test")).unwrap();
        assert_eq!(
            (role(max, Role::Collaborator), remove(eve)),
            ("ok".to_owned(), kept.to_owned())
        );
    });
}

#[test]
fn of_owners_who_go_at_once_one_stays() {
    let many_writers = |settings: &mut crate::Settings| settings.writers = 16;
    on_both_engines_with(many_writers, |store| {
        let owners: Vec<_> = (0..8).map(|n| store.account(&format!("owner{n}"))).collect();
        for owner in &owners {
            store.with(*owner, |tx| tx.set_role(Role::Owner)).unwrap();
        }
        let (gone, start) = (AtomicUsize::new(0), Barrier::new(owners.len()));
        std::thread::scope(|scope| {
            for owner in owners {
                let (gone, start) = (&gone, &start);
                scope.spawn(move || {
                    start.wait();
                    match store.with(owner, |tx| tx.set_role(Role::Collaborator)) {
                        Ok(_) => gone.fetch_add(1, Ordering::SeqCst),
                        Err(StorageError::NoPermission(_)) => 0,
                        Err(error) => panic!("{error}"),
                    };
                });
            }
        });
        assert_eq!(gone.into_inner(), 7);
    });
}

#[test]
fn an_account_sends_from_its_own_addresses_only() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let paul = store.account("paul");
        store.write(|tx| tx.create_domain_alias("example.org", "example.test")).unwrap();
        add_alias(store, julie, "info@example.test").unwrap();
        for (from, expect) in [
            ("julie@example.test", true),
            ("JULIE@example.org", true),
            ("info@example.test", true),
            ("info@example.org", true),
            ("julie+shop@example.test", false),
            ("paul@example.test", false),
            ("nobody@example.test", false),
            ("julie@elsewhere.test", false),
        ] {
            let from_address = address(from);
            let may = store.read(move |tx| tx.may_send_as(julie, &from_address)).unwrap();
            assert_eq!(may, expect, "{from}");
        }
        let other = address("info@example.test");
        assert!(!store.read(move |tx| tx.may_send_as(paul, &other)).unwrap());
    });
}

#[test]
fn sessions_end_when_credentials_change() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        store.write(|tx| tx.create_domain_alias("example.org", "example.test")).unwrap();
        add_alias(store, julie, "info@example.test").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let load = |text: &str| {
            let address = address(text);
            // Twice: the second time from memory, where that is kept.
            for _ in 0..2 {
                let kept = runtime.block_on(store.inner().find_credentials(&address)).unwrap();
                let asked = address.clone();
                assert_eq!(kept, store.read(move |tx| tx.credentials(&asked)).unwrap(), "{text}");
            }
            store.read(move |tx| tx.credentials(&address)).unwrap()
        };
        let first = load("Julie@example.org").unwrap();
        assert_eq!((first.account, first.blocked, first.maintenance), (julie, false, false));
        assert_eq!(first.password_hash, "$argon2id$test");
        assert!(!format!("{first:?}").contains("argon2"));
        assert_eq!(load("info@example.test"), None);
        assert_eq!(load("julie@elsewhere.test"), None);

        let ended = ["CredentialsChanged".to_owned()];
        let nothing: [String; 0] = [];
        let facts = store.facts(move |tx| tx.account(julie)?.set_password_hash("$new"));
        assert_eq!(facts, ended);
        assert_eq!(store.facts(move |tx| tx.account(julie)?.set_blocked(true)), ended);
        assert_eq!(store.facts(move |tx| tx.account(julie)?.set_blocked(true)), nothing);
        let second = load("julie@example.test").unwrap();
        assert_eq!(second.password_hash, "$new");
        assert!(second.blocked && second.credential_version > first.credential_version + 1);

        store.write(|tx| tx.set_domain_maintenance("example.test", true)).unwrap();
        assert!(load("julie@example.test").unwrap().maintenance);
        store.write(|tx| tx.set_domain_maintenance("example.test", false)).unwrap();
        store.with(julie, |tx| tx.set_maintenance(true)).unwrap();
        assert!(load("julie@example.test").unwrap().maintenance);
    });
}

/// Neither to what is nobody's nor to a room, by whatever would be given them to sign in with.
#[test]
fn nobody_signs_in_to_shared_accounts_and_rooms() {
    on_both_engines(|store| {
        let [shared, room] = [store.account("info"), store.account("hall")];
        store.with(shared, |tx| tx.set_shared(true)).unwrap();
        store.write(move |tx| tx.make_room(room)).unwrap();
        for (account, expect) in [
            (shared, "invalid: nobody signs in to a shared account"),
            (room, "invalid: nobody signs in to a room"),
        ] {
            let key = NewAccessKey {
                kind: AccessKeyKind::AppPassword,
                name: None,
                secret_hash: [1; 32],
                protocols: Protocols::ALL,
                expires: None,
            };
            assert_eq!(outcome(store.with(account, |tx| tx.set_password_hash("$new"))), expect);
            assert_eq!(outcome(store.with(account, move |tx| tx.add_access_key(key))), expect);
            assert_eq!(outcome(store.with(account, |tx| tx.set_password_hash(""))), "ok");
        }
        store.with(shared, |tx| tx.set_shared(false)).unwrap();
        assert_eq!(outcome(store.with(shared, |tx| tx.set_password_hash("$new"))), "ok");
    });
}

#[test]
fn attributes_are_kept() {
    on_both_engines(|store| {
        let julie = store.account("Julie");
        let changed = ["AccountUpdated".to_owned()];
        let nothing: [String; 0] = [];
        assert_eq!(store.facts(move |tx| tx.account(julie)?.set_name("Julie D.")), changed);
        assert_eq!(store.facts(move |tx| tx.account(julie)?.set_name("Julie D.")), nothing);
        assert_eq!(store.facts(move |tx| tx.account(julie)?.set_role(Role::Owner)), changed);
        assert_eq!(store.facts(move |tx| tx.account(julie)?.set_quota(1000)), changed);
        assert_eq!(store.facts(move |tx| tx.account(julie)?.set_quota(1000)), nothing);
        for (name, expect) in [
            ("a\nb".to_owned(), "invalid: the name is too long or holds control characters"),
            ("n".repeat(256), "invalid: the name is too long or holds control characters"),
            ("n".repeat(255), "ok"),
        ] {
            assert_eq!(outcome(store.with(julie, move |tx| tx.set_name(&name))), expect);
        }
        let account = store
            .read(|tx| tx.find_account(&address("julie@example.test")))
            .unwrap()
            .expect("the account exists");
        assert_eq!(account, store.read(move |tx| tx.load_account(julie)).unwrap());
        assert_eq!((account.address.as_str(), account.role), ("julie@example.test", Role::Owner));
        assert_eq!(account.display_address, "Julie@example.test");
        assert_eq!((account.quota_bytes, account.mailboxes), (1000, 6));
        assert_eq!(store.read(|tx| tx.list_accounts()).unwrap(), [account]);
        assert_eq!(store.read(|tx| tx.find_account(&address("x@example.test"))).unwrap(), None);
    });
}

#[test]
fn messages_and_mailboxes_have_quotas_too() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let inbox = store.mailbox(julie, "INBOX");
        store.with(julie, |tx| tx.set_message_quota(2)).unwrap();
        store.append(julie, inbox, "a", "").unwrap();
        let two = store.with(julie, move |tx| {
            let copied = tx.copy_messages(inbox, &ids::UidSet::all(), inbox)?;
            tx.copy_messages(inbox, &ids::UidSet::all(), inbox).map(|_| copied)
        });
        assert_eq!(outcome(two), "over quota: 2 of 2 messages are used");
        store.append(julie, inbox, "b", "").unwrap();
        let full = "over quota: 2 of 2 messages are used";
        assert_eq!(outcome(store.append(julie, inbox, "c", "")), full);
        store.with(julie, |tx| tx.set_mailbox_quota(7)).unwrap();
        let create = |name| {
            let name = mailbox_name(name);
            store.with(julie, move |tx| tx.create_mailbox(&name, None))
        };
        assert_eq!(outcome(create("seventh")), "ok");
        assert_eq!(outcome(create("eighth")), "over quota: 7 of 7 mailboxes are used");
    });
}

#[test]
fn the_last_place_is_given_once() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let inbox = store.mailbox(julie, "INBOX");
        store.with(julie, |tx| tx.set_message_quota(5)).unwrap();
        let taken = std::thread::scope(|scope| {
            let all: Vec<_> = (0..20)
                .map(|_| scope.spawn(move || store.append(julie, inbox, "x", "").is_ok()))
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).filter(|ok| *ok).count()
        });
        assert_eq!(taken, 5);
        assert_eq!(store.read(move |tx| tx.load_account(julie)).unwrap().messages, 5);
    });
}

#[test]
fn administrators_of_the_domain_set_quotas() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let quotas = Quotas { bytes: 9, messages: 8, mailboxes: 7 };
        let set = |actor, root: &'static str| {
            outcome(store.write(move |tx| tx.set_quotas(actor, root, quotas)))
        };
        // Whether there is such an account is none of an ordinary account's business.
        assert_eq!(set(max, "julie@example.test"), "quota root does not exist");
        assert_eq!(set(max, "nobody@example.test"), "quota root does not exist");
        assert_eq!(set(max, "max@example.test"), "not permitted: only administrators set quotas");
        store.with(max, |tx| tx.set_role(Role::Administrator)).unwrap();
        assert_eq!(set(max, "julie@example.test"), "ok");
        let account = store.read(move |tx| tx.load_account(julie)).unwrap();
        let limits = (account.quota_bytes, account.quota_messages, account.quota_mailboxes);
        assert_eq!(limits, (9, 8, 7));
        let other = new_account("eve@other.test");
        let eve = store.write(move |tx| {
            tx.create_domain("other.test")?;
            tx.create_account(other)
        });
        let eve = eve.unwrap();
        store.with(eve, |tx| tx.set_role(Role::Owner)).unwrap();
        assert_eq!(set(eve, "julie@example.test"), "quota root does not exist");
    });
}

#[test]
fn over_quota_nothing_is_written() {
    const TEXT: &str = "Subject: x\r\n\r\nbody\r\n";
    on_both_engines(|store| {
        let julie = store.account("julie");
        let inbox = store.mailbox(julie, "INBOX");
        let quota = TEXT.len() as u64 * 2 + 1;
        store.with(julie, move |tx| tx.set_quota(quota)).unwrap();
        store.append(julie, inbox, TEXT, "").unwrap();
        store.append(julie, inbox, TEXT, "\\Deleted").unwrap();
        let full = format!("over quota: {} of {quota} bytes are used", TEXT.len() * 2);
        assert_eq!(outcome(store.append(julie, inbox, TEXT, "")), full);
        let all = ids::UidSet::all();
        let archive = store.mailbox(julie, "Archive");
        let (set, other) = (all.clone(), all.clone());
        let copied = store.with(julie, move |tx| tx.copy_messages(inbox, &set, archive));
        assert_eq!(outcome(copied), full);
        let moved = store.with(julie, move |tx| tx.move_messages(inbox, &other, archive));
        assert_eq!(outcome(moved), "ok");
        store.with(julie, move |tx| tx.expunge(archive, None)).unwrap();
        assert_eq!(outcome(store.append(julie, inbox, TEXT, "")), "ok");
        store.with(julie, |tx| tx.set_quota(1)).unwrap();
        assert!(matches!(
            store.append(julie, inbox, TEXT, ""),
            Err(StorageError::OverQuota { .. })
        ));
        store.with(julie, |tx| tx.set_quota(0)).unwrap();
        assert_eq!(outcome(store.append(julie, inbox, TEXT, "")), "ok");
        let used = store.read(move |tx| tx.load_account(julie)).unwrap().used_bytes;
        assert_eq!(used, TEXT.len() as u64 * 3);
        let huge = store.with(julie, |tx| tx.set_quota(u64::MAX));
        assert_eq!(outcome(huge), "invalid: the quota is too large");
    });
}

#[test]
fn a_removed_account_leaves_nothing_but_its_last_fact() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let paul = store.account("paul");
        let inbox = store.mailbox(julie, "INBOX");
        add_alias(store, julie, "info@example.test").unwrap();
        store.append(julie, inbox, "a: b\r\n\r\nc", "\\Deleted").unwrap();
        store.append(julie, inbox, "a: b\r\n\r\nc", "").unwrap();
        store.with(julie, move |tx| tx.expunge(inbox, None)).unwrap();
        store.write(move |tx| tx.set_catch_all("example.test", Some(julie))).unwrap();
        store.with(julie, |tx| tx.delete_mailbox(&mailbox_name("Junk"))).unwrap();
        let facts = store.facts(move |tx| tx.remove_account(julie));
        assert_eq!(facts, ["CredentialsChanged"]);
        assert_eq!(outcome(store.read(move |tx| tx.load_account(julie))), "account does not exist");
        let again = store.write(move |tx| tx.remove_account(julie));
        assert_eq!(outcome(again), "account does not exist");
        let unknown = store.read(|tx| tx.resolve(&address("info@example.test"))).unwrap();
        assert_eq!(unknown, Resolution::UnknownRecipient);
        for (table, expect) in [
            ("SELECT COUNT(*) FROM mailbox WHERE account_id <> ?1", 0),
            ("SELECT COUNT(*) FROM subscription WHERE account_id <> ?1", 0),
            ("SELECT COUNT(*) FROM message", 0),
            ("SELECT COUNT(*) FROM expunged", 0),
            ("SELECT COUNT(*) FROM change WHERE account_id <> ?1", 1),
        ] {
            let account = [crate::sql::Value::Int(paul.get())];
            let params = if table.contains("?1") { 1 } else { 0 };
            let rows = store.read(move |tx| {
                tx.sql.query_one(table, account.get(..params).unwrap(), |row| row.int(0))
            });
            assert_eq!(rows.unwrap(), Some(expect), "{table}");
        }
        let again = store.account("julie");
        assert!(again > julie);
    });
}

#[test]
fn uid_validity_never_repeats_for_an_address() {
    let clock = std::sync::Arc::new(testkit::ManualClock::default());
    let with_clock = clock.clone();
    crate::testing::on_both_engines_with(
        move |settings| settings.clock = with_clock.clone(),
        move |store| {
            let validity = |account| {
                let find = move |tx: &mut crate::ReadTx<'_>| {
                    tx.find_mailbox(account, &crate::MailboxName::inbox())
                };
                store.read(find).unwrap().unwrap().uid_validity
            };
            let mut last = None;
            for seconds in [1_700_000_000, 1_700_000_000, 1_600_000_000, 1_700_000_001] {
                clock.set(ids::Timestamp::from_secs(seconds));
                let account = store.account("julie");
                let now = validity(account);
                assert!(last < Some(now), "{last:?} {now:?}");
                // What comes after the first mailboxes counts as well.
                let more = store.with(account, |tx| {
                    tx.create_mailbox(&crate::testing::mailbox_name("more"), None)
                });
                last = Some(more.unwrap().uid_validity);
                store.write(move |tx| tx.remove_account(account)).unwrap();
            }
        },
    );
}

#[test]
fn maintenance_of_a_domain_is_told_to_each_account() {
    on_both_engines(|store| {
        let (julie, paul) = (store.account("julie"), store.account("paul"));
        let set = |maintenance| {
            let done = store
                .write_committed(move |tx| tx.set_domain_maintenance("example.test", maintenance));
            let told: Vec<_> = done
                .iter()
                .map(|change| {
                    assert_eq!(change.fact, crate::Fact::AccountUpdated);
                    change.account
                })
                .collect();
            told
        };
        assert_eq!(set(true), [julie, paul]);
        assert_eq!(set(true), []);
        assert_eq!(set(false), [julie, paul]);
    });
}
