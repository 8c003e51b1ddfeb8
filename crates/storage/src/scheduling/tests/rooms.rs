//! Rooms accept and decline (R-CAL-4).

use ids::AccountId;

use super::fixture::*;
use super::transfers::transfer;
use crate::collection::{Collection, CollectionKind, CollectionName, NewCollection, ObjectName};
use crate::object::{Condition, Imported, ObjectLimits, PreparedObject, Restored};
use crate::testing::{TestStore, on_both_engines};
use crate::{
    Answering, CollectionChange, Duplicates, Home, PutOutcome, RestoreStep, Result, StorageError,
    TransferKind,
};

pub(super) fn room(store: &TestStore) -> AccountId {
    let room = store.account("room");
    store.write(move |tx| tx.make_room(room)).unwrap();
    room
}

/// The same meeting under another UID.
pub(super) fn other(text: &str, uid: &str) -> String {
    text.replace("UID:m\r\n", &format!("UID:{uid}\r\n"))
}

/// What the room answered to each ATTENDEE line of a meeting, and how.
pub(super) fn answers(store: &TestStore, account: AccountId, place: &'static str) -> Vec<String> {
    let text = stored(store, account, place);
    let own = text.lines().filter(|line| line.contains("mailto:room@"));
    own.map(|line| {
        line.split(';').find_map(|part| part.strip_prefix("PARTSTAT=")).unwrap().to_owned()
    })
    .collect()
}

fn bookings(store: &TestStore, room: AccountId) -> Vec<String> {
    store
        .read(move |tx| {
            let found = tx.find_collection(room, Home::Calendars, "personal")?.expect("there");
            Ok(tx.list_objects(found.id)?.into_iter().map(|object| object.name).collect())
        })
        .unwrap()
}

#[test]
fn a_room_is_booked_once_for_an_hour() {
    on_both_engines(|store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        let room = room(store);
        put(store, ann, &meeting(&["room", "cy"], AT_NINE));
        assert_eq!(answers(store, ann, "personal/m.ics"), ["ACCEPTED"]);
        // Others see it, and the organizer's program is told.
        assert!(answer(store, cy, "room")[0].contains("PARTSTAT=ACCEPTED"));
        assert_eq!(inbox(store, ann), ["REPLY"]);
        let of_bob = meeting(&["room"], AT_NINE).replace(":mailto:ann@", ":mailto:bob@");
        try_put(store, bob, "b.ics", &other(&of_bob, "b"), None).unwrap();
        assert_eq!(answers(store, bob, "personal/b.ics"), ["DECLINED"]);
        assert_eq!(bookings(store, room), ["m.ics"]);
        // Hours that meet do not overlap.
        let after = other(&of_bob, "b").replace("T090000Z\r\nDUR", "T100000Z\r\nDUR");
        try_put(store, bob, "b.ics", &after, None).unwrap();
        assert_eq!(answers(store, bob, "personal/b.ics"), ["ACCEPTED"]);
        // A meeting that moves to where the room is taken loses it.
        put(store, ann, &meeting(&["room", "cy"], &AT_NINE.replace("T09", "T10")));
        assert_eq!(answers(store, ann, "personal/m.ics"), ["DECLINED"]);
        assert_eq!(bookings(store, room), ["b.ics"]);
        // What is cancelled is free again.
        let calendar = personal(store, bob);
        store
            .write(move |tx| {
                tx.lock_meeting(bob, calendar.id, "b.ics", None)?;
                let condition = crate::Condition::default();
                tx.account(bob)?.delete_scheduled(&calendar, "b.ics", &condition, Answering::Reply)
            })
            .unwrap();
        put(
            store,
            ann,
            &meeting(&["room", "cy"], &AT_NINE.replace("T09", "T10").replace("Talk", "T")),
        );
        assert_eq!(answers(store, ann, "personal/m.ics"), ["ACCEPTED"]);
    });
}

