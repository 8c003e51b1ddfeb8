//! Bounds in time, across connections, and over many large messages.

use std::sync::Arc;
use std::time::Duration;

use imap::ImapService;
use net::PaceSettings;
use storage::{Database, MailboxName};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, pause, resume, sleep};

use crate::scene::{House, ask, settings_for_tests};

const LOGIN: &str = "LOGIN julie@example.test \"right password\"";

/// Everything up to the tagged line of `tag`, which ends it.
async fn answer(stream: &mut DuplexStream, tag: &str) -> String {
    let (mut answer, start) = (Vec::new(), format!("{tag} "));
    loop {
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            line.push(stream.read_u8().await.unwrap());
        }
        answer.extend_from_slice(&line);
        if line.starts_with(start.as_bytes()) {
            return String::from_utf8(answer).unwrap();
        }
    }
}

#[tokio::test]
async fn who_does_not_sign_in_is_sent_away_in_time() {
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
    assert!(answer.ends_with("* BYE Sign-in took too long\r\n"), "{answer}");
    let lasted = begin.elapsed().as_secs();
    assert!((55..100).contains(&lasted), "{lasted} s");
}

/// A byte a minute is within every time of silence.
#[tokio::test]
async fn who_trickles_a_message_is_cut_off() {
    let house = House::build(Database::Sqlite).await;
    for command in
        ["a APPEND INBOX {90000+}\r\n", "a APPEND INBOX {10+}\r\nSubject: x {90000+}\r\n"]
    {
        let mut settings = settings_for_tests();
        settings.pace = PaceSettings { rate_min: 10, ..settings.pace };
        let mut stream = house.connect(settings);
        ask(&mut stream, LOGIN).await;
        let (mut reading, mut writing) = tokio::io::split(stream);
        writing.write_all(command.as_bytes()).await.unwrap();
        let_the_server_run().await;
        pause();
        let begin = Instant::now();
        let drip = async {
            loop {
                // Once the server has closed, nobody takes it.
                let _gone = writing.write_all(&[b'x'; 100]).await;
                sleep(Duration::from_secs(20)).await;
            }
        };
        let mut answer = String::new();
        tokio::select! {
            read = reading.read_to_string(&mut answer) => { read.unwrap(); }
            () = drip => {}
        }
        assert_eq!(answer, "* BYE [UNAVAILABLE] APPEND took too long\r\n");
        // Half as fast as it should be: a minute, and as long again.
        let lasted = begin.elapsed().as_secs();
        assert!((100..=140).contains(&lasted), "{lasted} s");
        resume();
    }
}

/// Forty bytes ask for forty thousand: who sends such commands at once and reads nothing is
/// answered no further than a connection holds.
#[tokio::test]
async fn answers_that_nobody_reads_do_not_pile_up() {
    let house = House::build(Database::Sqlite).await;
    let service = Arc::new(house.service(settings_for_tests()));
    let mut stream = house.open(service.clone());
    ask(&mut stream, LOGIN).await;
    for entry in ["one", "two"] {
        let value = "x".repeat(20_000);
        let command = format!("a SETMETADATA \"\" (/private/x/{entry} \"{value}\")\r\n");
        stream.write_all(command.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream, "a").await, "a OK SETMETADATA completed\r\n");
    }
    let mut wire = "a GETMETADATA (DEPTH 1) \"\" /private/x\r\n".repeat(100);
    wire.push_str("b CREATE behind\r\n");
    stream.write_all(wire.as_bytes()).await.unwrap();
    // Nothing can be sent any more.
    drop(stream);
    while Arc::strong_count(&service) > 1 {
        tokio::task::yield_now().await;
    }
    let (account, name) = (house.account, MailboxName::parse("behind").unwrap());
    let behind = house.store.read(move |tx| tx.find_mailbox(account, &name)).await.unwrap();
    assert_eq!(behind, None);
}

