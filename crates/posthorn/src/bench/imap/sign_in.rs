//! New connections: how fast they sign in, and how fast they open a mailbox.

use std::time::Instant;

use super::super::BenchError;
use super::super::race::race;
use super::super::report::{Row, Unit, milliseconds, per_second};
use super::super::target::Target;
use super::ImapPlan;
use super::client::Client;
use super::mailbox;

/// SELECTs of one round; the row holds the mean of each round.
const SELECTS: u32 = 10;

/// SELECT as the first thing a new connection does.
pub(super) fn select(target: &Target, plan: &ImapPlan) -> Result<Row, BenchError> {
    let mut runs = Vec::new();
    for _ in 0..plan.rounds {
        let mut sum = 0.0;
        for _ in 0..SELECTS {
            let mut client = Client::connect(target)?;
            client.sign_in(&plan.credentials)?;
            let start = Instant::now();
            mailbox::select(&mut client, &plan.mailbox, plan.messages as u64)?;
            sum += milliseconds(start.elapsed());
            client.command("LOGOUT")?;
        }
        runs.push(sum / f64::from(SELECTS));
    }
    Ok(Row::new("SELECT on a new connection", Unit::Milliseconds, runs))
}

/// The very first SELECT: once, as the server has the mailbox in memory from then on.
pub(super) fn first_select(target: &Target, plan: &ImapPlan) -> Result<Row, BenchError> {
    let mut client = Client::connect(target)?;
    client.sign_in(&plan.credentials)?;
    let start = Instant::now();
    mailbox::select(&mut client, &plan.mailbox, plan.messages as u64)?;
    let runs = vec![milliseconds(start.elapsed())];
    Ok(Row::new("SELECT after a start of the server", Unit::Milliseconds, runs))
}

/// Connect, LOGIN, LOGOUT, several at once.
pub(super) fn sign_in(target: &Target, plan: &ImapPlan) -> Result<Row, BenchError> {
    let mut runs = Vec::new();
    for _ in 0..plan.rounds {
        let workers = vec![(); plan.sign_in_connections.max(1)];
        let elapsed = race(workers, plan.sign_ins, |(), _| {
            let mut client = Client::connect(target)?;
            client.sign_in(&plan.credentials)?;
            client.command("LOGOUT").map(|_| ())
        })?;
        runs.push(per_second(plan.sign_ins, elapsed));
    }
    let name = format!("sign-ins, connections: {}", plan.sign_in_connections);
    Ok(Row::new(name, Unit::SignInsPerSecond, runs))
}
