use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use ids::AccountId;

use super::{
    Agreement, AnswerSource, Claimed, LocalTime, ResponderBody, ResponderId, ScriptName, Weekdays,
};
use crate::testing::{TestStore, on_both_engines, on_both_engines_with};
use crate::{Address, Result, SendingLimits, ShareRights, StorageError, Store};

fn name(text: &str) -> ScriptName {
    ScriptName::parse(text).unwrap()
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn body(text: &str) -> ResponderBody {
    ResponderBody { text: text.to_owned(), ..ResponderBody::default() }
}

/// The error as text, or `ok`.
fn outcome<T>(result: Result<T>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

impl TestStore {
    fn put(&self, account: AccountId, script: &str, text: &[u8]) -> Result<()> {
        let (script, text) = (name(script), text.to_vec());
        self.with(account, move |tx| tx.put_script(&script, &text))
    }

    /// `name size`, with a star where the script is active.
    fn scripts(&self, account: AccountId) -> Vec<String> {
        let found = self.read(move |tx| tx.list_scripts(account)).unwrap();
        let star = |active| if active { "*" } else { "" };
        found.iter().map(|s| format!("{} {}{}", s.name, s.size_bytes, star(s.active))).collect()
    }

    fn responders(&self, account: AccountId) -> Vec<String> {
        let found = self.read(move |tx| tx.list_responders(account)).unwrap();
        let star = |active| if active { "*" } else { "" };
        found.iter().map(|r| format!("{}{}", r.name, star(r.active))).collect()
    }

    fn version(&self, local: &str) -> Option<u64> {
        let address = address(&format!("{local}@example.test"));
        match self.read(move |tx| tx.resolve(&address)).unwrap() {
            crate::Resolution::Account(recipient) => recipient.rules,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn scripts_have_the_life_that_managesieve_gives_them() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let set = |script: Option<&str>| {
            let script = script.map(name);
            outcome(store.with(julie, move |tx| tx.activate_script(script.as_ref())))
        };
        let delete = |script: &str| {
            let script = name(script);
            outcome(store.with(julie, move |tx| tx.delete_script(&script)))
        };
        let rename = |from: &str, to: &str| {
            let (from, to) = (name(from), name(to));
            outcome(store.with(julie, move |tx| tx.rename_script(&from, &to)))
        };
        assert_eq!(store.version("julie"), None);
        store.put(julie, "a", b"keep;").unwrap();
        store.put(julie, "b", b"").unwrap();
        assert_eq!(set(Some("c")), "script does not exist");
        assert_eq!(store.version("julie"), None);
        assert_eq!(set(Some("a")), "ok");
        assert_eq!(set(Some("b")), "ok");
        assert_eq!(store.scripts(julie), ["a 5", "b 0*"]);
        // RFC 5804 §2.10 and §2.11.
        assert_eq!(delete("b"), "in use: the script is active");
        assert_eq!(rename("b", "a"), "a script of this name exists already");
        assert_eq!(rename("c", "d"), "script does not exist");
        assert_eq!(rename("b", "d"), "ok");
        // What is put in the place of the active script is active.
        store.put(julie, "d", b"discard;").unwrap();
        assert_eq!(store.scripts(julie), ["a 5", "d 8*"]);
        let text = store.read(move |tx| tx.find_script(julie, &name("d"))).unwrap();
        assert_eq!(text.as_deref(), Some(&b"discard;"[..]));
        assert_eq!(set(None), "ok");
        assert_eq!(delete("d"), "ok");
        assert_eq!(delete("d"), "script does not exist");
        assert_eq!(store.version("julie"), None);
    });
}

/// R-FILT-1: a list of rules takes no person's work away.
#[test]
fn rule_lists_overwrite_nothing_of_a_person() {
    use super::{Overwrite, ScriptAuthor};
    on_both_engines(|store| {
        let julie = store.account("julie");
        let list = |text: &'static [u8], overwrite| {
            let put = store.with(julie, move |tx| tx.put_rule_list(&name("r"), text, overwrite));
            outcome(put)
        };
        let author = || store.read(move |tx| tx.list_scripts(julie)).unwrap()[0].author;
        assert_eq!(list(b"keep;", Overwrite::RuleLists), "ok");
        assert_eq!(list(b"stop;", Overwrite::RuleLists), "ok");
        // Put back as it was: a list still.
        store.put(julie, "r", b"stop;").unwrap();
        assert_eq!(author(), ScriptAuthor::RuleList);
        store.put(julie, "r", b"discard;").unwrap();
        assert_eq!(author(), ScriptAuthor::Person);
        store.put(julie, "r", b"discard;").unwrap();
        assert_eq!(author(), ScriptAuthor::Person);
        assert_eq!(
            list(b"keep;", Overwrite::RuleLists),
            "a script of this name that a person wrote exists already"
        );
        let text = store.read(move |tx| tx.find_script(julie, &name("r"))).unwrap();
        assert_eq!(text.as_deref(), Some(&b"discard;"[..]));
        assert_eq!(list(b"keep;", Overwrite::Anything), "ok");
        assert_eq!(author(), ScriptAuthor::RuleList);
    });
}

#[test]
fn activation_is_a_fact() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        store.put(julie, "a", b"keep;").unwrap();
        let facts = |script: Option<ScriptName>| {
            store.facts(move |tx| tx.account(julie)?.activate_script(script.as_ref()))
        };
        assert_eq!(facts(Some(name("a"))), ["ScriptActivated { name: \"a\" }"]);
        assert_eq!(facts(None), ["ScriptActivated { name: \"\" }"]);
    });
}

