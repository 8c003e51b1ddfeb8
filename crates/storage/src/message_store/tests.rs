use ids::{AccountId, CollectionId, ContentId, ModSeq, Uid};

use super::{Append, Copied, Delivery, FlagChange, Placement, PreparedMessage, Want};
use crate::sql::Dialect;
use crate::testing::{TestStore, flags, mailbox_name, on_both_engines, on_both_engines_with, uids};
use crate::{LimitKind, StorageError};

const TEXT: &str = "Subject: x\r\nFrom: a@b.test\r\n\r\nbody\r\n";

/// An account with messages 1 to 5 in INBOX, flagged in turn.
fn five(store: &TestStore) -> (AccountId, CollectionId) {
    let account = store.account("julie");
    let inbox = store.mailbox(account, "INBOX");
    for names in ["", "\\Seen", "\\Deleted", "\\Seen Work", "\\Seen \\Deleted home Work"] {
        store.append(account, inbox, TEXT, names).unwrap();
    }
    (account, inbox)
}

fn contents(store: &TestStore, mailbox: CollectionId) -> Vec<ContentId> {
    let mut found = Vec::new();
    store
        .read(move |tx| {
            tx.load_keys(mailbox, |_, content, keys| {
                message::KeysView::parse(keys).unwrap();
                found.push(content);
                Ok(())
            })?;
            Ok(found)
        })
        .unwrap()
}

fn numbers(copied: &Copied) -> Vec<(u32, u32)> {
    copied.pairs.iter().map(|(from, to)| (from.get(), to.get())).collect()
}

#[test]
fn appended_messages_are_counted() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        let mailbox = store.read(move |tx| tx.load_mailbox(inbox)).unwrap();
        assert_eq!((mailbox.messages, mailbox.unseen, mailbox.deleted), (5, 2, 2));
        assert_eq!(mailbox.size_bytes, TEXT.len() as u64 * 5);
        assert_eq!(mailbox.uid_next, Uid::new(6));
        let account = store.read(move |tx| tx.load_account(account)).unwrap();
        assert_eq!(account.used_bytes, TEXT.len() as u64 * 5);
        assert_eq!(account.modseq, mailbox.highest_modseq);
    });
}

#[test]
fn messages_come_back_bit_for_bit() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let large = format!("Subject: big\r\n\r\n{}", "0123456789abcdef\r\n".repeat(10_000));
        let texts: [&[u8]; 8] = [
            TEXT.as_bytes(),
            b"",
            b"\r\n",
            b"\r\nonly a body",
            b"only: a header\r\n",
            b"no header at all",
            b"a: b\n\nbare line feeds\n\0\xff\xfe",
            large.as_bytes(),
        ];
        for text in texts {
            assert_eq!(PreparedMessage::new(text.to_vec()).size(), text.len() as u64);
            store.append_bytes(account, inbox, text, flags("")).unwrap();
        }
        let mut ids = contents(store, inbox);
        ids.reverse();
        ids.push(*ids.first().unwrap());
        let expect: Vec<&[u8]> = texts.into_iter().rev().chain([large.as_bytes()]).collect();
        let wanted = ids.clone();
        let found = store
            .read(move |tx| tx.load_contents(&wanted, Want::HEADER | Want::TEXT | Want::ENVELOPE))
            .unwrap();
        assert_eq!(found.len(), expect.len());
        for (content, expect) in found.into_iter().zip(expect) {
            let whole = [content.header().unwrap(), content.text().unwrap()].concat();
            assert_eq!(whole, expect);
            assert!(content.envelope().unwrap().starts_with(b"("));
            assert!(content.parts().is_none());
        }
        let last = *ids.last().unwrap();
        assert!(store.read(move |tx| tx.body_text(last)).unwrap().ends_with(b"cdef\r\n"));
        let gone = store.read(|tx| tx.load_contents(&[ContentId::new(999)], Want::KEYS));
        assert!(matches!(gone, Err(StorageError::Expunged)));
        assert!(store.read(|tx| tx.load_contents(&[], Want::TEXT)).unwrap().is_empty());
    });
}

