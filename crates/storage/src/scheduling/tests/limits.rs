//! What is refused, and what fails for one alone.

use super::fixture::*;
use super::mail::{mail, take};
use crate::object::{MeetingPlace, PutOutcome};
use crate::testing::{on_both_engines, on_both_engines_with};
use crate::{Address, CollectionName, Home, NewCollection};

#[test]
fn a_meeting_stands_in_one_calendar_and_has_one_organizer() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        store.account("bob");
        let text = meeting(&["bob"], AT_NINE);
        put(store, ann, &text);
        store
            .with(ann, |tx| {
                let name = CollectionName::parse(Home::Calendars, "work")?;
                tx.create_collection(
                    &name,
                    &NewCollection::new(crate::CollectionKind::Calendar),
                    &[],
                )
            })
            .unwrap();
        let object =
            crate::PreparedObject::calendar(calendar_of(&text), &crate::ObjectLimits::default());
        let put = store.write(move |tx| {
            let work = tx.find_collection(ann, Home::Calendars, "work")?.expect("there");
            let (name, object) = (crate::ObjectName::parse("n.ics")?, object.unwrap());
            tx.account(ann)?.put_scheduled(&work, &name, &object, &crate::Condition::default())
        });
        let place = MeetingPlace { calendar: "personal".to_owned(), name: "m.ics".to_owned() };
        assert_eq!(refused(put), PutOutcome::MeetingTaken { place: Some(place) });
        let other =
            meeting(&["bob"], "RECURRENCE-ID:20260112T090000Z\r\nDTSTART:20260112T090000Z\r\n")
                .replace("ORGANIZER:mailto:ann", "ORGANIZER:mailto:bob");
        let both = format!("{}{other}", meeting(&["bob"], WEEKLY));
        assert_eq!(
            refused(try_put(store, ann, "m.ics", &both, None)),
            PutOutcome::SeveralOrganizers
        );
    });
}

#[test]
fn a_meeting_has_so_many_attendees() {
    let few = |settings: &mut crate::Settings| settings.scheduling.attendees_max = 2;
    on_both_engines_with(few, |store| {
        let ann = store.account("ann");
        let bob = store.account("bob");
        let crowd = meeting(&["bob", "cy"], AT_NINE);
        assert_eq!(
            refused(try_put(store, ann, "m.ics", &crowd, None)),
            PutOutcome::TooManyAttendees
        );
        assert_eq!(inbox(store, bob), [""; 0]);
        put(store, ann, &meeting(&["bob"], AT_NINE));
    });
}

