//! Organizers put, change and delete meetings.

use super::fixture::*;
use crate::Answering;
use crate::object::PutOutcome;
use crate::testing::on_both_engines;

#[test]
fn an_invitation_arrives_in_calendar_and_inbox() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let put = put(store, ann, &meeting(&["bob", "nobody"], AT_NINE));
        // The server added to it, so what is stored is not what was put.
        assert_eq!((put.outcome, put.etag), (PutOutcome::Created, None));
        assert_eq!(put.schedule_tag, tag(store, ann));
        assert_eq!(
            answer(store, ann, "bob"),
            ["ATTENDEE;PARTSTAT=NEEDS-ACTION;SCHEDULE-STATUS=1.2:mailto:bob@example.test"]
        );
        assert_eq!(
            answer(store, ann, "nobody"),
            ["ATTENDEE;PARTSTAT=NEEDS-ACTION;SCHEDULE-STATUS=3.7:mailto:nobody@example.test"]
        );
        assert_eq!(
            answer(store, ann, "ann"),
            ["ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.test"]
        );
        // Bob had no calendar yet.
        assert_eq!(lines(store, bob, &["SUMMARY", "METHOD"]), ["SUMMARY:Talk"]);
        assert_eq!(inbox(store, bob), ["REQUEST"]);
        assert_eq!(inbox(store, ann), [""; 0]);
        assert!(tag(store, bob).is_some());
    });
}

#[test]
fn what_is_put_without_consequences_invites_nobody() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let calendar = personal(store, ann);
        let object = calendar_of(&meeting(&["bob"], AT_NINE));
        let object = crate::PreparedObject::calendar(object, &crate::ObjectLimits::default());
        store
            .with(ann, move |tx| {
                let name = crate::ObjectName::parse("m.ics")?;
                tx.put_object(&calendar, &name, &object.unwrap(), &crate::Condition::default())
            })
            .unwrap();
        assert_eq!((tag(store, ann), stored(store, bob, "personal/m.ics")), (None, String::new()));
        // Nor does it tell anybody that it goes.
        delete(store, ann, Answering::Reply);
        assert_eq!(inbox(store, bob), [""; 0]);
    });
}

#[test]
fn changes_and_cancellations_follow() {
    on_both_engines(|store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob", "cy"], AT_NINE));
        let before = tag(store, bob);
        // Nothing new to anybody but their own: nobody hears of it.
        let quiet =
            format!("{AT_NINE}BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n");
        put(store, ann, &meeting(&["bob", "cy"], &quiet));
        assert_eq!(
            (inbox(store, bob), tag(store, bob)),
            (vec!["REQUEST".to_owned()], before.clone())
        );
        assert_eq!(answer(store, ann, "bob").len(), 1);
        assert!(answer(store, ann, "bob")[0].contains("SCHEDULE-STATUS=1.2"));
        let later = AT_NINE.replace("T09", "T11");
        put(store, ann, &meeting(&["bob"], &later));
        assert_eq!(lines(store, bob, &["DTSTART"]), ["DTSTART:20260105T110000Z"]);
        assert_ne!(tag(store, bob), before);
        assert_eq!(lines(store, cy, &["STATUS"]), ["STATUS:CANCELLED"]);
        assert_eq!(inbox(store, cy), ["REQUEST", "CANCEL"]);
        delete(store, ann, Answering::Reply);
        assert_eq!(lines(store, bob, &["STATUS"]), ["STATUS:CANCELLED"]);
        assert_eq!(inbox(store, bob), ["REQUEST", "REQUEST", "CANCEL"]);
        assert_eq!(stored(store, ann, "personal/m.ics"), "");
    });
}

#[test]
fn one_instance_leaves_the_others_as_they_are() {
    on_both_engines(|store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        let master = meeting(&["bob"], WEEKLY);
        let moved = |day: u8, people: &[&str]| {
            let lines = format!(
                "RECURRENCE-ID:202601{day}T090000Z\r\nDTSTART:202601{day}T140000Z\r\n\
                 DURATION:PT1H\r\nSUMMARY:Moved\r\n"
            );
            meeting(people, &lines)
        };
        put(store, ann, &format!("{master}{}", moved(12, &["bob"])));
        // Cy comes to one instance only, and sees that one alone.
        put(store, ann, &format!("{master}{}{}", moved(12, &["bob"]), moved(19, &["bob", "cy"])));
        assert_eq!(
            lines(store, cy, &["RRULE", "RECURRENCE-ID"]),
            ["RECURRENCE-ID:20260119T090000Z"]
        );
        assert_eq!(
            lines(store, bob, &["RRULE", "RECURRENCE-ID"]),
            [
                "RRULE:FREQ=WEEKLY",
                "RECURRENCE-ID:20260112T090000Z",
                "RECURRENCE-ID:20260119T090000Z"
            ]
        );
        // The first exception goes back to the rule, the second stays.
        put(store, ann, &format!("{master}{}", moved(19, &["bob", "cy"])));
        assert!(
            lines(store, bob, &["RECURRENCE-ID"])
                .contains(&"RECURRENCE-ID:20260119T090000Z".to_owned())
        );
        assert_eq!(lines(store, cy, &["STATUS"]), [""; 0]);
    });
}

#[test]
fn agents_decide_who_is_told() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let by_client = meeting(&["bob"], AT_NINE)
            .replace("PARTSTAT=NEEDS-ACTION", "SCHEDULE-AGENT=CLIENT;PARTSTAT=NEEDS-ACTION");
        let put = put(store, ann, &by_client);
        // What is stored is what was put.
        assert!(put.etag.is_some() && put.schedule_tag.is_some());
        assert_eq!(inbox(store, bob), [""; 0]);
    });
}

#[test]
fn a_calendar_goes_with_its_meetings() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let calendar = personal(store, ann);
        put(store, ann, &meeting(&["bob"], WEEKLY));
        let over = meeting(&["bob"], &AT_NINE.replace("2026", "1969")).replace("UID:m", "UID:o");
        try_put(store, ann, "o.ics", &over, None).unwrap();
        store
            .write(move |tx| {
                let name = crate::CollectionName::parse(crate::Home::Calendars, "other")?;
                let new = crate::NewCollection::new(crate::CollectionKind::Calendar);
                tx.account(ann)?.create_collection(&name, &new, &[])?;
                tx.lock_meetings_of(ann, calendar.id)?;
                let mut tx = tx.account(ann)?;
                tx.delete_calendar_scheduled(&calendar, &[], Answering::Reply)
            })
            .unwrap();
        assert_eq!(lines(store, bob, &["STATUS"]), ["STATUS:CANCELLED"]);
        assert_eq!(inbox(store, bob), ["REQUEST", "REQUEST", "CANCEL"]);
    });
}
