use super::*;
use crate::{CalendarObject, CsvLimits, contacts_of_csv, csv_of_contacts};

fn zone(id: &str, offset: &str) -> String {
    format!(
        "BEGIN:VTIMEZONE\r\nTZID:{id}\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n\
         TZOFFSETFROM:{offset}\r\nTZOFFSETTO:{offset}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
}

fn event(uid: &str, rest: &str) -> String {
    format!("BEGIN:VEVENT\r\n{uid}DTSTAMP:20260101T000000Z\r\n{rest}END:VEVENT\r\n")
}

const AT_NINE: &str = "DTSTART;TZID=Here:20260105T090000\r\nX-ODD;a=\"b;c\":d\r\n";

fn calendar(head: &str, parts: &[String]) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}{}END:VCALENDAR\r\n", parts.concat())
}

fn objects(text: &str) -> Vec<String> {
    let file = CalendarFile::parse(text.as_bytes(), &FileLimits::CALENDAR).unwrap();
    file.objects().map(|object| String::from_utf8(object.bytes).unwrap()).collect()
}

#[test]
fn a_calendar_is_taken_apart_by_uids() {
    let master = event("UID:1\r\n", &format!("{AT_NINE}RRULE:FREQ=DAILY\r\n"));
    let single = event("UID:2\r\n", "DTSTART:20260105T090000Z\r\nSUMMARY:two\r\n folded\r\n");
    let exception =
        event("UID:1\r\n", &format!("RECURRENCE-ID;TZID=Here:20260106T090000\r\n{AT_NINE}"));
    let parts = [
        zone("Here", "+0100"),
        zone("There", "+0200"),
        master.clone(),
        single.clone(),
        exception.clone(),
    ];
    let text = calendar("PRODID:-//x\r\nMETHOD:PUBLISH\r\nX-WR-CALNAME:A\\, b\r\n", &parts);
    let head = "PRODID:-//x\r\n";
    assert_eq!(
        objects(&text),
        [calendar(head, &[zone("Here", "+0100"), master, exception]), calendar(head, &[single]),]
    );
    let file = CalendarFile::parse(text.as_bytes(), &FileLimits::CALENDAR).unwrap();
    assert_eq!(file.name(), Some("A, b"));
    assert_eq!(file.objects().map(|object| object.line).collect::<Vec<_>>(), [22, 29]);
}

#[test]
fn what_stands_twice_and_what_nobody_knows() {
    let old = event("UID:1\r\n", "SEQUENCE:1\r\nDTSTART:20260105T090000Z\r\n");
    let new = event("UID:1\r\n", "SEQUENCE:2\r\nDTSTART:20260105T100000Z\r\n");
    let odd = "BEGIN:X-ODD\r\nEND:X-ODD\r\n".to_owned();
    let text = calendar("", &[old.clone(), new.clone(), odd, old]);
    assert_eq!(objects(&text), [calendar("", &[new])]);
    let file = CalendarFile::parse(text.as_bytes(), &FileLimits::CALENDAR).unwrap();
    assert_eq!((file.duplicates(), file.ignored()), (2, 1));
}

#[test]
fn who_has_no_uid_gets_the_same_again() {
    let text = calendar("", &[event("", AT_NINE), event("", "DTSTART:20260105T090000Z\r\n")]);
    let first = objects(&text);
    assert_eq!(first, objects(&text));
    let uids: Vec<String> = first
        .iter()
        .map(|text| CalendarObject::parse(text.as_bytes(), &Limits::DEFAULT).unwrap())
        .map(|object| object.uid().to_owned())
        .collect();
    assert_eq!(uids[0].len(), 36);
    assert_eq!(&uids[0][14..15], "8", "RFC 9562 §5.8");
    assert_ne!(uids[0], uids[1]);
}