#[tokio::test]
async fn appends_share_their_memory() {
    let house = House::build(Database::Sqlite).await;
    let mut settings = settings_for_tests();
    // No more than one of two that are large.
    (settings.append_memory_bytes, settings.limits.append_total_bytes_max) = (0, 100_000);
    let (store, authenticator) = (house.store.clone(), house.authenticator.clone());
    let service = Arc::new(ImapService::new(store, authenticator, settings));
    let (mut one, mut two) = (house.open(service.clone()), house.open(service));
    ask(&mut one, LOGIN).await;
    ask(&mut two, LOGIN).await;
    let command = format!("a APPEND INBOX {{90000+}}\r\n{}", "x".repeat(90_000));
    one.write_all(command.as_bytes()).await.unwrap();
    let_the_server_run().await;
    pause();
    two.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
    let refused = answer(&mut two, "a").await;
    assert_eq!(refused, "a NO [UNAVAILABLE] Too much mail is being appended, try later\r\n");
    resume();
    one.write_all(b"\r\n").await.unwrap();
    assert!(answer(&mut one, "a").await.contains("a OK [APPENDUID"));
    two.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
    assert!(answer(&mut two, "a").await.contains("a OK [APPENDUID"));
}

/// A command of a few bytes names a large message many times.
#[tokio::test]
async fn what_is_put_together_is_bounded_as_what_is_sent() {
    let house = House::build(Database::Sqlite).await;
    let mut settings = settings_for_tests();
    (settings.append_memory_bytes, settings.limits.append_total_bytes_max) = (0, 100_000);
    let mut stream = house.connect(settings);
    ask(&mut stream, LOGIN).await;
    let command = format!("a APPEND INBOX {{40000+}}\r\n{}\r\n", "x".repeat(40_000));
    stream.write_all(command.as_bytes()).await.unwrap();
    assert!(answer(&mut stream, "a").await.contains("a OK"));
    for (parts, expect) in [
        ("(URL \"/INBOX/;UID=1\" URL \"/INBOX/;UID=1\" URL \"/INBOX/;UID=1\")", "b NO [TOOBIG]"),
        // RFC 3502 §6.3.11: all or none.
        (
            "(URL \"/INBOX/;UID=1\") CATENATE (URL \"/INBOX/;UID=1\") CATENATE (URL \"/INBOX/;UID=1\")",
            "b NO [TOOBIG]",
        ),
        ("(URL \"/INBOX/;UID=1\") CATENATE (URL \"/INBOX/;UID=9\")", "b NO [BADURL"),
        ("(URL \"/INBOX/;UID=1\") CATENATE (URL \"/INBOX/;UID=1\")", "b OK [APPENDUID"),
        // What they took of the memory was given back.
        ("(URL \"/INBOX/;UID=2\" URL \"/INBOX/;UID=3/;PARTIAL=0.20000\")", "b OK [APPENDUID"),
    ] {
        let command = format!("b APPEND INBOX CATENATE {parts}\r\n");
        stream.write_all(command.as_bytes()).await.unwrap();
        let answer = answer(&mut stream, "b").await;
        assert!(answer.starts_with(expect), "{parts}: {answer}");
    }
    stream.write_all(b"c STATUS INBOX (MESSAGES SIZE)\r\n").await.unwrap();
    let status = answer(&mut stream, "c").await;
    assert!(status.contains("(MESSAGES 4 SIZE 180000)"), "{status}");
}

