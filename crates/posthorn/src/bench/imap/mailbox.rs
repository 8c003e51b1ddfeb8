//! Commands on the whole of a selected mailbox.

use std::time::Instant;

use super::super::BenchError;
use super::super::race::race;
use super::super::report::{Row, Unit, milliseconds, per_second};
use super::super::target::Target;
use super::ImapPlan;
use super::client::{Client, Counts};

/// What is fetched: the row's name and the command's items.
const FETCHES: &[(&str, &str)] = &[
    ("FLAGS", "FLAGS"),
    ("ENVELOPE", "ENVELOPE"),
    ("BODYSTRUCTURE", "BODYSTRUCTURE"),
    ("three header fields", "BODY.PEEK[HEADER.FIELDS (FROM SUBJECT DATE)]"),
    ("headers", "BODY.PEEK[HEADER]"),
    ("bodies", "BODY.PEEK[]"),
];

/// Warm FETCH: each item is fetched once before its clock runs.
pub(super) fn fetch(target: &Target, plan: &ImapPlan) -> Result<Vec<Row>, BenchError> {
    let mut client = Client::open(target, &plan.credentials)?;
    client.command(&format!("SELECT {}", plan.mailbox))?;
    let mut rows = Vec::new();
    for (name, items) in FETCHES {
        let command = format!("FETCH 1:* {items}");
        client.command(&command)?;
        let mut runs = Vec::new();
        for _ in 0..plan.rounds {
            let (counts, elapsed) = timed(&mut client, &command)?;
            BenchError::unless_equal(&command, plan.messages as u64, counts.fetches)?;
            runs.push(elapsed);
        }
        rows.push(Row::new(format!("FETCH {name}"), Unit::Milliseconds, runs));
    }
    Ok(rows)
}

/// What takes back what [`store`] and [`store_one`] do, unmeasured.
const RESTORE: &str = "STORE 1:* -FLAGS.SILENT (\\Flagged)";

/// STORE that changes every message, with replies and silent.
pub(super) fn store(target: &Target, plan: &ImapPlan) -> Result<Vec<Row>, BenchError> {
    let mut client = Client::open(target, &plan.credentials)?;
    client.command(&format!("SELECT {}", plan.mailbox))?;
    client.command(RESTORE)?;
    let mut rows = Vec::new();
    for (name, item, replies) in [
        ("STORE with replies", "+FLAGS", plan.messages as u64),
        ("STORE silent", "+FLAGS.SILENT", 0),
    ] {
        let command = format!("STORE 1:* {item} (\\Flagged)");
        let mut runs = Vec::new();
        for _ in 0..plan.rounds {
            let (counts, elapsed) = timed(&mut client, &command)?;
            BenchError::unless_equal(&command, replies, counts.fetches)?;
            runs.push(elapsed);
            client.command(RESTORE)?;
        }
        rows.push(Row::new(name, Unit::Milliseconds, runs));
    }
    Ok(rows)
}

/// STORE of one message after the other, each told as done before the connection sends its next;
/// a row for each number of connections, all of them in one mailbox.
pub(super) fn store_one(target: &Target, plan: &ImapPlan) -> Result<Vec<Row>, BenchError> {
    let mut rows = Vec::new();
    let stores = plan.append_messages.min(plan.messages);
    for connections in &plan.connections {
        let mut runs = Vec::new();
        for _ in 0..plan.rounds {
            let mut clients = Vec::new();
            for _ in 0..*connections {
                let mut client = Client::open(target, &plan.credentials)?;
                select(&mut client, &plan.mailbox, plan.messages as u64)?;
                clients.push(client);
            }
            let elapsed = race(clients, stores, |client, number| {
                let command = format!("STORE {} +FLAGS (\\Flagged)", number + 1);
                let counts = client.command(&command)?;
                // What other connections changed is told in between.
                BenchError::unless_equal(&command, 1, counts.fetches.min(1))
            })?;
            runs.push(per_second(stores, elapsed));
            let mut client = Client::open(target, &plan.credentials)?;
            select(&mut client, &plan.mailbox, plan.messages as u64)?;
            client.command(RESTORE)?;
        }
        let name = format!("STORE of one message, connections: {connections}");
        rows.push(Row::new(name, Unit::MessagesPerSecond, runs));
    }
    Ok(rows)
}

/// COPY of everything into an empty mailbox, MOVE of the copies into another, EXPUNGE of those.
pub(super) fn copy(target: &Target, plan: &ImapPlan) -> Result<Vec<Row>, BenchError> {
    let mut client = Client::open(target, &plan.credentials)?;
    let copies = format!("{}-copies", plan.mailbox);
    let moved = format!("{}-moved", plan.mailbox);
    let all = plan.messages as u64;
    let mut runs: [Vec<f64>; 3] = Default::default();
    for _ in 0..plan.rounds {
        for mailbox in [&copies, &moved] {
            client.attempt(&format!("DELETE {mailbox}"))?;
            client.command(&format!("CREATE {mailbox}"))?;
        }
        client.command(&format!("SELECT {}", plan.mailbox))?;
        let (_, copying) = timed(&mut client, &format!("COPY 1:* {copies}"))?;

        select(&mut client, &copies, all)?;
        let command = format!("MOVE 1:* {moved}");
        let (counts, moving) = timed(&mut client, &command)?;
        BenchError::unless_equal(&command, all, counts.expunges)?;

        select(&mut client, &moved, all)?;
        client.command("STORE 1:* +FLAGS.SILENT (\\Deleted)")?;
        let (counts, expunging) = timed(&mut client, "EXPUNGE")?;
        BenchError::unless_equal("EXPUNGE", all, counts.expunges)?;
        client.command("UNSELECT")?;
        for (runs, elapsed) in runs.iter_mut().zip([copying, moving, expunging]) {
            runs.push(elapsed);
        }
    }
    for mailbox in [&copies, &moved] {
        client.command(&format!("DELETE {mailbox}"))?;
    }
    let rows = ["COPY", "MOVE", "EXPUNGE"].into_iter().zip(runs);
    Ok(rows.map(|(name, runs)| Row::new(name, Unit::Milliseconds, runs)).collect())
}

/// Opens a mailbox that has to hold so many messages.
pub(super) fn select(client: &mut Client, mailbox: &str, all: u64) -> Result<(), BenchError> {
    let command = format!("SELECT {mailbox}");
    let counts = client.command(&command)?;
    BenchError::unless_equal(&command, all, counts.exists.unwrap_or_default())
}

fn timed(client: &mut Client, command: &str) -> Result<(Counts, f64), BenchError> {
    let start = Instant::now();
    let counts = client.command(command)?;
    Ok((counts, milliseconds(start.elapsed())))
}
