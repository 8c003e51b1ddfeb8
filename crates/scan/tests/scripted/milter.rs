//! The milter protocol: what a milter hears and what its answers do.

use std::sync::atomic::{AtomicUsize, Ordering};

use scan::{Check, EnvelopeChanges, Milter, Origin, Outcome, Reply, Scanner};

use crate::peers::{Script, milter, options, packet};
use crate::{accepted, chain, check, mail, to};

const ALL: u32 = 0x1 | 0x2 | 0x10 | 0x20;

async fn outcome(script: Script) -> Outcome {
    let (address, _) = milter(script).await;
    let mut session = chain(check(Scanner::Milter(Milter { address }))).begin();
    session.run(mail(&to(&["b@y.test", "c@y.test"]))).await
}

fn refused(code: u16, enhanced: (u8, u8, u8), text: &str) -> Outcome {
    Outcome::Refuse(Reply { code, enhanced, text: text.to_owned() })
}

#[tokio::test]
async fn a_milter_hears_of_the_peer_once_and_of_each_message() {
    let (address, told) = milter(|command, _| {
        Some(match command {
            b'O' => options(6, 0, 0),
            b'D' | b'A' | b'Q' => Vec::new(),
            // It takes its time once.
            b'E' => [packet(b'p', b""), packet(b'c', b"")].concat(),
            _ => packet(b'c', b""),
        })
    })
    .await;
    let mut session = chain(check(Scanner::Milter(Milter { address }))).begin();
    assert_eq!(session.run(mail(&to(&["b@y.test", "c@y.test"]))).await, accepted());
    let message = [
        "D M{mail_addr}|a@x.test|",
        "M <a@x.test>|",
        "D R{rcpt_addr}|b@y.test|",
        "R <b@y.test>|",
        "D R{rcpt_addr}|c@y.test|",
        "R <c@y.test>|",
        "D Ti|0001|",
        "T ",
        "L From|a@x.test|",
        "L Subject|one\n two|",
        "N ",
        "B Body\r\n.line\r\n",
        "D Ei|0001|",
        "E ",
    ];
    let peer = [
        "connect",
        "D Cj|mx.test|{daemon_name}|posthorn|v|Posthorn|",
        "C [192.0.2.7]|4\u{10}\u{fffd}192.0.2.7|",
        "D H{tls_version}|TLSv1.3|{cipher}|AES|",
        "H client.test|",
    ];
    assert_eq!(told.lines(), [&peer[..], &message[..]].concat());
    let julie = mail(&[]).peer;
    let recipients = to(&["b@y.test", "c@y.test"]);
    let again = scan::Mail {
        account: Some("julie@y.test"),
        mechanism: Some("SCRAM-SHA-256"),
        peer: julie,
        ..mail(&recipients)
    };
    assert_eq!(session.run(again).await, accepted());
    let mut second = message;
    second[0] = "D M{mail_addr}|a@x.test|{auth_authen}|julie@y.test|{auth_type}|SCRAM-SHA-256|";
    assert_eq!(told.lines(), second);
    session.end().await;
}

#[tokio::test]
async fn steps_that_a_milter_does_not_want_are_left_out() {
    let (address, told) = milter(|command, _| {
        // No HELO, no RCPT, no DATA; header fields with their blank and without an answer.
        Some(match command {
            b'O' => options(6, 0, 0x2 | 0x8 | 0x200 | 0x80 | 0x10_0000),
            b'D' | b'L' => Vec::new(),
            // Enough of the body.
            b'B' => packet(b's', b""),
            _ => packet(b'c', b""),
        })
    })
    .await;
    let mut session = chain(check(Scanner::Milter(Milter { address }))).begin();
    session.run(mail(&to(&["b@y.test"]))).await;
    // Nor do macros go without the command that they are of.
    let expected = [
        "connect",
        "D Cj|mx.test|{daemon_name}|posthorn|v|Posthorn|",
        "C [192.0.2.7]|4\u{10}\u{fffd}192.0.2.7|",
        "D M{mail_addr}|a@x.test|",
        "M <a@x.test>|",
        "L From| a@x.test|",
        "L Subject| one\n two|",
        "N ",
        "B Body\r\n.line\r\n",
        "D Ei|0001|",
        "E ",
    ];
    assert_eq!(told.lines(), expected);
}