#[test]
fn calendars_that_are_none() {
    let line = |line, text: &str| FileError::Line { line, text: text.to_owned() };
    let limits = FileLimits { bytes_max: 200, objects_max: 1, object: Limits::DEFAULT };
    let broken = event("UID:1\r\nbroken\r\n", "");
    for (text, error) in [
        (String::new(), FileError::Empty("VCALENDAR")),
        ("\r\n\r\n".to_owned(), FileError::Empty("VCALENDAR")),
        ("A:b\r\n".to_owned(), line(1, "no VCALENDAR")),
        ("BEGIN:VCARD\r\nEND:VCARD\r\n".to_owned(), line(1, "no VCALENDAR")),
        (
            "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n".to_owned(),
            line(1, "what begins here does not end"),
        ),
        (calendar("", &[broken]), line(3, "line 3 is no content line")),
        (calendar("", &[event("", ""), event("", "")]), FileError::TooMany(1)),
        ("x".repeat(201), FileError::TooLarge(200)),
    ] {
        let refused = CalendarFile::parse(text.as_bytes(), &limits).map(|_| ());
        assert_eq!(refused, Err(vec![error]), "{text}");
    }
}

#[test]
fn a_calendar_comes_back_from_its_parts() {
    let parts = [
        zone("Europe/Vienna", "+0100"),
        zone("Customized", "+0100"),
        event("UID:1\r\n", "DTSTART;TZID=Europe/Vienna:20260105T090000\r\n"),
        event("UID:2\r\n", "DTSTART;TZID=Customized:20260105T090000\r\n"),
    ];
    let other = calendar(
        "",
        &[
            zone("Europe/Vienna", "+0200"),
            zone("Customized", "+0300"),
            event(
                "UID:3\r\n",
                "DTSTART;TZID=Customized:20260105T090000\r\n\
            EXDATE;TZID=Europe/Vienna:20260106T090000\r\n",
            ),
        ],
    );
    let mut joined = JoinedCalendar::new("-//Posthorn//EN");
    joined.name("A, b");
    objects(&calendar("", &parts)).iter().for_each(|text| joined.add(text.as_bytes()));
    joined.add(other.as_bytes());
    joined.add(other.as_bytes());
    let third = event(
        "UID:3\r\n",
        "DTSTART;TZID=\"Customized 2\":20260105T090000\r\n\
        EXDATE;TZID=Europe/Vienna:20260106T090000\r\n",
    )
    .replace('"', "");
    let text = String::from_utf8(joined.end()).unwrap();
    assert_eq!(
        text,
        calendar(
            "PRODID:-//Posthorn//EN\r\nCALSCALE:GREGORIAN\r\nNAME:A\\, b\r\nX-WR-CALNAME:A\\, b\r\n",
            &[
                parts[0].clone(),
                parts[2].clone(),
                parts[1].clone(),
                parts[3].clone(),
                zone("Customized 2", "+0300"),
                third.clone(),
                third,
            ],
        )
    );
    assert_eq!(objects(&text).len(), 3);
}

/// Another reader sees what was joined as it was before.
#[test]
fn the_crate_icalendar_reads_the_same() {
    let seen = |text: &str| {
        let calendar: icalendar::Calendar = text.parse().unwrap();
        let mut events: Vec<String> = calendar
            .components
            .iter()
            .filter_map(icalendar::CalendarComponent::as_event)
            .map(|event| {
                use icalendar::{Component, EventLike};
                let start = event.get_start().map(|start| format!("{start:?}"));
                let (uid, text) = (event.get_uid(), event.get_summary());
                format!("{uid:?} {text:?} {start:?} {:?}", event.get_location())
            })
            .collect();
        events.sort();
        (calendar.get_name().map(str::to_owned), events)
    };
    let parts: Vec<String> = (0..50)
        .map(|number| {
            let uid = format!("UID:u{number}\r\n");
            event(
                &uid,
                &format!(
                    "DTSTART;TZID=Europe/Vienna:202601{:02}T090000\r\nSUMMARY:a\\, {number}\r\n\
                 LOCATION:here\\; there\r\n",
                    number % 28 + 1
                ),
            )
        })
        .collect();
    let text = calendar(
        "PRODID:-//x\r\nNAME:Work\r\n",
        &[vec![zone("Europe/Vienna", "+0100")], parts].concat(),
    );
    let mut joined = JoinedCalendar::new("-//Posthorn//EN");
    joined.name("Work");
    objects(&text).iter().for_each(|object| joined.add(object.as_bytes()));
    let again = String::from_utf8(joined.end()).unwrap();
    assert_eq!(seen(&again), seen(&text));
    assert_eq!(seen(&again).1.len(), 50);
}

