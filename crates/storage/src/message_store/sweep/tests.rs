use std::collections::BTreeMap;

use ids::{AccountId, CollectionId, ModSeq, Uid};
use message::flag::{Flags, SystemFlags};
use testkit::SeededRng;

use super::Sweeps;
use crate::FlagChange::{self, Add, Remove, Replace};
use crate::testing::{TestStore, flags, mailbox_name, on_both_engines, on_both_engines_with, uids};
use crate::{StorageError, Stored};

const TEXT: &str = "Subject: swept\r\n\r\nbody\r\n";

/// A mailbox with so many messages. Its view is in memory, or it is not.
fn filled(
    store: &TestStore,
    account: AccountId,
    name: &str,
    count: u32,
    view: bool,
) -> CollectionId {
    let name = mailbox_name(name);
    let created = {
        let name = name.clone();
        store.with(account, move |tx| tx.create_mailbox(&name, None))
    };
    let mailbox = created.unwrap().id;
    for _ in 0..count {
        store.append(account, mailbox, TEXT, "").unwrap();
    }
    if view {
        store.mailbox(account, name.as_str());
    }
    mailbox
}

fn store_flags(
    store: &TestStore,
    (account, mailbox): (AccountId, CollectionId),
    set: &str,
    change: &FlagChange,
    since: Option<u64>,
) -> Stored {
    let (set, change, since) = (uids(set), change.clone(), since.map(ModSeq::new));
    store.with(account, move |tx| tx.store_flags(mailbox, &set, change, since)).unwrap()
}

fn sweeps(store: &TestStore, mailbox: CollectionId) -> usize {
    let told = store.read(move |tx| tx.load_mailbox(mailbox)).unwrap().sweeps as usize;
    let held = store.read(move |tx| Ok(Sweeps::load(&mut *tx.sql, mailbox)?.0.len())).unwrap();
    assert_eq!(told, held);
    held
}

#[test]
fn many_are_flagged_as_one_by_one() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let with = filled(store, account, "with a view", 100, true);
        let without = filled(store, account, "without", 100, false);
        let expected = |first: &str, others: &str| -> Vec<String> {
            let of = |uid: u32| format!("{uid} ({})", if uid == 50 { first } else { others });
            (1..=100).map(of).collect()
        };
        for (set, change, fifty, others, swept) in [
            ("1:100", Add(flags("\\Seen")), "\\Seen", "\\Seen", 1),
            ("1:100", Add(flags("\\Seen")), "\\Seen", "\\Seen", 1),
            ("1:100", Add(flags("Work")), "\\Seen Work", "\\Seen Work", 1),
            ("50", Remove(flags("Work")), "\\Seen", "\\Seen Work", 1),
            // No longer alike: a mask beside what was before.
            ("1:100", Add(flags("\\Deleted")), "\\Deleted \\Seen", "\\Deleted \\Seen Work", 2),
            // Nor a mask: in the rows.
            ("1:100", Add(flags("x")), "\\Deleted \\Seen x", "\\Deleted \\Seen Work x", 2),
            ("1:200", Replace(flags("\\Draft")), "\\Draft", "\\Draft", 1),
            ("50", Add(flags("\\Flagged")), "\\Flagged \\Draft", "\\Draft", 1),
            ("1:100", Replace(flags("a b")), "a b", "a b", 1),
        ] {
            for mailbox in [with, without] {
                let stored = store_flags(store, (account, mailbox), set, &change, None);
                assert_eq!(stored.applied, uids(if set == "50" { "50" } else { "1:100" }));
                assert_eq!(store.messages(mailbox), expected(fifty, others), "{set} {change:?}");
                assert_eq!(sweeps(store, mailbox), swept, "{set} {change:?}");
            }
        }
        for mailbox in [with, without] {
            let before = store.read(move |tx| tx.load_mailbox(mailbox)).unwrap();
            assert_eq!((before.unseen, before.deleted), (100, 0));
            // Changed since: all are left alone.
            let since = before.highest_modseq.get() - 1;
            let seen = Add(flags("\\Seen"));
            let stored = store_flags(store, (account, mailbox), "1:100", &seen, Some(since));
            assert_eq!((stored.applied.len(), stored.skipped.len()), (0, 100));
            let stored = store_flags(store, (account, mailbox), "1:100", &seen, Some(since + 1));
            assert_eq!((stored.applied.len(), stored.skipped.len()), (100, 0));
            assert_eq!(store.read(move |tx| tx.load_mailbox(mailbox)).unwrap().unseen, 0);
        }
    });
}

