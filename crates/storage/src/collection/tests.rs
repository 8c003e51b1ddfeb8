use ids::AccountId;

mod guests;
mod homes;
mod invitations;
mod outsiders;
mod proxies;
mod public;

use super::*;
use crate::StorageError;
use crate::object::{Condition, ObjectLimits, PreparedObject};
use crate::testing::{TestStore, on_both_engines};

fn calendars(store: &TestStore, account: AccountId) -> Vec<String> {
    let list = store.read(move |tx| tx.list_collections(account, Home::Calendars)).unwrap();
    list.into_iter().map(|collection| collection.name).collect()
}

fn calendar(store: &TestStore, account: AccountId, name: &'static str) -> Collection {
    store
        .with(account, move |tx| {
            let name = CollectionName::parse(Home::Calendars, name)?;
            tx.create_collection(&name, &NewCollection::new(CollectionKind::Calendar), &[])
        })
        .unwrap()
}

#[test]
fn the_first_collections_are_made_once() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        assert!(!store.read(move |tx| tx.has_collections(julie)).unwrap());
        for _ in 0..2 {
            store.with(julie, |tx| tx.make_first_collections()).unwrap();
        }
        assert_eq!(calendars(store, julie), ["inbox", "notifications", "personal"]);
        let first = store.read(move |tx| tx.find_collection(julie, Home::Calendars, "personal"));
        let first = first.unwrap().unwrap();
        assert_eq!(store.read(move |tx| tx.default_calendar(julie)).unwrap(), Some(first.id));
        // Collections and mailboxes never share a number.
        assert!(first.id.get() > 1 << 40);

        // The calendar for invitations passes its part on, and the last one stays.
        let gone = first.clone();
        let refused = store.with(julie, move |tx| tx.delete_collection(&gone, &[]));
        assert!(matches!(refused, Err(StorageError::InUse(_))));
        let work = calendar(store, julie, "work");
        store.with(julie, move |tx| tx.delete_collection(&first, &[])).unwrap();
        assert_eq!(store.read(move |tx| tx.default_calendar(julie)).unwrap(), Some(work.id));
        store.with(julie, |tx| tx.make_first_collections()).unwrap();
        assert_eq!(calendars(store, julie), ["inbox", "notifications", "work"]);
        store.write(move |tx| tx.remove_account(julie)).unwrap();
    });
}

#[test]
fn properties_are_set_and_removed() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = calendar(store, julie, "work");
        let id = work.id;
        let change = CollectionChange {
            display_name: Some(Some("Arbeit".to_owned())),
            color: Some(Some("#FF0000".to_owned())),
            sort_order: Some(Some(7)),
            dead: vec![("{x:}a".to_owned(), Some("<a xmlns=\"x:\"/>".to_owned()))],
            ..CollectionChange::default()
        };
        store.with(julie, move |tx| tx.update_collection(id, &change, &[])).unwrap();
        let found = store.read(move |tx| tx.load_collection(id)).unwrap();
        assert_eq!(found.display_name.as_deref(), Some("Arbeit"));
        assert_eq!((found.color.as_deref(), found.sort_order), (Some("#FF0000"), Some(7)));
        assert!(found.highest_modseq > work.highest_modseq);
        let dead = store.read(move |tx| tx.load_dead_properties(id, None)).unwrap();
        assert_eq!(dead.len(), 1);

        let change = CollectionChange {
            display_name: Some(None),
            dead: vec![("{x:}a".to_owned(), None)],
            ..CollectionChange::default()
        };
        store.with(julie, move |tx| tx.update_collection(id, &change, &[])).unwrap();
        let found = store.read(move |tx| tx.load_collection(id)).unwrap();
        assert_eq!((found.display_name, found.sort_order), (None, Some(7)));
        assert_eq!(store.read(move |tx| tx.load_dead_properties(id, None)).unwrap(), []);

        // All or none.
        let change = CollectionChange {
            display_name: Some(Some("x".repeat(1025))),
            sort_order: Some(Some(9)),
            ..CollectionChange::default()
        };
        let refused = store.with(julie, move |tx| tx.update_collection(id, &change, &[]));
        assert!(matches!(refused, Err(StorageError::TooBig { .. })));
        let dead = (0..101).map(|n| (format!("{{x:}}p{n}"), Some("<p/>".to_owned()))).collect();
        let change = CollectionChange { dead, ..CollectionChange::default() };
        let refused = store.with(julie, move |tx| tx.update_collection(id, &change, &[]));
        assert!(matches!(refused, Err(StorageError::Limit { max: 100, .. })));
        assert_eq!(store.read(move |tx| tx.load_collection(id)).unwrap().sort_order, Some(7));
    });
}

