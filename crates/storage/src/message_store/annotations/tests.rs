use ids::{AccountId, CollectionId, ModSeq, Uid};

use super::{AnnotationChanges, AnnotationKey};
use crate::testing::{TestStore, mailbox_name, on_both_engines, on_both_engines_with, uids};
use crate::{AclChange, Append, MetadataScope, PreparedMessage, Result, Rights, Stored};

const TEXT: &str = "Subject: x\r\n\r\nbody\r\n";

/// `private /comment` and the like.
fn key(text: &str) -> AnnotationKey {
    let (scope, entry) = text.split_once(' ').unwrap();
    let scope = match scope {
        "private" => MetadataScope::Private,
        _ => MetadataScope::Shared,
    };
    AnnotationKey { entry: entry.to_owned(), scope }
}

fn changes(pairs: &[(&str, Option<&str>)]) -> AnnotationChanges {
    let value = |value: &Option<&str>| value.map(|value| value.as_bytes().to_vec());
    pairs.iter().map(|(name, new)| (key(name), value(new))).collect()
}

fn store_as(
    store: &TestStore,
    (owner, actor): (AccountId, AccountId),
    mailbox: CollectionId,
    set: &str,
    pairs: &[(&str, Option<&str>)],
) -> Result<Stored> {
    let (set, changes) = (uids(set), changes(pairs));
    store.write(move |tx| {
        tx.account_as(owner, actor)?.store_annotations(mailbox, &set, &changes, None)
    })
}

fn set(
    store: &TestStore,
    account: AccountId,
    mailbox: CollectionId,
    uids: &str,
    pairs: &[(&str, Option<&str>)],
) -> Result<Stored> {
    store_as(store, (account, account), mailbox, uids, pairs)
}

/// `uid scope entry=value` of everything `actor` sees.
fn seen(store: &TestStore, actor: AccountId, mailbox: CollectionId) -> Vec<String> {
    let all = Uid::new(1)..=Uid::new(u32::MAX);
    let found = store.read(move |tx| tx.load_annotations(actor, mailbox, all, |_, _, _| true));
    let found = found.unwrap();
    let line = |one: &super::Annotation| {
        let value = String::from_utf8_lossy(&one.value).into_owned();
        format!("{} {:?} {}={value}", one.uid, one.key.scope, one.key.entry)
    };
    found.iter().map(line).collect()
}

fn grant(store: &TestStore, owner: AccountId, mailbox: CollectionId, who: &str, rights: &str) {
    let (who, rights) = (format!("{who}@example.test"), Rights::parse(rights).unwrap());
    store.write(move |tx| tx.set_acl(owner, mailbox, &who, AclChange::Set(rights))).unwrap();
}