#[test]
fn masks_leave_alone_what_is_as_asked_for() {
    on_both_engines(|store| {
        let account = store.account("julie");
        for (name, view) in [("with a view", true), ("without", false)] {
            let mailbox = filled(store, account, name, 80, view);
            let at = (account, mailbox);
            let first = store_flags(store, at, "7", &Add(flags("\\Seen")), None).modseq;
            let second = store_flags(store, at, "1:1000", &Add(flags("\\Answered")), None);
            assert_eq!(second.applied.len(), 80);
            // Message 9 is flagged, so that they are not alike; 7 and 9 keep their numbers.
            let ninth = store_flags(store, at, "9", &Add(flags("\\Flagged")), None).modseq;
            store_flags(store, at, "1:1000", &Add(flags("\\Answered")), None);
            let third = store_flags(store, at, "1:1000", &Add(flags("\\Flagged")), None).modseq;
            assert!(first < second.modseq && second.modseq < ninth && ninth < third);
            let view = store.inner().open_view_blocking(account, mailbox).unwrap().snapshot();
            let of = |uid| view.by_uid(Uid::new(uid)).unwrap().1;
            assert_eq!((of(7).modseq(), of(9).modseq(), of(80).modseq()), (third, ninth, third));
            assert_eq!(of(7).flags(), &flags("\\Seen \\Answered \\Flagged"));
            assert_eq!(sweeps(store, mailbox), 2);
            // As many as there may be, then all of them go into the rows.
            for round in 0..9 {
                let change = match round % 2 {
                    0 => Add(flags("\\Draft")),
                    _ => Remove(flags("\\Draft")),
                };
                store_flags(store, at, "1:1000", &change, None);
            }
            assert_eq!(sweeps(store, mailbox), 3);
            store.inner().maintain().unwrap();
            assert_eq!(sweeps(store, mailbox), 0);
        }
    });
}

#[test]
fn whatever_becomes_of_messages_they_keep_their_flags() {
    on_both_engines_with(
        |settings| settings.sweep_messages_min = 2,
        |store| {
            let account = store.account("julie");
            let inbox = store.mailbox(account, "INBOX");
            let sweep = |mailbox, names: &str| {
                store_flags(store, (account, mailbox), "1:1000", &Replace(flags(names)), None);
                assert!(sweeps(store, mailbox) > 0);
            };
            for _ in 0..4 {
                store.append(account, inbox, TEXT, "").unwrap();
            }
            sweep(inbox, "\\Seen Work");
            let renamed = mailbox_name("renamed");
            store
                .with(account, move |tx| tx.rename_mailbox(&mailbox_name("INBOX"), &renamed))
                .unwrap();
            let renamed = store.mailbox(account, "renamed");
            let read = ["1 (\\Seen Work)", "2 (\\Seen Work)", "3 (\\Seen Work)", "4 (\\Seen Work)"];
            assert_eq!(store.messages(renamed), read);
            sweep(renamed, "\\Flagged");
            store.with(account, move |tx| tx.copy_messages(renamed, &uids("1:2"), inbox)).unwrap();
            sweep(renamed, "\\Answered");
            store.with(account, move |tx| tx.move_messages(renamed, &uids("3:4"), inbox)).unwrap();
            let copies = ["5 (\\Flagged)", "6 (\\Flagged)", "7 (\\Answered)", "8 (\\Answered)"];
            assert_eq!(store.messages(inbox), copies);
            sweep(inbox, "\\Deleted");
            assert_eq!(store.read(move |tx| tx.sum_deleted(inbox)).unwrap(), 4 * TEXT.len() as u64);
            let gone =
                store.with(account, move |tx| tx.expunge(inbox, Some(&uids("5:7")))).unwrap();
            assert_eq!(gone, uids("5:7"));
            sweep(renamed, "\\Draft");
            store.with(account, |tx| tx.delete_mailbox(&mailbox_name("renamed"))).unwrap();
            let kept = store.read(move |tx| {
                let sql = "SELECT flags FROM expunged ORDER BY mailbox_id, uid";
                tx.sql.query_all(sql, &[], |row| row.int(0))
            });
            assert_eq!(kept.unwrap(), [8, 8, 8, 16, 16]);
            // An account that is removed takes its sweeps along.
            let max = store.account("max");
            let other = filled(store, max, "other", 3, false);
            store_flags(store, (max, other), "1:1000", &Add(flags("\\Seen")), None);
            store.write(move |tx| tx.remove_account(max)).unwrap();
        },
    );
}