/// Milters before version 4 close the connection at a command that they do not know.
#[tokio::test]
async fn old_milters_hear_of_no_data_command() {
    let scripts: [Script; 3] =
        [|command, _| old(2, command), |command, _| old(3, command), |command, _| old(4, command)];
    for (script, is_known) in scripts.into_iter().zip([false, false, true]) {
        let (address, told) = milter(script).await;
        let mut session = chain(check(Scanner::Milter(Milter { address }))).begin();
        assert_eq!(session.run(mail(&to(&["b@y.test"]))).await == accepted(), !is_known);
        let lines = told.lines();
        let of_data = lines.iter().filter(|line| *line == "T " || line.starts_with("D T"));
        assert_eq!(of_data.count(), if is_known { 2 } else { 0 }, "{lines:?}");
    }
}

/// One of this version that does not know DATA.
fn old(version: u32, command: u8) -> Option<Vec<u8>> {
    match command {
        b'O' => Some(options(version, 0, 0)),
        b'D' => Some(Vec::new()),
        b'T' => None,
        _ => Some(packet(b'c', b"")),
    }
}

#[tokio::test]
async fn a_message_is_changed_as_agreed() {
    let script: Script = |command, _| {
        Some(match command {
            b'O' => options(6, ALL, 0),
            b'D' => Vec::new(),
            b'E' => [
                packet(b'h', b"X-End\0last\0"),
                packet(b'i', b"\0\0\0\0X-First\0first\0"),
                packet(b'm', b"\0\0\0\x01subject\0new\n line\0"),
                packet(b'm', b"\0\0\0\x01From\0\0"),
                packet(b'b', b"other "),
                packet(b'b', b"body\n"),
                packet(b'q', b"looks odd\0"),
                packet(b'c', b""),
            ]
            .concat(),
            _ => packet(b'c', b""),
        })
    };
    let changed = "X-First: first\r\nsubject: new\r\n line\r\nX-End: last\r\n\r\nother body\r\n";
    let envelope = EnvelopeChanges::default();
    let expected = Outcome::Accept { changed: Some(changed.into()), quarantine: true, envelope };
    assert_eq!(outcome(script).await, expected);
    // Mail that leaves has no quarantine.
    let (address, _) = milter(script).await;
    let mut session = chain(check(Scanner::Milter(Milter { address }))).begin();
    let recipients = to(&["b@y.test"]);
    let outgoing = scan::Mail { origin: Origin::Outgoing, ..mail(&recipients) };
    let held = refused(554, (5, 7, 1), "Held back by a check: looks odd");
    assert_eq!(session.run(outgoing).await, held);
}

#[tokio::test]
async fn verdicts_at_every_step() {
    macro_rules! at {
        ($step:literal, $answer:expr) => {
            outcome(|command, _| {
                Some(match command {
                    b'O' => options(6, ALL, 0),
                    b'D' | b'A' => Vec::new(),
                    $step => $answer,
                    _ => packet(b'c', b""),
                })
            })
            .await
        };
    }
    let reject = refused(554, (5, 7, 1), "Message refused");
    let defer = refused(451, (4, 7, 1), "Try again later");
    let accept = accepted();
    assert_eq!(at!(b'C', packet(b'r', b"")), reject);
    assert_eq!(at!(b'H', packet(b't', b"")), defer);
    assert_eq!(at!(b'M', packet(b'a', b"")), accept);
    assert_eq!(at!(b'R', packet(b'a', b"")), accept);
    // They were taken when it was asked of each, or it could not be asked then.
    assert_eq!(at!(b'R', packet(b'y', b"550 5.1.1 Nobody of that name\0")), defer);
    assert_eq!(at!(b'T', packet(b'r', b"")), reject);
    assert_eq!(at!(b'L', packet(b't', b"")), defer);
    assert_eq!(at!(b'N', packet(b'4', b"")), refused(421, (4, 7, 0), "Closing the connection"));
    assert_eq!(at!(b'B', packet(b'a', b"")), accept);
    let envelope = EnvelopeChanges::default();
    let kept = Outcome::Accept { changed: None, quarantine: true, envelope };
    assert_eq!(at!(b'E', packet(b'd', b"")), kept);
    assert_eq!(at!(b'E', packet(b'r', b"")), reject);
}

