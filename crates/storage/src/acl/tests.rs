mod model;
mod share;
mod verbs;

use std::sync::Barrier;

use ids::{AccountId, CollectionId, UidSet};

use super::{AclChange, Rights, ShareRights};
use crate::testing::{
    TestStore, flags, mailbox_name, new_account, on_both_engines, on_both_engines_with,
};
use crate::{FlagChange, Result, Role};

fn outcome<T>(result: Result<T>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

/// `actor` sets the rights of an identifier, `+…` and `-…` too.
fn grant(
    store: &TestStore,
    actor: AccountId,
    mailbox: CollectionId,
    identifier: &str,
    rights: &str,
) -> Result<()> {
    let letters = |text: &str| Rights::parse(text).unwrap();
    let change = match rights.split_at_checked(1) {
        Some(("+", rest)) => AclChange::Add(letters(rest)),
        Some(("-", rest)) => AclChange::Remove(letters(rest)),
        _ => AclChange::Set(letters(rights)),
    };
    let identifier = identifier.to_owned();
    store.write(move |tx| tx.set_acl(actor, mailbox, &identifier, change))
}

fn rights(store: &TestStore, actor: AccountId, mailbox: CollectionId) -> String {
    store.read(move |tx| tx.rights_of(actor, mailbox)).unwrap().to_string()
}

/// The names of others that `actor` is shown.
fn seen(store: &TestStore, actor: AccountId) -> Vec<String> {
    let tree = store.read(move |tx| tx.list_mailboxes_as(actor)).unwrap();
    let others = tree.entries.into_iter().filter(|entry| super::is_reserved(&entry.name));
    others
        .map(|entry| format!("{} {}", entry.name, if entry.ghost { "ghost" } else { "" }))
        .collect()
}

#[test]
fn rights_add_up_and_are_taken_away() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let inbox = store.mailbox(julie, "INBOX");
        assert_eq!(rights(store, julie, inbox), "lrswipkxtean");
        assert_eq!(rights(store, max, inbox), "");
        grant(store, julie, inbox, "max@example.test", "lr").unwrap();
        grant(store, julie, inbox, "max@example.test", "+cd").unwrap();
        grant(store, julie, inbox, "max@example.test", "-x").unwrap();
        assert_eq!(rights(store, max, inbox), "lrkte");
        grant(store, julie, inbox, "anyone", "lrs").unwrap();
        assert_eq!(rights(store, max, inbox), "lrskte");
        grant(store, julie, inbox, "-max@example.test", "st").unwrap();
        assert_eq!(rights(store, max, inbox), "lrke");
        let acl = store.read(move |tx| tx.load_acl(julie, inbox)).unwrap();
        let mut acl: Vec<String> =
            acl.iter().map(|entry| format!("{} {}", entry.identifier, entry.rights)).collect();
        acl[1..].sort();
        assert_eq!(
            acl,
            [
                "julie@example.test lrswipkxtean",
                "-max@example.test st",
                "anyone lrs",
                "max@example.test lrkte"
            ]
        );
        // Neither others of another domain nor external ones are anyone.
        let eve = store
            .write(|tx| {
                tx.create_domain("other.test")?;
                tx.create_account(new_account("eve@other.test"))
            })
            .unwrap();
        assert_eq!(rights(store, eve, inbox), "");
        let guest = store.account("guest");
        assert_eq!(rights(store, guest, inbox), "lrs");
        store.with(guest, |tx| tx.set_role(Role::External)).unwrap();
        assert_eq!(rights(store, guest, inbox), "");
        let owner = grant(store, julie, inbox, "julie@example.test", "lr");
        assert_eq!(outcome(owner), "invalid: the owner of a mailbox keeps every right");
        let nobody = grant(store, julie, inbox, "nobody@example.test", "lr");
        assert_eq!(outcome(nobody), "account does not exist");
        store.write(move |tx| tx.remove_account(max)).unwrap();
    });
}

