//! Series of which many instances are something else.

use super::*;

/// The instances of this many weeks at other hours.
fn weeks(count: i64, people: &str) -> String {
    let week = |number: i64| {
        let first: jiff::civil::Date = "2026-01-12".parse().unwrap();
        let day = first + jiff::Span::new().weeks(number);
        moved(people).replace("20260112", &day.strftime("%Y%m%d").to_string())
    };
    (0..count).map(week).collect()
}

/// A series is not followed for each of them anew, and all of them are asked for.
#[test]
fn news_of_a_series_keep_all_instances_that_are_something_else() {
    let existing = master("") + &weeks(30, PEOPLE);
    let found = received(Some(&existing), "REQUEST", &master("LOCATION:Room 2\n"), &["SUMMARY:L"]);
    assert_eq!(found.unwrap().len(), 30);
    // The same where the organizer's program takes them back.
    let found = organized(Some(&existing), Some(&master("")));
    let told = told(&found.outgoing, &["RECURRENCE-ID"]);
    let counts: Vec<usize> = told.iter().map(|one| one.matches("RECURRENCE-ID").count()).collect();
    assert_eq!(counts, [30, 30]);
    // And where answers to them have come.
    let answers: String = (0..30).map(|number| declined(&weeks(number + 1, ""), number)).collect();
    let stored = replied(&master(""), &answers, "cy", &["ATTENDEE;PARTSTAT=DECLINED"]).unwrap();
    assert_eq!(stored.len(), 30);
}

/// The last of some instances, declined by Cy.
fn declined(instances: &str, number: i64) -> String {
    let last = instances.split_inclusive("END:VEVENT\n").nth(usize::try_from(number).unwrap());
    let answer = "ATTENDEE;PARTSTAT=DECLINED:mailto:cy@example.org\nEND:VEVENT\n";
    last.unwrap().replace("END:VEVENT\n", answer)
}

/// Of many that somebody is in alone, and is in no more, there is no whole to tell of instead.
#[test]
fn who_is_in_instances_alone_hears_of_the_end_of_many() {
    let (rest, bob) = (master("").replace("bob@", "dan@"), weeks(30, PEOPLE));
    let few = weeks(5, PEOPLE);
    let old = rest.clone() + &bob;
    // The other 25 are as the series has it, without Bob.
    let found = organized(Some(&old), Some(&(rest + &few)));
    let to_bob = found.outgoing.iter().filter(|out| out.to.contains("bob@"));
    let to_bob: Vec<Message> = to_bob.map(|out| out.arrived().unwrap()).collect();
    let methods: Vec<Method> = to_bob.iter().map(|message| message.method).collect();
    assert_eq!(methods, [Method::Cancel, Method::Request]);
    let left = to_bob.iter().fold(object(&bob), |copy, message| {
        let taken = acting("bob", |scene| receive(Some(&copy), message, scene)).unwrap();
        CalendarObject::of(taken).unwrap()
    });
    let names = ["STATUS:CANCELLED", "RECURRENCE-ID"];
    assert_eq!(lines(left.calendar(), &names[..1]).len(), 25);
    assert_eq!(lines(left.calendar(), &names[1..]).len(), 30);
}

/// What has no room in a message as it is says when it is.
#[test]
fn instances_that_are_as_a_large_series_are_told_of_all_the_same() {
    let large = master(&format!("DESCRIPTION:{}\n", "x".repeat(20_000)));
    let found = organized(Some(&(large.clone() + &weeks(30, PEOPLE))), Some(&large));
    let to_bob = &found.outgoing[0].calendar;
    assert_eq!(lines(to_bob, &["RECURRENCE-ID"]).len(), 30);
    let whole = lines(to_bob, &["DESCRIPTION"]).len();
    assert!((1..5).contains(&whole), "{whole}");
    let thin = to_bob.components_named("VEVENT").last().unwrap();
    let names: Vec<&str> = thin.lines.iter().map(crate::Line::name).collect();
    assert_eq!(
        names,
        [
            "UID",
            "SEQUENCE",
            "DTSTART",
            "DURATION",
            "SUMMARY",
            "ORGANIZER",
            "ATTENDEE",
            "RECURRENCE-ID",
            "DTSTAMP"
        ]
    );
    // Whoever had the other hours has those of the series.
    let copy = object(&(large + &weeks(30, PEOPLE)));
    let message = found.outgoing[0].arrived().unwrap();
    let taken = acting("bob", |scene| receive(Some(&copy), &message, scene)).unwrap();
    assert_eq!(lines(&taken, &["SUMMARY:Later"]), Vec::<String>::new());
}
