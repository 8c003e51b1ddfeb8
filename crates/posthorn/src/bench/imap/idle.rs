//! What a connection costs that does nothing: the server's memory before and with many of them.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};

use super::super::BenchError;
use super::super::memory::{Resident, resident};
use super::super::race::race;
use super::super::report::{Row, Unit};
use super::super::target::Target;
use super::ImapPlan;
use super::client::Client;

/// Connections that sign in at once.
pub(super) const OPENING_CONNECTIONS: usize = 8;
/// The server's last answers are out, yet it may still be tidying up after them.
pub(super) const SETTLING: Duration = Duration::from_secs(1);

/// Opens the connections, signs in, selects INBOX, idles; answers the growth of memory for each.
///
/// Once only: a server that keeps freed memory for later would look better each time.
pub(super) fn measure(target: &Target, plan: &ImapPlan) -> Result<Vec<Row>, BenchError> {
    let pid = plan
        .pid
        .ok_or_else(|| BenchError::Plan("idle connections need the server's --pid".to_owned()))?;
    raise_file_limit();
    let idle_client = || -> Result<Client, BenchError> {
        let mut client = Client::connect(target)?;
        client.sign_in(&plan.credentials)?;
        client.command("SELECT INBOX")?;
        client.idle()?;
        Ok(client)
    };
    // What the first connections make the server set up once is not theirs.
    for _ in 0..OPENING_CONNECTIONS {
        idle_client()?;
    }
    thread::sleep(SETTLING);
    let before = resident(pid)?;
    let open = Mutex::new(Vec::with_capacity(plan.idle_connections));
    race(vec![(); OPENING_CONNECTIONS], plan.idle_connections, |(), _| {
        let client = idle_client()?;
        open.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        Ok(())
    })?;
    thread::sleep(SETTLING);
    let after = resident(pid)?;
    drop(open);
    let each = |of: fn(&Resident) -> u64| {
        let growth = of(&after) as f64 - of(&before) as f64;
        vec![growth / plan.idle_connections.max(1) as f64]
    };
    let name = format!("idle connection, of {}", plan.idle_connections);
    let whole = format!("{name}, shared pages in full");
    Ok(vec![
        Row::new(name, Unit::KibibytesPerConnection, each(|resident| resident.pss_kib)),
        Row::new(whole, Unit::KibibytesPerConnection, each(|resident| resident.rss_kib)),
    ])
}

/// A connection is an open file, and the usual limit is 1,024 of them.
pub(super) fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it cannot be raised, opening the connections says so.
    let _ = setrlimit(Resource::Nofile, limit);
}
