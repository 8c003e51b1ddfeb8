//! Packs that are mostly garbage.

use std::sync::Arc;

use super::{DAY, Fixture, large, noise, run, uid};
use crate::blob::RECORD_HEADER_BYTES;
use crate::sql::Value;
use crate::{Append, Database, PreparedMessage, ReadTx, StorageError};

#[test]
fn packs_that_are_mostly_garbage_are_given_back() {
    run(Database::Sqlite, |_, _| {}, &|fixture: &Fixture| {
        let texts: Vec<_> = (0..5).map(large).collect();
        texts.iter().for_each(|text| fixture.append(text.clone()));
        assert_eq!(fixture.packs().len(), 1);
        let before = fixture.packs()[0];
        fixture.expunge(uid(1));
        fixture.clock.advance_secs(31 * DAY);
        assert_eq!(fixture.store.maintain().unwrap().freed_bytes, 0, "most of it is in use");
        for number in 2..=4 {
            fixture.expunge(uid(number));
        }
        fixture.clock.advance_secs(31 * DAY);
        let old_reader = fixture.store.clone();
        let blob = "SELECT MAX(id) FROM blob";
        let (freed, read) = old_reader
            .read_blocking(|tx| {
                // The snapshot begins with the first read in it.
                let blob = tx.sql.query_one(blob, &[], |row| row.int(0))?.unwrap();
                let freed = std::thread::scope(|scope| {
                    scope.spawn(|| fixture.store.maintain().unwrap().freed_bytes).join().unwrap()
                });
                Ok((freed, tx.blobs.load(&mut *tx.sql, blob)?))
            })
            .unwrap();
        assert_eq!(read, texts[4][18..], "a reader still finds what has moved");
        assert!(freed > 350_000, "{freed}");
        assert_eq!(fixture.packs(), [before - freed]);
        assert_eq!(fixture.bodies(), [&texts[4][18..]]);
        // Appends go on in the new pack.
        fixture.append(large(9));
        assert_eq!(fixture.packs().len(), 1);
        assert_eq!(fixture.store.maintain().unwrap().freed_bytes, 0);
    });
}

#[test]
fn a_pack_that_cannot_be_emptied_keeps_nothing_else() {
    run(Database::Sqlite, |_, _| {}, &|fixture: &Fixture| {
        let store = &fixture.store;
        // Three packs of three bodies; of the first and the last, one stays.
        for pack in 1..=3_u64 {
            (1..=3).for_each(|number| fixture.append(large(10 * pack + number)));
            let retire = |tx: &mut ReadTx<'_>| {
                tx.blobs.packs().unwrap().retire(pack.cast_signed());
                Ok(())
            };
            store.read_blocking(retire).unwrap();
        }
        (0..300).for_each(|seed| fixture.append(noise(100 + seed, 10_000)));
        let gone = (1..=309).filter(|uid| ![3, 9].contains(uid));
        fixture.expunge(gone.map(ids::Uid::new).collect());
        fixture.clock.advance_secs(31 * DAY);
        let body = |seed| large(seed)[18..].to_vec();
        let hash = blake3::hash(&body(13)).as_bytes().to_vec();
        let set_hash = |from: Vec<u8>, to: Vec<u8>| {
            let set = "UPDATE blob SET hash = ?2 WHERE hash = ?1";
            let write = store.write_blocking("test", move |tx| {
                tx.sql.execute(set, &[Value::Bytes(&from), Value::Bytes(&to)])
            });
            assert_eq!(write.unwrap().value, 1);
        };
        let pages = || {
            let read =
                |tx: &mut ReadTx<'_>| tx.sql.query_one("PRAGMA page_count", &[], |row| row.int(0));
            store.read_blocking(read).unwrap().unwrap()
        };
        let record = 100_000 + RECORD_HEADER_BYTES;
        assert_eq!(fixture.packs(), [3 * record; 3]);
        let before = pages();
        // The first one fails whenever it is tried.
        set_hash(hash.clone(), vec![0]);
        let error = store.maintain().unwrap_err();
        assert_eq!(error.to_string(), "stored data is damaged: a blob has no hash");
        assert_eq!(fixture.packs(), [3 * record, record]);
        assert!(pages() < before - 500, "{before} pages, then {}", pages());
        set_hash(vec![0], hash);
        assert_eq!(store.maintain().unwrap().freed_bytes, 2 * record);
        assert_eq!(fixture.packs(), [2 * record]);
        assert_eq!(fixture.bodies(), [body(13), body(33)]);
    });
}

#[test]
fn a_prepared_message_is_stored_again_when_its_pack_is_gone() {
    run(Database::Sqlite, |_, _| {}, &|fixture: &Fixture| {
        let message = Arc::new(PreparedMessage::new(large(1)));
        let store = |fail: bool| {
            let (inbox, copy) = (fixture.inbox, message.clone());
            let messages = vec![message.clone()];
            fixture.store.account_write_blocking(fixture.account, "append", messages, move |tx| {
                tx.append_message(inbox, &copy, Append::default())?;
                if fail { Err(StorageError::Invalid("told to fail")) } else { Ok(()) }
            })
        };
        store(true).unwrap_err();
        assert_eq!(fixture.packs().len(), 1);
        assert!(fixture.store.maintain().unwrap().freed_bytes > 100_000);
        assert_eq!(fixture.packs(), [0; 0]);
        store(false).unwrap();
        assert_eq!(fixture.bodies(), [&large(1)[18..]]);
    });
}

#[test]
fn the_same_message_for_many_is_kept_once() {
    run(Database::Sqlite, |_, _| {}, &|fixture: &Fixture| {
        let inbox = fixture.inbox;
        let messages: Vec<_> =
            [1, 1, 2].map(|seed| Arc::new(PreparedMessage::new(large(seed)))).into();
        let copies = messages.clone();
        fixture
            .store
            .account_write_blocking(fixture.account, "append", messages, move |tx| {
                for message in [&copies[0], &copies[1], &copies[2], &copies[0]] {
                    tx.append_message(inbox, message, Append::default())?;
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(fixture.packs(), [2 * (100_000 + RECORD_HEADER_BYTES)]);
        assert_eq!(fixture.bodies().len(), 4);
    });
}
