//! SORT and THREAD of a whole mailbox.

use std::time::Instant;

use super::super::BenchError;
use super::super::report::{Row, Unit, milliseconds};
use super::super::target::Target;
use super::ImapPlan;
use super::client::Client;

/// What is asked: the row's name and the command.
const COMMANDS: &[(&str, &str)] = &[
    ("SORT by arrival", "SORT (REVERSE ARRIVAL) UTF-8 ALL"),
    ("SORT by date", "SORT (REVERSE DATE) UTF-8 ALL"),
    ("SORT by subject", "SORT (SUBJECT) UTF-8 ALL"),
    ("SORT by sender and date", "SORT (FROM REVERSE DATE) UTF-8 ALL"),
    ("THREAD by references", "THREAD REFERENCES UTF-8 ALL"),
    ("THREAD by subject", "THREAD ORDEREDSUBJECT UTF-8 ALL"),
];

/// The first SORT or THREAD on a new connection, of which a server just started keeps nothing in
/// memory.
pub(super) fn first(target: &Target, plan: &ImapPlan, command: &str) -> Result<Row, BenchError> {
    let mut client = Client::open(target, &plan.credentials)?;
    client.command(&format!("SELECT {}", plan.mailbox))?;
    let start = Instant::now();
    let counts = client.command(command)?;
    let runs = vec![milliseconds(start.elapsed())];
    BenchError::unless_equal(command, plan.messages as u64, counts.ordered)?;
    let name = command.split(' ').next().unwrap_or_default();
    Ok(Row::new(format!("{name}, first after a start"), Unit::Milliseconds, runs))
}

/// Warm SORT and THREAD: each is asked once before its clock runs. A server that knows a way not
/// at all has no row for it.
pub(super) fn sort(target: &Target, plan: &ImapPlan) -> Result<Vec<Row>, BenchError> {
    let mut client = Client::open(target, &plan.credentials)?;
    client.command(&format!("SELECT {}", plan.mailbox))?;
    let mut rows = Vec::new();
    for (name, command) in COMMANDS {
        match client.command(command) {
            Ok(_) => {}
            Err(BenchError::Refused { .. }) => continue,
            Err(error) => return Err(error),
        }
        let mut runs = Vec::new();
        for _ in 0..plan.rounds {
            let start = Instant::now();
            let counts = client.command(command)?;
            runs.push(milliseconds(start.elapsed()));
            BenchError::unless_equal(command, plan.messages as u64, counts.ordered)?;
        }
        rows.push(Row::new(*name, Unit::Milliseconds, runs));
    }
    Ok(rows)
}
