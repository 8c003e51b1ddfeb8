//! What ends a session that does nothing. The time is the runtime's, and flies.

use std::sync::Arc;
use std::time::Duration;

use pop3::{Pop3Service, Settings};
use storage::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, pause, resume, sleep};

use crate::scene::{House, line, settings_for_tests, sign_in};

#[tokio::test]
async fn who_does_not_sign_in_is_cut_off_in_time() {
    let house = House::build(Database::Sqlite).await;
    let (mut reading, mut writing) = tokio::io::split(house.connect(settings_for_tests()));
    pause();
    let begin = Instant::now();
    let drip = async {
        loop {
            sleep(Duration::from_secs(20)).await;
            // Once the server has closed, nobody takes it.
            let _gone = writing.write_all(b"x").await;
        }
    };
    let mut answer = String::new();
    tokio::select! {
        read = reading.read_to_string(&mut answer) => { read.unwrap(); }
        () = drip => {}
    }
    assert_eq!(answer, "+OK pop.example.test Posthorn ready\r\n");
    let lasted = begin.elapsed().as_secs();
    assert!((55..100).contains(&lasted), "{lasted} s");
}

/// RFC 1939 §3: after ten minutes, without a word, and without removing anything.
#[tokio::test]
async fn who_is_silent_is_cut_off_and_keeps_its_mail() {
    let house = House::build(Database::Sqlite).await;
    house.deliver_file("one").await;
    let mut stream = house.connect(settings_for_tests());
    sign_in(&mut stream).await;
    stream.write_all(b"DELE 1\r\n").await.unwrap();
    let mut answer = [0; 23];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"+OK Message 1 deleted\r\n");
    pause();
    let begin = Instant::now();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "");
    let lasted = begin.elapsed().as_secs();
    assert!((600..610).contains(&lasted), "{lasted} s");
    resume();
    assert_eq!(house.messages().await, ["1 ()"]);
}

/// A client that does not take its message keeps the memory, and others are told so in time.
#[tokio::test]
async fn large_messages_share_their_memory() {
    const LINES: usize = 10_000;
    let house = House::build(Database::Sqlite).await;
    house
        .deliver(format!("A: b\r\n\r\n{}", "0123456789abcdef\r\n".repeat(LINES)).into_bytes())
        .await;
    let settings = Settings { retrieval_memory_bytes: 100_000, ..settings_for_tests() };
    let (store, authenticator) = (house.store.clone(), house.authenticator.clone());
    let service = Arc::new(Pop3Service::new(store, authenticator, settings));
    let (mut one, mut two) = (house.open(service.clone()), house.open(service));
    sign_in(&mut one).await;
    sign_in(&mut two).await;
    one.write_all(b"RETR 1\r\n").await.unwrap();
    assert_eq!(line(&mut one).await, "+OK 180008 octets");
    pause();
    two.write_all(b"STAT\r\nRETR 1\r\n").await.unwrap();
    assert_eq!(line(&mut two).await, "+OK 1 180008");
    let refused = "-ERR [SYS/TEMP] Too much mail is being retrieved, try again later";
    assert_eq!(line(&mut two).await, refused);
    resume();
    rest(&mut one, LINES).await;
    two.write_all(b"RETR 1\r\n").await.unwrap();
    assert_eq!(line(&mut two).await, "+OK 180008 octets");
    rest(&mut two, LINES).await;
}

/// Reads the header and so many lines, and the end.
async fn rest(stream: &mut DuplexStream, lines: usize) {
    for _ in 0..lines + 2 {
        assert_ne!(line(stream).await, ".");
    }
    assert_eq!(line(stream).await, ".");
}