/// One object may have many occurrences that are changed, and each is told from the others.
#[test]
fn many_occurrences_of_one_series_are_one_object() {
    let moved = |second: usize| {
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let id = format!("20260106T{hour:02}{minute:02}{:02}Z", second % 60);
        event("UID:1\r\n", &format!("RECURRENCE-ID:{id}\r\nDTSTART:{id}\r\n"))
    };
    let parts: Vec<String> = (0..60_000).chain(0..10).map(moved).collect();
    let text = calendar("", &parts);
    // Each held against all others this takes minutes.
    let file = CalendarFile::parse(text.as_bytes(), &FileLimits::CALENDAR).unwrap();
    assert_eq!((file.objects().count(), file.duplicates()), (1, 10));
}

#[test]
fn lines_of_a_file_are_not_kept_without_a_bound() {
    let limits = FileLimits { objects_max: 3, ..FileLimits::CALENDAR };
    let lines = |count| calendar(&"X-A:1\r\n".repeat(count), &[event("UID:1\r\n", AT_NINE)]);
    let read = |text: &str| CalendarFile::parse(text.as_bytes(), &limits).map(|_| ());
    // With VERSION and the event.
    assert_eq!(read(&lines(10_001)), Ok(()));
    let text = "more than 10003 properties and components".to_owned();
    assert_eq!(read(&lines(10_002)), Err(vec![FileError::Line { line: 1, text }]));
}

/// Outlook: each object has a zone of its own under the same name.
#[test]
fn zones_of_one_name_are_told_apart() {
    let mut joined = JoinedCalendar::new("x");
    let own = |number: usize| zone("Customized", &format!("+{:02}{:02}", number / 60, number % 60));
    let at = "DTSTART;TZID=Customized:20260105T090000\r\n";
    let zones: Vec<String> = (0..600).map(own).collect();
    for uid in 0..1_200 {
        let parts = [zones[uid % 600].clone(), event(&format!("UID:{uid}\r\n"), at)];
        joined.add(calendar("", &parts).as_bytes());
    }
    let text = String::from_utf8(joined.end()).unwrap();
    assert_eq!(text.matches("BEGIN:VTIMEZONE").count(), 600);
    for (name, times) in [("Customized", 2), ("Customized 2", 2), ("Customized 600", 2)] {
        assert_eq!(text.matches(&format!("TZID={name}:")).count(), times, "{name}");
        assert_eq!(text.matches(&format!("TZID:{name}\r\n")).count(), 1, "{name}");
    }
}