fn outcome<T>(result: Result<T>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

fn three(store: &TestStore) -> (AccountId, CollectionId) {
    let account = store.account("julie");
    let inbox = store.mailbox(account, "INBOX");
    for _ in 0..3 {
        store.append(account, inbox, TEXT, "").unwrap();
    }
    (account, inbox)
}

#[test]
fn annotations_are_set_and_removed() {
    on_both_engines(|store| {
        let (julie, inbox) = three(store);
        let pairs = [("private /comment", Some("mine")), ("shared /comment", Some("ours"))];
        let stored = set(store, julie, inbox, "1:2,9", &pairs).unwrap();
        assert_eq!((stored.applied, stored.skipped), (uids("1:2"), uids("")));
        let both = ["1 Private /comment=mine", "1 Shared /comment=ours"];
        assert_eq!(seen(store, julie, inbox)[..2], both);
        set(store, julie, inbox, "1", &[("private /comment", None)]).unwrap();
        set(store, julie, inbox, "2", &[("shared /comment", Some("new"))]).unwrap();
        let rest = ["1 Shared /comment=ours", "2 Private /comment=mine", "2 Shared /comment=new"];
        assert_eq!(seen(store, julie, inbox), rest);
        set(store, julie, inbox, "1", &[("private /comment", Some("again"))]).unwrap();
        assert_eq!(seen(store, julie, inbox)[0], "1 Private /comment=again");
    });
}

#[test]
fn a_change_is_one_of_the_message() {
    on_both_engines(|store| {
        let (julie, inbox) = three(store);
        let facts = |uids: &'static str, pairs: &'static [(&str, Option<&str>)]| {
            store.facts(move |tx| {
                let set = crate::testing::uids(uids);
                let mut tx = tx.account(julie)?;
                tx.store_annotations(inbox, &set, &changes(pairs), None).map(|_| ())
            })
        };
        let note: &[(&str, Option<&str>)] = &[("private /comment", Some("a"))];
        let changed = ["AnnotationsChanged(UidSet { ranges: [(1, 1), (3, 3)] })"];
        assert_eq!(facts("1,3", note), changed);
        // What is so already is no change, and nothing that is not there can be removed.
        assert_eq!(facts("1,3", note), [""; 0]);
        assert_eq!(facts("2", &[("shared /comment", None)]), [""; 0]);
        assert_eq!(facts("1:3", note), ["AnnotationsChanged(UidSet { ranges: [(2, 2)] })"]);
        let modseq = store.read(move |tx| tx.load_mailbox(inbox)).unwrap().highest_modseq;
        let (set, pairs) = (uids("1:3"), changes(&[("private /comment", Some("b"))]));
        let since = Some(ModSeq::new(modseq.get() - 1));
        let stored =
            store.with(julie, move |tx| tx.store_annotations(inbox, &set, &pairs, since)).unwrap();
        assert_eq!((stored.applied, stored.skipped), (uids("1,3"), uids("2")));
        let values = ["1 Private /comment=b", "2 Private /comment=a", "3 Private /comment=b"];
        assert_eq!(seen(store, julie, inbox), values);
    });
}

#[test]
fn a_sweep_before_it_is_not_lost() {
    let sweeping = |settings: &mut crate::Settings| settings.sweep_messages_min = 2;
    on_both_engines_with(sweeping, |store| {
        let (julie, inbox) = three(store);
        let seen = crate::testing::flags("\\Seen");
        let change = crate::FlagChange::Add(seen);
        store.with(julie, move |tx| tx.store_flags(inbox, &uids("1:3"), change, None)).unwrap();
        set(store, julie, inbox, "2", &[("shared /comment", Some("x"))]).unwrap();
        assert_eq!(store.messages(inbox), ["1 (\\Seen)", "2 (\\Seen)", "3 (\\Seen)"]);
    });
}

#[test]
fn everybody_has_private_ones() {
    on_both_engines(|store| {
        let (julie, inbox) = three(store);
        let max = store.account("max");
        let mine = [("private /comment", Some("max"))];
        let ours = [("shared /comment", Some("max"))];
        let as_max = |pairs| outcome(store_as(store, (julie, max), inbox, "1", pairs));
        assert_eq!(as_max(&mine), "mailbox does not exist");
        grant(store, julie, inbox, "max", "lr");
        assert_eq!(as_max(&mine), "ok");
        assert_eq!(as_max(&ours), "not permitted: you have no right to do this");
        grant(store, julie, inbox, "max", "ln");
        assert_eq!(as_max(&mine), "not permitted: you have no right to do this");
        assert_eq!(as_max(&ours), "not permitted: you have no right to do this");
        grant(store, julie, inbox, "max", "lrn");
        assert_eq!(as_max(&ours), "ok");
        set(store, julie, inbox, "1", &[("private /comment", Some("julie"))]).unwrap();
        let julies = ["1 Private /comment=julie", "1 Shared /comment=max"];
        assert_eq!(seen(store, julie, inbox), julies);
        assert_eq!(seen(store, max, inbox), ["1 Private /comment=max", "1 Shared /comment=max"]);
        store.write(move |tx| tx.remove_account(max)).unwrap();
        assert_eq!(seen(store, julie, inbox), julies);
    });
}

#[test]
fn copies_take_along_what_the_one_who_copies_sees() {
    on_both_engines(|store| {
        let (julie, inbox) = three(store);
        let max = store.account("max");
        grant(store, julie, inbox, "max", "lrn");
        for uid in ["1", "3"] {
            let pairs = [("private /comment", Some(uid)), ("shared /comment", Some(uid))];
            set(store, julie, inbox, uid, &pairs).unwrap();
        }
        let theirs = [("private /comment", Some("max"))];
        store_as(store, (julie, max), inbox, "1", &theirs).unwrap();
        set(store, julie, inbox, "3", &[("shared /comment", None)]).unwrap();
        let target = store.mailbox(julie, "Archive");
        store.with(julie, move |tx| tx.copy_messages(inbox, &uids("1,3"), target)).unwrap();
        let copies = ["1 Private /comment=1", "1 Shared /comment=1", "2 Private /comment=3"];
        assert_eq!(seen(store, julie, target), copies);
        assert_eq!(seen(store, max, target), ["1 Shared /comment=1"]);
        // Into an account of one's own, and where only some may be set.
        let own = store.mailbox(max, "INBOX");
        store.write(move |tx| tx.copy_messages_as(max, inbox, &uids("1"), own)).unwrap();
        assert_eq!(seen(store, max, own), ["1 Private /comment=max", "1 Shared /comment=1"]);
        grant(store, julie, target, "max", "li");
        store.write(move |tx| tx.copy_messages_as(max, own, &uids("1"), target)).unwrap();
        assert_eq!(seen(store, julie, target), copies);
        assert_eq!(seen(store, max, target), ["1 Shared /comment=1"]);
        // A move is a copy of which the original is gone.
        store.with(julie, move |tx| tx.move_messages(inbox, &uids("1:2"), target)).unwrap();
        let moved = ["4 Private /comment=1", "4 Shared /comment=1"];
        assert_eq!(seen(store, julie, target)[3..], moved);
        assert_eq!(seen(store, julie, inbox), ["3 Private /comment=3"]);
    });
}

#[test]
fn annotations_go_with_their_messages() {
    on_both_engines(|store| {
        let (julie, inbox) = three(store);
        let note = [("shared /comment", Some("x"))];
        set(store, julie, inbox, "1:3", &note).unwrap();
        let deleted = crate::FlagChange::Add(crate::testing::flags("\\Deleted"));
        store
            .with(julie, move |tx| {
                tx.store_flags(inbox, &uids("1,3"), deleted, None)?;
                tx.expunge(inbox, None)
            })
            .unwrap();
        assert_eq!(seen(store, julie, inbox), ["2 Shared /comment=x"]);
        // RFC 9051 §6.3.6: the messages of INBOX move on with what they have.
        let saved = mailbox_name("Saved");
        store.with(julie, move |tx| tx.rename_mailbox(&mailbox_name("INBOX"), &saved)).unwrap();
        assert_eq!(seen(store, julie, inbox), [""; 0]);
        let saved = store.mailbox(julie, "Saved");
        assert_eq!(seen(store, julie, saved), ["2 Shared /comment=x"]);
        store.with(julie, |tx| tx.delete_mailbox(&mailbox_name("Saved"))).unwrap();
        let left = store
            .read(|tx| tx.sql.query_one("SELECT COUNT(*) FROM annotation", &[], |row| row.int(0)));
        assert_eq!(left.unwrap(), Some(0));
    });
}

#[test]
fn new_messages_come_with_theirs() {
    on_both_engines(|store| {
        let (julie, inbox) = three(store);
        let append = |name: &'static str| {
            store.with(julie, move |tx| {
                let message = PreparedMessage::new(TEXT.into());
                let annotations = changes(&[(name, Some("new")), ("shared /altsubject", None)]);
                tx.append_message(inbox, &message, Append { annotations, ..Append::default() })
            })
        };
        append("private /1/comment").unwrap();
        assert_eq!(seen(store, julie, inbox), ["4 Private /1/comment=new"]);
        assert_eq!(outcome(append("private /1.1/comment")), "body part does not exist");
        assert_eq!(store.messages(inbox).len(), 4);
    });
}

