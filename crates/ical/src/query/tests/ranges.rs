use super::*;
use crate::Error;

/// Each component is asked for by itself, and finds itself without a look at all the others, which
/// would take minutes.
#[test]
fn many_overridden_instances_are_found_by_themselves() {
    let moved = |range: &str, second: usize| {
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let id = format!("20260106T{hour:02}{minute:02}{:02}Z", second % 60);
        format!("BEGIN:VEVENT\nUID:1\nRECURRENCE-ID{range}:{id}\nDTSTART:{id}\nEND:VEVENT\n")
    };
    let some = |count| (0..count).map(|second| moved(";RANGE=THISANDFUTURE", second));
    let single = (200..30_000).map(|second| moved("", second));
    let scene = Scene::new(&some(200).chain(single).collect::<String>());
    let zones = &scene.zones;
    let found =
        |filter: &ComponentFilter| filter.matches(&scene.object, &scene.schedule, zones, &|| true);
    assert!(!found(&timed("VEVENT", range("20250101T000000Z", "20250201T000000Z"))));
    assert!(found(&timed("VEVENT", range("20260106T000011Z", "20260106T000012Z"))));
    assert!(found(&timed("VEVENT", range("20260106T081959Z", "20260106T082000Z"))));
    let text = format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", some(201).collect::<String>());
    let object = CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap();
    let refused = object.occurrences(zones, &Limits::default()).map(drop);
    assert_eq!(refused, Err(Error::TooLarge("instances that change all that follow")));
}

/// Every row of the tables of RFC 4791 §9.9, at its borders: ranges are said in hours of the 5th
/// of January 2026.
#[test]
fn rows_of_the_tables() {
    let event = |lines: &str| format!("BEGIN:VEVENT\nUID:1\n{lines}END:VEVENT\n");
    let todo = |lines: &str| format!("BEGIN:VTODO\nUID:1\n{lines}END:VTODO\n");
    let journal = |lines: &str| format!("BEGIN:VJOURNAL\nUID:1\n{lines}END:VJOURNAL\n");
    let busy = |lines: &str| format!("BEGIN:VFREEBUSY\nUID:1\n{lines}END:VFREEBUSY\n");
    const START: &str = "DTSTART:20260105T100000Z\n";
    const DUE: &str = "DUE:20260105T120000Z\n";
    let created_completed = "CREATED:20260105T100000Z\nCOMPLETED:20260105T120000Z\n";
    // A row has the component, ranges that find it, and such that do not.
    type Row = (String, &'static [(u8, u8)], &'static [(u8, u8)]);
    let rows: &[Row] = &[
        (
            event(&format!("{START}DTEND:20260105T120000Z\n")),
            &[(9, 11), (11, 13), (0, 23), (10, 11), (11, 12)],
            &[(8, 10), (12, 13)],
        ),
        (
            event(&format!("{START}DURATION:PT2H\n")),
            &[(9, 11), (11, 13), (0, 23), (10, 11), (11, 12)],
            &[(8, 10), (12, 13)],
        ),
        (event(&format!("{START}DURATION:PT0S\n")), &[(10, 11), (9, 11)], &[(8, 10), (11, 12)]),
        (event(START), &[(10, 11), (9, 11)], &[(8, 10), (11, 12)]),
        (
            todo(&format!("{START}DURATION:PT2H\n")),
            &[(9, 11), (11, 13), (12, 13)],
            &[(8, 10), (13, 14)],
        ),
        (todo(&format!("{START}{DUE}")), &[(9, 11), (11, 13), (10, 11)], &[(8, 10), (12, 13)]),
        (
            todo(&format!("{START}DUE:20260105T100000Z\n")),
            &[(10, 11), (8, 10)],
            &[(11, 12), (8, 9)],
        ),
        (todo(START), &[(10, 11), (9, 11)], &[(8, 10), (11, 12)]),
        (todo(DUE), &[(11, 12), (11, 13)], &[(12, 13), (10, 11)]),
        (todo(created_completed), &[(9, 10), (12, 13), (10, 12), (11, 13)], &[(8, 9), (13, 14)]),
        (todo("COMPLETED:20260105T120000Z\n"), &[(12, 13), (11, 12)], &[(10, 11), (13, 14)]),
        (todo("CREATED:20260105T100000Z\n"), &[(20, 21), (10, 11)], &[(9, 10), (8, 9)]),
        (todo(""), &[(0, 1), (22, 23)], &[]),
        (journal(START), &[(10, 11), (9, 11)], &[(8, 10), (11, 12)]),
        (journal(""), &[], &[(0, 23)]),
        (
            busy(&format!("{START}DTEND:20260105T120000Z\n")),
            &[(9, 11), (11, 13), (12, 13)],
            &[(8, 10), (13, 14)],
        ),
        (
            busy("FREEBUSY:20260105T100000Z/PT1H,20260105T140000Z/20260105T150000Z\n"),
            &[(10, 11), (14, 15), (9, 16)],
            &[(8, 10), (11, 14), (15, 16)],
        ),
        (busy(START), &[], &[(0, 23)]),
    ];
    for (components, within, without) in rows {
        let scene = Scene::new(components);
        let name = scene.object.kind().name();
        let holds = |hours: &(u8, u8)| {
            let at = |hour: u8| format!("20260105T{hour:02}0000Z");
            scene.matches(&timed(name, range(&at(hours.0), &at(hours.1))))
        };
        for hours in *within {
            assert!(holds(hours), "{components} {hours:?}");
        }
        for hours in *without {
            assert!(!holds(hours), "{components} {hours:?}");
        }
    }
}

