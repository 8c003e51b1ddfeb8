//! What is stored of keys is what the messages say, whatever becomes of them.

use fastrand::Rng;
use ids::{AccountId, CollectionId, Uid, UidSet};

use super::super::blocks::{self, Block};
use super::super::columns::{Kind, STORED, SortKeys};
use super::super::update::{Sizes, read_keys, sweep, update};
use super::*;
use crate::sql::Value;

const SIZES: Sizes = Sizes { few: 3, most: 40 };

fn store_keys(store: &TestStore, account: AccountId) {
    update(store.inner(), account, &SIZES, &|| false).unwrap();
}

fn all_blocks(store: &TestStore, mailbox: CollectionId) -> Vec<Block> {
    store.read(move |tx| blocks::list(&mut *tx.sql, mailbox, 0)).unwrap()
}

/// All texts and message ids, read as after a start.
fn after_a_start(store: &TestStore, snapshot: &Arc<Snapshot>) -> MailboxKeys {
    store.inner().sort_key_cache().forget();
    let texts = Kind::ALL.into_iter().filter_map(|kind| match kind {
        Kind::Text(text) => Some(text),
        Kind::Rows | Kind::Threads => None,
    });
    let want = SortWant { texts: texts.collect(), collation: STORED, threads: true };
    keys(store.inner(), snapshot, &want)
}

/// The columns of the messages of a snapshot, as bytes.
fn columns(keys: &SortKeys, snapshot: &Snapshot) -> Vec<Vec<u8>> {
    let mut keys = keys.clone();
    keys.retain(snapshot.entries(1..=snapshot.exists()).map(|(_, entry)| entry.uid().get()));
    Kind::ALL.iter().filter_map(|kind| keys.encode(*kind)).collect()
}

/// What is read after a start is what the messages say.
fn check_mailbox(store: &TestStore, snapshot: &Arc<Snapshot>) {
    let found = after_a_start(store, snapshot);
    let mailbox = snapshot.mailbox();
    let made =
        store.read(move |tx| read_keys(&mut *tx.sql, mailbox, (1, u32::MAX.into()), u32::MAX));
    assert_eq!(columns(found.keys(), snapshot), columns(&made.unwrap(), snapshot));
    for (seq, entry) in snapshot.entries(1..=snapshot.exists()) {
        assert_eq!(found.keys().uids()[found.row(seq)], entry.uid().get());
    }
}

fn message(rng: &mut Rng) -> String {
    let word = |rng: &mut Rng| ["a", "b", "\u{e9}t\u{e9}", "long words", ""][rng.usize(..5)];
    let id = |rng: &mut Rng| format!("<{}@x.test>", rng.u8(..12));
    let mut head = format!("Subject: {}{}", ["", "Re: "][rng.usize(..2)], word(rng));
    head += &format!("\r\nFrom: {} <{}@x.test>", word(rng), rng.u8(..5));
    if rng.bool() {
        head += &format!("\r\nMessage-ID: {}", id(rng));
    }
    if rng.bool() {
        head += &format!("\r\nReferences: {} {}", id(rng), id(rng));
    }
    if rng.bool() {
        head += &format!("\r\nDate: Fri, {} Nov 2026 20:00:00 +0100", rng.u8(1..28));
    }
    head
}

fn fill(store: &TestStore, account: AccountId, mailbox: CollectionId, count: usize) {
    let mut rng = Rng::with_seed(count as u64);
    for _ in 0..count {
        append(store, account, mailbox, &message(&mut rng));
    }
}

fn set(uids: std::ops::RangeInclusive<u32>) -> UidSet {
    let mut set = UidSet::new();
    set.insert_range(Uid::new(*uids.start()), Uid::new(*uids.end()));
    set
}

#[test]
fn whatever_happens_what_is_stored_is_right() {
    on_both_engines(|store| {
        let mut rng = testkit::SeededRng::from_env("stored sort keys");
        let account = store.account("julie");
        let mailboxes = ["INBOX", "Archive"].map(|name| store.mailbox(account, name));
        let views =
            mailboxes.map(|mailbox| store.inner().open_view_blocking(account, mailbox).unwrap());
        let mut held = views[0].snapshot();
        for _ in 0..150 {
            let at = rng.usize(..2);
            let (here, there) = (mailboxes[at], mailboxes[1 - at]);
            let last = views[at].snapshot().uid_next().get();
            let first = rng.u32(1..=last);
            let some = set(first..=first + rng.u32(0..6));
            match rng.u8(..12) {
                0..6 => {
                    (0..rng.u8(1..9)).for_each(|_| append(store, account, here, &message(&mut rng)))
                }
                6 => drop(store.with(account, move |tx| tx.copy_messages(here, &some, there))),
                7 => drop(store.with(account, move |tx| tx.move_messages(here, &some, there))),
                8 => drop(store.with(account, move |tx| tx.expunge(here, Some(&some))).unwrap()),
                9 => sweep(store.inner()).unwrap(),
                10 => held = views[0].snapshot(),
                _ => store_keys(store, account),
            }
            for view in &views {
                check_mailbox(store, &view.snapshot());
            }
            let shown = Arc::new(views[0].snapshot().with_expunged_of(&held));
            let found = after_a_start(store, &shown);
            for (seq, entry) in shown.entries(1..=shown.exists()) {
                assert_eq!(found.keys().uids()[found.row(seq)], entry.uid().get());
            }
        }
    });
}

