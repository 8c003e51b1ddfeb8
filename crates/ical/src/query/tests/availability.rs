use super::*;

/// The periods of a week from Sunday, 2011-10-02, in Montreal.
fn told(parts: &str) -> Vec<String> {
    let text = format!("BEGIN:VCALENDAR\n{parts}END:VCALENDAR\n");
    let calendar = Component::parse(text.as_bytes(), &Limits::default()).unwrap();
    let mut busy = BusyTimes::new(range("20111002T040000Z", "20111009T040000Z"), &[]);
    let mut said = Availability::new(&busy);
    said.add(&calendar, jiff::tz::TimeZone::UTC, &Limits::default()).unwrap();
    said.apply(&mut busy);
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

/// RFC 7953 §4: of one priority all count, and the busier kind where they speak of one time.
#[test]
fn who_is_of_one_priority_counts_together() {
    let on = |day: u8| {
        let start = format!("DTSTART:201110{day:02}T090000Z\nDURATION:PT8H\n");
        available("a", &start)
    };
    let both = [availability("", &on(3)), availability("BUSYTYPE:BUSY\n", &on(4))].concat();
    let expected =
        ["BUSY 02T040000Z/03T090000Z", "BUSY 03T170000Z/04T090000Z", "BUSY 04T170000Z/09T040000Z"];
    assert_eq!(told(&both), expected);
    let turned = [availability("BUSYTYPE:BUSY\n", &on(4)), availability("", &on(3))].concat();
    assert_eq!(told(&turned), expected);
    let scopes = [
        availability("DTSTART:20111003T000000Z\nDTEND:20111005T000000Z\n", ""),
        availability(
            "BUSYTYPE:BUSY-TENTATIVE\nDTSTART:20111004T000000Z\nDTEND:20111006T000000Z\n",
            "",
        ),
    ];
    assert_eq!(
        told(&scopes.concat()),
        ["UNAVAILABLE 03T000000Z/05T000000Z", "TENTATIVE 05T000000Z/06T000000Z"]
    );
}

/// RFC 7953 §5.1.2: a week elsewhere takes the place of all that is usual.
#[test]
fn a_week_elsewhere() {
    let week = |zone: &str| {
        available(
            zone,
            &format!(
                "DTSTART;TZID=America/{zone}:20111003T080000\nDTEND;TZID=America/{zone}:20111003T180000\n\
                 RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR\n"
            ),
        )
    };
    let usual = availability("", &week("Montreal"));
    let away = "PRIORITY:1\nDTSTART;TZID=America/Denver:20111003T000000\n\
                DTEND;TZID=America/Denver:20111004T000000\n";
    let found = told(&[availability(away, &week("Denver")), usual].concat());
    assert_eq!(
        found.get(..3).unwrap(),
        [
            "UNAVAILABLE 02T040000Z/03T140000Z",
            "UNAVAILABLE 04T000000Z/04T120000Z",
            "UNAVAILABLE 04T220000Z/05T120000Z"
        ]
    );
}
