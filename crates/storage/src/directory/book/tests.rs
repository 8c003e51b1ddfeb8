use ids::{AccountId, ModSeq};

use super::*;
use crate::object::{CollectionChanges, Condition};
use crate::testing::{TestStore, new_account, on_both_engines, on_both_engines_with};
use crate::{Home, NewAccount, ObjectName, PreparedObject};

fn book(store: &TestStore, account: AccountId) -> Collection {
    store.read(move |tx| tx.directory_book(account)).unwrap().expect("of the organisation")
}

fn cards(store: &TestStore, collection: &Collection) -> Vec<String> {
    let id = collection.id;
    let cards = store.read(move |tx| {
        let objects = tx.list_objects(id)?;
        objects.iter().map(|object| tx.load_object(object.id)).collect::<Result<Vec<_>>>()
    });
    cards.unwrap().into_iter().map(|card| String::from_utf8(card).unwrap()).collect()
}

/// The names of what changed since, and of what went.
fn changes(store: &TestStore, collection: &Collection, since: ModSeq) -> (usize, Vec<String>) {
    let collection = collection.clone();
    let found = store.read(move |tx| {
        let collection = tx.load_collection(collection.id)?;
        tx.collection_changes(&collection, Some(since), 100)
    });
    match found.unwrap() {
        CollectionChanges::List { put, gone, .. } => (put.len(), gone),
        other => panic!("{other:?}"),
    }
}

#[test]
fn everybody_of_the_organisation_has_a_card() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        store.with(julie, |tx| tx.set_name("Julie Ann Moser, Dr.")).unwrap();
        let found = book(store, julie);
        assert_eq!(found.objects, 1);
        let created = store.read(move |tx| tx.load_account(julie)).unwrap().created;
        let uid = blake3::hash(format!("{} {}", julie.get(), created.as_micros()).as_bytes());
        assert_eq!(
            cards(store, &found),
            [format!(
                "BEGIN:VCARD\r\nVERSION:3.0\r\nPRODID:-//Posthorn//EN\r\nUID:{}\r\n\
                 FN:Julie Ann Moser\\, Dr.\r\nN:Dr.;Julie Ann Moser\\,;;;\r\nORG:example.test\r\n\
                 EMAIL;TYPE=INTERNET,WORK,PREF:julie@example.test\r\nEND:VCARD\r\n",
                &uid.to_hex()[..32]
            )]
        );
        // A card that a client puts as it is, is a good one.
        let card = cards(store, &found)[0].clone().into_bytes();
        PreparedObject::card(card, &crate::ObjectLimits::default()).unwrap();
        let named =
            store.read(move |tx| tx.find_collection(julie, Home::AddressBooks, "directory"));
        assert_eq!(named.unwrap(), Some(found.clone()));
        let id = found.id;
        let object = store.read(move |tx| {
            let listed = tx.list_objects(id)?.remove(0);
            assert_eq!(tx.find_object(id, &listed.name)?.as_ref(), Some(&listed));
            assert_eq!(tx.find_object_by_uid(id, &listed.uid)?.as_ref(), Some(&listed));
            assert_eq!(tx.list_objects_after(id, "", 5)?, std::slice::from_ref(&listed));
            assert_eq!(tx.list_objects_after(id, &listed.name, 5)?, []);
            assert_eq!(tx.find_objects(id, &[&listed.name, "x", "account-0.vcf"])?.len(), 1);
            for name in ["account-+1.vcf", "account-01.vcf", "account-99999.vcf"] {
                assert_eq!(tx.find_object(id, name)?, None, "{name}");
            }
            Ok(listed)
        });
        object.unwrap();
    });
}

#[test]
fn what_changes_is_told() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let max = store.account("max");
        let before = book(store, julie);
        assert_eq!(changes(store, &before, before.highest_modseq), (0, Vec::new()));
        store.with(max, |tx| tx.set_name("Max")).unwrap();
        assert_eq!(changes(store, &before, before.highest_modseq), (1, Vec::new()));
        let named = book(store, julie);
        // The same name again is no news.
        store.with(max, |tx| tx.set_name("Max")).unwrap();
        assert_eq!(book(store, julie), named);
        store.write(move |tx| tx.remove_account(max)).unwrap();
        let gone = vec![name_of(max)];
        assert_eq!(changes(store, &before, before.highest_modseq), (0, gone));
        assert_eq!(cards(store, &before).len(), 1);
        // RFC 6578 §3.5.2: who came and went since went.
        let now = book(store, julie).highest_modseq;
        let mia = store.account("mia");
        store.write(move |tx| tx.remove_account(mia)).unwrap();
        assert_eq!(changes(store, &before, now), (0, vec![name_of(mia)]));
    });
}

