use super::*;
use crate::{CalendarObject, Component, Limits};

mod cancelled;
mod delegation;
mod icloud;
mod instances;
mod late_answers;
mod many;

const ZONE: &str = "BEGIN:VTIMEZONE\nTZID:Own\nBEGIN:STANDARD\nDTSTART:16010101T000000\n\
    TZOFFSETFROM:+0100\nTZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE\n";

/// A weekly meeting of three on Mondays at ten, with lines at its end.
fn master(lines: &str) -> String {
    format!(
        "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\nSEQUENCE:2\nDTSTART;TZID=Own:20260105T100000\n\
         DURATION:PT1H\nRRULE:FREQ=WEEKLY\nSUMMARY:Meeting\n{PEOPLE}{lines}END:VEVENT\n"
    )
}

const PEOPLE: &str = "ORGANIZER:mailto:ann@example.org\n\
    ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org\n\
    ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:mailto:bob@example.org\n\
    ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:cy@example.org\n";

/// The instance of the 12th at other hours, with people.
fn moved(people: &str) -> String {
    format!(
        "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\nSEQUENCE:2\nRECURRENCE-ID;TZID=Own:20260112T100000\n\
         DTSTART;TZID=Own:20260112T150000\nDURATION:PT1H\nSUMMARY:Later\n{people}END:VEVENT\n"
    )
}

fn object(parts: &str) -> CalendarObject {
    let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x\n{ZONE}{parts}END:VCALENDAR\n");
    CalendarObject::parse(text.as_bytes(), &Limits::default())
        .unwrap_or_else(|e| panic!("{text}{e}"))
}

fn message(method: &str, parts: &str) -> Message {
    let text = format!("BEGIN:VCALENDAR\nMETHOD:{method}\n{ZONE}{parts}END:VCALENDAR\n");
    Message::parse(text.as_bytes(), &Limits::default()).unwrap().unwrap()
}

