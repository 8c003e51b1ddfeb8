use ids::{AccountId, UidValidity};

use super::SpecialUse;
use crate::testing::{TestStore, mailbox_name, on_both_engines, on_both_engines_with};
use crate::{LimitKind, MailboxTree, Result, StorageError};

fn tree(store: &TestStore, account: AccountId) -> MailboxTree {
    store.read(move |tx| tx.list_mailboxes(account)).unwrap()
}

/// The names of the tree but for those a new account has: `~` ghost, `?` neither real nor ghost,
/// `-` not subscribed, `/` has children.
fn names(store: &TestStore, account: AccountId) -> String {
    let shown = tree(store, account).entries.into_iter().filter(|entry| {
        let initial = ["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"];
        !initial.contains(&entry.name.as_str()) || entry.has_children
    });
    let shown: Vec<String> = shown
        .map(|entry| {
            let kind = match (&entry.mailbox, entry.ghost) {
                (Some(_), _) => "",
                (None, true) => "~",
                (None, false) => "?",
            };
            let subscribed = if entry.subscribed { "" } else { "-" };
            let children = if entry.has_children { "/" } else { "" };
            format!("{kind}{subscribed}{}{children}", entry.name)
        })
        .collect();
    shown.join(" ")
}

/// Runs one command of the little language of the tables below.
fn run(store: &TestStore, account: AccountId, command: &str) -> Result<()> {
    let (verb, rest) = command.split_once(' ').unwrap();
    let (first, second) = rest.split_once(" > ").unwrap_or((rest, "x"));
    let (verb, name, to) = (verb.to_owned(), mailbox_name(first), mailbox_name(second));
    store.with(account, move |tx| match verb.as_str() {
        "create" => tx.create_mailbox(&name, None).map(drop),
        "delete" => tx.delete_mailbox(&name),
        "rename" => tx.rename_mailbox(&name, &to),
        "subscribe" => tx.subscribe(&name),
        "unsubscribe" => tx.unsubscribe(&name).map(drop),
        _ => panic!("{verb}"),
    })
}

/// Each row: commands that must succeed, a command, its outcome, the names afterwards.
fn check(rows: &[(&str, &str, &str, &str)]) {
    on_both_engines(|store| {
        for (number, (before, command, expect, after)) in rows.iter().enumerate() {
            let account = store.account(&format!("user{number}"));
            for step in before.split("; ").filter(|step| !step.is_empty()) {
                run(store, account, step).unwrap_or_else(|error| panic!("{step}: {error}"));
            }
            let outcome = run(store, account, command);
            let outcome = outcome.map_or_else(|error| error.to_string(), |()| "ok".to_owned());
            assert_eq!(outcome, *expect, "{before}; {command}");
            assert_eq!(names(store, account), *after, "{before}; {command}");
        }
    });
}

const EXISTS: &str = "mailbox exists already";
const ABSENT: &str = "mailbox does not exist";
const SELF: &str = "invalid: a mailbox cannot be moved into itself";
const CHILDREN: &str = "in use: the mailboxes below it must be deleted first";

#[test]
fn new_accounts_have_their_mailboxes() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let found: Vec<_> = tree(store, account)
            .entries
            .into_iter()
            .map(|entry| {
                let mailbox = entry.mailbox.unwrap();
                assert!(entry.subscribed && !entry.has_children && !entry.ghost);
                assert_eq!((mailbox.uid_next.get(), mailbox.messages), (1, 0));
                (entry.name.to_string(), mailbox.special_use.map_or("", SpecialUse::attribute))
            })
            .collect();
        let expect = [
            ("INBOX", ""),
            ("Archive", "\\Archive"),
            ("Drafts", "\\Drafts"),
            ("Junk", "\\Junk"),
            ("Sent", "\\Sent"),
            ("Trash", "\\Trash"),
        ];
        assert_eq!(found, expect.map(|(name, special_use)| (name.to_owned(), special_use)));
    });
}

