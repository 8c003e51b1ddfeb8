use std::sync::Barrier;

use ids::{AccountId, CollectionId, UidSet};

use super::{AclChange, Rights, ShareRights};
use crate::testing::{TestStore, flags, mailbox_name, new_account, on_both_engines};
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
        assert_eq!(rights(store, julie, inbox), "lrswipkxtea");
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
                "julie@example.test lrswipkxtea",
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
        assert_eq!(outcome(mark("\\Flagged")), refused);
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
fn an_account_is_shared_as_a_whole() {
    on_both_engines(|store| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let share = |names: &str| {
            let rights = ShareRights::parse(names).unwrap_or_default();
            store.write(move |tx| tx.share_account(julie, max, rights)).unwrap();
        };
        let from = crate::Address::parse("julie@example.test").unwrap();
        let may_send = || {
            let from = from.clone();
            store.read(move |tx| tx.may_send_as(max, &from)).unwrap()
        };
        let inbox = store.mailbox(julie, "INBOX");
        share("read");
        assert_eq!((rights(store, max, inbox).as_str(), may_send()), ("lrs", false));
        assert_eq!(seen(store, max).len(), 2 + 6);
        share("read,write,send-as");
        assert_eq!((rights(store, max, inbox).as_str(), may_send()), ("lrswipkxte", true));
        store.with(julie, |tx| tx.create_mailbox(&mailbox_name("New"), None)).unwrap();
        let new = store.mailbox(julie, "New");
        assert_eq!(rights(store, max, new), "lrswipkxte");
        let shares = store.read(move |tx| tx.list_shares(julie)).unwrap();
        assert_eq!(shares[0].rights.to_string(), "read,write,send-as");
        share("");
        assert_eq!((rights(store, max, inbox).as_str(), may_send()), ("", false));
        assert_eq!(seen(store, max), [""; 0]);
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