#[test]
fn blocks_are_few_and_have_every_message_once() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        for round in 1..=50u64 {
            fill(store, account, inbox, 3);
            store_keys(store, account);
            let blocks = all_blocks(store, inbox);
            assert_eq!(blocks.iter().map(|block| block.messages).sum::<u64>(), 3 * round);
            assert!(blocks.len() <= 3 * 3 + 3 * round as usize / 10, "{blocks:?}");
            assert!(blocks.iter().all(|block| block.messages <= SIZES.most.into()));
        }
        // Fewer than a block has are left to whoever reads.
        fill(store, account, inbox, 2);
        store_keys(store, account);
        assert_eq!(all_blocks(store, inbox).last().unwrap().last, 150);
    });
}

#[test]
fn messages_are_not_read_where_blocks_have_their_keys() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        fill(store, account, inbox, 50);
        let view = store.inner().open_view_blocking(account, inbox).unwrap();
        let snapshot = view.snapshot();
        let before = columns(after_a_start(store, &snapshot).keys(), &snapshot);
        store_keys(store, account);
        let kept = store.read(|tx| {
            tx.sql.query_all("SELECT id, keys FROM content", &[], |row| {
                Ok((row.int(0)?, row.bytes(1)?.to_vec()))
            })
        });
        let blank = |tx: &mut crate::WriteTx<'_>| {
            tx.sql.execute("UPDATE content SET keys = ?1", &[Value::Bytes(b"")])
        };
        store.write(blank).unwrap();
        assert_eq!(columns(after_a_start(store, &snapshot).keys(), &snapshot), before);
        store
            .write(move |tx| {
                for (id, keys) in kept.unwrap() {
                    let sql = "UPDATE content SET keys = ?2 WHERE id = ?1";
                    tx.sql.execute(sql, &[Value::Int(id), Value::Bytes(&keys)])?;
                }
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn damaged_blocks_are_found_and_made_anew() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let _view = store.inner().open_view_blocking(account, inbox).unwrap();
        for damage in [
            "UPDATE sort_column SET data = ?1 WHERE kind = 1",
            "UPDATE sort_column SET data = ?1 WHERE kind = 0",
            "DELETE FROM sort_column WHERE kind = 7 AND data <> ?1",
            "UPDATE sort_block SET messages = messages + OCTET_LENGTH(?1)",
            "UPDATE sort_block SET first_uid = last_uid + 1 - OCTET_LENGTH(?1)",
        ] {
            fill(store, account, inbox, 7);
            store_keys(store, account);
            assert_eq!(store.inner().check_consistency().unwrap(), []);
            store.write(|tx| tx.sql.execute(damage, &[Value::Bytes(b"\x05")])).unwrap();
            let found = store.inner().check_consistency().unwrap();
            assert!(found.iter().all(|finding| finding.invariant == "sort-block"), "{found:?}");
            assert!(!found.is_empty(), "{damage}");
            let repaired = store.inner().repair().unwrap();
            assert_eq!(
                repaired.iter().map(|kind| kind.invariant).collect::<Vec<_>>(),
                ["sort-block"]
            );
            assert!(all_blocks(store, inbox).is_empty());
        }
        let archive = store.mailbox(account, "Archive");
        let view = store.inner().open_view_blocking(account, archive).unwrap();
        fill(store, account, archive, 7);
        store_keys(store, account);
        let sql = "UPDATE sort_column SET data = ?1 \
                   WHERE block_id IN (SELECT id FROM sort_block WHERE messages = 7)";
        store.write(|tx| tx.sql.execute(sql, &[Value::Bytes(b"")])).unwrap();
        // The third is the fourth block of a size: what is to become one with it cannot be read.
        for _ in 0..3 {
            fill(store, account, archive, 5);
            store_keys(store, account);
        }
        check_mailbox(store, &view.snapshot());
    });
}

