//! CANCEL of an instance and all that follow (RFC 5546 §3.2.5 (a)).

use super::*;

const NAMES: [&str; 6] = ["STATUS", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "DTSTART"];

fn cancel_from(id: &str) -> String {
    format!(
        "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\nSEQUENCE:2\n\
         RECURRENCE-ID;RANGE=THISANDFUTURE{id}\nORGANIZER:mailto:ann@example.org\nEND:VEVENT\n"
    )
}

fn left(existing: &str, id: &str) -> Vec<String> {
    received(Some(existing), "CANCEL", &cancel_from(id), &NAMES).unwrap()
}

#[test]
fn a_series_ends_before_the_first_that_is_cancelled() {
    let other = moved(PEOPLE).replace("20260112", "20260126");
    let existing = master("") + &moved(PEOPLE) + &other;
    let rest = [
        "DTSTART;TZID=Own:20260105T100000",
        "RRULE:FREQ=WEEKLY;UNTIL=20260119T085959Z",
        "RECURRENCE-ID;TZID=Own:20260112T100000",
        "DTSTART;TZID=Own:20260112T150000",
    ];
    assert_eq!(left(&existing, ":20260119T090000Z"), rest);
    assert_eq!(left(&existing, ";TZID=Own:20260119T100000"), rest);
    // Of several the first counts, and single ones beside it.
    let several = cancel_from(":20260202T090000Z")
        + &cancel_from(":20260119T090000Z")
        + &cancel_from(":20260112T090000Z").replace(";RANGE=THISANDFUTURE", "");
    assert_eq!(
        received(Some(&existing), "CANCEL", &several, &NAMES).unwrap(),
        [rest[0], rest[1], "EXDATE;TZID=Own:20260112T100000"]
    );
}

#[test]
fn a_series_that_ends_by_itself_ends_no_later() {
    let counted = |rule: &str| master("").replace("FREQ=WEEKLY", rule);
    let rule = |rule: &str, id: &str| left(&counted(rule), id)[1].clone();
    let from = ":20260119T090000Z";
    assert_eq!(
        rule("FREQ=WEEKLY;COUNT=9;BYDAY=MO", from),
        "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20260119T085959Z"
    );
    assert_eq!(
        rule("FREQ=WEEKLY;UNTIL=20260330T090000Z", from),
        "RRULE:FREQ=WEEKLY;UNTIL=20260119T085959Z"
    );
    assert_eq!(rule("FREQ=WEEKLY;COUNT=2", from), "RRULE:FREQ=WEEKLY;COUNT=2");
    assert_eq!(
        rule("FREQ=WEEKLY;UNTIL=20260112T090000Z", from),
        "RRULE:FREQ=WEEKLY;UNTIL=20260112T090000Z"
    );
}

#[test]
fn dates_that_are_listed_end_with_it() {
    let listed = master(
        "RDATE;TZID=Own:20260113T100000,20260120T100000\nRDATE;TZID=Own:20260121T100000\n\
         RDATE;VALUE=PERIOD:20260114T090000Z/PT2H,20260122T090000Z/PT2H\n",
    );
    assert_eq!(
        left(&listed, ":20260119T090000Z"),
        [
            "DTSTART;TZID=Own:20260105T100000",
            "RRULE:FREQ=WEEKLY;UNTIL=20260119T085959Z",
            "RDATE;TZID=Own:20260113T100000",
            "RDATE;VALUE=PERIOD:20260114T090000Z/PT2H",
        ]
    );
}

/// RFC 5545 §3.3.10.
#[test]
fn the_end_is_of_the_type_of_the_start() {
    let days = master("")
        .replace("DTSTART;TZID=Own:20260105T100000\nDURATION:PT1H", "DTSTART;VALUE=DATE:20260105");
    assert_eq!(
        left(&days, ";VALUE=DATE:20260119"),
        ["DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=WEEKLY;UNTIL=20260118"]
    );
    let floating = master("").replace("DTSTART;TZID=Own:", "DTSTART:");
    assert_eq!(
        left(&floating, ":20260119T100000"),
        ["DTSTART:20260105T100000", "RRULE:FREQ=WEEKLY;UNTIL=20260119T095959"]
    );
}

#[test]
fn from_the_first_on_it_is_the_whole() {
    let existing = master("") + &moved(PEOPLE);
    let status = ["STATUS:CANCELLED"; 2];
    let found = received(Some(&existing), "CANCEL", &cancel_from(":20260105T090000Z"), &["STATUS"]);
    assert_eq!(found.unwrap(), status);
    // Of a series that is not here, the instances that are.
    let other = moved(PEOPLE).replace("20260112", "20260126");
    let loose = moved(PEOPLE) + &other;
    let found = received(Some(&loose), "CANCEL", &cancel_from(":20260119T090000Z"), &NAMES);
    assert_eq!(
        found.unwrap(),
        [
            "RECURRENCE-ID;TZID=Own:20260112T100000",
            "DTSTART;TZID=Own:20260112T150000",
            "RECURRENCE-ID;TZID=Own:20260126T100000",
            "DTSTART;TZID=Own:20260126T150000",
            "STATUS:CANCELLED",
        ]
    );
    let before = cancel_from(":20260202T090000Z");
    assert_eq!(received(Some(&loose), "CANCEL", &before, &[]), Err(Ignored::Unknown));
}

