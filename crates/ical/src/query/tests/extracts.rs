use super::*;

fn expanded(scene: &Scene, start: &str, end: &str) -> String {
    scene.apply(&CalendarSelection {
        recurrence: RecurrenceSelection::Expand(range(start, end)),
        ..CalendarSelection::default()
    })
}

fn limited(scene: &Scene, start: &str, end: &str) -> String {
    scene.apply(&CalendarSelection {
        recurrence: RecurrenceSelection::Limit(range(start, end)),
        ..CalendarSelection::default()
    })
}

fn lines<'t>(text: &'t str, names: &[&str]) -> Vec<&'t str> {
    let named = |line: &&str| names.iter().any(|name| line.starts_with(name));
    text.lines().filter(named).collect()
}

#[test]
fn examples_of_the_standard() {
    // RFC 4791 §7.8.3, with the Z that its text asks for and its example lacks.
    let scenes = collection();
    assert_eq!(
        expanded(&scenes[1], "20060103T000000Z", "20060105T000000Z"),
        "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Example Corp.//CalDAV Client//EN\n\
         BEGIN:VEVENT\nDTSTAMP:20060206T001121Z\nDTSTART:20060103T170000Z\nDURATION:PT1H\n\
         SUMMARY:Event #2\nUID:00959BC664CA650E933C892C@example.com\n\
         RECURRENCE-ID:20060103T170000Z\nEND:VEVENT\n\
         BEGIN:VEVENT\nDTSTAMP:20060206T001121Z\nDTSTART:20060104T190000Z\nDURATION:PT1H\n\
         RECURRENCE-ID:20060104T170000Z\nSUMMARY:Event #2 bis\n\
         UID:00959BC664CA650E933C892C@example.com\nEND:VEVENT\nEND:VCALENDAR\n"
    );
    let single = expanded(&scenes[2], "20060103T000000Z", "20060105T000000Z");
    assert_eq!(
        lines(&single, &["DTSTART", "RECURRENCE-ID", "BEGIN:VTIMEZONE"]),
        ["DTSTART:20060104T150000Z"]
    );
    // §7.8.2: the override is out of the range, and its instance is, too.
    let all = limited(&scenes[1], "20060103T000000Z", "20060105T000000Z");
    assert_eq!(all, String::from_utf8(scenes[1].object.calendar().render()).unwrap());
    let some = limited(&scenes[1], "20060102T000000Z", "20060103T000000Z");
    assert_eq!(lines(&some, &["BEGIN:VEVENT", "RECURRENCE-ID", "BEGIN:VTIMEZONE"]).len(), 2);
    // §7.8.4
    let busy = scenes[7].apply(&CalendarSelection {
        free_busy: Some(range("20060102T000000Z", "20060103T000000Z")),
        ..CalendarSelection::default()
    });
    assert_eq!(
        lines(&busy, &["FREEBUSY"]),
        ["FREEBUSY;FBTYPE=BUSY-TENTATIVE:20060102T100000Z/20060102T120000Z"]
    );
}

#[test]
fn parts_are_selected() {
    // RFC 4791 §7.8.1, shortened.
    let named = |name: &str| PropertySelection { name: name.to_owned(), with_value: true };
    let part = |name: &str, properties, components| ComponentSelection {
        name: name.to_owned(),
        properties,
        components,
    };
    let bare = PropertySelection { name: "UID".to_owned(), with_value: false };
    let event = part(
        "VEVENT",
        Which::Some(vec![named("SUMMARY"), named("DTSTART"), bare]),
        Which::Some(Vec::new()),
    );
    let selection = CalendarSelection {
        component: Some(part(
            "VCALENDAR",
            Which::Some(vec![named("VERSION")]),
            Which::Some(vec![event]),
        )),
        ..CalendarSelection::default()
    };
    assert_eq!(
        collection()[0].apply(&selection),
        "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nDTSTART;TZID=US/Eastern:20060102T100000\n\
         SUMMARY:Event #1\nUID:\nEND:VEVENT\nEND:VCALENDAR\n"
    );
    let all = CalendarSelection {
        component: Some(part("VCALENDAR", Which::All, Which::All)),
        ..CalendarSelection::default()
    };
    let scene = &collection()[1];
    assert_eq!(scene.apply(&all).into_bytes(), scene.object.calendar().render());
}

