//! Several files that are taken together.

use super::*;

/// What several files hold, how many objects were left out, and which files each is of.
fn taken_together(files: &[String]) -> (Vec<String>, usize, Vec<Vec<usize>>) {
    let mut all = CalendarFile::default();
    files.iter().for_each(|text| all.add(text.as_bytes(), &FileLimits::CALENDAR).unwrap());
    let texts = all.objects().map(|object| String::from_utf8(object.bytes).unwrap()).collect();
    (texts, all.duplicates(), all.objects().map(|object| object.files).collect())
}

#[test]
fn components_of_one_uid_in_several_files_are_one_object() {
    let at = "DTSTART:20260105T090000Z\r\n";
    let part = |lines: &str| format!("BEGIN:VEVENT\r\nUID:1\r\n{lines}{at}END:VEVENT\r\n");
    let moved = "RECURRENCE-ID;TZID=Europe/Vienna:20260106T100000\r\n";
    let same = "RECURRENCE-ID:20260106T090000Z\r\n";
    let other = event("UID:2\r\n", at);
    let (stamp, modified) = ("DTSTAMP:20260101T00000", "LAST-MODIFIED:20260101T00000");
    for (first, second, wins) in [
        // RFC 5546 §2.1.5; a larger SEQUENCE counts above all.
        ("SEQUENCE:2\r\n".to_owned(), format!("{stamp}1Z\r\n"), 0),
        ("SEQUENCE:9\r\n".to_owned(), "SEQUENCE:10\r\n".to_owned(), 1),
        (format!("{stamp}1Z\r\n{modified}1Z\r\n"), format!("{stamp}2Z\r\n"), 1),
        (format!("{stamp}2Z\r\n"), format!("{stamp}1Z\r\n{modified}9Z\r\n"), 0),
        (format!("{stamp}1Z\r\n{modified}1Z\r\n"), format!("{stamp}1Z\r\n{modified}2Z\r\n"), 1),
        ("SUMMARY:a\r\n".to_owned(), "SUMMARY:b\r\n".to_owned(), 0),
        ("SUMMARY:a\r\n".to_owned(), "SUMMARY:a\r\n".to_owned(), 0),
    ] {
        for (one, two) in [("", ""), (moved, moved), (moved, same)] {
            let parts = [part(&format!("{one}{first}")), part(&format!("{two}{second}"))];
            let files =
                [calendar("", &[parts[0].clone(), other.clone()]), calendar("", &parts[1..])];
            let wanted =
                vec![calendar("", &parts[wins..=wins]), calendar("", std::slice::from_ref(&other))];
            assert_eq!(taken_together(&files), (wanted, 1, vec![vec![wins], vec![0]]));
        }
    }
    let (series, instance) = (part("RRULE:FREQ=DAILY\r\n"), part(same));
    let files = [
        calendar("", std::slice::from_ref(&instance)),
        calendar("", std::slice::from_ref(&series)),
    ];
    let wanted = calendar("", &[instance, series]);
    assert_eq!(taken_together(&files), (vec![wanted.clone()], 0, vec![vec![0, 1]]));
    // And where they stand in several calendars of one file.
    assert_eq!(objects(&files.concat()), [wanted]);
}

/// Outlook: each file has a zone of its own under the same name.
#[test]
fn a_component_keeps_the_zone_of_its_file() {
    let at = "DTSTART;TZID=Custom:20260105T090000\r\n";
    let moved = |hour: usize, zone: &str| {
        let id = format!("RECURRENCE-ID:20260106T{hour:02}0000Z\r\n");
        event("UID:1\r\n", &format!("{id}{at}")).replace("TZID=Custom", &format!("TZID={zone}"))
    };
    let master = event("UID:1\r\n", &format!("{at}RRULE:FREQ=DAILY\r\n"));
    let file = |offset: &str, part: String| calendar("", &[zone("Custom", offset), part]);
    let files = [
        file("+0100", master.clone()),
        file("+0200", moved(1, "Custom")),
        file("+0100", moved(2, "Custom")),
        file("+0200", moved(3, "Custom")),
    ];
    let wanted = [
        zone("Custom", "+0100"),
        zone("Custom 2", "+0200"),
        master,
        moved(1, "Custom 2"),
        moved(2, "Custom"),
        moved(3, "Custom 2"),
    ];
    assert_eq!(taken_together(&files).0, [calendar("", &wanted)]);
    // What everybody knows is the same, however it is described.
    let files = files.map(|text| text.replace("Custom", "Europe/Vienna"));
    let wanted =
        calendar("", &wanted).replace("Custom 2", "Custom").replace("Custom", "Europe/Vienna");
    let twice = zone("Europe/Vienna", "+0200");
    assert_eq!(taken_together(&files).0, [wanted.replace(&twice, "")]);
}

#[test]
fn all_files_share_one_bound_on_components() {
    let limits = FileLimits { objects_max: 2, ..FileLimits::CALENDAR };
    let text = calendar("", &[event("UID:1\r\n", AT_NINE)]);
    let mut all = CalendarFile::default();
    let mut add = || all.add(text.as_bytes(), &limits);
    assert_eq!([add(), add(), add()], [Ok(()), Ok(()), Err(vec![FileError::TooMany(2)])]);
    assert_eq!(all.add(b"", &limits), Err(vec![FileError::Empty("VCALENDAR")]));
}

#[test]
fn the_newest_card_of_a_uid_is_taken() {
    let card = |rest: &str| {
        let text = format!("BEGIN:VCARD\r\nVERSION:4.0\r\nUID:1\r\nFN:x\r\n{rest}END:VCARD\r\n");
        cards_of_file(text.as_bytes(), &FileLimits::CONTACTS).unwrap().remove(0)
    };
    for (first, second, wins) in [
        ("REV:20260101T000002Z\r\n", "REV:20260101T000001Z\r\n", 0),
        ("REV:20260101T000001Z\r\n", "REV:2026-01-01T00:00:02.5Z\r\n", 1),
        ("REV:20260101T100000Z\r\n", "REV:2026-01-01T10:30:00+01:00\r\n", 0),
        ("REV:2026-01-02\r\n", "REV:20260101T235959Z\r\n", 0),
        ("REV:2026-01-02\r\n", "NOTE:a\r\n", 1),
        ("REV:20260101T00Z\r\nNOTE:a\r\n", "REV:20260101T000000Z\r\n", 1),
        ("NOTE:a\r\n", "NOTE:b\r\n", 1),
        ("NOTE:a\r\n", "REV:soon\r\n", 1),
    ] {
        let cards = [card(first), card(second)];
        let newest = newest_cards(cards.to_vec());
        assert_eq!(newest, (vec![cards[wins].clone()], 1), "{first} {second}");
    }
    let (mut first, same) = (card(""), card(""));
    first.line = 7;
    assert_eq!(newest_cards(vec![first.clone(), same]), (vec![first], 1));
}