#[test]
fn creating() {
    check(&[
        ("", "create a", "ok", "a"),
        ("create a", "create a", EXISTS, "a"),
        ("create a", "create A", "ok", "A a"),
        ("", "create inbox", EXISTS, ""),
        ("", "create iNbOx/x", "ok", "INBOX/ INBOX/x"),
        ("", "create abc/klm/xyz", "ok", "~-abc/ ~-abc/klm/ abc/klm/xyz"),
        ("create abc/klm/xyz", "create abc/klm", "ok", "~-abc/ abc/klm/ abc/klm/xyz"),
        ("create E\u{301}", "create \u{c9}", EXISTS, "\u{c9}"),
        ("create a; create a/b; create a-b", "create a b", "ok", "a/ a/b a b a-b"),
        ("unsubscribe gone", "create gone", "ok", "gone"),
    ]);
}

#[test]
fn deleting() {
    check(&[
        ("create a", "delete a", "ok", "?a"),
        ("", "delete a", ABSENT, ""),
        ("", "delete INBOX", "not permitted: INBOX cannot be deleted", ""),
        ("create a; create a/b", "delete a", "ok", "~a/ a/b"),
        ("create a/b", "delete a", CHILDREN, "~-a/ a/b"),
        ("create a; create a/b; delete a", "delete a", CHILDREN, "~a/ a/b"),
        ("create a/b/c; unsubscribe a/b/c", "delete a/b/c", "ok", ""),
        ("create ab; create a/b", "delete ab", "ok", "~-a/ a/b ?ab"),
        ("create a/b; create a0", "delete a", CHILDREN, "~-a/ a/b a0"),
        ("create a; delete a", "create a", "ok", "a"),
    ]);
}

#[test]
fn subscribing() {
    check(&[
        ("create a/b", "subscribe a", "ok", "~a/ a/b"),
        ("", "subscribe nothing/here", "ok", "?nothing/here"),
        ("subscribe x", "subscribe x", "ok", "?x"),
        ("create a", "unsubscribe a", "ok", "-a"),
        ("create a; unsubscribe a", "unsubscribe a", "ok", "-a"),
        ("", "unsubscribe a", "ok", ""),
    ]);
}

#[test]
fn renaming() {
    check(&[
        ("create a", "rename a > b", "ok", "b"),
        ("", "rename a > b", ABSENT, ""),
        ("create a; create b", "rename a > b", EXISTS, "a b"),
        ("create a", "rename a > inbox", EXISTS, "a"),
        ("create a", "rename a > a", SELF, "a"),
        ("create a", "rename a > a/b", SELF, "a"),
        ("create a/b", "rename a > a/b/c", SELF, "~-a/ a/b"),
        ("create a", "rename a > ab", "ok", "ab"),
        ("create a; create a/b; create a/b/c; create ab", "rename a > x", "ok", "ab x/ x/b/ x/b/c"),
        ("create a/b", "rename a > x/y", "ok", "~-x/ ~-x/y/ x/y/b"),
        ("create a/b/c", "rename a/b/c > d", "ok", "d"),
        ("create a/b; create a/c", "rename a/b > x", "ok", "~-a/ a/c x"),
        // Up through its own parents.
        ("create a/b; create a/b/c", "rename a/b > a", "ok", "a/ a/c"),
        ("create a/a; create a/a/a; create a/a/a/a", "rename a/a > a", "ok", "a/ a/a/ a/a/a"),
        ("create a; create a/b", "rename a/b > a", EXISTS, "a/ a/b"),
        ("create a/b/c; create a/c", "rename a/b > a", EXISTS, "~-a/ ~-a/b/ a/b/c a/c"),
        // Onto a ghost: it becomes real unless a name below it is taken.
        ("create x; create b/c", "rename x > b", "ok", "b/ b/c"),
        ("create x; create x/c; create b/c", "rename x > b", EXISTS, "~-b/ b/c x/ x/c"),
        // Case and normalisation.
        ("create a; create a/b", "rename a > A", "ok", "A/ A/b"),
        (
            "create \u{e9}; create \u{e9}/\u{f6}\u{1f600}",
            "rename e\u{301} > \u{1f600}",
            "ok",
            "\u{1f600}/ \u{1f600}/\u{f6}\u{1f600}",
        ),
        ("create a/b", "rename a/b > INBOX/b", "ok", "INBOX/ INBOX/b"),
        // Subscriptions go along.
        (
            "create a; create a/b; unsubscribe a/b; subscribe a/gone",
            "rename a > x",
            "ok",
            "x/ -x/b ?x/gone",
        ),
        ("create a; subscribe b", "rename a > b", "ok", "b"),
        // What is not below it stays.
        (
            "create a%; create a_; create a_/b; create ax/b",
            "rename a_ > z",
            "ok",
            "a% ~-ax/ ax/b z/ z/b",
        ),
        // INBOX gives its messages away and stays.
        ("create INBOX/x", "rename INBOX > old", "ok", "INBOX/ INBOX/x old"),
        ("", "rename INBOX > INBOX/old", "ok", "INBOX/ INBOX/old"),
        ("", "rename INBOX > Sent", EXISTS, ""),
        ("", "rename INBOX > inbox", EXISTS, ""),
    ]);
}

