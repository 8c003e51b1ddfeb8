//! Many objects at once.

use super::*;
use crate::object::{Duplicates, Imported};

fn import(
    store: &TestStore,
    calendar: &Collection,
    objects: Vec<PreparedObject>,
    duplicates: Duplicates,
) -> Result<Imported> {
    let calendar = calendar.clone();
    store.with(calendar.account, move |tx| {
        tx.check_import(&calendar, &objects, duplicates)?;
        tx.import_objects(&calendar, &objects, duplicates)
    })
}

fn names(store: &TestStore, calendar: &Collection) -> Vec<String> {
    let id = calendar.id;
    let objects = store.read(move |tx| tx.list_objects(id)).unwrap();
    objects.into_iter().map(|object| object.name).collect()
}

#[test]
fn uids_are_kept_and_what_is_there_twice_is_told() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        put(store, &work, "mine.ics", prepared("1", AT_NINE)).unwrap();
        let moved = AT_NINE.replace("0T09", "0T08");
        let file = || {
            let uids = ["1", "2", "a/b", "2", "..ics"];
            uids.map(|uid| prepared(uid, &moved.replace("T09", "T07"))).to_vec()
        };
        let first = import(store, &work, file(), Duplicates::Keep).unwrap();
        let kept = ["1", "2"].map(str::to_owned).to_vec();
        assert_eq!(first, Imported { added: 3, kept, ..Imported::default() });
        let hash = |uid: &str| format!("{}.ics", blake3::hash(uid.as_bytes()).to_hex());
        let mut expected =
            vec!["2.ics".to_owned(), hash("a/b"), hash("..ics"), "mine.ics".to_owned()];
        expected.sort();
        assert_eq!(names(store, &work), expected);
        let again = import(store, &work, file(), Duplicates::Keep).unwrap();
        assert_eq!((again.added, again.kept.len()), (0, 5));
        let over = import(store, &work, file(), Duplicates::Replace).unwrap();
        assert_eq!((over.added, over.replaced, over.kept.len()), (0, 1, 4));
        assert_eq!(etag(store, &work, "mine.ics"), Some(file()[0].etag()));
    });
}

#[test]
fn an_import_that_does_not_fit_writes_nothing() {
    on_both_engines_with(
        |settings| settings.objects_max = 3,
        |store| {
            let julie = store.account("julie");
            let work = new_calendar(store, julie, "work");
            let file = |count: usize| -> Vec<PreparedObject> {
                (0..count).map(|number| prepared(&number.to_string(), AT_NINE)).collect()
            };
            let many = import(store, &work, file(4), Duplicates::Keep);
            assert!(matches!(many, Err(StorageError::Limit { kind: LimitKind::Objects, .. })));
            let size = event("1", AT_NINE).len() as u64;
            store.with(julie, move |tx| tx.set_quota(size * 2)).unwrap();
            let large = import(store, &work, file(3), Duplicates::Keep);
            assert!(matches!(large, Err(StorageError::OverQuota { .. })), "{large:?}");
            assert_eq!(names(store, &work), [""; 0]);
            assert_eq!(import(store, &work, file(2), Duplicates::Keep).unwrap().added, 2);
            // What is there already needs no room.
            assert_eq!(import(store, &work, file(2), Duplicates::Keep).unwrap().kept.len(), 2);
            let tasks = store.with(julie, |tx| {
                let name = CollectionName::parse(Home::Calendars, "tasks")?;
                let mut new = NewCollection::new(CollectionKind::Calendar);
                new.components = crate::Components::TASK;
                tx.create_collection(&name, &new, &[])
            });
            let wrong = import(store, &tasks.unwrap(), file(1), Duplicates::Keep);
            assert!(matches!(wrong, Err(StorageError::Invalid(_))), "{wrong:?}");
        },
    );
}

/// An import comes in several transactions: what the later ones write is known before the first.
#[test]
fn what_takes_the_place_of_others_needs_room_for_what_it_is_larger() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        let file = |text: &str| ["1", "2", "2"].map(|uid| prepared(uid, text)).to_vec();
        let size = event("1", AT_NINE).len() as u64;
        // What stands in the file twice is there once.
        store.with(julie, move |tx| tx.set_quota(size * 2)).unwrap();
        assert_eq!(import(store, &work, file(AT_NINE), Duplicates::Keep).unwrap().added, 2);
        let larger = format!("{AT_NINE}SUMMARY:more\r\n");
        let more = event("1", &larger).len() as u64 - size;
        let check = |quota, duplicates| {
            let (calendar, objects) = (work.clone(), file(&larger));
            store.with(julie, move |tx| {
                tx.set_quota(quota)?;
                tx.check_import(&calendar, &objects, duplicates)
            })
        };
        check(size * 2, Duplicates::Keep).unwrap();
        let refused = check((size + more) * 2 - 1, Duplicates::Replace);
        assert!(matches!(refused, Err(StorageError::OverQuota { .. })), "{refused:?}");
        check((size + more) * 2, Duplicates::Replace).unwrap();
    });
}

#[test]
fn an_import_invites_nobody() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let max = store.account("max");
        let work = new_calendar(store, julie, "work");
        store.with(max, |tx| tx.make_first_collections()).unwrap();
        let meeting = format!(
            "{AT_NINE}ORGANIZER:mailto:julie@example.test\r\nATTENDEE:mailto:max@example.test\r\n"
        );
        let imported = import(store, &work, vec![prepared("m", &meeting)], Duplicates::Keep);
        assert_eq!(imported.unwrap().added, 1);
        for collection in store.read(move |tx| tx.list_collections(max, Home::Calendars)).unwrap() {
            assert_eq!(collection.objects, 0, "{}", collection.name);
        }
    });
}
