//! What a maildrop is: bytes that come back, numbers that stay, ids that outlive the daemon.

use storage::Database;
use testkit::Postgres;
use tokio::io::AsyncWriteExt;

use crate::scene::{House, line, settings_for_tests, sign_in};

const SIGN_IN: &str = "USER julie@example.test\r\nPASS right password\r\n";

/// Says these commands after signing in; the responses to them.
async fn say(house: &House, commands: &str) -> String {
    // RFC 6856 §2.1: only then are messages sent as they are.
    let wire = format!("UTF8\r\n{SIGN_IN}{commands}");
    let came = house.talk(settings_for_tests(), wire.as_bytes(), wire.len()).await;
    came.splitn(5, "\r\n").nth(4).unwrap().to_owned()
}

/// The text of a multi-line response, its dots taken away (RFC 1939 §3).
fn unstuffed(response: &str) -> String {
    let lines = response.split_inclusive("\r\n").skip(1).take_while(|line| *line != ".\r\n");
    lines.map(|line| line.strip_prefix('.').unwrap_or(line)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feeding_bytewise_equals_feeding_whole() {
    let house = House::build(Database::Sqlite).await;
    for name in ["one", "two", "dots", "lines"] {
        house.deliver_file(name).await;
    }
    let wire = format!(
        "CAPA\r\nAUTH PLAIN\r\n*\r\nNONSENSE\r\n{SIGN_IN}STAT\r\nLIST\r\nUIDL\r\nRETR 3\r\n\
         TOP 4 3\r\nRETR 9\r\nDELE 2\r\nLIST\r\nRSET\r\nNOOP\r\nRETR 1\r\nQUIT\r\nSTAT\r\n"
    );
    let whole = house.talk(settings_for_tests(), wire.as_bytes(), wire.len()).await;
    assert!(whole.ends_with("+OK Goodbye, 4 messages left\r\n"), "{whole}");
    for step in [1, 2, 3, 7, 64] {
        let cut = house.talk(settings_for_tests(), wire.as_bytes(), step).await;
        assert_eq!(cut, whole, "in steps of {step}");
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_at_any_byte_deletes_nothing_before_quit() {
    let house = House::build(Database::Sqlite).await;
    house.deliver_file("one").await;
    let wire = format!("{SIGN_IN}DELE 1\r\nNOOP\r\nQUIT\r\n");
    for length in 0..wire.len() {
        // A program that signs in over and over is not guessing.
        house.clock.advance_secs(60);
        house.talk(settings_for_tests(), &wire.as_bytes()[..length], length).await;
        assert_eq!(house.messages().await, ["1 ()"], "after {length} bytes");
    }
    house.talk(settings_for_tests(), wire.as_bytes(), wire.len()).await;
    assert_eq!(house.messages().await, Vec::<String>::new());
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_back_byte_for_byte() {
    let house = House::build(Database::Sqlite).await;
    let large =
        format!("Subject: big\r\n\r\n{}", ".a line that begins with a dot\r\n".repeat(20_000));
    let texts = [
        "Subject: x\r\n\r\nbody\r\n",
        "Subject: x\r\n\r\n",
        "Subject: x\r\n",
        "Subject: x\r\n\r\n.\r\n..\r\n...\r\n",
        "\r\nno header\r\n",
        "no header at all\r\n",
        ".\r\n",
        "Subject: gr\u{fc}\u{df}e\r\n\r\n\u{e4}\u{1f4ef}\r\n",
        large.as_str(),
        "Subject: x\r\n\r\nno end",
        "Subject: x\r\n\r\nhalf an end\n",
        "x",
        "",
    ];
    // RFC 1939 §3: the last line of a response has its CRLF, whatever the message has.
    let sent = |text: &str| match text.is_empty() || text.ends_with("\r\n") {
        true => text.to_owned(),
        false => format!("{text}\r\n"),
    };
    for text in texts {
        house.deliver(text.as_bytes().to_vec()).await;
    }
    let listed = say(&house, "LIST\r\n").await;
    let mut total = 0;
    for (number, text) in (1..).zip(texts.map(sent)) {
        let response = say(&house, &format!("RETR {number}\r\n")).await;
        assert_eq!(unstuffed(&response), text);
        assert!(response.starts_with(&format!("+OK {} octets\r\n", text.len())), "{number}");
        assert!(listed.contains(&format!("\r\n{number} {}\r\n", text.len())), "{listed}");
        total += text.len();
    }
    assert_eq!(say(&house, "STAT\r\n").await, format!("+OK {} {total}\r\n", texts.len()));
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unique_ids_outlive_the_daemon_on_sqlite() {
    unique_ids_outlive_the_daemon(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unique_ids_outlive_the_daemon_on_postgres() {
    let held = tokio::task::spawn_blocking(|| Postgres::shared().create_database()).await.unwrap();
    unique_ids_outlive_the_daemon(Database::Postgres(held.url().to_owned())).await;
    tokio::task::spawn_blocking(move || drop(held)).await.unwrap();
}

async fn unique_ids_outlive_the_daemon(database: Database) {
    let house = House::build(database).await;
    for name in ["one", "two", "one"] {
        house.deliver_file(name).await;
    }
    let before = say(&house, "UIDL\r\nDELE 1\r\nQUIT\r\n").await;
    let house = house.restart().await;
    house.deliver_file("lines").await;
    let after = say(&house, "UIDL\r\n").await;
    let ids = |listing: &str| -> Vec<String> {
        let lines = listing.lines().skip(1).take_while(|line| *line != ".");
        lines.map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    };
    let (before, after) = (ids(&before), ids(&after));
    assert_eq!(before.len(), 3);
    assert_eq!(before[1..], after[..2]);
    assert!(!before.contains(&after[2]));
    for id in before.iter().chain(&after) {
        // RFC 1939 §7: 1 to 70 characters from 0x21 to 0x7E.
        assert!((1..=70).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()), "{id}");
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// Listings that are larger than any buffer, and marks across all of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_maildrops() {
    const MESSAGES: usize = 5_000;
    let house = House::build(Database::Sqlite).await;
    let inbox = house.inbox().await;
    let message = std::sync::Arc::new(storage::PreparedMessage::new(b"A: b\r\n\r\nc\r\n".to_vec()));
    let copies = message.clone();
    house
        .store
        .account_write_with(house.account, "fixture", vec![message], move |tx| {
            for _ in 0..MESSAGES {
                tx.append_message(inbox, &copies, storage::Append::default())?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let mut stream = house.connect(settings_for_tests());
    sign_in(&mut stream).await;
    let (reading, mut writing) = tokio::io::split(stream);
    let send = async {
        writing.write_all(b"LIST\r\nUIDL\r\n").await.unwrap();
        for number in (1..=MESSAGES).step_by(2) {
            writing.write_all(format!("DELE {number}\r\n").as_bytes()).await.unwrap();
        }
        writing.write_all(b"STAT\r\nLIST\r\nQUIT\r\n").await.unwrap();
    };
    let read = async {
        let mut reading = tokio::io::BufReader::new(reading);
        let mut came = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut reading, &mut came).await.unwrap();
        came
    };
    let ((), came) = tokio::join!(send, read);
    let lines: Vec<&str> = came.lines().collect();
    assert_eq!(lines[0], "+OK 5000 messages (55000 octets)");
    assert_eq!(lines[MESSAGES], "5000 11");
    assert_eq!(lines[MESSAGES + 1..MESSAGES + 3], [".", "+OK"]);
    assert!(lines[2 * MESSAGES + 2].starts_with("5000 "));
    let rest = &lines[2 * MESSAGES + 4 + MESSAGES / 2..];
    assert_eq!(rest[..3], ["+OK 2500 27500", "+OK 2500 messages (27500 octets)", "2 11"]);
    assert_eq!(rest[rest.len() - 3..], ["5000 11", ".", "+OK Goodbye, 2500 messages left"]);
    assert_eq!(house.messages().await.len(), MESSAGES / 2);
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// Two sessions on one maildrop, each with its own marks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sessions_delete_the_same() {
    let house = House::build(Database::Sqlite).await;
    for name in ["one", "two", "lines"] {
        house.deliver_file(name).await;
    }
    let mut streams = [house.connect(settings_for_tests()), house.connect(settings_for_tests())];
    for (stream, marks) in streams.iter_mut().zip(["DELE 1\r\nDELE 2\r\n", "DELE 2\r\nDELE 3\r\n"])
    {
        sign_in(stream).await;
        stream.write_all(marks.as_bytes()).await.unwrap();
        for _ in 0..2 {
            assert!(line(stream).await.starts_with("+OK"));
        }
    }
    for stream in &mut streams {
        stream.write_all(b"QUIT\r\n").await.unwrap();
        assert_eq!(line(stream).await, "+OK Goodbye, 1 message left");
    }
    assert_eq!(house.messages().await, Vec::<String>::new());
    assert_eq!(house.close().await, Vec::<String>::new());
}