/// Whatever is listed can be opened, however long its name is with its owner's before it.
#[test]
fn the_longest_names_of_others_are_found() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let long = format!("{}{}", format!("{}/", "x".repeat(255)).repeat(3), "y".repeat(255));
        let deep = vec!["z"; 30].join("/");
        for name in [&long, &deep] {
            let created = mailbox_name(name);
            store.with(julie, move |tx| tx.create_mailbox(&created, None)).unwrap();
            let mailbox = store.mailbox(julie, name);
            grant(store, julie, mailbox, "max@example.test", "lr").unwrap();
            let tree = store.read(move |tx| tx.list_mailboxes_as(max)).unwrap();
            let listed = tree
                .entries
                .iter()
                .find(|entry| entry.mailbox.as_ref().is_some_and(|found| found.id == mailbox));
            // As a client gives it back.
            let given = crate::MailboxName::parse(listed.unwrap().name.as_str()).unwrap();
            let found = store.read(move |tx| tx.find_mailbox_as(max, &given, Rights::READ));
            assert_eq!(found.unwrap().unwrap().id, mailbox);
        }
        for bad in [format!("{deep}/z"), format!("{long}/y"), String::new(), "a//b".to_owned()] {
            let name = format!("Other Users/julie@example.test/{bad}");
            assert!(crate::MailboxName::parse(&name).is_err(), "{name}");
        }
    });
}

#[test]
fn whoever_has_no_right_learns_nothing() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let inbox = store.mailbox(julie, "INBOX");
        store.append(julie, inbox, "secret", "").unwrap();
        let own = store.mailbox(max, "INBOX");
        let none = "mailbox does not exist";
        let all = UidSet::all;
        let change = FlagChange::Add(flags("\\Flagged"));
        for refused in [
            outcome(store.write(move |tx| tx.copy_messages_as(max, inbox, &all(), own).map(drop))),
            outcome(store.write(move |tx| tx.move_messages_as(max, inbox, &all(), own).map(drop))),
            outcome(store.write(move |tx| tx.copy_messages_as(max, own, &all(), inbox).map(drop))),
            outcome(store.write(move |tx| {
                tx.account_as(julie, max)?.store_flags(inbox, &all(), change, None).map(drop)
            })),
            outcome(
                store.write(move |tx| tx.account_as(julie, max)?.expunge(inbox, None).map(drop)),
            ),
            outcome(
                store.write(move |tx| {
                    tx.account_as(julie, max)?.delete_mailbox(&mailbox_name("Sent"))
                }),
            ),
            outcome(store.write(move |tx| {
                tx.account_as(julie, max)?.delete_mailbox(&mailbox_name("Nowhere"))
            })),
            outcome(store.write(move |tx| {
                let mut tx = tx.account_as(julie, max)?;
                tx.rename_mailbox(&mailbox_name("Sent"), &mailbox_name("x"))
            })),
            outcome(store.write(move |tx| {
                let mut tx = tx.account_as(julie, max)?;
                tx.create_mailbox(&mailbox_name("Sent/x"), None).map(drop)
            })),
            outcome(store.write(move |tx| tx.set_metadata(max, inbox, &[]))),
            outcome(grant(store, max, inbox, "max@example.test", "lr")),
            outcome(store.read(move |tx| tx.load_acl(max, inbox))),
            // Not even who is known here.
            outcome(grant(store, max, inbox, "nobody@example.test", "lr")),
        ] {
            assert_eq!(refused, none);
        }
        assert_eq!(seen(store, max), [""; 0]);
        for name in ["INBOX", "Nowhere"] {
            let name = mailbox_name(&format!("Other Users/julie@example.test/{name}"));
            let found = store.read(move |tx| tx.find_mailbox_as(max, &name, Rights::READ));
            assert_eq!(found.unwrap(), None);
        }
        assert_eq!(store.messages(inbox), ["1 ()"]);
    });
}

