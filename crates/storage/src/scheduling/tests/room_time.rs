//! A room is taken by what is booked, whatever is said of the time of it (R-CAL-4).

use ids::AccountId;

use super::fixture::*;
use super::rooms::{answers, at, notes, other, prepared, put_in, remove, room};
use crate::collection::Collection;
use crate::object::Restored;
use crate::testing::{TestStore, on_both_engines};
use crate::{CollectionChange, RestoreStep, Result, StorageError};

/// Bob wants the hour that Ann has.
fn bob_wants(store: &TestStore, bob: AccountId) -> Vec<String> {
    let text = meeting(&["room"], AT_NINE).replace(":mailto:ann@", ":mailto:bob@");
    try_put(store, bob, "b.ics", &other(&text, "b"), None).unwrap();
    answers(store, bob, "personal/b.ics")
}

/// What Bob has of the room.
fn put_other(store: &TestStore, bob: AccountId, text: &str) {
    try_put(store, bob, "b.ics", &other(text, "b"), None).unwrap();
    assert_eq!(answers(store, bob, "personal/b.ics"), ["ACCEPTED"]);
}

#[test]
fn a_meeting_that_leaves_its_people_free_takes_the_room() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let room = room(store);
        let free = meeting(&["room"], &format!("{AT_NINE}TRANSP:transparent\r\n"));
        put(store, ann, &free);
        assert_eq!(answers(store, ann, "personal/m.ics"), ["ACCEPTED"]);
        assert_eq!(lines(store, ann, &["TRANSP"]), ["TRANSP:transparent"]);
        assert_eq!(lines(store, room, &["TRANSP"]), ["TRANSP:OPAQUE"]);
        assert_eq!(bob_wants(store, bob), ["DECLINED"]);
    });
}

#[test]
fn the_calendar_of_bookings_takes_time_whatever_is_said_of_it() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let room = room(store);
        put(store, ann, &meeting(&["room"], AT_NINE));
        let personal = personal(store, room);
        let change = CollectionChange { transparent: Some(true), ..CollectionChange::default() };
        store.with(room, move |tx| tx.update_collection(personal.id, &change, &[])).unwrap();
        assert_eq!(bob_wants(store, bob), ["DECLINED"]);
        // Nor does anybody write there what meets it.
        let written = try_put(store, room, "x.ics", &other(&part("", AT_NINE), "x"), None);
        assert_eq!(written.unwrap().outcome, crate::PutOutcome::RoomTaken);
    });
}

#[test]
fn a_calendar_that_bookings_go_to_since_takes_time() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let room = room(store);
        let notes = notes(store, room);
        store.with(room, move |tx| tx.set_default_calendar(notes.id)).unwrap();
        put(store, ann, &meeting(&["room"], AT_NINE));
        assert!(!stored(store, room, "notes/m.ics").is_empty());
        assert_eq!(bob_wants(store, bob), ["DECLINED"]);
    });
}

fn choose(store: &TestStore, calendar: &Collection) -> Result<()> {
    let id = calendar.id;
    store.with(calendar.account, move |tx| tx.set_default_calendar(id))
}

fn say_transparent(store: &TestStore, calendar: &Collection, transparent: bool) {
    let (account, id) = (calendar.account, calendar.id);
    let change = CollectionChange { transparent: Some(transparent), ..CollectionChange::default() };
    store.with(account, move |tx| tx.update_collection(id, &change, &[])).unwrap();
}

fn is_transparent(store: &TestStore, room: AccountId) -> bool {
    personal(store, room).transparent
}

#[test]
fn bookings_go_where_what_is_there_already_has_its_time() {
    on_both_engines(|store| {
        let room = room(store);
        let (notes, personal) = (notes(store, room), personal(store, room));
        put_in(store, &personal, "x", AT_NINE);
        put_in(store, &notes, "y", AT_NINE);
        assert!(matches!(choose(store, &notes), Err(StorageError::Conflict(_))));
        let default = store.read(move |tx| tx.bookings_go(room));
        assert_eq!(default.unwrap(), Some(personal.id));
        remove(store, &notes, "y");
        choose(store, &notes).unwrap();
        // To others it is as it was.
        let ann = store.account("ann");
        let own = self::notes(store, ann);
        put_in(store, &self::personal(store, ann), "x", AT_NINE);
        put_in(store, &own, "y", AT_NINE);
        choose(store, &own).unwrap();
    });
}

