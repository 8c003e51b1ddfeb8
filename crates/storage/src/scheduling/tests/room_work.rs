//! What a room costs in one transaction (R-CAL-4).

use ids::AccountId;

use super::fixture::*;
use super::rooms::{at, other, prepared, put_in, room};
use crate::object::{Imported, PreparedObject, Restored};
use crate::testing::{TestStore, on_both_engines};
use crate::{Duplicates, RestoreStep};

/// Series that are in nobody's way, with more times than are listed.
const SERIES: usize = 4;
const HOURS: usize = 10_000;

fn fill(store: &TestStore, room: AccountId) {
    let lines = AT_NINE.replace("20260105T09", "20250301T00").replace("PT1H", "PT1S");
    let lines = format!("{lines}RRULE:FREQ=HOURLY;COUNT={HOURS}\r\n");
    let apart = |number: usize| lines.replace("T0000", &format!("T00{:02}", number + 40));
    for number in 0..SERIES {
        let uid = format!("series-{number}");
        put_quietly(store, room, &uid, &other(&part("", &apart(number)), &uid));
    }
}

/// Half an hour before what the series take.
fn short(uid: &str, hour: u8) -> PreparedObject {
    prepared(uid, &at(hour).replace("PT1H", "PT30M"))
}

#[test]
fn what_is_imported_together_follows_a_series_once() {
    on_both_engines(|store| {
        let room = room(store);
        fill(store, room);
        let to = personal(store, room);
        let (imported, steps) = store
            .with(room, move |tx| {
                tx.booking_work.expect_many();
                let before = tx.booking_work.steps_left;
                let all: Vec<_> = (8..20).map(|hour| short(&format!("u{hour}"), hour)).collect();
                let imported = tx.import_objects(&to, &all, Duplicates::Keep)?;
                Ok((imported, before - tx.booking_work.steps_left))
            })
            .unwrap();
        assert_eq!(imported, Imported { added: 12, ..Imported::default() });
        // A time of such a rule is three steps, about; twelve times as many are taken otherwise.
        assert!((SERIES * HOURS..4 * SERIES * HOURS).contains(&steps), "{steps}");
    });
}

#[test]
fn the_steps_of_a_transaction_are_for_all_that_it_puts_into_rooms() {
    on_both_engines(|store| {
        let room = room(store);
        let to = personal(store, room);
        put_in(store, &to, "there", &at(8));
        let import = to.clone();
        let (first, second) = store
            .with(room, move |tx| {
                tx.booking_work.expect_many();
                tx.booking_work.steps_left = 400;
                let first = tx.import_objects(&import, &[short("a", 9)], Duplicates::Keep)?;
                let more = [short("b", 10), short("c", 11), short("d", 12), short("e", 13)];
                // It is the same transaction, whoever holds the account.
                let mut again = tx.tx.account(room)?;
                Ok((first, again.import_objects(&import, &more, Duplicates::Keep)?))
            })
            .unwrap();
        assert_eq!(first, Imported { added: 1, ..Imported::default() });
        let refused = vec!["d".to_owned(), "e".to_owned()];
        assert_eq!(second, Imported { added: 2, refused, ..Imported::default() });
        let restored = store.with(room, move |tx| {
            tx.booking_work.expect_many();
            tx.booking_work.steps_left = 0;
            let step = |name: &str, hour| {
                let object = Some(short(name, hour));
                RestoreStep { name: name.to_owned(), expected: None, object }
            };
            tx.restore_objects(&to, &[step("y", 14), step("z", 15)])
        });
        let kept = vec!["y".to_owned(), "z".to_owned()];
        assert_eq!(restored.unwrap(), Restored { put: 0, removed: 0, kept });
        assert_eq!(stored(store, room, "personal/y"), "");
    });
}
