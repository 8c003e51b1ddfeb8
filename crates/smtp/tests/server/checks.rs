//! Checks of content: what they are told, and what their verdicts lead to.

use std::sync::{Arc, Mutex};

use smtp::check::{
    CheckReply, CheckSession, CheckedMail, Checking, ContentChecks, EnvelopeChanges, Verdict,
};
use smtp::render::Enhanced;
use smtp::types::Recipient;
use smtp::{ReportInbox, Role, Server};
use storage::Placement;

use crate::support::{Fixture, settings};

/// Checks that always give one verdict, and remember what they saw.
#[derive(Clone)]
struct Scripted {
    verdict: Verdict,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    fn new(verdict: Verdict) -> Self {
        Self { verdict, seen: Arc::default() }
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

impl ContentChecks for Scripted {
    fn looks_at(&self, role: Role) -> bool {
        role != Role::Lmtp
    }

    fn begin(&self) -> Box<dyn CheckSession> {
        self.seen.lock().unwrap().push("begin".to_owned());
        Box::new(self.clone())
    }
}

impl CheckSession for Scripted {
    fn asks_recipients(&self, _: Role) -> bool {
        false
    }

    fn check_recipient<'a>(
        &'a mut self,
        _: CheckedMail<'a>,
        _: &'a Recipient,
    ) -> Checking<'a, Result<(), CheckReply>> {
        unreachable!("no check is asked of recipients")
    }

    fn check<'a>(&'a mut self, mail: CheckedMail<'a>) -> Checking<'a, Verdict> {
        let text = String::from_utf8_lossy(mail.message);
        let shown = format!(
            "{} {} {:?} {} {text}",
            mail.peer.ip(),
            mail.helo,
            mail.account,
            mail.envelope.recipients.len()
        );
        self.seen.lock().unwrap().push(shown);
        let verdict = self.verdict.clone();
        Box::pin(async move { verdict })
    }

    fn end(self: Box<Self>) -> Checking<'static, ()> {
        self.seen.lock().unwrap().push("end".to_owned());
        Box::pin(async {})
    }
}

/// The envelope as it is.
fn keep() -> EnvelopeChanges {
    EnvelopeChanges::default()
}

const TWO: &str = "EHLO c.test\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n\
                   X-Spam-Status: No, believe me\r\nSubject: a\r\nX-POSTHORN-External: no\r\n\r\n\
                   b\r\n.\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<bob@here.test>\r\n\
                   RCPT TO:<alice@here.test>\r\nDATA\r\nSubject: c\r\n\r\nd\r\n.\r\nQUIT\r\n";

async fn talk(fixture: &Fixture, checks: &Scripted, role: Role, wire: &str) -> String {
    let checks = Arc::new(checks.clone());
    let server = Server::new(settings(role), fixture.desk.clone(), fixture.memory.clone());
    fixture.talk_to(server.checked_by(checks), wire.as_bytes()).await
}

fn refuse(code: u16, class: u8, text: &str) -> Verdict {
    let enhanced = Enhanced(class, 7, 1);
    Verdict::Refuse(CheckReply { code, enhanced, text: text.to_owned() })
}

#[tokio::test]
async fn a_connection_begins_once_and_strangers_forge_nothing() {
    let fixture = Fixture::new().await;
    let accept = Verdict::Accept { changed: None, placement: Placement::Inbox, envelope: keep() };
    let checks = Scripted::new(accept);
    let replies = talk(&fixture, &checks, Role::Mx, TWO).await;
    assert_eq!(replies.matches("250 2.0.0 Stored").count(), 2, "{replies}");
    assert_eq!(
        checks.seen(),
        [
            "begin",
            "192.0.2.7 c.test None 1 Subject: a\r\n\r\nb\r\n",
            "192.0.2.7 c.test None 2 Subject: c\r\n\r\nd\r\n",
            "end",
        ]
    );
    fixture.close().await;
}

#[tokio::test]
async fn what_is_refused_is_stored_nowhere() {
    let fixture = Fixture::new().await;
    for (verdict, reply) in [
        (refuse(554, 5, "Malware found: Eicar"), "554 5.7.1 Malware found: Eicar\r\n"),
        (refuse(451, 4, "Try again later"), "451 4.7.1 Try again later\r\n"),
    ] {
        let checks = Scripted::new(verdict);
        let replies = talk(&fixture, &checks, Role::Mx, TWO).await;
        assert_eq!(replies.matches(reply).count(), 2, "{replies}");
    }
    // RFC 5321 §3.8: nothing follows 421.
    let chunk = "EHLO c\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<bob@here.test>\r\n\
                 BDAT 8 LAST\r\na: b\r\n\r\nNOOP\r\n";
    for wire in [TWO, chunk] {
        let checks = Scripted::new(refuse(421, 4, "Goodbye"));
        let replies = talk(&fixture, &checks, Role::Mx, wire).await;
        assert!(replies.ends_with("421 4.7.1 Goodbye\r\n"), "{replies}");
        assert_eq!(replies.matches("421 ").count(), 1, "{replies}");
    }
    assert_eq!(fixture.inbox("bob@here.test").await.len(), 0);
    fixture.close().await;
}