#[test]
fn what_came_before_in_a_transaction_is_not_swept_over() {
    on_both_engines_with(
        |settings| settings.sweep_messages_min = 2,
        |store| {
            let account = store.account("julie");
            let inbox = store.mailbox(account, "INBOX");
            for _ in 0..3 {
                store.append(account, inbox, TEXT, "").unwrap();
            }
            store
                .with(account, move |tx| {
                    tx.store_flags(inbox, &uids("2"), Add(flags("\\Seen")), None)?;
                    tx.store_flags(inbox, &uids("1:1000"), Add(flags("\\Flagged")), None)?;
                    tx.store_flags(inbox, &uids("3"), Remove(flags("\\Flagged")), None)?;
                    tx.store_flags(inbox, &uids("1:1000"), Add(flags("x")), None)
                })
                .unwrap();
            assert_eq!(sweeps(store, inbox), 0);
            let expected = ["1 (\\Flagged x)", "2 (\\Flagged \\Seen x)", "3 (x)"];
            assert_eq!(store.messages(inbox), expected);
            store
                .with(account, move |tx| {
                    tx.store_flags(inbox, &uids("1:1000"), Replace(flags("\\Draft")), None)?;
                    tx.store_flags(inbox, &uids("2"), Add(flags("y")), None)?;
                    tx.store_flags(inbox, &uids("1:1000"), Add(flags("\\Seen")), None)
                })
                .unwrap();
            let expected = ["1 (\\Seen \\Draft)", "2 (\\Seen \\Draft y)", "3 (\\Seen \\Draft)"];
            assert_eq!(store.messages(inbox), expected);
        },
    );
}

#[test]
fn keywords_that_were_swept_away_do_not_count() {
    let few = |settings: &mut crate::Settings| {
        (settings.sweep_messages_min, settings.keywords_max) = (2, 2);
    };
    on_both_engines_with(few, |store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        for _ in 0..3 {
            store.append(account, inbox, TEXT, "a b").unwrap();
        }
        store_flags(store, (account, inbox), "1:1000", &Replace(flags("b")), None);
        store_flags(store, (account, inbox), "1:2", &Add(flags("c")), None);
        let refused =
            store.with(account, move |tx| tx.store_flags(inbox, &uids("3"), Add(flags("d")), None));
        assert!(matches!(refused, Err(StorageError::Limit { .. })), "{refused:?}");
        assert_eq!(store.messages(inbox), ["1 (b c)", "2 (b c)", "3 (b)"]);
    });
}

/// One mailbox whose view is followed and one that only its rows tell of, treated alike.
#[test]
fn random_changes_equal_the_model_with_a_view_and_without() {
    const NAMES: [&str; 6] = ["\\Seen", "\\Deleted", "\\Flagged \\Seen", "x", "x \\Draft", ""];
    on_both_engines_with(
        |settings| settings.sweep_messages_min = 8,
        |store| {
            let mut rng = SeededRng::from_env("sweeps");
            let account = store.account("julie");
            let with = filled(store, account, "with a view", 40, true);
            let without = filled(store, account, "without", 40, false);
            let mut model: BTreeMap<u32, Flags> =
                (1..=40).map(|uid| (uid, Flags::default())).collect();
            for _ in 0..150 {
                let (first, last) = match rng.u8(..3) {
                    0 => (1, 100),
                    _ => (rng.u32(1..50), rng.u32(1..50)),
                };
                let set = format!("{}:{}", first.min(last), first.max(last));
                let change = match (rng.u8(..3), flags(NAMES[rng.usize(..NAMES.len())])) {
                    (0, flags) => Add(flags),
                    (1, flags) => Remove(flags),
                    (_, flags) => Replace(flags),
                };
                let step = rng.u8(..20);
                for mailbox in [with, without] {
                    match step {
                        0 => {
                            store.append(account, mailbox, TEXT, "x").unwrap();
                        }
                        1 => {
                            drop(store.with(account, move |tx| tx.expunge(mailbox, None)).unwrap())
                        }
                        2 => drop(store.inner().maintain().unwrap()),
                        _ => drop(store_flags(store, (account, mailbox), &set, &change, None)),
                    }
                }
                match step {
                    0 => {
                        let next = store.read(move |tx| tx.load_mailbox(with)).unwrap().uid_next;
                        model.insert(next.get() - 1, flags("x"));
                    }
                    1 => model.retain(|_, flags| !flags.system.contains(SystemFlags::DELETED)),
                    2 => {}
                    _ => {
                        for (_, flags) in model.range_mut(first.min(last)..=first.max(last)) {
                            *flags = change.applied_to(flags);
                        }
                    }
                }
                let expected: Vec<String> =
                    model.iter().map(|(uid, flags)| format!("{uid} {flags}")).collect();
                assert_eq!(store.messages(with), expected);
                assert_eq!(store.messages(without), expected);
            }
        },
    );
}
