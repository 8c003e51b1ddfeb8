//! Times of queries over many objects, as a store asks them: 10,000 events, a tenth recurring, and
//! 10,000 cards. Build it in release mode.

use std::io::Write;
use std::time::{Duration, Instant};

use ical::{
    CalendarObject, Card, CardFilter, CardPropertyFilter, CardPropertyTest, Collation, Limits,
    MatchKind, Presence, Quantifier, Schedule, TextMatch, TimeRange,
};

const COUNT: usize = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    let limits = Limits::default();
    let texts: Vec<String> = (0..COUNT).map(event).collect();
    let vienna = jiff::tz::TimeZone::get("Europe/Vienna")?;
    let range = TimeRange::parse(Some("20260601T000000Z"), Some("20260608T000000Z"))?;

    let begun = Instant::now();
    let mut objects = Vec::new();
    for text in &texts {
        objects.push(CalendarObject::parse(text.as_bytes(), &limits)?);
    }
    writeln!(out, "parse       {:?} each", each(begun))?;
    let begun = Instant::now();
    let facts: Vec<_> = objects.iter().map(|object| object.facts(&limits)).collect();
    writeln!(out, "facts       {:?} each", each(begun))?;
    let begun = Instant::now();
    let mut schedules = Vec::new();
    for object in &objects {
        schedules.push(Schedule::of(object, &object.zones(vienna.clone(), &limits), &limits)?);
    }
    writeln!(out, "schedule    {:?} each", each(begun))?;

    for _ in 0..3 {
        let begun = Instant::now();
        let (mut candidates, mut found) = (0, 0);
        for (facts, schedule) in facts.iter().zip(&schedules) {
            let span = facts.span.unwrap_or(TimeRange::ALWAYS);
            if span.start <= range.end && span.end >= range.start {
                candidates += 1;
                found += usize::from(schedule.overlaps(&range)?);
            }
        }
        let took = begun.elapsed();
        writeln!(out, "a week      {took:?}: {found} of {candidates} looked at")?;
    }

    let cards: Vec<String> = (0..COUNT).map(card).collect();
    let filter = CardFilter {
        quantifier: Quantifier::Any,
        properties: ["FN", "EMAIL", "NICKNAME"].map(containing).into(),
    };
    for _ in 0..3 {
        let begun = Instant::now();
        let found = cards.iter().filter(|card| filter.matches(card.as_bytes(), &|| true)).count();
        writeln!(out, "text match  {:?}: {found} of {COUNT} cards", begun.elapsed())?;
    }
    let begun = Instant::now();
    for card in &cards {
        Card::parse(card.as_bytes(), &limits)?;
    }
    writeln!(out, "parse card  {:?} each", each(begun))?;
    Ok(())
}

fn each(begun: Instant) -> Duration {
    begun.elapsed() / u32::try_from(COUNT).unwrap_or(u32::MAX)
}

fn event(number: usize) -> String {
    let (month, day, hour) = (number % 12 + 1, number % 28 + 1, number % 24);
    let year = 2020 + number % 10;
    let rule = match number % 40 {
        0 => "RRULE:FREQ=WEEKLY\r\n",
        10 => "RRULE:FREQ=DAILY;INTERVAL=3\r\n",
        20 => "RRULE:FREQ=MONTHLY;BYDAY=-1FR\r\n",
        30 => "RRULE:FREQ=YEARLY\r\n",
        _ => "",
    };
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y\r\nBEGIN:VEVENT\r\nUID:{number}\r\n\
         DTSTAMP:20200101T000000Z\r\nDTSTART;TZID=Europe/Vienna:{year}{month:02}{day:02}T{hour:02}\
         0000\r\nDURATION:PT1H\r\n{rule}SUMMARY:Meeting number {number}\r\nLOCATION:Room {number}\
         \r\nDESCRIPTION:What there is to be said of it\\, in a few words.\r\nEND:VEVENT\r\n\
         END:VCALENDAR\r\n"
    )
}

fn card(number: usize) -> String {
    format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{number}\r\nN:Meier{number};Jörg;;;\r\nFN:Jörg Meier\
         {number}\r\nEMAIL;TYPE=INTERNET,HOME:joerg{number}@example.org\r\nTEL;TYPE=CELL:+43 1 \
         {number}\r\nADR;TYPE=HOME:;;Lange Gasse {number};Wien;;1080;Österreich\r\nORG:Example\r\n\
         NOTE:Something about him\r\nREV:20200101T000000Z\r\nEND:VCARD\r\n"
    )
}

fn containing(name: &str) -> CardPropertyFilter {
    let text = TextMatch::new("meier77", Collation::UnicodeCasemap, MatchKind::Contains, false);
    let test =
        CardPropertyTest { quantifier: Quantifier::Any, texts: vec![text], parameters: vec![] };
    CardPropertyFilter { group: None, name: name.to_owned(), test: Presence::Present(test) }
}
