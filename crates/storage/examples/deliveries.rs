//! How many deliveries a second the store takes: `cargo r --release -p storage --example
//! deliveries [SUBMITTERS] [MESSAGES] [POSTGRESQL-URL]`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement, not a service")]

use std::sync::Arc;
use std::time::Instant;

use ids::{Clock, Timestamp};
use storage::{
    AccountTx, Address, Database, Delivery, NewAccount, PreparedMessage, Role, Settings, Store,
};

struct Wall;
impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_micros(since.as_micros() as i64)
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let submitters: usize = args.next().map_or(64, |text| text.parse().unwrap());
    let messages: usize = args.next().map_or(20_000, |text| text.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("posthorn-deliveries-{}", std::process::id()));
    let mut settings = Settings::new(&folder, Arc::new(Wall));
    if let Some(url) = args.next() {
        settings.database = Database::Postgres(url);
    }
    let store = Store::open(settings).unwrap();
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
    let started = Instant::now();
    std::thread::scope(|scope| {
        for submitter in 0..submitters {
            let store = &store;
            scope.spawn(move || {
                for number in 0..messages / submitters {
                    let message = Arc::new(PreparedMessage::new(text(submitter, number)));
                    let copy = message.clone();
                    let deliver = move |tx: &mut AccountTx<'_, '_>| {
                        tx.deliver(&copy, Delivery::default()).map(drop)
                    };
                    store
                        .account_write_blocking(account, "deliver", vec![message], deliver)
                        .unwrap();
                }
            });
        }
    });
    let took = started.elapsed().as_secs_f64();
    let done = store.statistics();
    println!(
        "{submitters} submitters: {:.0} deliveries/s, {:.1} in a commit, {:.2} ms a commit",
        messages as f64 / took,
        done.transactions as f64 / done.commits as f64,
        done.commit_micros as f64 / done.commits as f64 / 1000.0,
    );
    store.close();
    drop(store);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Some 8 kB that compress as mail does.
fn text(submitter: usize, number: usize) -> Vec<u8> {
    let mut text = format!(
        "Return-Path: <a@b.test>\r\nReceived: from a by b; Mon, 23 Nov 2026 00:00:00 +0000\r\n\
         From: Sender {submitter} <s{submitter}@example.org>\r\nTo: Julie <julie@example.test>\r\n\
         Subject: Message {number} of {submitter}\r\nMessage-ID: <{number}.{submitter}@example.org>\r\n\
         Date: Mon, 23 Nov 2026 00:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    );
    let mut word = submitter as u64 * 7919 + number as u64;
    while text.len() < 8192 {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let line = format!("{:016x} the quick brown fox jumps over {}\r\n", word, word % 1000);
        text.push_str(&line);
    }
    text.into_bytes()
}
