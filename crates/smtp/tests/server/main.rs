//! The server against a real store: over memory here, over sockets with TLS in `tls.rs`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod added;
mod authenticity;
mod calendars;
mod checks;
mod client;
mod confirming;
mod hostile;
mod known_lists;
mod limits;
mod lists;
mod networks;
mod peers;
mod readdressing;
mod receptions;
mod rewriting;
mod sasl;
mod sending;
mod support;
mod tarpits;
mod tls;

use std::path::Path;
use std::time::Duration;

use smtp::{Role, Settings};
use support::{Fixture, settings, without_ids};
use testkit::transcript::{self, Header, Scene};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const TRANSACTION: &[u8] = b"LHLO a\r\nMAIL FROM:<s@elsewhere.test>\r\n\
    RCPT TO:<alice@here.test>\r\nRCPT TO:<nobody@here.test>\r\nDATA\r\n\
    Subject: one\r\n\r\n..dot\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\n\
    BDAT 20\r\nSubject: two\r\n\r\nabcBDAT 3 LAST\r\nde\nQUIT\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transcripts() {
    for path in transcript::files(Path::new("tests/transcripts")) {
        let mut stage = Stage { fixture: Fixture::new().await };
        transcript::run(&path, &mut stage).await;
        stage.fixture.close().await;
    }
}

/// Where transcripts are played.
struct Stage {
    fixture: Fixture,
}

impl Scene for Stage {
    type Stream = DuplexStream;

    async fn open(&mut self, _number: u32, header: &Header) -> DuplexStream {
        let role = match header.find("role") {
            Some("submission") => Role::Submission,
            Some("lmtp") => Role::Lmtp,
            _ => Role::Mx,
        };
        let mut settings = settings(role);
        if let Some(errors) = header.find("errors_max") {
            settings.errors_max = errors.parse().unwrap();
        }
        if let Some(recipients) = header.find("recipients_max") {
            settings.recipients_max = recipients.parse().unwrap();
        }
        self.fixture.connect(settings)
    }

    /// `messages ADDRESS N`: the INBOX holds so many. `spooled N`: so many wait in the spool.
    async fn act(&mut self, words: &str) -> Result<(), String> {
        let words: Vec<&str> = words.split(' ').collect();
        let (found, expected) = match words.as_slice() {
            ["messages", address, count] => (self.fixture.inbox(address).await.len(), count),
            ["spooled", count] => (self.fixture.spool().await.len(), count),
            _ => return Err(format!("unknown action {words:?}")),
        };
        if found.to_string() == **expected { Ok(()) } else { Err(format!("there are {found}")) }
    }
}

#[tokio::test]
async fn feeding_bytewise_equals_feeding_whole() {
    let fixture = Fixture::new().await;
    let whole = fixture.talk(settings(Role::Lmtp), TRANSACTION, TRANSACTION.len()).await;
    for step in [1, 2, 3, 7, 64] {
        let cut = fixture.talk(settings(Role::Lmtp), TRANSACTION, step).await;
        assert_eq!(without_ids(&cut), without_ids(&whole), "in steps of {step}");
    }
    assert_eq!(fixture.inbox("alice@here.test").await.len(), 6);
    fixture.close().await;
}

#[tokio::test]
async fn a_disconnect_at_any_byte_leaves_nothing_behind() {
    let fixture = Fixture::new().await;
    let ends: Vec<usize> =
        [&b"\r\n.\r\n"[..], b"de\n"].iter().map(|end| position(TRANSACTION, end)).collect();
    let mut expected = 0;
    for length in 0..TRANSACTION.len() {
        fixture.talk(settings(Role::Lmtp), &TRANSACTION[..length], length).await;
        // The first message is whole from its final period on; the second is refused for its
        // bare line feed.
        expected += usize::from(length >= ends[0]);
        let found = fixture.inbox("alice@here.test").await.len();
        assert_eq!(found, expected, "after {length} bytes");
    }
    fixture.close().await;
}

fn position(wire: &[u8], end: &[u8]) -> usize {
    wire.windows(end.len()).position(|window| window == end).unwrap() + end.len()
}