#[test]
fn of_a_series_the_instances_that_do_not_fit_are_declined() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let room = room(store);
        let once = meeting(&["room"], &AT_NINE.replace("20260105", "20260112"))
            .replace(":mailto:ann@", ":mailto:bob@");
        try_put(store, bob, "b.ics", &other(&once, "b"), None).unwrap();
        put(store, ann, &meeting(&["room"], WEEKLY));
        assert_eq!(answers(store, ann, "personal/m.ics"), ["ACCEPTED", "DECLINED"]);
        assert_eq!(lines(store, ann, &["RECURRENCE-ID"]), ["RECURRENCE-ID:20260112T090000Z"]);
        assert_eq!(bookings(store, room).len(), 2);
        // Years ahead, it is taken.
        let far = meeting(&["room"], &AT_NINE.replace("20260105", "20280103"))
            .replace(":mailto:ann@", ":mailto:bob@");
        try_put(store, bob, "c.ics", &other(&far, "c"), None).unwrap();
        assert_eq!(answers(store, bob, "personal/c.ics"), ["DECLINED"]);
    });
}

#[test]
fn of_sixteen_who_want_one_hour_at_once_one_gets_it() {
    on_both_engines(|store| {
        room(store);
        let names: Vec<String> = (0..16).map(|at| format!("p{at}")).collect();
        let people: Vec<AccountId> = names.iter().map(|name| store.account(name)).collect();
        for person in &people {
            personal(store, *person);
        }
        std::thread::scope(|scope| {
            for (at, person) in people.iter().enumerate() {
                scope.spawn(move || {
                    let text = meeting(&["room", "p3", "p9"], AT_NINE)
                        .replace("mailto:ann@", &format!("mailto:p{at}@"));
                    try_put(store, *person, "m.ics", &other(&text, &format!("u{at}")), None)
                        .unwrap();
                });
            }
        });
        let all = people.iter().map(|person| answers(store, *person, "personal/m.ics"));
        let mut all: Vec<String> = all.map(|answers| answers.concat()).collect();
        all.sort_unstable();
        let mut expect = vec!["ACCEPTED".to_owned()];
        expect.extend(vec!["DECLINED".to_owned(); 15]);
        assert_eq!(all, expect);
    });
}

fn event(uid: &str, lines: &str) -> String {
    other(&part("", lines), uid)
}

pub(super) fn prepared(uid: &str, lines: &str) -> PreparedObject {
    let bytes = calendar_of(&event(uid, lines));
    PreparedObject::calendar(bytes, &ObjectLimits::default()).unwrap()
}

/// At another hour of that day.
pub(super) fn at(hour: u8) -> String {
    AT_NINE.replace("T09", &format!("T{hour:02}"))
}

/// A calendar of the room that takes no time.
pub(super) fn notes(store: &TestStore, room: AccountId) -> Collection {
    personal(store, room);
    let made = store.with(room, |tx| {
        let mut new = NewCollection::new(CollectionKind::Calendar);
        new.properties.transparent = Some(true);
        tx.create_collection(&CollectionName::parse(Home::Calendars, "notes")?, &new, &[])
    });
    made.unwrap()
}

/// Puts an event there; its name is its UID.
pub(super) fn put_in(store: &TestStore, to: &Collection, uid: &'static str, lines: &str) {
    let (to, object) = (to.clone(), prepared(uid, lines));
    let put = store.with(to.account, move |tx| {
        let name = ObjectName::parse(uid)?;
        Ok(tx.put_scheduled(&to, &name, &object, &Condition::default())?.outcome)
    });
    assert_eq!(put.unwrap(), PutOutcome::Created);
}

pub(super) fn remove(store: &TestStore, from: &Collection, name: &'static str) {
    let from = from.clone();
    let removed = store.with(from.account, move |tx| {
        tx.delete_object(&from, name, &Condition::default()).map(drop)
    });
    removed.unwrap();
}

/// Says that a calendar takes time from now on.
pub(super) fn open(store: &TestStore, calendar: &Collection) -> Result<()> {
    let (account, id) = (calendar.account, calendar.id);
    let change = CollectionChange { transparent: Some(false), ..CollectionChange::default() };
    store.with(account, move |tx| tx.update_collection(id, &change, &[]))
}