/// RFC 5267 §4.3: who is told NO follows nothing.
#[tokio::test]
async fn a_search_that_fails_follows_nothing() {
    let house = House::build(Database::Sqlite).await;
    let mut settings = settings_for_tests();
    settings.search_bytes_max = 50_000;
    let mut stream = house.connect(settings);
    ask(&mut stream, LOGIN).await;
    let message = format!("Subject: x\r\n\r\n{}", "many words\r\n".repeat(3000));
    let command = format!("a APPEND Archive {{{}+}}\r\n{message}\r\n", message.len());
    stream.write_all(command.as_bytes()).await.unwrap();
    assert!(answer(&mut stream, "a").await.contains("a OK"));
    ask(&mut stream, "SELECT INBOX").await;
    let keys: Vec<_> = (0..30).map(|number| format!("NOT BODY x{number}")).collect();
    let sources = "selected mailboxes Archive";
    let search = format!("b ESEARCH IN ({sources}) RETURN (UPDATE) {}\r\n", keys.join(" "));
    stream.write_all(search.as_bytes()).await.unwrap();
    let refused = answer(&mut stream, "b").await;
    assert_eq!(refused, "b NO [LIMIT] Too many keys for texts of this size\r\n");
    let small = "Subject: one\r\n\r\none\r\n";
    let command = format!("c APPEND INBOX {{{}+}}\r\n{small}\r\n", small.len());
    stream.write_all(command.as_bytes()).await.unwrap();
    let told = answer(&mut stream, "c").await;
    assert!(told.contains("* 1 EXISTS") && !told.contains("ESEARCH"), "{told}");
    // The tag is as good as new.
    stream.write_all(b"b UID SEARCH RETURN (UPDATE COUNT) SUBJECT one\r\n").await.unwrap();
    let found = answer(&mut stream, "b").await;
    assert_eq!(found, "* ESEARCH (TAG \"b\") UID COUNT 1\r\nb OK UID SEARCH completed\r\n");
}

/// The server's task shares the thread: it reads all there is.
async fn let_the_server_run() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn many_large_messages_come_in_order_and_once() {
    let house = House::build(Database::Sqlite).await;
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, LOGIN).await;
    // More than any batch takes, all of it header.
    let header = format!("X: {}\r\n", "x".repeat(60)).repeat(1200);
    for number in 1..=16 {
        let message = format!("Subject: {number}\r\n{header}Y: needle\r\n\r\n");
        let command = format!("a APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len());
        stream.write_all(command.as_bytes()).await.unwrap();
        assert!(answer(&mut stream, "a").await.contains("a OK"));
    }
    ask(&mut stream, "SELECT INBOX").await;
    for attribute in ["BODY.PEEK[HEADER]", "(ENVELOPE BODY.PEEK[])"] {
        let command = format!("b FETCH 1:* {attribute}\r\n");
        stream.write_all(command.as_bytes()).await.unwrap();
        let told = answer(&mut stream, "b").await;
        let subjects: Vec<_> = told.lines().filter_map(|l| l.strip_prefix("Subject: ")).collect();
        let expect: Vec<_> = (1..=16).map(|number: u32| number.to_string()).collect();
        assert_eq!(subjects, expect, "{attribute}");
    }
    stream.write_all(b"c SEARCH HEADER Y needle\r\n").await.unwrap();
    let found = answer(&mut stream, "c").await;
    let all: Vec<_> = (1..=16).map(|number: u32| number.to_string()).collect();
    assert_eq!(found, format!("* SEARCH {}\r\nc OK SEARCH completed\r\n", all.join(" ")));
}