#[tokio::test]
async fn a_milter_does_only_what_was_agreed() {
    let unavailable = refused(451, (4, 3, 0), "The message cannot be checked now, try again later");
    let scripts: [Script; 5] = [
        // It adds a field without having asked.
        |command, _| {
            Some(match command {
                b'O' => options(6, 0x10, 0),
                b'D' => Vec::new(),
                b'E' => packet(b'h', b"A\0b\0"),
                _ => packet(b'c', b""),
            })
        },
        // It wants to choose its macros, which is not offered.
        |_, _| Some(options(6, 0x100, 0)),
        // It is too old.
        |_, _| Some(options(1, 0, 0)),
        // It wants steps that do not exist.
        |_, _| Some(options(6, 0, 0x8000_0000)),
        // It adds a recipient all the same.
        |command, _| {
            Some(match command {
                b'O' => options(6, ALL, 0),
                b'D' => Vec::new(),
                b'E' => packet(b'+', b"<x@y.test>\0"),
                _ => packet(b'c', b""),
            })
        },
    ];
    for script in scripts {
        assert_eq!(outcome(script).await, unavailable);
    }
}

#[tokio::test]
async fn a_milter_that_was_restarted_is_asked_again() {
    static MESSAGES: AtomicUsize = AtomicUsize::new(0);
    // It is gone when the second message begins.
    let (address, told) = milter(|command, _| match command {
        b'O' => Some(options(6, 0, 0)),
        b'D' => Some(Vec::new()),
        b'M' if MESSAGES.fetch_add(1, Ordering::Relaxed) == 1 => None,
        _ => Some(packet(b'c', b"")),
    })
    .await;
    let check = check(Scanner::Milter(Milter { address }));
    let counters = check.counters.clone();
    let mut session = chain(check).begin();
    for _ in 0..3 {
        session.run(mail(&to(&["b@y.test"]))).await;
    }
    let told = told.lines();
    for (line, times) in [("connect", 2), ("H client.test|", 2), ("E ", 3)] {
        assert_eq!(told.iter().filter(|told| *told == line).count(), times, "{line}");
    }
    assert_eq!(counters.accepted.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_field_of_any_length_passes_through_libmilter() {
    // libmilter closes the connection at a packet with more data than 65,535 bytes.
    let script: Script = |command, data| match command {
        _ if data.len() > 65_535 => None,
        b'O' => Some(options(6, 0, 0)),
        b'D' => Some(Vec::new()),
        _ => Some(packet(b'c', b"")),
    };
    let (address, told) = milter(script).await;
    let checked = Check { size_bytes_max: 1_000_000, ..check(Scanner::Milter(Milter { address })) };
    let mut session = chain(checked).begin();
    let folded = "\r\n and one more word".repeat(5_000);
    let message = format!("From: a@x.test\r\nSubject: one{folded}\r\nTo: b@y.test\r\n\r\nBody\r\n");
    let recipients = to(&["b@y.test"]);
    let outcome =
        session.run(scan::Mail { message: message.as_bytes(), ..mail(&recipients) }).await;
    assert_eq!(outcome, accepted());
    let told = told.lines();
    let subject = told.iter().find(|line| line.starts_with("L Subject|one\n and")).unwrap();
    assert!(subject.ends_with('|') && subject.len() > 60_000, "{}", subject.len());
    assert_eq!(told.last().map(String::as_str), Some("E "));
    assert!(told.contains(&"L To|b@y.test|".to_owned()));
}
