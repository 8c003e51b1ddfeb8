use super::*;

/// The periods of a week from Sunday, 2011-10-02, in Montreal.
fn told(parts: &str) -> Vec<String> {
    let text = format!("BEGIN:VCALENDAR\n{parts}END:VCALENDAR\n");
    let calendar = Component::parse(text.as_bytes(), &Limits::default()).unwrap();
    let mut busy = BusyTimes::new(range("20111002T040000Z", "20111009T040000Z"), &[]);
    busy.add_availability(&calendar, jiff::tz::TimeZone::UTC, &Limits::default()).unwrap();
    let component = busy.component("2011-10-01T00:00:00Z".parse().unwrap());
    component
        .lines_named("FREEBUSY")
        .map(|line| {
            let kind = line.parameter("FBTYPE").unwrap_or("BUSY").replace("BUSY-", "");
            format!("{kind} {}", line.value().replace("201110", ""))
        })
        .collect()
}

fn availability(lines: &str, parts: &str) -> String {
    format!(
        "BEGIN:VAVAILABILITY\nUID:v\nDTSTAMP:20111005T133225Z\n{lines}{parts}END:VAVAILABILITY\n"
    )
}

fn available(uid: &str, lines: &str) -> String {
    format!("BEGIN:AVAILABLE\nUID:{uid}\nDTSTAMP:20111005T133225Z\n{lines}END:AVAILABLE\n")
}

/// RFC 7953 §5.1: Monday to Friday from nine to five.
#[test]
fn office_hours() {
    let week = available(
        "a",
        "DTSTART;TZID=America/Montreal:20111002T090000\nDTEND;TZID=America/Montreal:20111002T170000\n\
         RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR\n",
    );
    let office = [
        "UNAVAILABLE 02T040000Z/03T130000Z",
        "UNAVAILABLE 03T210000Z/04T130000Z",
        "UNAVAILABLE 04T210000Z/05T130000Z",
        "UNAVAILABLE 05T210000Z/06T130000Z",
        "UNAVAILABLE 06T210000Z/07T130000Z",
        "UNAVAILABLE 07T210000Z/09T040000Z",
    ];
    // DTSTART of AVAILABLE is an occurrence itself, whatever the rule says (RFC 5545 §3.8.5.3).
    let found = told(&availability("", &week));
    assert_eq!(found.get(found.len() - 5..).unwrap(), &office[1..]);
    // From Wednesday at noon on, Thursday alone is another matter.
    let scope = "DTSTART;TZID=America/Montreal:20111005T120000\n";
    let found = told(&availability(scope, &week));
    assert_eq!(found, &office[3..]);
    let vacation =
        availability("PRIORITY:1\nBUSYTYPE:BUSY\nDTSTART:20111006T000000Z\nDURATION:P1D\n", "");
    let found = told(&[availability(&format!("{scope}PRIORITY:5\n"), &week), vacation].concat());
    assert_eq!(
        found,
        [
            "UNAVAILABLE 05T210000Z/06T000000Z",
            "BUSY 06T000000Z/07T000000Z",
            "UNAVAILABLE 07T000000Z/07T130000Z",
            "UNAVAILABLE 07T210000Z/09T040000Z"
        ]
    );
}

#[test]
fn who_is_of_higher_priority_makes_others_free() {
    let never = availability("", "");
    assert_eq!(told(&never), ["UNAVAILABLE 02T040000Z/09T040000Z"]);
    let open = availability(
        "PRIORITY:2\nDTSTART:20111003T000000Z\nDTEND:20111004T000000Z\n",
        &available("a", "DTSTART:20111003T000000Z\nDURATION:P1D\n"),
    );
    assert_eq!(
        told(&[open, never].concat()),
        ["UNAVAILABLE 02T040000Z/03T000000Z", "UNAVAILABLE 04T000000Z/09T040000Z"]
    );
    let free = availability("BUSYTYPE:FREE\n", "");
    assert_eq!(told(&free), [""; 0]);
    let past = availability("DTEND:20111001T000000Z\n", "");
    assert_eq!(told(&past), [""; 0]);
    let tentative = availability("BUSYTYPE:BUSY-TENTATIVE\nDTSTART:20111008T000000Z\n", "");
    assert_eq!(told(&tentative), ["TENTATIVE 08T000000Z/09T040000Z"]);
}