#[test]
fn recipients_share_what_they_receive() {
    on_both_engines(|store| {
        let (julie, paul) = (store.account("julie"), store.account("paul"));
        store
            .write(move |tx| {
                let message = PreparedMessage::new(TEXT.into());
                for account in [julie, paul, julie] {
                    tx.account(account)?.deliver(&message, Delivery::default())?;
                }
                Ok(())
            })
            .unwrap();
        let rows = store.read(|tx| {
            tx.sql.query_one(
                "SELECT (SELECT COUNT(*) FROM message), (SELECT COUNT(*) FROM content), \
                 (SELECT COUNT(*) FROM blob)",
                &[],
                |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)),
            )
        });
        assert_eq!(rows.unwrap(), Some((3, 1, 1)));
        assert_eq!(store.messages(store.mailbox(julie, "INBOX")), ["1 ()", "2 ()"]);
    });
}

#[test]
fn a_detail_names_a_mailbox_if_the_account_asks() {
    on_both_engines(|store| {
        let account = store.account("julie");
        for name in ["Shop", "shop", "Lists/Rust", "Été"] {
            let name = mailbox_name(name);
            store.with(account, move |tx| tx.create_mailbox(&name, None)).unwrap();
        }
        let deliver = |detail: &str| {
            let mailbox = Some(detail.to_owned());
            store
                .with(account, move |tx| {
                    let message = PreparedMessage::new(TEXT.into());
                    tx.deliver(&message, Delivery { mailbox, ..Delivery::default() })
                })
                .unwrap();
            let tree = store.read(move |tx| tx.list_mailboxes(account)).unwrap();
            let mut found = Vec::new();
            for entry in tree.entries {
                let mailbox = entry.mailbox.unwrap_or_else(|| panic!("{} is real", entry.name));
                for _ in 0..mailbox.messages {
                    found.push(entry.name.to_string());
                }
                let id = mailbox.id;
                let change = FlagChange::Add(flags("\\Deleted"));
                store
                    .with(account, move |tx| {
                        tx.store_flags(id, &ids::UidSet::all(), change, None)?;
                        tx.expunge(id, None)
                    })
                    .unwrap();
            }
            found.concat()
        };
        let lists = mailbox_name("Lists");
        store.with(account, move |tx| tx.create_mailbox(&lists, None)).unwrap();
        assert_eq!(deliver("shop"), "INBOX");
        store.with(account, |tx| tx.set_plus_to_mailbox(true)).unwrap();
        for (detail, expect) in [
            ("shop", "shop"),
            ("Shop", "Shop"),
            ("SHOP", "Shop"),
            ("lists/rust", "Lists/Rust"),
            ("E\u{301}t\u{e9}", "Été"),
            ("inbox", "INBOX"),
            ("none", "INBOX"),
            ("", "INBOX"),
            ("a//b", "INBOX"),
            ("%", "INBOX"),
        ] {
            assert_eq!(deliver(detail), expect, "{detail}");
        }
    });
}

#[test]
fn quarantine_is_the_mailbox_for_junk() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let deliver = |mailbox: Option<&str>| {
            let mailbox = mailbox.map(str::to_owned);
            let delivery = Delivery { placement: Placement::Junk, mailbox, ..Delivery::default() };
            store.with(account, move |tx| tx.deliver(&PreparedMessage::new(TEXT.into()), delivery))
        };
        store.with(account, |tx| tx.set_plus_to_mailbox(true)).unwrap();
        let (junk, spam) = (mailbox_name("Junk"), mailbox_name("Spam"));
        store.with(account, move |tx| tx.rename_mailbox(&junk, &spam)).unwrap();
        deliver(None).unwrap();
        // What a stranger wrote behind the plus does not get it out of quarantine.
        deliver(Some("Archive")).unwrap();
        assert_eq!(store.messages(store.mailbox(account, "Spam")), ["1 ()", "2 ()"]);
        let spam = mailbox_name("Spam");
        store.with(account, move |tx| tx.set_special_use(&spam, None)).unwrap();
        deliver(None).unwrap();
        deliver(Some("Archive")).unwrap();
        assert_eq!(store.messages(store.mailbox(account, "INBOX")), ["1 ()"]);
        assert_eq!(store.messages(store.mailbox(account, "Archive")), ["1 ()"]);
    });
}

