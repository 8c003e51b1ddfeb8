//! APPEND, each message acknowledged before the connection sends its next.

use std::time::Duration;

use super::super::BenchError;
use super::super::message::Texts;
use super::super::race::race;
use super::super::report::{Row, Unit, per_second};
use super::super::target::Target;
use super::ImapPlan;
use super::client::Client;

/// Connections that fill the mailbox before the clock of any test runs.
const FILLING_CONNECTIONS: usize = 8;

/// Messages copied by one command.
const COPIES_MAX: usize = 100_000;

/// A row for each number of connections, all of them on one mailbox.
pub(super) fn measure(target: &Target, plan: &ImapPlan) -> Result<Vec<Row>, BenchError> {
    let mailbox = format!("{}-append", plan.mailbox);
    // Other texts than those the mailbox is filled with: no server has seen them before.
    let mut texts = Texts::new(plan.seed ^ 0x5eed, plan.size_bytes);
    let mut rows = Vec::new();
    for connections in &plan.connections {
        let mut runs = Vec::new();
        for _ in 0..plan.rounds {
            recreate(target, plan, &mailbox)?;
            let messages = texts.take(plan.append_messages);
            let elapsed = append(target, plan, &mailbox, *connections, &messages)?;
            runs.push(per_second(messages.len(), elapsed));
        }
        let name = format!("APPEND, connections: {connections}");
        rows.push(Row::new(name, Unit::MessagesPerSecond, runs));
    }
    let mut client = Client::open(target, &plan.credentials)?;
    client.command(&format!("DELETE {mailbox}"))?;
    Ok(rows)
}

/// Makes sure the mailbox that is read has its messages.
pub(super) fn fill(target: &Target, plan: &ImapPlan) -> Result<(), BenchError> {
    let mut client = Client::open(target, &plan.credentials)?;
    let filled = match client.command(&format!("SELECT {}", plan.mailbox)) {
        Ok(counts) => counts.exists == Some(plan.messages as u64),
        Err(BenchError::Refused { .. }) => false,
        Err(error) => return Err(error),
    };
    if filled {
        return Ok(());
    }
    drop(client);
    recreate(target, plan, &plan.mailbox)?;
    let appended = plan.distinct.min(plan.messages);
    let messages = Texts::new(plan.seed, plan.size_bytes).take(appended);
    append(target, plan, &plan.mailbox, FILLING_CONNECTIONS, &messages)?;
    double(target, plan, appended)
}

/// Copies messages within the mailbox until it has all it should have.
fn double(target: &Target, plan: &ImapPlan, filled: usize) -> Result<(), BenchError> {
    let mut filled = filled;
    let mut client = Client::open(target, &plan.credentials)?;
    client.command(&format!("SELECT {}", plan.mailbox))?;
    while filled < plan.messages {
        let copies = filled.min(plan.messages - filled).min(COPIES_MAX);
        client.command(&format!("COPY 1:{copies} {}", plan.mailbox))?;
        filled += copies;
    }
    Ok(())
}

fn recreate(target: &Target, plan: &ImapPlan, mailbox: &str) -> Result<(), BenchError> {
    let mut client = Client::open(target, &plan.credentials)?;
    client.attempt(&format!("DELETE {mailbox}"))?;
    client.command(&format!("CREATE {mailbox}")).map(|_| ())
}

fn append(
    target: &Target,
    plan: &ImapPlan,
    mailbox: &str,
    connections: usize,
    messages: &[Vec<u8>],
) -> Result<Duration, BenchError> {
    let clients: Vec<Client> = (0..connections)
        .map(|_| Client::open(target, &plan.credentials))
        .collect::<Result<_, _>>()?;
    race(clients, messages.len(), |client, number| {
        client.append(mailbox, messages.get(number).map_or(&[][..], Vec::as_slice))
    })
}