#[test]
fn scripts_are_limited_in_number_and_size() {
    let small = |settings: &mut crate::Settings| {
        (settings.scripts_max, settings.script_bytes_max) = (3, 10);
        settings.scripts_bytes_max = 15;
    };
    on_both_engines_with(small, |store| {
        let julie = store.account("julie");
        let put = |script: &str, size| outcome(store.put(julie, script, &vec![b'#'; size]));
        assert_eq!(put("a", 11), "11 bytes are more than the 10 allowed");
        assert_eq!(put("a", 10), "ok");
        assert_eq!(put("b", 6), "limit of 15 reached: ScriptBytes");
        assert_eq!(put("b", 5), "ok");
        assert_eq!(put("c", 0), "ok");
        assert_eq!(put("d", 0), "limit of 3 reached: Scripts");
        // One of the same name makes its own room.
        assert_eq!(put("a", 9), "ok");
        for bad in ["", "a\nb", "a\u{2028}", &"x".repeat(513)] {
            assert!(ScriptName::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(name("e\u{301}"), name("\u{e9}"));
    });
}

#[test]
fn the_last_place_for_a_script_is_given_once() {
    on_both_engines_with(
        |settings| settings.scripts_max = 5,
        |store| {
            let julie = store.account("julie");
            let (barrier, done) = (Barrier::new(20), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                for index in 0..20 {
                    let (barrier, done) = (&barrier, &done);
                    scope.spawn(move || {
                        barrier.wait();
                        if store.put(julie, &format!("s{index}"), b"").is_ok() {
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(done.into_inner(), 5);
            assert_eq!(store.scripts(julie).len(), 5);
        },
    );
}

/// R-RESP-1: at most one is active, also when many are activated at once.
#[test]
fn one_responder_and_one_script_are_active() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        for index in 0..10 {
            let each = name(&format!("r{index}"));
            store.with(julie, move |tx| tx.add_responder(&each, body("away"))).unwrap();
            store.put(julie, &format!("r{index}"), b"").unwrap();
        }
        assert_eq!(store.version("julie"), None);
        let barrier = Barrier::new(10);
        std::thread::scope(|scope| {
            for index in 0..10 {
                let barrier = &barrier;
                scope.spawn(move || {
                    let each = name(&format!("r{index}"));
                    barrier.wait();
                    let work = move |tx: &mut crate::AccountTx<'_, '_>| {
                        tx.activate_responder(Some(&each))?;
                        tx.activate_script(Some(&each))
                    };
                    store.with(julie, work).unwrap();
                });
            }
        });
        let active = |list: Vec<String>| list.iter().filter(|one| one.ends_with('*')).count();
        assert_eq!(active(store.responders(julie)), 1);
        assert_eq!(active(store.scripts(julie)), 1);
        assert!(store.version("julie").is_some());
        let missing = store.with(julie, |tx| tx.activate_responder(Some(&name("x"))));
        assert_eq!(outcome(missing), "responder does not exist");
        assert_eq!(active(store.responders(julie)), 1);
    });
}

/// R-RESP-2.
#[test]
fn a_responder_keeps_what_it_was_given() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let full = ResponderBody {
            subject: "Away".to_owned(),
            text: "I am away.".to_owned(),
            html: "<p>I am away.</p>".to_owned(),
            from: Some(LocalTime::parse_start("2026-07-01").unwrap()),
            until: Some(LocalTime::parse_end("2026-07-31").unwrap()),
            weekdays: Weekdays::parse("mon,fri").unwrap(),
            sender: None,
            excluded: vec!["Boss@a.test".to_owned(), "@b.test".to_owned()],
        };
        let given = full.clone();
        store.with(julie, move |tx| tx.add_responder(&name("holidays"), given)).unwrap();
        let found = store.read(move |tx| tx.find_responder(julie, &name("holidays"))).unwrap();
        let excluded = vec!["@b.test".to_owned(), "boss@a.test".to_owned()];
        assert_eq!(found.unwrap().body, ResponderBody { excluded, ..full });
        let refused = |change: fn(&mut ResponderBody)| {
            let edited = store.with(julie, move |tx| {
                tx.edit_responder(&name("holidays"), |body| {
                    change(body);
                    Ok(())
                })
            });
            outcome(edited)
        };
        assert_eq!(refused(|_| {}), "ok");
        assert_eq!(
            refused(|body| body.until = Some(LocalTime::parse_end("2026-06-30").unwrap())),
            "invalid: the end is before the start"
        );
        assert_eq!(
            refused(|body| body.subject = "a\nb".to_owned()),
            "invalid: the subject is too long or holds controls"
        );
        assert_eq!(
            refused(|body| body.excluded = vec!["x".to_owned()]),
            "invalid: not an e-mail address"
        );
        let nothing = |body: &mut ResponderBody| (body.text, body.html) = Default::default();
        assert_eq!(refused(nothing), "invalid: a responder needs a text");
        let large = |body: &mut ResponderBody| body.html = "x".repeat(256 * 1024 + 1);
        assert_eq!(refused(large), "262145 bytes are more than the 262144 allowed");
        let many = |body: &mut ResponderBody| {
            body.excluded = (0..1001).map(|n| format!("a{n}@x.test")).collect();
        };
        assert_eq!(refused(many), "limit of 1000 reached: Exclusions");
        let again = store.with(julie, |tx| tx.add_responder(&name("holidays"), body("x")));
        assert_eq!(outcome(again), "a responder of this name exists already");
    });
}

/// R-RESP-3: the claim is atomic, and the window is exact.
#[test]
fn a_sender_is_answered_once_in_seven_days() {
    const WEEK: u64 = 7 * 86_400;
    let clock = std::sync::Arc::new(testkit::ManualClock::default());
    let shared = clock.clone();
    on_both_engines_with(
        move |settings| settings.clock = shared.clone(),
        |store| {
            let julie = store.account("julie");
            store.with(julie, |tx| tx.add_responder(&name("r"), body("away"))).unwrap();
            let id =
                store.read(move |tx| tx.find_responder(julie, &name("r"))).unwrap().unwrap().id;
            let source = AnswerSource::Responder(id);
            let claim = |sender: &'static str| {
                store.with(julie, move |tx| tx.claim_answer(source, sender, WEEK)).unwrap()
            };
            // Not while it is not active.
            assert_eq!(claim("a@b.test"), Claimed::Never);
            store.with(julie, |tx| tx.activate_responder(Some(&name("r")))).unwrap();
            assert_eq!(claim("a@b.test"), Claimed::Now);
            let due = store.inner().now().plus_secs(7 * 86_400);
            for spelling in ["a@b.test", "A@B.Test", "a+x@b.test", "A+y+z@b.test"] {
                assert_eq!(claim(spelling), Claimed::Until(due), "{spelling}");
            }
            assert_eq!(claim("b@b.test"), Claimed::Now);
            // Switching off and on, and editing, do not clear it (R-RESP-4).
            store.with(julie, |tx| tx.activate_responder(None)).unwrap();
            store.with(julie, |tx| tx.activate_responder(Some(&name("r")))).unwrap();
            let edit = |tx: &mut crate::AccountTx<'_, '_>| {
                tx.edit_responder(&name("r"), |body| {
                    body.text = "still away".to_owned();
                    Ok(())
                })
            };
            store.with(julie, edit).unwrap();
            clock.advance_secs(7 * 86_400 - 1);
            assert_eq!(claim("a@b.test"), Claimed::Until(due));
            clock.advance_secs(1);
            assert_eq!(claim("a@b.test"), Claimed::Now);
            assert_ne!(claim("a@b.test"), Claimed::Now);
            // R-RESP-6: scripts go by it too, and responders by theirs.
            let script = |sender: &'static str| {
                let source = AnswerSource::Script([7; 32]);
                store.with(julie, move |tx| tx.claim_answer(source, sender, WEEK)).unwrap()
            };
            let due = store.inner().now().plus_secs(7 * 86_400);
            assert_eq!(script("a+z@b.test"), Claimed::Until(due));
            assert_eq!(script("c@b.test"), Claimed::Now);
            assert_eq!(claim("C@b.test"), Claimed::Until(due));
            // Another handle of a script is another answer (RFC 5230 §4.2).
            let other = AnswerSource::Script([8; 32]);
            let claimed = store.with(julie, move |tx| tx.claim_answer(other, "c@b.test", 60));
            assert_eq!(claimed.unwrap(), Claimed::Now);
            let claimed = store.with(julie, move |tx| tx.claim_answer(other, "c@b.test", 60));
            assert_eq!(claimed.unwrap(), Claimed::Until(due));
            // A reset clears what the responder goes by (R-RESP-4).
            store.with(julie, |tx| tx.reset_responder(&name("r"))).unwrap();
            assert_eq!((claim("a@b.test"), claim("c@b.test")), (Claimed::Now, Claimed::Now));
            assert_eq!(script("c@b.test"), Claimed::Until(due));
            // Memory goes once it is of no use.
            assert_eq!(store.inner().maintain().unwrap().memories, 0);
            clock.advance_secs(7 * 86_400);
            assert_eq!(store.inner().maintain().unwrap().memories, 2);
        },
    );
}