#[test]
fn each_verb_asks_for_its_right() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let (inbox, own) = (store.mailbox(julie, "INBOX"), store.mailbox(max, "INBOX"));
        store.append(julie, inbox, "one", "\\Seen \\Deleted Work").unwrap();
        let refused = "not permitted: you have no right to do this";
        let give = |rights: &str| grant(store, julie, inbox, "max@example.test", rights).unwrap();
        let copy = || {
            store.write(move |tx| tx.copy_messages_as(max, inbox, &UidSet::all(), own).map(drop))
        };
        let back = || {
            store.write(move |tx| tx.copy_messages_as(max, own, &UidSet::all(), inbox).map(drop))
        };
        let mark = |names: &str| {
            let change = FlagChange::Replace(flags(names));
            store.write(move |tx| {
                let mut tx = tx.account_as(julie, max)?;
                tx.store_flags(inbox, &UidSet::all(), change, None).map(drop)
            })
        };
        let expunge =
            || store.write(move |tx| tx.account_as(julie, max)?.expunge(inbox, None).map(drop));
        give("l");
        assert_eq!(outcome(copy()), refused);
        give("lr");
        assert_eq!(outcome(copy()), "ok");
        assert_eq!(store.messages(own), ["1 (\\Deleted \\Seen Work)"]);
        assert_eq!((outcome(back()), outcome(expunge())), (refused.to_owned(), refused.to_owned()));
        let of_flags = "not permitted: you have no right to change these flags";
        assert_eq!(outcome(mark("\\Flagged")), of_flags);
        give("lrw");
        assert_eq!(outcome(mark("\\Flagged Other")), "ok");
        assert_eq!(store.messages(inbox), ["1 (\\Flagged \\Deleted \\Seen Other)"]);
        give("lri");
        assert_eq!(outcome(back()), "ok");
        assert_eq!(store.messages(inbox)[1], "2 ()");
        give("lre");
        assert_eq!(outcome(expunge()), "ok");
        assert_eq!(store.messages(inbox), ["2 ()"]);
        let take = || {
            store.write(move |tx| tx.move_messages_as(max, inbox, &UidSet::all(), own).map(drop))
        };
        assert_eq!(outcome(take()), refused);
        assert_eq!(store.messages(own).len(), 1);
        give("lret");
        assert_eq!(outcome(take()), "ok");
        assert_eq!((store.messages(inbox).len(), store.messages(own).len()), (0, 2));
        // What another took away can be brought back by its owner.
        let kept = store.read(move |tx| {
            tx.sql.query_one(
                "SELECT COUNT(*) FROM expunged WHERE account_id = ?1",
                &[crate::sql::Value::Int(julie.get())],
                |row| row.int(0),
            )
        });
        assert_eq!(kept.unwrap(), Some(2));
    });
}

#[test]
fn mailboxes_of_others_stand_below_their_owner() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let sent = store.mailbox(julie, "Sent");
        grant(store, julie, sent, "max@example.test", "lk").unwrap();
        let ghosts = ["Other Users ghost", "Other Users/julie@example.test ghost"];
        let shown = [&ghosts[..], &["Other Users/julie@example.test/Sent "]].concat();
        assert_eq!(seen(store, max), shown);
        let create = move |name: &'static str| {
            outcome(store.write(move |tx| {
                let place = tx.find_place(max, &mailbox_name(name))?;
                tx.account_as(place.account, max)?.create_mailbox(&place.name, None).map(drop)
            }))
        };
        assert_eq!(create("Other Users/julie@example.test/Sent/2026"), "ok");
        let inherited = store.mailbox(julie, "Sent/2026");
        assert_eq!(rights(store, max, inherited), "lk");
        assert_eq!(create("Other Users/julie@example.test/x"), "mailbox does not exist");
        assert_eq!(create("Other Users/nobody@example.test/x"), "mailbox does not exist");
        assert_eq!(create("Other Users"), "mailbox does not exist");
        let reserved = "invalid: this name is for the mailboxes of others";
        let own = |name: &'static str| {
            outcome(
                store.with(max, move |tx| tx.create_mailbox(&mailbox_name(name), None).map(drop)),
            )
        };
        assert_eq!(own("Other Users/x"), reserved);
        grant(store, julie, sent, "max@example.test", "").unwrap();
        // Its name stands above one that is still shared.
        assert_eq!(
            seen(store, max)[2..],
            [
                "Other Users/julie@example.test/Sent ghost",
                "Other Users/julie@example.test/Sent/2026 ",
            ]
        );
        store.write(move |tx| tx.remove_account(julie)).unwrap();
        assert_eq!(seen(store, max), [""; 0]);
    });
}

