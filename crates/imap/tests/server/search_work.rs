//! What searches may take of the mailbox that they are made in, and what of it is followed.

use std::sync::mpsc;
use std::time::Duration;

use imap::Settings;
use storage::Database;
use testkit::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

use crate::client::{Client, Status};
use crate::scene::{House, ask, settings_for_tests};

const LOGIN: &str = "LOGIN julie@example.test \"right password\"";

/// A client in an INBOX of eight messages, every second of which has a keyword.
async fn in_inbox(house: &House, settings: Settings) -> Client {
    let mut client = Client::sign_in(house.connect(settings)).await;
    for number in 1..=8 {
        let flags = if number % 2 == 1 { "(odd)" } else { "()" };
        let append = format!("APPEND INBOX {flags} {{2+}}\r\nx\n");
        assert_eq!(client.run(&append).await, Status::Ok);
    }
    assert_eq!(client.run("SELECT INBOX (ANNOTATE)").await, Status::Ok);
    client
}

/// Runs a command that succeeds; what was told, without the tags of the client.
async fn told(client: &mut Client, command: &str) -> Vec<String> {
    assert_eq!(client.run(command).await, Status::Ok, "{command}: {}", client.said);
    client.lines.iter().map(|line| untagged(line)).collect()
}

/// A line in which the tag is `T`.
fn untagged(line: &str) -> String {
    let (before, after) = line.split_once("\"t").unwrap_or((line, ""));
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    match after.is_empty() {
        true => before.trim_end().to_owned(),
        false => format!("{before}\"T{}", after.trim_end()),
    }
}