#[test]
fn renamed_names_obey_the_limits_too() {
    on_both_engines(|store| {
        let account = store.account("julie");
        run(store, account, &format!("create a/{}", vec!["x"; 28].join("/"))).unwrap();
        let deep = run(store, account, "rename a > b/c/d");
        assert!(matches!(deep, Err(StorageError::Limit { kind: LimitKind::MailboxDepth, .. })));
        run(store, account, "rename a > b/c").unwrap();
        let component = "y".repeat(255);
        run(store, account, &format!("create l/{component}/{component}/{component}")).unwrap();
        let long = run(store, account, &format!("rename l > {component}/{component}"));
        assert!(matches!(long, Err(StorageError::Limit { kind: LimitKind::MailboxName, .. })));
    });
}

#[test]
fn a_rename_keeps_messages_and_uids() {
    on_both_engines(|store| {
        let account = store.account("julie");
        run(store, account, "create a").unwrap();
        run(store, account, "create a/b").unwrap();
        let mailbox = store.mailbox(account, "a/b");
        store.append(account, mailbox, "x: y\r\n\r\n1", "\\Seen").unwrap();
        let before = store.read(move |tx| tx.load_mailbox(mailbox)).unwrap();
        run(store, account, "rename a > c").unwrap();
        run(store, account, "rename c > a").unwrap();
        let after = store.read(move |tx| tx.load_mailbox(mailbox)).unwrap();
        assert_eq!(before, after);
        run(store, account, "rename a/b > z").unwrap();
        assert_eq!(store.mailbox(account, "z"), mailbox);
        assert_eq!(store.messages(mailbox), ["1 (\\Seen)"]);
    });
}

#[test]
fn renaming_inbox_moves_its_messages() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        for flags in ["\\Seen", "\\Deleted Work", ""] {
            store.append(account, inbox, "x: y\r\n\r\n1", flags).unwrap();
        }
        let before = store.read(move |tx| tx.load_mailbox(inbox)).unwrap();
        let facts = store.facts(move |tx| {
            tx.account(account)?.rename_mailbox(&mailbox_name("inbox"), &mailbox_name("old"))
        });
        let three = "(UidSet { ranges: [(1, 3)] })";
        assert_eq!(
            facts,
            [
                "MailboxCreated".to_owned(),
                "SubscriptionChanged { name: \"old\", subscribed: true }".to_owned(),
                format!("MessagesAdded{three}"),
                format!("MessagesExpunged{three}"),
            ]
        );
        let old = store.mailbox(account, "old");
        assert_eq!(store.messages(old), ["1 (\\Seen)", "2 (\\Deleted Work)", "3 ()"]);
        assert_eq!(store.messages(inbox), [""; 0]);
        let after = store.read(move |tx| tx.load_mailbox(inbox)).unwrap();
        assert_eq!((after.uid_validity, after.uid_next), (before.uid_validity, before.uid_next));
        let moved = store.read(move |tx| tx.load_mailbox(old)).unwrap();
        assert!(moved.uid_validity > before.uid_validity);
        assert_eq!(store.append(account, inbox, "", "").unwrap().uid.get(), 4);
        assert_eq!(store.append(account, old, "", "").unwrap().uid.get(), 4);
    });
}

