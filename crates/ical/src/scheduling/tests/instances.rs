//! Instances that come, go and come back.

use super::*;

const NAMES: [&str; 4] = ["SEQUENCE", "RRULE", "RECURRENCE-ID", "DTSTART"];

/// The message to one of them as it arrives.
fn to(who: &str, outgoing: &[Outgoing]) -> Vec<Message> {
    let to = format!("mailto:{who}@example.org");
    outgoing.iter().filter(|out| out.to == to).map(|out| out.arrived().unwrap()).collect()
}

/// What becomes of the copy of one of them where these come.
fn copy_of(who: &str, existing: &str, messages: &[Message]) -> CalendarObject {
    messages.iter().fold(object(existing), |existing, message| {
        let copy = acting(who, |scene| receive(Some(&existing), message, scene));
        CalendarObject::of(copy.unwrap()).unwrap()
    })
}

fn declined_by_bob() -> Message {
    message(
        "REPLY",
        "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\nRECURRENCE-ID:20260112T090000Z\nSEQUENCE:2\n\
         ATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.org\nEND:VEVENT\n",
    )
}

/// The meeting with the answer of Bob, who does not come on the 12th.
fn answered_by_bob() -> CalendarObject {
    let from = Users::new(&["mailto:bob@example.org"]);
    let (known, reply) = (object(&master("")), declined_by_bob());
    let copy = acting("ann", |scene| receive_reply(&known, &reply, &from, scene));
    CalendarObject::of(copy.unwrap()).unwrap()
}

const BOB: [&str; 4] = ["RECURRENCE-ID", "LOCATION", "DTSTART", "ATTENDEE;PARTSTAT=DECLINED"];

/// RFC 6638 §3.2.10.1.
#[test]
fn an_answer_for_one_instance_is_kept_that_a_client_has_not_seen() {
    let stored = answered_by_bob();
    let keep = |put: &str| {
        let kept = acting("ann", |scene| keep_answers(&stored, &object(put), scene));
        lines(kept.calendar(), &BOB)
    };
    assert_eq!(
        keep(&master("LOCATION:Room 2\n")),
        [
            "DTSTART;TZID=Own:20260105T100000",
            "LOCATION:Room 2",
            "DTSTART;TZID=Own:20260112T100000",
            "ATTENDEE;PARTSTAT=DECLINED;CN=Bob;SCHEDULE-STATUS=2.0;X-POSTHORN-ANSWERED=2:mailto:bob@ex\
             ample.org",
            "LOCATION:Room 2",
            "RECURRENCE-ID;TZID=Own:20260112T100000",
        ]
    );
    // There is no such instance any more: it is taken out, or the series is at another time.
    let excepted = master("EXDATE;TZID=Own:20260112T100000\n");
    assert_eq!(keep(&excepted), ["DTSTART;TZID=Own:20260105T100000"]);
    let later = master("").replace("T100000\nDURATION", "T110000\nDURATION");
    assert_eq!(keep(&later), ["DTSTART;TZID=Own:20260105T110000"]);
}

#[test]
fn what_else_was_said_of_an_instance_is_taken_away_with_it() {
    let stored = object(&(master("") + &moved(PEOPLE)));
    let kept = acting("ann", |scene| keep_answers(&stored, &object(&master("")), scene));
    assert_eq!(lines(kept.calendar(), &BOB), ["DTSTART;TZID=Own:20260105T100000"]);
}

/// The copy of an attendee whose program puts their own answer.
#[test]
fn an_attendee_keeps_what_others_answered_for_one_instance() {
    let from = Users::new(&["mailto:bob@example.org"]);
    let (known, reply) = (object(&master("")), declined_by_bob());
    let noted = acting("cy", |scene| note_answer(&known, &reply, &from, scene)).unwrap();
    let noted = CalendarObject::of(noted).unwrap();
    let accepted = object(&master("").replace("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED"));
    let kept = acting("cy", |scene| keep_answers(&noted, &accepted, scene));
    let names = ["RECURRENCE-ID", "ATTENDEE;PARTSTAT=DECLINED", "ATTENDEE;PARTSTAT=NEEDS-ACTION"];
    assert_eq!(
        lines(kept.calendar(), &names),
        [
            "ATTENDEE;PARTSTAT=DECLINED;CN=Bob:mailto:bob@example.org",
            "RECURRENCE-ID;TZID=Own:20260112T100000",
        ]
    );
}

