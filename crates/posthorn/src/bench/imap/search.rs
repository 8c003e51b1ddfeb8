//! SEARCH of a whole mailbox, for texts that stand nowhere, once, or everywhere; warm, and as the
//! first command that a server is given after its start.

use std::time::{Duration, Instant};

use super::super::BenchError;
use super::super::message::Texts;
use super::super::report::{Row, Unit, milliseconds};
use super::super::target::Target;
use super::ImapPlan;
use super::client::Client;

/// One that took so long was asked often enough: a server that reads every message each time
/// takes as long the next time.
const SLOW: Duration = Duration::from_secs(2);

/// Warm SEARCH: each is asked once before its clock runs, unless that took long already. A row
/// carries how many messages were found, which two servers have to agree on.
pub(super) fn search(target: &Target, plan: &ImapPlan) -> Result<Vec<Row>, BenchError> {
    // A server that indexes behind deliveries is measured when it has done so.
    std::thread::sleep(Duration::from_secs(plan.settle_secs));
    let mut client = Client::open(target, &plan.credentials)?;
    client.command(&format!("SELECT {}", plan.mailbox))?;
    let mut rows = Vec::new();
    for (name, key) in keys(plan) {
        let command = format!("SEARCH {key}");
        let start = Instant::now();
        let found = client.command(&command)?.ordered;
        let mut runs = Vec::new();
        let rounds = if start.elapsed() < SLOW { plan.rounds } else { 0 };
        if rounds == 0 {
            runs.push(milliseconds(start.elapsed()));
        }
        for _ in 0..rounds {
            let start = Instant::now();
            let counts = client.command(&command)?;
            runs.push(milliseconds(start.elapsed()));
            BenchError::unless_equal(&command, found, counts.ordered)?;
        }
        rows.push(Row::new(format!("SEARCH {name}"), Unit::Milliseconds, runs).found(found));
    }
    Ok(rows)
}

/// The first SEARCH on a new connection, of which a server just started keeps nothing in memory.
pub(super) fn first(target: &Target, plan: &ImapPlan) -> Result<Row, BenchError> {
    let mut client = Client::open(target, &plan.credentials)?;
    client.command(&format!("SELECT {}", plan.mailbox))?;
    let command = format!("SEARCH {}", body(ABSENT));
    let start = Instant::now();
    client.command(&command)?;
    let runs = vec![milliseconds(start.elapsed())];
    Ok(Row::new("SEARCH BODY, first after a start", Unit::Milliseconds, runs))
}

/// A word that is in no message.
const ABSENT: &str = "zqxjkvzq";

/// What is asked: the row's name and the key.
fn keys(plan: &ImapPlan) -> Vec<(&'static str, String)> {
    let mut texts = Texts::new(plan.seed, plan.size_bytes);
    let common = texts.common_word().to_owned();
    let first = texts.take(1).pop().unwrap_or_default();
    let first = String::from_utf8_lossy(&first);
    let phrase = phrase(&first);
    // A text that many phrases begin with: neither rare nor whole words.
    let part = phrase.get(1..6).unwrap_or_default().to_owned();
    let id = value(&first, "Message-ID").trim_matches(['<', '>']).to_owned();
    let across = format!("{} {}", last_letter(&common), first_letter(&common));
    vec![
        ("BODY absent", body(ABSENT)),
        ("BODY rare phrase", body(&phrase)),
        ("BODY part of words", body(&part)),
        ("BODY common word", body(&common)),
        ("BODY common phrase", body(&format!("{common} {common}"))),
        ("BODY across words", body(&across)),
        ("BODY three characters", body("ing")),
        ("BODY two characters", body("ng")),
        ("BODY one character", body("w")),
        ("TEXT absent", format!("TEXT \"{ABSENT}\"")),
        ("TEXT rare", format!("TEXT \"{id}\"")),
        ("TEXT common", format!("TEXT \"{common}\"")),
        ("SUBJECT", "SUBJECT \"roof\"".to_owned()),
        ("FROM", "FROM \"julie\"".to_owned()),
        ("HEADER", format!("HEADER Message-ID \"{id}\"")),
        ("HEADER in all", "HEADER User-Agent \"thunderbird\"".to_owned()),
    ]
}

fn body(text: &str) -> String {
    format!("BODY \"{text}\"")
}

fn first_letter(word: &str) -> String {
    word.chars().take(1).collect()
}

fn last_letter(word: &str) -> String {
    word.chars().last().into_iter().collect()
}

/// Some words in a row, from a line without quoting.
fn phrase(message: &str) -> String {
    let (_, text) = message.split_once("\r\n\r\n").unwrap_or_default();
    let is_prose = |line: &&str| line.len() > 60 && line.bytes().all(is_prose_byte);
    let line = text.split("\r\n").find(is_prose).unwrap_or_default();
    let words: Vec<&str> = line.split(' ').take(5).collect();
    words.join(" ")
}

fn is_prose_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b' '
}

/// The value of a field.
fn value<'m>(message: &'m str, name: &str) -> &'m str {
    let line = |line: &'m str| line.strip_prefix(name)?.strip_prefix(": ");
    message.split("\r\n").find_map(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needles_come_from_the_first_message() {
        for seed in 0..20 {
            let message = Texts::new(seed, 8192).take(1).pop().unwrap();
            let message = String::from_utf8(message).unwrap();
            let phrase = phrase(&message);
            assert_eq!(phrase.split(' ').count(), 5, "{phrase}");
            assert!(message.contains(&phrase));
            assert!(value(&message, "Message-ID").ends_with("@example.org>"));
        }
    }
}
