use super::*;
use crate::{Error, Limits, TimeRange};

fn parse(text: &str) -> Result<CalendarObject, Invalid> {
    let text = format!("BEGIN:VCALENDAR\nVERSION:2.0\n{text}END:VCALENDAR\n");
    CalendarObject::parse(text.as_bytes(), &Limits::default())
}

fn event(lines: &str) -> String {
    format!("BEGIN:VEVENT\nUID:1\n{lines}END:VEVENT\n")
}

fn facts(text: &str) -> ObjectFacts {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).facts(&Limits::default())
}

#[test]
fn what_may_not_be_stored_is_told_by_its_precondition() {
    let start = "DTSTART:20260101T000000Z\n";
    let other = |lines: &str| event(lines).replace("UID:1", "UID:2");
    for (text, expected) in [
        (String::new(), Invalid::Object("it has no component")),
        ("METHOD:REQUEST\n".to_owned() + &event(start), Invalid::Object("it has a METHOD")),
        ("CALSCALE:HEBREW\n".to_owned() + &event(start), Invalid::Scale),
        ("VERSION:1.0\n".to_owned() + &event(start), Invalid::Lacks("VERSION:2.0")),
        (
            event(start) + "BEGIN:VTODO\nUID:1\nEND:VTODO\n",
            Invalid::Object("it has components of several types"),
        ),
        (
            event(start) + &other("DTSTART:20260101T000000Z\nRECURRENCE-ID:20260101T000000Z\n"),
            Invalid::Object("it has several UIDs"),
        ),
        (
            event(start) + &event(start),
            Invalid::Object("it has several components without RECURRENCE-ID"),
        ),
        (event(start).replace("UID:1\n", ""), Invalid::Object("it has no UID")),
        (event(start).replace("UID:1\n", "UID: \n"), Invalid::Object("it has no UID")),
        (
            "BEGIN:VTIMEZONE\nTZID:x\nEND:VTIMEZONE\n".to_owned(),
            Invalid::Object("it has no component"),
        ),
        (event(""), Invalid::Lacks("DTSTART")),
        (event("DTSTART:soon\n"), Invalid::Data(Error::Value("date or date-time"))),
        (event("DTSTART:20260230\n"), Invalid::Data(Error::Value("date or date-time"))),
        (event("DTSTART:20260101\nDURATION:1H\n"), Invalid::Data(Error::Value("duration"))),
        (event("DTSTART:20260101\nRRULE:FREQ=NEVER\n"), Invalid::Data(Error::Rule("FREQ"))),
        (event("DTSTART:20260101\nRRULE:RSCALE=KLINGON;FREQ=YEARLY\n"), Invalid::RuleScale),
        (event("DTSTART:20260101\nEXDATE:x\n"), Invalid::Data(Error::Value("date or date-time"))),
        (
            event("DTSTART:20260101\nRDATE:20260101T000000Z/x\n"),
            Invalid::Data(Error::Value("date or date-time")),
        ),
        (event("DTSTART:20260101\nbroken\n"), Invalid::Data(Error::Line(6))),
        (event("DTSTART:20260101\nSUMMARY:a\0b\n"), Invalid::Lacks("text in UTF-8")),
        (
            event(&format!("DTSTART:20260101\n{}", "RRULE:FREQ=DAILY\n".repeat(17))),
            Invalid::Data(Error::TooLarge("rules")),
        ),
        ("BEGIN:VTODO\nUID:1\nRRULE:FREQ=DAILY\nEND:VTODO\n".to_owned(), Invalid::Lacks("DTSTART")),
    ] {
        assert_eq!(parse(&text), Err(expected), "{text}");
    }
    let limits = Limits::default();
    let card = CalendarObject::parse(b"BEGIN:VCARD\nEND:VCARD\n", &limits);
    assert_eq!(card, Err(Invalid::Lacks("VCALENDAR")));
    let bytes = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:\xff\nEND:VEVENT\nEND:VCALENDAR\n";
    assert_eq!(CalendarObject::parse(bytes, &limits), Err(Invalid::Lacks("text in UTF-8")));
    // A fold within a character is none of that.
    let bytes = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:gr\xc3\n \xb6\xc3\x9fe\nDTSTART:20260101\n\
        END:VEVENT\nEND:VCALENDAR\n";
    assert_eq!(CalendarObject::parse(bytes, &limits).unwrap().uid(), "größe");
}