#[test]
fn copies_keep_flags_and_get_new_uids() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        let archive = store.mailbox(account, "Archive");
        for (set, expect) in [
            ("2:4", &[(2, 1), (3, 2), (4, 3)][..]),
            ("1,5,77", &[(1, 4), (5, 5)]),
            ("1,3,5", &[(1, 6), (3, 7), (5, 8)]),
            ("5:4294967295", &[(5, 9)]),
            ("9:12", &[]),
        ] {
            let set = uids(set);
            let copied = store.with(account, move |tx| tx.copy_messages(inbox, &set, archive));
            assert_eq!(numbers(&copied.unwrap()), expect);
        }
        assert_eq!(
            store.messages(archive),
            [
                "1 (\\Seen)",
                "2 (\\Deleted)",
                "3 (\\Seen Work)",
                "4 ()",
                "5 (\\Deleted \\Seen home Work)",
                "6 ()",
                "7 (\\Deleted)",
                "8 (\\Deleted \\Seen home Work)",
                "9 (\\Deleted \\Seen home Work)",
            ]
        );
        let all = ids::UidSet::all();
        let same = store.with(account, move |tx| tx.copy_messages(inbox, &all, inbox)).unwrap();
        assert_eq!(numbers(&same), [(1, 6), (2, 7), (3, 8), (4, 9), (5, 10)]);
    });
}

#[test]
fn moved_messages_are_in_one_place() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        let archive = store.mailbox(account, "Archive");
        let set = uids("1,4:5");
        let facts = store
            .facts(move |tx| tx.account(account)?.move_messages(inbox, &set, archive).map(drop));
        assert_eq!(
            facts,
            [
                "MessagesAdded(UidSet { ranges: [(1, 3)] })",
                "MessagesExpunged(UidSet { ranges: [(1, 1), (4, 5)] })",
            ]
        );
        assert_eq!(store.messages(inbox), ["2 (\\Seen)", "3 (\\Deleted)"]);
        let moved = ["1 ()", "2 (\\Seen Work)", "3 (\\Deleted \\Seen home Work)"];
        assert_eq!(store.messages(archive), moved);
        let set = uids("2:3");
        let same = store.with(account, move |tx| tx.move_messages(inbox, &set, inbox)).unwrap();
        assert_eq!(numbers(&same), [(2, 6), (3, 7)]);
        assert_eq!(store.messages(inbox), ["6 (\\Seen)", "7 (\\Deleted)"]);
        let kept = store
            .read(|tx| tx.sql.query_one("SELECT COUNT(*) FROM expunged", &[], |row| row.int(0)));
        assert_eq!(kept.unwrap(), Some(0));
    });
}

#[test]
fn another_account_is_out_of_reach() {
    on_both_engines(|store| {
        let (julie, inbox) = five(store);
        let paul = store.account("paul");
        let foreign = store.mailbox(paul, "INBOX");
        let all = ids::UidSet::all;
        let check = |outcome: crate::Result<()>| {
            assert!(matches!(outcome, Err(StorageError::NotFound("mailbox"))));
        };
        check(store.with(julie, move |tx| tx.copy_messages(inbox, &all(), foreign).map(drop)));
        check(store.with(julie, move |tx| tx.copy_messages(foreign, &all(), inbox).map(drop)));
        check(store.with(julie, move |tx| tx.move_messages(inbox, &all(), foreign).map(drop)));
        check(store.with(paul, move |tx| tx.expunge(inbox, None).map(drop)));
        check(store.with(paul, move |tx| {
            tx.store_flags(inbox, &all(), FlagChange::Add(flags("\\Seen")), None).map(drop)
        }));
        check(store.with(paul, move |tx| {
            let message = PreparedMessage::new(TEXT.into());
            tx.append_message(inbox, &message, Append::default()).map(drop)
        }));
    });
}

