//! Three sessions that do random things to the same mailboxes, and now and then talk nonsense.
//! Each keeps its own books (see `client.rs`); at the end all of them must see the same.

use std::sync::Arc;

use storage::Database;
use testkit::SeededRng;
use tokio::task::JoinSet;

use crate::client::{Client, Status};
use crate::scene::{House, settings_for_tests};

const SESSIONS: usize = 3;
const COMMANDS: usize = 600;
const MAILBOXES: [&str; 4] = ["INBOX", "a", "a/b", "a/b/c"];
const SPECIAL: &[u8] = b"()[]\"\\*% <>.$\0\xff";
const FLAGS: [&str; 6] = ["\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "$Label1", "other"];

/// One command at a time, so that a seed replays it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_sessions_in_turns() {
    let mut rng = SeededRng::from_env("random_sessions_in_turns");
    let house = House::build(Database::Sqlite).await;
    let mut clients = Vec::new();
    for _ in 0..SESSIONS {
        clients.push(open(&house).await);
    }
    for _ in 0..COMMANDS {
        let session = rng.usize(0..SESSIONS);
        step(&mut rng, &house, &mut clients[session]).await;
    }
    agree(&house).await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_sessions_at_once() {
    let seeds = SeededRng::from_env("random_sessions_at_once").seed();
    let house = Arc::new(House::build(Database::Sqlite).await);
    let mut sessions = JoinSet::new();
    for session in 0..SESSIONS as u64 {
        let house = house.clone();
        let mut rng =
            SeededRng::new("random_sessions_at_once, a session", seeds.wrapping_add(session));
        sessions.spawn(async move {
            let mut client = open(&house).await;
            for _ in 0..COMMANDS / SESSIONS {
                step(&mut rng, &house, &mut client).await;
            }
        });
    }
    while let Some(ended) = sessions.join_next().await {
        ended.unwrap();
    }
    agree(&house).await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

async fn step(rng: &mut SeededRng, house: &House, client: &mut Client) {
    let command = random_command(rng, client);
    if client.run_bytes(&command).await == Status::Bye {
        // The open mailbox was deleted by another session.
        *client = open(house).await;
    }
}

/// New sessions see one and the same, and every message that is there can be read.
async fn agree(house: &House) {
    let mut seen = Vec::new();
    for _ in 0..SESSIONS {
        let mut client = open(house).await;
        // What is \Recent is each session's own, and IMAP4rev2 does without.
        assert_eq!(client.run("ENABLE IMAP4rev2").await, Status::Ok);
        assert_eq!(client.run("FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[])").await, Status::Ok);
        let messages = client.lines.clone();
        assert_eq!(client.run("LIST \"\" \"*\" RETURN (STATUS (MESSAGES))").await, Status::Ok);
        seen.push((messages, client.lines.clone()));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
}

/// Opens a session in INBOX.
async fn open(house: &House) -> Client {
    let mut client = Client::sign_in(house.connect(settings_for_tests())).await;
    assert_eq!(client.run("SELECT INBOX").await, Status::Ok);
    client
}

fn random_command(rng: &mut SeededRng, client: &Client) -> Vec<u8> {
    let messages = client.uids.as_ref().map_or(0, Vec::len);
    let mailbox = MAILBOXES[rng.usize(0..MAILBOXES.len())];
    let (seqs, uids) = (random_set(rng, messages), random_set(rng, 40));
    let flag = FLAGS[rng.usize(0..FLAGS.len())];
    let sign = ["+", "-", ""][rng.usize(0..3)];
    let silent = ["", ".SILENT"][rng.usize(0..2)];
    let key = random_key(rng, &seqs, &uids);
    let text = match rng.u8(0..34) {
        0..=5 => "APPEND INBOX (\\Seen) {9+}\r\na: b\r\n\r\nc".to_owned(),
        6 => format!("APPEND {mailbox} {{6+}}\r\na: b\r\n {{6+}}\r\nc: d\r\n"),
        7..=8 => format!("FETCH {seqs} (UID FLAGS)"),
        9 => format!("FETCH {seqs} (UID BODY[] ENVELOPE BODYSTRUCTURE MODSEQ)"),
        10 => format!("UID FETCH {uids} (FLAGS BODY.PEEK[HEADER.FIELDS (a)])"),
        11..=13 => format!("STORE {seqs} {sign}FLAGS{silent} ({flag})"),
        14 => format!("UID STORE {uids} (UNCHANGEDSINCE 40) {sign}FLAGS{silent} ({flag})"),
        15 => "EXPUNGE".to_owned(),
        16 => format!("UID EXPUNGE {uids}"),
        17 => format!("COPY {seqs} {mailbox}"),
        18 => format!("UID MOVE {uids} {mailbox}"),
        19 => format!("MOVE {seqs} {mailbox}"),
        20..=21 => format!("SEARCH {key}"),
        22 => format!("UID SEARCH RETURN (SAVE COUNT ALL) {key}"),
        23 => "UID FETCH $ (FLAGS)".to_owned(),
        24..=25 => format!("SELECT {mailbox}"),
        26 => format!("EXAMINE {mailbox}"),
        27 => format!("CREATE {mailbox}"),
        28 => format!("DELETE {mailbox}"),
        29 => format!("RENAME {mailbox} {}", MAILBOXES[rng.usize(1..MAILBOXES.len())]),
        30 => format!("STATUS {mailbox} (MESSAGES UNSEEN UIDNEXT HIGHESTMODSEQ SIZE)"),
        31 => ["CLOSE", "UNSELECT", "NOOP", "CHECK"][rng.usize(0..4)].to_owned(),
        32 => "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" % RETURN (STATUS (MESSAGES))".to_owned(),
        _ => return nonsense(rng, &key),
    };
    text.into_bytes()
}

/// A set that may name what is not there.
fn random_set(rng: &mut SeededRng, last: usize) -> String {
    let number = |rng: &mut SeededRng| match rng.u8(0..6) {
        0 => "*".to_owned(),
        1 => (last + rng.usize(0..2)).max(1).to_string(),
        _ => rng.usize(1..last.max(1) + 1).to_string(),
    };
    match rng.u8(0..3) {
        0 => number(rng),
        1 => format!("{}:{}", number(rng), number(rng)),
        _ => format!("{},{}", number(rng), number(rng)),
    }
}

fn random_key(rng: &mut SeededRng, seqs: &str, uids: &str) -> String {
    match rng.u8(0..9) {
        0 => "UNSEEN".to_owned(),
        1 => "DELETED NOT SEEN".to_owned(),
        2 => format!("OR {seqs} FLAGGED"),
        3 => format!("UID {uids} KEYWORD other"),
        4 => "BODY c".to_owned(),
        5 => "OR SUBJECT x (HEADER a b TEXT c)".to_owned(),
        6 => "$ MODSEQ 20".to_owned(),
        7 => "SINCE 1-Jan-2020 SMALLER 8".to_owned(),
        _ => "ALL".to_owned(),
    }
}

/// A command with bytes changed, none of which ends the line or announces a literal.
fn nonsense(rng: &mut SeededRng, key: &str) -> Vec<u8> {
    let mut bytes = format!("SEARCH {key} FETCH 1 (FLAGS BODY[1.2]<0.4>)").into_bytes();
    for _ in 0..rng.usize(1..6) {
        let at = rng.usize(0..bytes.len());
        match rng.u8(0..3) {
            0 => bytes[at] = rng.u8(..),
            1 => bytes.truncate(at + 1),
            _ => bytes.insert(at, SPECIAL[rng.usize(0..SPECIAL.len())]),
        }
    }
    bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | b'{' | b'}'));
    bytes
}
