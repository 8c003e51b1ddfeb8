//! Checks and the envelope: recipients they refuse, recipients and senders they change.

use std::sync::{Arc, Mutex};

use smtp::check::{
    AddedRecipient, CheckReply, CheckSession, CheckedMail, Checking, ContentChecks,
    EnvelopeChanges, Verdict,
};
use smtp::render::Enhanced;
use smtp::types::Recipient;
use smtp::{Role, Server};
use storage::{Database, Placement};

use crate::support::{Fixture, settings, without_ids};

const SIGN_IN: &str = "AUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n";

/// Wants these changes of every envelope, and no recipient whose address begins with `full`.
#[derive(Clone, Default)]
struct Changing {
    changes: EnvelopeChanges,
    /// By recipient asked of: how many were taken before it, and who signed in by what.
    asked: Arc<Mutex<Vec<String>>>,
}

impl ContentChecks for Changing {
    fn looks_at(&self, _: Role) -> bool {
        true
    }

    fn begin(&self) -> Box<dyn CheckSession> {
        Box::new(self.clone())
    }
}

impl CheckSession for Changing {
    fn check_recipient<'a>(
        &'a mut self,
        mail: CheckedMail<'a>,
        recipient: &'a Recipient,
    ) -> Checking<'a, Result<(), CheckReply>> {
        let (before, path) = (mail.envelope.recipients.len(), &recipient.path);
        let shown = format!("{before} {path} {:?} {:?}", mail.account, mail.mechanism);
        self.asked.lock().unwrap().push(shown);
        let refused = recipient.path.to_string().starts_with("<full");
        Box::pin(async move {
            let text = "Not this one".to_owned();
            let reply = CheckReply { code: 550, enhanced: Enhanced(5, 7, 1), text };
            if refused { Err(reply) } else { Ok(()) }
        })
    }

    fn check<'a>(&'a mut self, _: CheckedMail<'a>) -> Checking<'a, Verdict> {
        let envelope = self.changes.clone();
        let verdict = Verdict::Accept { changed: None, placement: Placement::Inbox, envelope };
        Box::pin(async move { verdict })
    }

    fn end(self: Box<Self>) -> Checking<'static, ()> {
        Box::pin(async {})
    }
}

fn adding(addresses: &[&str]) -> EnvelopeChanges {
    let added = addresses.iter().map(|address| AddedRecipient {
        address: (*address).to_owned(),
        ..AddedRecipient::default()
    });
    EnvelopeChanges { added: added.collect(), ..EnvelopeChanges::default() }
}

/// The replies from MAIL on, without ids.
async fn send(fixture: &Fixture, role: Role, changes: EnvelopeChanges, to: &[&str]) -> String {
    let (hello, from) = match role {
        Role::Lmtp => ("LHLO a\r\n".to_owned(), "s@x.test"),
        Role::Mx => ("EHLO a\r\n".to_owned(), "s@x.test"),
        Role::Submission => (format!("EHLO a\r\n{SIGN_IN}"), "alice@here.test"),
    };
    let to: String = to.iter().map(|to| format!("RCPT TO:<{to}>\r\n")).collect();
    let wire = format!("{hello}MAIL FROM:<{from}>\r\n{to}DATA\r\nA: b\r\n\r\nc\r\n.\r\nQUIT\r\n");
    let checks = Changing { changes, ..Changing::default() };
    let server = Server::new(settings(role), fixture.desk.clone(), fixture.memory.clone());
    let replies = fixture.talk_to(server.checked_by(Arc::new(checks)), wire.as_bytes()).await;
    let replies = without_ids(&replies);
    let (_, after) = replies.split_once("250 2.1.0 Sender accepted\r\n").unwrap();
    after.replace("Stored\n", "Stored\r\n").replace("221 2.0.0 Goodbye\r\n", "")
}

const TAKEN: &str = "250 2.1.5 Recipient accepted\r\n";
const GO: &str = "354 Send the message, end with <CR><LF>.<CR><LF>\r\n";

