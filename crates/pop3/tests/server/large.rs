//! Messages that are sent while they are read.

use std::sync::Arc;

use pop3::Settings;
use storage::Database;
use testkit::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::scene::{House, line, settings_for_tests, sign_in};

const MIXED: &str = "Subject: m\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";

/// Lines that begin with dots, of lengths that put them on every side of the pieces' borders.
fn body(line_count: usize) -> String {
    (0..line_count).map(|number| format!(".{number} {}\r\n", "x".repeat(number % 97))).collect()
}

/// What a client gets of a text.
fn stuffed(text: &str) -> String {
    text.split_inclusive('\n').map(|line| line.replacen('.', "..", 1)).collect()
}

async fn expect(stream: &mut DuplexStream, expect: &str) {
    let mut got = vec![0; expect.len()];
    stream.read_exact(&mut got).await.unwrap();
    assert!(got == expect.as_bytes(), "{}", String::from_utf8_lossy(&got[..got.len().min(200)]));
}

async fn check(database: Database) {
    let house = House::build(database).await;
    let body = body(20_000);
    assert!(body.len() > 1_000_000);
    let open = body.trim_end();
    let foreign = body.replacen('x', "ö", 1);
    let long = |text: &str| format!("Subject: long\r\n\r\n{text}");
    for text in [body.as_str(), open, &foreign] {
        house.deliver(long(text).into_bytes()).await;
    }
    // Its header needs a surrogate.
    let strange = format!("Subject: größer\r\n\r\n{body}");
    house.deliver(strange.clone().into_bytes()).await;
    // And so do headers in it, before and behind much text in UTF-8.
    let part = |name: &str, text: &str| {
        format!("--b\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let mixed = |names: [&str; 2]| {
        let parts = [part(names[0], &foreign), part("x", &body), part(names[1], "ß")].concat();
        format!("{parts}--b--\r\n")
    };
    house.deliver([MIXED, &mixed(["ä", "日本"])].concat().into_bytes()).await;
    let settings = || Settings { surrogates: true, ..settings_for_tests() };
    let mut stream = house.connect(settings());
    sign_in(&mut stream).await;
    for (number, text) in [(1, body.as_str()), (2, open), (3, &foreign)] {
        let end = if text.ends_with('\n') { "" } else { "\r\n" };
        stream.write_all(format!("RETR {number}\r\n").as_bytes()).await.unwrap();
        let octets = long(text).len() + end.len();
        assert_eq!(line(&mut stream).await, format!("+OK {octets} octets"));
        expect(&mut stream, &format!("Subject: long\r\n\r\n{}{end}.\r\n", stuffed(text))).await;
    }
    // Down to a line in the middle of the third piece, and to one that does not exist.
    let top = body.split_inclusive('\n').take(12_345).collect::<String>();
    for (lines, text) in [(12_345, top.as_str()), (99_999, &body), (1, ".0 \r\n"), (0, "")] {
        stream.write_all(format!("TOP 1 {lines}\r\n").as_bytes()).await.unwrap();
        assert_eq!(line(&mut stream).await, "+OK");
        expect(&mut stream, &format!("Subject: long\r\n\r\n{}.\r\n", stuffed(text))).await;
    }
    stream.write_all(b"RETR 4\r\n").await.unwrap();
    assert!(line(&mut stream).await.starts_with("+OK "));
    assert_eq!(line(&mut stream).await, "Subject: =?utf-8?q?gr=C3=B6=C3=9Fer?=");
    expect(&mut stream, &format!("\r\n{}.\r\n", stuffed(&body))).await;
    let shown = ["ä", "日本"].iter().fold(mixed(["ä", "日本"]), |shown, name| {
        shown.replace(&format!("; filename=\"{name}\""), "")
    });
    for (command, told) in [("RETR 5", MIXED.len() + shown.len()), ("TOP 5 99999", 0)] {
        stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
        let first = if told == 0 { "+OK".to_owned() } else { format!("+OK {told} octets") };
        assert_eq!(line(&mut stream).await, first);
        expect(&mut stream, &format!("{MIXED}{}.\r\n", stuffed(&shown))).await;
    }
    let mut modern = house.connect(settings());
    // The greeting, and its answer.
    modern.write_all(b"UTF8\r\n").await.unwrap();
    line(&mut modern).await;
    line(&mut modern).await;
    modern
        .write_all(b"USER julie@example.test\r\nPASS right password\r\nRETR 4\r\n")
        .await
        .unwrap();
    line(&mut modern).await;
    line(&mut modern).await;
    assert_eq!(line(&mut modern).await, format!("+OK {} octets", strange.len()));
    expect(&mut modern, &format!("Subject: größer\r\n\r\n{}.\r\n", stuffed(&body))).await;
    stream.write_all(b"QUIT\r\n").await.unwrap();
    assert_eq!(line(&mut stream).await, "+OK Goodbye, 5 messages left");
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_of_a_large_message_comes() {
    check(Database::Sqlite).await;
    let database = Postgres::shared().create_database();
    check(Database::Postgres(database.url().to_owned())).await;
}

/// RFC 1939 §7: behind the header there is an empty line, also where a long message has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_top_of_a_long_header_ends_with_an_empty_line() {
    let database = Postgres::shared().create_database();
    for database in [Database::Sqlite, Database::Postgres(database.url().to_owned())] {
        let house = House::build(database).await;
        let header = format!("X: {}\r\n", "x".repeat(60)).repeat(5000);
        assert!(header.len() > 256 * 1024);
        for end in ["", "\r\n"] {
            house.deliver(format!("{header}{end}").into_bytes()).await;
        }
        for surrogates in [true, false] {
            let mut stream = house.connect(Settings { surrogates, ..settings_for_tests() });
            sign_in(&mut stream).await;
            for (command, text) in [
                ("TOP 1 0", format!("{header}\r\n")),
                ("TOP 1 5", format!("{header}\r\n")),
                ("TOP 2 5", format!("{header}\r\n")),
                ("RETR 1", header.clone()),
                ("RETR 2", format!("{header}\r\n")),
            ] {
                stream.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
                assert!(line(&mut stream).await.starts_with("+OK"), "{command}");
                expect(&mut stream, &format!("{text}.\r\n")).await;
            }
        }
        assert_eq!(house.close().await, Vec::<String>::new());
    }
}

/// A header that is much longer than what is drawn for pieces takes of the same budget.
#[tokio::test]
async fn a_long_header_takes_its_memory() {
    let house = House::build(Database::Sqlite).await;
    let header = format!("X: {}\r\n", "x".repeat(60)).repeat(30_000);
    let text = format!("{header}\r\n.\r\n");
    house.deliver(text.clone().into_bytes()).await;
    let settings = Settings { retrieval_memory_bytes: 2 << 20, ..settings_for_tests() };
    let service = Arc::new(house.service(settings));
    let (mut one, mut two) = (house.open(service.clone()), house.open(service));
    for stream in [&mut one, &mut two] {
        sign_in(stream).await;
    }
    // The first holds all there is as long as it does not read.
    one.write_all(b"TOP 1 1\r\n").await.unwrap();
    assert_eq!(line(&mut one).await, "+OK");
    tokio::time::pause();
    two.write_all(b"TOP 1 1\r\n").await.unwrap();
    let refused = "-ERR [SYS/TEMP] Too much mail is being retrieved, try again later";
    assert_eq!(line(&mut two).await, refused);
    tokio::time::resume();
    expect(&mut one, &format!("{}.\r\n", stuffed(&text))).await;
    two.write_all(b"RETR 1\r\n").await.unwrap();
    assert_eq!(line(&mut two).await, format!("+OK {} octets", text.len()));
    expect(&mut two, &format!("{}.\r\n", stuffed(&text))).await;
}

/// A message of so many parts whose headers have some 1,100 bytes each, with `text` behind them;
/// and what is shown of it to clients that know no UTF-8 in headers.
fn with_headers(parts: usize, text: &str) -> [String; 2] {
    let field = format!("X: {}\r\n", "x".repeat(60)).repeat(16);
    ["; filename=\"ä\"", ""].map(|name| {
        let part = format!("--b\r\n{field}Content-Disposition: attachment{name}\r\n\r\n\r\n");
        format!("{MIXED}{}--b\r\n\r\n{text}--b--\r\n", part.repeat(parts))
    })
}

/// RFC 6856 §2: the octets told are those that come, however much of a message is headers of its
/// parts; and where they are too many, the message itself comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_octets_told_of_surrogates_are_those_that_come() {
    let database = Postgres::shared().create_database();
    for database in [Database::Sqlite, Database::Postgres(database.url().to_owned())] {
        let house = House::build(database).await;
        let [some, some_shown] = with_headers(300, &body(10));
        let [many, _] = with_headers(1200, "");
        assert!(some.len() > 256 * 1024 && many.len() > 1024 * 1024);
        let many = format!("Subject: größer\r\n{many}");
        let many_shown = many.replacen("größer", "=?utf-8?q?gr=C3=B6=C3=9Fer?=", 1);
        // These end in the header of a part.
        let open = format!("{MIXED}{}--b\r\nContent-Disposition: attachment", body(5000));
        let open_shown = format!("{open}\r\n");
        let ended = [format!("{open}; filename=\"ä\""), format!("{open}; filename=\"ä\"\r\n")];
        for text in [&some, &many, &ended[0], &ended[1]] {
            house.deliver(text.clone().into_bytes()).await;
        }
        let settings = Settings { surrogates: true, ..settings_for_tests() };
        let mut stream = house.connect(settings);
        sign_in(&mut stream).await;
        for (number, shown) in
            [(1, &some_shown), (2, &many_shown), (3, &open_shown), (4, &open_shown)]
        {
            stream.write_all(format!("RETR {number}\r\n").as_bytes()).await.unwrap();
            let told = line(&mut stream).await;
            assert_eq!(told, format!("+OK {} octets", shown.len()), "{number}");
            expect(&mut stream, &format!("{}.\r\n", stuffed(shown))).await;
        }
        // RFC 6858 §4: the size of the message itself.
        stream.write_all(b"LIST 1\r\n").await.unwrap();
        assert_eq!(line(&mut stream).await, format!("+OK 1 {}", some.len()));
        stream.write_all(b"QUIT\r\n").await.unwrap();
        line(&mut stream).await;
        assert_eq!(house.close().await, Vec::<String>::new());
    }
}