/// Claims answers to one sender a thousand times at once, by the responder and by a script;
/// how many were granted.
fn claimed_at_once(stores: &[Store], account: AccountId, responder: ResponderId) -> usize {
    let granted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..20 {
            let (granted, store) = (&granted, &stores[thread % stores.len()]);
            let source = match thread % 4 {
                0 | 1 => AnswerSource::Responder(responder),
                _ => AnswerSource::Script([1; 32]),
            };
            scope.spawn(move || {
                for _ in 0..50 {
                    let work = move |tx: &mut crate::AccountTx<'_, '_>| {
                        tx.claim_answer(source, "a@b.test", 7 * 86_400)
                    };
                    let claim = store.account_write_blocking(account, "test", Vec::new(), work);
                    let is_granted = claim.unwrap().value == Claimed::Now;
                    granted.fetch_add(usize::from(is_granted), Ordering::Relaxed);
                }
            });
        }
    });
    granted.into_inner()
}

fn active_responder(store: &TestStore, account: AccountId) -> ResponderId {
    let add = |tx: &mut crate::AccountTx<'_, '_>| {
        tx.add_responder(&name("r"), body("away"))?;
        tx.activate_responder(Some(&name("r")))
    };
    store.with(account, add).unwrap();
    store.read(move |tx| tx.find_responder(account, &name("r"))).unwrap().unwrap().id
}

