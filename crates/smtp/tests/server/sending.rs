//! From whose addresses an account may send (R-ADDR-5, R-SHARE-6).

use std::sync::Arc;

use mailauth::{Author, Signatory, Signing};
use smtp::Role;
use storage::{Address, ShareRights};

use crate::support::{Fixture, settings};

/// Marks what it signs.
#[derive(Debug)]
struct Marking;

impl Signatory for Marking {
    fn sign(&self, message: Vec<u8>, start: usize, author: Author) -> Signing<'_> {
        let mark = format!("DKIM-Signature: {author:?}\r\n").into_bytes();
        let mut signed = message;
        signed.splice(start..start, mark);
        Box::pin(async move { Ok(signed) })
    }

    fn seal<'a>(&'a self, message: Vec<u8>, _start: usize, _domain: &'a str) -> Signing<'a> {
        Box::pin(async move { Ok(message) })
    }
}

const SIGN_IN: &str = "EHLO a\r\nAUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n";

/// Bob shares his account with alice.
async fn share(fixture: &Fixture, names: &str) {
    let rights = ShareRights::parse(names).unwrap_or_default();
    let write = fixture.store.write("share", move |tx| {
        let id = |tx: &mut storage::WriteTx<'_>, address: &str| {
            Ok::<_, storage::StorageError>(tx.find_account(&Address::parse(address)?)?.unwrap().id)
        };
        let (bob, alice) = (id(tx, "bob@here.test")?, id(tx, "alice@here.test")?);
        tx.share_account(bob, alice, rights)
    });
    write.await.unwrap();
}

async fn maintenance(fixture: &Fixture, on: bool) {
    let write = fixture.store.write("maintenance", move |tx| {
        let bob = tx.find_account(&Address::parse("bob@here.test")?)?.unwrap().id;
        tx.account(bob)?.set_maintenance(on)
    });
    write.await.unwrap();
}

/// The replies to MAIL and, where that is good, to the message.
async fn send(fixture: &Fixture, from: &str, header: &str) -> (String, String) {
    send_by(fixture, settings(Role::Submission), from, header).await
}

async fn send_by(
    fixture: &Fixture,
    settings: smtp::Settings,
    from: &str,
    header: &str,
) -> (String, String) {
    let wire = format!(
        "{SIGN_IN}MAIL FROM:<{from}>\r\nRCPT TO:<alice@here.test>\r\nDATA\r\n\
         {header}\r\nDate: Mon, 23 Nov 2026 00:00:00 +0000\r\nMessage-ID: <a@b>\r\n\r\nx\r\n.\r\nQUIT\r\n"
    );
    let replies = fixture.talk(settings, wire.as_bytes(), wire.len()).await;
    let after: Vec<&str> = replies.lines().skip_while(|line| !line.starts_with("235 ")).collect();
    let reply = |at: usize| after.get(at).copied().unwrap_or_default();
    let code = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    (code(reply(1)), code(reply(4)))
}

