//! Answers that come late, or in another order than they were given (RFC 5546 §2.1.5).

use super::*;

fn reply(number: u32, answer: &str) -> String {
    format!(
        "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\nSEQUENCE:{number}\n\
         DTSTART;TZID=Own:20260105T100000\nATTENDEE;PARTSTAT={answer}:mailto:bob@example.org\n\
         END:VEVENT\n"
    )
}

const BOB: [&str; 3] = [
    "ATTENDEE;PARTSTAT=ACCEPTED;CN",
    "ATTENDEE;PARTSTAT=DECL",
    "ATTENDEE;PARTSTAT=NEEDS-ACTION;CN",
];

/// What is stored where the organizer puts this in the place of that.
fn put(old: &str, new: &str) -> String {
    let stored = organized(Some(old), Some(new)).stored.unwrap();
    events(&stored)
}

fn events(calendar: &Component) -> String {
    let text = String::from_utf8(calendar.render()).unwrap();
    let text = text.replace("\r\n ", "").replace("\r\n", "\n");
    let (_, events) = text.split_once("END:VTIMEZONE\n").unwrap();
    events.replace("END:VCALENDAR\n", "")
}

fn answered_with(existing: &str, parts: &str) -> Result<String, Ignored> {
    let (existing, message) = (object(existing), message("REPLY", parts));
    let from = Users::new(&["mailto:bob@example.org"]);
    let stored = acting("ann", |scene| receive_reply(&existing, &message, &from, scene))?;
    Ok(events(&stored))
}

/// The number grows where somebody else is taken out of it. Who is not told of that answers with
/// the one they have, but not after they have answered with another.
#[test]
fn an_older_answer_does_not_count_after_a_newer_one() {
    let cy = "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:cy@example.org\n";
    let now = put(&master(""), &master("").replace(cy, ""));
    assert!(now.contains("SEQUENCE:3"), "{now}");
    // Only the older one comes.
    let found = answered_with(&now, &reply(2, "DECLINED")).unwrap();
    assert_eq!(lines(object(&found).calendar(), &BOB).len(), 1);
    // Both come.
    let declined = answered_with(&now, &reply(3, "DECLINED")).unwrap();
    assert!(declined.contains("ATTENDEE;PARTSTAT=DECLINED;CN=Bob"), "{declined}");
    assert_eq!(answered_with(&declined, &reply(2, "ACCEPTED")), Err(Ignored::Stale));
    // What the organizer's program does not know of is known after its next change.
    let client = now.replace("SUMMARY:Meeting", "SUMMARY:Other");
    let next = put(&declined, &client);
    assert_eq!(answered_with(&next, &reply(2, "ACCEPTED")), Err(Ignored::Stale));
    // A number that is not known yet ends nothing.
    let ahead = answered_with(&next, &reply(2_000_000, "DECLINED")).unwrap();
    assert!(answered_with(&ahead, &reply(3, "ACCEPTED")).is_ok());
}

/// Another end, or another rule, is another time that begins as before.
#[test]
fn an_answer_to_another_time_does_not_count() {
    for (from, to) in [("DURATION:PT1H", "DURATION:PT2H"), ("FREQ=WEEKLY", "FREQ=DAILY")] {
        let now = put(&master(""), &master("").replace(from, to));
        assert!(now.contains("ATTENDEE;PARTSTAT=NEEDS-ACTION;CN=Bob"), "{now}");
        assert_eq!(answered_with(&now, &reply(2, "ACCEPTED")), Err(Ignored::Stale), "{to}");
        assert!(answered_with(&now, &reply(3, "ACCEPTED")).is_ok());
        // Nor does it after changes of other things.
        let next = put(&now, &master("LOCATION:Room 2\n").replace(from, to));
        assert_eq!(answered_with(&next, &reply(2, "ACCEPTED")), Err(Ignored::Stale), "{to}");
    }
}

/// Who was asked with which number is between the server and itself.
#[test]
fn others_do_not_see_what_is_remembered_of_answers() {
    let now = put(&master(""), &master("").replace("DURATION:PT1H", "DURATION:PT2H"));
    let now = answered_with(&now, &reply(3, "ACCEPTED")).unwrap();
    assert!(now.contains("X-POSTHORN"), "{now}");
    let found = organized(Some(&now), Some(&now.replace("SUMMARY:Meeting", "SUMMARY:Other")));
    assert_eq!(found.outgoing.len(), 2);
    for out in found.outgoing {
        let text = String::from_utf8(out.calendar.render()).unwrap().replace("\r\n ", "");
        assert!(!text.contains("X-POSTHORN"), "{text}");
    }
    let (copy, message) = (object(&master("")), message("REPLY", &reply(2, "DECLINED")));
    let from = Users::new(&["mailto:bob@example.org"]);
    let noted = acting("cy", |scene| note_answer(&copy, &message, &from, scene)).unwrap();
    let text = String::from_utf8(noted.render()).unwrap();
    assert!(text.contains("PARTSTAT=DECLINED") && !text.contains("X-POSTHORN"), "{text}");
}