#[test]
fn a_deleted_mailbox_gives_its_room_back() {
    on_both_engines(|store| {
        let account = store.account("julie");
        run(store, account, "create a").unwrap();
        let mailbox = store.mailbox(account, "a");
        store.append(account, mailbox, "x: y\r\n\r\n1", "\\Seen").unwrap();
        store.append(account, mailbox, "x: y\r\n\r\n2", "").unwrap();
        let facts = store.facts(move |tx| tx.account(account)?.delete_mailbox(&mailbox_name("a")));
        assert_eq!(facts, ["MailboxDeleted { name: \"a\" }"]);
        let account = store.read(move |tx| tx.load_account(account)).unwrap();
        assert_eq!((account.used_bytes, account.messages, account.mailboxes), (0, 0, 6));
        let kept = store.read(move |tx| {
            tx.sql.query_all(
                "SELECT mailbox_name, uid, flags FROM expunged ORDER BY uid",
                &[],
                |row| Ok((row.text(0)?.to_owned(), row.int(1)?, row.int(2)?)),
            )
        });
        assert_eq!(kept.unwrap(), [("a".to_owned(), 1, 1), ("a".to_owned(), 2, 0)]);
    });
}

#[test]
fn uid_validity_never_repeats() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let mut seen: Vec<UidValidity> = tree(store, account)
            .entries
            .into_iter()
            .map(|entry| entry.mailbox.unwrap().uid_validity)
            .collect();
        for _ in 0..5 {
            run(store, account, "create a").unwrap();
            let mailbox = store.mailbox(account, "a");
            seen.push(store.read(move |tx| tx.load_mailbox(mailbox)).unwrap().uid_validity);
            run(store, account, "delete a").unwrap();
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
    });
}

#[test]
fn a_special_use_is_had_by_one_mailbox() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let create = |name, special_use| {
            let name = mailbox_name(name);
            store.with(account, move |tx| tx.create_mailbox(&name, special_use))
        };
        let taken = create("Envoy\u{e9}s", Some(SpecialUse::Sent));
        assert!(matches!(taken, Err(StorageError::AlreadyExists("a mailbox of this special use"))));
        let all = create("All", Some(SpecialUse::All)).unwrap();
        assert_eq!(all.special_use, Some(SpecialUse::All));
        let set = |name, special_use| {
            let name = mailbox_name(name);
            store.facts(move |tx| tx.account(account)?.set_special_use(&name, special_use))
        };
        let nothing: [String; 0] = [];
        assert_eq!(set("Sent", None), ["MailboxUpdated"]);
        assert_eq!(set("Sent", None), nothing);
        assert_eq!(set("All", Some(SpecialUse::Sent)), ["MailboxUpdated"]);
        for (name, expect) in [
            ("Sent", "a mailbox of this special use exists already"),
            ("INBOX", "invalid: INBOX has no special use"),
            ("none", "mailbox does not exist"),
        ] {
            let name = mailbox_name(name);
            let found =
                store.with(account, move |tx| tx.set_special_use(&name, Some(SpecialUse::Sent)));
            assert_eq!(found.unwrap_err().to_string(), expect);
        }
        for attribute in ["\\drafts", "\\Sent", "\\JUNK", "\\Trash", "\\Archive", "\\All"] {
            let found = SpecialUse::parse_attribute(attribute).unwrap();
            assert!(found.attribute().eq_ignore_ascii_case(attribute));
            assert_eq!(SpecialUse::from_column(found.column()).unwrap(), Some(found));
        }
        assert_eq!(SpecialUse::parse_attribute("\\Important"), None);
    });
}