#[tokio::test]
async fn an_account_sends_for_others_at_their_word_only() {
    let fixture = Fixture::new().await;
    let (good, stored) = ("250 2.1.0".to_owned(), "250 2.0.0".to_owned());
    let refused = "550 5.7.1".to_owned();
    let own = "alice@here.test";
    // What bob has given, sender of the envelope, header section; replies to MAIL and message.
    let table = [
        ("", own, "From: ally@also.test", &good, &stored),
        ("", own, "From: ceo@partner.test", &good, &refused),
        ("", own, "From: alice@here.test, ceo@partner.test", &good, &refused),
        ("", own, "From: <@route.test:ceo@partner.test>", &good, &refused),
        ("", own, "From: \"ceo@partner.test\" <alice@here.test>", &good, &stored),
        ("", own, "From: \"bob@here.test\"", &good, &refused),
        ("", own, "From: <\"bob@here.test\">", &good, &refused),
        ("send-as", own, "From: <\"bob@here.test\">", &good, &stored),
        ("", own, "From: =?utf-8?q?Bob_=3Cbob=40here.test=3E?=", &good, &refused),
        ("", own, "From: (bob@here.test", &good, &refused),
        ("", own, "From: alice@here.test\r\nSender: <@r.test:ceo@here.test>", &good, &refused),
        ("", own, "From: alice@here.test\r\nSender: ceo@here.test;", &good, &refused),
        ("", own, "From: alice@here.test\r\nSender: <bob@here.test.>", &good, &refused),
        ("", own, "From: alice@here.test\r\nSender: ceo@partner.test", &good, &refused),
        // RFC 5322 §3.6.6
        ("", own, "Resent-From: alice@here.test\r\nFrom: ceo@partner.test", &good, &stored),
        ("", own, "Resent-From: alice@here.test\r\nFrom: bob@here.test", &good, &refused),
        ("send-as", own, "Resent-From: alice@here.test\r\nFrom: bob@here.test", &good, &stored),
        (
            "send-on-behalf",
            own,
            "Resent-From: alice@here.test\r\nFrom: bob@here.test",
            &good,
            &stored,
        ),
        ("", own, "Resent-From: bob@here.test\r\nFrom: alice@here.test", &good, &refused),
        ("", own, "Resent-From: x@y.test\r\nFrom: alice@here.test", &good, &refused),
        ("", own, "Resent-To: alice@here.test\r\nFrom: bob@here.test", &good, &refused),
        (
            "",
            own,
            "Resent-From: alice@here.test\r\nResent-Sender: bob@here.test\r\nFrom: x@y.test",
            &good,
            &refused,
        ),
        (
            "",
            own,
            "Resent-From: alice@here.test\r\nResent-From: bob@here.test\r\nFrom: x@y.test",
            &good,
            &stored,
        ),
        ("send-as", own, "Resent-From: bob@here.test\r\nFrom: x@y.test", &good, &stored),
        ("send-on-behalf", own, "Resent-From: bob@here.test\r\nFrom: x@y.test", &good, &refused),
        (
            "send-on-behalf",
            own,
            "Resent-From: bob@here.test\r\nResent-Sender: alice@here.test\r\nFrom: x@y.test",
            &good,
            &stored,
        ),
        ("", own, "From: bob@here.test", &good, &refused),
        ("", own, "From: bob@here.test\r\nSender: alice@here.test", &good, &refused),
        ("", own, "From: alice@here.test\r\nSender: bob@here.test", &good, &refused),
        ("read,write,admin", own, "From: bob@here.test", &good, &refused),
        ("send-as", own, "From: Bob <bob@here.test>", &good, &stored),
        ("send-as", "bob@also.test", "From: bob@also.test", &good, &stored),
        ("send-as", own, "From: full@here.test", &good, &refused),
        ("send-as", own, "From: alice@here.test, full@here.test", &good, &refused),
        ("send-on-behalf", "bob@here.test", "From: bob@here.test", &good, &stored),
        ("send-on-behalf", own, "From: bob@here.test\r\nSender: ally@here.test", &good, &stored),
        ("send-on-behalf", own, "From: bob@here.test\r\nSender: bob@here.test", &good, &refused),
        ("send-on-behalf", own, "From: bob@here.test\r\nSender: x@y.test", &good, &refused),
        (
            "send-on-behalf",
            own,
            "From: bob@here.test\r\nSender: alice@here.test\r\nSender: bob@here.test",
            &good,
            &refused,
        ),
        (
            "send-on-behalf",
            own,
            "From: bob@here.test\r\nSender: <@r.test:bob@here.test>",
            &good,
            &refused,
        ),
    ];
    for (given, from, header, mail, message) in table {
        share(&fixture, given).await;
        let found = send(&fixture, from, header).await;
        assert_eq!(found, (mail.clone(), message.clone()), "{given:?}: {from} {header:?}");
    }
    share(&fixture, "").await;
    assert_eq!(send(&fixture, "bob@here.test", "From: alice@here.test").await.0, refused);
    fixture.close().await;
}

