use super::*;

fn alarm_in(scene: &Scene, start: &str, end: &str) -> bool {
    let test = ComponentTest { time_range: Some(range(start, end)), ..ComponentTest::default() };
    let outer =
        ComponentTest { components: vec![component("VALARM", test)], ..ComponentTest::default() };
    let name = scene.object.kind().name();
    scene.matches(&calendar(vec![component(name, outer)]))
}

fn event(alarm: &str) -> Scene {
    Scene::new(&format!(
        "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=Europe/Vienna:20260328T090000\nDURATION:PT1H\n\
         RRULE:FREQ=DAILY;COUNT=3\nBEGIN:VALARM\nACTION:DISPLAY\n{alarm}END:VALARM\nEND:VEVENT\n"
    ))
}

#[test]
fn alarms_go_off_before_each_occurrence() {
    // The clock changes on the 29th.
    for (alarm, start, end, holds) in [
        ("TRIGGER:-PT15M\n", "20260328T074500Z", "20260328T074501Z", true),
        ("TRIGGER:-PT15M\n", "20260328T074501Z", "20260329T064500Z", false),
        ("TRIGGER:-PT15M\n", "20260330T064500Z", "20260330T064600Z", true),
        ("TRIGGER:-PT15M\n", "20260330T064501Z", "20270330T064501Z", false),
        ("TRIGGER;RELATED=END:PT30M\n", "20260328T093000Z", "20260328T093001Z", true),
        ("TRIGGER;RELATED=END:PT30M\n", "20260328T083000Z", "20260328T084000Z", false),
        // A day before as the calendar counts: at nine o'clock.
        ("TRIGGER:-P1D\n", "20260328T080000Z", "20260328T080001Z", true),
        ("TRIGGER:-P1D\n", "20260328T070000Z", "20260328T080000Z", false),
        (
            "TRIGGER;VALUE=DATE-TIME:20250101T120000Z\n",
            "20250101T120000Z",
            "20250101T120001Z",
            true,
        ),
        (
            "TRIGGER;VALUE=DATE-TIME:20250101T120000Z\n",
            "20260328T000000Z",
            "20260330T000000Z",
            false,
        ),
        // Again and again.
        ("TRIGGER:-PT1H\nREPEAT:2\nDURATION:PT5M\n", "20260328T071000Z", "20260328T071001Z", true),
        ("TRIGGER:-PT1H\nREPEAT:2\nDURATION:PT5M\n", "20260328T070100Z", "20260328T070500Z", false),
        ("TRIGGER:-PT1H\nREPEAT:2\nDURATION:PT5M\n", "20260328T071001Z", "20260329T060000Z", false),
        ("TRIGGER:-PT1H\nREPEAT:2\n", "20260328T070500Z", "20260328T070501Z", false),
        (
            "TRIGGER:-PT1H\nREPEAT:4000000000\nDURATION:P365000D\n",
            "20990328T070500Z",
            "20990328T070501Z",
            false,
        ),
        ("TRIGGER:nonsense\n", "20000101T000000Z", "20990101T000000Z", false),
    ] {
        assert_eq!(alarm_in(&event(alarm), start, end), holds, "{alarm} {start} {end}");
    }
}

#[test]
fn alarms_of_tasks() {
    // RFC 4791 §7.8.5, with the task as its answer has it.
    let scene = Scene::new(
        "BEGIN:VTODO\nUID:1\nDUE;TZID=US/Eastern:20060106T120000\nBEGIN:VALARM\nACTION:AUDIO\n\
         TRIGGER;RELATED=START:-PT10M\nEND:VALARM\nEND:VTODO\n",
    );
    assert!(alarm_in(&scene, "20060106T100000Z", "20060107T100000Z"));
    assert!(!alarm_in(&scene, "20060106T170000Z", "20060107T100000Z"));
}

/// Whether any of these alarms may go off long after the last occurrence, and how often the series
/// was followed to say so.
fn asked_in_vain(alarms: &str, may_go_on: bool) -> (bool, usize) {
    let scene = event("TRIGGER:-PT15M\n");
    let text = String::from_utf8(scene.object.calendar().render()).unwrap();
    let text = text.replace("END:VEVENT", &format!("{alarms}END:VEVENT"));
    let object = CalendarObject::parse(text.as_bytes(), &Limits::default()).unwrap();
    let scene = Scene::of(object, "Europe/Vienna");
    let late = Some(range("20300101T000000Z", "20300102T000000Z"));
    let test = ComponentTest { time_range: late, ..ComponentTest::default() };
    let components = vec![component("VALARM", test)];
    let outer = ComponentTest { components, ..ComponentTest::default() };
    let filter = calendar(vec![component("VEVENT", outer)]);
    let asked = std::cell::Cell::new(0);
    let found = filter.matches(&scene.object, &scene.schedule, &scene.zones, &|| {
        asked.set(asked.get() + 1);
        may_go_on
    });
    (found, asked.get())
}

/// Each question may cost as much as a series may, and an event may have tens of thousands of
/// alarms.
#[test]
fn a_series_is_not_followed_for_every_alarm() {
    let alarm = |trigger: String| format!("BEGIN:VALARM\nTRIGGER:{trigger}\nEND:VALARM\n");
    let alike: String = (0..2_000).map(|_| alarm("-PT900S".to_owned())).collect();
    assert_eq!(asked_in_vain(&alike, true), (false, 1));
    let others = |count| (0..count).map(|at| alarm(format!("-PT{at}S"))).collect::<String>();
    assert_eq!(asked_in_vain(&others(99), true), (false, 100));
    assert_eq!(asked_in_vain(&others(2_000), true), (true, 100));
    // Where there is no time left, it may go off.
    assert_eq!(asked_in_vain("", false), (true, 1));
}
