//! COPY and MOVE between calendars of two accounts.

use super::fixture::*;
use crate::collection::{Collection, CollectionName, Home, NewCollection, ObjectName};
use crate::object::{CollectionChanges, Condition, ObjectLimits, PreparedObject, PutOutcome};
use crate::testing::{TestStore, on_both_engines};
use crate::{
    AccountTx, Answering, CollectionKind, CollectionRights, EtagCondition, Result, StorageError,
    Transfer, TransferKind,
};
use ids::AccountId;

fn calendar(store: &TestStore, account: AccountId) -> Collection {
    let made = store.with(account, |tx| {
        let name = CollectionName::parse(Home::Calendars, "work")?;
        tx.create_collection(&name, &NewCollection::new(CollectionKind::Calendar), &[])
    });
    made.unwrap()
}

fn plain(uid: &str) -> PreparedObject {
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:20260105T090000Z\r\nSUMMARY:Talk\r\nEND:VEVENT\r\n\
         END:VCALENDAR\r\n"
    );
    PreparedObject::calendar(text.into_bytes(), &ObjectLimits::default()).unwrap()
}

fn put_into(
    store: &TestStore,
    of: &Collection,
    name: &'static str,
    object: PreparedObject,
) -> PutOutcome {
    let of = of.clone();
    let put = store.write(move |tx| {
        tx.lock_meeting(of.account, of.id, name, Some(&object))?;
        let mut tx = tx.account(of.account)?;
        let name = ObjectName::parse(name)?;
        tx.put_scheduled(&of, &name, &object, &Condition::default()).map(|put| put.outcome)
    });
    put.unwrap()
}

struct Way<'w> {
    kind: TransferKind,
    from: &'w Collection,
    to: &'w Collection,
    name: &'static str,
    overwrite: bool,
}

fn carry(store: &TestStore, actor: AccountId, way: &Way<'_>) -> Result<PutOutcome> {
    let (from, to) = (way.from.clone(), way.to.clone());
    let (kind, name, overwrite) = (way.kind, way.name, way.overwrite);
    store.write(move |tx| {
        let object = tx.find_object(from.id, name)?.ok_or(StorageError::NotFound("object"))?;
        let transfer = Transfer { kind, from: &from, object: &object, to: &to, name };
        tx.lock_transfer(&transfer)?;
        let nothing = EtagCondition::Any;
        let if_none_match = (!overwrite).then_some(&nothing);
        let condition = Condition { if_none_match, ..Condition::default() };
        tx.transfer_between(actor, &transfer, &condition, Answering::Reply, &|_| None)
    })
}

fn share(store: &TestStore, of: &Collection, with: AccountId, rights: CollectionRights) {
    let id = of.id;
    store.with(of.account, move |tx| tx.share_collection(id, with, rights)).unwrap();
}

fn used(store: &TestStore, account: AccountId) -> u64 {
    store.read(move |tx| tx.load_account(account)).unwrap().used_bytes
}

/// What came into a collection and what went, since it was as `of`.
fn changes(store: &TestStore, of: &Collection) -> (Vec<String>, Vec<String>) {
    let of = of.clone();
    let since = Some(of.highest_modseq);
    match store.read(move |tx| tx.collection_changes(&of, since, 100)).unwrap() {
        CollectionChanges::List { put, gone, .. } => {
            (put.into_iter().map(|object| object.name).collect(), gone)
        }
        _ => (Vec::new(), vec!["?".to_owned()]),
    }
}

fn now(store: &TestStore, of: &Collection) -> Collection {
    let id = of.id;
    store.read(move |tx| tx.load_collection(id)).unwrap()
}