#[test]
fn flags_are_added_removed_and_replaced() {
    use FlagChange::{Add, Remove, Replace};
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        for (set, change, facts, after) in [
            (
                "1:3",
                Add(flags("\\Seen")),
                "FlagsChanged(UidSet { ranges: [(1, 1), (3, 3)] })",
                "1 (\\Seen),2 (\\Seen),3 (\\Deleted \\Seen),4 (\\Seen Work),\
                 5 (\\Deleted \\Seen home Work)",
            ),
            (
                "1:3",
                Add(flags("\\Seen")),
                "",
                "1 (\\Seen),2 (\\Seen),3 (\\Deleted \\Seen),4 (\\Seen Work),\
                 5 (\\Deleted \\Seen home Work)",
            ),
            (
                "2,4:99",
                Remove(flags("\\Deleted \\Seen")),
                "FlagsChanged(UidSet { ranges: [(2, 2), (4, 5)] })",
                "1 (\\Seen),2 (),3 (\\Deleted \\Seen),4 (Work),5 (home Work)",
            ),
            (
                "1:5",
                Remove(flags("WORK")),
                "FlagsChanged(UidSet { ranges: [(4, 5)] })",
                "1 (\\Seen),2 (),3 (\\Deleted \\Seen),4 (),5 (home)",
            ),
            (
                "1,3,5",
                Add(flags("\\Flagged new")),
                "FlagsChanged(UidSet { ranges: [(1, 1), (3, 3), (5, 5)] })",
                "1 (\\Flagged \\Seen new),2 (),3 (\\Flagged \\Deleted \\Seen new),4 (),\
                 5 (\\Flagged home new)",
            ),
            (
                "2:5",
                Replace(flags("\\Draft Home")),
                "FlagsChanged(UidSet { ranges: [(2, 5)] })",
                "1 (\\Flagged \\Seen new),2 (\\Draft Home),3 (\\Draft Home),4 (\\Draft Home),\
                 5 (\\Draft Home)",
            ),
            (
                "1:3",
                Replace(flags("\\Draft home")),
                "FlagsChanged(UidSet { ranges: [(1, 1)] })",
                "1 (\\Draft home),2 (\\Draft Home),3 (\\Draft Home),4 (\\Draft Home),\
                 5 (\\Draft Home)",
            ),
            (
                "1:5",
                Replace(flags("")),
                "FlagsChanged(UidSet { ranges: [(1, 5)] })",
                "1 (),2 (),3 (),4 (),5 ()",
            ),
            ("6:9", Add(flags("\\Seen")), "", "1 (),2 (),3 (),4 (),5 ()"),
        ] {
            let set = uids(set);
            let found = store.facts(move |tx| {
                tx.account(account)?.store_flags(inbox, &set, change, None).map(drop)
            });
            assert_eq!(found.join(";"), facts);
            assert_eq!(store.messages(inbox).join(","), after);
        }
    });
}

#[test]
fn only_the_messages_asked_for_change() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        for (set, change) in [
            ("1,3,5", FlagChange::Replace(flags("k"))),
            ("2,4", FlagChange::Add(flags("\\Answered"))),
        ] {
            let set = uids(set);
            store.with(account, move |tx| tx.store_flags(inbox, &set, change, None)).unwrap();
        }
        assert_eq!(
            store.messages(inbox),
            ["1 (k)", "2 (\\Answered \\Seen)", "3 (k)", "4 (\\Answered \\Seen Work)", "5 (k)"]
        );
    });
}

