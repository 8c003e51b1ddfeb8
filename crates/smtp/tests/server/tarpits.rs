//! Servers that answer as slowly as they can: our client leaves them in time.

use std::time::Duration;

use net::{Stream, TlsClient, TlsDemand};
use smtp::client::{
    Client, ConnectError, OpeningSettings, Outbound, OutboundContent, OutboundRecipient, TlsUse,
    Verdict,
};
use smtp::types::Body;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, split};
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);

async fn open(stream: DuplexStream) -> Result<Client, ConnectError> {
    let (peer, local) = ("192.0.2.7:25".parse().unwrap(), "192.0.2.1:4321".parse().unwrap());
    let opening = OpeningSettings {
        hostname: "mail.here.test".to_owned(),
        tls: TlsUse::Opportunistic,
        credentials: None,
    };
    let (tls, stream) = (TlsClient::new(None).unwrap(), Stream::memory(stream, peer, local));
    Client::open(stream, "there.test", &opening, &tls, &TlsDemand::Encrypted).await
}

fn message(recipients: usize, content: &OutboundContent) -> Outbound {
    Outbound {
        reverse_path: "julie@here.test".to_owned(),
        body: Body::SevenBit,
        utf8_header: false,
        size_bytes: content.len() as u64,
        ret: None,
        envelope_id: None,
        deliver_by: None,
        priority: None,
        require_tls: false,
        recipients: (0..recipients)
            .map(|number| OutboundRecipient {
                forward_path: format!("x{number}@there.test"),
                notify: None,
                original: None,
            })
            .collect(),
    }
}

/// Answers each line with `reply`, after a pause.
async fn answer(stream: DuplexStream, pause: Duration, reply: impl Fn(&str) -> String) {
    let (reading, mut writing) = split(stream);
    let mut lines = BufReader::new(reading).lines();
    if writing.write_all(b"220 there.test\r\n").await.is_err() {
        return;
    }
    while let Ok(Some(line)) = lines.next_line().await {
        sleep(pause).await;
        if writing.write_all(reply(&line).as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_a_minute_is_no_reply() {
    // Neither of one line nor of many.
    for greeting in ["220 there.test, how are you today\r\n", "220-1\r\n220-2\r\n220-3\r\n"] {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let began = Instant::now();
        let server = tokio::spawn(async move {
            for byte in greeting.bytes().chain(std::iter::repeat(b'x')) {
                sleep(MINUTE).await;
                if theirs.write_all(&[byte]).await.is_err() {
                    break;
                }
            }
        });
        let error = open(ours).await.err();
        assert!(matches!(error, Some(ConnectError::Broken(_))), "{greeting:?}: {error:?}");
        assert_eq!(began.elapsed(), 5 * MINUTE, "{greeting:?}");
        server.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn replies_just_in_time_do_not_go_on_for_ever() {
    let (ours, theirs) = tokio::io::duplex(4096);
    let began = Instant::now();
    let server = tokio::spawn(answer(theirs, 4 * MINUTE, |line| match line {
        "STARTTLS" => "454 4.7.0 not now\r\n".to_owned(),
        _ => "250-there.test\r\n250 STARTTLS\r\n".to_owned(),
    }));
    let client = open(ours).await;
    // EHLO and STARTTLS take eight minutes; that will do.
    assert_eq!((client.is_ok(), began.elapsed()), (true, 8 * MINUTE));
    server.abort();
    let (ours, theirs) = tokio::io::duplex(4096);
    let began = Instant::now();
    // EHLO is not known, nor is HELO soon.
    let server = tokio::spawn(async move {
        let (reading, mut writing) = split(theirs);
        let mut lines = BufReader::new(reading).lines();
        for reply in ["220 there.test\r\n", "500 what\r\n", "250 there.test\r\n"] {
            sleep(4 * MINUTE).await;
            let _ = writing.write_all(reply.as_bytes()).await;
            let _ = lines.next_line().await;
        }
    });
    let error = open(ours).await.err();
    assert!(matches!(error, Some(ConnectError::Broken(_))), "{error:?}");
    assert_eq!(began.elapsed(), 10 * MINUTE);
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn one_message_takes_an_hour_at_most() {
    let (ours, theirs) = tokio::io::duplex(4096);
    let server = tokio::spawn(answer(theirs, 4 * MINUTE, |line| match line.get(..4) {
        Some("EHLO") => "250 there.test\r\n".to_owned(),
        _ => "250 2.1.5 go on\r\n".to_owned(),
    }));
    let mut client = open(ours).await.ok().unwrap();
    let began = Instant::now();
    let content = OutboundContent { header: b"a: b\r\n\r\n".to_vec(), body: Vec::new() };
    let outcome = client.send(&message(50, &content), &content).await;
    assert_eq!(began.elapsed(), 60 * MINUTE);
    // Nobody got it, so that nobody gets it twice.
    assert!(!outcome.usable && !outcome.content_sent);
    assert!(outcome.verdicts.iter().all(|verdict| *verdict == Verdict::Unanswered));
    server.abort();
}

#[tokio::test]
async fn what_is_said_unasked_is_no_reply_to_what_follows() {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(answer(theirs, Duration::ZERO, |line| match line.get(..4) {
        Some("EHLO") => "250-there.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n".to_owned(),
        // Once more than it was asked.
        Some("BDAT") => "250 2.0.0 taken\r\n250 2.0.0 taken\r\n".to_owned(),
        Some("MAIL" | "RCPT") => "250 2.1.0 ok\r\n".to_owned(),
        _ => String::new(),
    }));
    let mut client = open(ours).await.ok().unwrap();
    let content = OutboundContent { header: b"a: b\r\n\r\n".to_vec(), body: Vec::new() };
    let outcome = client.send(&message(1, &content), &content).await;
    assert!(matches!(&outcome.verdicts[..], [Verdict::Accepted(_)]), "{outcome:?}");
    // The next message goes over another connection.
    let outcome = client.send(&message(1, &content), &content).await;
    assert_eq!(outcome.verdicts, [Verdict::Unanswered]);
    assert!(!outcome.usable && !outcome.begun && !outcome.content_sent);
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_not_waited_for() {
    let (ours, theirs) = tokio::io::duplex(1024);
    let server = tokio::spawn(async move {
        let (reading, mut writing) = split(theirs);
        let mut lines = BufReader::new(reading).lines();
        let replies = ["220 there.test", "250 there.test", "250 ok", "250 ok", "354 go"];
        for reply in replies {
            let _ = writing.write_all(format!("{reply}\r\n").as_bytes()).await;
            if reply != "354 go" {
                let _ = lines.next_line().await;
            }
        }
        // A line an hour.
        loop {
            sleep(60 * MINUTE).await;
            let _ = lines.next_line().await;
        }
    });
    let mut client = open(ours).await.ok().unwrap();
    let began = Instant::now();
    let body = b"0123456789\r\n".repeat(10_000);
    let content = OutboundContent { header: b"a: b\r\n\r\n".to_vec(), body };
    let outcome = client.send(&message(1, &content), &content).await;
    let lasted = began.elapsed().as_secs();
    assert!((180..=200).contains(&lasted), "{lasted}");
    assert!(!outcome.usable);
    assert_eq!(outcome.verdicts, [Verdict::Unanswered]);
    server.abort();
}