#[test]
fn mailboxes_of_nobody_stand_apart() {
    on_both_engines(|store| {
        let (info, max) = (store.account("info"), store.account("max"));
        store.with(info, |tx| tx.set_shared(true)).unwrap();
        let inbox = store.mailbox(info, "INBOX");
        grant(store, info, inbox, "anyone", "lrsik").unwrap();
        let ghosts = ["Shared Folders ghost", "Shared Folders/info@example.test ghost"];
        let shown = [&ghosts[..], &["Shared Folders/info@example.test/INBOX "]].concat();
        assert_eq!(seen(store, max), shown);
        let find = |name: &'static str| {
            let name = mailbox_name(name);
            store.read(move |tx| tx.find_mailbox_as(max, &name, Rights::READ)).unwrap()
        };
        let found = find("Shared Folders/info@example.test/INBOX").unwrap();
        assert_eq!(found.id, inbox);
        let name = store.read(move |tx| tx.name_as(max, &found)).unwrap();
        assert_eq!(name.as_str(), "Shared Folders/info@example.test/INBOX");
        assert_eq!(find("Other Users/info@example.test/INBOX"), None);
        assert_eq!(find("Shared Folders/max@example.test/INBOX"), None);
        assert_eq!(find("Shared Folders/info@example.test"), None);
        let create = |name: &'static str| {
            let name = mailbox_name(name);
            outcome(store.write(move |tx| tx.create_mailbox_as(max, &name, None)))
        };
        assert_eq!(create("Shared Folders/info@example.test/INBOX/2026"), "ok");
        assert_eq!(create("Shared Folders/mine"), "mailbox does not exist");
        assert_eq!(create("Shared Folders"), "mailbox does not exist");
        // A name as any other.
        assert_eq!(create("Shared/2020"), "ok");
        assert_eq!(create("Shared"), "ok");
        // What others put there counts against the account itself.
        let own = store.mailbox(max, "INBOX");
        store.append(max, own, "one", "").unwrap();
        let copied = store.write(move |tx| tx.copy_messages_as(max, own, &UidSet::all(), inbox));
        assert_eq!(copied.unwrap().pairs.len(), 1);
        let used = |account| store.read(move |tx| tx.load_account(account)).unwrap().used_bytes;
        assert_eq!((used(info), used(max)), (3, 3));
        store.with(info, |tx| tx.set_quota(3)).unwrap();
        let full = store.write(move |tx| tx.copy_messages_as(max, own, &UidSet::all(), inbox));
        assert_eq!(outcome(full), "over quota: 3 of 3 bytes are used");
    });
}

#[test]
fn lists_of_rights_are_bounded() {
    let few = |settings: &mut crate::Settings| {
        (settings.acl_entries_max, settings.shared_mailboxes_max) = (2, 3);
    };
    on_both_engines_with(few, |store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let (eve, bob) = (store.account("eve"), store.account("bob"));
        let inbox = store.mailbox(julie, "INBOX");
        let give = |who: &str, rights: &str| outcome(grant(store, julie, inbox, who, rights));
        assert_eq!(give("anyone", "lr"), "ok");
        assert_eq!(give("max@example.test", "lr"), "ok");
        assert_eq!(give("eve@example.test", "lr"), "limit of 2 reached: AclEntries");
        // What is there can still be changed, and taken away.
        assert_eq!(give("max@example.test", "+s"), "ok");
        assert_eq!(give("max@example.test", ""), "ok");
        assert_eq!(give("anyone", ""), "ok");
        let share = |with, names: &str| {
            let rights = ShareRights::parse(names).unwrap();
            outcome(store.write(move |tx| tx.share_account(julie, with, rights)))
        };
        assert_eq!(share(max, "send-as"), "ok");
        assert_eq!(share(eve, "send-as"), "ok");
        assert_eq!(share(bob, "send-as"), "limit of 2 reached: AclEntries");
        // Bob gives everybody everything; what is meant for max is shown all the same.
        for name in ["INBOX", "Drafts", "Sent", "Junk", "Trash"] {
            let mailbox = store.mailbox(bob, name);
            grant(store, bob, mailbox, "anyone", "lr").unwrap();
        }
        let last = store.mailbox(bob, "Archive");
        grant(store, bob, last, "max@example.test", "lr").unwrap();
        let names = seen(store, max);
        assert_eq!(
            names[2..],
            [
                "Other Users/bob@example.test/Archive ",
                "Other Users/bob@example.test/Drafts ",
                "Other Users/bob@example.test/INBOX ",
            ]
        );
    });
}