/// Whoever sends again what others wrote, or may name whom they like, names nobody here in a way
/// that only mail programs read.
#[tokio::test]
async fn nobody_here_is_named_by_what_is_no_address() {
    let fixture = Fixture::new().await;
    let own = "alice@here.test";
    let groups = "g:;".repeat(26);
    let route = "@a,".repeat(399);
    let words = "a.".repeat(1000);
    for (from, expect) in [
        ("Bob <bob@here.test;>".to_owned(), "550 5.7.1"),
        ("<bob@here.test.>".to_owned(), "550 5.7.1"),
        ("<\u{1}bob@here.test>".to_owned(), "550 5.7.1"),
        ("bob@also.test;x".to_owned(), "550 5.7.1"),
        ("=?utf-8?q?Bob_=3Cbob=40here.test=3E?=".to_owned(), "550 5.7.1"),
        ("bob@=?utf-8?b?aGVyZS50ZXN0?=".to_owned(), "550 5.7.1"),
        ("(bob@here.test".to_owned(), "550 5.7.1"),
        (format!("{groups} <@r.test:bob@here.test>"), "550 5.7.1"),
        (format!("<{route}@a:bob@here.test>"), "550 5.7.1"),
        (format!("<{words}bob@here.test>"), "550 5.7.1"),
        (format!("<{route}@a:ceo@partner.test>"), "250 2.0.0"),
        ("CEO <ceo@partner.test;>".to_owned(), "250 2.0.0"),
        ("<ceo@partner.test.>".to_owned(), "250 2.0.0"),
        ("=?utf-8?q?ceo=40partner.test?=".to_owned(), "250 2.0.0"),
    ] {
        let permitting = || smtp::Settings {
            authors_elsewhere: storage::AuthorsElsewhere::Permitted,
            message_line_bytes_max: 20_000,
            ..settings(Role::Submission)
        };
        let bounds =
            || smtp::Settings { message_line_bytes_max: 20_000, ..settings(Role::Submission) };
        let resent = format!("Resent-From: {own}\r\nFrom: {from}");
        assert_eq!(send_by(&fixture, bounds(), own, &resent).await.1, expect, "{from}");
        for name in ["From", "Resent-From", "Sender"] {
            let header = format!("{name}: {from}\r\nTo: x@y.test");
            assert_eq!(send_by(&fixture, permitting(), own, &header).await.1, expect, "{header}");
            let refused = send_by(&fixture, bounds(), own, &header).await.1;
            assert_eq!(refused, "550 5.7.1", "{header}");
        }
    }
    fixture.close().await;
}

#[tokio::test]
async fn authors_elsewhere_are_named_where_the_operator_lets_them_be() {
    let fixture = Fixture::new().await;
    let long = format!("From: {}@partner.test", "a".repeat(300));
    let own = "alice@here.test";
    for (header, strict, lenient) in [
        ("From: ceo@partner.test", "550 5.7.1", "250 2.0.0"),
        ("From: alice@here.test\r\nSender: x@y.test", "550 5.7.1", "250 2.0.0"),
        // What only mail programs read as an address.
        (long.as_str(), "550 5.7.1", "250 2.0.0"),
        ("Resent-From: x@y.test\r\nFrom: x@y.test", "550 5.7.1", "250 2.0.0"),
        ("From: bob@here.test", "550 5.7.1", "550 5.7.1"),
    ] {
        let permitting = smtp::Settings {
            authors_elsewhere: storage::AuthorsElsewhere::Permitted,
            ..settings(Role::Submission)
        };
        assert_eq!(send_by(&fixture, permitting, own, header).await.1, lenient, "{header}");
        assert_eq!(send(&fixture, own, header).await.1, strict, "{header}");
    }
    fixture.close().await;
}

/// RFC 5322 §3.6.6: it stays what others wrote.
#[tokio::test]
async fn what_is_sent_again_is_signed_where_its_author_may_be_named() {
    let mut fixture = Fixture::new().await;
    fixture.desk = fixture.desk.clone().signing(Arc::new(Marking));
    for (header, is_signed) in [
        ("From: alice@here.test", true),
        ("Resent-From: alice@here.test\r\nFrom: ally@here.test", true),
        ("Resent-From: alice@here.test\r\nFrom: ceo@partner.test", false),
    ] {
        assert_eq!(send(&fixture, "alice@here.test", header).await.1, "250 2.0.0", "{header}");
        let stored = fixture.inbox("alice@here.test").await.pop().unwrap();
        let text = String::from_utf8(stored).unwrap();
        assert!(text.contains(&format!("\r\n{header}\r\n")), "{text}");
        assert_eq!(text.contains("\r\nDKIM-Signature: Account\r\n"), is_signed, "{text}");
    }
    fixture.close().await;
}