#[test]
fn a_conditional_store_leaves_alone_what_changed() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        let load = move || store.read(move |tx| tx.load_mailbox(inbox)).unwrap();
        let before = load().highest_modseq;
        let add = |set: &str, name: &str, since: Option<u64>| {
            let (set, change) = (uids(set), FlagChange::Add(flags(name)));
            let since = since.map(ModSeq::new);
            store.with(account, move |tx| tx.store_flags(inbox, &set, change, since)).unwrap()
        };
        let first = add("2", "\\Answered", None);
        assert_eq!(first.modseq.get(), before.get() + 1);
        for name in ["\\Flagged", "keyword"] {
            let second = add("1:3,9", name, Some(before.get()));
            let applied = if name == "keyword" { "" } else { "1,3" };
            let skipped = if name == "keyword" { "1:3" } else { "2" };
            assert_eq!(second.applied.to_string(), applied, "{name}");
            assert_eq!(second.skipped.to_string(), skipped, "{name}");
        }
        assert_eq!(
            store.messages(inbox)[..3],
            ["1 (\\Flagged)", "2 (\\Answered \\Seen)", "3 (\\Flagged \\Deleted)"]
        );
        let unchanged = load().highest_modseq;
        let third = add("1:3", "\\Flagged", Some(0));
        assert_eq!((third.applied.to_string().as_str(), third.modseq), ("", unchanged));
        let fourth = add("1,3", "\\Flagged", None);
        assert_eq!((fourth.applied.to_string().as_str(), fourth.modseq), ("1,3", unchanged));
        assert_eq!(load().highest_modseq, unchanged);
        let keyword = add("4:5", "keyword", Some(before.get()));
        assert_eq!(keyword.applied.to_string(), "4:5");
    });
}

#[test]
fn deleted_messages_are_expunged() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        let expunge = |set: Option<&str>| {
            let set = set.map(uids);
            let gone = store.with(account, move |tx| tx.expunge(inbox, set.as_ref()));
            gone.unwrap().to_string()
        };
        assert_eq!(expunge(Some("1:2")), "");
        assert_eq!(expunge(Some("1,4,5")), "5");
        assert_eq!(store.messages(inbox).len(), 4);
        assert_eq!(expunge(None), "3");
        assert_eq!(expunge(None), "");
        assert_eq!(store.messages(inbox), ["1 ()", "2 (\\Seen)", "4 (\\Seen Work)"]);
        let account = store.read(move |tx| tx.load_account(account)).unwrap();
        assert_eq!((account.used_bytes, account.messages), (TEXT.len() as u64 * 3, 3));
        let kept = store.read(|tx| {
            tx.sql.query_all(
                "SELECT uid, keywords, mailbox_name FROM expunged ORDER BY uid",
                &[],
                |row| Ok(format!("{} {} {}", row.int(0)?, row.text(1)?, row.text(2)?)),
            )
        });
        assert_eq!(kept.unwrap(), ["3  INBOX", "5 home Work INBOX"]);
    });
}

#[test]
fn messages_with_an_open_end_are_known() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let archive = store.mailbox(account, "Archive");
        let open = |mailbox| store.read(move |tx| tx.open_ended(mailbox)).unwrap().to_string();
        assert_eq!(open(inbox), "");
        let large = "x".repeat(100_000);
        for text in [
            "",
            "a",
            "a: b\r\n",
            "\r\n",
            "\r\n\n",
            "a: b\r\n\r\nc\r",
            "\r\n\r\nc\r\n",
            &large,
            TEXT,
        ] {
            store.append(account, inbox, text, "").unwrap();
        }
        assert_eq!(open(inbox), "2,5:6,8");
        store.with(account, move |tx| tx.copy_messages(inbox, &uids("1:3"), archive)).unwrap();
        assert_eq!(open(archive), "2");
        store.with(account, move |tx| tx.remove_messages(inbox, &uids("2,8"))).unwrap();
        assert_eq!(open(inbox), "5:6");
    });
}