#[test]
fn who_may_write_in_both_moves_between_them() {
    on_both_engines(|store| {
        let (ann, bob) = (store.account("ann"), store.account("bob"));
        let (own, of_ann) = (calendar(store, bob), calendar(store, ann));
        put_into(store, &own, "1.ics", plain("1"));
        let bytes = used(store, bob);
        let dead = |tx: &mut AccountTx<'_, '_>| {
            let account = tx.id();
            let of = tx.find_collection(account, Home::Calendars, "work")?.unwrap();
            let object = tx.find_object(of.id, "1.ics")?.unwrap();
            let set = [("{x:}a".to_owned(), Some("<a xmlns=\"x:\"/>".to_owned()))];
            tx.update_object_properties(&of, object.id, "1.ics", &set, &[])
        };
        store.with(bob, dead).unwrap();
        let moving = Way {
            kind: TransferKind::Move,
            from: &own,
            to: &of_ann,
            name: "1.ics",
            overwrite: false,
        };
        // What he may not write in is not there to him, or cannot be written.
        let hidden = carry(store, bob, &moving);
        assert!(matches!(hidden, Err(StorageError::NotFound(_))), "{hidden:?}");
        share(store, &of_ann, bob, CollectionRights::READ);
        let refused = carry(store, bob, &moving);
        assert!(matches!(refused, Err(StorageError::NoPermission(_))), "{refused:?}");
        share(store, &of_ann, bob, CollectionRights::WRITE);
        let (before_own, before_ann) = (now(store, &own), now(store, &of_ann));
        let all = used(store, bob);
        assert_eq!(carry(store, bob, &moving).unwrap(), PutOutcome::Created);
        assert_eq!(changes(store, &before_own), (vec![], vec!["1.ics".to_owned()]));
        assert_eq!(changes(store, &before_ann), (vec!["1.ics".to_owned()], vec![]));
        // Bytes and properties count where they are.
        assert!(all > bytes);
        assert_eq!((used(store, bob), used(store, ann)), (0, all));

        // Back again: what he may only read he copies, and does not take away.
        share(store, &of_ann, bob, CollectionRights::READ);
        let back = Way { from: &of_ann, to: &own, ..moving };
        let refused = carry(store, bob, &back);
        assert!(matches!(refused, Err(StorageError::NoPermission(_))), "{refused:?}");
        let copying = Way { kind: TransferKind::Copy, ..back };
        assert_eq!(carry(store, bob, &copying).unwrap(), PutOutcome::Created);
        assert_eq!((used(store, bob), used(store, ann)), (all, all));
        let again = carry(store, bob, &copying);
        assert!(matches!(again, Err(StorageError::Conflict(_))), "{again:?}");
        let over = Way { overwrite: true, ..copying };
        assert_eq!(carry(store, bob, &over).unwrap(), PutOutcome::Replaced);
        assert_eq!((used(store, bob), used(store, ann)), (all, all));

        // The same event under another name, and a full account.
        put_into(store, &own, "2.ics", plain("2"));
        share(store, &of_ann, bob, CollectionRights::WRITE);
        put_into(store, &of_ann, "other.ics", plain("2"));
        let taken = Way { from: &own, to: &of_ann, name: "2.ics", ..moving };
        let name = "other.ics".to_owned();
        assert_eq!(carry(store, bob, &taken).unwrap(), PutOutcome::UidTaken { name });
        put_into(store, &own, "3.ics", plain("3"));
        let full = store.write(move |tx| {
            let id = [crate::sql::Value::Int(ann.get())];
            tx.sql.execute("UPDATE account SET quota_bytes = 1 WHERE id = ?1", &id).map(drop)
        });
        full.unwrap();
        let full = carry(store, bob, &Way { name: "3.ics", ..taken });
        assert!(matches!(full, Err(StorageError::OverQuota { .. })), "{full:?}");
        let id = own.id;
        assert!(store.read(move |tx| tx.find_object(id, "3.ics")).unwrap().is_some());
    });
}

#[test]
fn a_meeting_that_leaves_its_organizer_is_cancelled() {
    on_both_engines(|store| {
        let [ann, bob, cleo] = ["ann", "bob", "cleo"].map(|name| store.account(name));
        store.with(bob, |tx| tx.make_first_collections()).unwrap();
        let (own, of_cleo) = (calendar(store, ann), calendar(store, cleo));
        let meeting = calendar_of(&meeting(&["bob"], AT_NINE));
        let meeting = PreparedObject::calendar(meeting, &ObjectLimits::default()).unwrap();
        put_into(store, &own, "m.ics", meeting);
        assert!(stored(store, bob, "personal/m.ics").contains("SUMMARY:Talk"));
        share(store, &of_cleo, ann, CollectionRights::WRITE);
        let moving = Way {
            kind: TransferKind::Move,
            from: &own,
            to: &of_cleo,
            name: "m.ics",
            overwrite: false,
        };
        assert_eq!(carry(store, ann, &moving).unwrap(), PutOutcome::Created);
        assert!(stored(store, bob, "personal/m.ics").contains("STATUS:CANCELLED"));
        // To Cleo, who is not of it, it is an event like others.
        let id = of_cleo.id;
        let there = store.read(move |tx| tx.find_object(id, "m.ics")).unwrap().unwrap();
        assert_eq!(there.schedule_tag(), None);
    });
}
