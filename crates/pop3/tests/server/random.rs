//! Sessions that say random things, some of them nonsense, to one maildrop. Each keeps its own
//! books of what must be there; at the end nothing is gone but what a QUIT took.

use std::collections::BTreeSet;
use std::sync::Arc;

use storage::Database;
use testkit::SeededRng;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};
use tokio::task::JoinSet;

use crate::scene::{House, settings_for_tests, sign_in};

const SESSIONS: u64 = 3;
const ROUNDS: usize = 12;
const COMMANDS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_sessions_at_once() {
    let seeds = SeededRng::from_env("random_sessions_at_once").seed();
    let house = Arc::new(House::build(Database::Sqlite).await);
    let mut sessions = JoinSet::new();
    for session in 0..SESSIONS {
        let house = house.clone();
        let mut rng =
            SeededRng::new("random_sessions_at_once, a session", seeds.wrapping_add(session));
        sessions.spawn(async move {
            let mut taken = BTreeSet::new();
            for _ in 0..ROUNDS {
                taken.extend(visit(&mut rng, &house).await);
            }
            taken
        });
    }
    let mut taken = BTreeSet::new();
    while let Some(session) = sessions.join_next().await {
        taken.extend(session.unwrap());
    }
    let mut client = Client::open(&house).await;
    let left: BTreeSet<String> = client.unique_ids().await.into_iter().collect();
    let delivered = (SESSIONS as usize) * ROUNDS;
    assert!(left.is_disjoint(&taken), "deleted messages are gone");
    assert_eq!(left.len() + taken.len(), delivered, "and no others");
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// One session; the unique ids of what it deleted.
async fn visit(rng: &mut SeededRng, house: &House) -> Vec<String> {
    house.deliver(format!("Subject: {}\r\n\r\n.\r\n", rng.u32(..)).into_bytes()).await;
    let mut client = Client::open(house).await;
    let ids = client.unique_ids().await;
    let mut deleted = BTreeSet::new();
    for _ in 0..COMMANDS {
        let number = rng.usize(0..ids.len() + 2);
        let known = (1..=ids.len()).contains(&number) && !deleted.contains(&number);
        match rng.u8(0..10) {
            0 | 1 => {
                let reply = client.ask(format!("RETR {number}").as_bytes()).await;
                match reply.first().map(String::as_str) {
                    Some(first) if first.starts_with("+OK") => {
                        assert!(known && reply.len() > 3, "{reply:?}");
                    }
                    // Another session may have taken it.
                    _ => assert!(reply[0].starts_with("-ERR"), "{reply:?}"),
                }
            }
            2 => {
                let reply = client.ask(format!("DELE {number}").as_bytes()).await;
                assert_eq!(reply[0].starts_with("+OK"), known, "{reply:?}");
                if known {
                    deleted.insert(number);
                }
            }
            3 if rng.u8(0..4) == 0 => {
                client.ask(b"RSET").await;
                deleted.clear();
            }
            4 => {
                let reply = client.ask(b"STAT").await;
                let count = ids.len() - deleted.len();
                assert!(reply[0].starts_with(&format!("+OK {count} ")), "{reply:?}");
            }
            5 => {
                let reply = client.ask(b"LIST").await;
                assert_eq!(reply.len(), ids.len() - deleted.len() + 2, "{reply:?}");
            }
            6 => {
                let lines = rng.u32(0..4);
                client.ask(format!("TOP {number} {lines}").as_bytes()).await;
            }
            _ => {
                let nonsense = nonsense(rng);
                let reply = client.ask(&nonsense).await;
                let what = nonsense.escape_ascii();
                assert!(reply[0].starts_with("+OK") || reply[0].starts_with("-ERR"), "{what}");
            }
        }
    }
    if rng.u8(0..3) == 0 {
        // Gone without a word: nothing happened.
        return Vec::new();
    }
    let reply = client.ask(b"QUIT").await;
    assert!(reply[0].starts_with("+OK"), "{reply:?}");
    deleted.into_iter().filter_map(|number: usize| ids.get(number - 1).cloned()).collect()
}

struct Client {
    stream: BufReader<DuplexStream>,
}

impl Client {
    async fn open(house: &House) -> Self {
        let mut stream = house.connect(settings_for_tests());
        sign_in(&mut stream).await;
        Self { stream: BufReader::new(stream) }
    }

    /// Says one thing and reads the whole response.
    async fn ask(&mut self, command: &[u8]) -> Vec<String> {
        let wire = [command, b"\r\n"].concat();
        self.stream.get_mut().write_all(&wire).await.unwrap();
        let mut lines = vec![self.line().await];
        let text = String::from_utf8_lossy(command).to_ascii_uppercase();
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let name = words.next().unwrap_or_default();
        let lists = ["LIST", "UIDL", "LANG"].contains(&name) && words.next().is_none();
        if lines[0].starts_with("+OK") && (lists || ["RETR", "TOP", "CAPA"].contains(&name)) {
            while lines.last().is_none_or(|line| line != ".") {
                let line = self.line().await;
                lines.push(line);
            }
        }
        lines
    }

    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await.unwrap();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.strip_suffix("\r\n").unwrap_or_else(|| panic!("no line: {line:?}")).to_owned()
    }

    async fn unique_ids(&mut self) -> Vec<String> {
        let listing = self.ask(b"UIDL").await;
        let lines = listing[1..listing.len() - 1].iter();
        lines.map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }
}

/// A command with bytes changed that neither ends the line nor deletes anything.
fn nonsense(rng: &mut SeededRng) -> Vec<u8> {
    const WORDS: [&str; 9] = [
        "STAT 1",
        "LIST 1 2",
        "RETR",
        "TOP 1",
        "USER a",
        "AUTH PLAIN =",
        "LANG en-GB",
        "STLS",
        "CAPA",
    ];
    let mut bytes = WORDS[rng.usize(0..WORDS.len())].as_bytes().to_vec();
    for _ in 0..rng.usize(0..3) {
        let at = rng.usize(0..bytes.len());
        match rng.u8(0..3) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes.truncate(at + 1),
            _ => bytes.insert(at, b" 0x\0\xff"[rng.usize(0..5)]),
        }
    }
    bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    bytes
}