#[test]
fn spans_hold_every_occurrence() {
    let todo = |lines: &str| format!("BEGIN:VTODO\nUID:1\n{lines}END:VTODO\n");
    let journal = |lines: &str| format!("BEGIN:VJOURNAL\nUID:1\n{lines}END:VJOURNAL\n");
    let busy = |lines: &str| format!("BEGIN:VFREEBUSY\nUID:1\n{lines}END:VFREEBUSY\n");
    const OPEN: &str = "-009999-01-02T01:59:59Z";
    const END: &str = "9999-12-30T22:00:00.999999999Z";
    for (text, start, end) in [
        (
            event("DTSTART:20260101T090000Z\nDTEND:20260101T100000Z\n"),
            "2026-01-01T09:00:00Z",
            "2026-01-01T10:00:00Z",
        ),
        (
            event("DTSTART;TZID=Europe/Vienna:20260701T090000\nDURATION:PT1H\n"),
            "2026-07-01T07:00:00Z",
            "2026-07-01T08:00:00Z",
        ),
        // A day is another one elsewhere, and so is a floating time.
        (event("DTSTART;VALUE=DATE:20260101\n"), "2025-12-30T22:00:00Z", "2026-01-03T02:00:00Z"),
        (event("DTSTART:20260101T090000\n"), "2025-12-31T07:00:00Z", "2026-01-02T11:00:00Z"),
        (
            event("DTSTART;TZID=Nowhere:20260101T090000\n"),
            "2025-12-31T07:00:00Z",
            "2026-01-02T11:00:00Z",
        ),
        (event("DTSTART:20260101T090000Z\nRRULE:FREQ=DAILY\n"), "2025-12-31T07:00:00Z", END),
        (
            event("DTSTART:20260101T090000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3\n"),
            "2025-12-31T06:00:00Z",
            "2026-01-04T12:00:00Z",
        ),
        (
            event("DTSTART:20260101T090000Z\nRRULE:FREQ=DAILY;UNTIL=20260103T090000Z\n"),
            "2025-12-31T07:00:00Z",
            "2026-01-04T11:00:00Z",
        ),
        (
            event("DTSTART:20260101T090000Z\nRRULE:FREQ=DAILY;COUNT=100000\n"),
            "2025-12-31T07:00:00Z",
            END,
        ),
        (
            event("DTSTART:20260101T090000Z\nRDATE:20250101T090000Z,20270101T090000Z\n"),
            "2024-12-31T07:00:00Z",
            "2027-01-02T11:00:00Z",
        ),
        (
            event("RECURRENCE-ID:20260101T090000Z\nDTSTART:20280101T090000Z\n"),
            "2028-01-01T09:00:00Z",
            "2028-01-01T09:00:00Z",
        ),
        (todo("DUE:20260101T090000Z\n"), "2026-01-01T09:00:00Z", "2026-01-01T09:00:00Z"),
        (
            todo("CREATED:20260101T090000Z\nCOMPLETED:20260301T090000Z\n"),
            "2026-01-01T09:00:00Z",
            "2026-03-01T09:00:00Z",
        ),
        (todo("COMPLETED:20260301T090000Z\n"), "2026-03-01T09:00:00Z", "2026-03-01T09:00:00Z"),
        (todo("CREATED:20260101T090000Z\n"), "2026-01-01T09:00:00Z", END),
        (todo(""), OPEN, END),
        (journal("DTSTART:20260101T090000Z\n"), "2026-01-01T09:00:00Z", "2026-01-01T09:00:00Z"),
        (
            busy("DTSTART:20260101T090000Z\nDTEND:20260102T090000Z\n"),
            "2026-01-01T09:00:00Z",
            "2026-01-02T09:00:00Z",
        ),
        (
            busy("FREEBUSY:20260101T090000Z/PT1H,20260102T090000Z/20260102T093000Z\n"),
            "2026-01-01T09:00:00Z",
            "2026-01-02T09:30:00Z",
        ),
    ] {
        let span = facts(&text).span.unwrap();
        assert_eq!([span.start.to_string(), span.end.to_string()], [start, end], "{text}");
    }
    assert_eq!(facts(&todo("")).span, Some(TimeRange::ALWAYS));
    assert_eq!(facts(&journal("SUMMARY:x\n")).span, None);
    assert_eq!(facts(&busy("DTSTART:20260101T090000Z\n")).span, None);
}

