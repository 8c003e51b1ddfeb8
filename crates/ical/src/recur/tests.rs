//! The examples of RFC 5545 §3.8.5.3, and what programs make of recurrence.

mod calendars;
mod scales;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::{Component, Limits, Occurrences, Rule, Times, Zones};

/// The first times of a rule, `YYYYMMDD` or with `THHMM` where they are not at 9 o'clock.
fn times(start: &str, rule: &str, count: usize) -> String {
    let start: DateTime = start.parse().unwrap();
    let rule = Rule::parse(rule).unwrap();
    let until = rule.until.map(|until| until.0.civil());
    let times = Times::new(&rule, start, until, &Limits::default()).take(count);
    let text: Vec<String> = times
        .map(|time| match (time.hour(), time.minute()) {
            (9, 0) => time.strftime("%Y%m%d").to_string(),
            _ => time.strftime("%Y%m%dT%H%M").to_string(),
        })
        .collect();
    text.join(" ")
}

#[test]
fn examples_of_the_standard() {
    const DAY: &str = "1997-09-02T09:00";
    for (start, rule, count, expect) in [
        (DAY, "FREQ=DAILY;COUNT=3", 9, "19970902 19970903 19970904"),
        (DAY, "FREQ=DAILY;INTERVAL=10;COUNT=5", 9, "19970902 19970912 19970922 19971002 19971012"),
        (DAY, "FREQ=WEEKLY;INTERVAL=2;WKST=SU", 4, "19970902 19970916 19970930 19971014"),
        (
            "1997-09-01T09:00",
            "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
            6,
            "19970901 19970903 19970905 19970915 19970917 19970919",
        ),
        ("1997-09-05T09:00", "FREQ=MONTHLY;COUNT=3;BYDAY=1FR", 9, "19970905 19971003 19971107"),
        (
            "1997-09-07T09:00",
            "FREQ=MONTHLY;INTERVAL=2;COUNT=6;BYDAY=1SU,-1SU",
            9,
            "19970907 19970928 19971102 19971130 19980104 19980125",
        ),
        ("1997-09-22T09:00", "FREQ=MONTHLY;COUNT=3;BYDAY=-2MO", 9, "19970922 19971020 19971117"),
        (
            "1997-09-28T09:00",
            "FREQ=MONTHLY;BYMONTHDAY=-3",
            4,
            "19970928 19971029 19971128 19971229",
        ),
        (
            "1997-09-30T09:00",
            "FREQ=MONTHLY;COUNT=6;BYMONTHDAY=1,-1",
            9,
            "19970930 19971001 19971031 19971101 19971130 19971201",
        ),
        (
            "1997-01-01T09:00",
            "FREQ=YEARLY;INTERVAL=3;COUNT=4;BYYEARDAY=1,100,200",
            9,
            "19970101 19970410 19970719 20000101",
        ),
        ("1997-05-19T09:00", "FREQ=YEARLY;BYDAY=20MO", 3, "19970519 19980518 19990517"),
        ("1997-05-12T09:00", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", 3, "19970512 19980511 19990517"),
        (
            "1997-03-13T09:00",
            "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
            4,
            "19970313 19970320 19970327 19980305",
        ),
        (
            "1998-02-13T09:00",
            "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
            4,
            "19980213 19980313 19981113 19990813",
        ),
        (
            "1996-11-05T09:00",
            "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
            3,
            "19961105 20001107 20041102",
        ),
        (
            "1997-09-04T09:00",
            "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
            9,
            "19970904 19971007 19971106",
        ),
        (
            "1997-09-29T09:00",
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
            3,
            "19970929 19971030 19971127",
        ),
        (
            DAY,
            "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T170000Z",
            9,
            "19970902 19970902T1200 19970902T1500",
        ),
        (DAY, "FREQ=MINUTELY;INTERVAL=90;COUNT=3", 9, "19970902 19970902T1030 19970902T1200"),
        (
            DAY,
            "FREQ=DAILY;BYHOUR=9,16;BYMINUTE=0,20",
            4,
            "19970902 19970902T0920 19970902T1600 19970902T1620",
        ),
        (
            DAY,
            "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,16",
            5,
            "19970902 19970902T0920 19970902T0940 19970902T1600 19970902T1620",
        ),
        (
            "1997-08-05T09:00",
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            9,
            "19970805 19970810 19970819 19970824",
        ),
        (
            "1997-08-05T09:00",
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            9,
            "19970805 19970817 19970819 19970831",
        ),
        (
            "2007-01-15T09:00",
            "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5",
            9,
            "20070115 20070130 20070215 20070315 20070330",
        ),
        ("2016-02-29T09:00", "FREQ=YEARLY;COUNT=3", 9, "20160229 20200229 20240229"),
        // A start that the rule does not make is the first all the same.
        ("1997-09-01T09:00", "FREQ=WEEKLY;COUNT=3;BYDAY=TU", 9, "19970901 19970902 19970909"),
        (DAY, "FREQ=DAILY;UNTIL=19970101", 9, "19970902"),
        // Days that never come, and days that come seldom.
        (DAY, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", 9, "19970902"),
        (DAY, "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", 9, "19970902"),
        (DAY, "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO", 3, "19970902 20160229 20440229"),
        (
            DAY,
            "FREQ=SECONDLY;BYHOUR=8;BYMINUTE=1;BYSECOND=0",
            3,
            "19970902 19970903T0801 19970904T0801",
        ),
    ] {
        assert_eq!(times(start, rule, count), expect, "{start} {rule}");
    }
}

#[test]
fn skipping_ahead_changes_nothing() {
    let limits = Limits::default();
    let mut random = fastrand::Rng::with_seed(11);
    for text in [
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=YEARLY;BYWEEKNO=1,53;BYDAY=MO,SU",
        "FREQ=HOURLY;INTERVAL=7;BYMONTH=5",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;SKIP=FORWARD",
        "FREQ=MONTHLY;BYMONTHDAY=31;SKIP=FORWARD",
        "FREQ=MINUTELY;INTERVAL=1441",
        "RSCALE=GREGORIAN;FREQ=YEARLY;BYWEEKNO=-53,53;SKIP=BACKWARD",
        "RSCALE=CHINESE;FREQ=YEARLY",
        "RSCALE=CHINESE;FREQ=YEARLY;BYMONTH=12L;BYMONTHDAY=-1;SKIP=FORWARD",
        "RSCALE=CHINESE;FREQ=MONTHLY;BYMONTHDAY=30;SKIP=FORWARD",
        "RSCALE=DANGI;FREQ=MONTHLY;INTERVAL=13;BYMONTHDAY=-30;SKIP=BACKWARD",
        "RSCALE=HEBREW;FREQ=YEARLY;BYYEARDAY=385;SKIP=FORWARD",
        "RSCALE=HEBREW;FREQ=YEARLY;INTERVAL=3;BYWEEKNO=-55,55;SKIP=BACKWARD",
        "RSCALE=ETHIOPIC;FREQ=MONTHLY;INTERVAL=5",
        "RSCALE=ISLAMIC-CIVIL;FREQ=YEARLY;INTERVAL=2",
        "RSCALE=ISLAMIC-UMALQURA;FREQ=MONTHLY",
        "RSCALE=INDIAN;FREQ=MONTHLY;INTERVAL=7",
        "RSCALE=PERSIAN;FREQ=DAILY;BYMONTH=12;BYMONTHDAY=30",
    ] {
        let rule = Rule::parse(text).unwrap();
        let start: DateTime = "2001-03-05T10:30:00".parse().unwrap();
        let all: Vec<_> = Times::new(&rule, start, None, &limits).take(2000).collect();
        for _ in 0..50 {
            let at = random.usize(..all.len() - 10);
            let mut ahead = Times::new(&rule, start, None, &limits);
            ahead.skip_to(all[at]);
            let found: Vec<_> = ahead.filter(|time| *time >= all[at]).take(5).collect();
            assert_eq!(found, all[at..at + 5], "{text} from {}", all[at]);
        }
    }
}

/// Starts in UTC, with the number of the component, of what is in a window.
fn occurrences(events: &str, from: &str, to: &str) -> Vec<String> {
    let text = format!("BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n");
    let limits = Limits::default();
    let calendar = Component::parse(text.as_bytes(), &limits).unwrap();
    let zones = Zones::of(&calendar, TimeZone::get("Europe/Vienna").unwrap(), &limits);
    let parts: Vec<&Component> = calendar.components_named("VEVENT").collect();
    let set = Occurrences::of(&parts, &zones, &limits).unwrap();
    let window = from.parse::<Timestamp>().unwrap()..to.parse::<Timestamp>().unwrap();
    let found = set.within(&window).unwrap();
    let show = |o: &crate::Occurrence| {
        let minutes = o.end.duration_since(o.start).as_mins();
        format!("{} {minutes} {} {}", o.start, o.id.value, o.component)
    };
    found.iter().map(show).collect()
}

#[test]
fn overrides_exceptions_and_additions() {
    let events = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;TZID=Europe/Vienna:20260323T090000\r\n\
        DTEND;TZID=Europe/Vienna:20260323T100000\r\nRRULE:FREQ=DAILY;UNTIL=20260401T070000Z\r\n\
        EXDATE;TZID=Europe/Vienna:20260325T090000\r\nRDATE;VALUE=PERIOD:20260326T200000Z/PT30M\r\n\
        END:VEVENT\r\nBEGIN:VEVENT\r\nUID:1\r\nSEQUENCE:7\r\nRECURRENCE-ID:20260324T080000Z\r\n\
        DTSTART:20260401T120000Z\r\nDURATION:PT2H\r\nEND:VEVENT\r\n\
        BEGIN:VEVENT\r\nUID:1\r\nRECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Vienna:20260330T090000\r\n\
        DTSTART;TZID=Europe/Vienna:20260330T110000\r\nDTEND;TZID=Europe/Vienna:20260330T111500\r\nEND:VEVENT\r\n";
    assert_eq!(
        occurrences(events, "2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"),
        [
            "2026-03-23T08:00:00Z 60 20260323T090000 0",
            "2026-03-26T08:00:00Z 60 20260326T090000 0",
            "2026-03-26T20:00:00Z 30 20260326T200000Z 0",
            "2026-03-27T08:00:00Z 60 20260327T090000 0",
            "2026-03-28T08:00:00Z 60 20260328T090000 0",
            // Daylight saving began.
            "2026-03-29T07:00:00Z 60 20260329T090000 0",
            "2026-03-30T09:00:00Z 15 20260330T090000 2",
            "2026-03-31T09:00:00Z 15 20260331T090000 2",
            "2026-04-01T09:00:00Z 15 20260401T090000 2",
            "2026-04-01T12:00:00Z 120 20260324T080000Z 1",
        ]
    );
    // A window that only the override reaches, and one that begins in the middle of an instance.
    assert_eq!(
        occurrences(events, "2026-04-01T13:00:00Z", "2026-04-01T13:30:00Z"),
        ["2026-04-01T12:00:00Z 120 20260324T080000Z 1"]
    );
}

#[test]
fn days_without_an_end() {
    let events = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20200229\r\nRRULE:FREQ=YEARLY\r\n\
        EXDATE;VALUE=DATE:20280229\r\nEND:VEVENT\r\n";
    assert_eq!(
        occurrences(events, "2024-03-01T00:00:00Z", "2033-01-01T00:00:00Z"),
        ["2032-02-28T23:00:00Z 1440 20320229 0"]
    );
    assert_eq!(
        occurrences(events, "2092-01-01T00:00:00Z", "2093-01-01T00:00:00Z"),
        ["2092-02-28T23:00:00Z 1440 20920229 0"]
    );
    // The end of one day is the beginning of the next, and not in it.
    assert!(occurrences(events, "2024-02-29T23:00:00Z", "2024-03-01T12:00:00Z").is_empty());
}

#[test]
fn an_exception_alone_is_an_occurrence() {
    let events = "BEGIN:VEVENT\r\nUID:1\r\nRECURRENCE-ID:20260324T080000Z\r\n\
        DTSTART:20260324T100000Z\r\nEND:VEVENT\r\n";
    assert_eq!(
        occurrences(events, "2026-03-24T10:00:00Z", "2026-03-24T10:00:01Z"),
        ["2026-03-24T10:00:00Z 0 20260324T080000Z 0"]
    );
}

/// RFC 5545 §3.3.10: BYHOUR, BYMINUTE and BYSECOND say nothing of a date.
#[test]
fn a_date_has_no_times() {
    let event = |rule: &str| {
        format!(
            "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20260105\r\nRRULE:{rule}\r\nEND:VEVENT\r\n"
        )
    };
    let days = ["2026-01-04T23:00:00Z 1440 20260105 0", "2026-01-05T23:00:00Z 1440 20260106 0"];
    for rule in [
        "FREQ=DAILY;BYHOUR=9,17;BYMINUTE=30;BYSECOND=1",
        "FREQ=DAILY;COUNT=2;BYHOUR=9,17",
        "FREQ=HOURLY;INTERVAL=6",
        "FREQ=DAILY;INTERVAL=0",
        // The earlier end of two.
        "FREQ=DAILY;COUNT=2;UNTIL=20260301",
        "FREQ=DAILY;COUNT=200;UNTIL=20260106",
    ] {
        let found = occurrences(&event(rule), "2026-01-04T00:00:00Z", "2026-01-06T20:00:00Z");
        assert_eq!(found, days, "{rule}");
    }
    let except =
        event("FREQ=DAILY").replace("END:", "EXRULE:FREQ=DAILY;INTERVAL=2;BYHOUR=9\r\nEND:");
    let found = occurrences(&except, "2026-01-04T00:00:00Z", "2026-01-06T20:00:00Z");
    assert_eq!(found, days[1..]);
}

/// What never comes is looked for no longer than somebody asks for it.
#[test]
fn a_day_that_never_comes_costs_what_the_window_does() {
    let limits = Limits { candidates_max: 1_000, ..Limits::default() };
    let window = "2026-02-01T00:00:00Z".parse().unwrap().."2026-06-01T00:00:00Z".parse().unwrap();
    for (rule, count) in [
        ("RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", 1),
        ("RRULE:FREQ=DAILY;BYSETPOS=2", 1),
        ("RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", 1),
        // The start counts with this one, too.
        ("EXRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", 0),
    ] {
        let text = format!(
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260201T090000Z\r\n{rule}\r\n\
             END:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        let calendar = Component::parse(text.as_bytes(), &limits).unwrap();
        let zones = Zones::of(&calendar, TimeZone::UTC, &limits);
        let all = Occurrences::of(&[&calendar.components[0]], &zones, &limits).unwrap();
        assert_eq!(all.within(&window).map(|found| found.len()), Ok(count), "{rule}");
    }
}

#[test]
fn what_is_tried_has_a_bound() {
    let quarters = "BYDAY=MO,TU,WE,TH,FR,SA,SU;\
        BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23;\
        BYMINUTE=0,15,30,45;BYSETPOS=1";
    let start: DateTime = "2026-01-01T00:00".parse().unwrap();
    let limits = Limits::default();
    // One time a year, of thirty-five thousand.
    let rule = Rule::parse(&format!("FREQ=YEARLY;{quarters}")).unwrap();
    let mut times = Times::new(&rule, start, None, &limits);
    let found = times.by_ref().count();
    assert!((20..40).contains(&found), "{found}");
    assert!(times.gave_up());
    // A rule that ends has not been given up.
    let mut times = Times::new(&Rule { count: Some(3), ..rule }, start, None, &limits);
    assert_eq!((times.by_ref().count(), times.gave_up()), (3, false));

    let events = |rules: &str| {
        format!("BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260101T000000Z\r\n{rules}END:VEVENT\r\n")
    };
    let counted = format!("RRULE:FREQ=YEARLY;COUNT=1000;{quarters}\r\n").repeat(16);
    let except = format!("RRULE:FREQ=YEARLY\r\nEXRULE:FREQ=YEARLY;{quarters}\r\n");
    for rules in [counted, except] {
        let text = format!("BEGIN:VCALENDAR\r\n{}END:VCALENDAR\r\n", events(&rules));
        let calendar = Component::parse(text.as_bytes(), &limits).unwrap();
        let zones = Zones::of(&calendar, TimeZone::UTC, &limits);
        let parts: Vec<&Component> = calendar.components.iter().collect();
        let all = Occurrences::of(&parts, &zones, &limits).unwrap();
        assert_eq!(all.span().unwrap().1, Timestamp::MAX);
        let found = all.within(&(Timestamp::MIN..Timestamp::MAX));
        assert_eq!(found.map(|found| found.len()), Err(crate::Error::Endless));
    }
    // What people have is followed to the end of the calendar.
    let birthday = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=3";
    let mut times = Times::new(&Rule::parse(birthday).unwrap(), start, None, &limits);
    assert!(times.by_ref().count() > 7_900 && !times.gave_up());
}

/// A rule with COUNT is followed from its start, wherever the window is.
#[test]
fn steps_are_counted_and_bounded() {
    let window = "2031-02-01T00:00:00Z".parse().unwrap().."2031-02-01T10:00:00Z".parse().unwrap();
    for (rule, found, steps) in [
        ("RRULE:FREQ=HOURLY;COUNT=1000", 0, 3_000..3_010),
        ("RRULE:FREQ=HOURLY", 10, 20..300),
        ("RRULE:FREQ=HOURLY\r\nEXRULE:FREQ=HOURLY;COUNT=1000", 10, 2_000..2_300),
        ("RDATE:20310201T090000Z,20260201T090000Z", 1, 3..4),
    ] {
        let text = format!(
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260101T000000Z\r\n\
             DURATION:PT1H\r\n{rule}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        let limits = Limits::default();
        let calendar = Component::parse(text.as_bytes(), &limits).unwrap();
        let zones = Zones::of(&calendar, TimeZone::UTC, &limits);
        let all = Occurrences::of(&[&calendar.components[0]], &zones, &limits).unwrap();
        let within = |mut left: usize| {
            let found = all.within_steps(&window, &mut left).map(|found| found.len());
            (found, left)
        };
        let (all_found, left) = within(1_000_000);
        let spent = 1_000_000 - left;
        assert_eq!(all_found, Ok(found), "{rule}");
        assert!(steps.contains(&spent), "{rule}: {spent}");
        // Each of several rules may have its share of them, and no more.
        assert_eq!(within(spent * 2), (Ok(found), spent));
        assert_eq!(within(spent - 1).0, Err(crate::Error::Endless));
    }
}
