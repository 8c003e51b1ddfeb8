//! What one account may take of the disk beside what it sees.

use super::*;
use crate::collection::CopyDepth;

fn version_sizes(store: &TestStore, account: AccountId) -> Vec<i64> {
    store
        .read(move |tx| {
            tx.sql.query_all(
                "SELECT size_bytes FROM object_version WHERE account_id = ?1 ORDER BY until, id",
                &[crate::sql::Value::Int(account.get())],
                |row| row.int(0),
            )
        })
        .unwrap()
}

#[test]
fn the_oldest_versions_make_room() {
    on_both_engines_with(
        |settings| settings.version_bytes_max = 2_500,
        |store| {
            let (julie, paul) = (store.account("julie"), store.account("paul"));
            let other = new_calendar(store, paul, "work");
            put(store, &other, "a", prepared("1", AT_NINE)).unwrap();
            delete(store, &other, "a").unwrap();
            let work = new_calendar(store, julie, "work");
            let mut sizes = Vec::new();
            for n in 0..6_usize {
                let rest = format!("{AT_NINE}SUMMARY:{}\r\n", "x".repeat(n));
                sizes.push(event("1", &rest).len() as i64);
                put(store, &work, "a", prepared("1", &rest)).unwrap();
                delete(store, &work, "a").unwrap();
            }
            // Three of them, each with what it counts for beside its bytes.
            assert_eq!(version_sizes(store, julie), sizes[3..]);
            assert_eq!(version_sizes(store, paul).len(), 1);
            // As much as may be there can be brought back.
            store.with(paul, |tx| tx.set_quota(10_000)).unwrap();
            for _ in 0..6 {
                put(store, &other, "a", prepared("1", AT_NINE)).unwrap();
                delete(store, &other, "a").unwrap();
            }
            assert_eq!(version_sizes(store, paul).len(), 7);
            // A collection that goes leaves no more.
            for name in ["b", "c", "d", "e"] {
                put(store, &work, name, prepared(name, AT_NINE)).unwrap();
            }
            let last = new_calendar(store, julie, "last");
            put(store, &last, "z", prepared("z", AT_NINE)).unwrap();
            store.with(julie, move |tx| tx.delete_collection(&work, &[])).unwrap();
            assert_eq!(version_sizes(store, julie), [event("b", AT_NINE).len() as i64; 3]);
        },
    );
}

#[test]
fn a_copy_of_a_tree_is_bounded() {
    on_both_engines_with(
        |settings| settings.copied_objects_max = 2,
        |store| {
            let julie = store.account("julie");
            let folders = ["a", "a/b"].map(|name| {
                store
                    .with(julie, move |tx| {
                        let name = CollectionName::parse(Home::Files, name)?;
                        let new = NewCollection::new(CollectionKind::Folder);
                        tx.create_collection(&name, &new, &[])
                    })
                    .unwrap()
            });
            let file = |folder: &Collection, name: &str| {
                let limits = ObjectLimits::default();
                let file = PreparedObject::file(b"1".to_vec(), "text/plain".to_owned(), &limits);
                put(store, folder, name, file.unwrap()).unwrap();
            };
            let copy = |to: &'static str, depth: CopyDepth| {
                let from = folders[0].clone();
                store.with(julie, move |tx| {
                    let to = CollectionName::parse(Home::Files, to)?;
                    tx.copy_folder(&from, &to, depth, true, &[])
                })
            };
            file(&folders[0], "1");
            file(&folders[1], "2");
            copy("c", CopyDepth::Infinity).unwrap();
            file(&folders[1], "3");
            let refused = copy("c", CopyDepth::Infinity);
            assert!(matches!(refused, Err(StorageError::Limit { max: 2, .. })), "{refused:?}");
            copy("d", CopyDepth::Zero).unwrap();
        },
    );
}

#[test]
fn properties_count_in_the_quota() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        let other = new_calendar(store, julie, "other");
        let used = || store.read(move |tx| tx.load_account(julie)).unwrap().used_bytes;
        put(store, &work, "a", prepared("1", AT_NINE)).unwrap();
        let size = event("1", AT_NINE).len() as u64;
        let set = |value: Option<&str>| {
            let (work, value) = (work.clone(), value.map(str::to_owned));
            store.with(julie, move |tx| {
                let object = tx.find_object(work.id, "a")?.expect("there");
                let dead = [("{x:}ä".to_owned(), value)];
                tx.update_object_properties(&work, object.id, "a", &dead, &[])
            })
        };
        set(Some("<ä/>")).unwrap();
        assert_eq!(used(), size + 6 + 5);
        store.with(julie, move |tx| tx.set_quota(size + 20)).unwrap();
        assert!(matches!(set(Some(&"x".repeat(15))), Err(StorageError::OverQuota { .. })));
        set(Some(&"x".repeat(14))).unwrap();
        store.with(julie, move |tx| tx.set_quota(2 * size + 20)).unwrap();
        let copy = || {
            let (from, to) = (work.clone(), other.clone());
            store.with(julie, move |tx| {
                let object = tx.find_object(from.id, "a")?.expect("there");
                tx.copy_object(&from, &object, &to, "b", &Condition::default())
            })
        };
        assert!(matches!(copy(), Err(StorageError::OverQuota { .. })));
        store.with(julie, |tx| tx.set_quota(0)).unwrap();
        copy().unwrap();
        assert_eq!(used(), 2 * (size + 20));
        copy().unwrap();
        assert_eq!(used(), 2 * (size + 20));
        let (from, to) = (work.clone(), other.clone());
        let moved = store.with(julie, move |tx| {
            let object = tx.find_object(from.id, "a")?.expect("there");
            tx.move_object(&from, &object, &to, "b", &Condition::default())
        });
        moved.unwrap();
        assert_eq!(used(), size + 20);
        let change = crate::CollectionChange {
            dead: vec![("{x:}a".to_owned(), Some("<a/>".to_owned()))],
            ..crate::CollectionChange::default()
        };
        let id = other.id;
        store.with(julie, move |tx| tx.update_collection(id, &change, &[])).unwrap();
        assert_eq!(used(), size + 20 + 9);
        store.with(julie, move |tx| tx.delete_collection(&other, &[])).unwrap();
        assert_eq!(used(), 0);
        put(store, &work, "a", prepared("1", AT_NINE)).unwrap();
        set(Some("<x/>")).unwrap();
        set(None).unwrap();
        assert_eq!(used(), size);
        set(Some("<x/>")).unwrap();
        delete(store, &work, "a").unwrap();
        assert_eq!(used(), 0);
    });
}
