//! What reception takes away from messages, what it finds out, and who gets them by default.

use smtp::{Role, Settings};

use crate::support::{Fixture, settings};

const SIGN_IN: &str = "EHLO a\r\nAUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n\
                       MAIL FROM:<alice@here.test>\r\n";

/// The first message of bob's, from the line of `from` on.
async fn received(fixture: &Fixture, from: &str) -> String {
    let text = String::from_utf8(fixture.inbox("bob@here.test").await.remove(0)).unwrap();
    let at = text.find(from).unwrap();
    text[at..].to_owned()
}

#[tokio::test]
async fn a_submission_loses_its_bcc() {
    let fixture = Fixture::new().await;
    let wire = format!(
        "{SIGN_IN}RCPT TO:<bob@here.test>\r\nDATA\r\nDate: Mon, 23 Nov 2026 00:00:00 +0000\r\n\
         From: alice@here.test\r\nBcc: hidden@example.test,\r\n also@example.test\r\n\
         resent-bcc: x@y.test\r\nMessage-ID: <a@b>\r\n\r\nBcc: body\r\n.\r\nQUIT\r\n"
    );
    let replies = fixture.talk(settings(Role::Submission), wire.as_bytes(), wire.len()).await;
    assert!(replies.contains("\r\n250 2.0.0 Stored"), "{replies}");
    assert_eq!(
        received(&fixture, "Date: ").await,
        "Date: Mon, 23 Nov 2026 00:00:00 +0000\r\nFrom: alice@here.test\r\n\
         Message-ID: <a@b>\r\n\r\nBcc: body\r\n"
    );
    fixture.close().await;
}

#[tokio::test]
async fn the_return_path_is_ours_alone() {
    let fixture = Fixture::new().await;
    let wire = b"EHLO a\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n\
                 Subject: a\r\nReturn-Path: <forged@here.test>\r\nBcc: b\r\n\r\nc\r\n.\r\nQUIT\r\n";
    fixture.talk(settings(Role::Mx), wire, wire.len()).await;
    let text = received(&fixture, "Return-Path: ").await;
    assert!(text.starts_with("Return-Path: <s@x.test>\r\nReceived: "), "{text}");
    assert!(text.ends_with("+0000\r\nSubject: a\r\nBcc: b\r\n\r\nc\r\n"), "{text}");
    fixture.close().await;
}

#[tokio::test]
async fn a_message_may_be_one_line() {
    let fixture = Fixture::new().await;
    let bounds = Settings { message_bytes_max: 100_000, ..Settings::new(Role::Mx, "mx.here.test") };
    let wire = [
        &b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\nSubject: a\r\n\r\n"[..],
        &[b'x'; 90_000],
        b"\r\n.\r\nQUIT\r\n",
    ]
    .concat();
    let replies = fixture.talk(bounds, &wire, 5000).await;
    assert!(replies.contains("\r\n250 2.0.0 Stored"), "{replies}");
    let defaults = Settings::new(Role::Mx, "mx.here.test");
    assert_eq!(defaults.message_line_bytes_max as u64, defaults.message_bytes_max);
    fixture.close().await;
}

#[tokio::test]
async fn the_spool_says_what_the_content_holds() {
    let fixture = Fixture::new().await;
    for (text, parameter) in [("plain", ""), ("\u{e9}", ""), ("plain", " BODY=8BITMIME")] {
        let start = SIGN_IN.replace("test>\r\n", &format!("test>{parameter}\r\n"));
        let wire = format!(
            "{start}RCPT TO:<x@y.test>\r\nDATA\r\nFrom: alice@here.test\r\n\r\n{text}\r\n.\r\nQUIT\r\n"
        );
        let replies = fixture.talk(settings(Role::Submission), wire.as_bytes(), wire.len()).await;
        assert!(replies.contains("\r\n250 2.0.0 Stored"), "{replies}");
    }
    let spool = fixture.spool().await;
    let bodies: Vec<&str> = spool.iter().map(|row| row[1].split('"').nth(3).unwrap()).collect();
    assert_eq!(bodies, ["7BIT", "8BITMIME", "8BITMIME"]);
    fixture.close().await;
}

#[tokio::test]
async fn a_domain_has_a_postmaster() {
    let fixture = Fixture::new().await;
    let wire = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster@here.test>\r\n\
                 RCPT TO:<PostMaster@also.test>\r\nRCPT TO:<Postmaster>\r\n\
                 RCPT TO:<postmaster@elsewhere.test>\r\nRCPT TO:<nobody@here.test>\r\nQUIT\r\n";
    let codes = |replies: String| {
        let lines = replies.lines().rev().skip(1).take(5);
        lines.map(|line| line[..9].to_owned()).collect::<Vec<_>>()
    };
    let nobody = codes(fixture.talk(settings(Role::Mx), wire, wire.len()).await);
    assert_eq!(nobody, ["550 5.1.1", "550 5.7.1", "250 2.1.5", "250 2.1.5", "250 2.1.5"]);
    let bob = storage::Address::parse("bob@here.test").unwrap();
    let promoted = fixture.store.write("test", move |tx| {
        let account = tx.find_account(&bob)?.unwrap().id;
        tx.account(account)?.set_role(storage::Role::Administrator)
    });
    promoted.await.unwrap();
    let found = codes(fixture.talk(settings(Role::Mx), wire, wire.len()).await);
    assert_eq!(found, ["550 5.1.1", "550 5.7.1", "250 2.1.5", "250 2.1.5", "250 2.1.5"]);
    let wire = b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster@also.test>\r\nDATA\r\n\
                 Subject: a\r\n\r\nb\r\n.\r\nQUIT\r\n";
    fixture.talk(settings(Role::Mx), wire, wire.len()).await;
    assert_eq!(fixture.inbox("bob@here.test").await.len(), 1);
    fixture.close().await;
}