/// Days and floating times are looked at from Vienna, where the day begins an hour before that of
/// UTC.
#[test]
fn days_begin_where_one_is() {
    let event = |lines: &str| Scene::new(&format!("BEGIN:VEVENT\nUID:1\n{lines}END:VEVENT\n"));
    let journal = "BEGIN:VJOURNAL\nUID:1\nDTSTART;VALUE=DATE:20260105\nEND:VJOURNAL\n";
    for scene in [
        event("DTSTART;VALUE=DATE:20260105\n"),
        event("DTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260106\n"),
        event("DTSTART:20260105T000000\nDURATION:P1D\n"),
        event("DTSTART;VALUE=DATE:20200105\nRRULE:FREQ=YEARLY\n"),
        Scene::new(journal),
    ] {
        let name = scene.object.kind().name();
        for (start, end, holds) in [
            ("20260104T220000Z", "20260104T230000Z", false),
            ("20260104T220000Z", "20260104T230001Z", true),
            ("20260105T225959Z", "20260105T230001Z", true),
            ("20260105T230000Z", "20260106T000000Z", false),
        ] {
            assert_eq!(scene.matches(&timed(name, range(start, end))), holds, "{start} {end}");
        }
    }
    // All-day events that recur, and their exceptions.
    let scene =
        event("DTSTART;VALUE=DATE:20260105\nRRULE:FREQ=WEEKLY\nEXDATE;VALUE=DATE:20260112\n");
    for (day, holds) in [(5, true), (6, false), (12, false), (19, true)] {
        let filter = timed(
            "VEVENT",
            range(&format!("202601{day:02}T110000Z"), &format!("202601{day:02}T120000Z")),
        );
        assert_eq!(scene.matches(&filter), holds, "{day}");
    }
}

#[test]
fn ranges_may_be_open() {
    let scene = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\nRRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT\n",
    );
    for (start, end, holds) in [
        (Some("20260107T100000Z"), None, true),
        (Some("20260107T100001Z"), None, false),
        (None, Some("20260105T100001Z"), true),
        (None, Some("20260105T100000Z"), false),
    ] {
        let filter = timed("VEVENT", TimeRange::parse(start, end).unwrap());
        assert_eq!(scene.matches(&filter), holds, "{start:?} {end:?}");
    }
}

#[test]
fn instances_from_one_on_are_where_they_were_moved() {
    let scene = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\n\
         SUMMARY:a\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\n\
         RECURRENCE-ID;RANGE=THISANDFUTURE:20260110T100000Z\nDTSTART:20260110T150000Z\n\
         DURATION:PT1H\nSUMMARY:b\nEND:VEVENT\n",
    );
    let named = |summary: &str, start: &str, end: Option<&str>| {
        let test = ComponentTest {
            time_range: Some(TimeRange::parse(Some(start), end).unwrap()),
            properties: vec![property("SUMMARY", ValueTest::Text(text(summary)), Vec::new())],
            ..ComponentTest::default()
        };
        scene.matches(&calendar(vec![component("VEVENT", test)]))
    };
    assert!(named("a", "20260109T100000Z", Some("20260109T110000Z")));
    assert!(!named("a", "20260110T100000Z", None));
    assert!(!named("b", "20260110T100000Z", Some("20260110T150000Z")));
    assert!(named("b", "20260110T150000Z", Some("20260110T151000Z")));
    assert!(named("b", "20900110T150000Z", None));
}