/// Each of them gets all of it, while everybody else waits.
#[test]
fn a_large_meeting_has_fewer_attendees() {
    on_both_engines(|store| {
        let ann = store.account("ann");
        let names: Vec<String> = (0..400).map(|number| format!("p{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let large = format!("{AT_NINE}DESCRIPTION:{}\r\n", "x".repeat(400 * 1024));
        let crowd = try_put(store, ann, "m.ics", &meeting(&names, &large), None);
        assert_eq!(refused(crowd), PutOutcome::TooManyAttendees);
        put(store, ann, &meeting(&names[..10], &large));
    });
}

#[test]
fn a_full_calendar_fails_nobody_else() {
    on_both_engines(|store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        store.with(bob, |tx| tx.set_quota(1)).unwrap();
        put(store, ann, &meeting(&["bob", "cy"], AT_NINE));
        assert!(answer(store, ann, "bob")[0].contains("SCHEDULE-STATUS=5.1"));
        assert!(answer(store, ann, "cy")[0].contains("SCHEDULE-STATUS=1.2"));
        assert_eq!(stored(store, bob, "personal/m.ics"), "");
        assert_eq!(inbox(store, cy), ["REQUEST"]);
    });
}

/// A copy that cannot be written any more, such as one from before a limit was lowered.
#[test]
fn a_copy_that_cannot_be_written_fails_nobody_else() {
    let change = |settings: &mut crate::Settings| {
        settings.scheduling.objects.bytes_max = 2_000;
    };
    on_both_engines_with(change, |store| {
        let [ann, bob, cy] = ["ann", "bob", "cy"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob", "cy"], AT_NINE));
        let large = format!("{AT_NINE}DESCRIPTION:{}\r\n", "x".repeat(3_000));
        put_quietly(store, cy, "m.ics", &meeting(&["bob", "cy"], &large));
        put(store, bob, &meeting(&["bob ACCEPTED", "cy"], AT_NINE));
        assert!(answer(store, ann, "bob")[0].contains("PARTSTAT=ACCEPTED"));
        assert!(answer(store, cy, "bob")[0].contains("PARTSTAT=NEEDS-ACTION"));
        put_quietly(store, ann, "m.ics", &meeting(&["bob", "cy"], &large));
        put(store, bob, &meeting(&["bob DECLINED", "cy"], AT_NINE));
        assert!(answer(store, bob, "ann")[0].contains("PARTSTAT=ACCEPTED"));
        assert!(lines(store, bob, &["ORGANIZER"])[0].contains("SCHEDULE-STATUS=5.1"));
    });
}

/// Nobody keeps others from inviting them by what stands under the names of meetings.
#[test]
fn a_meeting_finds_a_name() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let hash = blake3::hash(b"m").to_hex();
        for (at, name) in ["m.ics".to_owned(), format!("{hash}.ics")].iter().enumerate() {
            let other = format!(
                "BEGIN:VEVENT\r\nUID:other{at}\r\nDTSTAMP:20260101T000000Z\r\n{AT_NINE}END:VEVENT\r\n"
            );
            put_quietly(store, bob, name, &other);
        }
        put(store, ann, &meeting(&["bob"], AT_NINE));
        assert!(answer(store, ann, "bob")[0].contains("SCHEDULE-STATUS=1.2"));
        assert_eq!(inbox(store, bob), ["REQUEST"]);
    });
}

#[test]
fn people_are_known_by_every_address_of_theirs() {
    on_both_engines(|store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        let alias = Address::parse("robert@example.test").unwrap();
        store.write(move |tx| tx.add_alias(bob, &alias)).unwrap();
        store.write(|tx| tx.create_domain_alias("example.org", "example.test").map(drop)).unwrap();
        put(store, ann, &meeting(&["Robert@Example.ORG"], AT_NINE));
        assert_eq!(lines(store, bob, &["SUMMARY"]), ["SUMMARY:Talk"]);
        let addresses = store.read(move |tx| tx.calendar_addresses(bob)).unwrap();
        assert_eq!(
            addresses,
            [
                "mailto:bob@example.test",
                "mailto:bob@example.org",
                "mailto:robert@example.org",
                "mailto:robert@example.test"
            ]
        );
    });
}

#[test]
fn old_messages_leave_the_inbox_by_themselves() {
    let clock = std::sync::Arc::new(testkit::ManualClock::default());
    let change = |settings: &mut crate::Settings| settings.clock = clock.clone();
    on_both_engines_with(change, |store| {
        let [ann, bob] = ["ann", "bob"].map(|name| store.account(name));
        put(store, ann, &meeting(&["bob"], AT_NINE));
        clock.advance_secs(29 * 86_400);
        put(store, ann, &meeting(&["bob"], &AT_NINE.replace("T09", "T10")));
        clock.advance_secs(2 * 86_400);
        store.inner().maintain().unwrap();
        assert_eq!(inbox(store, bob).len(), 1);
        assert_eq!(lines(store, bob, &["DTSTART"]), ["DTSTART:20260105T100000Z"]);
    });
}

#[test]
fn an_invitation_by_mail_has_as_many_people_as_one_may_have() {
    let change = |settings: &mut crate::Settings| settings.scheduling.attendees_max = 3;
    on_both_engines_with(change, |store| {
        let ann = store.account("ann");
        personal(store, ann);
        for (people, is_taken) in [(&["bob", "cy", "eve"][..], false), (&["bob", "cy"], true)] {
            let text = meeting(people, AT_NINE).replace(
                "ORGANIZER:mailto:ann@example.test",
                "ORGANIZER:mailto:dan@elsewhere.test",
            );
            let invitation = mail("dan@elsewhere.test", "REQUEST", &text);
            assert_eq!(take(store, ann, &invitation, "elsewhere.test"), is_taken);
        }
    });
}
