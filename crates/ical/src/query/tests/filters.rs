use super::*;

#[test]
fn examples_of_the_standard() {
    // §7.8.1 and §7.8.2
    let week = range("20060104T000000Z", "20060105T000000Z");
    assert_eq!(found(&timed("VEVENT", week)), [2, 3]);
    // §7.8.3
    assert_eq!(found(&timed("VEVENT", range("20060103T000000Z", "20060105T000000Z"))), [2, 3]);
    // §7.8.4
    assert_eq!(found(&timed("VFREEBUSY", range("20060102T000000Z", "20060109T000000Z"))), [8]);
    // §7.8.6
    let uid = TextMatch::new(
        "DC6C50A017428C5216A2F1CD@example.com",
        Collation::Octet,
        MatchKind::Contains,
        false,
    );
    let filter = with_property("VEVENT", property("UID", ValueTest::Text(uid), Vec::new()));
    assert_eq!(found(&filter), [3]);
    // §7.8.7
    let partstat = ParameterFilter {
        name: "PARTSTAT".to_owned(),
        test: Presence::Present(Some(text("NEEDS-ACTION"))),
    };
    let lisa = ValueTest::Text(text("mailto:lisa@example.com"));
    let filter = with_property("VEVENT", property("ATTENDEE", lisa, vec![partstat.clone()]));
    assert_eq!(found(&filter), [3]);
    // The two have to be of one property.
    let cyrus = ValueTest::Text(text("mailto:cyrus@example.com"));
    let filter = with_property("VEVENT", property("ATTENDEE", cyrus, vec![partstat]));
    assert_eq!(found(&filter), [0; 0]);
    // §7.8.8
    let any = calendar(vec![component("VEVENT", ComponentTest::default())]);
    assert_eq!(found(&any), [1, 2, 3]);
    assert_eq!(found(&calendar(Vec::new())), [1, 2, 3, 4, 5, 6, 7, 8]);
    // §7.8.9
    let pending = ComponentTest {
        properties: vec![
            PropertyFilter { name: "COMPLETED".to_owned(), test: Presence::Absent },
            property("STATUS", ValueTest::Text(not("CANCELLED")), Vec::new()),
        ],
        ..ComponentTest::default()
    };
    assert_eq!(found(&calendar(vec![component("VTODO", pending)])), [4, 5]);
}

#[test]
fn what_is_not_there() {
    assert_eq!(found(&calendar(vec![absent("VEVENT")])), [4, 5, 6, 7, 8]);
    assert_eq!(found(&calendar(vec![absent("VEVENT"), absent("VTODO")])), [8]);
    assert_eq!(found(&absent("VCALENDAR")), [0; 0]);
    let without_alarm =
        ComponentTest { components: vec![absent("VALARM")], ..ComponentTest::default() };
    assert_eq!(found(&calendar(vec![component("VTODO", without_alarm)])), [6, 7]);
    // Properties of the calendar itself, and of its zones.
    let test = ComponentTest {
        properties: vec![property("PRODID", ValueTest::Text(text("example corp")), Vec::new())],
        ..ComponentTest::default()
    };
    assert_eq!(found(&component("VCALENDAR", test)).len(), 8);
    let zone = property("TZID", ValueTest::Text(text("us/eastern")), Vec::new());
    assert_eq!(found(&with_property("VTIMEZONE", zone)), [1, 2, 3]);
    let timed_zone = timed("VTIMEZONE", TimeRange::ALWAYS);
    assert_eq!(found(&timed_zone), [0; 0]);
}

#[test]
fn texts_are_compared_as_they_are_meant() {
    let scene = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260101T000000Z\nSUMMARY;LANGUAGE=en:a\\, b\\nc\n\
         CATEGORIES;X-A=b,\"c,d\":x,y\nEND:VEVENT\n",
    );
    let summary = |test: TextMatch| {
        let filter = property("SUMMARY", ValueTest::Text(test), Vec::new());
        scene.matches(&with_property("VEVENT", filter))
    };
    assert!(summary(text("A, B\nC")));
    assert!(!summary(text("a\\, b")));
    assert!(!summary(not("b\nc")));
    assert!(summary(not("d")));
    let parameter = |name: &str, test| {
        let filter = ParameterFilter { name: name.to_owned(), test };
        let filter = property("CATEGORIES", ValueTest::Any, vec![filter]);
        scene.matches(&with_property("VEVENT", filter))
    };
    for (name, test, holds) in [
        ("X-A", Presence::Present(None), true),
        ("X-A", Presence::Absent, false),
        ("X-B", Presence::Present(None), false),
        ("X-B", Presence::Absent, true),
        ("X-A", Presence::Present(Some(text("c,d"))), true),
        ("X-A", Presence::Present(Some(not("b"))), false),
        ("X-A", Presence::Present(Some(not("e"))), true),
        ("X-B", Presence::Present(Some(not("e"))), false),
    ] {
        assert_eq!(parameter(name, test.clone()), holds, "{name} {test:?}");
    }
    // A negated test of a property that is not there holds for none.
    let filter = property("LOCATION", ValueTest::Text(not("x")), Vec::new());
    assert!(!scene.matches(&with_property("VEVENT", filter)));
}

