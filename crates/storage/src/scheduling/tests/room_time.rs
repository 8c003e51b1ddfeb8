//! A room is taken by what is booked, whatever is said of the time of it (R-CAL-4).

use ids::AccountId;

use super::fixture::*;
use super::rooms::{answers, notes, other, room};
use crate::CollectionChange;
use crate::testing::{TestStore, on_both_engines};

/// Bob wants the hour that Ann has.
fn bob_wants(store: &TestStore, bob: AccountId) -> Vec<String> {
    let text = meeting(&["room"], AT_NINE).replace(":mailto:ann@", ":mailto:bob@");
    try_put(store, bob, "b.ics", &other(&text, "b"), None).unwrap();
    answers(store, bob, "personal/b.ics")
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
