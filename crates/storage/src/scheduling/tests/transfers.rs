//! COPY and MOVE of meetings and over them; what is told of a calendar that is not shared.

use ids::AccountId;

use super::fixture::*;
use crate::collection::{Collection, ObjectName};
use crate::object::{Condition, MeetingPlace, ObjectLimits, PreparedObject, PutOutcome};
use crate::scheduling::{Transfer, TransferKind};
use crate::testing::{TestStore, on_both_engines};
use crate::{Answering, CollectionKind, CollectionName, CollectionRights, Home, NewCollection};

fn work(store: &TestStore, account: AccountId) -> Collection {
    let made = store.with(account, |tx| {
        let name = CollectionName::parse(Home::Calendars, "work")?;
        tx.create_collection(&name, &NewCollection::new(CollectionKind::Calendar), &[])
    });
    made.unwrap()
}

/// Puts a meeting without guests of its own into the calendar for work.
fn put_lunch(store: &TestStore, account: AccountId, work: &Collection) {
    let (work, text) = (work.clone(), meeting(&[], AT_NINE).replace("UID:m", "UID:lunch"));
    let object = PreparedObject::calendar(calendar_of(&text), &ObjectLimits::default()).unwrap();
    let put = store.with(account, move |tx| {
        tx.put_object(&work, &ObjectName::parse("l.ics")?, &object, &Condition::default())
    });
    assert_eq!(put.unwrap(), PutOutcome::Created);
}

pub(super) fn transfer(
    store: &TestStore,
    account: AccountId,
    kind: TransferKind,
    (from, source): (&Collection, &'static str),
    (to, name): (&Collection, &'static str),
) -> PutOutcome {
    let (from, to) = (from.clone(), to.clone());
    let done = store.write(move |tx| {
        tx.lock_meeting(account, to.id, name, None)?;
        let object = tx.find_object(from.id, source)?.expect("there");
        let transfer = Transfer { kind, from: &from, object: &object, to: &to, name };
        tx.account(account)?.transfer_scheduled(&transfer, &Condition::default(), Answering::Reply)
    });
    done.unwrap()
}

#[test]
fn a_meeting_moves_between_calendars_and_nobody_hears_of_it() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob"], AT_NINE));
        let (there, told) = (stored(store, bob, "personal/m.ics"), tag(store, bob));
        let (personal, work) = (personal(store, ann), work(store, ann));
        let (from, to) = ((&personal, "m.ics"), (&work, "n.ics"));
        // RFC 6638 §3.2.4.1
        let place = MeetingPlace { calendar: "personal".to_owned(), name: "m.ics".to_owned() };
        let taken = PutOutcome::MeetingTaken { place: Some(place) };
        assert_eq!(transfer(store, ann, TransferKind::Copy, from, to), taken);
        assert_eq!(transfer(store, ann, TransferKind::Move, from, to), PutOutcome::Created);
        assert_eq!(inbox(store, bob), ["REQUEST"]);
        assert_eq!((stored(store, bob, "personal/m.ics"), tag(store, bob)), (there, told));
        // It is the same meeting: an answer finds it.
        put(store, bob, &meeting(&["bob ACCEPTED"], AT_NINE));
        assert!(stored(store, ann, "work/n.ics").contains("PARTSTAT=ACCEPTED;SCHEDULE-STATUS=2.0"));
    });
}

#[test]
fn a_meeting_ends_where_another_object_takes_its_place() {
    for kind in [TransferKind::Copy, TransferKind::Move] {
        on_both_engines(|store| {
            let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
            put(store, ann, &meeting(&["bob"], AT_NINE));
            let (personal, work) = (personal(store, ann), work(store, ann));
            put_lunch(store, ann, &work);
            let outcome = transfer(store, ann, kind, (&work, "l.ics"), (&personal, "m.ics"));
            assert_eq!(outcome, PutOutcome::Replaced);
            assert_eq!(inbox(store, bob), ["REQUEST", "CANCEL"]);
            assert!(lines(store, bob, &["STATUS"]).contains(&"STATUS:CANCELLED".to_owned()));
            assert_eq!(lines(store, ann, &["UID"]), ["UID:lunch"]);
        });
    }
}

#[test]
fn an_attendee_who_puts_something_over_a_meeting_refuses_it() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob"], AT_NINE));
        let (personal, work) = (personal(store, bob), work(store, bob));
        put_lunch(store, bob, &work);
        transfer(store, bob, TransferKind::Move, (&work, "l.ics"), (&personal, "m.ics"));
        assert!(answer(store, ann, "bob")[0].contains("PARTSTAT=DECLINED"));
    });
}

#[test]
fn a_calendar_that_is_moved_over_another_ends_its_meetings() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        personal(store, ann);
        let (work, lines_of) = (work(store, ann), meeting(&["bob"], WEEKLY));
        let object =
            PreparedObject::calendar(calendar_of(&lines_of), &ObjectLimits::default()).unwrap();
        let there = work.clone();
        store
            .write(move |tx| {
                tx.lock_meeting(ann, there.id, "m.ics", Some(&object))?;
                let (mut tx, name) = (tx.account(ann)?, ObjectName::parse("m.ics")?);
                tx.put_scheduled(&there, &name, &object, &Condition::default())
            })
            .unwrap();
        let moved = store.write(move |tx| {
            tx.lock_meetings_of(ann, work.id)?;
            let mut tx = tx.account(ann)?;
            let name = CollectionName::parse(Home::Calendars, "jobs")?;
            let jobs =
                tx.create_collection(&name, &NewCollection::new(CollectionKind::Calendar), &[])?;
            let to = CollectionName::parse(Home::Calendars, "work")?;
            tx.rename_collection(&jobs, &to, true, &[])
        });
        assert!(moved.unwrap());
        assert_eq!(inbox(store, bob), ["REQUEST", "CANCEL"]);
    });
}

/// Who may write in one calendar does not learn the names of the others.
#[test]
fn the_place_of_a_meeting_is_told_to_who_may_read_it() {
    on_both_engines(|store| {
        let [ann, cy] = ["ann", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob"], AT_NINE));
        let (personal, work) = (personal(store, ann), work(store, ann));
        let share = |collection: &Collection, rights| {
            let id = collection.id;
            store.with(ann, move |tx| tx.share_collection(id, cy, rights)).unwrap();
        };
        let object = calendar_of(&meeting(&["bob"], AT_NINE));
        let put = || {
            let object = PreparedObject::calendar(object.clone(), &ObjectLimits::default());
            let (object, work) = (object.unwrap(), work.clone());
            refused(store.write(move |tx| {
                let (mut tx, name) = (tx.account_as(ann, cy)?, ObjectName::parse("n.ics")?);
                tx.put_scheduled(&work, &name, &object, &Condition::default())
            }))
        };
        share(&work, CollectionRights::WRITE);
        assert_eq!(put(), PutOutcome::MeetingTaken { place: None });
        share(&personal, CollectionRights::FREE_BUSY);
        assert_eq!(put(), PutOutcome::MeetingTaken { place: None });
        share(&personal, CollectionRights::READ);
        let place = MeetingPlace { calendar: "personal".to_owned(), name: "m.ics".to_owned() };
        assert_eq!(put(), PutOutcome::MeetingTaken { place: Some(place) });
    });
}