#[test]
fn an_overridden_instance_is_a_component_of_its_own() {
    let scene = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\nDURATION:PT1H\nRRULE:FREQ=WEEKLY\n\
         SUMMARY:weekly\nEND:VEVENT\nBEGIN:VEVENT\nUID:1\nRECURRENCE-ID:20260112T100000Z\n\
         DTSTART:20260113T150000Z\nDURATION:PT1H\nSUMMARY:moved\nEND:VEVENT\n",
    );
    let on = |day: u8| {
        range(&format!("202601{day:02}T000000Z"), &format!("202601{:02}T000000Z", day + 1))
    };
    for (summary, day, holds) in [
        (None, 5, true),
        (None, 12, false),
        (None, 13, true),
        (None, 19, true),
        (Some("moved"), 13, true),
        (Some("moved"), 19, false),
        (Some("weekly"), 13, false),
        (Some("weekly"), 19, true),
    ] {
        let properties =
            summary.map(|summary| property("SUMMARY", ValueTest::Text(text(summary)), Vec::new()));
        let test = ComponentTest {
            time_range: Some(on(day)),
            properties: properties.into_iter().collect(),
            ..ComponentTest::default()
        };
        let filter = calendar(vec![component("VEVENT", test)]);
        assert_eq!(scene.matches(&filter), holds, "{summary:?} on {day}");
    }
    // In a far year, and where only the instance that is elsewhere is asked for.
    assert!(scene.matches(&timed("VEVENT", range("20900102T000000Z", "20900109T000000Z"))));
    let moved = ComponentTest {
        time_range: Some(TimeRange::parse(Some("20300101T000000Z"), None).unwrap()),
        properties: vec![property("SUMMARY", ValueTest::Text(text("moved")), Vec::new())],
        ..ComponentTest::default()
    };
    assert!(!scene.matches(&calendar(vec![component("VEVENT", moved)])));
}

#[test]
fn times_of_properties() {
    let scene = Scene::new(
        "BEGIN:VEVENT\nUID:1\nDTSTAMP:20250101T000000Z\nDTSTART:20260105T100000Z\nDURATION:PT1H\n\
         RRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT\n",
    );
    let holds = |name: &str, start: &str, end: &str| {
        let filter = property(name, ValueTest::Time(range(start, end)), Vec::new());
        scene.matches(&with_property("VEVENT", filter))
    };
    assert!(holds("DTSTAMP", "20250101T000000Z", "20250101T000001Z"));
    assert!(!holds("DTSTAMP", "20241231T000000Z", "20250101T000000Z"));
    assert!(holds("DTSTART", "20260106T100000Z", "20260106T100001Z"));
    assert!(!holds("DTSTART", "20260106T100001Z", "20260107T100000Z"));
    assert!(holds("DTEND", "20260107T110000Z", "20260107T110001Z"));
    assert!(!holds("DTEND", "20260107T100000Z", "20260107T110000Z"));
    assert!(!holds("CREATED", "20000101T000000Z", "20300101T000000Z"));
    assert!(!holds("DUE", "20000101T000000Z", "20300101T000000Z"));
}

/// Hundreds of tests may be about one text of many megabytes.
#[test]
fn the_clock_is_asked_while_texts_are_compared() {
    let scene = |bytes: usize| {
        let text = "x".repeat(bytes);
        Scene::new(&format!(
            "BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\nDESCRIPTION;ALTREP={text}:{text}\n\
             END:VEVENT\n"
        ))
    };
    let asked = |scene: &Scene, filter: PropertyFilter, may_go_on: bool| {
        let properties = vec![filter; 50];
        let test = ComponentTest { properties, ..ComponentTest::default() };
        let filter = calendar(vec![component("VEVENT", test)]);
        let asked = std::cell::Cell::new(0);
        let found = filter.matches(&scene.object, &scene.schedule, &scene.zones, &|| {
            asked.set(asked.get() + 1);
            may_go_on
        });
        (found, asked.get())
    };
    let (large, small) = (scene(100_000), scene(1_000));
    let parameter = |test| {
        let filter =
            ParameterFilter { name: "ALTREP".to_owned(), test: Presence::Present(Some(test)) };
        property("DESCRIPTION", ValueTest::Any, vec![filter])
    };
    let value = |test| property("DESCRIPTION", ValueTest::Text(test), Vec::new());
    assert_eq!(asked(&large, value(not("y")), true), (true, 50));
    assert_eq!(asked(&large, parameter(not("y")), true), (true, 50));
    assert_eq!(asked(&small, value(not("y")), true), (true, 0));
    // Where there is no time left, it counts as found.
    assert_eq!(asked(&large, value(not("x")), true), (false, 1));
    for test in [not("x"), text("y")] {
        assert_eq!(asked(&large, value(test.clone()), false), (true, 50));
        assert_eq!(asked(&large, parameter(test), false), (true, 50));
    }
}