#[test]
fn who_creates_for_another_sees_it() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let sent = store.mailbox(julie, "Sent");
        grant(store, julie, sent, "max@example.test", "lk").unwrap();
        let name = mailbox_name("Other Users/julie@example.test/Sent/2026");
        let wanted = name.clone();
        store.write(move |tx| tx.create_mailbox_as(max, &wanted, None)).unwrap();
        let subscribed = |account, name| {
            let tree = store.read(move |tx| tx.list_mailboxes_as(account)).unwrap();
            tree.find(&name).is_some_and(|entry| entry.subscribed)
        };
        assert!(subscribed(max, name));
        assert!(subscribed(julie, mailbox_name("Sent/2026")));
        let made = store.mailbox(julie, "Sent/2026");
        let mailbox = store.read(move |tx| tx.load_mailbox(made)).unwrap();
        let seen = store.read(move |tx| tx.name_as(max, &mailbox)).unwrap();
        assert_eq!(seen.as_str(), "Other Users/julie@example.test/Sent/2026");
    });
}

#[test]
fn grants_at_once_are_all_kept() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let inbox = store.mailbox(julie, "INBOX");
        let letters = ["+l", "+r", "+s", "+w", "+i", "+p", "+k", "+x"];
        let barrier = Barrier::new(letters.len());
        std::thread::scope(|scope| {
            for one in letters {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    grant(store, julie, inbox, "max@example.test", one).unwrap();
                });
            }
        });
        assert_eq!(rights(store, max, inbox), "lrswipkx");
    });
}

#[test]
fn a_grant_while_the_mailbox_is_deleted_finds_none() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        store.account("max");
        let barrier = Barrier::new(2);
        for _ in 0..20 {
            let create = store.with(julie, |tx| tx.create_mailbox(&mailbox_name("Gone"), None));
            let gone = create.unwrap().id;
            let granted = std::thread::scope(|scope| {
                scope.spawn(|| {
                    barrier.wait();
                    store.with(julie, |tx| tx.delete_mailbox(&mailbox_name("Gone"))).unwrap();
                });
                barrier.wait();
                outcome(grant(store, julie, gone, "max@example.test", "lr"))
            });
            assert!(["ok", "mailbox does not exist"].contains(&granted.as_str()), "{granted}");
        }
    });
}

#[test]
fn moves_between_two_accounts_in_both_directions_end() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let (hers, his) = (store.mailbox(julie, "INBOX"), store.mailbox(max, "INBOX"));
        grant(store, julie, hers, "max@example.test", "lrswite").unwrap();
        grant(store, max, his, "julie@example.test", "lrswite").unwrap();
        for _ in 0..10 {
            store.append(julie, hers, "a", "").unwrap();
            store.append(max, his, "b", "").unwrap();
        }
        std::thread::scope(|scope| {
            for (actor, from, to) in [(julie, his, hers), (max, hers, his)] {
                scope.spawn(move || {
                    for _ in 0..10 {
                        let all = UidSet::all();
                        store.write(move |tx| tx.move_messages_as(actor, from, &all, to)).unwrap();
                    }
                });
            }
        });
        assert_eq!(store.messages(hers).len() + store.messages(his).len(), 20);
    });
}