#[test]
fn parts_must_be_there() {
    on_both_engines(|store| {
        let (julie, inbox) = three(store);
        for (name, expect) in [
            ("shared /1/comment", "ok"),
            ("shared /2/comment", "body part does not exist"),
            ("shared /0/comment", "body part does not exist"),
            ("shared /1a/comment", "body part does not exist"),
            ("shared /99999999999/comment", "body part does not exist"),
        ] {
            let found = set(store, julie, inbox, "1:3", &[(name, Some("x"))]);
            assert_eq!(outcome(found), expect, "{name}");
        }
    });
}

#[test]
fn there_is_a_limit_to_them() {
    let tight = |settings: &mut crate::Settings| {
        (settings.annotation_value_bytes_max, settings.annotations_max) = (8, 2);
        settings.annotation_bytes_max = 400;
    };
    on_both_engines_with(tight, |store| {
        let (julie, inbox) = three(store);
        let set = |uids, name, value| {
            outcome(self::set(store, julie, inbox, uids, &[(name, Some(value))]))
        };
        assert_eq!(set("1", "shared /a", "123456789"), "limit of 8 reached: AnnotationValue");
        assert_eq!(set("1", "shared /a", "12345678"), "ok");
        assert_eq!(set("1", "shared /b", ""), "ok");
        assert_eq!(set("1:2", "shared /c", ""), "limit of 2 reached: Annotations");
        assert_eq!(set("1", "shared /a", "again"), "ok");
        assert_eq!(set("1", "private /a", ""), "ok");
        // What was removed makes room, and can be told of for as long as there is some.
        let gone = [("shared /a", None)];
        self::set(store, julie, inbox, "1", &gone).unwrap();
        assert_eq!(set("1", "shared /c", ""), "ok");
        assert_eq!(set("2:3", "shared /a", "1234"), "ok");
        assert_eq!(set("2:3", "shared /b", ""), "limit of 400 reached: AnnotationBytes");
        // The space of one is not that of another.
        assert_eq!(set("2:3", "private /b", ""), "ok");
        let archive = store.mailbox(julie, "Archive");
        let copied = store.with(julie, move |tx| tx.copy_messages(inbox, &uids("1:3"), archive));
        assert_eq!(outcome(copied), "limit of 400 reached: AnnotationBytes");
        store.with(julie, move |tx| tx.move_messages(inbox, &uids("1:3"), archive)).unwrap();
        assert_eq!(seen(store, julie, archive).len(), 7);
    });
}

