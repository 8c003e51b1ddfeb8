use super::*;

fn busy(scenes: &[Scene], range: TimeRange, users: &[&str]) -> String {
    let users: Vec<String> = users.iter().map(|user| (*user).to_owned()).collect();
    let mut times = BusyTimes::new(range, &users);
    for scene in scenes {
        times.add(&scene.object, &scene.schedule, &scene.zones).unwrap();
    }
    let component = times.component("2005-01-25T09:00:00Z".parse().unwrap());
    String::from_utf8(component.render()).unwrap().replace("\r\n", "\n")
}

#[test]
fn the_example_of_the_standard() {
    // RFC 4791 §7.10.1, with the VFREEBUSY of the collection, which the example forgets.
    assert_eq!(
        busy(&collection(), range("20060104T140000Z", "20060105T220000Z"), &[]),
        "BEGIN:VFREEBUSY\nDTSTAMP:20050125T090000Z\nDTSTART:20060104T140000Z\n\
         DTEND:20060105T220000Z\n\
         FREEBUSY;FBTYPE=BUSY-TENTATIVE:20060104T150000Z/20060104T160000Z\n\
         FREEBUSY:20060104T190000Z/20060104T200000Z\n\
         FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20060105T100000Z/20060105T120000Z\n\
         FREEBUSY:20060105T170000Z/20060105T180000Z\nEND:VFREEBUSY\n"
    );
}

#[test]
fn what_takes_time_and_what_does_not() {
    let event = |start: u8, hours: u8, lines: &str| {
        Scene::new(&format!(
            "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T{start:02}0000Z\nDURATION:PT{hours}H\n{lines}\
             END:VEVENT\n"
        ))
    };
    let attendee = |partstat: &str| {
        format!("ATTENDEE;PARTSTAT=ACCEPTED:mailto:x@y\nATTENDEE{partstat}:MAILTO:Me@Example.org\n")
    };
    let periods = |scene: Scene| {
        let day = range("20260105T000000Z", "20260106T000000Z");
        let text = busy(&[scene], day, &["mailto:me@example.org"]);
        text.lines().filter(|line| line.starts_with("FREEBUSY")).map(str::to_owned).collect()
    };
    const BUSY: &str = "FREEBUSY:20260105T100000Z/20260105T110000Z";
    const TENTATIVE: &str = "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260105T100000Z/20260105T110000Z";
    for (lines, expected) in [
        (String::new(), Some(BUSY)),
        ("TRANSP:OPAQUE\nSTATUS:CONFIRMED\n".to_owned(), Some(BUSY)),
        ("TRANSP:TRANSPARENT\n".to_owned(), None),
        ("STATUS:CANCELLED\n".to_owned(), None),
        ("STATUS:TENTATIVE\n".to_owned(), Some(TENTATIVE)),
        (attendee(";PARTSTAT=ACCEPTED"), Some(BUSY)),
        (attendee(";PARTSTAT=DECLINED"), None),
        (attendee(";PARTSTAT=TENTATIVE"), Some(TENTATIVE)),
        (attendee(""), Some(TENTATIVE)),
        (attendee(";PARTSTAT=ACCEPTED") + "STATUS:TENTATIVE\n", Some(TENTATIVE)),
    ] {
        let found: Vec<String> = periods(event(10, 1, &lines));
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{lines}");
    }
    // A time without length is none.
    let found: Vec<String> = periods(event(10, 0, ""));
    assert!(found.is_empty());
}

#[test]
fn the_busier_counts() {
    let day = range("20260105T000000Z", "20260106T000000Z");
    let mut times = BusyTimes::new(day, &[]);
    let at = |hour: i64| day.start.checked_add(jiff::SignedDuration::from_hours(hour)).unwrap();
    for (start, end, kind) in [
        (1, 9, Busy::Tentative),
        (2, 4, Busy::Busy),
        (4, 5, Busy::Busy),
        (3, 6, Busy::Unavailable),
        (8, 30, Busy::Busy),
        (-5, 1, Busy::Tentative),
    ] {
        times.push(at(start), at(end), kind);
    }
    assert_eq!(
        times.periods(),
        [
            (at(0), at(2), Busy::Tentative),
            (at(2), at(3), Busy::Busy),
            (at(3), at(6), Busy::Unavailable),
            (at(6), at(8), Busy::Tentative),
            (at(8), at(24), Busy::Busy),
        ]
    );
}