/// Something done in the name of somebody.
fn acting<T>(who: &str, act: impl FnOnce(&Scene<'_>) -> T) -> T {
    let users =
        Users::new(&[format!("mailto:{who}@example.org"), format!("MAILTO:{who}@other.example")]);
    let limits = Limits::default();
    let now = "2026-02-01T12:00:00Z".parse().unwrap();
    act(&Scene { users: &users, now, product: "-//Posthorn//EN", limits: &limits })
}

/// To whom, what, and the lines of its components that begin like one of these.
fn told(outgoing: &[Outgoing], names: &[&str]) -> Vec<String> {
    let one = |out: &Outgoing| {
        assert_eq!(out.calendar.line("METHOD").unwrap().value(), out.method.name());
        let to = out.to.trim_start_matches("mailto:").trim_end_matches("@example.org").to_owned();
        format!("{to} {}: {}", out.method.name(), lines(&out.calendar, names).join(" "))
    };
    outgoing.iter().map(one).collect()
}

fn lines(calendar: &Component, names: &[&str]) -> Vec<String> {
    let text = String::from_utf8(calendar.render()).unwrap().replace("\r\n ", "");
    let text =
        text.split_once("BEGIN:VEVENT").map(|(_, events)| events.to_owned()).unwrap_or_default();
    let is_named = |line: &&str| names.iter().any(|name| line.starts_with(name));
    text.lines().map(str::trim_end).filter(is_named).map(str::to_owned).collect()
}

fn organized(old: Option<&str>, new: Option<&str>) -> OrganizerChange {
    let (old, new) = (old.map(object), new.map(object));
    acting("ann", |scene| organizer_change(old.as_ref(), new.as_ref(), scene))
}

#[test]
fn a_new_meeting_invites_all_but_its_organizer() {
    let found = organized(None, Some(&master("BEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM\n")));
    let names = ["DTSTAMP", "SEQUENCE", "DTSTART", "BEGIN:VALARM"];
    assert_eq!(
        told(&found.outgoing, &names),
        ["bob", "cy"].map(|who| format!(
            "{who} REQUEST: DTSTAMP:20260201T120000Z SEQUENCE:2 DTSTART;TZID=Own:20260105T100000"
        ))
    );
    // The zone goes with it, what is stored stays as it was put.
    assert!(found.outgoing[0].calendar.components[0].is("VTIMEZONE"));
    let stored = found.stored.unwrap();
    assert_eq!(lines(&stored, &["DTSTAMP", "BEGIN:VALARM"]).len(), 2);
}

#[test]
fn what_is_no_meeting_of_ones_own_has_no_consequences() {
    let others = master("").replace("ORGANIZER:mailto:ann", "ORGANIZER:mailto:dan");
    assert_eq!(organized(None, Some(&others)).outgoing, []);
    let alone = "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\nEND:VEVENT\n";
    assert_eq!(organized(None, Some(alone)).outgoing, []);
    // RFC 6638 §7.1: others send, or nobody.
    let by_client =
        master("").replace("ATTENDEE;PARTSTAT", "ATTENDEE;SCHEDULE-AGENT=CLIENT;PARTSTAT");
    assert_eq!(organized(None, Some(&by_client)).outgoing, []);
    assert_eq!(told(&organized(Some(&master("")), Some(&by_client)).outgoing, &[]).len(), 2);
}

/// RFC 5545 §3.3.8: a number of 32 bits, whatever a program writes.
#[test]
fn a_sequence_does_not_overflow() {
    for given in ["2147483647", "18446744073709551615"] {
        let old = master("").replace("SEQUENCE:2", &format!("SEQUENCE:{given}"));
        let later = old.replace("T100000\nDURATION", "T110000\nDURATION");
        let found = organized(Some(&old), Some(&later));
        assert_eq!(lines(&found.stored.unwrap(), &["SEQUENCE"]), [format!("SEQUENCE:{given}")]);
        let found = organized(Some(&old), None);
        let cancels = ["bob CANCEL: SEQUENCE:2147483647", "cy CANCEL: SEQUENCE:2147483647"];
        assert_eq!(told(&found.outgoing, &["SEQUENCE"]), cancels);
    }
}

#[test]
fn a_new_time_asks_everybody_anew() {
    let later = master("").replace("T100000\nDURATION", "T110000\nDURATION");
    let found = organized(Some(&master("")), Some(&later));
    let names = ["SEQUENCE", "ATTENDEE"];
    let expected = [
        "SEQUENCE:3",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org",
        "ATTENDEE;PARTSTAT=NEEDS-ACTION;CN=Bob;X-POSTHORN-ASKED=3:mailto:bob@example.org",
        "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE;X-POSTHORN-ASKED=3:mailto:cy@example.org",
    ];
    assert_eq!(lines(&found.stored.unwrap(), &names), expected);
    assert_eq!(
        told(&found.outgoing, &["SEQUENCE", "ATTENDEE;PARTSTAT=NEEDS-ACTION;CN"]),
        ["bob", "cy"].map(|who| format!(
            "{who} REQUEST: SEQUENCE:3 ATTENDEE;PARTSTAT=NEEDS-ACTION;CN=Bob:mailto:bob@example.org"
        ))
    );
    // A program that has counted already is not counted for.
    let counted = later.replace("SEQUENCE:2", "SEQUENCE:7");
    let found = organized(Some(&master("")), Some(&counted));
    assert_eq!(lines(&found.stored.unwrap(), &["SEQUENCE"]), ["SEQUENCE:7"]);
    // The same length said otherwise is no new time.
    let same = master("").replace("DURATION:PT1H", "DTEND:20260105T100000Z");
    let found = organized(Some(&master("")), Some(&same));
    assert_eq!(lines(&found.stored.unwrap(), &["SEQUENCE"]), ["SEQUENCE:2"]);
}

#[test]
fn who_is_told_of_what() {
    let old = master("");
    for (new, expected) in [
        // Nothing new.
        (old.clone(), &[][..]),
        (
            // What Thunderbird writes where a reminder is dismissed or put off.
            old.replace(
                "SUMMARY:Meeting",
                "SUMMARY:Meeting\nX-MOZ-LASTACK:20260105T085500Z\nX-MOZ-GENERATION:3\n\
                 X-MOZ-SNOOZE-TIME-1767603600000000:20260105T090000Z\nTRANSP:OPAQUE",
            ),
            &[],
        ),
        (
            old.replace("SUMMARY:Meeting", "SUMMARY:Meeting\nX-PLACE:1"),
            &["bob REQUEST: SEQUENCE:2", "cy REQUEST: SEQUENCE:2"],
        ),
        // Another room, but the same time.
        (master("LOCATION:Room 2\n"), &["bob REQUEST: SEQUENCE:2", "cy REQUEST: SEQUENCE:2"]),
        // Bob is out of it, and hears of that alone.
        (
            old.replace("ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:mailto:bob@example.org\n", ""),
            &["bob CANCEL: SEQUENCE:3 STATUS:CANCELLED", "cy REQUEST: SEQUENCE:3"],
        ),
        // An earlier end: the answers hold.
        (
            old.replace("FREQ=WEEKLY", "FREQ=WEEKLY;COUNT=5"),
            &["bob REQUEST: SEQUENCE:3", "cy REQUEST: SEQUENCE:3"],
        ),
        // One Monday less.
        (
            master("EXDATE;TZID=Own:20260119T100000\n"),
            &[
                "bob CANCEL: SEQUENCE:3 STATUS:CANCELLED RECURRENCE-ID;TZID=Own:20260119T100000",
                "cy CANCEL: SEQUENCE:3 STATUS:CANCELLED RECURRENCE-ID;TZID=Own:20260119T100000",
            ],
        ),
        // Bob is asked again, come what may.
        (
            old.replace(
                "PARTSTAT=ACCEPTED;CN=Bob",
                "PARTSTAT=ACCEPTED;SCHEDULE-FORCE-SEND=REQUEST;CN=Bob",
            ),
            &["bob REQUEST: SEQUENCE:2"],
        ),
        (
            master("STATUS:CANCELLED\n"),
            &["bob CANCEL: SEQUENCE:3 STATUS:CANCELLED", "cy CANCEL: SEQUENCE:3 STATUS:CANCELLED"],
        ),
    ] {
        let found = organized(Some(&old), Some(&new));
        let mut got = told(&found.outgoing, &["SEQUENCE", "STATUS", "RECURRENCE-ID"]);
        let order = |text: &String| {
            let (head, rest) = text.split_once(": ").unwrap();
            let mut words: Vec<&str> = rest.split(' ').collect();
            words.sort_unstable_by_key(|word| match word.split([':', ';']).next() {
                Some("SEQUENCE") => 0,
                Some("STATUS") => 1,
                _ => 2,
            });
            format!("{head}: {}", words.join(" "))
        };
        got = got.iter().map(order).collect();
        assert_eq!(got, expected, "{new}");
        let stored = String::from_utf8(found.stored.unwrap().render()).unwrap();
        assert!(!stored.contains("FORCE-SEND"));
    }
    let gone = organized(Some(&old), None);
    assert_eq!(gone.stored, None);
    assert_eq!(
        told(&gone.outgoing, &["SEQUENCE", "STATUS"]),
        ["bob CANCEL: SEQUENCE:3 STATUS:CANCELLED", "cy CANCEL: SEQUENCE:3 STATUS:CANCELLED"]
    );
    // What was cancelled already is not cancelled again.
    assert_eq!(organized(Some(&master("STATUS:CANCELLED\n")), None).outgoing, []);
}

#[test]
fn nobody_sees_instances_without_them() {
    let only_cy = "ORGANIZER:mailto:ann@example.org\nATTENDEE:mailto:cy@example.org\nATTENDEE:mailto:dan@example.org\n";
    let new = master("") + &moved(only_cy);
    let found = organized(None, Some(&new));
    assert_eq!(
        told(&found.outgoing, &["BEGIN:VEVENT", "RECURRENCE-ID", "EXDATE", "SUMMARY"]),
        [
            "bob REQUEST: SUMMARY:Meeting EXDATE;TZID=Own:20260112T100000",
            "cy REQUEST: SUMMARY:Meeting BEGIN:VEVENT RECURRENCE-ID;TZID=Own:20260112T100000 SUMMARY:Later",
            "dan REQUEST: RECURRENCE-ID;TZID=Own:20260112T100000 SUMMARY:Later",
        ]
    );
    // Bob was in it before: that instance is cancelled for him, and nothing else is told to him.
    let found = organized(Some(&master("")), Some(&new));
    assert_eq!(
        told(&found.outgoing, &["RECURRENCE-ID", "STATUS", "SUMMARY:Later"]),
        [
            "bob CANCEL: RECURRENCE-ID;TZID=Own:20260112T100000 STATUS:CANCELLED",
            "cy REQUEST: RECURRENCE-ID;TZID=Own:20260112T100000 SUMMARY:Later",
            "dan REQUEST: RECURRENCE-ID;TZID=Own:20260112T100000 SUMMARY:Later",
        ]
    );
    // The moved instance is a new time for those in it, the rest of the series is not.
    let everybody = master("") + &moved(PEOPLE);
    let stored = organized(Some(&master("")), Some(&everybody)).stored.unwrap();
    let answers = lines(
        &stored,
        &["SEQUENCE", "ATTENDEE;PARTSTAT=NEEDS-ACTION;CN=Bob", "ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob"],
    );
    assert_eq!(
        answers,
        [
            "SEQUENCE:2",
            "ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:mailto:bob@example.org",
            "SEQUENCE:3",
            "ATTENDEE;PARTSTAT=NEEDS-ACTION;CN=Bob;X-POSTHORN-ASKED=3:mailto:bob@example.org",
        ]
    );
}

fn answered(old: Option<&str>, new: Option<&str>) -> Result<Vec<String>, ForbiddenChange> {
    let (old, new) = (old.map(object), new.map(object));
    let names = ["RECURRENCE-ID", "ATTENDEE", "DTSTART", "RRULE"];
    let found = acting("cy", |scene| attendee_change(old.as_ref(), new.as_ref(), scene))?;
    Ok(found.reply.iter().flat_map(|reply| told(std::slice::from_ref(reply), &names)).collect())
}

#[test]
fn attendees_answer() {
    let old = master("");
    let with = |answer: &str| old.replace("PARTSTAT=NEEDS-ACTION", &format!("PARTSTAT={answer}"));
    let reply = |answer: &str| {
        vec![format!(
            "ann REPLY: DTSTART;TZID=Own:20260105T100000 ATTENDEE;PARTSTAT={answer}:mailto:cy@example.org"
        )]
    };
    for answer in ["ACCEPTED", "DECLINED", "TENTATIVE"] {
        assert_eq!(answered(Some(&old), Some(&with(answer))), Ok(reply(answer)));
    }
    assert_eq!(answered(Some(&old), Some(&old)), Ok(vec![]));
    assert_eq!(answered(None, Some(&old)), Ok(vec![]));
    assert_eq!(answered(None, Some(&with("ACCEPTED"))), Ok(reply("ACCEPTED")));
    // Deleting is declining, unless that is said already.
    assert_eq!(answered(Some(&with("ACCEPTED")), None), Ok(reply("DECLINED")));
    assert_eq!(answered(Some(&with("DECLINED")), None), Ok(vec![]));
    assert_eq!(answered(Some(&master("STATUS:CANCELLED\n")), None), Ok(vec![]));
    // One's own alarms and notes concern nobody.
    let alarm =
        master("TRANSP:TRANSPARENT\nCATEGORIES:x\nBEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM\n");
    assert_eq!(answered(Some(&old), Some(&alarm)), Ok(vec![]));
    // Nobody but the server is to send it.
    let by_client = with("ACCEPTED").replace("ORGANIZER:", "ORGANIZER;SCHEDULE-AGENT=CLIENT:");
    assert_eq!(answered(Some(&old), Some(&by_client)), Ok(vec![]));
    // Anew, come what may.
    let forced = with("ACCEPTED").replace("ORGANIZER:", "ORGANIZER;SCHEDULE-FORCE-SEND=REPLY:");
    assert_eq!(answered(Some(&with("ACCEPTED")), Some(&forced)), Ok(reply("ACCEPTED")));
}

#[test]
fn attendees_answer_for_single_instances() {
    let old = master("");
    let one = |people: &str, start: &str| {
        format!(
            "BEGIN:VEVENT\nUID:1\nRECURRENCE-ID;TZID=Own:20260112T100000\nDTSTART;TZID=Own:{start}\n\
             DURATION:PT1H\n{people}END:VEVENT\n"
        )
    };
    let declined = PEOPLE.replace("NEEDS-ACTION", "DECLINED");
    let new = old.clone() + &one(&declined, "20260112T100000");
    assert_eq!(
        answered(Some(&old), Some(&new)),
        Ok(vec![
            "ann REPLY: RECURRENCE-ID;TZID=Own:20260112T100000 DTSTART;TZID=Own:20260112T100000 \
             ATTENDEE;PARTSTAT=DECLINED:mailto:cy@example.org"
                .to_owned()
        ])
    );
    // It is where it was.
    let new = old.clone() + &one(&declined, "20260112T150000");
    assert_eq!(answered(Some(&old), Some(&new)), Err(ForbiddenChange("the time")));
    // An exception is a refusal.
    let new = master("EXDATE;TZID=Own:20260119T100000\n");
    assert_eq!(
        answered(Some(&old), Some(&new)),
        Ok(vec![
            "ann REPLY: DTSTART;TZID=Own:20260119T100000 RECURRENCE-ID;TZID=Own:20260119T100000 \
             ATTENDEE;PARTSTAT=DECLINED:mailto:cy@example.org"
                .to_owned()
        ])
    );
}

#[test]
fn attendees_do_not_change_the_time_or_the_organizer() {
    let old = master("EXDATE;TZID=Own:20260119T100000\n");
    for (new, what) in [
        (old.replace("20260105T100000", "20260105T110000"), "the time"),
        (old.replace("RRULE:FREQ=WEEKLY", "RRULE:FREQ=DAILY"), "the time"),
        (master(""), "the time"),
        (old.replace("ORGANIZER:mailto:ann", "ORGANIZER:mailto:dan"), "the organizer"),
    ] {
        assert_eq!(answered(Some(&old), Some(&new)), Err(ForbiddenChange(what)), "{new}");
    }
}

fn received(
    existing: Option<&str>,
    method: &str,
    parts: &str,
    names: &[&str],
) -> Result<Vec<String>, Ignored> {
    let existing = existing.map(object);
    let message = message(method, parts);
    let stored = acting("cy", |scene| receive(existing.as_ref(), &message, scene))?;
    // What is stored is an object that may be stored.
    CalendarObject::of(stored.clone()).unwrap();
    Ok(lines(&stored, names))
}

#[test]
fn invitations_are_taken_over() {
    assert_eq!(
        received(None, "REQUEST", &master(""), &["SUMMARY", "SEQUENCE"]),
        Ok(vec!["SEQUENCE:2".to_owned(), "SUMMARY:Meeting".to_owned()])
    );
    let for_others = master("").replace("cy@", "dan@");
    assert_eq!(received(None, "REQUEST", &for_others, &[]), Err(Ignored::NotInvited));
    let older = master("").replace("SEQUENCE:2", "SEQUENCE:1");
    assert_eq!(received(Some(&master("")), "REQUEST", &older, &[]), Err(Ignored::Stale));
    let older = master("").replace("DTSTAMP:2026", "DTSTAMP:2025");
    assert_eq!(received(Some(&master("")), "REQUEST", &older, &[]), Err(Ignored::Stale));
    let forged = master("").replace("ORGANIZER:mailto:ann", "ORGANIZER:mailto:eve");
    assert_eq!(received(Some(&master("")), "REQUEST", &forged, &[]), Err(Ignored::OtherOrganizer));
    assert_eq!(received(Some(&master("")), "REPLY", &master(""), &[]), Err(Ignored::OtherMethod));
}

#[test]
fn what_is_ones_own_stays() {
    let own = master("TRANSP:TRANSPARENT\nBEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM\n")
        .replace("PARTSTAT=NEEDS-ACTION", "PARTSTAT=TENTATIVE");
    let names =
        ["TRANSP", "TRIGGER", "LOCATION", "ATTENDEE;PARTSTAT=TENTATIVE", "ATTENDEE;PARTSTAT=NEEDS"];
    let news = master("LOCATION:Room 2\nTRANSP:OPAQUE\nBEGIN:VALARM\nTRIGGER:-P9D\nEND:VALARM\n");
    assert_eq!(
        received(Some(&own), "REQUEST", &news, &names),
        Ok([
            "ATTENDEE;PARTSTAT=TENTATIVE;RSVP=TRUE:mailto:cy@example.org",
            "LOCATION:Room 2",
            "TRANSP:TRANSPARENT",
            "TRIGGER:-PT5M",
        ]
        .map(str::to_owned)
        .to_vec())
    );
    // Another time is another question.
    let news = master("").replace("T100000", "T110000").replace("SEQUENCE:2", "SEQUENCE:3");
    let found = received(Some(&own), "REQUEST", &news, &["ATTENDEE;PARTSTAT=NEEDS"]);
    assert_eq!(found.map(|lines| lines.len()), Ok(1));
}

#[test]
fn news_of_one_instance_changes_no_other() {
    let other = moved(PEOPLE).replace("20260112", "20260126").replace("Later", "Other");
    let existing = master("") + &other;
    let names = ["RECURRENCE-ID", "SUMMARY"];
    assert_eq!(
        received(Some(&existing), "REQUEST", &moved(PEOPLE), &names),
        Ok([
            "SUMMARY:Meeting",
            "RECURRENCE-ID;TZID=Own:20260112T100000",
            "SUMMARY:Later",
            "RECURRENCE-ID;TZID=Own:20260126T100000",
            "SUMMARY:Other",
        ]
        .map(str::to_owned)
        .to_vec())
    );
    // Of a series that is not here, the instance is what there is.
    assert_eq!(received(None, "REQUEST", &moved(PEOPLE), &names).map(|lines| lines.len()), Ok(2));
    // News of the whole keeps them where its time is the same, as Exchange sends it.
    let renamed = master("LOCATION:Room 2\n");
    let found = received(Some(&existing), "REQUEST", &renamed, &["LOCATION", "SUMMARY:Other"]);
    assert_eq!(found.map(|lines| lines.len()), Ok(2));
    let later = master("").replace("T100000", "T110000").replace("SEQUENCE:2", "SEQUENCE:3");
    let found = received(Some(&existing), "REQUEST", &later, &["SUMMARY"]);
    assert_eq!(found, Ok(vec!["SUMMARY:Meeting".to_owned()]));
}

#[test]
fn cancellations_end_the_whole_or_an_instance() {
    let existing = master("BEGIN:VALARM\nTRIGGER:-PT5M\nEND:VALARM\n") + &moved(PEOPLE);
    let names = ["STATUS", "EXDATE", "RECURRENCE-ID", "TRIGGER"];
    let whole = "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\nSEQUENCE:3\n\
        ORGANIZER:mailto:ann@example.org\nSTATUS:CANCELLED\nEND:VEVENT\n";
    assert_eq!(
        received(Some(&existing), "CANCEL", whole, &names),
        Ok(["STATUS:CANCELLED", "RECURRENCE-ID;TZID=Own:20260112T100000", "STATUS:CANCELLED"]
            .map(str::to_owned)
            .to_vec())
    );
    let one = |day: &str| {
        format!(
            "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\nSEQUENCE:2\n\
             RECURRENCE-ID:202601{day}T090000Z\nORGANIZER:mailto:ann@example.org\nEND:VEVENT\n"
        )
    };
    assert_eq!(
        received(Some(&existing), "CANCEL", &one("12"), &names),
        Ok(["EXDATE;TZID=Own:20260112T100000", "TRIGGER:-PT5M"].map(str::to_owned).to_vec())
    );
    assert_eq!(
        received(Some(&existing), "CANCEL", &one("19"), &names),
        Ok([
            "EXDATE;TZID=Own:20260119T100000",
            "TRIGGER:-PT5M",
            "RECURRENCE-ID;TZID=Own:20260112T100000",
        ]
        .map(str::to_owned)
        .to_vec())
    );
    assert_eq!(received(None, "CANCEL", whole, &[]), Err(Ignored::Unknown));
    let old = whole.replace("SEQUENCE:3", "SEQUENCE:1");
    assert_eq!(received(Some(&existing), "CANCEL", &old, &[]), Err(Ignored::Stale));
    let forged = whole.replace("ann@", "eve@");
    assert_eq!(received(Some(&existing), "CANCEL", &forged, &[]), Err(Ignored::OtherOrganizer));
}

fn replied(
    existing: &str,
    parts: &str,
    from: &str,
    names: &[&str],
) -> Result<Vec<String>, Ignored> {
    let existing = object(existing);
    let message = message("REPLY", parts);
    let from = Users::new(&[format!("mailto:{from}@example.org")]);
    let stored = acting("ann", |scene| receive_reply(&existing, &message, &from, scene))?;
    CalendarObject::of(stored.clone()).unwrap();
    Ok(lines(&stored, names))
}

#[test]
fn answers_are_put_into_the_organizers_copy() {
    let reply = |lines: &str, answer: &str| {
        format!(
            "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\n{lines}ATTENDEE;PARTSTAT={answer}:\
             MAILTO:Cy@Example.org\nEND:VEVENT\n"
        )
    };
    let cy = [
        "ATTENDEE;PARTSTAT=ACCEPTED;SCHEDULE",
        "ATTENDEE;PARTSTAT=NEEDS",
        "RECURRENCE-ID",
        "DTSTART",
    ];
    const YES: &str = "ATTENDEE;PARTSTAT=ACCEPTED;SCHEDULE-STATUS=2.0:mailto:cy@example.org";
    const START: &str = "DTSTART;TZID=Own:20260105T100000";
    let expect =
        |lines: &[&str]| Ok(lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
    // Exchange: no ORGANIZER; Google: no SEQUENCE.
    assert_eq!(
        replied(&master(""), &reply("REQUEST-STATUS:2.0;Success\n", "ACCEPTED"), "cy", &cy),
        expect(&[START, YES])
    );
    // To one instance: that becomes a component, the series stays unanswered.
    const YES_TO_2: &str = "ATTENDEE;PARTSTAT=ACCEPTED;SCHEDULE-STATUS=2.0;X-POSTHORN-ANSWERED=2:mailto:cy@example.org";
    let one = reply("RECURRENCE-ID:20260119T090000Z\nSEQUENCE:2\n", "ACCEPTED");
    assert_eq!(
        replied(&master(""), &one, "cy", &cy),
        expect(&[
            START,
            "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:cy@example.org",
            "DTSTART;TZID=Own:20260119T100000",
            YES_TO_2,
            "RECURRENCE-ID;TZID=Own:20260119T100000",
        ])
    );
    // To the whole: instances without an answer follow it.
    let found = replied(
        &(master("") + &moved(PEOPLE)),
        &reply("", "ACCEPTED"),
        "cy",
        &["ATTENDEE;PARTSTAT=ACC"],
    );
    assert_eq!(found.map(|lines| lines.iter().filter(|line| line.contains("cy@")).count()), Ok(2));
    // No such instance, no such person, somebody else's word, and too late.
    let never = reply("RECURRENCE-ID:20260120T090000Z\n", "ACCEPTED");
    assert_eq!(replied(&master(""), &never, "cy", &[]), Err(Ignored::Unknown));
    let crasher = reply("", "ACCEPTED").replace("Cy@", "dan@");
    assert_eq!(replied(&master(""), &crasher, "dan", &[]), Err(Ignored::NotInvited));
    assert_eq!(replied(&master(""), &reply("", "ACCEPTED"), "eve", &[]), Err(Ignored::NotInvited));
    let late = reply("SEQUENCE:1\n", "ACCEPTED");
    assert_eq!(replied(&master(""), &late, "cy", &[]), Err(Ignored::Stale));
    let foreign = master("").replace("ORGANIZER:mailto:ann", "ORGANIZER:mailto:dan");
    assert_eq!(replied(&foreign, &reply("", "ACCEPTED"), "cy", &[]), Err(Ignored::OtherOrganizer));
}

#[test]
fn the_whole_way_and_back() {
    // Ann invites, Cy gets it, accepts, and Ann has the answer.
    let made = organized(None, Some(&master("")));
    let to_cy = &made.outgoing[1];
    let bytes = to_cy.calendar.render();
    let message = Message::parse(&bytes, &Limits::default()).unwrap().unwrap();
    let copy = acting("cy", |scene| receive(None, &message, scene)).unwrap();
    let old = CalendarObject::of(copy).unwrap();
    let text = String::from_utf8(old.calendar().render()).unwrap();
    let new = text.replace("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED");
    let new = CalendarObject::parse(new.as_bytes(), &Limits::default()).unwrap();
    let change = acting("cy", |scene| attendee_change(Some(&old), Some(&new), scene)).unwrap();
    let reply = change.reply.unwrap();
    let message = Message::parse(&reply.calendar.render(), &Limits::default()).unwrap().unwrap();
    let from = Users::new(&["mailto:cy@example.org"]);
    let mut stored = made.stored.unwrap();
    set_schedule_status(&mut stored, "MAILTO:CY@example.org", "1.2");
    let existing = CalendarObject::of(stored).unwrap();
    let merged = acting("ann", |scene| receive_reply(&existing, &message, &from, scene)).unwrap();
    assert_eq!(
        lines(&merged, &["ATTENDEE"]),
        [
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org",
            "ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:mailto:bob@example.org",
            "ATTENDEE;PARTSTAT=ACCEPTED;SCHEDULE-STATUS=2.0;X-POSTHORN-ANSWERED=2:mailto:cy@example.org",
        ]
    );
    // What the answer changed is no news to anybody.
    let answered = CalendarObject::of(merged).unwrap();
    let again = acting("ann", |scene| organizer_change(Some(&existing), Some(&answered), scene));
    assert_eq!(again.outgoing, []);
}

#[test]
fn methods_that_are_not_understood_are_none() {
    for method in ["PUBLISH", "COUNTER", "REFRESH", "ADD", "X"] {
        let text = format!("BEGIN:VCALENDAR\nMETHOD:{method}\n{}END:VCALENDAR\n", master(""));
        assert!(Message::parse(text.as_bytes(), &Limits::default()).unwrap().is_none());
    }
    let none = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", master(""));
    assert!(Message::parse(none.as_bytes(), &Limits::default()).unwrap().is_none());
}

#[test]
fn what_somebody_is_in_an_object() {
    let role = |who: &str, parts: &str| acting(who, |scene| scene.users.role(&object(parts)));
    let text = master("");
    assert_eq!(role("ann", &text), Role::Organizer);
    assert_eq!(role("bob", &text), Role::Attendee);
    assert_eq!(role("dan", &text), Role::Neither);
    let by_client = text.replace("ORGANIZER:", "ORGANIZER;SCHEDULE-AGENT=CLIENT:");
    assert_eq!(role("bob", &by_client), Role::Neither);
    let alone = "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\n\
        ORGANIZER:mailto:ann@example.org\nEND:VEVENT\n";
    assert_eq!(role("ann", alone), Role::Neither);
}

#[test]
fn answers_that_a_client_has_not_seen_are_kept() {
    let stored = object(&master("").replace(
        "ATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:cy",
        "ATTENDEE;PARTSTAT=DECLINED;SCHEDULE-STATUS=2.0:mailto:cy",
    ));
    let put = object(
        &master("").replace("PARTSTAT=ACCEPTED:mailto:ann", "PARTSTAT=TENTATIVE:mailto:ann"),
    );
    let kept = acting("ann", |scene| keep_answers(&stored, &put, scene));
    assert_eq!(
        lines(kept.calendar(), &["ATTENDEE"]),
        [
            "ATTENDEE;PARTSTAT=TENTATIVE:mailto:ann@example.org",
            "ATTENDEE;PARTSTAT=ACCEPTED;CN=Bob:mailto:bob@example.org",
            "ATTENDEE;PARTSTAT=DECLINED;SCHEDULE-STATUS=2.0:mailto:cy@example.org"
        ]
    );
}

#[test]
fn answers_given_at_once_are_by_instance() {
    let refused = ["2026-01-19T09:00:00Z".parse().unwrap()].into();
    let copy = object(&format!("{}{}", master(""), moved(PEOPLE)));
    let answered =
        acting("cy", |scene| decided(&copy, Decision::AcceptBut(&refused), scene)).unwrap();
    let own = lines(
        &answered,
        &["RECURRENCE-ID", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:cy", "ATTENDEE;PARTSTAT=DECLINED"],
    );
    assert_eq!(
        own,
        [
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:cy@example.org",
            "RECURRENCE-ID;TZID=Own:20260112T100000",
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:cy@example.org",
            "ATTENDEE;PARTSTAT=DECLINED:mailto:cy@example.org",
            "RECURRENCE-ID;TZID=Own:20260119T100000"
        ]
    );
    let answered = acting("cy", |scene| decided(&copy, Decision::Decline, scene)).unwrap();
    assert_eq!(lines(&answered, &["ATTENDEE;PARTSTAT=DECLINED:mailto:cy"]).len(), 2);
}

/// An instance that is refused is made of the whole series: what has no room for all of them is not
/// made.
#[test]
fn answers_by_instance_fill_no_memory() {
    let start: jiff::Timestamp = "2026-01-19T09:00:00Z".parse().unwrap();
    let weeks = |count: i64| {
        (0..count).map(|week| start + jiff::SignedDuration::from_hours(week * 7 * 24)).collect()
    };
    let long = "x".repeat(1 << 20);
    let inside = format!("BEGIN:VALARM\nDESCRIPTION:{long}\nEND:VALARM\n");
    let many = "COMMENT:x\n".repeat(20_000);
    for (lines, most) in [(format!("DESCRIPTION:{long}\n"), 8), (inside, 8), (many, 8)] {
        let copy = object(&master(&lines));
        let made = |refused| {
            let refused = weeks(refused);
            let decision = Decision::AcceptBut(&refused);
            acting("cy", |scene| decided(&copy, decision, scene).map(|made| made.components.len()))
        };
        assert_eq!((made(most), made(most + 1)), (Some(10), None));
        assert_eq!(made(2_000), None);
        assert!(acting("cy", |scene| decided(&copy, Decision::Decline, scene)).is_some());
    }
}

#[test]
fn messages_describe_the_zones_they_name() {
    let meeting = object(&master("").replace("TZID=Own", "TZID=Europe/Vienna"));
    let change = acting("ann", |scene| organizer_change(None, Some(&meeting), scene));
    assert_eq!(change.outgoing.len(), 2);
    for out in change.outgoing {
        let zones = out.calendar.components_named("VTIMEZONE");
        let ids: Vec<&str> = zones.map(|zone| zone.line("TZID").unwrap().value()).collect();
        assert_eq!(ids, ["Europe/Vienna", "Own"]);
    }
}
