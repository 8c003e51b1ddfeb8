//! Expands objects from standard input, each behind a line `FROM UNTIL BYTES`, with the window in
//! seconds: a line of `START/END` for each, or of what is wrong with it.

use std::io::{BufRead, Read, Write};

use ical::{CalendarObject, Limits, Schedule};
use jiff::Timestamp;
use jiff::tz::TimeZone;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = std::io::stdin().lock();
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        let mut words = line.split_ascii_whitespace();
        let mut number =
            || words.next().ok_or("FROM UNTIL BYTES")?.parse::<i64>().map_err(Box::from);
        let number: &mut dyn FnMut() -> Result<i64, Box<dyn std::error::Error>> = &mut number;
        let window = Timestamp::from_second(number()?)?..Timestamp::from_second(number()?)?;
        let mut bytes = vec![0; usize::try_from(number()?)?];
        input.read_exact(&mut bytes)?;
        writeln!(out, "{}", expand(&bytes, &window).unwrap_or_else(|error| error.to_string()))?;
        line.clear();
    }
    Ok(())
}

fn expand(
    bytes: &[u8],
    window: &std::ops::Range<Timestamp>,
) -> Result<String, Box<dyn std::error::Error>> {
    let limits = Limits::default();
    let object = CalendarObject::parse(bytes, &limits)?;
    let zones = object.zones(TimeZone::UTC, &limits);
    let schedule = Schedule::of(&object, &zones, &limits)?;
    let found = schedule.occurrences().within(window)?;
    let told = found.iter().map(|one| format!("{}/{}", one.start.as_second(), one.end.as_second()));
    Ok(told.collect::<Vec<_>>().join(" "))
}