/// Two clients that do not read: what the second is told.
async fn two_retrieve(text: &str, retrieval_memory_bytes: u64) -> String {
    let house = House::build(Database::Sqlite).await;
    house.deliver(text.to_owned().into_bytes()).await;
    let settings = Settings { surrogates: true, retrieval_memory_bytes, ..settings_for_tests() };
    let service = Arc::new(house.service(settings));
    let mut clients = [house.open(service.clone()), house.open(service)];
    let mut told = String::new();
    for stream in &mut clients {
        sign_in(stream).await;
        stream.write_all(b"RETR 1\r\n").await.unwrap();
        told = line(stream).await;
    }
    told
}

/// Headers of parts, and what stands for them, are drawn; the text between them is not held.
#[tokio::test]
async fn surrogates_take_the_memory_of_their_headers() {
    let [message, shown] = with_headers(250, &format!("{}\r\n", "x".repeat(98)).repeat(90_000));
    assert!(message.len() > 9_000_000);
    let told = two_retrieve(&message, 22_500_000).await;
    assert_eq!(told, format!("+OK {} octets", shown.len()));
    let told = two_retrieve(&message, 10_000_000).await;
    assert_eq!(told, "-ERR [SYS/TEMP] Too much mail is being retrieved, try again later");
}

/// What is read whole is there twice while its surrogates are made.
#[tokio::test]
async fn a_whole_message_and_its_surrogate_take_their_memory() {
    let text = format!("{MIXED}{}--b\r\nContent-Disposition: attachment", body(20_000));
    for (name, expect) in [
        ("", "+OK "),
        ("; filename=\"ä\"", "-ERR [SYS/TEMP] Too much mail is being retrieved, try again later"),
    ] {
        let told = two_retrieve(&format!("{text}{name}"), 3_000_000).await;
        assert!(told.starts_with(expect), "{told}");
    }
}