#[test]
fn who_takes_part_and_what_is_attached() {
    let found = facts(&event(
        "DTSTART:20260101T090000Z\nORGANIZER;CN=A:MAILTO:Ann@Example.org\n\
         ATTENDEE:mailto:bob@example.org\nATTENDEE:mailto:Bob@example.org\n\
         ATTENDEE:urn:uuid:A\nATTACH:http://example.org/a\n\
         ATTACH;ENCODING=BASE64;VALUE=BINARY:QUJD\nATTACH:data:text/plain;base64,QUJDREVG\n",
    ));
    assert_eq!(found.organizer.as_deref(), Some("mailto:ann@example.org"));
    assert_eq!(found.attendees, ["mailto:bob@example.org", "urn:uuid:A"]);
    assert_eq!(found.attachment_bytes_max, 6);
    assert_eq!((found.kind, found.uid.as_str(), found.recurs), (ComponentKind::Event, "1", false));
    assert!(facts(&event("DTSTART:20260101\nRRULE:FREQ=DAILY\n")).recurs);
}

#[test]
fn availability_has_rules_of_its_own() {
    let zoned = ";TZID=America/Montreal:20111002T090000\r\n";
    let part = |lines: &str| format!("BEGIN:AVAILABLE\r\nUID:a\r\n{lines}END:AVAILABLE\r\n");
    let read = |lines: &str| {
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VAVAILABILITY\r\nUID:v\r\n{lines}\
             END:VAVAILABILITY\r\nEND:VCALENDAR\r\n"
        );
        CalendarObject::parse(text.as_bytes(), &Limits::DEFAULT)
    };
    let weekly = part(&format!("DTSTART{zoned}DURATION:PT8H\r\nRRULE:FREQ=WEEKLY\r\n"));
    for lines in [
        String::new(),
        "PRIORITY:0\r\nBUSYTYPE:BUSY\r\n".to_owned(),
        format!("DTSTART{zoned}DURATION:P1D\r\n{weekly}"),
        format!("DTSTART{zoned}DTEND{zoned}"),
        "DTEND:20111002T090000Z\r\n".to_owned(),
    ] {
        read(&lines).unwrap();
    }
    for lines in [
        "DTSTART;VALUE=DATE:20111002\r\n".to_owned(),
        "DTSTART:20111002T090000\r\n".to_owned(),
        "DURATION:P1D\r\n".to_owned(),
        format!("DTSTART{zoned}DTEND{zoned}DURATION:P1D\r\n"),
        format!("DTSTART{zoned}DTEND:20111001T000000Z\r\n"),
        format!("DTSTART{zoned}DTSTART{zoned}"),
        format!("DTSTART{zoned}RRULE:FREQ=DAILY\r\n"),
        "BUSYTYPE:FREE\r\n".to_owned(),
        "PRIORITY:10\r\n".to_owned(),
        part(""),
        part(&format!("DTSTART{zoned}RRULE:FREQ=NEVER\r\n")),
        part("DTSTART:20111002T090000\r\n"),
        part(&format!("DTSTART{zoned}RRULE:FREQ=DAILY\r\nRRULE:FREQ=DAILY\r\n")),
        part(&format!("DTSTART{zoned}DTEND{zoned}DURATION:P1D\r\n")),
        format!("BEGIN:AVAILABLE\r\nDTSTART{zoned}END:AVAILABLE\r\n"),
        weekly.repeat(501),
    ] {
        assert!(read(&lines).is_err(), "{lines}");
    }
    let limits = Limits::DEFAULT;
    assert!(!read(&weekly).unwrap().is_available_more_than(60, &limits).unwrap());
    assert!(read(&weekly).unwrap().is_available_more_than(50, &limits).unwrap());
}