#[tokio::test]
async fn who_sends_on_behalf_of_another_is_named() {
    let fixture = Fixture::new().await;
    share(&fixture, "send-on-behalf").await;
    let header = "From: bob@here.test";
    assert_eq!(send(&fixture, "alice@here.test", header).await.1, "250 2.0.0");
    let text = String::from_utf8(fixture.inbox("alice@here.test").await.remove(0)).unwrap();
    assert!(text.contains("\r\nSender: <alice@here.test>\r\nFrom: bob@here.test\r\n"), "{text}");
    // RFC 5322 §3.6: what names nobody makes place for it.
    let empty = "Sender:\r\nFrom: bob@here.test\r\nSENDER: nobody";
    assert_eq!(send(&fixture, "alice@here.test", empty).await.1, "250 2.0.0");
    let text = String::from_utf8(fixture.inbox("alice@here.test").await.pop().unwrap()).unwrap();
    assert!(
        text.contains("\r\nSender: <alice@here.test>\r\nFrom: bob@here.test\r\nDate"),
        "{text}"
    );
    assert_eq!(text.to_ascii_lowercase().matches("\r\nsender:").count(), 1, "{text}");
    // R-ADDR-12: nobody sends for an account in maintenance.
    maintenance(&fixture, true).await;
    let closed = "450 4.7.1";
    assert_eq!(send(&fixture, "bob@here.test", header).await.0, closed);
    assert_eq!(send(&fixture, "alice@here.test", header).await.1, closed);
    maintenance(&fixture, false).await;
    assert_eq!(send(&fixture, "alice@here.test", header).await.1, "250 2.0.0");
    fixture.close().await;
}

/// What encoding takes is drawn from the memory for messages; where that is not to be had, they go
/// as they came.
#[tokio::test]
async fn encoding_takes_no_memory_that_is_not_there() {
    let mut fixture = Fixture::new().await;
    fixture.memory = smtp::ReceptionMemory::new(64 * 1024);
    let bounds = || smtp::Settings {
        message_line_bytes_max: 20_000,
        memory_wait: std::time::Duration::ZERO,
        ..settings(Role::Submission)
    };
    for (length, is_encoded) in [(12_000, true), (17_000, false)] {
        let text = "=".repeat(length);
        let wire = format!(
            "{SIGN_IN}MAIL FROM:<alice@here.test>\r\nRCPT TO:<x@elsewhere.test>\r\nDATA\r\n\
             From: alice@here.test\r\n\r\n{text}\r\n.\r\nQUIT\r\n"
        );
        let replies = fixture.talk(bounds(), wire.as_bytes(), wire.len()).await;
        assert!(replies.contains("250 2.0.0"), "{replies}");
        let spooled = fixture.spooled_contents();
        let taken = fixture.text_of(*spooled.last().unwrap()).await;
        let taken = String::from_utf8(taken).unwrap();
        assert_eq!(taken.contains("\r\nContent-Transfer-Encoding: base64\r\n"), is_encoded);
        assert_eq!(taken.contains(&format!("\r\n\r\n{text}\r\n")), !is_encoded);
    }
    fixture.close().await;
}

/// RFC 5321 §4.5.3.1.6: what some servers would send back is encoded before it leaves, and before
/// it is signed; what stays here is as it came.
#[tokio::test]
async fn long_lines_are_encoded_for_those_elsewhere() {
    let fixture = Fixture::new().await;
    let line = "long ".repeat(199) + "=";
    assert!(line.len() <= 998);
    let too_long = line.repeat(2);
    for (to, field, text, is_encoded) in [
        ("x@elsewhere.test", "X: y", &line, false),
        ("alice@here.test", "X: y", &too_long, false),
        ("x@elsewhere.test", "DKIM-Signature: v=1; d=far.test", &too_long, false),
        ("x@elsewhere.test", "X: y", &too_long, true),
    ] {
        let wire = format!(
            "{SIGN_IN}MAIL FROM:<alice@here.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n\
             From: alice@here.test\r\nDate: Mon, 23 Nov 2026 00:00:00 +0000\r\n\
             Message-ID: <a@b>\r\n{field}\r\n\r\n{text}\r\n.\r\nQUIT\r\n"
        );
        let replies = fixture.talk(settings(Role::Submission), wire.as_bytes(), wire.len()).await;
        assert!(replies.contains("250 2.0.0"), "{replies}");
        let taken = if to == "alice@here.test" {
            fixture.inbox(to).await.remove(0)
        } else {
            let spooled = fixture.spooled_contents();
            fixture.text_of(*spooled.last().unwrap()).await
        };
        let taken = String::from_utf8(taken).unwrap();
        assert_eq!(taken.contains(&format!("\r\n\r\n{text}\r\n")), !is_encoded, "{taken}");
        let encoding = "\r\nContent-Transfer-Encoding: quoted-printable\r\n";
        assert_eq!(taken.contains(encoding), is_encoded);
        if is_encoded {
            let body = taken.split_once("\r\n\r\n").unwrap().1;
            let plain = body.replace("=\r\n", "").replace("=3D", "=");
            assert_eq!(plain, format!("{text}\r\n"));
            assert!(taken.lines().all(|line| line.len() <= 998));
        }
    }
    fixture.close().await;
}
