//! Expands rules from standard input: a line each of `START RULE COUNT`, the answer the times.

use std::io::{BufRead, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let mut word = || words.next().ok_or("START RULE COUNT");
        let start: jiff::civil::DateTime = word()?.parse()?;
        let rule = ical::Rule::parse(word()?)?;
        let count = word()?.parse()?;
        let until = rule.until.map(|until| until.0.civil());
        let times = ical::Times::new(&rule, start, until, &ical::Limits::default());
        for time in times.take(count) {
            write!(out, "{} ", time.strftime("%Y%m%dT%H%M%S"))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
