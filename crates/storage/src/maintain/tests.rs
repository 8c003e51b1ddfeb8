use std::path::Path;
use std::sync::Arc;

use ids::{AccountId, CollectionId, ContentId, ModSeq, UidSet};
use message::flag::{Flags, SystemFlags};
use testkit::ManualClock;

use crate::sql::Value;
use crate::testing::{mailbox_name, new_account};
use crate::{
    Append, Blobs, Changes, Database, FlagChange, Maintained, PreparedMessage, Settings, Store,
    Want,
};

mod packs;

const DAY: i64 = 24 * 60 * 60;

struct Fixture {
    store: Store,
    clock: Arc<ManualClock>,
    account: AccountId,
    inbox: CollectionId,
    _folder: tempfile::TempDir,
}

fn on_both_engines(test: impl Fn(&Fixture)) {
    run(Database::Sqlite, |_, _| {}, &test);
    let database = testkit::Postgres::shared().create_database();
    run(Database::Postgres(database.url().to_owned()), |_, _| {}, &test);
}

fn run(database: Database, change: impl Fn(&mut Settings, &Path), test: &impl Fn(&Fixture)) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let mut settings = Settings::new(folder.path(), clock.clone());
    settings.database = database;
    (settings.readers, settings.writers) = (2, 2);
    change(&mut settings, folder.path());
    let store = Store::open(settings).unwrap();
    let account = store.write_blocking("test", |tx| {
        tx.create_domain("example.test")?;
        tx.create_account(new_account("julie@example.test"))
    });
    let account = account.unwrap().value;
    let name = mailbox_name("INBOX");
    let inbox = store.read_blocking(move |tx| tx.find_mailbox(account, &name)).unwrap().unwrap().id;
    let fixture = Fixture { store, clock, account, inbox, _folder: folder };
    test(&fixture);
    assert_eq!(fixture.store.check_consistency().unwrap(), []);
    fixture.store.close();
}

impl Fixture {
    fn append(&self, bytes: Vec<u8>) {
        let (inbox, message) = (self.inbox, Arc::new(PreparedMessage::new(bytes)));
        let copy = message.clone();
        self.store
            .account_write_blocking(self.account, "append", vec![message], move |tx| {
                tx.append_message(inbox, &copy, Append::default())
            })
            .unwrap();
    }

    fn expunge(&self, uids: UidSet) {
        let inbox = self.inbox;
        self.store
            .account_write_blocking(self.account, "expunge", vec![], move |tx| {
                let deleted = Flags::new(SystemFlags::DELETED, Vec::new());
                tx.store_flags(inbox, &uids, FlagChange::Add(deleted), None)?;
                tx.expunge(inbox, Some(&uids))
            })
            .unwrap();
    }

    fn rows(&self) -> (i64, i64, i64) {
        let count = |table: &'static str| {
            self.store
                .read_blocking(move |tx| tx.sql.query_one(table, &[], |row| row.int(0)))
                .unwrap()
                .unwrap()
        };
        (
            count("SELECT COUNT(*) FROM content"),
            count("SELECT COUNT(*) FROM content_header"),
            count("SELECT COUNT(*) FROM blob"),
        )
    }

    fn bodies(&self) -> Vec<Vec<u8>> {
        let ids = self.store.read_blocking(|tx| {
            let sql = "SELECT content_id FROM message ORDER BY uid";
            tx.sql.query_all(sql, &[], |row| Ok(ContentId::new(row.int(0)?)))
        });
        let ids = ids.unwrap();
        let contents = self.store.read_blocking(move |tx| tx.load_contents(&ids, Want::TEXT));
        contents.unwrap().into_iter().map(|content| content.into_text().unwrap()).collect()
    }

    fn packs(&self) -> Vec<u64> {
        let folder = self.store.settings().data_dir.join("blobs");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::metadata(file).unwrap().len()).collect()
    }
}

fn uid(number: u32) -> UidSet {
    [ids::Uid::new(number)].into_iter().collect()
}

