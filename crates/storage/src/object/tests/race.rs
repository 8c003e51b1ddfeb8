//! What a request read before its transaction began is not what is there any more.

use ids::AccountId;

use super::*;
use crate::collection::CopyDepth;

fn folder(store: &TestStore, account: AccountId, name: &'static str) -> Collection {
    store
        .with(account, move |tx| {
            let name = CollectionName::parse(Home::Files, name)?;
            tx.create_collection(&name, &NewCollection::new(CollectionKind::Folder), &[])
        })
        .unwrap()
}

fn file(store: &TestStore, folder: &Collection, name: &'static str, bytes: &'static str) -> Object {
    let folder = folder.clone();
    store
        .with(folder.account, move |tx| {
            let limits = ObjectLimits::default();
            let object = PreparedObject::file(bytes.into(), "text/plain".to_owned(), &limits);
            let (object, path) = (object.unwrap(), ObjectName::parse(name)?);
            tx.put_object(&folder, &path, &object, &Condition::default())?;
            Ok(tx.find_object(folder.id, name)?.expect("there"))
        })
        .unwrap()
}

fn names(store: &TestStore, folder: &Collection) -> Vec<String> {
    let id = folder.id;
    let objects = store.read(move |tx| tx.list_objects(id)).unwrap();
    objects.into_iter().map(|object| object.name).collect()
}

fn transfer(
    store: &TestStore,
    moves: bool,
    from: &Collection,
    object: &Object,
    to: &Collection,
    name: &'static str,
) -> Result<PutOutcome> {
    let (from, object, to) = (from.clone(), object.clone(), to.clone());
    store.with(from.account, move |tx| match moves {
        true => tx.move_object(&from, &object, &to, name, &Condition::default()),
        false => tx.copy_object(&from, &object, &to, name, &Condition::default()),
    })
}

fn is_gone<T: std::fmt::Debug>(outcome: Result<T>) {
    assert!(matches!(outcome, Err(StorageError::NotFound(_))), "{outcome:?}");
}

#[test]
fn an_object_that_went_meanwhile_is_not_moved() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let (a, b, c) =
            (folder(store, julie, "a"), folder(store, julie, "b"), folder(store, julie, "c"));
        file(store, &b, "x", "what stays");
        let gone = file(store, &a, "x", "gone");
        let from = a.clone();
        store.with(julie, move |tx| tx.delete_object(&from, "x", &Condition::default())).unwrap();
        for moves in [true, false] {
            is_gone(transfer(store, moves, &a, &gone, &b, "x"));
        }
        assert_eq!((names(store, &b), reload(store, &a).objects), (vec!["x".to_owned()], 0));
        // Moved elsewhere it is out of reach, too, and another of its name is another.
        let moved = file(store, &a, "y", "moved");
        transfer(store, true, &a, &moved, &c, "y").unwrap();
        file(store, &a, "y", "another");
        for moves in [true, false] {
            is_gone(transfer(store, moves, &a, &moved, &b, "y"));
        }
        assert_eq!((names(store, &a), names(store, &c)), (vec!["y".into()], vec!["y".to_owned()]));
        // What is counted is what is there now.
        let short = file(store, &a, "z", "1");
        file(store, &a, "z", "12345");
        transfer(store, false, &a, &short, &b, "z").unwrap();
        transfer(store, true, &a, &short, &c, "z").unwrap();
        assert_eq!(reload(store, &c).size_bytes, "moved".len() as u64 + 5);
    });
}

#[test]
fn a_collection_that_moved_meanwhile_is_not_deleted() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let (a, c) = (folder(store, julie, "a"), folder(store, julie, "c"));
        let there = file(store, &a, "x", "1");
        let (from, to) = (a.clone(), CollectionName::parse(Home::Files, "b").unwrap());
        store.with(julie, move |tx| tx.rename_collection(&from, &to, false, &[])).unwrap();
        let old = a.clone();
        is_gone(store.with(julie, move |tx| tx.delete_collection(&old, &[])));
        let (old, to) = (a.clone(), CollectionName::parse(Home::Files, "d").unwrap());
        let name = to.clone();
        is_gone(store.with(julie, move |tx| tx.rename_collection(&old, &to, false, &[])));
        let old = a.clone();
        let copied = store
            .with(julie, move |tx| tx.copy_folder(&old, &name, CopyDepth::Infinity, false, &[]));
        is_gone(copied);
        is_gone(transfer(store, true, &a, &there, &c, "x"));
        let old = a.clone();
        is_gone(store.with(julie, move |tx| tx.delete_object(&old, "x", &Condition::default())));
        assert_eq!(names(store, &a), ["x"]);
    });
}

#[test]
fn properties_of_an_object_that_went_are_not_kept() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let a = folder(store, julie, "a");
        let there = file(store, &a, "x", "1");
        let from = a.clone();
        store.with(julie, move |tx| tx.delete_object(&from, "x", &Condition::default())).unwrap();
        file(store, &a, "x", "2");
        let (from, dead) = (a.clone(), vec![("{x:}a".to_owned(), Some("<a/>".to_owned()))]);
        is_gone(
            store.with(julie, move |tx| {
                tx.update_object_properties(&from, there.id, "x", &dead, &[])
            }),
        );
        let id = a.id;
        let now = store.read(move |tx| tx.find_object(id, "x")).unwrap().expect("there");
        for object in [there.id, now.id] {
            let kept = store.read(move |tx| tx.load_dead_properties(id, Some(object))).unwrap();
            assert_eq!(kept, []);
        }
        assert_eq!(store.read(move |tx| tx.list_objects_with_properties(id)).unwrap(), []);
    });
}

#[test]
fn a_file_does_not_take_the_name_of_a_folder() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let a = folder(store, julie, "a");
        folder(store, julie, "a/b");
        let there = file(store, &a, "x", "1");
        for moves in [true, false] {
            let outcome = transfer(store, moves, &a, &there, &a, "b");
            assert!(matches!(outcome, Err(StorageError::AlreadyExists(_))), "{outcome:?}");
        }
    });
}