/// R-RESP-3: a thousand messages at once get one answer.
#[test]
fn a_thousand_claims_at_once_are_granted_once() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let responder = active_responder(store, julie);
        assert_eq!(claimed_at_once(&[store.inner().clone()], julie, responder), 1);
    });
}

/// R-RESP-3: also at two daemons on one database.
#[test]
fn two_daemons_grant_one_answer() {
    let clock = std::sync::Arc::new(testkit::ManualClock::default());
    let database = testkit::Postgres::shared().create_database();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [first, second] = folders.each_ref().map(|folder| {
        let mut settings = crate::Settings::new(folder.path(), clock.clone());
        settings.database = crate::Database::Postgres(database.url().to_owned());
        settings.writers = 2;
        TestStore::new(Store::open(settings).unwrap())
    });
    let julie = first.account("julie");
    let responder = active_responder(&first, julie);
    let stores = [first.inner().clone(), second.inner().clone()];
    assert_eq!(claimed_at_once(&stores, julie, responder), 1);
    clock.advance_secs(7 * 86_400 - 1);
    assert_eq!(claimed_at_once(&stores, julie, responder), 0);
    clock.advance_secs(1);
    assert_eq!(claimed_at_once(&stores, julie, responder), 1);
    first.inner().close();
    second.inner().close();
}