#[test]
fn nobody_writes_a_second_booking_into_the_calendar_of_a_room() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        let room = room(store);
        put(store, ann, &meeting(&["room"], AT_NINE));
        for (lines, outcome) in [
            (AT_NINE.to_owned(), PutOutcome::RoomTaken),
            (WEEKLY.replace("20260105", "20251229"), PutOutcome::RoomTaken),
            (format!("{AT_NINE}TRANSP:TRANSPARENT\r\n"), PutOutcome::Created),
            (AT_NINE.replace("T09", "T10"), PutOutcome::Replaced),
        ] {
            let put = try_put(store, room, "x.ics", &event("x", &lines), None);
            assert_eq!(put.unwrap().outcome, outcome, "{lines}");
        }
        // What is there may be changed where it is.
        let again = AT_NINE.replace("T09", "T10").replace("Talk", "Cleaning");
        let put = try_put(store, room, "x.ics", &event("x", &again), None);
        assert_eq!(put.unwrap().outcome, PutOutcome::Replaced);
        // Nobody else's calendar cares.
        let own = try_put(store, ann, "x.ics", &event("x", AT_NINE), None);
        assert_eq!(own.unwrap().outcome, PutOutcome::Created);
    });
}

#[test]
fn what_is_further_ahead_than_a_series_is_followed_is_booked_once_too() {
    on_both_engines(|store| {
        let room = room(store);
        let later = |lines: &str| lines.replace("20260105", "20330103");
        let listed = "RDATE:20330103T090000Z\r\n";
        for (uid, lines, outcome) in [
            ("a", later(AT_NINE), PutOutcome::Created),
            ("b", later(AT_NINE), PutOutcome::RoomTaken),
            ("c", later(WEEKLY), PutOutcome::RoomTaken),
            ("d", later(&at(10)), PutOutcome::Created),
            // Years after where it begins.
            ("e", at(11) + listed, PutOutcome::RoomTaken),
            ("f", at(11) + &listed.replace("T09", "T11"), PutOutcome::Created),
        ] {
            let put = try_put(store, room, uid, &event(uid, &lines), None);
            assert_eq!(put.unwrap().outcome, outcome, "{uid}");
        }
    });
}

#[test]
fn what_comes_from_a_calendar_that_takes_no_time_is_looked_at() {
    on_both_engines(|store| {
        let room = room(store);
        let (notes, personal) = (notes(store, room), personal(store, room));
        put_in(store, &personal, "x", AT_NINE);
        put_in(store, &notes, "y", AT_NINE);
        put_in(store, &notes, "z", &at(10));
        let carry = |kind, from, to| transfer(store, room, kind, from, to);
        let (y, z) = ((&notes, "y"), (&notes, "z"));
        for kind in [TransferKind::Copy, TransferKind::Move] {
            assert_eq!(carry(kind, y, (&personal, "y")), PutOutcome::RoomTaken);
            assert_eq!(carry(kind, y, (&personal, "z")), PutOutcome::RoomTaken);
        }
        assert_eq!(carry(TransferKind::Copy, z, (&personal, "z")), PutOutcome::Created);
        // What goes is in nobody's way.
        assert_eq!(carry(TransferKind::Move, y, (&personal, "x")), PutOutcome::Replaced);
        // And back.
        let back = carry(TransferKind::Move, (&personal, "x"), (&notes, "y"));
        assert_eq!(back, PutOutcome::Created);
    });
}

#[test]
fn a_calendar_begins_to_take_time_where_there_is_time() {
    on_both_engines(|store| {
        let room = room(store);
        let (notes, personal) = (notes(store, room), personal(store, room));
        put_in(store, &personal, "x", AT_NINE);
        put_in(store, &notes, "y", WEEKLY);
        let is_taken = |done| matches!(done, Err(StorageError::Conflict(_)));
        assert!(is_taken(open(store, &notes)));
        // Nor may two of its own meet.
        remove(store, &personal, "x");
        put_in(store, &notes, "z", &AT_NINE.replace("20260105", "20260112"));
        assert!(is_taken(open(store, &notes)));
        remove(store, &notes, "z");
        open(store, &notes).unwrap();
        // It does now.
        let refused = try_put(store, room, "x", &event("x", AT_NINE), None);
        assert_eq!(refused.unwrap().outcome, PutOutcome::RoomTaken);
        // To others it is as it was.
        let ann = store.account("ann");
        let own = self::notes(store, ann);
        put_in(store, &self::personal(store, ann), "x", AT_NINE);
        put_in(store, &own, "y", AT_NINE);
        open(store, &own).unwrap();
    });
}