/// Whom Bob sends instead is known to the server alone.
#[test]
fn an_attendee_keeps_delegates_that_answers_brought() {
    let delegated = message(
        "REPLY",
        "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\nRECURRENCE-ID:20260112T090000Z\n\
         ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO=\"mailto:dan@example.org\",\
         \"mailto:eve@example.org\":mailto:bob@example.org\nEND:VEVENT\n",
    );
    let from = Users::new(&["mailto:bob@example.org"]);
    let known = object(&master(""));
    let noted = acting("cy", |scene| note_answer(&known, &delegated, &from, scene)).unwrap();
    let noted = CalendarObject::of(noted).unwrap();
    let names =
        ["ATTENDEE;PARTSTAT=DELEGATED", "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;DELEGATED"];
    let expected = [
        "ATTENDEE;PARTSTAT=DELEGATED;CN=Bob;DELEGATED-TO=\"mailto:dan@example.org\",\"mailto:eve@exam\
         ple.org\":mailto:bob@example.org",
        "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;DELEGATED-FROM=\"mailto:bob@example.org\":mailto:\
         dan@example.org",
        "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;DELEGATED-FROM=\"mailto:bob@example.org\":mailto:\
         eve@example.org",
    ];
    let kept = acting("cy", |scene| keep_answers(&noted, &known, scene));
    assert_eq!(lines(kept.calendar(), &names), expected);
}

#[test]
fn the_same_hour_in_another_zone_is_news_to_who_has_not_answered() {
    let old = master("").replace("TZID=Own", "TZID=Europe/Vienna");
    let new = old.replace("Europe/Vienna", "America/New_York");
    let found = organized(Some(&old), Some(&new));
    let told = told(&found.outgoing, &["DTSTART"]);
    assert_eq!(
        told,
        ["bob", "cy"]
            .map(|who| format!("{who} REQUEST: DTSTART;TZID=America/New_York:20260105T100000"))
    );
}

/// RFC 6638 §3.2.1.2.
#[test]
fn an_instance_that_is_there_again_is_news() {
    let old = master("EXDATE;TZID=Own:20260119T100000\n");
    let told = told(&organized(Some(&old), Some(&master(""))).outgoing, &["EXDATE", "SEQUENCE"]);
    assert_eq!(told, ["bob REQUEST: SEQUENCE:3", "cy REQUEST: SEQUENCE:3"]);
    // Bob was not in one, and is in all of them now.
    let without_bob = moved("ORGANIZER:mailto:ann@example.org\nATTENDEE:mailto:cy@example.org\n");
    let found = organized(Some(&(master("") + &without_bob)), Some(&master("")));
    let told = super::told(&found.outgoing, &["EXDATE", "RECURRENCE-ID"]);
    assert_eq!(told, ["bob REQUEST: ", "cy REQUEST: RECURRENCE-ID;TZID=Own:20260112T100000"]);
}

#[test]
fn an_instance_that_is_as_the_series_again_is_told_of() {
    let old = master("") + &moved(PEOPLE).replace("SEQUENCE:2", "SEQUENCE:6");
    let found = organized(Some(&old), Some(&master("")));
    let expected = ["bob", "cy"].map(|who| {
        format!(
            "{who} REQUEST: SEQUENCE:7 DTSTART;TZID=Own:20260105T100000 RRULE:FREQ=WEEKLY SEQUENCE:7 \
             DTSTART;TZID=Own:20260112T100000 RECURRENCE-ID;TZID=Own:20260112T100000"
        )
    });
    assert_eq!(told(&found.outgoing, &NAMES), expected);
    // What is told next is as new as that.
    assert_eq!(lines(&found.stored.unwrap(), &["SEQUENCE"]), ["SEQUENCE:7"]);
    // Whoever had the other hour has that of the series, which it follows from now on.
    let copy = copy_of("cy", &old, &to("cy", &found.outgoing));
    assert_eq!(
        lines(copy.calendar(), &NAMES),
        ["SEQUENCE:7", "DTSTART;TZID=Own:20260105T100000", "RRULE:FREQ=WEEKLY"]
    );
}