/// R-RESP-2: an address of others agrees first.
#[test]
fn other_senders_are_confirmed() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let with_sender =
            |sender: &str| ResponderBody { sender: Some(sender.to_owned()), ..body("away") };
        let own = with_sender("julie@example.test");
        let added = store.with(julie, move |tx| tx.add_responder(&name("own"), own)).unwrap();
        assert_eq!(added, Agreement::Usable);
        let other = with_sender("Office@other.test");
        let added = store.with(julie, move |tx| tx.add_responder(&name("other"), other)).unwrap();
        let Agreement::Token(token) = added else { panic!("{added:?}") };
        store.with(julie, |tx| tx.activate_responder(Some(&name("other")))).unwrap();
        let sender = || {
            let rules = store.read(move |tx| tx.load_rules(julie)).unwrap();
            rules.responder.unwrap().body.sender
        };
        assert_eq!(sender(), None);
        // It is not asked again and again.
        let edit =
            |tx: &mut crate::AccountTx<'_, '_>| tx.edit_responder(&name("other"), |_| Ok(()));
        assert_eq!(store.with(julie, edit).unwrap(), Agreement::Waiting);
        let wrong = store.write(|tx| tx.confirm("0000"));
        assert_eq!(outcome(wrong), "a request with this token does not exist");
        let before = store.version("julie");
        let said = token.clone();
        let confirmed = store.write(move |tx| tx.confirm(&said)).unwrap();
        assert_eq!(confirmed.address, "office@other.test");
        assert!(store.version("julie") > before);
        assert_eq!(sender().as_deref(), Some("Office@other.test"));
        let again = store.write(move |tx| tx.confirm(&token));
        assert_eq!(outcome(again), "a request with this token does not exist");
        assert_eq!(store.with(julie, edit).unwrap(), Agreement::Usable);
    });
}

#[test]
fn tokens_expire() {
    let clock = std::sync::Arc::new(testkit::ManualClock::default());
    let shared = clock.clone();
    on_both_engines_with(
        move |settings| settings.clock = shared.clone(),
        |store| {
            let julie = store.account("julie");
            let add =
                |tx: &mut crate::AccountTx<'_, '_>| tx.add_redirection(&address("x@y.test"), true);
            let Agreement::Token(token) = store.with(julie, add).unwrap() else { panic!() };
            assert_eq!(store.with(julie, add).unwrap(), Agreement::Waiting);
            clock.advance_secs(3600);
            let Agreement::Token(newer) = store.with(julie, add).unwrap() else { panic!() };
            assert!(store.write(move |tx| tx.confirm(&token)).is_err());
            clock.advance_secs(7 * 86_400);
            assert!(store.write(move |tx| tx.confirm(&newer)).is_err());
            assert_eq!(store.inner().maintain().unwrap().memories, 1);
        },
    );
}