#[test]
fn messages_are_removed_whatever_their_flags() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        let remove = |set: &str| {
            let set = uids(set);
            let gone = store.with(account, move |tx| tx.remove_messages(inbox, &set));
            gone.unwrap().to_string()
        };
        assert_eq!(remove(""), "");
        assert_eq!(remove("7:9"), "");
        assert_eq!(remove("1,3,5:9"), "1,3,5");
        assert_eq!(remove("1,3"), "");
        assert_eq!(store.messages(inbox), ["2 (\\Seen)", "4 (\\Seen Work)"]);
        let mailbox = store.read(move |tx| tx.load_mailbox(inbox)).unwrap();
        assert_eq!((mailbox.messages, mailbox.unseen, mailbox.deleted), (2, 0, 0));
        let kept = store.read(|tx| {
            tx.sql.query_all("SELECT uid FROM expunged ORDER BY uid", &[], |row| row.int(0))
        });
        assert_eq!(kept.unwrap(), [1, 3, 5]);
    });
}

#[test]
fn uids_are_never_given_out_again() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        let all = ids::UidSet::all;
        let change = FlagChange::Add(flags("\\Deleted"));
        store.with(account, move |tx| tx.store_flags(inbox, &all(), change, None)).unwrap();
        store.with(account, move |tx| tx.expunge(inbox, None)).unwrap();
        assert_eq!(store.append(account, inbox, TEXT, "").unwrap().uid, Uid::new(6));
        let archive = store.mailbox(account, "Archive");
        store.with(account, move |tx| tx.move_messages(inbox, &all(), archive)).unwrap();
        store.with(account, move |tx| tx.move_messages(archive, &all(), inbox)).unwrap();
        assert_eq!(store.messages(inbox), ["7 ()"]);
        // A transaction that fails gives back what it took: nobody saw it.
        let message = PreparedMessage::new(TEXT.into());
        let failed = store.with(account, move |tx| {
            tx.append_message(inbox, &message, Append::default())?;
            tx.delete_mailbox(&mailbox_name("INBOX"))
        });
        assert!(failed.is_err());
        assert_eq!(store.append(account, inbox, TEXT, "").unwrap().uid, Uid::new(8));
    });
}

#[test]
fn the_last_uid_ends_a_mailbox() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        let archive = store.mailbox(account, "Archive");
        store
            .write(|tx| {
                tx.sql
                    .execute("UPDATE mailbox SET uid_next = 4294967293 WHERE name = 'Archive'", &[])
            })
            .unwrap();
        let copy = |set: &str| {
            let set = uids(set);
            store.with(account, move |tx| tx.copy_messages(inbox, &set, archive))
        };
        assert!(matches!(copy("1:3"), Err(StorageError::Limit { kind: LimitKind::Uids, .. })));
        assert_eq!(numbers(&copy("1").unwrap()), [(1, 4_294_967_293)]);
        assert_eq!(store.append(account, archive, TEXT, "").unwrap().uid.get(), 4_294_967_294);
        let full = store.append(account, archive, TEXT, "");
        assert!(matches!(full, Err(StorageError::Limit { kind: LimitKind::Uids, .. })));
    });
}

#[test]
fn a_mailbox_knows_so_many_keywords() {
    on_both_engines_with(
        |settings| settings.keywords_max = 3,
        |store| {
            let (account, inbox) = five(store);
            let archive = store.mailbox(account, "Archive");
            let refused = |outcome: crate::Result<()>| {
                let limit = matches!(
                    outcome,
                    Err(StorageError::Limit { kind: LimitKind::Keywords, max: 3 })
                );
                assert!(limit || outcome.is_ok(), "{outcome:?}");
                limit
            };
            let add = |names: &str| {
                let change = FlagChange::Add(flags(names));
                refused(store.with(account, move |tx| {
                    tx.store_flags(inbox, &uids("1"), change, None).map(drop)
                }))
            };
            assert!(add("third fourth"));
            assert!(!add("third WORK"));
            assert!(add("fourth"));
            assert!(!add("HOME third Work"));
            assert!(refused(store.append(account, inbox, TEXT, "fourth").map(drop)));
            store.append(account, archive, TEXT, "x").unwrap();
            let copy = |set: &str| {
                let set = uids(set);
                refused(
                    store.with(account, move |tx| tx.copy_messages(inbox, &set, archive).map(drop)),
                )
            };
            assert!(copy("1"));
            assert!(!copy("5"));
            assert!(!copy("4"));
        },
    );
}