async fn count(fixture: &Fixture, who: &str) -> usize {
    fixture.inbox(&format!("{who}@here.test")).await.len()
}

#[tokio::test]
async fn a_recipient_is_refused_alone_and_before_the_message() {
    let fixture = Fixture::new().await;
    let checks = Changing::default();
    let server =
        Server::new(settings(Role::Submission), fixture.desk.clone(), fixture.memory.clone());
    let wire = format!(
        "EHLO a\r\n{SIGN_IN}MAIL FROM:<alice@here.test>\r\nRCPT TO:<bob@here.test>\r\n\
         RCPT TO:<nobody@here.test>\r\nRCPT TO:<full@far.test>\r\nRCPT TO:<ally@here.test>\r\n\
         DATA\r\nA: b\r\n\r\nc\r\n.\r\nQUIT\r\n"
    );
    let replies =
        fixture.talk_to(server.checked_by(Arc::new(checks.clone())), wire.as_bytes()).await;
    assert!(replies.contains(&format!("{TAKEN}550 5.1.1 ")), "{replies}");
    assert!(
        replies.contains(&format!("\r\n550 5.7.1 Not this one\r\n{TAKEN}{GO}250 ")),
        "{replies}"
    );
    let asked = [("0", "bob@here"), ("1", "full@far"), ("1", "ally@here")];
    let asked = asked.map(|(before, who)| {
        format!("{before} <{who}.test> Some(\"alice@here.test\") Some(\"PLAIN\")")
    });
    assert_eq!(*checks.asked.lock().unwrap(), asked);
    assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (1, 1));
    assert_eq!(fixture.spool().await.len(), 0);
    fixture.close().await;
}

#[tokio::test]
async fn recipients_are_taken_away_and_added() {
    let postgres = testkit::Postgres::shared().create_database();
    for database in [Database::Sqlite, Database::Postgres(postgres.url().to_owned())] {
        let fixture = Fixture::over(database).await;
        let added = ["ALICE@here.test", "nobody@here.test", "no address"];
        let changes = EnvelopeChanges { removed: vec![0], ..adding(&added) };
        let replies = send(&fixture, Role::Mx, changes, &["bob@here.test", "full@here.test"]).await;
        let refused = "550 5.7.1 Not this one\r\n";
        assert_eq!(replies, format!("{TAKEN}{refused}{GO}250 2.0.0 Stored\r\n"));
        assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (0, 1));
        assert_eq!(
            fixture.receptions().await,
            ["smtp \"\" <> Inbox 11; ALICE@here.test: stored; bob@here.test: discarded; \
              nobody@here.test: refused 550 5.1.1 No such mailbox here; \
              no address: refused 501 5.1.3 Recipient address is not valid"]
        );
        fixture.close().await;
    }
}

/// Over LMTP, where each recipient that was named has its answer, in the order of RCPT.
#[tokio::test]
async fn who_is_taken_away_is_answered_as_who_has_it() {
    let fixture = Fixture::new().await;
    let changes = EnvelopeChanges { removed: vec![0], ..adding(&["ally@here.test"]) };
    let to = ["bob@here.test", "alice@here.test"];
    let replies = send(&fixture, Role::Lmtp, changes, &to).await;
    assert_eq!(replies, format!("{TAKEN}{TAKEN}{GO}250 2.0.0 Stored\r\n250 2.0.0 Stored\r\n"));
    // Two addresses of one account are two deliveries (R-ADDR-4).
    assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (0, 2));
    fixture.close().await;
}