#[test]
fn what_is_booked_takes_time_after_bookings_go_elsewhere() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let room = room(store);
        let (notes, personal) = (notes(store, room), personal(store, room));
        say_transparent(store, &personal, true);
        // Nothing is there yet.
        choose(store, &notes).unwrap();
        assert!(is_transparent(store, room));
        choose(store, &personal).unwrap();
        put(store, ann, &meeting(&["room"], AT_NINE));
        choose(store, &notes).unwrap();
        assert!(!is_transparent(store, room));
        assert_eq!(bob_wants(store, bob), ["DECLINED"]);
    });
}

#[test]
fn a_calendar_that_bookings_go_to_is_deleted_where_another_can_take_them() {
    on_both_engines(|store| {
        let room = room(store);
        let (notes, personal) = (notes(store, room), personal(store, room));
        put_in(store, &personal, "x", AT_NINE);
        put_in(store, &notes, "y", AT_NINE);
        put_in(store, &notes, "z", AT_NINE);
        let delete = || {
            let gone = personal.clone();
            store.with(room, move |tx| tx.delete_collection(&gone, &[]))
        };
        assert!(matches!(delete(), Err(StorageError::Conflict(_))));
        remove(store, &notes, "z");
        // What is in its way goes.
        delete().unwrap();
        assert_eq!(store.read(move |tx| tx.bookings_go(room)).unwrap(), Some(notes.id));
    });
}

/// The answer to each instance is as large as the series.
#[test]
fn what_has_no_room_for_its_answers_is_declined_as_a_whole() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let room = room(store);
        let of_bob = meeting(&["room"], &WEEKLY.replace("WEEKLY", "WEEKLY;COUNT=100"));
        put_other(store, bob, &of_bob.replace(":mailto:ann@", ":mailto:bob@"));
        let long = format!("{WEEKLY}DESCRIPTION:{}\r\n", "x".repeat(1 << 20));
        // All but two of a hundred are taken, then all but two of five.
        let rule = |rule: &str| meeting(&["room"], &long.replace("FREQ=WEEKLY", rule));
        put(store, ann, &rule("FREQ=WEEKLY;COUNT=102"));
        assert_eq!(answers(store, ann, "personal/m.ics"), ["DECLINED"]);
        assert_eq!(stored(store, room, "personal/m.ics"), "");
        let ten = |text: String| text.replace("T09", "T10");
        let few = ten(meeting(&["room"], &WEEKLY.replace("WEEKLY", "WEEKLY;COUNT=3")));
        let few = other(&few.replace(":mailto:ann@", ":mailto:bob@"), "c");
        try_put(store, bob, "c.ics", &few, None).unwrap();
        assert_eq!(answers(store, bob, "personal/c.ics"), ["ACCEPTED"]);
        put(store, ann, &ten(rule("FREQ=WEEKLY;COUNT=5")));
        assert_eq!(
            answers(store, ann, "personal/m.ics"),
            ["ACCEPTED", "DECLINED", "DECLINED", "DECLINED"]
        );
    });
}

/// Time zones are part of the object that the answers are in.
#[test]
fn what_has_no_room_for_its_time_zones_is_declined_as_a_whole() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let room = room(store);
        let few = meeting(&["room"], &WEEKLY.replace("WEEKLY", "WEEKLY;COUNT=3"));
        put_other(store, bob, &few.replace(":mailto:ann@", ":mailto:bob@"));
        let zone = format!(
            "BEGIN:VTIMEZONE\r\nTZID:Own\r\nCOMMENT:{}\r\nBEGIN:STANDARD\r\n\
             DTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\n\
             END:STANDARD\r\nEND:VTIMEZONE\r\n",
            "x".repeat(7 << 20)
        );
        let rule = WEEKLY.replace("WEEKLY", "WEEKLY;COUNT=5");
        let rule = rule.replace("DTSTART:20260105T090000Z", "DTSTART;TZID=Own:20260105T100000");
        let long = format!("{rule}DESCRIPTION:{}\r\n", "x".repeat(1 << 20));
        put(store, ann, &(zone + &meeting(&["room"], &long)));
        assert_eq!(answers(store, ann, "personal/m.ics"), ["DECLINED"]);
        assert_eq!(stored(store, room, "personal/m.ics"), "");
    });
}

