//! A client that keeps a copy of a mailbox, goes away at random, comes back with QRESYNC
//! (RFC 7162 §6) or goes on without, while others change the mailbox. What it keeps must be what
//! a fresh reader sees.

use std::collections::BTreeMap;

use storage::Database;
use testkit::SeededRng;

use crate::client::{Client, Status};
use crate::scene::{House, settings_for_tests};

const ROUNDS: usize = 150;

/// What the client keeps on its disk.
#[derive(Default)]
struct Cache {
    uid_validity: u64,
    modseq: u64,
    /// Everything up to this UID was asked for; what is above may be known from what others
    /// changed, with gaps.
    asked_to: u32,
    flags: BTreeMap<u32, String>,
}

/// Who has the copy, and is connected or not.
struct Copier {
    cache: Cache,
    client: Option<Client>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_comes_and_goes_misses_nothing() {
    let mut rng = SeededRng::from_env("a_client_that_comes_and_goes_misses_nothing");
    let house = House::build(Database::Sqlite).await;
    let mut other = open(&house, "").await;
    let mut copier = Copier { cache: Cache::default(), client: None };
    for round in 0..ROUNDS {
        for _ in 0..rng.usize(0..4) {
            let change = random_change(&mut rng);
            assert_ne!(other.run(&change).await, Status::Bye);
        }
        if rng.u8(0..40) == 0 {
            // What was expunged when is forgotten.
            house.clock.advance_secs(400 * 86_400);
            let store = house.store.clone();
            tokio::task::spawn_blocking(move || store.maintain()).await.unwrap().unwrap();
        }
        copier.act(&mut rng, &house).await;
        if rng.u8(0..3) == 0 {
            copier.synchronize(&house, &mut rng).await;
            let fresh = read_all(&house).await;
            assert_eq!(copier.cache.flags, fresh, "round {round}, {rng:?}");
        }
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}

impl Copier {
    /// Connects, disconnects, or does something with the mailbox open.
    async fn act(&mut self, rng: &mut SeededRng, house: &House) {
        let Some(client) = &mut self.client else {
            if rng.bool() {
                self.connect(house, rng).await;
            }
            return;
        };
        let last = self.cache.flags.len().max(1);
        let seq = rng.usize(1..=last);
        let command = match rng.u8(0..9) {
            0..=1 => {
                self.client = None;
                return;
            }
            2 => "NOOP".to_owned(),
            3 => format!("FETCH {seq} (UID FLAGS MODSEQ)"),
            4 => format!("STORE {seq} +FLAGS (\\Flagged)"),
            5 => format!("UID STORE {} -FLAGS (\\Flagged)", rng.u32(1..60)),
            6 => "EXPUNGE".to_owned(),
            7 => format!("UID MOVE {} Archive", rng.u32(1..60)),
            _ => format!("STORE {seq} +FLAGS (\\Deleted)"),
        };
        client.run(&command).await;
        self.cache.learn(client);
    }

    async fn connect(&mut self, house: &House, rng: &mut SeededRng) {
        let known = self.cache.resync_parameter(rng);
        let client = self.client.insert(open(house, &known).await);
        self.cache.learn(client);
        self.ask_for_new().await;
    }

    /// RFC 7162 §6: messages that are new to the client are asked for by their UIDs.
    async fn ask_for_new(&mut self) {
        let client = self.client.as_mut().unwrap();
        let command = format!("UID FETCH {}:* (FLAGS MODSEQ)", self.cache.asked_to + 1);
        assert_eq!(client.run(&command).await, Status::Ok);
        self.cache.learn(client);
        let last = self.cache.flags.keys().last().copied().unwrap_or(0);
        self.cache.asked_to = self.cache.asked_to.max(last);
    }

    /// Whatever it did before, it knows everything now, told without EXPUNGE held back.
    async fn synchronize(&mut self, house: &House, rng: &mut SeededRng) {
        if rng.bool() {
            self.client = None;
        }
        if self.client.is_none() {
            self.connect(house, rng).await;
        }
        let client = self.client.as_mut().unwrap();
        client.run("NOOP").await;
        self.cache.learn(client);
        self.ask_for_new().await;
        let client = self.client.as_mut().unwrap();
        let known = client.uids.as_ref().unwrap();
        assert_eq!(known.len(), self.cache.flags.len());
    }
}

impl Cache {
    /// The parameter of SELECT.
    fn resync_parameter(&mut self, rng: &mut SeededRng) -> String {
        if self.uid_validity == 0 {
            return String::new();
        }
        let known: Vec<String> = self.flags.keys().map(u32::to_string).collect();
        let mut text = format!("{} {}", self.uid_validity, self.modseq);
        if !known.is_empty() && rng.bool() {
            text += &format!(" {}", known.join(","));
        }
        if !known.is_empty() && rng.bool() {
            // Of its own numbers, as they were when it was last connected.
            let sample: Vec<usize> = (0..known.len()).filter(|_| rng.u8(0..3) == 0).collect();
            if !sample.is_empty() {
                let seqs: Vec<String> = sample.iter().map(|at| (at + 1).to_string()).collect();
                let uids: Vec<String> = sample.iter().map(|at| known[*at].clone()).collect();
                text += &format!(" ({} {})", seqs.join(","), uids.join(","));
            }
        }
        format!(" (QRESYNC ({text}))")
    }

    /// RFC 7162 §6: what the answer to one command means.
    fn learn(&mut self, client: &Client) {
        let (mut told, mut seen) = (None, 0);
        for line in &client.lines {
            if let Some(code) = after(line, "[HIGHESTMODSEQ ") {
                told = Some(code);
            }
            if let Some(validity) = after(line, "[UIDVALIDITY ") {
                self.uid_validity = validity;
            }
            if let Some(set) = line.strip_prefix("* VANISHED ") {
                let set = set.trim_start_matches("(EARLIER) ");
                for uid in expand(set) {
                    self.flags.remove(&uid);
                }
            }
            if line.contains(" FETCH (")
                && let Some(uid) = after(line, "UID ")
            {
                seen = seen.max(after(line, "MODSEQ (").unwrap_or(0));
                if let Some((_, rest)) = line.split_once("FLAGS (") {
                    let flags = rest.split(')').next().unwrap_or_default();
                    self.flags.insert(uid as u32, without_recent(flags));
                }
            }
        }
        self.modseq = told.unwrap_or(self.modseq.max(seen));
    }
}

fn without_recent(flags: &str) -> String {
    let kept: Vec<&str> = flags.split(' ').filter(|flag| *flag != "\\Recent").collect();
    kept.join(" ")
}

fn after(line: &str, mark: &str) -> Option<u64> {
    let (_, rest) = line.split_once(mark)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn expand(set: &str) -> Vec<u32> {
    let range = |text: &str| {
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        first.parse::<u32>().unwrap()..=last.parse::<u32>().unwrap()
    };
    set.split(',').flat_map(range).collect()
}

async fn open(house: &House, parameter: &str) -> Client {
    let mut client = Client::sign_in(house.connect(settings_for_tests())).await;
    assert_eq!(client.run("ENABLE QRESYNC").await, Status::Ok);
    assert_eq!(client.run(&format!("SELECT INBOX{parameter}")).await, Status::Ok);
    client
}

async fn read_all(house: &House) -> BTreeMap<u32, String> {
    let mut client = open(house, "").await;
    assert_eq!(client.run("UID FETCH 1:* (FLAGS)").await, Status::Ok);
    let mut cache = Cache::default();
    cache.learn(&client);
    cache.flags
}

fn random_change(rng: &mut SeededRng) -> String {
    let uid = rng.u32(1..60);
    match rng.u8(0..8) {
        0..=2 => "APPEND INBOX (\\Seen) {9+}\r\na: b\r\n\r\nc".to_owned(),
        3 => format!("UID STORE {uid} +FLAGS.SILENT (\\Answered)"),
        4 => format!("UID STORE {uid}:{} -FLAGS.SILENT (\\Seen)", uid + 3),
        5 => format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"),
        6 => "EXPUNGE".to_owned(),
        _ => format!("UID COPY {uid} INBOX"),
    }
}