/// Who has agreed to the series agrees to an instance that is as it is, whatever the organizer's
/// program knows of that.
#[test]
fn an_answer_to_the_series_is_one_to_what_is_as_the_series_again() {
    let old = master("") + &moved(PEOPLE);
    let found = organized(Some(&old), Some(&master("")));
    let accepted = old.replace("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED");
    let copy = copy_of("cy", &accepted, &to("cy", &found.outgoing));
    assert_eq!(
        lines(copy.calendar(), &["RECURRENCE-ID", "ATTENDEE;PARTSTAT=ACCEPTED;RSVP"]),
        ["ATTENDEE;PARTSTAT=ACCEPTED;RSVP=TRUE:mailto:cy@example.org"]
    );
}

/// What an attendee answered for one instance is not undone by what the organizer takes back of it.
#[test]
fn an_answer_to_one_instance_stays_where_that_is_as_the_series_again() {
    let place = master("").replace("SUMMARY:Meeting", "SUMMARY:Meeting\nLOCATION:Room 2");
    let instance = |location: &str, answer: &str| {
        moved(PEOPLE)
            .replace("20260112T150000", "20260112T100000")
            .replace("SUMMARY:Later", &format!("SUMMARY:Meeting{location}"))
            .replace("PARTSTAT=NEEDS-ACTION", answer)
    };
    let existing = place.clone() + &instance("\nLOCATION:Room 3", "PARTSTAT=DECLINED");
    let found = organized(
        Some(&(place.clone() + &instance("\nLOCATION:Room 3", "PARTSTAT=NEEDS-ACTION"))),
        Some(&place),
    );
    let copy = copy_of("cy", &existing, &to("cy", &found.outgoing));
    let names = ["LOCATION", "ATTENDEE;PARTSTAT=DECLINED", "RECURRENCE-ID"];
    assert_eq!(
        lines(copy.calendar(), &names),
        [
            "LOCATION:Room 2",
            "LOCATION:Room 2",
            "ATTENDEE;PARTSTAT=DECLINED;RSVP=TRUE:mailto:cy@example.org",
            "RECURRENCE-ID;TZID=Own:20260112T100000",
        ]
    );
}

/// RFC 6638 §3.2.1.2, RFC 5546 §3.2.5.
#[test]
fn who_is_left_with_an_instance_hears_that_the_whole_is_over() {
    let old = master("") + &moved(PEOPLE);
    let bob = "ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:mailto:bob@example.org\n";
    let new = master("").replace(bob, "") + &moved(PEOPLE);
    let found = organized(Some(&old), Some(&new));
    let names = ["SEQUENCE", "STATUS", "RECURRENCE-ID"];
    assert_eq!(
        told(&found.outgoing, &names),
        [
            "bob CANCEL: SEQUENCE:3 STATUS:CANCELLED",
            "bob REQUEST: SEQUENCE:3 RECURRENCE-ID;TZID=Own:20260112T100000",
            "cy REQUEST: SEQUENCE:3 SEQUENCE:3 RECURRENCE-ID;TZID=Own:20260112T100000",
        ]
    );
    // He has that instance alone, and what he answers to it counts.
    let copy = copy_of("bob", &old, &to("bob", &found.outgoing));
    let kept = ["SEQUENCE", "STATUS", "RECURRENCE-ID", "RRULE"];
    assert_eq!(
        lines(copy.calendar(), &kept),
        ["SEQUENCE:3", "RECURRENCE-ID;TZID=Own:20260112T100000"]
    );
    assert_eq!(lines(&found.stored.unwrap(), &["SEQUENCE"]), ["SEQUENCE:3", "SEQUENCE:3"]);
}

