use super::*;
use crate::limits::Limits;

const ALARM: &str =
    "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Soon\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\n";
const OTHER: &str = "BEGIN:VALARM\r\nACTION:AUDIO\r\nTRIGGER:-PT1H\r\nEND:VALARM\r\n";

fn calendar(parts: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\n{parts}END:VCALENDAR\r\n")
}

/// An event of this instance with these lines and components.
fn event(instance: &str, rest: &str) -> String {
    format!("BEGIN:VEVENT\r\nUID:1\r\n{instance}SUMMARY:a\r\n b\r\n{rest}END:VEVENT\r\n")
}

fn applied(own: &OwnAlarms, object: &str) -> String {
    String::from_utf8(own.apply(object.as_bytes())).unwrap()
}

fn of(object: &str) -> OwnAlarms {
    OwnAlarms::of(object.as_bytes())
}

const MONDAY: &str = "RECURRENCE-ID;TZID=Europe/Berlin:20260105T090000\r\n";
const TUESDAY: &str = "RECURRENCE-ID;TZID=Europe/Berlin:20260106T090000\r\n";
const ONWARD: &str = "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260106T090000\r\n";

#[test]
fn alarms_go_out_and_come_back_byte_for_byte() {
    for object in [
        calendar(&event("", "")),
        calendar(&event("", ALARM)),
        calendar(&event("", &format!("X-MOZ-LASTACK:20260101T000000Z\r\n{ALARM}{OTHER}"))),
        calendar(&event("", &format!("BEGIN:VLOCATION\r\nNAME:x\r\nEND:VLOCATION\r\n{ALARM}"))),
        calendar(&(event("", ALARM) + &event(MONDAY, "") + &event(ONWARD, OTHER))),
        calendar(&(event(MONDAY, ALARM) + &event(TUESDAY, OTHER))),
        calendar(&event("", ALARM)).replace("VEVENT", "VTODO"),
        calendar(&event("", ALARM)).replace("\r\n", "\n"),
        calendar(&event("", ALARM)).replace("TRIGGER:-PT5M", "TRIG\r\n GER:-P\r\n\tT5M"),
        calendar(&event("", ALARM)).to_lowercase(),
        format!("\u{feff}{}", calendar(&event("", ALARM)).trim_end()),
    ] {
        let own = of(&object);
        assert_eq!(applied(&own, &object), object);
        let bare = applied(&OwnAlarms::default(), &object);
        assert!(!bare.to_uppercase().contains("VALARM") && !bare.contains("LASTACK"), "{bare}");
        assert_eq!(applied(&own, &bare), object);
        assert_eq!(OwnAlarms::of(&own.render()), own);
        assert!(of(&bare).is_empty() && of(&bare).render().is_empty());
        assert!(is_same_but_alarms(bare.as_bytes(), object.as_bytes(), &Limits::DEFAULT));
    }
}