#[test]
fn expansion_keeps_days_and_floating_times() {
    let scene = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20260105\nDTEND;VALUE=DATE:20260107\n\
         RRULE:FREQ=WEEKLY\nEND:VEVENT\n",
    );
    assert_eq!(
        lines(&expanded(&scene, "20260112T120000Z", "20260112T130000Z"), &["DT", "RECUR"]),
        [
            "DTSTART;VALUE=DATE:20260112",
            "DTEND;VALUE=DATE:20260114",
            "RECURRENCE-ID;VALUE=DATE:20260112"
        ]
    );
    let scene = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260328T090000\nDTEND:20260328T100000\nRRULE:FREQ=DAILY\n\
         END:VEVENT\n",
    );
    assert_eq!(
        lines(&expanded(&scene, "20260330T000000Z", "20260331T000000Z"), &["DT", "RECUR"]),
        ["DTSTART:20260330T090000", "DTEND:20260330T100000", "RECURRENCE-ID:20260330T090000"]
    );
}

#[test]
fn expansion_follows_the_clock_and_periods() {
    let scene = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Europe/Vienna:20260328T090000\n\
         DTEND;TZID=Europe/Vienna:20260328T100000\nRRULE:FREQ=DAILY;COUNT=2\n\
         RDATE;VALUE=PERIOD:20260401T200000Z/PT30M\nX-SEEN;TZID=Europe/Vienna:20260101T000000\n\
         END:VEVENT\n",
    );
    assert_eq!(
        lines(&expanded(&scene, "20260301T000000Z", "20260501T000000Z"), &["DT", "RECUR", "X-"]),
        [
            "DTSTART:20260328T080000Z",
            "DTEND:20260328T090000Z",
            "X-SEEN:20251231T230000Z",
            "RECURRENCE-ID:20260328T080000Z",
            "DTSTART:20260329T070000Z",
            "DTEND:20260329T080000Z",
            "X-SEEN:20251231T230000Z",
            "RECURRENCE-ID:20260329T070000Z",
            "DTSTART:20260401T200000Z",
            "DTEND:20260401T203000Z",
            "X-SEEN:20251231T230000Z",
            "RECURRENCE-ID:20260401T200000Z",
        ]
    );
    let scene = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260328T090000Z\nDURATION:PT1H\n\
         RDATE;VALUE=PERIOD:20260401T200000Z/PT30M\nEND:VEVENT\n",
    );
    assert_eq!(
        lines(&expanded(&scene, "20260301T000000Z", "20260501T000000Z"), &["DTEND", "DUR"]),
        ["DURATION:PT1H", "DTEND:20260401T203000Z"]
    );
    assert_eq!(
        lines(&expanded(&scene, "20270301T000000Z", "20270501T000000Z"), &["BEGIN"]),
        ["BEGIN:VCALENDAR"]
    );
}

#[test]
fn tasks_without_time_are_expanded_to_themselves() {
    let scene = Scene::new("BEGIN:VTODO\nUID:1\nSUMMARY:x\nEND:VTODO\n");
    let whole = String::from_utf8(scene.object.calendar().render()).unwrap();
    assert_eq!(expanded(&scene, "20270301T000000Z", "20270501T000000Z"), whole);
}

#[test]
fn overrides_that_reach_into_the_range_stay() {
    let scene = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\n\
         END:VEVENT\nBEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20260106T100000Z\n\
         DTSTART:20260120T100000Z\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\n\
         RECURRENCE-ID;RANGE=THISANDFUTURE:20260130T100000Z\nDTSTART:20260130T120000Z\nEND:VEVENT\n",
    );
    for (start, end, kept) in [
        ("20260106T103000Z", "20260106T104000Z", 1),
        ("20260120T100000Z", "20260120T100001Z", 1),
        ("20260107T000000Z", "20260108T000000Z", 0),
        ("20300101T000000Z", "20300102T000000Z", 1),
    ] {
        let found = limited(&scene, start, end);
        assert_eq!(lines(&found, &["RECURRENCE-ID"]).len(), kept, "{start}");
    }
}

