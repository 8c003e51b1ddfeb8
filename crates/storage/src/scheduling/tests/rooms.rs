//! Rooms accept and decline (R-CAL-4).

use ids::AccountId;

use super::fixture::*;
use crate::testing::{TestStore, on_both_engines};
use crate::{Answering, Home, PutOutcome};

fn room(store: &TestStore) -> AccountId {
    let room = store.account("room");
    store.write(move |tx| tx.make_room(room)).unwrap();
    room
}

/// The same meeting under another UID.
fn other(text: &str, uid: &str) -> String {
    text.replace("UID:m\r\n", &format!("UID:{uid}\r\n"))
}

/// What the room answered to each ATTENDEE line of a meeting, and how.
fn answers(store: &TestStore, account: AccountId, place: &'static str) -> Vec<String> {
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

#[test]
fn nobody_writes_a_second_booking_into_the_calendar_of_a_room() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        let room = room(store);
        put(store, ann, &meeting(&["room"], AT_NINE));
        let event = |uid: &str, lines: &str| {
            format!(
                "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n{lines}END:VEVENT\r\n"
            )
        };
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