fn small(number: usize) -> Vec<u8> {
    format!("Subject: {number}\r\n\r\nbody {number}\r\n").into_bytes()
}

/// Does not compress, and is too large for a row.
fn large(seed: u64) -> Vec<u8> {
    noise(seed, 100_000)
}

/// Does not compress.
fn noise(seed: u64, body_bytes: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut bytes = b"Subject: large\r\n\r\n".to_vec();
    bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(body_bytes));
    bytes
}

#[test]
fn expunged_messages_are_kept_for_their_days_and_then_erased() {
    on_both_engines(|fixture| {
        // Two share a body, and one of these stays.
        for text in [small(1), small(2), small(2), b"Subject: none\r\n\r\n".to_vec()] {
            fixture.append(text);
        }
        fixture.expunge([1, 2, 4].into_iter().map(ids::Uid::new).collect());
        fixture.clock.advance_secs(30 * DAY);
        assert_eq!(fixture.store.maintain().unwrap(), Maintained::default());
        assert_eq!(fixture.rows(), (4, 4, 2));
        fixture.clock.advance_secs(1);
        let done = fixture.store.maintain().unwrap();
        let expected = Maintained { expunged: 3, contents: 3, blobs: 1, ..Maintained::default() };
        assert_eq!(done, expected);
        assert_eq!(fixture.rows(), (1, 1, 1));
        assert_eq!(fixture.bodies(), [b"body 2\r\n"]);
        assert_eq!(fixture.store.maintain().unwrap(), Maintained::default());
    });
}

#[test]
fn the_change_log_says_too_old_below_its_horizon() {
    on_both_engines(|fixture| {
        let account = fixture.account;
        let modseq = || {
            let sql = "SELECT modseq FROM account";
            let read =
                fixture.store.read_blocking(|tx| tx.sql.query_one(sql, &[], |row| row.int(0)));
            ModSeq::new(read.unwrap().unwrap() as u64)
        };
        for number in 0..700 {
            fixture.append(small(number));
        }
        let old = modseq();
        fixture.clock.advance_secs(60 * DAY);
        fixture.append(small(0));
        fixture.clock.advance_secs(1);
        let since = |modseq| {
            let read =
                fixture.store.read_blocking(move |tx| tx.changes_since(account, None, modseq));
            read.unwrap()
        };
        assert!(matches!(since(ModSeq::new(0)), Changes::List(_)));
        assert!(fixture.store.maintain().unwrap().changes >= 700);
        assert_eq!(since(ModSeq::new(old.get() - 1)), Changes::TooOld);
        let Changes::List(left) = since(old) else { panic!("the horizon itself is answered") };
        assert_eq!((left.len(), modseq().get()), (1, old.get() + 1));
        assert_eq!(fixture.store.maintain().unwrap().changes, 0);
    });
}