#[tokio::test]
async fn nothing_is_smuggled() {
    let ends: &[&[u8]] = &[
        b"\n.\n",
        b"\n.\r\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\r\n.\r\r\n",
        b"\r\r\n.\n",
        b"\n\n.\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
        b"\r\n.\r\0\n",
    ];
    let fixture = Fixture::new().await;
    let envelope = b"MAIL FROM:<s@elsewhere.test>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n";
    for end in ends {
        let wire = [
            &b"EHLO a\r\n"[..],
            envelope,
            b"Subject: a\r\n\r\nx",
            end,
            envelope,
            b"Subject: smuggled\r\n\r\n.\r\nQUIT\r\n",
        ]
        .concat();
        let replies = fixture.talk(settings(Role::Mx), &wire, wire.len()).await;
        let last: Vec<&str> = replies.lines().rev().take(3).collect();
        assert_eq!(last[0], "221 2.0.0 Goodbye", "{end:?}");
        assert!(last[1].starts_with("554 5.6.0 "), "{end:?}: {replies}");
        assert!(last[2].starts_with("354 "), "{end:?}: {replies}");
    }
    assert_eq!(fixture.inbox("alice@here.test").await.len(), 0);
    fixture.close().await;
}

#[tokio::test]
async fn oversize_is_read_to_its_end_and_refused() {
    let fixture = Fixture::new().await;
    let start = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\n";
    let line = [&[b'x'; 98][..], b"\r\n"].concat();
    let big = line.repeat(1001);
    let wire = [&start[..], b"DATA\r\n", &big, b".\r\nNOOP\r\nQUIT\r\n"].concat();
    let replies = fixture.talk(settings(Role::Mx), &wire, 5000).await;
    let expected = "552 5.3.4 Message exceeds the maximum size\r\n250 2.0.0 OK\r\n\
                    221 2.0.0 Goodbye\r\n";
    assert!(replies.ends_with(expected), "{replies}");
    let chunk = format!("BDAT {} LAST\r\n", big.len());
    let wire = [&start[..], chunk.as_bytes(), &big, b"NOOP\r\nQUIT\r\n"].concat();
    let replies = fixture.talk(settings(Role::Mx), &wire, 5000).await;
    assert!(replies.ends_with(expected), "{replies}");
    let wire = [&start[..], b"DATA\r\n", &line.repeat(2100)].concat();
    let replies = fixture.talk(settings(Role::Mx), &wire, 5000).await;
    assert!(replies.ends_with("421 4.7.0 Endless input, goodbye\r\n"), "{replies}");
    assert_eq!(fixture.inbox("alice@here.test").await.len(), 0);
    fixture.close().await;
}

#[tokio::test]
async fn long_lines_are_skipped() {
    let fixture = Fixture::new().await;
    let wire =
        [&b"NOOP "[..], &[b'x'; 4089], b"\r\nNOOP ", &[b'x'; 4090], b"\r\nQUIT\r\n"].concat();
    let replies = fixture.talk(settings(Role::Mx), &wire, wire.len()).await;
    let expected = "220 mx.here.test ESMTP Posthorn\r\n250 2.0.0 OK\r\n500 5.5.2 Line too long\r\n\
                    221 2.0.0 Goodbye\r\n";
    assert_eq!(replies, expected);
    fixture.close().await;
}