#[tokio::test]
async fn what_is_changed_is_stored_so_and_junk_is_kept_apart() {
    let fixture = Fixture::new().await;
    let changed = Some(b"X-Spam: Yes\r\nSubject: \xc3\xa9\r\n\r\nb\r\n".to_vec());
    let checks =
        Scripted::new(Verdict::Accept { changed, placement: Placement::Junk, envelope: keep() });
    let replies = talk(&fixture, &checks, Role::Mx, TWO).await;
    assert_eq!(replies.matches("250 2.0.0 Stored").count(), 2, "{replies}");
    assert_eq!(fixture.inbox("bob@here.test").await.len(), 0);
    let junk = fixture.mailbox("bob@here.test", "Junk").await;
    assert_eq!(junk.len(), 2);
    let text = String::from_utf8_lossy(&junk[0]);
    assert!(text.starts_with("Return-Path: <s@x.test>\r\nReceived: "), "{text}");
    assert!(text.ends_with("+0000\r\nX-Spam: Yes\r\nSubject: \u{e9}\r\n\r\nb\r\n"), "{text}");
    fixture.close().await;
}

#[tokio::test]
async fn submissions_are_checked_and_lmtp_is_not() {
    let fixture = Fixture::new().await;
    let checks = Scripted::new(refuse(554, 5, "No"));
    let wire = "EHLO c.test\r\nAUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n\
                MAIL FROM:<alice@here.test>\r\nRCPT TO:<x@y.test>\r\nDATA\r\n\
                Date: Mon, 23 Nov 2026 00:00:00 +0000\r\nMessage-ID: <a@b>\r\n\
                From: alice@here.test\r\nX-Spam: mine\r\n\r\nb\r\n.\r\nQUIT\r\n";
    let replies = talk(&fixture, &checks, Role::Submission, wire).await;
    assert!(replies.contains("\r\n554 5.7.1 No\r\n"), "{replies}");
    let seen = checks.seen().remove(1);
    let start = "192.0.2.7 c.test Some(\"alice@here.test\") 1 Date: ";
    assert!(seen.starts_with(start) && seen.contains("X-Spam: mine"), "{seen}");
    assert_eq!(fixture.spool().await.len(), 0);
    let wire = TWO.replace("EHLO", "LHLO");
    let replies = talk(&fixture, &checks, Role::Lmtp, &wire).await;
    assert_eq!(replies.matches("250 2.0.0 Stored").count(), 3, "{replies}");
    assert_eq!(checks.seen(), [""; 0]);
    fixture.close().await;
}

/// RFC 8460 §3: their signatures are of what was sent.
#[tokio::test]
async fn reports_are_read_as_they_were_received() {
    let mut fixture = Fixture::new().await;
    let (readers, mut given) = tokio::sync::mpsc::channel(4);
    let inbox = ReportInbox::new(&"bob@here.test".parse().unwrap(), readers);
    fixture.desk = fixture.desk.clone().reporting(inbox);
    let changed = Some(b"Subject: changed\r\n\r\nb\r\n".to_vec());
    for (placement, read) in [(Placement::Inbox, true), (Placement::Junk, false)] {
        let checks = Scripted::new(Verdict::Accept {
            changed: changed.clone(),
            placement,
            envelope: keep(),
        });
        talk(&fixture, &checks, Role::Mx, TWO).await;
        let texts = [
            "X-Spam-Status: No, believe me\r\nSubject: a\r\nX-POSTHORN-External: no\r\n\r\nb\r\n",
            "Subject: c\r\n\r\nd\r\n",
        ];
        for text in texts.iter().filter(|_| read) {
            assert_eq!(String::from_utf8(given.try_recv().unwrap()).unwrap(), *text);
        }
        assert!(given.try_recv().is_err());
    }
    talk(&fixture, &Scripted::new(refuse(554, 5, "No")), Role::Mx, TWO).await;
    assert!(given.try_recv().is_err());
    fixture.close().await;
}
