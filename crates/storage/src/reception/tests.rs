//! Receptions on both engines: written with what they are about, found by number and by text.

use std::sync::Arc;

use ids::{Clock, CollectionId, SpoolId, Timestamp, Uid};
use testkit::ManualClock;

use super::*;
use crate::StorageError;
use crate::testing::{TestStore, on_both_engines, on_both_engines_with};

fn reception(message: u64, to: &[&str]) -> Reception {
    Reception {
        message,
        protocol: "smtp".to_owned(),
        peer: "192.0.2.1".to_owned(),
        user: String::new(),
        reverse_path: "tim@far.test".to_owned(),
        message_id: format!("{message}@far.test"),
        size_bytes: 120,
        placement: Placement::Inbox,
        forward_paths: to.iter().map(|path| (*path).to_owned()).collect(),
    }
}

fn stored() -> Disposition {
    Disposition::Stored { mailbox: CollectionId::new(7), uid: Uid::new(3) }
}

fn note(store: &TestStore, reception: Reception, dispositions: Vec<Vec<Disposition>>) {
    store.write(move |tx| tx.note_reception(&reception, &dispositions)).unwrap();
}

/// The numbers of the messages that a search finds, the newest first.
fn found(store: &TestStore, wanted: &'static str, since: Timestamp) -> Vec<u64> {
    let (mut messages, mut cursor) = (Vec::new(), Some(ReceptionCursor::NEWEST));
    while let Some(at) = cursor {
        let slice = store.read(move |tx| tx.find_receptions(wanted, since, at)).unwrap();
        messages.extend(slice.rows.iter().map(|row| row.reception.message));
        cursor = slice.next;
    }
    messages
}

fn number(clock: &ManualClock) -> u64 {
    clock.now().as_micros().cast_unsigned() << 12
}

fn with_clock(test: impl Fn(&TestStore, &ManualClock)) {
    let clock = Arc::new(ManualClock::default());
    let settings = clock.clone();
    on_both_engines_with(
        move |changed| changed.clock = settings.clone(),
        |store| {
            test(store, &clock);
        },
    );
}

#[test]
fn what_was_written_is_read() {
    let message = Reception {
        user: "anna@example.test".to_owned(),
        placement: Placement::Junk,
        ..reception(u64::MAX, &["a@x.test", "\"b c\"@x.test", "c@x.test"])
    };
    let spool = SpoolId::new(41);
    let dispositions = vec![
        vec![stored(), Disposition::SentOn(spool), Disposition::Answered(spool)],
        vec![Disposition::Refused("550 5.7.1 no, thank you".to_owned())],
        vec![Disposition::Queued(spool), Disposition::Posted(spool), Disposition::Discarded],
    ];
    let text = text::render(&message, &dispositions);
    assert_eq!(
        text,
        "ffffffffffffffff\tsmtp\t192.0.2.1\tanna@example.test\ttim@far.test\t\
         18446744073709551615@far.test\t120\tjunk\n\
         a@x.test\ts7.3\tf41\ta41\n\"b c\"@x.test\tr550 5.7.1 no, thank you\nc@x.test\tq41\tl41\td"
    );
    assert_eq!(text::read(&text).unwrap(), (message, dispositions));
}

#[test]
fn no_text_of_a_peer_makes_lines_or_parts() {
    let message = Reception {
        message_id: format!("a\tb\0c\n{}\u{e4}", "x".repeat(243)),
        ..reception(1, &["\"\t\"@x.test"])
    };
    let (read, dispositions) = text::read(&text::render(&message, &[vec![stored()]])).unwrap();
    assert_eq!(read.message_id, format!("a?b?c?{}", "x".repeat(243)));
    assert_eq!(read.forward_paths, ["\"?\"@x.test"]);
    assert_eq!(dispositions, [[stored()]]);
    for damaged in
        ["", "x", "1\t\t\t\t\t\t\t", "1\t\t\t\t\t\t5\t\na\tz1", "1\t\t\t\t\t\t5\t\na\ts1"]
    {
        assert!(matches!(text::read(damaged), Err(StorageError::Corrupt(_))), "{damaged:?}");
    }
}