/// The series of which everybody was asked with 3 for another time.
fn asked_anew() -> String {
    let now = put(&master("").replace("DURATION:PT1H", "DURATION:PT2H"), &master(""));
    assert!(now.contains("SEQUENCE:3") && now.contains("X-POSTHORN-ASKED=3"), "{now}");
    now
}

/// What Bob's program puts in the place of what is there: what is stored, with which number the
/// answer goes, and what the organizer's copy says of Bob then.
fn answered_by_program(organized: &str, old: &str, new: &str) -> (String, Vec<String>) {
    let (old, new) = (object(old), object(new));
    let change = acting("bob", |scene| attendee_change(Some(&old), Some(&new), scene)).unwrap();
    let reply = change.reply.unwrap();
    let from = Users::new(&["mailto:bob@example.org"]);
    let (existing, arrived) = (object(organized), reply.arrived().unwrap());
    let taken = acting("ann", |scene| receive_reply(&existing, &arrived, &from, scene)).unwrap();
    let mut said = lines(&reply.calendar, &["SEQUENCE"]);
    said.extend(lines(&taken, &["ATTENDEE;PARTSTAT=DECLINED;CN=Bob"]));
    (events(&change.stored.unwrap()), said)
}

/// The number is the organizer's, whatever a program writes of its own.
#[test]
fn an_answer_has_the_number_that_was_asked_with() {
    let asked = asked_anew();
    let one = |number: &str| {
        moved(PEOPLE)
            .replace("T150000", "T100000")
            .replace("SEQUENCE:2\n", number)
            .replace("ACCEPTED;CN=Bob", "DECLINED;CN=Bob")
    };
    let expected = |answered: u32| {
        let line = format!(
            "ATTENDEE;PARTSTAT=DECLINED;CN=Bob;X-POSTHORN-ASKED=3;SCHEDULE-STATUS=2.0;\
             X-POSTHORN-ANSWERED={answered}:mailto:bob@example.org"
        );
        vec![format!("SEQUENCE:{answered}"), line]
    };
    for number in ["SEQUENCE:1\n", "SEQUENCE:2000000\n", ""] {
        // An exception.
        let (stored, said) = answered_by_program(&asked, &asked, &(asked.clone() + &one(number)));
        assert_eq!(said, expected(3));
        assert_eq!(lines(object(&stored).calendar(), &["SEQ"]), ["SEQUENCE:3", "SEQUENCE:3"]);
        // The whole.
        let declined = asked.replace("NEEDS-ACTION;CN=Bob", "DECLINED;CN=Bob");
        let declined = declined.replace("SEQUENCE:3\n", number);
        let (stored, said) = answered_by_program(&asked, &asked, &declined);
        assert_eq!(said, expected(3));
        assert_eq!(lines(object(&stored).calendar(), &["SEQ"]), ["SEQUENCE:3"]);
    }
}

/// Of programs elsewhere, that do the same.
#[test]
fn an_answer_for_one_instance_may_have_any_number() {
    let asked = asked_anew();
    let one = |number: u32, start: &str| {
        let reply = reply(number, "DECLINED");
        reply.replace("DTSTART;TZID=Own:20260105T100000\n", start)
    };
    let there = "RECURRENCE-ID;TZID=Own:20260112T100000\n";
    let start = |hour: u32| format!("{there}DTSTART;TZID=Own:20260112T{hour}0000\n");
    for found in [answered_with(&asked, &one(1, there)), answered_with(&asked, &one(1, &start(10)))]
    {
        let found = found.unwrap();
        assert!(found.contains("ATTENDEE;PARTSTAT=DECLINED;CN=Bob"), "{found}");
    }
    assert_eq!(answered_with(&asked, &one(1, &start(15))), Err(Ignored::Stale));
    // They go by their order.
    let newest = answered_with(&asked, &one(3, there)).unwrap();
    assert_eq!(answered_with(&newest, &one(1, there)), Err(Ignored::Stale));
}