/// Keywords of 64 bytes, from one number up to another.
fn long_keywords(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("{number:064}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_keywords_of_a_message_have_a_length() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        let store_flags = |set: &str,
                           change: fn(message::flag::Flags) -> FlagChange,
                           names: &str| {
            let (set, change) = (uids(set), change(flags(names)));
            let stored =
                store.with(account, move |tx| tx.store_flags(inbox, &set, change, None).map(drop));
            match stored {
                Err(StorageError::Limit { kind: LimitKind::KeywordBytes, max: 16_384 }) => false,
                other => other.map(|()| true).unwrap(),
            }
        };
        let keywords = |at: usize| {
            let line = store.messages(inbox).swap_remove(at - 1);
            let (_, names) = line.split_once(' ').unwrap();
            flags(names.trim_matches(['(', ')'])).keyword_bytes()
        };
        // 252 names of 64 bytes and the blanks between them.
        assert!(store_flags("1", FlagChange::Replace, &long_keywords(0..252)));
        assert_eq!(keywords(1), 252 * 65 - 1);
        assert!(!store_flags("1:5", FlagChange::Add, "one_more"));
        assert_eq!((keywords(1), keywords(2)), (252 * 65 - 1, 0));
        assert!(!store_flags("2", FlagChange::Replace, &long_keywords(0..253)));
        assert!(store_flags("1:5", FlagChange::Add, "\\Seen"));
        assert!(store_flags("1", FlagChange::Remove, &long_keywords(1..3)));
        assert!(store_flags("1:5", FlagChange::Add, "one_more"));
        let refused = store.append(account, inbox, TEXT, &long_keywords(0..253)).unwrap_err();
        assert!(matches!(refused, StorageError::Limit { kind: LimitKind::KeywordBytes, .. }));
        store.append(account, inbox, TEXT, &long_keywords(0..252)).unwrap();
    });
}

#[test]
fn too_large_a_message_is_refused() {
    on_both_engines_with(
        |settings| settings.message_bytes_max = TEXT.len() as u64,
        |store| {
            let account = store.account("julie");
            let inbox = store.mailbox(account, "INBOX");
            store.append(account, inbox, TEXT, "").unwrap();
            let refused = store.append(account, inbox, &format!("{TEXT}x"), "").unwrap_err();
            let expect =
                format!("{} bytes are more than the {} allowed", TEXT.len() + 1, TEXT.len());
            assert_eq!(refused.to_string(), expect);
        },
    );
}

#[test]
fn one_transaction_has_one_number() {
    on_both_engines(|store| {
        let (account, inbox) = five(store);
        let before = store.read(move |tx| tx.load_account(account)).unwrap().modseq;
        store
            .with(account, move |tx| {
                let message = PreparedMessage::new(TEXT.into());
                tx.append_message(inbox, &message, Append::default())?;
                tx.create_mailbox(&mailbox_name("a"), None)?;
                let change = FlagChange::Add(flags("\\Flagged"));
                tx.store_flags(inbox, &uids("1:2"), change, None)?;
                tx.expunge(inbox, None)
            })
            .unwrap();
        let after = store.read(move |tx| tx.load_account(account)).unwrap().modseq;
        assert_eq!(after.get(), before.get() + 1);
        let changes = store.read(move |tx| tx.changes_since(account, None, before)).unwrap();
        let crate::Changes::List(changes) = changes else { panic!("the log reaches back") };
        assert!(changes.iter().all(|change| change.modseq == after));
        assert_eq!(changes.len(), 5);
    });
}