#[test]
fn what_is_imported_or_restored_takes_no_time_twice() {
    on_both_engines(|store| {
        let room = room(store);
        let personal = personal(store, room);
        put_in(store, &personal, "m", AT_NINE);
        let (to, ten) = (personal.clone(), at(10));
        let imported = store.with(room, move |tx| {
            let all = [prepared("x", AT_NINE), prepared("y", &ten), prepared("z", &ten)];
            tx.import_objects(&to, &all, Duplicates::Keep)
        });
        let refused = vec!["x".to_owned(), "z".to_owned()];
        assert_eq!(imported.unwrap(), Imported { added: 1, refused, ..Imported::default() });
        let restored = store.with(room, move |tx| {
            let y = tx.find_object(personal.id, "y.ics")?.expect("there").etag();
            let step = |name: &str, expected, object| {
                let name = name.to_owned();
                RestoreStep { name, expected, object }
            };
            // What goes does so before what comes.
            let steps = [
                step("a", None, Some(prepared("a", &at(10)))),
                step("b", None, Some(prepared("b", AT_NINE))),
                step("y.ics", Some(y), None),
            ];
            tx.restore_objects(&personal, &steps)
        });
        let kept = vec!["b".to_owned()];
        assert_eq!(restored.unwrap(), Restored { put: 1, removed: 1, kept });
    });
}

/// Two bookings that changed their hours since are in each other's way until both are as they were.
#[test]
fn what_is_restored_together_is_looked_at_together() {
    on_both_engines(|store| {
        let room = room(store);
        let personal = personal(store, room);
        put_in(store, &personal, "a", AT_NINE);
        put_in(store, &personal, "b", &at(10));
        put_in(store, &personal, "c", &at(11));
        put_in(store, &personal, "d", &at(12));
        put_in(store, &personal, "x", &at(13));
        put_in(store, &personal, "y", &at(14));
        let to = personal.clone();
        let restored = store.with(room, move |tx| {
            let mut steps = Vec::new();
            // The first two change places. The third would meet what stays, and the fourth the
            // third.
            for (name, hour) in [("a", 10), ("b", 9), ("c", 13), ("d", 11)] {
                let expected = Some(tx.find_object(to.id, name)?.expect("there").etag());
                let object = Some(prepared(name, &at(hour)));
                steps.push(RestoreStep { name: name.to_owned(), expected, object });
            }
            let new = Some(prepared("e", &at(14)));
            steps.push(RestoreStep { name: "e".to_owned(), expected: None, object: new });
            tx.restore_objects(&to, &steps)
        });
        let kept = ["c", "d", "e"].map(str::to_owned).to_vec();
        assert_eq!(restored.unwrap(), Restored { put: 2, removed: 0, kept });
        let start = |place| {
            let text = stored(store, room, place);
            text.lines().find_map(|line| line.strip_prefix("DTSTART:")).unwrap_or("").to_owned()
        };
        let places = ["personal/a", "personal/b", "personal/c", "personal/d"];
        let expected = ["T10", "T09", "T11", "T12"].map(|hour| format!("20260105{hour}0000Z"));
        assert_eq!(places.map(start), expected);
        assert_eq!(start("personal/e"), "");
    });
}

/// The UID of what was there has another name in between, which is as it was again in the end.
#[test]
fn what_stays_as_it_was_is_there_whatever_had_its_uid_meanwhile() {
    on_both_engines(|store| {
        let room = room(store);
        let personal = personal(store, room);
        for (name, hour) in [("a", 9), ("b", 10), ("x", 13), ("y", 14)] {
            put_in(store, &personal, name, &at(hour));
        }
        let restored = store.with(room, move |tx| {
            let mut steps = Vec::new();
            // The third has the time that the first was at.
            for (name, uid, hour) in [("a", "z", 13), ("b", "a", 14), ("c", "c", 9)] {
                let expected = tx.find_object(personal.id, name)?.map(|there| there.etag());
                let object = Some(prepared(uid, &at(hour)));
                steps.push(RestoreStep { name: name.to_owned(), expected, object });
            }
            tx.restore_objects(&personal, &steps)
        });
        let kept = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(restored.unwrap(), Restored { put: 0, removed: 0, kept });
        assert_eq!(bookings(store, room), ["a", "b", "x", "y"]);
        for (place, uid, hour) in [("personal/a", "a", "T09"), ("personal/b", "b", "T10")] {
            let text = stored(store, room, place);
            assert!(text.contains(&format!("UID:{uid}\r\n")), "{text}");
            assert!(text.contains(&format!("DTSTART:20260105{hour}0000Z\r\n")), "{text}");
        }
    });
}