#[test]
fn what_changed_is_known() {
    on_both_engines(|store| {
        let (julie, inbox) = three(store);
        let max = store.account("max");
        grant(store, julie, inbox, "max", "lrn");
        let before = store.read(move |tx| tx.load_mailbox(inbox)).unwrap().highest_modseq;
        let first = set(store, julie, inbox, "1:2", &[("shared /a", Some("x"))]).unwrap().modseq;
        set(store, julie, inbox, "1", &[("shared /a", None), ("private /b", Some("x"))]).unwrap();
        let changed = |actor, since, own: Vec<ModSeq>| {
            store
                .read(move |tx| {
                    tx.changed_annotations(actor, inbox, &uids("1:3"), since, (&own, 9))
                })
                .unwrap()
                .into_iter()
                .map(|(uid, entry)| format!("{uid} {entry}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(changed(julie, before, Vec::new()), ["1 /a", "1 /b", "2 /a"]);
        assert_eq!(changed(max, before, Vec::new()), ["1 /a", "2 /a"]);
        assert_eq!(changed(julie, first, Vec::new()), ["1 /a", "1 /b"]);
        assert_eq!(changed(max, before, vec![first]), ["1 /a"]);
    });
}

#[test]
fn sizes_and_values_are_known() {
    on_both_engines(|store| {
        let (julie, inbox) = three(store);
        set(store, julie, inbox, "1,3", &[("shared /a", Some("x"))]).unwrap();
        set(store, julie, inbox, "3", &[("private /a", Some("yz"))]).unwrap();
        let all = Uid::new(1)..=Uid::new(9);
        let sizes = store.read(move |tx| tx.annotation_sizes(julie, inbox, all)).unwrap();
        // Each is 64 bytes, its name and its value.
        assert_eq!(sizes, [(Uid::new(1), 67), (Uid::new(3), 67 + 68)]);
        for (name, expect) in [("shared /a", "1=x 3=x"), ("private /a", "3=yz"), ("shared /b", "")]
        {
            let values =
                store.read(move |tx| tx.load_annotation_values(julie, inbox, &key(name))).unwrap();
            let text =
                |(uid, value): &(Uid, Vec<u8>)| format!("{uid}={}", String::from_utf8_lossy(value));
            assert_eq!(values.iter().map(text).collect::<Vec<_>>().join(" "), expect, "{name}");
        }
        let mut asked = Vec::new();
        let found = store.read(move |tx| {
            let found = tx.find_annotated_messages(julie, inbox, |entry, scope, value| {
                asked.push(format!("{entry} {scope:?}"));
                value == b"yz"
            })?;
            Ok((found, asked))
        });
        let (found, asked) = found.unwrap();
        assert_eq!((found, asked.len()), (uids("3"), 3));
    });
}
