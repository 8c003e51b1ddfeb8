//! What is changed of bookings, or brought back, takes no time twice either (R-CAL-4).

use super::fixture::*;
use super::rooms::{answers, at, notes, open, other, prepared, put_in, room};
use super::transfers::transfer;
use crate::object::{Imported, Restored};
use crate::testing::on_both_engines;
use crate::{Duplicates, Home, PutOutcome, RestoreStep, TransferKind};

#[test]
fn a_booking_that_is_changed_is_where_it_takes_time() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let room = room(store);
        let (notes, personal) = (notes(store, room), personal(store, room));
        put(store, ann, &meeting(&["room"], AT_NINE));
        let moved =
            transfer(store, room, TransferKind::Move, (&personal, "m.ics"), (&notes, "m.ics"));
        assert_eq!(moved, PutOutcome::Created);
        put(store, ann, &meeting(&["room"], &at(10)));
        assert_eq!(answers(store, ann, "personal/m.ics"), ["ACCEPTED"]);
        assert_eq!(stored(store, room, "notes/m.ics"), "");
        assert!(lines(store, room, &["DTSTART"])[0].ends_with("T100000Z"));
        let of_bob = |hour| {
            let text = meeting(&["room"], &at(hour)).replace(":mailto:ann@", ":mailto:bob@");
            try_put(store, bob, "b.ics", &other(&text, "b"), None).unwrap();
            answers(store, bob, "personal/b.ics")
        };
        assert_eq!(of_bob(10), ["DECLINED"]);
        // Where there is no time for the change, it is nowhere.
        assert_eq!(of_bob(11), ["ACCEPTED"]);
        transfer(store, room, TransferKind::Move, (&personal, "m.ics"), (&notes, "m.ics"));
        put(store, ann, &meeting(&["room"], &at(11)));
        assert_eq!(answers(store, ann, "personal/m.ics"), ["DECLINED"]);
        assert_eq!(stored(store, room, "notes/m.ics"), "");
        assert_eq!(stored(store, room, "personal/m.ics"), "");
    });
}

#[test]
fn a_booking_that_is_put_back_is_a_meeting_as_before() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        let room = room(store);
        let personal = personal(store, room);
        put(store, ann, &meeting(&["room"], AT_NINE));
        put_in(store, &personal, "x", &at(13));
        let before = (tag(store, room).unwrap(), stored(store, room, "personal/m.ics"));
        let restored = store.with(room, move |tx| {
            let expected = Some(tx.find_object(personal.id, "m.ics")?.expect("there").etag());
            let object = Some(prepared("m", &at(13)));
            let steps = [RestoreStep { name: "m.ics".to_owned(), expected, object }];
            tx.restore_objects(&personal, &steps)
        });
        let kept = vec!["m.ics".to_owned()];
        assert_eq!(restored.unwrap(), Restored { put: 0, removed: 0, kept });
        assert_eq!(stored(store, room, "personal/m.ics"), before.1);
        assert!(tag(store, room).is_some_and(|tag| tag != before.0));
    });
}

#[test]
fn what_cannot_be_put_back_does_not_stay() {
    on_both_engines(|store| {
        let room = room(store);
        let personal = personal(store, room);
        put_in(store, &personal, "a", AT_NINE);
        put_in(store, &personal, "x", &at(13));
        let restored = store.with(room, move |tx| {
            let expected = Some(tx.find_object(personal.id, "a")?.expect("there").etag());
            let step = |name: &str, expected, object| {
                let name = name.to_owned();
                RestoreStep { name, expected, object: Some(object) }
            };
            // Its UID is that of another now.
            let steps = [
                step("a", expected, prepared("z", &at(13))),
                step("b", None, prepared("a", AT_NINE)),
            ];
            tx.restore_objects(&personal, &steps)
        });
        let kept = vec!["a".to_owned()];
        assert_eq!(restored.unwrap(), Restored { put: 1, removed: 0, kept });
        assert_eq!(stored(store, room, "personal/a"), "");
        assert!(stored(store, room, "personal/b").contains("DTSTART:20260105T090000Z"));
    });
}

#[test]
fn what_is_imported_is_held_against_what_the_calendar_is_now() {
    on_both_engines(|store| {
        let room = room(store);
        let before = notes(store, room);
        put_in(store, &personal(store, room), "x", AT_NINE);
        open(store, &before).unwrap();
        let imported = store.with(room, move |tx| {
            let all = [prepared("y", AT_NINE), prepared("z", &at(10))];
            tx.import_objects(&before, &all, Duplicates::Keep)
        });
        let refused = vec!["y".to_owned()];
        assert_eq!(imported.unwrap(), Imported { added: 1, refused, ..Imported::default() });
        let there = store.read(move |tx| {
            let notes = tx.find_collection(room, Home::Calendars, "notes")?.expect("there");
            Ok(tx.list_objects(notes.id)?.len())
        });
        assert_eq!(there.unwrap(), 1);
    });
}