/// However many keys look into a message: what it is made of is decoded once.
#[tokio::test]
async fn many_keys_do_not_decode_a_message_many_times() {
    let house = House::for_messages_of(Database::Sqlite, 1 << 20).await;
    let mut settings = settings_for_tests();
    settings.limits.append_total_bytes_max = 1 << 20;
    // However busy the machine is, nothing is told meanwhile.
    settings.progress_interval = Duration::from_secs(3600);
    let mut stream = house.connect(settings);
    ask(&mut stream, LOGIN).await;
    let text = "Ёжик в тумане. ".repeat(20_000);
    let message =
        format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{}", text.replace(". ", ".\r\n"));
    let command = format!("a APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len());
    stream.write_all(command.as_bytes()).await.unwrap();
    assert!(answer(&mut stream, "a").await.contains("a OK"));
    ask(&mut stream, "SELECT INBOX").await;
    let keys: Vec<_> = (0..900).map(|number| format!("NOT BODY x{number}")).collect();
    // Once takes a second where the machine is busy, each time half an hour.
    let searching = async {
        let command = format!("b SEARCH {}\r\n", keys.join(" "));
        stream.write_all(command.as_bytes()).await.unwrap();
        answer(&mut stream, "b").await
    };
    let found = tokio::time::timeout(Duration::from_secs(100), searching).await.unwrap();
    assert_eq!(found, "* SEARCH 1\r\nb OK SEARCH completed\r\n");
}

/// A word of letters for each number.
fn word(number: usize) -> String {
    let letters =
        |number: usize| ["ba", "ke", "di", "fo", "gu", "hy", "ja", "le", "mi", "no"][number];
    (0..5).map(|place| letters(number / 10_usize.pow(place) % 10)).collect()
}

/// However many keys compare every word of a message with theirs: each word is compared once with
/// each, and there is an end to it.
#[tokio::test]
async fn fuzzy_keys_do_not_read_a_message_many_times() {
    let house = House::for_messages_of(Database::Sqlite, 2 << 20).await;
    let mut settings = settings_for_tests();
    settings.limits.append_total_bytes_max = 2 << 20;
    // However busy the machine is, nothing is told meanwhile.
    settings.progress_interval = Duration::from_secs(3600);
    let mut bounded = settings.clone();
    bounded.search_bytes_max = 50_000_000;
    let mut stream = house.connect(settings);
    ask(&mut stream, LOGIN).await;
    let words: Vec<_> = (0..100_000).map(|number| word(number % 5000) + "\r\n").collect();
    let message = format!("Subject: x\r\n\r\n{}", words.concat());
    let command = format!("a APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len());
    stream.write_all(command.as_bytes()).await.unwrap();
    assert!(answer(&mut stream, "a").await.contains("a OK"));
    ask(&mut stream, "SELECT INBOX").await;
    let keys: Vec<_> = (0..400).map(|n| format!("NOT FUZZY BODY x{}", word(n))).collect();
    let command = format!("b SEARCH {}\r\n", keys.join(" "));
    // A second or two where the machine is busy; word by word it is many minutes.
    let searching = async {
        stream.write_all(command.as_bytes()).await.unwrap();
        answer(&mut stream, "b").await
    };
    let found = tokio::time::timeout(Duration::from_secs(100), searching).await.unwrap();
    assert_eq!(found, "* SEARCH 1\r\nb OK SEARCH completed\r\n");
    let mut stream = house.connect(bounded);
    ask(&mut stream, LOGIN).await;
    ask(&mut stream, "SELECT INBOX").await;
    stream.write_all(command.as_bytes()).await.unwrap();
    let refused = answer(&mut stream, "b").await;
    assert_eq!(refused, "b NO [LIMIT] Too many keys for texts of this size\r\n");
    // Few keys are no matter of that, nor is what was refused the end of the session.
    stream.write_all(b"c SEARCH FUZZY BODY bababa FUZZY BODY kebabake\r\n").await.unwrap();
    let found = answer(&mut stream, "c").await;
    assert_eq!(found, "* SEARCH 1\r\nc OK SEARCH completed\r\n");
}

/// Nor do keys that look into what was computed of it at delivery.
#[tokio::test]
async fn fuzzy_keys_of_short_fields_take_of_the_same_work() {
    let house = House::build(Database::Sqlite).await;
    let mut settings = settings_for_tests();
    settings.search_bytes_max = 3000;
    let mut stream = house.connect(settings);
    ask(&mut stream, LOGIN).await;
    let message = "Subject: an invoice of ours\r\nFrom: a@example.test\r\n\r\nx\r\n";
    let command = format!("a APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len());
    stream.write_all(command.as_bytes()).await.unwrap();
    assert!(answer(&mut stream, "a").await.contains("a OK"));
    ask(&mut stream, "SELECT INBOX").await;
    let search = |count: usize| {
        let key = |number| match number % 3 {
            0 => format!("NOT FUZZY FROM x{}", word(number)),
            1 => format!("NOT FUZZY SUBJECT i{}", word(number)),
            _ => format!("NOT TO x{}", word(number)),
        };
        format!("b SEARCH {}\r\n", (0..count).map(key).collect::<Vec<_>>().join(" "))
    };
    for (count, expect) in [
        (20, "* SEARCH 1\r\nb OK SEARCH completed\r\n"),
        (100, "b NO [LIMIT] Too many keys for texts of this size\r\n"),
    ] {
        stream.write_all(search(count).as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream, "b").await, expect, "{count}");
    }
}

/// RFC 7377 §2.4: refused before anything is searched.
#[tokio::test]
async fn so_many_mailboxes_are_searched_at_once() {
    let house = House::build(Database::Sqlite).await;
    let mut settings = settings_for_tests();
    settings.limits.searched_mailboxes_max = 2;
    let mut stream = house.connect(settings);
    ask(&mut stream, LOGIN).await;
    for mailbox in ["INBOX", "Archive", "Sent"] {
        let command = format!("a APPEND {mailbox} {{2+}}\r\nx\n\r\n");
        stream.write_all(command.as_bytes()).await.unwrap();
        assert!(answer(&mut stream, "a").await.contains("a OK"));
    }
    let refused = "b NO [LIMIT] Too many mailboxes to search at once\r\n";
    for sources in ["personal", "mailboxes (INBOX Archive) subtree Sent"] {
        let command = format!("b ESEARCH IN ({sources}) ALL\r\n");
        stream.write_all(command.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream, "b").await, refused, "{sources}");
    }
    // One that is named twice is one.
    stream
        .write_all(b"b ESEARCH IN (mailboxes (INBOX Archive) subtree Archive) ALL\r\n")
        .await
        .unwrap();
    let found = answer(&mut stream, "b").await;
    assert_eq!(found.matches("* ESEARCH (TAG \"b\" MAILBOX ").count(), 2, "{found}");
    assert!(found.ends_with("\r\nb OK ESEARCH completed\r\n"), "{found}");
}

/// A text takes of the memory that messages share: who fetches it ever so slowly is not waited
/// for without end.
#[tokio::test]
async fn a_url_is_not_sent_for_ever() {
    let house = House::for_messages_of(Database::Sqlite, 1 << 22).await;
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, LOGIN).await;
    let message = format!("\r\n{}", format!("{}\r\n", "x".repeat(70)).repeat(40_000));
    let command = format!("a APPEND INBOX {{{}+}}\r\n{message}\r\n", message.len());
    stream.write_all(command.as_bytes()).await.unwrap();
    assert!(answer(&mut stream, "a").await.contains("a OK"));
    let url = "imap://julie@example.test/INBOX/;uid=1;urlauth=user+julie";
    stream.write_all(format!("b GENURLAUTH \"{url}\" INTERNAL\r\n").as_bytes()).await.unwrap();
    let made = answer(&mut stream, "b").await;
    let url = made.split('"').nth(1).unwrap();
    stream.write_all(format!("c URLFETCH \"{url}\"\r\n").as_bytes()).await.unwrap();
    stream.read_u8().await.unwrap();
    pause();
    let (begun, mut piece) = (Instant::now(), vec![0; 64 * 1024]);
    while stream.read_exact(&mut piece).await.is_ok() {
        // No piece is late.
        sleep(Duration::from_secs(100)).await;
    }
    let minutes = begun.elapsed().as_secs() / 60;
    assert!((30..36).contains(&minutes), "{minutes}");
}