#[test]
fn externals_are_not_in_it_and_do_not_see_it() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let guest = store
            .write(|tx| {
                let new = new_account("guest@example.test");
                tx.create_account(NewAccount { role: Role::External, ..new })
            })
            .unwrap();
        let found = book(store, julie);
        assert_eq!(found.objects, 1);
        assert_eq!(store.read(move |tx| tx.directory_book(guest)).unwrap(), None);
        let rights = |account| {
            let found = found.clone();
            store.read(move |tx| tx.collection_rights(account, &found)).unwrap()
        };
        assert_eq!(rights(julie), crate::CollectionRights::READ);
        assert_eq!(rights(guest), crate::CollectionRights::NONE);
        store.with(guest, |tx| tx.set_role(Role::Collaborator)).unwrap();
        assert_eq!(book(store, guest).objects, 2);
        store.with(guest, |tx| tx.set_role(Role::External)).unwrap();
        assert_eq!(book(store, julie).objects, 1);
        let other = store
            .write(|tx| {
                tx.create_domain("other.test")?;
                tx.create_account(new_account("mia@other.test"))
            })
            .unwrap();
        assert_eq!(rights(other), crate::CollectionRights::NONE);
        store.write(|tx| tx.join_organisation("other.test", "example.test")).unwrap();
        assert_eq!(book(store, other), book(store, julie));
        assert_eq!(book(store, julie).objects, 2);
        assert!(cards(store, &found).iter().all(|card| card.contains("ORG:example.test\r\n")));
    });
}

#[test]
fn nobody_writes_into_it() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let found = book(store, julie);
        let refused = |outcome: Result<()>| {
            assert!(matches!(outcome, Err(StorageError::NoPermission(_))), "{outcome:?}");
        };
        let card = PreparedObject::card(
            b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:x\r\nEND:VCARD\r\n".to_vec(),
            &crate::ObjectLimits::default(),
        );
        let (card, of) = (card.unwrap(), found.clone());
        refused(store.with(julie, move |tx| {
            let name = ObjectName::parse("x.vcf")?;
            tx.put_object(&of, &name, &card, &Condition::default()).map(|_| ())
        }));
        let (of, name) = (found.clone(), name_of(julie));
        refused(store.with(julie, move |tx| tx.delete_object(&of, &name, &Condition::default())));
        let of = found.clone();
        refused(store.with(julie, move |tx| tx.delete_collection(&of, &[])));
        let id = found.id;
        refused(store.with(julie, move |tx| {
            tx.update_collection(id, &crate::CollectionChange::default(), &[])
        }));
    });
}

#[test]
fn who_left_is_forgotten_in_time() {
    let clock = std::sync::Arc::new(testkit::ManualClock::default());
    let of_store = clock.clone();
    on_both_engines_with(
        move |settings| settings.clock = of_store.clone(),
        |store| {
            let julie = store.account("julie");
            let max = store.account("max");
            let before = book(store, julie).highest_modseq;
            store.write(move |tx| tx.remove_account(max)).unwrap();
            clock.advance_secs(61 * 24 * 3600);
            store.inner().maintain().unwrap();
            let now = book(store, julie);
            let since = |since| {
                let now = now.clone();
                store.read(move |tx| tx.collection_changes(&now, Some(since), 10)).unwrap()
            };
            assert_eq!(since(before), CollectionChanges::TooOld);
            assert!(matches!(since(now.highest_modseq), CollectionChanges::List { .. }));
        },
    );
}

#[test]
fn the_card_that_is_oneself() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let max = store.account("max");
        store.with(julie, |tx| tx.make_first_collections()).unwrap();
        let book = store.read(move |tx| tx.find_collection(julie, Home::AddressBooks, "personal"));
        let book = book.unwrap().unwrap();
        let of = book.clone();
        store
            .with(julie, move |tx| {
                let card = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:x\r\nEND:VCARD\r\n";
                let card = PreparedObject::card(card.to_vec(), &crate::ObjectLimits::default());
                let name = ObjectName::parse("me.vcf")?;
                tx.put_object(&of, &name, &card.unwrap(), &Condition::default())?;
                tx.set_me_card(Some((&of, "me.vcf")))
            })
            .unwrap();
        let me = |account| store.read(move |tx| tx.me_card(account)).unwrap();
        let (found, object) = me(julie).unwrap();
        assert_eq!((found.id, object.name.as_str()), (book.id, "me.vcf"));
        assert!(me(max).is_none());
        let of = book.clone();
        assert!(store.with(max, move |tx| tx.set_me_card(Some((&of, "me.vcf")))).is_err());
        let of = book.clone();
        assert!(store.with(julie, move |tx| tx.set_me_card(Some((&of, "no.vcf")))).is_err());
        let of = found.clone();
        store
            .with(julie, move |tx| tx.delete_object(&of, "me.vcf", &Condition::default()))
            .unwrap();
        assert!(me(julie).is_none());
        store.with(julie, |tx| tx.set_me_card(None)).unwrap();
    });
}
