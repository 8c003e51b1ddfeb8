//! What ends a session that does nothing. The time is the runtime's, and flies.

use std::time::Duration;

use storage::Database;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, pause, sleep};

use crate::scene::{House, settings_for_tests, sign_in};

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
    tokio::time::resume();
    assert_eq!(house.messages().await, ["1 ()"]);
}