/// A series that is counted is followed from its start, wherever it is looked for.
#[test]
fn a_long_series_that_is_over_costs_later_bookings_little() {
    let over = "DTSTART:20030101T000000Z\r\nDURATION:PT1S\r\n\
                RRULE:FREQ=HOURLY;COUNT=60000\r\nSUMMARY:Old\r\n";
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let room = room(store);
        // A room takes none.
        put(store, ann, &meeting(&["room"], over));
        assert_eq!(answers(store, ann, "personal/m.ics"), ["DECLINED"]);
        assert_eq!(stored(store, room, "personal/m.ics"), "");
        let written = try_put(store, room, "x.ics", &other(&part("", over), "x"), None);
        assert_eq!(written.unwrap().outcome, crate::PutOutcome::RoomTaken);
        // One that is there already is followed once for all days.
        put_quietly(store, room, "old", &other(&part("", over), "old"));
        let days = AT_NINE.to_owned() + "RRULE:FREQ=DAILY;COUNT=300\r\n";
        put(store, ann, &meeting(&["room"], &days));
        assert_eq!(answers(store, ann, "personal/m.ics"), ["ACCEPTED"]);
        // Of many, not all are: what is not known is taken.
        for number in 0..12 {
            let uid = format!("old-{number}");
            put_quietly(store, room, &uid, &other(&part("", over), &uid));
        }
        let late = meeting(&["room"], &at(20)).replace(":mailto:ann@", ":mailto:bob@");
        try_put(store, bob, "b.ics", &other(&late, "b"), None).unwrap();
        assert_eq!(answers(store, bob, "personal/b.ics"), ["DECLINED"]);
    });
}

/// Times that are far from each other are looked at each by itself.
#[test]
fn each_time_of_a_series_is_held_against_what_is_there() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        room(store);
        let of_bob = |rule: &str| {
            let text = meeting(&["room"], &format!("{AT_NINE}{rule}\r\n"));
            text.replace(":mailto:ann@", ":mailto:bob@")
        };
        put_other(store, bob, &of_bob("RRULE:FREQ=DAILY;BYMONTH=1,7;COUNT=500"));
        let far = "RDATE:20260301T090000Z,20260704T093000Z,20270304T090000Z,20280131T093000Z\r\n";
        put(store, ann, &meeting(&["room"], &(at(10) + far)));
        assert_eq!(
            lines(store, ann, &["RECURRENCE-ID"]),
            ["RECURRENCE-ID:20260704T093000Z", "RECURRENCE-ID:20280131T093000Z"]
        );
    });
}

/// Each is where the next one was, and the last where something else is: one after the other goes
/// back. What is in nobody's way does not.
#[test]
fn what_meets_nothing_is_restored_whatever_becomes_of_others() {
    on_both_engines(|store| {
        let room = room(store);
        let personal = personal(store, room);
        let chain = ["a", "b", "c", "d", "e", "f", "g", "h"];
        for (hour, name) in (9..).zip(chain) {
            put_in(store, &personal, name, &at(hour));
        }
        put_in(store, &personal, "x", &at(17));
        let restored = store.with(room, move |tx| {
            let mut steps = Vec::new();
            for (hour, name) in (10..).zip(chain) {
                let expected = Some(tx.find_object(personal.id, name)?.expect("there").etag());
                let object = Some(prepared(name, &at(hour)));
                steps.push(RestoreStep { name: name.to_owned(), expected, object });
            }
            let free = Some(prepared("p", &at(20)));
            steps.push(RestoreStep { name: "p".to_owned(), expected: None, object: free });
            tx.restore_objects(&personal, &steps)
        });
        let kept = chain.iter().rev().map(|name| (*name).to_owned()).collect();
        assert_eq!(restored.unwrap(), Restored { put: 1, removed: 0, kept });
        assert!(stored(store, room, "personal/p").contains("DTSTART:20260105T200000Z"));
        assert!(stored(store, room, "personal/h").contains("DTSTART:20260105T160000Z"));
    });
}
