//! Measures the search index: `search [messages] [postgresql://…]`.
//!
//! Fills a mailbox with messages of 8 kB, indexes them, and asks for needles of several kinds.
//! What is printed is the time of the index alone; `posthorn bench imap` measures whole commands.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement for people")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use ids::{AccountId, Clock, ContentId, Timestamp};
use storage::{
    AccountTx, Address, Asked, Database, Delivery, MailboxName, NewAccount, PreparedMessage, Role,
    SearchField, SearchTerm, Settings, Sought, Store,
};

/// Four seconds later with each look, so that nothing waits for company.
#[derive(Debug, Default)]
struct Hasty(AtomicI64);

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_700_000_000 + self.0.fetch_add(4, Ordering::Relaxed))
    }
}

const NEEDLES: &[(SearchField, &str)] = &[
    (SearchField::Body, "qzxv absent"),
    (SearchField::Body, "qzxv"),
    (SearchField::Body, "only once in 777"),
    (SearchField::Body, "the quick brown fox"),
    (SearchField::Body, "fox"),
    (SearchField::Body, "ro"),
    (SearchField::Body, "e t"),
    (SearchField::Body, "x"),
    (SearchField::Body, " "),
    (SearchField::Body, "n b"),
    (SearchField::Body, "京都"),
    (SearchField::Body, "東"),
    (SearchField::Text, "the quick brown fox"),
    (SearchField::Text, "message-id: <777."),
    (SearchField::Subject, "message 77"),
    (SearchField::Subject, "m"),
    (SearchField::From, "sender 3"),
    (SearchField::Header, "message-id"),
];

fn main() {
    let mut args = std::env::args().skip(1);
    let messages: usize = args.next().map_or(20_000, |number| number.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("posthorn-search-{}", std::process::id()));
    let mut settings = Settings::new(&folder, Arc::new(Hasty::default()));
    if let Some(url) = args.next() {
        settings.database = Database::Postgres(url);
    }
    let store = Store::open(settings).unwrap();
    let account = fill(&store, messages);
    let before = bytes(&folder);
    let started = Instant::now();
    let indexed = store.index(&|| false).unwrap();
    let took = started.elapsed().as_secs_f64();
    println!(
        "{indexed:?}: {:.0} messages/s; messages take {} MB, their index {} MB",
        indexed.messages as f64 / took,
        before >> 20,
        (bytes(&folder) - before) >> 20,
    );
    let inbox = MailboxName::parse("INBOX").unwrap();
    let inbox = store.read_blocking(move |tx| tx.find_mailbox(account, &inbox)).unwrap().unwrap();
    for (field, text) in NEEDLES {
        let sought = Sought::Text(message::search_form(text));
        let term = SearchTerm { field: *field, sought };
        let mut times = Vec::new();
        let mut hits = 0;
        for _ in 0..5 {
            let term = term.clone();
            let started = Instant::now();
            let found =
                store.read_blocking(|tx| tx.search(inbox.id, &[term], Asked::Whether)).unwrap();
            times.push(started.elapsed().as_secs_f64() * 1000.0);
            let places = 0..found.contents().len();
            hits = places.filter(|place| found.holds(0, *place) == Some(true)).count();
            assert!(found.place(ContentId::new(-1), None).is_none());
        }
        times.sort_by(f64::total_cmp);
        println!("{:8.2} ms {hits:7} hits  {field:?} {text:?}", times[2]);
    }
    store.close();
    drop(store);
    std::fs::remove_dir_all(folder).unwrap();
}

fn fill(store: &Store, messages: usize) -> AccountId {
    let account = store
        .write_blocking("account", |tx| {
            tx.create_domain("example.test")?;
            tx.create_account(NewAccount {
                address: Address::parse("julie@example.test")?,
                name: String::new(),
                role: Role::Collaborator,
                password_hash: String::new(),
                quota_bytes: 0,
                mail_only: false,
            })
        })
        .unwrap()
        .value;
    let words = vocabulary();
    let numbers: Vec<usize> = (0..messages).collect();
    for numbers in numbers.chunks(500) {
        let prepared: Vec<_> = numbers
            .iter()
            .map(|number| Arc::new(PreparedMessage::new(text(*number, &words))))
            .collect();
        let copies = prepared.clone();
        let deliver = move |tx: &mut AccountTx<'_, '_>| {
            copies.iter().try_for_each(|copy| tx.deliver(copy, Delivery::default()).map(drop))
        };
        store.account_write_blocking(account, "deliver", prepared, deliver).unwrap();
    }
    account
}

/// All that is on disk; with PostgreSQL, nothing of it.
fn bytes(folder: &std::path::Path) -> u64 {
    let size = |entry: std::fs::DirEntry| match entry.metadata().unwrap().is_dir() {
        true => bytes(&entry.path()),
        false => entry.metadata().unwrap().len(),
    };
    std::fs::read_dir(folder).unwrap().map(|entry| size(entry.unwrap())).sum()
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Words as people use: few often, many seldom.
fn vocabulary() -> Vec<String> {
    let mut state = 7;
    let syllables = ["ba", "re", "to", "mi", "ken", "sol", "the", "is", "un", "ar", "ve", "gno"];
    (0..40_000)
        .map(|_| {
            let count = 1 + next(&mut state) % 4;
            (0..count).map(|_| syllables[next(&mut state) as usize % 12]).collect()
        })
        .collect()
}

/// Some 8 kB.
fn text(number: usize, words: &[String]) -> Vec<u8> {
    let mut state = number as u64;
    let mut text = format!(
        "Return-Path: <a@b.test>\r\nReceived: from a by b; Mon, 23 Nov 2026 00:00:00 +0000\r\n\
         From: Sender {} <s@example.org>\r\nTo: Julie <julie@example.test>\r\n\
         Subject: Message {number} of many\r\nMessage-ID: <{number}.{:x}@example.org>\r\n\
         Date: Mon, 23 Nov 2026 00:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
        number % 50,
        next(&mut state),
    );
    while text.len() < 8000 {
        for _ in 0..10 {
            let share = (next(&mut state) % 1_000_000) as f64 / 1_000_000.0;
            text.push_str(&words[(share.powi(4) * words.len() as f64) as usize]);
            text.push(' ');
        }
        text.push_str(&format!("{:x}\r\n", next(&mut state)));
    }
    text.push_str("The quick brown fox, 東京都庁.\r\n");
    text.push_str(&format!("only once in {number}\r\n"));
    text.into_bytes()
}