#[test]
fn others_see_what_is_shared_with_them() {
    on_both_engines(|store| {
        let (julie, paul) = (store.account("julie"), store.account("paul"));
        let work = calendar(store, julie, "work");
        let put = {
            let work = work.clone();
            move |tx: &mut crate::WriteTx<'_>| {
                let text = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\n\
                    DTSTART:20260101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
                let object = PreparedObject::calendar(text.to_vec(), &ObjectLimits::default());
                let name = ObjectName::parse("a.ics")?;
                let mut tx = tx.account_as(julie, paul)?;
                tx.put_object(&work, &name, &object.unwrap(), &Condition::default()).map(drop)
            }
        };
        for (rights, outcome) in [
            (CollectionRights::NONE, "collection does not exist"),
            (CollectionRights::FREE_BUSY, "collection does not exist"),
            (CollectionRights::READ, "not permitted: you have no right to do this"),
            (CollectionRights::WRITE, ""),
        ] {
            let id = work.id;
            store.with(julie, move |tx| tx.share_collection(id, paul, rights)).unwrap();
            let text = store.write(put.clone()).err().map(|error| error.to_string());
            assert_eq!(text.unwrap_or_default(), outcome, "{rights:?}");
            let seen = store.read(move |tx| tx.list_shared_collections(paul, Home::Calendars));
            assert_eq!(seen.unwrap().len(), usize::from(!rights.is_empty()));
            let shared = work.clone();
            let found = store.read(move |tx| tx.collection_rights(paul, &shared)).unwrap();
            assert_eq!(found, rights);
        }
        // R-ADDR-12
        store.with(julie, |tx| tx.set_maintenance(true)).unwrap();
        let shared = work.clone();
        let found = store.read(move |tx| tx.collection_rights(paul, &shared)).unwrap();
        assert!(found.is_empty());
        // Rights go with whoever has them.
        store.write(move |tx| tx.remove_account(paul)).unwrap();
        let id = work.id;
        assert_eq!(store.read(move |tx| tx.list_collection_shares(id)).unwrap(), []);
    });
}

#[test]
fn folders_are_moved_and_copied_whole() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let folder = |name: &'static str| {
            store.with(julie, move |tx| {
                let name = CollectionName::parse(Home::Files, name)?;
                tx.create_collection(&name, &NewCollection::new(CollectionKind::Folder), &[])
            })
        };
        let names = || {
            let list = store.read(move |tx| tx.list_folders_below(julie, "")).unwrap();
            list.into_iter().map(|one| format!("{} {}", one.name, one.objects)).collect::<Vec<_>>()
        };
        assert!(matches!(folder("a/b"), Err(StorageError::Conflict(_))));
        let a = folder("a").unwrap();
        let b = folder("a/b").unwrap();
        assert!(matches!(folder("a/b"), Err(StorageError::AlreadyExists(_))));
        let to = b.clone();
        store
            .with(julie, move |tx| {
                let file = PreparedObject::file(
                    b"x".to_vec(),
                    "text/plain".to_owned(),
                    &ObjectLimits::default(),
                );
                let name = ObjectName::parse("f")?;
                tx.put_object(&to, &name, &file.unwrap(), &Condition::default())
            })
            .unwrap();
        let from = a.clone();
        let copied = store.with(julie, move |tx| {
            let to = CollectionName::parse(Home::Files, "c")?;
            tx.copy_folder(&from, &to, CopyDepth::Infinity, false, &[])
        });
        assert!(!copied.unwrap());
        assert_eq!(names(), ["a 0", "a/b 1", "c 0", "c/b 1"]);
        for (name, overwrite, good) in
            [("a/x", true, false), ("c", false, false), ("a", true, false), ("c", true, true)]
        {
            let from = a.clone();
            let moved = store.with(julie, move |tx| {
                let to = CollectionName::parse(Home::Files, name)?;
                tx.rename_collection(&from, &to, overwrite, &[])
            });
            assert_eq!(moved.ok(), good.then_some(true), "{name} {overwrite}");
        }
        assert_eq!(names(), ["c 0", "c/b 1"]);
        let c = store.read(move |tx| tx.find_collection(julie, Home::Files, "c")).unwrap().unwrap();
        assert_eq!(c.id, a.id);
        store.with(julie, move |tx| tx.delete_collection(&c, &[])).unwrap();
        assert_eq!(names(), [""; 0]);
    });
}
