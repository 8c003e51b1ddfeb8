//! What is changed of bookings, or brought back, takes no time twice either (R-CAL-4).

use super::fixture::*;
use super::rooms::{answers, at, notes, other, room};
use super::transfers::transfer;
use crate::testing::on_both_engines;
use crate::{PutOutcome, TransferKind};

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
