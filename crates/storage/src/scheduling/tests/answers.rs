//! Attendees answer.

use super::fixture::*;
use super::mail::{mail, take};
use crate::Answering;
use crate::object::PutOutcome;
use crate::testing::on_both_engines;

#[test]
fn an_answer_reaches_the_organizer_and_the_others() {
    on_both_engines(|store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob", "cy"], AT_NINE));
        let tags = [ann, cy].map(|account| tag(store, account));
        let before = tag(store, bob);
        let put = put(store, bob, &meeting(&["bob ACCEPTED", "cy"], AT_NINE));
        assert_eq!(put.outcome, PutOutcome::Replaced);
        assert_ne!(put.schedule_tag, before);
        assert_eq!(
            lines(store, bob, &["ORGANIZER"]),
            ["ORGANIZER;SCHEDULE-STATUS=1.2:mailto:ann@example.test"]
        );
        assert_eq!(
            answer(store, ann, "bob"),
            ["ATTENDEE;PARTSTAT=ACCEPTED;SCHEDULE-STATUS=2.0:mailto:bob@example.test"]
        );
        assert_eq!(inbox(store, ann), ["REPLY"]);
        // Cy sees it, and hears nothing of it.
        assert_eq!(
            answer(store, cy, "bob"),
            ["ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.test"]
        );
        assert_eq!(inbox(store, cy), ["REQUEST"]);
        assert_eq!([ann, cy].map(|account| tag(store, account)), tags);
        // To say the same again is no answer.
        super::fixture::put(store, bob, &meeting(&["bob ACCEPTED", "cy"], AT_NINE));
        assert_eq!(inbox(store, ann), ["REPLY"]);
    });
}

#[test]
fn who_deletes_it_declines_unless_told_to_be_silent() {
    on_both_engines(|store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob", "cy"], AT_NINE));
        delete(store, bob, Answering::Reply);
        delete(store, cy, Answering::Silent);
        assert!(answer(store, ann, "bob")[0].contains("PARTSTAT=DECLINED"));
        assert!(answer(store, ann, "cy")[0].contains("PARTSTAT=NEEDS-ACTION"));
        assert_eq!(inbox(store, ann), ["REPLY"]);
    });
}

#[test]
fn an_answer_for_one_instance_makes_an_exception_everywhere() {
    on_both_engines(|store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob", "cy"], WEEKLY));
        let declined = meeting(
            &["bob DECLINED", "cy"],
            "RECURRENCE-ID:20260112T090000Z\r\nDTSTART:20260112T090000Z\r\nDURATION:PT1H\r\n\
             SUMMARY:Talk\r\n",
        );
        put(store, bob, &format!("{}{declined}", meeting(&["bob", "cy"], WEEKLY)));
        for account in [ann, cy] {
            assert_eq!(
                lines(store, account, &["RRULE", "RECURRENCE-ID"]),
                ["RRULE:FREQ=WEEKLY", "RECURRENCE-ID:20260112T090000Z"]
            );
            let answers = answer(store, account, "bob");
            assert!(answers[0].contains("NEEDS-ACTION"), "{answers:?}");
            assert!(answers[1].contains("DECLINED"), "{answers:?}");
        }
        assert_eq!(inbox(store, cy), ["REQUEST"]);
    });
}

#[test]
fn attendees_change_what_is_theirs() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob"], AT_NINE));
        let later = meeting(&["bob ACCEPTED"], &AT_NINE.replace("T09", "T10"));
        let outcome = refused(try_put(store, bob, "m.ics", &later, None));
        assert_eq!(outcome, PutOutcome::NotForAttendee);
        assert_eq!(lines(store, bob, &["DTSTART"]), ["DTSTART:20260105T090000Z"]);
        assert!(answer(store, ann, "bob")[0].contains("NEEDS-ACTION"));
        // An organizer does not give a meeting away.
        let given =
            meeting(&["bob"], AT_NINE).replace("ORGANIZER:mailto:ann", "ORGANIZER:mailto:bob");
        assert_eq!(
            refused(try_put(store, ann, "m.ics", &given, None)),
            PutOutcome::NotForOrganizer
        );
        // Nor does an attendee take it.
        assert_eq!(refused(try_put(store, bob, "m.ics", &given, None)), PutOutcome::NotForAttendee);
    });
}

#[test]
fn with_a_schedule_tag_answers_are_kept_that_a_client_has_not_seen() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let known = put(store, ann, &meeting(&["bob"], AT_NINE)).schedule_tag;
        put(store, bob, &meeting(&["bob ACCEPTED"], AT_NINE));
        let renamed = meeting(&["bob"], &AT_NINE.replace("Talk", "Long talk"));
        let put = try_put(store, ann, "m.ics", &renamed, known.clone()).unwrap();
        assert_eq!(put.outcome, PutOutcome::Replaced);
        assert!(answer(store, ann, "bob")[0].contains("PARTSTAT=ACCEPTED"));
        assert_eq!(lines(store, bob, &["SUMMARY"]), ["SUMMARY:Long talk"]);
        assert!(answer(store, bob, "bob")[0].contains("PARTSTAT=ACCEPTED"));
        // The change is one that its owner has to know of.
        assert!(try_put(store, ann, "m.ics", &renamed, known).is_err());
    });
}

/// What somebody answered by mail is not undone by a program that has not seen it.
#[test]
fn ones_own_answer_by_mail_is_a_change_to_know_of() {
    on_both_engines(|store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob", "cy"], AT_NINE));
        let [before, of_cy] = [bob, cy].map(|account| tag(store, account));
        let reply = part("ATTENDEE;PARTSTAT=ACCEPTED:mailto:bob@example.test\r\n", AT_NINE);
        assert!(take(store, ann, &mail("bob@example.test", "REPLY", &reply), "example.test"));
        assert!(answer(store, bob, "bob")[0].contains("PARTSTAT=ACCEPTED"));
        // The phone has the meeting as it was, and puts an alarm into it.
        let old = meeting(&["bob", "cy"], AT_NINE);
        assert!(try_put(store, bob, "m.ics", &old, before).is_err());
        assert!(answer(store, ann, "bob")[0].contains("PARTSTAT=ACCEPTED"));
        // To others it is an answer like any.
        assert_eq!(tag(store, cy), of_cy);
    });
}