/// A copy of a meeting that a program makes, with all that it read of it.
#[test]
fn what_is_remembered_of_answers_is_not_a_program_s_to_say() {
    let own = ";X-POSTHORN-ASKED=9;X-POSTHORN-ANSWERED=9;CN=Bob";
    let copied = master("").replace(";CN=Bob", own);
    let new = events(&organized(None, Some(&copied)).stored.unwrap());
    assert!(!new.contains("X-POSTHORN"), "{new}");
    let kept = put(&master(""), &copied);
    assert!(!kept.contains("X-POSTHORN"), "{kept}");
    let known =
        put(&asked_anew(), &asked_anew().replace("X-POSTHORN-ASKED=3", "X-POSTHORN-ASKED=9"));
    assert!(known.contains("X-POSTHORN-ASKED=3") && !known.contains("=9"), "{known}");
    let (old, new) = (object(&master("")), object(&copied));
    let change = acting("bob", |scene| attendee_change(Some(&old), Some(&new), scene)).unwrap();
    let stored = events(&change.stored.unwrap());
    assert!(!stored.contains("X-POSTHORN"), "{stored}");
}

/// What an attendee's program writes into its own exception does not make the organizer's news of
/// it old.
#[test]
fn what_a_program_numbers_hides_no_news() {
    let series = master("");
    let people = PEOPLE.replace("ACCEPTED;CN=Bob", "DECLINED;CN=Bob");
    let own = moved(&people)
        .replace("T150000", "T100000")
        .replace("SEQUENCE:2", "SEQUENCE:7")
        .replace("DTSTAMP:20260101", "DTSTAMP:20260301");
    let (old, new) = (object(&series), object(&(series.clone() + &own)));
    let change = acting("bob", |scene| attendee_change(Some(&old), Some(&new), scene)).unwrap();
    assert_eq!(lines(&change.reply.unwrap().calendar, &["SEQUENCE"]), ["SEQUENCE:2"]);
    let stored = events(&change.stored.unwrap());
    let numbers = lines(object(&stored).calendar(), &["SEQUENCE", "DTSTAMP"]);
    assert_eq!(numbers, ["DTSTAMP:20260101T000000Z", "SEQUENCE:2"].repeat(2));
    let copy = object(&stored);
    let take = |method, news: &str| {
        let news = message(method, &news.replace("DTSTAMP:20260101", "DTSTAMP:20260201"));
        acting("bob", |scene| receive(Some(&copy), &news, scene)).map(|copy| events(&copy))
    };
    let elsewhere = moved(PEOPLE).replace("T150000", "T100000").replace("Later", "Elsewhere");
    assert!(take("REQUEST", &elsewhere).unwrap().contains("SUMMARY:Elsewhere"));
    let over = take("CANCEL", &moved(PEOPLE)).unwrap();
    assert!(over.contains("EXDATE;TZID=Own:20260112T100000"), "{over}");
    // Once more in its place.
    let again = object(&stored.replace("SEQUENCE:2", "SEQUENCE:9"));
    let change = acting("bob", |scene| attendee_change(Some(&copy), Some(&again), scene)).unwrap();
    assert_eq!(events(&change.stored.unwrap()), stored);
}

/// An answer to the whole says nothing of how old one to an exception is that the organizer makes.
#[test]
fn an_answer_to_the_whole_is_none_to_a_new_exception() {
    let asked = asked_anew();
    let whole = answered_with(&asked, &reply(3, "ACCEPTED")).unwrap();
    assert!(whole.contains("X-POSTHORN-ANSWERED=3"), "{whole}");
    let one = moved(PEOPLE).replace("T150000", "T100000").replace("SEQUENCE:2", "SEQUENCE:3");
    let with_one = put(&whole, &(whole.clone() + &one));
    let there = "RECURRENCE-ID;TZID=Own:20260112T100000\nDTSTART;TZID=Own:20260112T100000\n";
    let one = reply(1, "DECLINED").replace("DTSTART;TZID=Own:20260105T100000\n", there);
    let found = answered_with(&with_one, &one).unwrap();
    assert!(found.contains("ATTENDEE;PARTSTAT=DECLINED;CN=Bob"), "{found}");
    // One to the exception stays one.
    let newest = answered_with(&found, &one.replace("SEQUENCE:1", "SEQUENCE:3")).unwrap();
    let client = newest.replace("SUMMARY:Later", "SUMMARY:Other");
    assert_eq!(answered_with(&put(&newest, &client), &one), Err(Ignored::Stale));
}
