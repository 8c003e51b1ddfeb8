//! Thousands of connections that wait: what the server keeps for all of them together, and how
//! soon each learns of a new message.
//!
//! They belong to the watchers in turn; of each watcher's, every other one waits in IDLE and the
//! rest has asked by NOTIFY and waits without a command. Then each watcher gets a message over
//! LMTP, one after the other, and all connections of the watcher have to be told.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::super::BenchError;
use super::super::memory::resident;
use super::super::message::Texts;
use super::super::race::race;
use super::super::report::{Row, Unit, milliseconds};
use super::super::smtp::LmtpClient;
use super::super::target::{Credentials, Target, Tls};
use super::ImapPlan;
use super::client::Client;
use super::idle::{OPENING_CONNECTIONS, SETTLING, raise_file_limit};

/// Opens the connections, reads the server's memory, delivers to each watcher, and answers how
/// long after its acknowledgement each connection had been told.
pub(super) fn measure(target: &Target, plan: &ImapPlan) -> Result<Vec<Row>, BenchError> {
    let missing = |what: &str| BenchError::Plan(format!("watching connections need {what}"));
    let pid = plan.pid.ok_or_else(|| missing("the server's --pid"))?;
    let port = plan.lmtp_port.ok_or_else(|| missing("its --lmtp-port"))?;
    if plan.watchers.is_empty() {
        return Err(missing("a --watcher"));
    }
    raise_file_limit();
    let mut watching = open(target, plan)?;
    thread::sleep(SETTLING);
    let after = resident(pid)?;
    let mut lmtp = LmtpClient::open(&Target::new(&plan.host, port, Tls::Off)?)?;
    let mut texts = Texts::new(plan.seed, plan.size_bytes);
    let mut delays = Vec::new();
    for (watcher, clients) in plan.watchers.iter().zip(&mut watching) {
        let text = texts.take(1).concat();
        delays.extend(deliver(&mut lmtp, watcher, &text, clients)?);
    }
    delays.sort_unstable();
    let name = format!("waiting connections, {}", plan.watching_connections);
    let part = |permille: usize| {
        let at = (delays.len().saturating_sub(1) * permille).div_ceil(1000);
        vec![milliseconds(delays.get(at).copied().unwrap_or_default())]
    };
    let memory = vec![after.rss_kib as f64 / 1024.0];
    Ok(vec![
        Row::new(format!("{name}: the server's memory"), Unit::Mebibytes, memory),
        Row::new(format!("{name}: told, median"), Unit::Milliseconds, part(500)),
        Row::new(format!("{name}: told, 99 of 100"), Unit::Milliseconds, part(990)),
        Row::new(format!("{name}: told, the last"), Unit::Milliseconds, part(1000)),
    ])
}

/// The connections of each watcher.
fn open(target: &Target, plan: &ImapPlan) -> Result<Vec<Vec<Client>>, BenchError> {
    let watchers = plan.watchers.len();
    let all: Vec<_> = (0..watchers).map(|_| Mutex::new(Vec::new())).collect();
    race(vec![(); OPENING_CONNECTIONS], plan.watching_connections, |(), number| {
        let (Some(user), Some(clients)) =
            (plan.watchers.get(number % watchers), all.get(number % watchers))
        else {
            return Ok(());
        };
        let password = plan.credentials.password.clone();
        let mut client = Client::connect(target)?;
        client.sign_in(&Credentials { user: user.clone(), password })?;
        client.command("SELECT INBOX")?;
        if (number / watchers).is_multiple_of(2) {
            client.idle()?;
        } else {
            client.command("NOTIFY SET (SELECTED (MessageNew MessageExpunge))")?;
        }
        clients.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        Ok(())
    })?;
    let clients = |one: Mutex<_>| one.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(all.into_iter().map(clients).collect())
}

/// Delivers one message; how long after its acknowledgement each of them had read EXISTS, which may
/// be before.
fn deliver(
    lmtp: &mut LmtpClient,
    watcher: &str,
    text: &[u8],
    clients: &mut [Client],
) -> Result<Vec<Duration>, BenchError> {
    thread::scope(|scope| {
        let told = |client: &mut Client| client.wait_for_exists().map(|()| Instant::now());
        let waiting: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(move || told(client))).collect();
        lmtp.deliver("bench@example.org", watcher, text)?;
        let acknowledged = Instant::now();
        let panicked = |_| BenchError::Plan("the thread of a connection panicked".to_owned());
        let delay = |told: Instant| told.saturating_duration_since(acknowledged);
        waiting.into_iter().map(|one| one.join().map_err(panicked)?.map(delay)).collect()
    })
}