#[tokio::test(start_paused = true)]
async fn silence_ends_with_421() {
    let fixture = Fixture::new().await;
    let timed_out = "421 4.4.2 Timed out, goodbye\r\n";
    for start in [&b""[..], b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\nx"] {
        let mut stream = fixture.connect(settings(Role::Mx));
        stream.write_all(start).await.unwrap();
        let mut replies = String::new();
        stream.read_to_string(&mut replies).await.unwrap();
        assert!(replies.ends_with(timed_out), "{replies}");
    }
    // A client that trickles is never silent; the message as a whole has its own limit.
    let mut stream = fixture.connect(settings(Role::Mx));
    stream
        .write_all(b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n")
        .await
        .unwrap();
    let (mut reading, mut writing) = tokio::io::split(stream);
    let trickle = tokio::spawn(async move {
        while writing.write_all(b"x\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(200)).await;
        }
    });
    let mut replies = String::new();
    reading.read_to_string(&mut replies).await.unwrap();
    assert!(replies.ends_with(timed_out), "{replies}");
    trickle.abort();
    fixture.close().await;
}

#[tokio::test(start_paused = true)]
async fn early_talkers_are_turned_away() {
    let fixture = Fixture::new().await;
    let patient = Settings { early_talker_wait: Duration::from_secs(1), ..settings(Role::Mx) };
    let replies = fixture.talk(patient.clone(), b"EHLO a\r\n", 8).await;
    assert_eq!(replies, "554 5.5.0 You spoke before the greeting, goodbye\r\n");
    let mut stream = fixture.connect(patient);
    let mut greeting = [0; 33];
    stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 mx.here.test ESMTP Posthorn\r\n");
    fixture.close().await;
}

#[tokio::test]
async fn reception_memory_is_bounded() {
    let mut fixture = Fixture::new().await;
    fixture.memory = smtp::ReceptionMemory::new(8 * 1024);
    let short = Settings { memory_wait: Duration::ZERO, ..settings(Role::Mx) };
    let wire = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    let replies = fixture.talk(short, wire, wire.len()).await;
    let expected = "452 4.3.1 Too much mail at once, try later\r\n221 2.0.0 Goodbye\r\n";
    assert!(replies.ends_with(expected), "{replies}");
    fixture.close().await;
}

#[tokio::test]
async fn a_shutdown_says_goodbye() {
    let fixture = Fixture::new().await;
    let mut stream = fixture.connect(settings(Role::Mx));
    let mut greeting = [0; 33];
    stream.read_exact(&mut greeting).await.unwrap();
    fixture.shutdown.begin();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    assert_eq!(replies, "421 4.3.2 Shutting down, come again later\r\n");
    fixture.close().await;
}

#[tokio::test]
async fn trace_fields_stand_on_top() {
    let fixture = Fixture::new().await;
    let wire = b"EHLO mx.elsewhere.test\r\nMAIL FROM:<s@elsewhere.test>\r\n\
                 RCPT TO:<alice+x@here.test>\r\nDATA\r\nSubject: a\r\n\r\nb\r\n.\r\nQUIT\r\n";
    fixture.talk(settings(Role::Mx), wire, wire.len()).await;
    let messages = fixture.inbox("alice@here.test").await;
    let text = String::from_utf8(messages[0].clone()).unwrap();
    let (start, rest) = text.split_once("\tid ").unwrap();
    assert_eq!(
        start,
        "Return-Path: <s@elsewhere.test>\r\n\
         Received: from mx.elsewhere.test ([192.0.2.7])\r\n\tby mx.here.test with ESMTP\r\n"
    );
    let (id, rest) = rest.split_once("\r\n").unwrap();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert_eq!(
        rest,
        "\tfor <alice+x@here.test>;\r\n\tMon, 23 Nov 2026 00:00:00 +0000\r\n\
         Subject: a\r\n\r\nb\r\n"
    );
    fixture.close().await;
}

#[tokio::test]
async fn loops_are_found() {
    let fixture = Fixture::new().await;
    for (hops, code) in [(100, "250 2.0.0"), (101, "554 5.4.6")] {
        let mut wire = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n".to_vec();
        wire.extend(b"Received: x\r\n".repeat(hops));
        wire.extend(b"\r\nb\r\n.\r\n");
        let replies = fixture.talk(settings(Role::Mx), &wire, wire.len()).await;
        assert!(replies.lines().last().is_some_and(|line| line.starts_with(code)), "{replies}");
    }
    fixture.close().await;
}

#[tokio::test]
async fn dsn_parameters_reach_the_spool() {
    let fixture = Fixture::new().await;
    let wire = "EHLO a\r\nAUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n\
        MAIL FROM:<alice@also.test> BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=a+2Bb\r\n\
        RCPT TO:<x@y.test> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\"\u{e9}\"@y.test\r\n\
        RCPT TO:<\u{e9}@y.test>\r\nRCPT TO:<bob@here.test> NOTIFY=NEVER\r\nDATA\r\n\
        From: alice@here.test\r\n\r\n.\r\nQUIT\r\n";
    let replies = fixture.talk(settings(Role::Submission), wire.as_bytes(), wire.len()).await;
    assert!(replies.contains("\r\n250 2.0.0 Stored"), "{replies}");
    let envelope =
        r#"{"body":"8BITMIME","envid":"a+2Bb","ret":"FULL","smtputf8":true,"verified":true}"#;
    let rows = [
        ("x@y.test", r#"{"notify":"SUCCESS,DELAY","orcpt":"utf-8;\"é\"@y.test"}"#),
        ("é@y.test", r#"{"notify":null,"orcpt":null}"#),
    ];
    let expected = rows.map(|(path, parameters)| ["alice@also.test", envelope, path, parameters]);
    assert_eq!(fixture.spool().await, expected);
    assert_eq!(fixture.inbox("bob@here.test").await.len(), 1);
    fixture.close().await;
}

#[tokio::test]
async fn a_mailbox_that_fills_up_does_not_hold_up_the_others() {
    let fixture = Fixture::new().await;
    // Nothing says beforehand that the message is larger than what `full` may keep.
    let start = "EHLO a\r\nMAIL FROM:<s@elsewhere.test>\r\nRCPT TO:<full@here.test>\r\n";
    let end = "DATA\r\nSubject: a\r\n\r\nb\r\n.\r\nQUIT\r\n";
    let wire = format!("{start}{end}");
    let replies = fixture.talk(settings(Role::Mx), wire.as_bytes(), wire.len()).await;
    assert!(replies.contains("452 4.2.2 This mailbox is full\r\n221"), "{replies}");
    assert!(fixture.spool().await.is_empty());
    let wire = format!("{start}RCPT TO:<alice@here.test>\r\n{end}");
    let replies = fixture.talk(settings(Role::Mx), wire.as_bytes(), wire.len()).await;
    assert!(replies.contains("\r\n250 2.0.0 Stored"), "{replies}");
    let spool = fixture.spool().await;
    assert_eq!(spool.iter().map(|row| row[2].as_str()).collect::<Vec<_>>(), ["full@here.test"]);
    assert_eq!(fixture.inbox("alice@here.test").await.len(), 1);
    // What is announced as too large for the mailbox is refused before it is sent.
    let wire = "EHLO a\r\nMAIL FROM:<> SIZE=101\r\nRCPT TO:<full@here.test>\r\nQUIT\r\n";
    let replies = fixture.talk(settings(Role::Mx), wire.as_bytes(), wire.len()).await;
    assert!(replies.contains("452 4.2.2 This mailbox is full\r\n221"), "{replies}");
    fixture.close().await;
}

#[tokio::test]
async fn maintenance_stops_sending_and_nothing_else() {
    let fixture = Fixture::new().await;
    let alice = storage::Address::parse("alice@here.test").unwrap();
    let set = move |tx: &mut storage::WriteTx<'_>| {
        let account = tx.find_account(&alice)?.unwrap().id;
        tx.account(account)?.set_maintenance(true)
    };
    fixture.store.write("test", set).await.unwrap();
    let wire = b"EHLO a\r\nAUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\nQUIT\r\n";
    let replies = fixture.talk(settings(Role::Submission), wire, wire.len()).await;
    let refused = "454 4.7.0 This account is in maintenance, try later\r\n221";
    assert!(replies.contains(refused), "{replies}");
    let wire = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n.\r\n";
    let replies = fixture.talk(settings(Role::Mx), wire, wire.len()).await;
    assert!(replies.contains("250 2.0.0 Stored"), "{replies}");
    fixture.close().await;
}

#[tokio::test]
async fn a_changed_password_ends_the_session() {
    let fixture = Fixture::new().await;
    let mut stream = fixture.connect(settings(Role::Submission));
    stream.write_all(b"EHLO a\r\n").await.unwrap();
    stream.write_all(b"AUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n").await.unwrap();
    let mut seen = String::new();
    while !seen.contains("235 2.7.0") {
        let mut piece = [0; 512];
        let count = stream.read(&mut piece).await.unwrap();
        seen += str::from_utf8(&piece[..count]).unwrap();
    }
    let alice = storage::Address::parse("alice@here.test").unwrap();
    fixture
        .store
        .write("test", move |tx| {
            let account = tx.find_account(&alice)?.unwrap().id;
            tx.account(account)?.set_password_hash("")
        })
        .await
        .unwrap();
    stream.write_all(b"MAIL FROM:<alice@here.test>\r\n").await.unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    assert_eq!(replies, "421 4.7.0 Sign in again\r\n");
    fixture.close().await;
}