#[test]
fn a_change_log_of_too_many_facts_loses_the_oldest() {
    on_both_engines(|fixture| {
        let (store, account) = (&fixture.store, fixture.account);
        let other =
            store.write_blocking("test", |tx| tx.create_account(new_account("paul@example.test")));
        let other = other.unwrap().value;
        let logged = |account: AccountId| {
            let sql = "SELECT COUNT(*), MIN(c.modseq), MAX(a.horizon) FROM change c \
                       JOIN account a ON a.id = c.account_id WHERE a.id = ?1";
            let id = [Value::Int(account.get())];
            let read = store.read_blocking(move |tx| {
                tx.sql.query_one(sql, &id, |row| Ok((row.int(0)?, row.int(1)?, row.int(2)?)))
            });
            read.unwrap().unwrap()
        };
        let before = logged(other);
        (0..700).for_each(|number| fixture.append(small(number)));
        let (rows, ..) = logged(account);
        assert!(rows > 700 && before.0 < 20);
        let newest = store.read_blocking(move |tx| crate::feed::read_modseq(&mut *tx.sql, account));
        let newest = newest.unwrap().get().cast_signed();
        let mut cursor = 0;
        let trim = |cursor: &mut i64, max| super::change_log::trim(store, cursor, max).unwrap();
        assert_eq!((trim(&mut cursor, rows), cursor), (0, 0));
        // A call goes on behind the account that the last one counted.
        let mut behind = account.get();
        assert_eq!((trim(&mut behind, 20), behind), (0, 0));
        // More than one slice of them goes.
        assert_eq!(trim(&mut cursor, 20), rows.cast_unsigned() - 20);
        assert_eq!(logged(account), (20, newest - 19, newest - 20));
        assert_eq!(logged(other), before);
        let since = |modseq: i64| {
            let modseq = ModSeq::new(modseq.cast_unsigned());
            store.read_blocking(move |tx| tx.changes_since(account, None, modseq)).unwrap()
        };
        assert_eq!(since(newest - 21), Changes::TooOld);
        assert!(matches!(since(newest - 20), Changes::List(list) if list.len() == 20));
        // What one transaction did goes as a whole.
        let inbox = fixture.inbox;
        store
            .account_write_blocking(account, "test", vec![], move |tx| {
                tx.create_mailbox(&mailbox_name("a"), None)?;
                tx.remove_messages(inbox, &uid(1))
            })
            .unwrap();
        let (rows, ..) = logged(account);
        assert!(rows >= 22);
        trim(&mut cursor, 1);
        let left = store.read_blocking(move |tx| crate::feed::read_modseq(&mut *tx.sql, account));
        assert_eq!(since(newest), Changes::TooOld);
        assert_eq!(since(left.unwrap().get().cast_signed()), Changes::List(vec![]));
    });
}

#[test]
fn what_was_expunged_is_told_until_it_is_forgotten() {
    on_both_engines(|fixture| {
        let (account, inbox) = (fixture.account, fixture.inbox);
        (1..=4).for_each(|number| fixture.append(small(number)));
        let since = |modseq: u64| {
            let modseq = ModSeq::new(modseq);
            let read = fixture.store.read_blocking(move |tx| {
                let now = crate::feed::read_modseq(&mut *tx.sql, account)?;
                Ok((tx.expunged_since(account, inbox, modseq)?, now))
            });
            read.unwrap()
        };
        let (none, before) = since(0);
        let before = before.get();
        assert_eq!(none, Some(UidSet::new()));
        fixture.expunge(uid(2));
        let between = since(before).1.get();
        fixture.expunge(uid(4));
        let both: UidSet = [2, 4].into_iter().map(ids::Uid::new).collect();
        assert_eq!(since(before).0, Some(both));
        assert_eq!(since(between).0, Some(uid(4)));
        assert_eq!(since(since(0).1.get()).0, Some(UidSet::new()));
        fixture.clock.advance_secs(61 * DAY);
        fixture.store.maintain().unwrap();
        assert_eq!(since(before).0, None);
    });
}

#[test]
fn what_a_removed_account_leaves_is_erased() {
    on_both_engines(|fixture| {
        fixture.append(small(1));
        fixture.append(large(1));
        let account = fixture.account;
        fixture.store.write_blocking("test", move |tx| tx.remove_account(account)).unwrap();
        let done = fixture.store.maintain().unwrap();
        assert_eq!((done.contents, done.blobs), (2, 2));
        fixture.clock.advance_secs(61 * DAY);
        assert!(fixture.store.maintain().unwrap().changes > 0);
        assert_eq!(fixture.store.maintain().unwrap(), Maintained::default());
    });
}

#[test]
fn a_body_that_a_transaction_did_not_name_is_erased() {
    on_both_engines(|fixture| {
        let postgres = matches!(fixture.store.settings().database, Database::Postgres(_));
        let unnamed = i64::from(postgres);
        let discard = |bytes: Vec<u8>| {
            let messages = vec![Arc::new(PreparedMessage::new(bytes))];
            fixture
                .store
                .account_write_blocking(fixture.account, "discard", messages, |_| Ok(()))
                .unwrap();
        };
        fixture.append(small(1));
        discard(small(1));
        discard(small(2));
        discard(large(3));
        assert_eq!(fixture.rows(), (1, 1, 1 + 2 * unnamed));
        let done = fixture.store.maintain().unwrap();
        assert_eq!((done.contents, done.blobs), (0, 2 * unnamed.cast_unsigned()));
        assert_eq!(fixture.rows(), (1, 1, 1));
        // What it erased comes again, and stays.
        fixture.append(small(2));
        assert_eq!(fixture.store.maintain().unwrap().blobs, 0);
        assert_eq!(fixture.bodies(), [b"body 1\r\n", b"body 2\r\n"]);
    });
}