#[test]
fn a_delivery_is_few_statements() {
    on_both_engines(|store| {
        let (account, _) = five(store);
        let (statements, dialect) = store
            .write(move |tx| {
                let message = PreparedMessage::new(TEXT.replace("body", "another").into());
                let mut counting = crate::testing::Counting { sql: &mut *tx.read.sql, count: 0 };
                let blobs = tx.read.blobs;
                let read = crate::ReadTx {
                    sql: &mut counting,
                    blobs,
                    contents: None,
                    index: None,
                    others_max: 0,
                };
                let mut inner = crate::WriteTx::new(read, tx.now, tx.settings, None);
                inner.account(account)?.deliver(&message, Delivery::default())?;
                let published = inner.into_publication();
                let found = (counting.count, counting.sql.dialect());
                (tx.changes, tx.deltas) = (published.changes, published.deltas);
                tx.modseqs = published.modseqs;
                Ok(found)
            })
            .unwrap();
        // The embedded engine looks for the blob first, and reads the two rows it counts in by
        // themselves, which costs it no round trip.
        let more = if dialect == Dialect::Sqlite { 3 } else { 0 };
        assert!(statements <= 8 + more, "{statements}");
    });
}

#[test]
fn bodies_are_read_with_one_query() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        // Two with one body, one without, one too large for a row of SQLite.
        let noise: String = (0..40_000u32).map(|n| char::from(33 + (n * n % 89) as u8)).collect();
        let noise = format!("{noise}{}", "x".repeat(3));
        let bodies = ["same", "same", "", "other", &noise];
        for (number, body) in bodies.iter().enumerate() {
            store.append(account, inbox, &format!("a: {number}\r\n\r\n{body}"), "").unwrap();
        }
        let (texts, count) = store
            .read(move |tx| {
                let ids = tx.sql.query_all(
                    "SELECT content_id FROM message ORDER BY uid",
                    &[],
                    |row| Ok(ids::ContentId::new(row.int(0)?)),
                )?;
                let mut counting = crate::testing::Counting { sql: &mut *tx.sql, count: 0 };
                let blobs = tx.blobs;
                let mut tx = crate::ReadTx {
                    sql: &mut counting,
                    blobs,
                    contents: None,
                    index: None,
                    others_max: 0,
                };
                let contents = tx.load_contents(&ids, crate::Want::TEXT)?;
                let texts: Vec<String> = contents
                    .into_iter()
                    .map(|content| String::from_utf8(content.into_text().unwrap()).unwrap())
                    .collect();
                Ok((texts, counting.count))
            })
            .unwrap();
        assert_eq!(texts, bodies_of(&noise));
        assert!(count <= 3, "{count}");
    });
}

fn bodies_of(noise: &str) -> [String; 5] {
    ["same", "same", "", "other", noise].map(str::to_owned)
}

#[test]
fn moving_into_junk_and_out_of_it_teaches() {
    use crate::{Lesson, LessonKind};
    on_both_engines_with(
        |settings| settings.lessons = true,
        |store| {
            let (account, inbox) = five(store);
            let [junk, trash] = ["Junk", "Trash"].map(|name| store.mailbox(account, name));
            let all = contents(store, inbox);
            let go = |from, which: &'static str, to| {
                store.with(account, move |tx| tx.move_messages(from, &uids(which), to)).unwrap();
            };
            go(inbox, "1", junk);
            store.with(account, move |tx| tx.copy_messages(inbox, &uids("2"), junk)).unwrap();
            go(junk, "1", trash);
            go(junk, "2", inbox);
            for (names, which) in [("$Junk", "3"), ("$NotJunk", "4"), ("Work", "3"), ("$Junk", "3")]
            {
                let change = FlagChange::Add(flags(names));
                store
                    .with(account, move |tx| tx.store_flags(inbox, &uids(which), change, None))
                    .unwrap();
            }
            let notices = store.inner().lesson_notices();
            let lesson = |at: usize, kind| Lesson { content: all[at], kind };
            for expect in [
                lesson(0, LessonKind::Spam),
                lesson(1, LessonKind::Spam),
                lesson(1, LessonKind::Ham),
                lesson(2, LessonKind::Spam),
                lesson(3, LessonKind::Ham),
            ] {
                assert_eq!(notices.try_next(), Some(expect));
            }
            assert_eq!(notices.try_next(), None);
        },
    );
}