/// The same where what is left is cancelled, too.
#[test]
fn who_is_left_with_what_is_cancelled_hears_that_the_whole_is_over() {
    let old = master("") + &moved(PEOPLE);
    let bob = "ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:mailto:bob@example.org\n";
    let cancelled = moved(PEOPLE).replace("SUMMARY", "STATUS:CANCELLED\nSUMMARY");
    let found = organized(Some(&old), Some(&(master("").replace(bob, "") + &cancelled)));
    let told = told(&found.outgoing, &["SEQUENCE", "STATUS", "RECURRENCE-ID"]);
    assert_eq!(told[0], "bob CANCEL: SEQUENCE:3 STATUS:CANCELLED");
    assert!(told[1].starts_with("cy REQUEST"), "{told:?}");
}

/// CANCEL has a number of its own, and an invitation after it is no older.
#[test]
fn who_was_taken_out_is_invited_again() {
    let bob = "ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:mailto:bob@example.org\n";
    let without = organized(Some(&master("")), Some(&master("").replace(bob, "")));
    let stored = String::from_utf8(without.stored.unwrap().render()).unwrap();
    let stored = CalendarObject::parse(stored.as_bytes(), &Limits::default()).unwrap();
    let asked = master("").replace("PARTSTAT=ACCEPTED;CN=Bob", "PARTSTAT=NEEDS-ACTION;CN=Bob");
    let again =
        acting("ann", |scene| organizer_change(Some(&stored), Some(&object(&asked)), scene));
    let mut messages = to("bob", &without.outgoing);
    messages.extend(to("bob", &again.outgoing));
    let copy = copy_of("bob", &master(""), &messages);
    // What he said is what the organizer knows of him: nothing yet.
    assert_eq!(
        lines(copy.calendar(), &["STATUS", "SEQUENCE", "ATTENDEE;PARTSTAT=NEEDS-ACTION;CN"]),
        ["SEQUENCE:3", "ATTENDEE;PARTSTAT=NEEDS-ACTION;CN=Bob:mailto:bob@example.org"]
    );
}

/// One of many is found without looking at all of them.
#[test]
fn of_several_components_of_one_instance_the_first_counts() {
    let (first, second) = (moved(PEOPLE), moved(PEOPLE).replace("Later", "Twice"));
    let old = master("") + &first + &second;
    let known = object(&old);
    let parts = parts::Parts::of(&known, &Limits::DEFAULT);
    let summary = |instance| parts.find(instance).unwrap().line("SUMMARY").unwrap().value();
    assert_eq!(summary(None), "Meeting");
    assert_eq!(summary(Some("2026-01-12T09:00:00Z".parse().unwrap())), "Later");
    assert!(parts.find(Some("2026-01-19T09:00:00Z".parse().unwrap())).is_none());
}

/// What never was is not taken out: a series moves with what it excepts.
#[test]
fn an_exception_that_moves_with_its_series_cancels_nothing() {
    let old = master("EXDATE;TZID=Own:20260119T100000\n");
    let found = organized(Some(&old), Some(&old.replace("T100000", "T110000")));
    assert_eq!(
        told(&found.outgoing, &["RECURRENCE-ID", "EXDATE"]),
        ["bob", "cy"].map(|who| format!("{who} REQUEST: EXDATE;TZID=Own:20260119T110000"))
    );
}

/// QUIRK(Exchange, some importers): EXDATE may be a day.
#[test]
fn a_day_that_is_excepted_is_the_instance_of_that_day() {
    let found = organized(Some(&master("")), Some(&master("EXDATE;VALUE=DATE:20260119\n")));
    let cancel = "CANCEL: RECURRENCE-ID;TZID=Own:20260119T100000";
    let expected = ["bob", "cy"].map(|who| format!("{who} {cancel}"));
    assert_eq!(told(&found.outgoing, &["RECURRENCE-ID"]), expected);
}

/// Who took an instance out for themselves keeps another that is at another time.
#[test]
fn an_exception_of_the_readers_own_moves_nothing() {
    let own = master("EXDATE;TZID=Own:20260126T100000\n") + &moved(PEOPLE);
    let found = received(Some(&own), "REQUEST", &master("LOCATION:Room 2\n"), &["SUMMARY"]);
    assert_eq!(found.unwrap(), ["SUMMARY:Meeting", "SUMMARY:Later"]);
}
