//! Clients that want to keep others out, or to have content taken for commands.

use std::time::Duration;

use net::PaceSettings;
use smtp::{ReceptionMemory, Role, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Fixture, settings};

const CHUNK: &[u8] = b"EHLO a\r\nMAIL FROM:<s@x.test> SIZE=90000\r\nRCPT TO:<alice@here.test>\r\n\
                       BDAT 1\r\nx";

#[tokio::test(start_paused = true)]
async fn a_message_in_chunks_ends_in_time_whatever_stands_between() {
    let fixture = Fixture::new().await;
    for more in [&b"NOOP\r\n"[..], b"BDAT 1\r\nx"] {
        let mut limits = settings(Role::Mx);
        limits.pace.time_max = Duration::from_secs(1800);
        limits.pace.grace = Duration::from_secs(2000);
        let mut stream = fixture.connect(limits);
        stream.write_all(CHUNK).await.unwrap();
        let (mut reading, mut writing) = tokio::io::split(stream);
        let began = tokio::time::Instant::now();
        let trickle = tokio::spawn(async move {
            while writing.write_all(more).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(200)).await;
            }
        });
        let mut replies = String::new();
        reading.read_to_string(&mut replies).await.unwrap();
        assert!(replies.ends_with("421 4.4.2 Timed out, goodbye\r\n"), "{replies}");
        assert_eq!(began.elapsed().as_secs(), 1800);
        trickle.abort();
    }
    fixture.close().await;
}

/// A byte a minute is within every time of silence.
#[tokio::test(start_paused = true)]
async fn who_trickles_is_cut_off() {
    let fixture = Fixture::new().await;
    let begin = "EHLO a\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<alice@here.test>\r\n";
    for (role, command) in [
        (Role::Mx, "DATA\r\n"),
        (Role::Mx, "BDAT 5000 LAST\r\n"),
        // Of a transaction that was never begun: nobody wants it.
        (Role::Mx, "RSET\r\nBDAT 5000\r\n"),
        (Role::Lmtp, "DATA\r\n"),
    ] {
        let mut limits = settings(role);
        limits.pace = PaceSettings { rate_min: 10, ..PaceSettings::default() };
        let mut stream = fixture.connect(limits);
        let hello =
            if role == Role::Lmtp { begin.replace("EHLO", "LHLO") } else { begin.to_owned() };
        stream.write_all(format!("{hello}{command}").as_bytes()).await.unwrap();
        let (mut reading, mut writing) = tokio::io::split(stream);
        let began = tokio::time::Instant::now();
        let trickle = tokio::spawn(async move {
            while writing.write_all(&[b'x'; 100]).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        });
        let mut replies = String::new();
        reading.read_to_string(&mut replies).await.unwrap();
        assert!(replies.ends_with("421 4.4.2 Timed out, goodbye\r\n"), "{replies}");
        // Half as fast as it should be: a minute, and as long again.
        let lasted = began.elapsed().as_secs();
        assert!((100..=130).contains(&lasted), "{command}: {lasted} s");
        trickle.abort();
    }
    fixture.close().await;
}

#[tokio::test]
async fn announced_sizes_keep_nobody_out() {
    let mut fixture = Fixture::new().await;
    // Room for four beginnings; each of the three announces more than all of it.
    fixture.memory = ReceptionMemory::new(72 * 1024);
    let impatient = Settings { memory_wait: Duration::ZERO, ..settings(Role::Mx) };
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = fixture.connect(impatient.clone());
        stream.write_all(CHUNK).await.unwrap();
        let mut replies = String::new();
        while !replies.contains("Chunk received") {
            let mut some = [0; 512];
            let count = stream.read(&mut some).await.unwrap();
            replies += str::from_utf8(&some[..count]).unwrap();
            assert!(count > 0 && !replies.contains("\r\n4"), "{replies}");
        }
        streams.push(stream);
    }
    let wire = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    let replies = fixture.talk(impatient, wire, wire.len()).await;
    assert!(replies.contains("\r\n250 2.0.0 Stored"), "{replies}");
    fixture.close().await;
}