#[test]
fn who_comes_upon_a_damaged_block_leaves_a_good_one() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let view = store.inner().open_view_blocking(account, inbox).unwrap();
        for _ in 0..2 {
            fill(store, account, inbox, 40);
            store_keys(store, account);
        }
        let whole = |blocks: &[Block]| {
            let some = blocks.iter().map(|block| (block.last, block.messages));
            some.collect::<Vec<_>>()
        };
        let before = whole(&all_blocks(store, inbox));
        assert_eq!(before, [(40, 40), (80, 40)]);
        for damage in [
            "UPDATE sort_column SET data = ?1 WHERE kind = 1",
            "DELETE FROM sort_column WHERE kind = 7 AND data <> ?1",
            "UPDATE sort_block SET messages = messages + OCTET_LENGTH(?1)",
            "UPDATE sort_block SET first_uid = last_uid + 1 - OCTET_LENGTH(?1) WHERE last_uid = 80",
        ] {
            store.write(|tx| tx.sql.execute(damage, &[Value::Bytes(b"\x05")])).unwrap();
            check_mailbox(store, &view.snapshot());
            let blocks = all_blocks(store, inbox);
            assert_eq!(whole(&blocks), before, "{damage}");
            for block in blocks {
                let read = store.read(move |tx| blocks::read(&mut *tx.sql, &block, &Kind::ALL));
                assert!(read.is_ok(), "{damage}");
            }
            assert_eq!(store.inner().check_consistency().unwrap(), [], "{damage}");
        }
        let cache = store.inner().sort_key_cache();
        assert_eq!([1000, 1000, 1001].map(|id| cache.is_news(id)), [true, false, true]);
    });
}

#[test]
fn what_another_version_stored_is_made_anew() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let view = store.inner().open_view_blocking(account, inbox).unwrap();
        fill(store, account, inbox, 20);
        store_keys(store, account);
        store
            .write(|tx| {
                tx.sql.execute("UPDATE sort_block SET version = 0", &[])?;
                tx.sql.execute("UPDATE sort_column SET data = ?1", &[Value::Bytes(b"")])
            })
            .unwrap();
        check_mailbox(store, &view.snapshot());
        fill(store, account, inbox, 3);
        store_keys(store, account);
        assert!(all_blocks(store, inbox).iter().all(Block::is_current));
        assert_eq!(all_blocks(store, inbox).last().unwrap().last, 23);
        check_mailbox(store, &view.snapshot());
    });
}

#[test]
fn what_is_gone_leaves_with_maintenance() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let view = store.inner().open_view_blocking(account, inbox).unwrap();
        fill(store, account, inbox, 40);
        store_keys(store, account);
        let gone = |uids| {
            store.with(account, move |tx| tx.expunge(inbox, Some(&set(uids)))).unwrap();
            sweep(store.inner()).unwrap();
            check_mailbox(store, &view.snapshot());
            all_blocks(store, inbox).iter().map(|block| block.messages).collect::<Vec<_>>()
        };
        assert_eq!(gone(1..=5), [40], "an eighth may be gone");
        assert_eq!(gone(6..=6), [34]);
        assert_eq!(gone(7..=40), [0; 0]);
    });
}

#[test]
fn blocks_go_with_their_mailbox_and_their_account() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let rows = || {
            let sql = "SELECT COUNT(*) FROM sort_column";
            store.read(|tx| tx.sql.query_one(sql, &[], |row| row.int(0))).unwrap().unwrap()
        };
        for name in ["INBOX", "Archive"] {
            let mailbox = store.mailbox(account, name);
            fill(store, account, mailbox, 5);
        }
        store_keys(store, account);
        assert_eq!(rows(), 16);
        store
            .with(account, |tx| tx.delete_mailbox(&crate::testing::mailbox_name("Archive")))
            .unwrap();
        assert_eq!(rows(), 8);
        store.write(move |tx| tx.remove_account(account)).unwrap();
        assert_eq!(rows(), 0);
    });
}

#[test]
fn who_indexes_stores_keys_with_and_without_a_search_index() {
    for search_index in [true, false] {
        let clock = Arc::new(testkit::ManualClock::default());
        on_both_engines_with(
            |settings| {
                settings.search_index = search_index;
                settings.clock = clock.clone();
            },
            |store| {
                let account = store.account("julie");
                let inbox = store.mailbox(account, "INBOX");
                fill(store, account, inbox, 70);
                store.inner().index_all();
                store.inner().index(&|| false).unwrap();
                assert!(all_blocks(store, inbox).is_empty(), "it waits for more");
                clock.advance_secs(60);
                store.inner().index(&|| false).unwrap();
                assert_eq!(all_blocks(store, inbox).len(), 1);
            },
        );
    }
}