#[test]
fn cards_in_the_letters_of_windows() {
    let card = "BEGIN:VCARD\r\nVERSION:2.1\r\nN;LANGUAGE=de;CHARSET=Windows-1252:M\u{fc}ller;J\u{f6}rg\r\n\
        NOTE;CHARSET=windows-1252;ENCODING=QUOTED-PRINTABLE:=93a=94 =80\r\nUID:1\r\nEND:VCARD\r\n";
    let letters: Vec<u8> =
        card.chars().map(|char| u8::try_from(u32::from(char)).unwrap()).collect();
    let wide: Vec<u8> =
        [0xfeff].into_iter().chain(card.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for bytes in [letters, wide, card.as_bytes().to_vec()] {
        let cards = cards_of_file(&bytes, &FileLimits::CONTACTS).unwrap();
        let text = String::from_utf8(cards[0].bytes.clone()).unwrap();
        assert!(text.contains("N;LANGUAGE=de:M\u{fc}ller;J\u{f6}rg\r\n"), "{text}");
        assert!(text.contains("NOTE:“a” €\r\n"), "{text}");
    }
    // One line is damaged: it is said which card has it, and no letter is guessed.
    let mut damaged = card.as_bytes().to_vec();
    let at = damaged.iter().position(|byte| *byte == b'=').unwrap();
    damaged.insert(at, 0xff);
    let mut both = card.as_bytes().to_vec();
    both.extend(damaged);
    let error = FileError::Line { line: 7, text: "no text in UTF-8".to_owned() };
    assert_eq!(cards_of_file(&both, &FileLimits::CONTACTS), Err(vec![error]));
}

/// What a spreadsheet would run stands there as a text, and comes back as it was.
#[test]
fn tables_have_no_formulas() {
    for (name, cell) in [
        ("=1+1", "\" =1+1\""),
        ("@SUM(1)", "\" @SUM(1)\""),
        ("+1+cmd|' /C calc'!A0", "\" +1+cmd|' /C calc'!A0\""),
        ("-2+3+cmd|' /C calc'!A0", "\" -2+3+cmd|' /C calc'!A0\""),
        ("＝1+1", "\" ＝1+1\""),
        ("+43 (1) 2-3", "+43 (1) 2-3"),
        ("a=b", "a=b"),
    ] {
        let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:{name}\r\nEND:VCARD\r\n");
        let table =
            csv_of_contacts(crate::Card::parse_all(card.as_bytes(), &Limits::DEFAULT).unwrap());
        let text = String::from_utf8(table.clone()).unwrap();
        assert_eq!(text.lines().nth(1).unwrap().split(',').next(), Some(cell));
        let again = contacts_of_csv(&table, &CsvLimits::default(), || "1".to_owned()).unwrap();
        assert_eq!(again.cards[0].facts().formatted_name, name);
    }
}

#[test]
fn cards_of_any_version() {
    let card = |version: &str, rest: &str| {
        format!("BEGIN:VCARD\r\nVERSION:{version}\r\n{rest}END:VCARD\r\n")
    };
    let kept = card("4.0", "UID:1\r\nFN:One\r\nX-ODD;a=\"b;c\":d\r\n");
    let text = [
        &kept,
        &card("3.0", "FN:Two\r\nN:Two;;;;\r\n"),
        &card("2.1", "N:Mei=C3=9F;J;;;\r\nUID:3\r\n"),
    ]
    .map(String::as_str)
    .concat();
    let cards = cards_of_file(text.as_bytes(), &FileLimits::CONTACTS).unwrap();
    let again = cards_of_file(text.as_bytes(), &FileLimits::CONTACTS).unwrap();
    assert_eq!(cards, again);
    assert_eq!(cards[0].bytes, kept.as_bytes());
    let texts: Vec<String> =
        cards.iter().map(|card| String::from_utf8(card.bytes.clone()).unwrap()).collect();
    assert!(texts[1].contains("UID:"), "{}", texts[1]);
    assert!(texts[2].contains("VERSION:3.0\r\n"), "{}", texts[2]);
    assert_eq!(cards.iter().map(|card| card.line).collect::<Vec<_>>(), [1, 7, 12]);
}

#[test]
fn files_that_are_no_cards() {
    let line = |line, text: &str| FileError::Line { line, text: text.to_owned() };
    let limits = FileLimits { bytes_max: 300, objects_max: 2, object: Limits::DEFAULT };
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:x\r\nEND:VCARD\r\n";
    for (text, errors) in [
        ("", vec![FileError::Empty("vCard")]),
        ("Name,E-mail\r\n", vec![line(1, "no vCard")]),
        (&card.repeat(3), vec![FileError::TooMany(2)]),
        (&"x".repeat(301), vec![FileError::TooLarge(300)]),
        (
            "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\nBEGIN:VCARD\nFN:y\nEND:VCARD\n",
            vec![line(1, "without FN"), line(4, "without VERSION")],
        ),
    ] {
        assert_eq!(cards_of_file(text.as_bytes(), &limits), Err(errors), "{text}");
    }
}

#[test]
fn cards_come_back_from_a_table() {
    let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nN:Meier\\, jun.;Jörg;M.;Dr.;PhD\r\nFN:Jörg\r\n\
        NICKNAME:Jo\r\nORG:ACME\\, Inc.;R&D\r\nTITLE:=Chief\r\nBDAY;X-APPLE-OMIT-YEAR=1604:1604-12-31\r\n\
        NOTE:one\\ntwo \"x\"\r\nCATEGORIES:a,b\r\nEMAIL;TYPE=WORK:j@work.example\r\n\
        EMAIL;TYPE=PREF,HOME:j@home.example\r\nTEL;TYPE=CELL:+43 2\r\nTEL;TYPE=WORK,FAX:+43 3\r\n\
        ADR;TYPE=WORK:;Stock 2;Lange Gasse 1;Wien;;1080;Österreich\r\nURL:http://x\r\nEND:VCARD\r\n\
        BEGIN:VCARD\r\nVERSION:4.0\r\nUID:2\r\nFN:Two\r\nBDAY:19801231\r\nEND:VCARD\r\n\
        BEGIN:VCARD\r\nVERSION:4.0\r\nUID:3\r\nKIND:group\r\nFN:Group\r\nEND:VCARD\r\n";
    let cards = crate::Card::parse_all(text.as_bytes(), &Limits::DEFAULT).unwrap();
    let table = csv_of_contacts(cards);
    let mut number = 0;
    let uid = || {
        number += 1;
        number.to_string()
    };
    let read = contacts_of_csv(&table, &CsvLimits::default(), uid).unwrap();
    assert_eq!(read.ignored, [""; 0]);
    let again: Vec<String> = read
        .cards
        .into_iter()
        .map(|card| String::from_utf8(card.into_component().render()).unwrap())
        .collect();
    assert_eq!(again.len(), 2);
    let lines = |text: &str| {
        let text = text.replace("\r\n ", "");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let first = text.split_inclusive("END:VCARD\r\n").next().unwrap();
    assert_eq!(lines(&again[0]), lines(first));
    assert!(again[1].contains("BDAY:1980-12-31\r\n"), "{}", again[1]);
}

#[test]
fn no_bytes_make_it_panic() {
    let text = calendar("PRODID:-//x\r\n", &[zone("Here", "+0100"), event("UID:1\r\n", AT_NINE)]);
    let card = "BEGIN:VCARD\r\nVERSION:2.1\r\nN;ENCODING=QUOTED-PRINTABLE:=\r\nEND:VCARD\r\n";
    let mut random = fastrand::Rng::with_seed(7);
    let (mut read, mut refused) = (0, 0);
    for _ in 0..5_000 {
        let mut bytes = if random.bool() { text.clone() } else { card.to_owned() }.into_bytes();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = random.u8(..),
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, *random.choice(b"\r\n \";:=,^\\\xff").unwrap()),
            }
        }
        let _ = cards_of_file(&bytes, &FileLimits::CONTACTS);
        match CalendarFile::parse(&bytes, &FileLimits::CALENDAR) {
            Ok(file) => {
                let mut joined = JoinedCalendar::new("x");
                file.objects().for_each(|object| joined.add(&object.bytes));
                joined.end();
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    // Both ends are come to.
    assert!(read > 100 && refused > 100, "{read} were read, {refused} refused");
}

#[test]
fn a_joined_calendar_describes_the_zones_it_names() {
    let mut joined = JoinedCalendar::new("x");
    for uid in ["UID:1\r\n", "UID:2\r\n"] {
        let nine =
            "DTSTART;TZID=Europe/Vienna:20260105T090000\r\nEXDATE;TZID=Nowhere:20260105T090000\r\n";
        joined.add(calendar("", &[event(uid, nine)]).as_bytes());
    }
    let text = String::from_utf8(joined.end()).unwrap();
    assert_eq!(text.matches("TZID:Europe/Vienna").count(), 1, "{text}");
    assert_eq!(text.matches("BEGIN:VTIMEZONE").count(), 1, "{text}");
    assert!(text.find("BEGIN:VTIMEZONE") < text.find("BEGIN:VEVENT"), "{text}");
}