#[test]
fn they_stand_at_the_end_of_their_component() {
    let note = "x-moz-snooze-time-17676036000:20260105T090000Z\r\n";
    let object = calendar(&event("", &format!("{ALARM}{note}LOCATION:here\r\n{OTHER}")));
    let own = of(&object);
    assert_eq!(
        String::from_utf8(own.render()).unwrap(),
        format!(
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{note}{ALARM}{OTHER}END:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    );
    let expect = calendar(&event("", &format!("LOCATION:here\r\n{note}{ALARM}{OTHER}")));
    assert_eq!(applied(&own, &object), expect);
}

#[test]
fn occurrences_have_those_of_their_series_until_something_else_is_said() {
    let series = event("", ALARM);
    let own = of(&calendar(&(series.clone() + &event(MONDAY, OTHER) + &event(ONWARD, ""))));
    let now = calendar(
        &(event("", "") + &event(MONDAY, "") + &event(TUESDAY, "") + &event(ONWARD, OTHER)),
    );
    let expect =
        calendar(&(series + &event(MONDAY, OTHER) + &event(TUESDAY, ALARM) + &event(ONWARD, "")));
    assert_eq!(applied(&own, &now), expect);
    // What follows from the series is not said, and no order makes a difference.
    let said = of(&calendar(&(event("", ALARM) + &event(MONDAY, ALARM)))).render();
    assert_eq!(said, of(&calendar(&event("", ALARM))).render());
    let one = of(&calendar(&(event(MONDAY, ALARM) + &event(TUESDAY, OTHER)))).render();
    assert_eq!(one, of(&calendar(&(event(TUESDAY, OTHER) + &event(MONDAY, ALARM)))).render());
    // Notes are of one component.
    let acknowledged = format!("X-MOZ-LASTACK:20260101T000000Z\r\n{ALARM}");
    let own = of(&calendar(&event("", &acknowledged)));
    let now = calendar(&(event("", "") + &event(MONDAY, "")));
    let expect = calendar(&(event("", &acknowledged) + &event(MONDAY, ALARM)));
    assert_eq!(applied(&own, &now), expect);
    // A to-do has none of an event.
    let todo = calendar(&event("", "")).replace("VEVENT", "VTODO");
    assert_eq!(applied(&own, &todo), todo);
}

#[test]
fn occurrences_are_known_by_when_they_are() {
    let respelled = |line: &str, to: &str| line.replace("TZID=Europe/Berlin:20260105T090000", to);
    let own = of(&calendar(&(event("", ALARM) + &event(MONDAY, OTHER))));
    let now = |line: &str| calendar(&(event("", "") + &event(line, "")));
    let expect = |line: &str, alarms: &str| calendar(&(event("", ALARM) + &event(line, alarms)));
    for (to, alarms) in [
        ("TZID=/freeassociation.sourceforge.net/Europe/Berlin:20260105T090000", OTHER),
        ("RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260105T090000", OTHER),
        ("TZID=Home:20260105T090000", OTHER),
        ("X=1:20260105T090000", OTHER),
        ("X=1:20260105T080000Z", OTHER),
        ("TZID=America/New_York:20260105T030000", OTHER),
        ("TZID=America/New_York:20260105T090000", ALARM),
        ("X=1:20260105T090000Z", ALARM),
        ("VALUE=DATE:20260105", ALARM),
    ] {
        let line = respelled(MONDAY, to);
        assert_eq!(applied(&own, &now(&line)), expect(&line, alarms), "{to}");
    }
    // The other way round.
    let utc = respelled(MONDAY, "X=1:20260105T080000Z");
    let own = of(&calendar(&(event("", ALARM) + &event(&utc, OTHER))));
    assert_eq!(applied(&own, &now(MONDAY)), expect(MONDAY, OTHER));
    // One that is there as it was is nobody else's.
    let both = calendar(&(event("", "") + &event(&utc, "") + &event(MONDAY, "")));
    let shown = calendar(&(event("", ALARM) + &event(&utc, OTHER) + &event(MONDAY, ALARM)));
    assert_eq!(applied(&own, &both), shown);
    // Of two, the one with the same RANGE; where that says nothing, neither.
    let onward = respelled(MONDAY, "RANGE=THISANDFUTURE;TZID=Europe/Berlin:20260105T090000");
    let own = of(&calendar(&(event("", "") + &event(MONDAY, ALARM) + &event(&onward, OTHER))));
    let shown = calendar(&(event("", "") + &event(&utc, ALARM)));
    assert_eq!(applied(&own, &now(&utc)), shown);
    let york = respelled(MONDAY, "TZID=America/New_York:20260105T030000");
    let own = of(&calendar(&(event("", "") + &event(&york, ALARM) + &event(MONDAY, OTHER))));
    assert_eq!(applied(&own, &now(&utc)), now(&utc));
}

#[test]
fn what_else_differs_is_another_object() {
    let is_same = |one: &str, other: &str| {
        is_same_but_alarms(one.as_bytes(), other.as_bytes(), &Limits::DEFAULT)
    };
    let zone = "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19961027T030000\r\n\
                TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
    let odd = zone.replace("Europe/Berlin", "Home");
    let one = calendar(&event("", "DTSTAMP:20260101T000000Z\r\nLOCATION;X=1;Y=2:here\r\n"));
    for other in [
        one.replace("DTSTAMP:2026", "DTSTAMP:2027"),
        one.replace("DTSTAMP:20260101T000000Z\r\n", ALARM),
        one.replace("DTSTAMP:", "X-MOZ-GENERATION:4\r\nLAST-MODIFIED:20270101T000000Z\r\nDTSTAMP:"),
        one.replace(";X=1;Y=2", ";Y=\"2\";X=1").replace("-//x", "-//y\r\nCALSCALE:GREGORIAN"),
        one.replace("SUMMARY:a\r\n b\r\n", "").replace("UID:1", "summary:ab\r\nUID:1"),
        one.replace("BEGIN:VEVENT", &format!("{zone}BEGIN:VEVENT")),
    ] {
        assert!(is_same(&one, &other), "{other}");
    }
    for other in [
        one.replace("here", "there"),
        one.replace("X=1", "X=2"),
        one.replace("UID:1", "UID:1\r\nUID:1"),
        one.replace("UID:1", "UID:1\r\nSEQUENCE:1"),
        one.replace("LOCATION", "SUMMARY"),
        one.replace("VEVENT", "VTODO"),
        one.replace("BEGIN:VEVENT", &format!("{odd}BEGIN:VEVENT")),
        one.replace("END:VCALENDAR", &format!("{}END:VCALENDAR", event(MONDAY, ""))),
        one.replace("END:VCALENDAR", "X-WR-CALNAME:z\r\nEND:VCALENDAR"),
        one.replace("END:VCALENDAR\r\n", ""),
    ] {
        assert!(!is_same(&one, &other), "{other}");
    }
}

#[test]
fn no_bytes_are_lost_and_none_make_it_panic() {
    let text =
        calendar(&(event("", &format!("{ALARM}X-MOZ-LASTACK:1\r\n")) + &event(MONDAY, OTHER)));
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..20_000 {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = random.u8(..),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, *random.choice(b"\r\n \";:=,^.\xff").unwrap()),
            }
        }
        let own = OwnAlarms::of(&bytes);
        let shown = own.apply(&bytes);
        is_same_but_alarms(&bytes, &shown, &Limits::DEFAULT);
        if crate::Component::parse(&bytes, &Limits::DEFAULT).is_ok() {
            // Only the order changes, and of several that claim to be one component all but the
            // first.
            let bare = OwnAlarms::default().apply(&bytes);
            assert!(OwnAlarms::of(&bare).is_empty());
            assert_eq!(OwnAlarms::of(&own.render()), own);
            assert_eq!(OwnAlarms::of(&own.apply(&bare)), own);
            assert_eq!(own.apply(&own.apply(&bytes)), own.apply(&bytes));
        }
    }
}