/// RFC 4791 §9.9 speaks of instants; what is due on a date is due whenever on that day.
#[test]
fn a_task_is_due_all_day() {
    let scene = Scene::new("BEGIN:VTODO\nUID:1\nDUE;VALUE=DATE:20260105\nEND:VTODO\n");
    for (start, end, holds) in [
        ("20260104T220000Z", "20260104T225959Z", false),
        ("20260104T220000Z", "20260104T230000Z", true),
        ("20260104T230000Z", "20260105T230000Z", true),
        ("20260105T100000Z", "20260105T110000Z", true),
        ("20260105T225959Z", "20260106T100000Z", true),
        ("20260105T230000Z", "20260106T100000Z", false),
    ] {
        assert_eq!(scene.matches(&timed("VTODO", range(start, end))), holds, "{start} {end}");
    }
}

/// RFC 4791 §9.9: a property is an instant, `start <= DUE AND end > DUE`; a date is one where it
/// begins. So are alarms counted from it.
#[test]
fn what_is_due_on_a_date_is_due_when_that_begins() {
    let due = |from: &str, to: &str| {
        let test = ValueTest::Time(range(from, to));
        with_property("VTODO", property("DUE", test, Vec::new()))
    };
    let rings = |from: &str, to: &str| {
        let test = ComponentTest { time_range: Some(range(from, to)), ..ComponentTest::default() };
        let components = vec![component("VALARM", test)];
        let outer = ComponentTest { components, ..ComponentTest::default() };
        calendar(vec![component("VTODO", outer)])
    };
    const ALARM: &str = "BEGIN:VALARM\nTRIGGER;RELATED=END:-PT15M\nEND:VALARM\n";
    for begins in ["", "DTSTART;VALUE=DATE:20260105\n", "DTSTART;VALUE=DATE:20260103\n"] {
        let text =
            format!("BEGIN:VTODO\nUID:1\n{begins}DUE;VALUE=DATE:20260105\n{ALARM}END:VTODO\n");
        // In Vienna, an hour before that of UTC.
        let scene = Scene::new(&text);
        for (from, to, holds) in [
            ("20260104T220000Z", "20260104T230000Z", false),
            ("20260104T230000Z", "20260104T230001Z", true),
            ("20260104T230001Z", "20260106T000000Z", false),
        ] {
            assert_eq!(scene.matches(&due(from, to)), holds, "{begins} {from}");
        }
        for (from, to, holds) in [
            ("20260104T220000Z", "20260104T224500Z", false),
            ("20260104T224500Z", "20260104T224501Z", true),
            ("20260104T224501Z", "20260106T000000Z", false),
        ] {
            assert_eq!(scene.matches(&rings(from, to)), holds, "{begins} {from}");
        }
    }
    // An event takes all of its day.
    let text = format!(
        "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260105\n{ALARM}\
         END:VEVENT\n"
    );
    let test = ValueTest::Time(range("20260105T230000Z", "20260105T230001Z"));
    let ends = with_property("VEVENT", property("DTEND", test, Vec::new()));
    assert!(Scene::new(&text).matches(&ends));
}

/// RFC 5545 §3.3.6 has signs for alarms; what begins is found where it begins all the same.
#[test]
fn what_ends_before_it_begins_is_where_it_begins() {
    for (name, recurs) in [
        ("VEVENT", ""),
        ("VEVENT", "RRULE:FREQ=DAILY;COUNT=2\n"),
        ("VTODO", ""),
        ("VTODO", "RRULE:FREQ=DAILY;COUNT=2\n"),
    ] {
        for length in ["-P30D", "-PT1000H"] {
            let scene = Scene::new(&format!(
                "BEGIN:{name}\nUID:1\nDTSTART:20260105T100000Z\nDURATION:{length}\n{recurs}\
                 END:{name}\n"
            ));
            for (start, end, holds) in [
                ("20260105T090000Z", "20260105T095959Z", false),
                ("20260105T095959Z", "20260105T100001Z", true),
                ("20260106T095959Z", "20260106T100001Z", !recurs.is_empty()),
                ("20260107T000000Z", "20260108T000000Z", false),
            ] {
                let found = scene.matches(&timed(name, range(start, end)));
                assert_eq!(found, holds, "{name} {recurs} {length} {start}");
            }
        }
    }
}