/// R-ADDR-11.
#[test]
fn an_account_has_so_many_redirections_as_it_is_given() {
    let change = |settings: &mut crate::Settings| settings.redirections_max = 1;
    on_both_engines_with(change, |store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let add = |account, target: &str| {
            let target = address(target);
            outcome(store.with(account, move |tx| tx.add_redirection(&target, true)))
        };
        let limit = |redirections_max| {
            let limits = SendingLimits { redirections_max, ..SendingLimits::default() };
            store.write(move |tx| tx.set_sending_limits(julie, limits)).unwrap();
            let now = store.inner().now();
            let used = store.read(move |tx| tx.sending_of(julie, now)).unwrap();
            assert_eq!(used.limits, limits);
        };
        let refused = |max: u64| format!("limit of {max} reached: Redirections");
        assert_eq!(add(julie, "one@home.test"), "ok");
        assert_eq!(add(julie, "two@home.test"), refused(1));
        limit(Some(2));
        assert_eq!(add(julie, "two@home.test"), "ok");
        assert_eq!(add(julie, "three@home.test"), refused(2));
        // Of others nothing changed.
        assert_eq!(add(max, "one@home.test"), "ok");
        assert_eq!(add(max, "two@home.test"), refused(1));
        limit(Some(0));
        assert_eq!(add(julie, "three@home.test"), "ok");
        assert_eq!(add(julie, "four@home.test"), "ok");
        // What there is stays.
        limit(None);
        let list = move || store.read(move |tx| tx.list_redirections(julie)).unwrap().len();
        assert_eq!((list(), add(julie, "five@home.test")), (4, refused(1)));
        // What is sent changes no limits.
        limit(Some(3));
        store.write(move |tx| tx.count_sent(julie, 1)).unwrap();
        assert_eq!((list(), add(julie, "five@home.test")), (4, refused(3)));
    });
}

/// R-ADDR-10.
#[test]
fn redirections_are_limited_confirmed_and_free_of_loops() {
    on_both_engines_with(
        |settings| settings.redirections_max = 3,
        |store| {
            let (julie, max, zoe) =
                (store.account("julie"), store.account("max"), store.account("zoe"));
            let add = |account, target: &str| {
                let target = address(target);
                store.with(account, move |tx| tx.add_redirection(&target, true))
            };
            let list = || {
                let found = store.read(move |tx| tx.list_redirections(julie)).unwrap();
                let shown = found.iter().map(|one| {
                    let state = if one.confirmed { "confirmed" } else { "waiting" };
                    format!("{} {state}", one.target)
                });
                shown.collect::<Vec<_>>()
            };
            assert_eq!(add(julie, "max@example.test").unwrap(), Agreement::Usable);
            assert_eq!(add(max, "zoe@example.test").unwrap(), Agreement::Usable);
            for looping in ["julie@example.test", "julie+x@example.test", "max@example.test"] {
                let refused = add(zoe, looping);
                assert_eq!(
                    outcome(refused),
                    "invalid: mail would come back: the target leads here"
                );
            }
            assert_eq!(outcome(add(julie, "nobody@example.test")), "the target does not exist");
            let Agreement::Token(token) = add(julie, "Me@home.test").unwrap() else { panic!() };
            assert_eq!(list(), ["max@example.test confirmed", "Me@home.test waiting"]);
            let used = |expect: usize| {
                let rules = store.read(move |tx| tx.load_rules(julie)).unwrap();
                assert_eq!(rules.redirections.len(), expect);
            };
            used(1);
            store.write(move |tx| tx.confirm(&token)).unwrap();
            used(2);
            add(julie, "three@home.test").unwrap();
            assert_eq!(outcome(add(julie, "four@home.test")), "limit of 3 reached: Redirections");
            store.with(julie, |tx| tx.confirm_redirection(&address("three@home.test"))).unwrap();
            used(3);
            // Whoever is removed is asked again before it is used again.
            store.with(julie, |tx| tx.remove_redirection(&address("me@home.test"))).unwrap();
            assert_ne!(add(julie, "me@home.test").unwrap(), Agreement::Usable);
            used(2);
            let gone = store.with(julie, |tx| tx.remove_redirection(&address("x@home.test")));
            assert_eq!(outcome(gone), "redirection does not exist");
        },
    );
}