/// RFC 5267 §4.3.1: sets of as many ranges as one may have are followed, all together.
#[tokio::test]
async fn so_many_ranges_are_followed() {
    let house = House::build(Database::Sqlite).await;
    let mut settings = settings_for_tests();
    settings.limits.sequence_ranges_max = 9;
    let mut client = in_inbox(&house, settings).await;
    let nothing: [&str; 0] = [];
    assert_eq!(told(&mut client, "SEARCH RETURN (SAVE) KEYWORD odd").await, nothing);
    let count = "* ESEARCH (TAG \"T\") COUNT 4";
    assert_eq!(told(&mut client, "SEARCH RETURN (UPDATE COUNT) $").await, [count]);
    assert_eq!(told(&mut client, "SEARCH RETURN (UPDATE COUNT) NOT UID $").await, [count]);
    let refused = "* NO [NOUPDATE \"T\"] Too many ranges to be followed";
    assert_eq!(told(&mut client, "SEARCH RETURN (UPDATE COUNT) $").await, [refused, count]);
    // Numbers are no more ranges than are written, whatever lies between the UIDs.
    assert_eq!(client.run("UID STORE 2,4,6 +FLAGS.SILENT (\\Deleted)").await, Status::Ok);
    assert_eq!(client.run("EXPUNGE").await, Status::Ok);
    let all = "* ESEARCH (TAG \"T\") COUNT 5";
    assert_eq!(told(&mut client, "SEARCH RETURN (UPDATE COUNT) 1:*").await, [all]);
    assert_eq!(told(&mut client, "SEARCH RETURN (UPDATE COUNT) 1:*").await, [refused, all]);
    assert_eq!(told(&mut client, "SEARCH RETURN (UPDATE COUNT) ALL").await, [all]);
    // What is followed goes on meaning what it meant: the set is another one now.
    assert_eq!(told(&mut client, "SEARCH RETURN (SAVE) KEYWORD nothing").await, nothing);
    let store = told(&mut client, "UID STORE 7:8 +FLAGS.SILENT (odd)").await;
    assert_eq!(store, nothing);
    assert_eq!(client.run("APPEND INBOX {2+}\r\nx\n").await, Status::Ok);
    // The message is none of `$` and of 1:*.
    let heard = client.lines.iter().filter(|line| line.contains("ESEARCH"));
    let heard: Vec<_> = heard.map(|line| untagged(line)).collect();
    assert_eq!(heard, ["* ESEARCH (TAG \"T\") ADDTO (0 6)"; 2]);
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// Each change would have all of the mailbox read again for each of them.
#[tokio::test]
async fn few_keys_that_read_the_whole_mailbox_are_followed() {
    let house = House::build(Database::Sqlite).await;
    let mut client = in_inbox(&house, settings_for_tests()).await;
    let keys = |count: u32| {
        let key = |day: u32| format!("NOT SAVEDON {}-Jan-2001 NOT SAVEDON 1-Jan-2001", day);
        (1..=count).map(key).collect::<Vec<_>>().join(" ")
    };
    let all = "* ESEARCH (TAG \"T\") COUNT 8";
    let search = |count| format!("SEARCH RETURN (UPDATE COUNT) {}", keys(count));
    assert_eq!(told(&mut client, &search(4)).await, [all]);
    let refused = "* NO [NOUPDATE \"T\"] Too many keys to be followed";
    assert_eq!(told(&mut client, &search(5)).await, [refused, all]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_read_the_whole_mailbox_take_of_the_work() {
    check_work(Database::Sqlite).await;
    let database = Postgres::shared().create_database();
    check_work(Database::Postgres(database.url().to_owned())).await;
}

async fn check_work(database: Database) {
    let house = House::build(database).await;
    let mut settings = settings_for_tests();
    // Three walks over a small mailbox.
    settings.search_bytes_max = 3 * 64 * 1000;
    let mut client = in_inbox(&house, settings).await;
    let value = "x".repeat(30_000);
    for number in 1..=5 {
        let store = format!("STORE {number} ANNOTATION (/comment (value.priv \"{value}\"))");
        assert_eq!(client.run(&store).await, Status::Ok, "{}", client.said);
    }
    let all = "* SEARCH 1 2 3 4 5 6 7 8";
    let days = |count: u32| {
        let key = |day: u32| format!("NOT SAVEDON {day}-Jan-2001");
        (1..=count).map(key).collect::<Vec<_>>().join(" ")
    };
    let refused = "NO [LIMIT] Too many keys for a mailbox of this size";
    for (keys, expect) in [
        (days(3), Ok(all)),
        (days(4), Err(refused)),
        // The same one again is no other.
        (format!("{0} {0}", days(3)), Ok(all)),
        (format!("NOT THREADID T15fe8a72b2fe36f4 {}", days(3)), Err(refused)),
        // What is read of values counts as well.
        ("ANNOTATION /comment value xx".to_owned(), Err(refused)),
        (format!("ANNOTATION /comment value xx {}", days(1)), Err(refused)),
    ] {
        let status = client.run(&format!("SEARCH {keys}")).await;
        match expect {
            Ok(found) => {
                assert_eq!(status, Status::Ok, "{keys}: {}", client.said);
                assert_eq!(told_lines(&client), [found], "{keys}");
            }
            Err(text) => {
                assert_eq!(status, Status::No, "{keys}");
                assert_eq!(client.said.trim_end(), text, "{keys}");
            }
        }
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}

fn told_lines(client: &Client) -> Vec<String> {
    client.lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// RFC 9585: also while the database is asked before any message is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_the_database_hears_of_it() {
    let house = House::build(Database::Sqlite).await;
    let mut settings = settings_for_tests();
    settings.progress_interval = Duration::from_millis(1);
    let mut stream = house.connect(settings);
    ask(&mut stream, LOGIN).await;
    ask(&mut stream, "SELECT INBOX").await;
    let readers = storage::Settings::new("", house.clock.clone()).readers;
    let mut held = Vec::new();
    for _ in 0..readers {
        let (release, released) = mpsc::channel::<()>();
        let (tell, holds) = tokio::sync::oneshot::channel();
        let store = house.store.clone();
        std::thread::spawn(move || {
            store.read_blocking(move |_| {
                let _told = tell.send(());
                let _released = released.recv();
                Ok(())
            })
        });
        holds.await.unwrap();
        held.push(release);
    }
    stream.write_all(b"b SEARCH SAVEDSINCE 1-Jan-2001\r\n").await.unwrap();
    // Who is told nothing would wait for ever.
    let heard = timeout(Duration::from_secs(100), line(&mut stream)).await.unwrap();
    assert_eq!(heard, "* OK [INPROGRESS (\"b\" NIL NIL)] Still at it\r\n");
    drop(held);
    let mut last = heard.clone();
    while last == heard {
        last = line(&mut stream).await;
    }
    assert_eq!(last, "* SEARCH\r\n");
    assert_eq!(line(&mut stream).await, "b OK SEARCH completed\r\n");
}

async fn line(stream: &mut DuplexStream) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        line.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(line).unwrap()
}
