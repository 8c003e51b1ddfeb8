//! What is taken as an object, and when it is.

use std::ops::Range;

use super::super::*;
use super::{AT_NINE, event, new_calendar, prepared, put};
use crate::testing::on_both_engines;

fn fault(bytes: &[u8]) -> String {
    let limits = ObjectLimits::default();
    PreparedObject::calendar(bytes.to_vec(), &limits)
        .map_or_else(|fault| fault.to_string(), |_| String::new())
}

#[test]
fn what_is_no_calendar_object() {
    assert_eq!(fault(&event("1", AT_NINE)), "");
    let secondly = "DTSTART:20260101T000000Z\r\nRRULE:FREQ=SECONDLY\r\n";
    let minutely = "DTSTART:20260101T000000Z\r\nRRULE:FREQ=MINUTELY;INTERVAL=30;BYHOUR=1,2\r\n";
    assert_eq!(fault(&event("1", minutely)), "");
    let big = format!("{AT_NINE}ATTACH;ENCODING=BASE64;VALUE=BINARY:{}\r\n", "A".repeat(90_000));
    let fits = format!("{AT_NINE}ATTACH;ENCODING=BASE64;VALUE=BINARY:{}\r\n", "A".repeat(87_380));
    assert_eq!(fault(&event("1", &fits)), "");
    for (bytes, expect) in [
        (b"".to_vec(), "stands outside"),
        (b"BEGIN:VCARD\r\nEND:VCARD\r\n".to_vec(), "without VCALENDAR"),
        (event("", AT_NINE), "UID"),
        (event("1", ""), "DTSTART"),
        (event("1", "DTSTART:yesterday\r\n"), "well-formed"),
        (event("1", &format!("{AT_NINE}RRULE:FREQ=NEVER\r\n")), "well-formed"),
        (event("1", secondly), "10000 occurrences"),
        (event("1", &big), "65536 bytes"),
    ] {
        let fault = fault(&bytes);
        assert!(fault.contains(expect), "{fault:?} is not {expect:?}");
    }
    let text = |from: &str, to: &str| {
        let text = String::from_utf8(event("1", AT_NINE)).unwrap();
        assert!(text.contains(from), "{from}");
        fault(text.replace(from, to).as_bytes())
    };
    assert!(text("VERSION:2.0", "VERSION:1.0").contains("2.0"));
    assert!(text("VERSION:2.0\r\n", "").is_empty());
    assert!(text("PRODID", "METHOD:PUBLISH\r\nPRODID").contains("METHOD"));
    let two = "END:VEVENT\r\nBEGIN:VEVENT\r\nUID:2\r\nDTSTART:20260101\r\nEND:VEVENT\r\n";
    assert!(text("END:VEVENT\r\n", two).contains("several UIDs"));
    let two = "END:VEVENT\r\nBEGIN:VTODO\r\nUID:1\r\nEND:VTODO\r\n";
    assert!(text("END:VEVENT\r\n", two).contains("several types"));
    let two = "END:VEVENT\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260101\r\nEND:VEVENT\r\n";
    assert!(text("END:VEVENT\r\n", two).contains("without RECURRENCE-ID"));
    let limits = ObjectLimits { bytes_max: 10, ..ObjectLimits::default() };
    let big = PreparedObject::calendar(event("1", AT_NINE), &limits);
    assert!(matches!(big, Err(ObjectFault::TooBig { limit_bytes: 10 })));
}

#[test]
fn what_is_no_card() {
    let card =
        |text: &str| PreparedObject::card(text.as_bytes().to_vec(), &ObjectLimits::default());
    let good = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:A\r\nEND:VCARD\r\n";
    assert_eq!(card(good).unwrap().uid(), "1");
    for (from, to) in [
        ("VERSION:3.0", "VERSION:2.1"),
        ("UID:1\r\n", ""),
        ("FN:A\r\n", ""),
        ("VCARD", "VCALENDAR"),
    ] {
        assert!(card(&good.replace(from, to)).is_err(), "{from}");
    }
}

/// A day as a window of seconds.
fn day(date: jiff::civil::Date) -> Range<i64> {
    let start =
        date.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_second();
    start..start + 86_400
}

#[test]
fn occurrences_are_found_where_they_are() {
    use jiff::civil::date;
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        let weekly = format!("{AT_NINE}RRULE:FREQ=WEEKLY\r\n");
        let few = format!("{AT_NINE}RRULE:FREQ=DAILY;COUNT=3\r\nEXDATE:20260106T090000Z\r\n");
        let all_day = "DTSTART;VALUE=DATE:20260110\r\n";
        let many = format!("{AT_NINE}RRULE:FREQ=DAILY;COUNT=1000\r\n");
        for (name, text) in [
            ("once", AT_NINE),
            ("weekly", &weekly),
            ("few", &few),
            ("day", all_day),
            ("many", &many),
        ] {
            put(store, &work, name, prepared(name, text)).unwrap();
        }
        let todo = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:t\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
        put(
            store,
            &work,
            "todo",
            PreparedObject::calendar(todo.to_vec(), &ObjectLimits::default()).unwrap(),
        )
        .unwrap();
        let found = |window: Range<i64>, components| {
            let id = work.id;
            let found = store.read(move |tx| tx.find_in_range(id, components, &window)).unwrap();
            let mut names: Vec<String> = found
                .into_iter()
                .map(|one| match one.is {
                    Match::Yes => one.object.name,
                    Match::Maybe => format!("{}?", one.object.name),
                })
                .collect();
            names.sort();
            names.join(" ")
        };
        for (at, expect) in [
            (date(2026, 1, 4), ""),
            (date(2026, 1, 5), "few many once? weekly"),
            (date(2026, 1, 6), "many"),
            (date(2026, 1, 7), "few many"),
            (date(2026, 1, 8), "day? many"),
            (date(2026, 1, 9), "day? many"),
            (date(2026, 1, 10), "day? many"),
            (date(2026, 1, 11), "day? many"),
            (date(2026, 1, 12), "day? many weekly"),
            (date(2028, 9, 30), "many?"),
            (date(2028, 10, 2), "weekly"),
            (date(2028, 10, 3), ""),
            // Beyond what is listed, the rule has to be asked.
            (date(2090, 1, 2), "weekly?"),
        ] {
            assert_eq!(found(day(at), Components::EVENT), expect, "{at}");
        }
        assert_eq!(found(day(date(1999, 1, 1)), Components::TASK), "todo?");
    });
}

#[test]
fn an_object_is_found_once_however_long_it_lasts() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        let work = new_calendar(store, julie, "work");
        // Around 31 days, from where on the index of long ones has it.
        let lengths =
            [60, 2_678_399, 2_678_400, 2_678_401, 2_678_407, 2_678_408, 2_678_409, 2_678_500];
        for length in lengths {
            let text = format!("DTSTART:20260101T000000Z\r\nDURATION:PT{length}S\r\n");
            put(store, &work, &length.to_string(), prepared(&length.to_string(), &text)).unwrap();
        }
        let start = day(jiff::civil::date(2026, 1, 1)).start;
        for (from, to) in [(0, 1), (0, 2), (0, 9), (0, 91), (0, 92), (0, 93), (59, 100), (-100, 1)]
        {
            let (id, window) = (work.id, start + from..start + to);
            let found = store.read(move |tx| tx.find_in_range(id, Components::EVENT, &window));
            let mut names: Vec<String> =
                found.unwrap().into_iter().map(|one| one.object.name).collect();
            names.sort_by_key(|name| name.parse::<u64>().unwrap());
            assert_eq!(names, lengths.map(|length| length.to_string()), "{from} to {to}");
        }
    });
}
