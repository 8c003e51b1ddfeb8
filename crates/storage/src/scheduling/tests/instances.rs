//! Instances of a series that are answered, change, go and come back.

use super::fixture::*;
use crate::testing::{TestStore, on_both_engines};

/// The instance of a day of January at its own hour, or another.
fn instance(day: u8, hour: &str, people: &[&str]) -> String {
    let lines = format!(
        "RECURRENCE-ID:202601{day}T090000Z\r\nDTSTART:202601{day}T{hour}0000Z\r\nDURATION:PT1H\r\n\
         SUMMARY:Talk\r\n"
    );
    meeting(people, &lines)
}

fn put_tagged(store: &TestStore, account: ids::AccountId, parts: &str) {
    let known = tag(store, account);
    try_put(store, account, "m.ics", parts, known).unwrap();
}

const INSTANCES: [&str; 2] = ["RRULE", "RECURRENCE-ID"];

#[test]
fn with_a_schedule_tag_an_answer_for_one_instance_is_kept() {
    on_both_engines(|store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob", "cy"], WEEKLY));
        let tags = [ann, cy].map(|account| tag(store, account));
        let declined = instance(12, "09", &["bob DECLINED", "cy"]);
        put(store, bob, &format!("{}{declined}", meeting(&["bob", "cy"], WEEKLY)));
        assert_eq!([ann, cy].map(|account| tag(store, account)), tags);
        // Neither program has seen it: one changes the series, the other answers to it.
        let renamed = WEEKLY.replace("Talk", "Long talk");
        put_tagged(store, ann, &meeting(&["bob", "cy"], &renamed));
        for account in [ann, bob, cy] {
            assert_eq!(
                lines(store, account, &INSTANCES),
                ["RRULE:FREQ=WEEKLY", "RECURRENCE-ID:20260112T090000Z"]
            );
            assert_eq!(lines(store, account, &["SUMMARY"]), ["SUMMARY:Long talk"; 2]);
            let answers = answer(store, account, "bob");
            assert!(answers[0].contains("NEEDS-ACTION"), "{answers:?}");
            assert!(answers[1].contains("DECLINED"), "{answers:?}");
        }
        put_tagged(store, cy, &meeting(&["bob", "cy ACCEPTED"], &renamed));
        let answers = answer(store, cy, "bob");
        assert!(answers[1].contains("DECLINED"), "{answers:?}");
        let answers = answer(store, ann, "cy");
        assert!(answers.iter().all(|answer| answer.contains("ACCEPTED")), "{answers:?}");
    });
}

#[test]
fn an_instance_that_was_moved_is_moved_back() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let room = store.account("room");
        store.write(move |tx| tx.make_room(room)).unwrap();
        let series = meeting(&["bob", "room"], WEEKLY);
        put(store, ann, &format!("{series}{}", instance(12, "15", &["bob", "room"])));
        assert_eq!(lines(store, bob, &["DTSTART"]).len(), 2);
        put(store, ann, &series);
        for account in [bob, room] {
            assert_eq!(lines(store, account, &["DTSTART"]), ["DTSTART:20260105T090000Z"]);
        }
        assert_eq!(inbox(store, bob), ["REQUEST", "REQUEST"]);
        // The hour is free again, and what comes after it reaches the instance.
        let once = AT_NINE.replace("20260105T09", "20260112T15");
        let once = meeting(&["room"], &once)
            .replace(":mailto:ann@", ":mailto:bob@")
            .replace("UID:m\r\n", "UID:b\r\n");
        try_put(store, bob, "b.ics", &once, None).unwrap();
        assert!(stored(store, bob, "personal/b.ics").contains("PARTSTAT=ACCEPTED;SCHEDULE"));
        put(store, ann, &format!("{series}{}", instance(12, "11", &["bob", "room"])));
        assert_eq!(
            lines(store, bob, &["DTSTART"]),
            ["DTSTART:20260105T090000Z", "DTSTART:20260112T110000Z"]
        );
    });
}

#[test]
fn an_instance_that_was_taken_out_is_there_again() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let series = meeting(&["bob"], WEEKLY);
        put(store, ann, &meeting(&["bob"], &format!("{WEEKLY}EXDATE:20260112T090000Z\r\n")));
        put(store, ann, &series);
        assert_eq!(lines(store, bob, &["EXDATE"]), [""; 0]);
        assert_eq!(inbox(store, bob), ["REQUEST", "REQUEST"]);
    });
}

#[test]
fn who_is_left_with_one_instance_has_that_alone() {
    on_both_engines(|store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        let moved = instance(12, "15", &["bob", "cy"]);
        put(store, ann, &format!("{}{moved}", meeting(&["bob", "cy"], WEEKLY)));
        put(store, ann, &format!("{}{moved}", meeting(&["cy"], WEEKLY)));
        assert_eq!(lines(store, bob, &INSTANCES), ["RECURRENCE-ID:20260112T090000Z"]);
        assert_eq!(lines(store, bob, &["STATUS"]), [""; 0]);
        assert_eq!(inbox(store, bob), ["REQUEST", "CANCEL", "REQUEST"]);
        assert_eq!(
            lines(store, cy, &INSTANCES),
            ["RRULE:FREQ=WEEKLY", "RECURRENCE-ID:20260112T090000Z"]
        );
        // Both may answer, and Bob may be invited to the whole again.
        for account in [bob, cy] {
            let own = stored(store, account, "personal/m.ics");
            let (_, events) = own.split_once("BEGIN:VEVENT").unwrap();
            let (events, _) = events.rsplit_once("END:VCALENDAR").unwrap();
            let accepted = events.replace("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED");
            put(store, account, &format!("BEGIN:VEVENT{accepted}"));
        }
        for who in ["bob", "cy"] {
            let answers = answer(store, ann, who);
            assert!(answers.iter().all(|answer| answer.contains("ACCEPTED")), "{answers:?}");
        }
        put(store, ann, &format!("{}{moved}", meeting(&["bob", "cy"], WEEKLY)));
        assert_eq!(
            lines(store, bob, &INSTANCES),
            ["RRULE:FREQ=WEEKLY", "RECURRENCE-ID:20260112T090000Z"]
        );
    });
}

#[test]
fn who_was_taken_out_of_a_meeting_is_invited_again() {
    on_both_engines(|store| {
        let [ann, bob, _] = ["ann", "bob", "cy"].map(|name| store.account(name));
        for people in [&["bob", "cy"][..], &["cy"], &["bob", "cy"]] {
            put(store, ann, &meeting(people, AT_NINE));
        }
        assert_eq!(lines(store, bob, &["STATUS"]), [""; 0]);
        assert_eq!(inbox(store, bob), ["REQUEST", "CANCEL", "REQUEST"]);
    });
}

/// CANCEL of an instance has another number, which the copies of the series do not.
#[test]
fn an_answer_counts_that_comes_after_an_instance_was_taken_out() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob"], WEEKLY));
        let excepted = format!("{WEEKLY}EXDATE:20260112T090000Z\r\n");
        put(store, ann, &meeting(&["bob"], &excepted));
        assert_eq!(lines(store, bob, &["EXDATE"]), ["EXDATE:20260112T090000Z"]);
        put(store, bob, &meeting(&["bob ACCEPTED"], &excepted));
        let answers = answer(store, ann, "bob");
        assert!(answers[0].contains("PARTSTAT=ACCEPTED"), "{answers:?}");
    });
}
