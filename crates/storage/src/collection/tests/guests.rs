//! Collections of others in one's own home.

use super::*;
use crate::{CollectionRights, Sharee};

/// Julie's calendar `work`, which Paul may change.
fn shared(store: &TestStore) -> (AccountId, AccountId, Collection) {
    let (julie, paul) = (store.account("julie"), store.account("paul"));
    calendar(store, julie, "first");
    let work = calendar(store, julie, "work");
    let id = work.id;
    share(store, julie, id, paul.into(), CollectionRights::WRITE);
    (julie, paul, work)
}

fn share(
    store: &TestStore,
    julie: AccountId,
    id: ids::CollectionId,
    with: Sharee,
    rights: CollectionRights,
) {
    store.with(julie, move |tx| tx.share_collection(id, with, rights)).unwrap();
}

/// What `actor` sees of others: names, and what they are called.
fn seen(store: &TestStore, actor: AccountId) -> Vec<(String, String)> {
    let list = store.read(move |tx| tx.list_guest_collections(actor, Home::Calendars)).unwrap();
    let row = |one: Collection| (one.shared_name(), one.display_name.unwrap_or_default());
    list.into_iter().map(row).collect()
}

fn leave(store: &TestStore, actor: AccountId, of: &Collection) -> crate::Result<()> {
    let (owner, id) = (of.account, of.id);
    store.write(move |tx| {
        tx.lock_sharing([actor, owner])?;
        tx.account_as(owner, actor)?.leave_collection(id)
    })
}

fn update(
    store: &TestStore,
    actor: AccountId,
    of: &Collection,
    change: CollectionChange,
) -> crate::Result<()> {
    let (owner, id) = (of.account, of.id);
    store.write(move |tx| {
        tx.lock_sharing([actor, owner])?;
        tx.account_as(owner, actor)?.update_guest_collection(id, &change)
    })
}

#[test]
fn shared_collections_look_as_each_one_likes() {
    on_both_engines(|store| {
        let (julie, paul, work) = shared(store);
        let name = work.shared_name();
        assert_eq!(seen(store, paul), [(name.clone(), "work (julie@example.test)".to_owned())]);
        assert_eq!(seen(store, julie), []);
        let change = CollectionChange {
            display_name: Some(Some("Julie's".to_owned())),
            color: Some(Some("#112233".to_owned())),
            transparent: Some(false),
            dead: vec![("{urn:x}alarm".to_owned(), Some("<alarm xmlns=\"urn:x\"/>".to_owned()))],
            ..CollectionChange::default()
        };
        let id = work.id;
        update(store, paul, &work, change).unwrap();
        let found = {
            let name = name.clone();
            move || {
                let name = name.clone();
                let find = move |tx: &mut crate::ReadTx<'_>| {
                    tx.find_guest_collection(paul, Home::Calendars, &name)
                };
                store.read(find).unwrap()
            }
        };
        let his = found().unwrap();
        assert_eq!(his.display_name.as_deref(), Some("Julie's"));
        assert_eq!((his.color.as_deref(), his.transparent), (Some("#112233"), false));
        let guest = his.guest.unwrap();
        assert_eq!((guest.account, guest.address.as_str()), (paul, "paul@example.test"));
        let own = store.read(move |tx| tx.load_collection(id)).unwrap();
        assert_eq!((&own.display_name, &own.color, &own.guest), (&None, &None, &None));
        let dead = store.read(move |tx| tx.load_overlay_properties(paul, id)).unwrap();
        assert_eq!(dead.len(), 1);

        // In another home nothing has that name, and nobody but its guests sees it so.
        let book = store.read(move |tx| tx.find_guest_collection(paul, Home::AddressBooks, &name));
        assert_eq!(book.unwrap(), None);
        let refused = update(store, julie, &work, CollectionChange::default());
        assert!(matches!(refused, Err(StorageError::NotFound(_))));

        share(store, julie, id, paul.into(), CollectionRights::NONE);
        assert!(found().is_none());
        share(store, julie, id, paul.into(), CollectionRights::READ);
        // What he wanted before is forgotten.
        assert_eq!(found().unwrap().color, None);
        store.with(julie, |tx| tx.set_maintenance(true)).unwrap();
        // R-ADDR-12: it is there, as it was, and nothing is done with it.
        assert!(found().unwrap().guest.unwrap().in_maintenance);
        let of = work.clone();
        let refused = store.write(move |tx| {
            tx.account_as(julie, paul)?.delete_object(&of, "1.ics", &Condition::default())
        });
        assert!(matches!(refused, Err(StorageError::Maintenance)), "{refused:?}");
        store.with(julie, |tx| tx.set_maintenance(false)).unwrap();
        assert!(!found().unwrap().guest.unwrap().in_maintenance);
        store.with(julie, move |tx| tx.delete_collection(&own, &[])).unwrap();
        store.write(move |tx| tx.remove_account(paul)).unwrap();
    });
}

#[test]
fn who_leaves_is_gone_until_it_is_shared_anew() {
    on_both_engines(|store| {
        let (julie, paul, work) = shared(store);
        let before = store.read({
            let id = work.id;
            move |tx| tx.load_collection(id)
        });
        leave(store, paul, &work).unwrap();
        assert_eq!(seen(store, paul), []);
        let id = work.id;
        let after = store.read(move |tx| tx.load_collection(id)).unwrap();
        assert!(after.highest_modseq > before.unwrap().highest_modseq);
        let rights = {
            let work = work.clone();
            move || {
                let work = work.clone();
                store.read(move |tx| tx.collection_rights(paul, &work)).unwrap()
            }
        };
        assert!(rights().is_empty());
        assert!(matches!(leave(store, paul, &work), Err(StorageError::NotFound(_))));

        // By the organisation he still may, and does not see it.
        share(store, julie, id, paul.into(), CollectionRights::READ);
        share(store, julie, id, Sharee::Organisation, CollectionRights::READ);
        assert_eq!(seen(store, paul).len(), 1);
        leave(store, paul, &work).unwrap();
        assert_eq!(seen(store, paul), []);
        assert!(rights().contains(CollectionRights::READ));
        share(store, julie, id, Sharee::Organisation, CollectionRights::WRITE);
        assert_eq!(seen(store, paul).len(), 1);
    });
}

#[test]
fn what_is_wanted_otherwise_is_bounded() {
    on_both_engines(|store| {
        let (julie, paul, work) = shared(store);
        let text = |bytes: usize| Some("x".repeat(bytes));
        for (one, other, fits) in [(60_000, 1_000, true), (60_000, 10_000, false)] {
            let change = CollectionChange {
                description: Some(text(one)),
                dead: vec![("{urn:x}y".to_owned(), text(other))],
                ..CollectionChange::default()
            };
            let written = update(store, paul, &work, change);
            assert_eq!(written.is_ok(), fits, "{written:?}");
        }
        // No collection of one's own has such a name.
        let name = work.shared_name();
        assert!(matches!(
            CollectionName::parse(Home::Calendars, &name),
            Err(StorageError::NoPermission(_))
        ));
        store.write(move |tx| tx.remove_account(julie)).unwrap();
    });
}