#[test]
fn receptions_are_found_by_number_and_by_text() {
    with_clock(|store, clock| {
        let numbers: Vec<u64> = (0..40)
            .map(|at| {
                clock.advance_secs(30);
                let number = number(clock);
                // It took its time to come.
                clock.advance_secs(i64::from(at % 7) * 20);
                let to = if at % 2 == 0 { "Anna@x.test" } else { "ben@x.test" };
                let queued = Disposition::Queued(SpoolId::new(at.into()));
                note(store, reception(number, &[to]), vec![vec![queued]]);
                number
            })
            .collect();
        for (at, number) in numbers.iter().enumerate() {
            let number = *number;
            let row = store.read(move |tx| tx.reception(number)).unwrap().unwrap();
            assert_eq!(row.reception.message, number);
            let spool = SpoolId::new(at as i64);
            let of = move |at| store.read(move |tx| tx.reception_of_spooled(spool, at)).unwrap();
            assert_eq!(of(row.at), Some(row.clone()));
            assert_eq!(of(row.at.plus_secs(1)), None);
            assert_eq!(store.read(move |tx| tx.reception(number + 1)).unwrap(), None);
        }
        let begin = Timestamp::from_micros(0);
        let even: Vec<u64> = numbers.iter().rev().skip(1).step_by(2).copied().collect();
        assert_eq!(found(store, "anna@X.test", begin), even);
        assert_eq!(found(store, "nobody@x.test", begin), [0u64; 0]);
        assert_eq!(found(store, "TIM@far.test", begin).len(), 40);
        let last = *numbers.last().unwrap();
        let id: &'static str = format!("{last}@far.test").leak();
        assert_eq!(found(store, id, begin), [last]);
        assert_eq!(found(store, "tim@far.test", clock.now()), [last]);
    });
}

#[test]
fn what_is_looked_for_is_no_pattern() {
    with_clock(|store, clock| {
        for (message, from) in [(1, "a_b%c!@x.test"), (2, "aXbYYc@x.test"), (3, "\u{e9}@x.test")] {
            clock.advance_secs(1);
            let reception =
                Reception { reverse_path: from.to_owned(), ..reception(message, &["a@y.test"]) };
            note(store, reception, vec![vec![stored()]]);
        }
        let begin = Timestamp::from_micros(0);
        assert_eq!(found(store, "A_B%C!@x.test", begin), [1]);
        assert_eq!(found(store, "axbyyc@x.test", begin), [2]);
        assert_eq!(found(store, "a%@x.test", begin), [0u64; 0]);
        assert_eq!(found(store, "\u{e9}@X.test", begin), [3]);
    });
}

/// However far the numbers are from each other, and however many rows there are of an address.
#[test]
fn a_search_goes_on_step_by_step() {
    with_clock(|store, clock| {
        let spread = |message: u64, id: i64| {
            note(store, reception(message, &["a@x.test"]), vec![vec![stored()]]);
            store
                .write(move |tx| {
                    let its = Value::Text(&format!("{message:016x}%"));
                    let move_it = "UPDATE reception SET id = ?1 WHERE trace LIKE ?2";
                    tx.sql.execute(move_it, &[Value::Int(id), its])
                })
                .unwrap();
        };
        for (message, id) in [(1, 10), (2, 700_000), (3, 700_001), (4, 1_500_000)] {
            clock.advance_secs(600);
            spread(message, id);
        }
        let begin = Timestamp::from_micros(0);
        assert_eq!(found(store, "a@x.test", begin), [4, 3, 2, 1]);
        assert_eq!(found(store, "1@far.test", begin), [1]);
        let since = clock.now().plus_secs(-601);
        assert_eq!(found(store, "a@x.test", since), [4, 3]);
        // Nothing of before is looked at.
        let (mut cursor, mut lowest) = (Some(ReceptionCursor::NEWEST), i64::MAX);
        while let Some(from) = cursor {
            lowest = from.0;
            let slice = store
                .read(move |tx| tx.find_receptions("a@x.test", since.plus_secs(300), from))
                .unwrap();
            cursor = slice.next;
        }
        assert!(lowest > 700_001, "{lowest}");
    });
}

#[test]
fn a_transaction_that_fails_leaves_no_trace() {
    on_both_engines(|store| {
        let failed = store.write(|tx| {
            tx.note_reception(&reception(1, &["a@x.test"]), &[vec![stored()]])?;
            Err::<(), _>(StorageError::Conflict("a test"))
        });
        assert!(failed.is_err());
        assert_eq!(found(store, "a@x.test", Timestamp::from_micros(0)), [0u64; 0]);
    });
}

#[test]
fn receptions_go_when_their_days_are_over() {
    with_clock(|store, clock| {
        note(store, reception(1, &["a@x.test"]), vec![vec![stored()]]);
        clock.advance_secs(8 * 86_400);
        note(store, reception(2, &["a@x.test"]), vec![vec![stored()]]);
        clock.advance_secs(7 * 86_400);
        assert_eq!(store.inner().maintain().unwrap().traces, 1);
        assert_eq!(found(store, "a@x.test", Timestamp::from_micros(0)), [2]);
    });
}