#[test]
fn a_body_that_is_about_to_be_named_is_left() {
    on_both_engines(|fixture| {
        let (store, inbox) = (fixture.store.clone(), fixture.inbox);
        let message = Arc::new(PreparedMessage::new(small(1)));
        let (old, new) = (message.clone(), Arc::new(PreparedMessage::new(small(2))));
        store.account_write_blocking(fixture.account, "discard", vec![old], |_| Ok(())).unwrap();
        let erase = {
            let store = store.clone();
            move || {
                let erase = || super::blobs::erase(&store, &mut 0).unwrap();
                std::thread::scope(|scope| scope.spawn(erase).join().unwrap())
            }
        };
        let (first, messages) = (erase.clone(), vec![message.clone(), new.clone()]);
        let erased = store.account_write_blocking(fixture.account, "append", messages, move |tx| {
            // One that is there already and one that nobody else sees yet.
            let erased = first();
            tx.append_message(inbox, &message, Append::default())?;
            tx.append_message(inbox, &new, Append::default())?;
            Ok(erased)
        });
        assert_eq!((erased.unwrap().value, erase()), (0, 0));
        assert_eq!(fixture.rows(), (2, 2, 2));
        assert_eq!(fixture.bodies(), [b"body 1\r\n", b"body 2\r\n"]);
    });
}

#[test]
fn free_pages_are_given_back() {
    run(
        Database::Sqlite,
        |settings, _| settings.inline_bytes_max = usize::MAX,
        &|fixture: &Fixture| {
            (0..40).for_each(|seed| fixture.append(large(seed)));
            fixture.expunge(UidSet::all());
            fixture.clock.advance_secs(31 * DAY);
            let done = fixture.store.maintain().unwrap();
            assert_eq!(done.blobs, 40);
            assert!(done.freed_bytes > 2_500_000, "{done:?}");
        },
    );
}

#[test]
fn large_blobs_live_in_the_object_store() {
    let test = |fixture: &Fixture| {
        let folder = fixture.store.settings().data_dir.join("objects");
        let files = || {
            let count =
                |folder: std::fs::DirEntry| std::fs::read_dir(folder.path()).unwrap().count();
            std::fs::read_dir(&folder).unwrap().map(|entry| count(entry.unwrap())).sum::<usize>()
        };
        fixture.append(small(1));
        assert_eq!(files(), 0);
        for seed in [1, 2, 2] {
            fixture.append(large(seed));
        }
        assert_eq!(files(), 2, "a body that is there is not uploaded again");
        let bodies = fixture.bodies();
        assert_eq!(bodies[1..], [&large(1)[18..], &large(2)[18..], &large(2)[18..]]);
        fixture.expunge(uid(2));
        // Files carry the real time: the clock of the store must be a day past it.
        let real = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
        fixture.clock.set(ids::Timestamp::from_secs(real + 31 * DAY));
        let ancient = fixture.store.maintain().unwrap();
        assert_eq!((ancient.blobs, files()), (1, 1));
        assert_eq!(ancient.freed_bytes, 100_000);
        assert_eq!(fixture.bodies().len(), 3);
    };
    let objects = |settings: &mut Settings, folder: &Path| {
        settings.blobs = Blobs::ObjectStore(format!("file://{}/objects", folder.display()));
    };
    run(Database::Sqlite, objects, &test);
    let database = testkit::Postgres::shared().create_database();
    run(Database::Postgres(database.url().to_owned()), objects, &test);
}