#[tokio::test]
async fn content_behind_an_unreadable_bdat_is_never_run() {
    let fixture = Fixture::new().await;
    let lost = "220 mx.here.test ESMTP Posthorn\r\n\
                421 4.5.4 Size of BDAT not understood, goodbye\r\n";
    let long = [&b"BDAT 6"[..], &[b' '; 5000], b"\r\nNOOP\r\n"].concat();
    for wire in [&b"BDAT 6\nNOOP\r\n"[..], b"bdat\nNOOP\r\n", &long] {
        for step in [1, 3, wire.len()] {
            let replies = fixture.talk(settings(Role::Mx), wire, step).await;
            assert_eq!(replies, lost, "{:?} by {step}", String::from_utf8_lossy(wire));
        }
    }
    // Lines shorter than a verb, however they arrive.
    for step in [1, 2, 3, 9] {
        let replies = fixture.talk(settings(Role::Mx), b"\r\nA\r\nBDA\r\nQUIT\r\n", step).await;
        let codes: Vec<&str> = replies.lines().map(|line| &line[..3]).collect();
        assert_eq!(codes, ["220", "500", "500", "500", "221"], "in steps of {step}");
    }
    fixture.close().await;
}

/// Text where fields should be goes on with none of ours, and readers agree on where it begins:
/// what stands behind it is no field for anybody (RFC 5322 §2.1).
#[tokio::test]
async fn text_in_place_of_fields_is_text() {
    let fixture = Fixture::new().await;
    let cases = [
        ("x\r\n", "\r\nx\r\n"),
        (
            "\tby mx.evil.test\r\nSubject: a\r\n\r\nb\r\n",
            "\r\n\tby mx.evil.test\r\nSubject: a\r\n\r\nb\r\n",
        ),
        (": a\r\n\r\nb\r\n", "\r\n: a\r\n\r\nb\r\n"),
        // Nothing is added elsewhere: a message is kept as it came.
        ("A: b\r\n c\r\nx y\r\nD: e\r\n\r\nf\r\n", "A: b\r\n c\r\nx y\r\nD: e\r\n\r\nf\r\n"),
        ("", ""),
        ("\r\nx\r\n", "\r\nx\r\n"),
        ("A: b\r\n", "A: b\r\n"),
        ("A : b\r\nC:\r\n\r\nx y\r\n", "A : b\r\nC:\r\n\r\nx y\r\n"),
        ("From a@b Mon Nov 23\r\nA: b\r\n\r\nc\r\n", "From a@b Mon Nov 23\r\nA: b\r\n\r\nc\r\n"),
    ];
    for (count, (sent, kept)) in cases.into_iter().enumerate() {
        for role in [Role::Mx, Role::Lmtp] {
            let hello = if role == Role::Lmtp { "LHLO a" } else { "EHLO a" };
            let begin = "MAIL FROM:<s@x.test>\r\nRCPT TO:<bob@here.test>";
            let wire = format!("{hello}\r\n{begin}\r\nDATA\r\n{sent}.\r\nQUIT\r\n");
            fixture.talk(settings(role), wire.as_bytes(), wire.len()).await;
        }
        let inbox = fixture.inbox("bob@here.test").await;
        assert_eq!(inbox.len(), 2 * (count + 1), "{sent:?}");
        for message in &inbox[2 * count..] {
            let text = String::from_utf8_lossy(message);
            let (trace, rest) = text.split_at(text.find("+0000\r\n").unwrap() + 7);
            assert!(trace.starts_with("Return-Path: <s@x.test>\r\nReceived: "), "{text}");
            assert_eq!(rest, kept, "{sent:?}");
        }
    }
    // What we add to a submission stands above it as well.
    let sign_in = "AUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l";
    let wire = format!(
        "EHLO a\r\n{sign_in}\r\nMAIL FROM:<alice@here.test>\r\nRCPT TO:<alice@here.test>\r\n\
         DATA\r\n Bcc: x@y.test\r\n.\r\nQUIT\r\n"
    );
    fixture.talk(settings(Role::Submission), wire.as_bytes(), wire.len()).await;
    let text = String::from_utf8(fixture.inbox("alice@here.test").await.remove(0)).unwrap();
    assert!(
        text.contains("\r\nDate: ") && text.ends_with("@mx.here.test>\r\n\r\n Bcc: x@y.test\r\n"),
        "{text}"
    );
    // Who else got it is read by nobody, wherever it stands.
    let wire = format!(
        "EHLO a\r\n{sign_in}\r\nMAIL FROM:<alice@here.test>\r\nRCPT TO:<alice@here.test>\r\n\
         DATA\r\nA: b\r\nx y\r\nBcc: secret@y.test\r\n\r\nc\r\n.\r\nQUIT\r\n"
    );
    fixture.talk(settings(Role::Submission), wire.as_bytes(), wire.len()).await;
    let text = String::from_utf8(fixture.inbox("alice@here.test").await.remove(1)).unwrap();
    assert!(text.ends_with("\r\nA: b\r\nx y\r\n\r\nc\r\n"), "{text}");
    fixture.close().await;
}