/// The other way: who is not in an instance and all that follow.
#[test]
fn a_series_ends_for_who_is_not_in_the_rest() {
    let only_cy = "ORGANIZER:mailto:ann@example.org\nATTENDEE:mailto:cy@example.org\n";
    let rest = moved(only_cy).replace("RECURRENCE-ID;", "RECURRENCE-ID;RANGE=THISANDFUTURE;");
    let found = organized(Some(&master("")), Some(&(master("") + &rest)));
    let names = ["RRULE", "EXDATE", "RECURRENCE-ID", "STATUS"];
    let bob = "RRULE:FREQ=WEEKLY;UNTIL=20260112T085959Z";
    assert_eq!(
        told(&found.outgoing, &names)[..2],
        [
            "bob CANCEL: RECURRENCE-ID;TZID=Own;RANGE=THISANDFUTURE:20260112T100000 STATUS:CANCELLED"
                .to_owned(),
            format!("bob REQUEST: {bob}"),
        ]
    );
    let mut copy = object(&master(""));
    for out in found.outgoing.iter().filter(|out| out.to.contains("bob")) {
        let message = out.arrived().unwrap();
        let taken = acting("bob", |scene| receive(Some(&copy), &message, scene)).unwrap();
        copy = CalendarObject::of(taken).unwrap();
    }
    assert_eq!(lines(copy.calendar(), &names), [bob]);
    // It is taken back: the series goes on for Bob.
    let found = organized(Some(&(master("") + &rest)), Some(&master("")));
    assert_eq!(told(&found.outgoing, &names)[0], "bob REQUEST: RRULE:FREQ=WEEKLY");
    // From the first instance on, there is nothing that he is in.
    let all = rest.replace("20260112", "20260105");
    let found = organized(Some(&master("")), Some(&(master("") + &all)));
    assert_eq!(told(&found.outgoing, &names)[0], "bob CANCEL: RRULE:FREQ=WEEKLY STATUS:CANCELLED");
}

/// RFC 5546 §3.2.5: of what is cancelled, some may not be here; what is, is.
#[test]
fn what_is_not_here_does_not_keep_what_is() {
    let instance = |day: &str| {
        format!(
            "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\nSEQUENCE:3\n\
             RECURRENCE-ID:202601{day}T090000Z\nORGANIZER:mailto:ann@example.org\nEND:VEVENT\n"
        )
    };
    let loose = moved(PEOPLE);
    let names = ["STATUS", "RECURRENCE-ID"];
    let both = instance("19") + &instance("12");
    assert_eq!(
        received(Some(&loose), "CANCEL", &both, &names).unwrap(),
        ["RECURRENCE-ID;TZID=Own:20260112T100000", "STATUS:CANCELLED"]
    );
    assert_eq!(received(Some(&loose), "CANCEL", &instance("19"), &names), Err(Ignored::Unknown));
}

/// docs/decisions/006-scheduling.md: what a crash cuts off comes again, and changes nothing.
#[test]
fn what_is_cancelled_twice_is_taken_out_once() {
    let one = "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\nSEQUENCE:3\n\
        RECURRENCE-ID:20260119T090000Z\nORGANIZER:mailto:ann@example.org\nEND:VEVENT\n";
    let out = master("EXDATE;TZID=Own:20260119T100000\n");
    assert_eq!(received(Some(&out), "CANCEL", one, &NAMES), Err(Ignored::Stale));
    // The day alone is said of an instance, too.
    let out = master("EXDATE;VALUE=DATE:20260119\n");
    assert_eq!(received(Some(&out), "CANCEL", one, &NAMES), Err(Ignored::Stale));
    let other = one.replace("20260119", "20260126");
    let left = received(Some(&out), "CANCEL", &(one.to_owned() + &other), &["EXDATE"]).unwrap();
    assert_eq!(left, ["EXDATE;VALUE=DATE:20260119", "EXDATE;TZID=Own:20260126T100000"]);
}

/// RFC 5546 §3.2.5: without RECURRENCE-ID it is all of them, whatever of them is here.
#[test]
fn the_end_of_a_whole_is_that_of_instances_alone() {
    let whole = "BEGIN:VEVENT\nUID:1\nDTSTAMP:20260301T000000Z\nSEQUENCE:3\n\
        ORGANIZER:mailto:ann@example.org\nSTATUS:CANCELLED\nEND:VEVENT\n";
    let loose = moved(PEOPLE) + &moved(PEOPLE).replace("20260112", "20260126");
    let found = received(Some(&loose), "CANCEL", whole, &["STATUS"]);
    assert_eq!(found.unwrap(), ["STATUS:CANCELLED"; 2]);
    // Who is left with instances hears of them after the end of the whole, which comes again.
    let after = loose.replace("SEQUENCE:2", "SEQUENCE:3").replace("20260101T", "20260301T");
    assert_eq!(received(Some(&after), "CANCEL", whole, &[]), Err(Ignored::Unknown));
}
