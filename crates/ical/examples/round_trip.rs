//! Reads and writes files that are named on standard input, a line each, and says what comes of it:
//! `same`, `arranged` (its lines, but in the order of the grammar, or without empty ones),
//! `refused` with the reason, or `different`. Whatever can be asked of what was read is asked.

use std::io::{BufRead, Write};

use ical::{CalendarObject, Card, CardVersion, Component, Limits, Schedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for path in std::io::stdin().lock().lines() {
        let bytes = std::fs::read(path?)?;
        writeln!(out, "{}", told(&bytes))?;
    }
    Ok(())
}

fn told(bytes: &[u8]) -> String {
    let limits = Limits::default();
    let objects = match Component::parse_all(bytes, &limits) {
        Ok(objects) => objects,
        Err(error) => return format!("refused {error}"),
    };
    let written: Vec<u8> = objects.iter().flat_map(Component::render).collect();
    for object in &objects {
        look_at(&object.render(), &limits);
    }
    match written == bytes {
        true => "same".to_owned(),
        false if lines(&written) == lines(bytes) => "arranged".to_owned(),
        false => "different".to_owned(),
    }
}

/// The lines that say something, sorted.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut lines: Vec<&[u8]> = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.trim_ascii().is_empty())
        .collect();
    lines.sort_unstable();
    lines
}

/// What a server asks of an object; nothing of it may fail but with an error.
fn look_at(bytes: &[u8], limits: &Limits) {
    if let Ok(object) = CalendarObject::parse(bytes, limits) {
        let _ = object.facts(limits);
        let zones = object.zones(TimeZone::UTC, limits);
        if let Ok(schedule) = Schedule::of(&object, &zones, limits) {
            let _ = schedule.occurrences().within(&(Timestamp::UNIX_EPOCH..Timestamp::MAX));
        }
    }
    for version in [CardVersion::V3, CardVersion::V4] {
        if let Ok(card) = Card::parse(bytes, limits) {
            let _ = card.facts();
            let written = card.in_version(version).into_component().render();
            assert!(Card::parse(&written, limits).is_ok(), "what was made can be read");
        }
    }
}