#[test]
fn mailboxes_and_subscriptions_are_limited() {
    on_both_engines_with(
        |settings| settings.mailboxes_max = 8,
        |store| {
            let account = store.account("julie");
            run(store, account, "create a").unwrap();
            run(store, account, "create b/c/d").unwrap();
            let ninth = run(store, account, "create e");
            assert!(matches!(
                ninth,
                Err(StorageError::Limit { kind: LimitKind::Mailboxes, max: 8 })
            ));
            let inbox = run(store, account, "rename INBOX > old");
            assert!(matches!(
                inbox,
                Err(StorageError::Limit { kind: LimitKind::Mailboxes, max: 8 })
            ));
            for number in 0..8 {
                run(store, account, &format!("subscribe s{number}")).unwrap();
            }
            let full = run(store, account, "subscribe one-more");
            assert!(matches!(
                full,
                Err(StorageError::Limit { kind: LimitKind::Subscriptions, max: 16 })
            ));
            run(store, account, "subscribe s1").unwrap();
            run(store, account, "delete a").unwrap();
            run(store, account, "create unseen").unwrap();
            assert!(names(store, account).contains("-unseen"));
        },
    );
}

#[test]
fn accounts_do_not_see_each_other() {
    on_both_engines(|store| {
        let (julie, paul) = (store.account("julie"), store.account("paul"));
        run(store, julie, "create a").unwrap();
        run(store, paul, "create a/b").unwrap();
        run(store, paul, "rename a > z").unwrap();
        run(store, julie, "delete a").unwrap();
        assert_eq!(names(store, julie), "?a");
        assert_eq!(names(store, paul), "~-z/ z/b");
        let inbox = store.mailbox(paul, "INBOX");
        let foreign = store.append(julie, inbox, "", "");
        assert!(matches!(foreign, Err(StorageError::NotFound("mailbox"))));
    });
}

#[test]
fn a_change_of_nothing_uses_no_number() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let modseq = || store.read(move |tx| tx.load_account(account)).unwrap().modseq;
        let before = modseq();
        for command in ["subscribe INBOX", "unsubscribe gone"] {
            run(store, account, command).unwrap();
        }
        assert_eq!(modseq(), before);
        run(store, account, "create a").unwrap();
        assert_eq!(modseq().get(), before.get() + 1);
        run(store, account, "create a").unwrap_err();
        assert_eq!(modseq().get(), before.get() + 1);
    });
}

#[test]
fn what_was_told_stays_told_when_inbox_is_renamed() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        for _ in 0..3 {
            store.append(account, inbox, "a: b\r\n\r\n", "").unwrap();
        }
        store.with(account, move |tx| tx.keep_recent(inbox, ids::Uid::new(3))).unwrap();
        store
            .with(account, |tx| tx.rename_mailbox(&mailbox_name("INBOX"), &mailbox_name("old")))
            .unwrap();
        let old = store.mailbox(account, "old");
        assert_eq!(store.read(move |tx| tx.count_recent(old)).unwrap(), 1);
    });
}

#[test]
fn subscribing_does_not_count_rows() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let subscribe =
            |name: &'static str| store.with(account, move |tx| tx.subscribe(&mailbox_name(name)));
        let set = |count: i64| {
            store
                .write(move |tx| {
                    let sql = "UPDATE account SET subscription_count = ?1";
                    tx.sql.execute(sql, &[crate::sql::Value::Int(count)])
                })
                .unwrap();
        };
        let real = 6;
        set(20_000);
        let refused = subscribe("new");
        assert!(matches!(refused, Err(crate::StorageError::Limit { .. })), "{refused:?}");
        subscribe("INBOX").unwrap();
        set(real);
        subscribe("new").unwrap();
        let unsubscribe =
            || store.with(account, |tx| tx.unsubscribe(&mailbox_name("new"))).unwrap();
        assert_eq!([unsubscribe(), unsubscribe()], [true, false]);
    });
}