#[test]
fn expansions_have_a_bound() {
    let long = "x".repeat(1_000_000);
    let scene = Scene::new(&format!(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\nRRULE:FREQ=DAILY\nSUMMARY:{long}\nEND:VEVENT\n"
    ));
    let limits = Limits::default();
    let expand = |end: &str| {
        let range = range("20260101T000000Z", end);
        let recurrence = RecurrenceSelection::Expand(range);
        let selection = CalendarSelection { recurrence, ..CalendarSelection::default() };
        let Scene { object, schedule, zones } = &scene;
        selection.apply(object, schedule, zones, &limits, &|| true).map(drop)
    };
    assert_eq!(expand("20260110T000000Z"), Ok(()));
    assert_eq!(expand("20270110T000000Z"), Err(crate::Error::TooLarge("expansion")));
    let secondly = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\nRRULE:FREQ=SECONDLY\nEND:VEVENT\n",
    );
    let year = range("20270101T000000Z", "20280101T000000Z").window();
    let found = secondly.schedule.occurrences().within(&year);
    assert_eq!(found.map(|found| found.len()), Err(crate::Error::Endless));
}

/// RFC 4791 §9.9 draws edges of its own for tasks, and free and busy times: what a filter finds is
/// in the expansion.
#[test]
fn what_a_filter_finds_is_expanded() {
    let todo = |lines: &str| format!("BEGIN:VTODO\nUID:1\n{lines}END:VTODO\n");
    let busy = "BEGIN:VFREEBUSY\nUID:1\nDTSTART:20260105T100000Z\nDTEND:20260105T120000Z\n\
                END:VFREEBUSY\n";
    let texts = [
        todo("DTSTART:20260105T100000Z\nDURATION:PT2H\n"),
        todo("DTSTART:20260105T100000Z\nDUE:20260105T120000Z\n"),
        todo("DTSTART:20260105T100000Z\nDUE:20260105T100000Z\n"),
        todo("DTSTART:20260105T100000Z\n"),
        todo("DUE:20260105T120000Z\n"),
        todo("DUE;VALUE=DATE:20260105\n"),
        todo("DTSTART:20260104T100000Z\nDURATION:PT2H\nRRULE:FREQ=DAILY;COUNT=2\n"),
        busy.to_owned(),
    ];
    for text in texts {
        let scene = Scene::new(&text);
        let name = scene.object.kind().name();
        for from in 0..23 {
            for to in from + 1..24 {
                let at = |hour| format!("20260105T{hour:02}0000Z");
                let (from, to) = (at(from), at(to));
                let shown = expanded(&scene, &from, &to).contains(&format!("BEGIN:{name}"));
                let found = scene.matches(&timed(name, range(&from, &to)));
                assert_eq!(shown, found, "{text} {from} {to}");
            }
        }
    }
}

/// A series that is counted is followed from its beginning, eighty years: not for each instance
/// that changes all behind the range, and not without asking the clock.
#[test]
fn instances_behind_the_range_are_left_out_without_a_look() {
    let moved: String = (1..100)
        .map(|day| {
            let id = format!("21{day:02}0106T100000Z");
            format!(
                "BEGIN:VEVENT\nUID:1\nRECURRENCE-ID;RANGE=THISANDFUTURE:{id}\nDTSTART:{id}\n\
                 END:VEVENT\n"
            )
        })
        .collect();
    let scene = Scene::new(&format!(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\nRRULE:FREQ=DAILY;COUNT=180000\n\
         END:VEVENT\n{moved}"
    ));
    let limits = Limits { candidates_max: 1_000, ..Limits::default() };
    let schedule = Schedule::of(&scene.object, &scene.zones, &limits).unwrap();
    let limited = |may_go_on: bool| {
        let recurrence = RecurrenceSelection::Limit(range("21000106T000000Z", "21000107T000000Z"));
        let selection = CalendarSelection { recurrence, ..CalendarSelection::default() };
        let (object, zones) = (&scene.object, &scene.zones);
        let selected = selection.apply(object, &schedule, zones, &limits, &|| may_go_on);
        selected.map(|calendar| calendar.components.len())
    };
    assert_eq!(limited(true), Ok(1));
    assert_eq!(limited(false), Err(crate::Error::Endless));
}