#[test]
fn others_need_the_right() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let put = |store: &TestStore| {
            store.write(move |tx| tx.account_as(julie, max)?.put_script(&name("a"), b"keep;"))
        };
        let add = |store: &TestStore| {
            store.write(move |tx| tx.account_as(julie, max)?.add_responder(&name("r"), body("x")))
        };
        assert!(matches!(put(store), Err(StorageError::NoPermission(_))));
        assert!(matches!(add(store), Err(StorageError::NoPermission(_))));
        let rights = ShareRights::parse("filters").unwrap();
        store.write(move |tx| tx.share_account(julie, max, rights)).unwrap();
        put(store).unwrap();
        assert!(matches!(add(store), Err(StorageError::NoPermission(_))));
    });
}

#[test]
fn what_rules_rest_on_changes_their_version() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        store.put(julie, "a", b"keep;").unwrap();
        store.with(julie, |tx| tx.activate_script(Some(&name("a")))).unwrap();
        let mut last = store.version("julie");
        let mut changed = |what: &str| {
            let version = store.version("julie");
            assert!(version > last, "{what}: {version:?}");
            last = version;
        };
        store.put(julie, "a", b"discard;").unwrap();
        changed("text");
        store.put(julie, "included", b"keep;").unwrap();
        changed("another script");
        store.write(move |tx| tx.add_alias(julie, &address("info@example.test"))).unwrap();
        changed("alias");
        store.write(|tx| tx.create_domain_alias("example.org", "example.test")).unwrap();
        changed("domain alias");
        let rules = store.read(move |tx| tx.load_rules(julie)).unwrap();
        assert_eq!(
            rules.addresses,
            ["info@example.org", "info@example.test", "julie@example.org", "julie@example.test"]
        );
        store.write(|tx| tx.remove_domain_alias("example.org")).unwrap();
        changed("domain alias");
        store.with(julie, |tx| tx.set_time_zone("Europe/Zurich")).unwrap();
        changed("zone");
        assert_eq!(store.read(move |tx| tx.time_zone(julie)).unwrap(), "Europe/Zurich");
        assert!(store.with(julie, |tx| tx.set_time_zone("a b")).is_err());
        store.with(julie, |tx| tx.set_name("Julie")).unwrap();
        changed("name");
        store.write(move |tx| tx.remove_account(julie)).unwrap();
    });
}

#[test]
fn messages_seen_are_remembered_for_a_while() {
    let clock = std::sync::Arc::new(testkit::ManualClock::default());
    let shared = clock.clone();
    on_both_engines_with(
        move |settings| settings.clock = shared.clone(),
        |store| {
            let julie = store.account("julie");
            let key = [3; 32];
            let remember = |unseen| store.with(julie, move |tx| tx.remember_seen(&key, 60, unseen));
            let seen = || {
                let now = store.inner().now();
                store.read(move |tx| tx.is_seen(julie, &key, now)).unwrap()
            };
            assert!(!seen());
            remember(true).unwrap();
            assert!(seen());
            // The same message a second time, looked at before the first was remembered.
            assert!(matches!(remember(true), Err(StorageError::Conflict(_))));
            remember(false).unwrap();
            clock.advance_secs(60);
            assert!(!seen());
            // One message for two addresses of the account.
            let other = [4; 32];
            let twice = store.with(julie, move |tx| {
                tx.remember_seen(&other, 60, true)?;
                tx.remember_seen(&other, 60, true)
            });
            twice.unwrap();
            remember(true).unwrap();
        },
    );
}

#[test]
fn a_failure_is_told_once_for_each_text() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let claim = || store.with(julie, |tx| tx.claim_failure(None)).unwrap();
        assert!(!claim());
        store.put(julie, "a", b"keep;").unwrap();
        store.with(julie, |tx| tx.activate_script(Some(&name("a")))).unwrap();
        assert!(claim() && !claim());
        store.put(julie, "a", b"keep; stop;").unwrap();
        assert!(claim() && !claim());
    });
}