#[tokio::test]
async fn a_message_for_nobody_is_accepted_where_a_check_wants_that() {
    let fixture = Fixture::new().await;
    let away = EnvelopeChanges { removed: vec![0, 1], ..EnvelopeChanges::default() };
    for (role, answers) in [(Role::Mx, 1), (Role::Lmtp, 2), (Role::Submission, 1)] {
        let to = ["bob@here.test", "alice@here.test"];
        let replies = send(&fixture, role, away.clone(), &to).await;
        let stored = "250 2.0.0 Stored\r\n".repeat(answers);
        assert_eq!(replies, format!("{TAKEN}{TAKEN}{GO}{stored}"));
    }
    // It was to go to somebody, who is not there: it is not lost.
    let changes = EnvelopeChanges { removed: vec![0], ..adding(&["nobody@here.test"]) };
    let replies = send(&fixture, Role::Mx, changes, &["bob@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}550 5.1.1 No such mailbox here\r\n"));
    assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (0, 0));
    let discarded = "bob@here.test: discarded; alice@here.test: discarded";
    let receptions = fixture.receptions().await;
    assert_eq!(receptions.iter().filter(|one| one.ends_with(discarded)).count(), 3);
    assert_eq!(receptions.len(), 4, "{receptions:?}");
    fixture.close().await;
}

/// What checks add goes anywhere, though a stranger may not send there.
#[tokio::test]
async fn what_is_added_may_be_elsewhere() {
    let fixture = Fixture::new().await;
    let with = AddedRecipient {
        address: "far@there.test".to_owned(),
        parameters: "NOTIFY=NEVER".to_owned(),
    };
    let mut changes = adding(&["b\u{fc}ro@there.test"]);
    changes.added.push(with);
    changes.sender = Some("other@y.test".to_owned());
    let replies = send(&fixture, Role::Mx, changes, &["bob@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}250 2.0.0 Stored\r\n"));
    let [[sender, envelope, recipient, parameters]] = &fixture.spool().await[..] else { panic!() };
    assert_eq!((sender.as_str(), recipient.as_str()), ("other@y.test", "far@there.test"));
    assert!(parameters.contains("\"NEVER\""), "{parameters}");
    // What was known of the sender was known of another.
    assert!(envelope.contains("doubtful") && !envelope.contains("verified"), "{envelope}");
    let text = String::from_utf8(fixture.inbox("bob@here.test").await.remove(0)).unwrap();
    assert!(text.starts_with("Return-Path: <other@y.test>\r\nReceived: "), "{text}");
    assert!(text.ends_with("\r\nA: b\r\n\r\nc\r\n"), "{text}");
    fixture.close().await;
}

#[tokio::test]
async fn the_sender_is_changed_into_a_sender_only() {
    let fixture = Fixture::new().await;
    for (wanted, expected) in [
        ("", "<>"),
        ("other@y.test", "<other@y.test>"),
        ("no address", "<s@x.test>"),
        ("a@y.test>\r\nX: <b@y.test", "<s@x.test>"),
        ("b\u{fc}ro@y.test", "<s@x.test>"),
    ] {
        let sender = Some(wanted.to_owned());
        let changes = EnvelopeChanges { sender, ..EnvelopeChanges::default() };
        send(&fixture, Role::Mx, changes, &["bob@here.test"]).await;
        let text = fixture.inbox("bob@here.test").await.pop().unwrap();
        let text = String::from_utf8(text).unwrap();
        let start = format!("Return-Path: {expected}\r\nReceived: ");
        assert!(text.starts_with(&start), "{wanted:?}: {text}");
        assert!(text.ends_with("\r\nA: b\r\n\r\nc\r\n"), "{text}");
    }
    fixture.close().await;
}

#[tokio::test]
async fn not_more_recipients_are_added_than_may_be_named() {
    let fixture = Fixture::new().await;
    let added: Vec<String> = (0..10_000).map(|number| format!("a{number}@far.test")).collect();
    let added: Vec<&str> = added.iter().map(String::as_str).collect();
    let replies = send(&fixture, Role::Mx, adding(&added), &["bob@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}250 2.0.0 Stored\r\n"));
    assert_eq!(fixture.spool().await.len(), settings(Role::Mx).recipients_max - 1);
    fixture.close().await;
}
