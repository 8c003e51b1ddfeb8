//! Checks and the envelope: recipients they refuse, recipients and senders they change.

use std::sync::{Arc, Mutex};

use ids::Timestamp;
use smtp::check::{
    AddedRecipient, CheckReply, CheckSession, CheckedMail, Checking, ContentChecks,
    EnvelopeChanges, Verdict,
};
use smtp::render::Enhanced;
use smtp::types::Recipient;
use smtp::{Role, Server};
use storage::{Database, Placement, ReceptionCursor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::support::{Fixture, settings, without_ids};

const SIGN_IN: &str = "AUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n";

/// Wants these changes of every envelope, no recipient whose address begins with `barred`, and
/// nothing more of who names one that begins with `ended`.
#[derive(Clone, Default)]
struct Changing {
    changes: EnvelopeChanges,
    /// By recipient asked of: the transaction, how many were taken before it, and who signed in by
    /// what.
    asked: Arc<Mutex<Vec<String>>>,
    /// What it waits for before it says anything of a recipient.
    permits: Option<Arc<Semaphore>>,
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
    fn asks_recipients(&self, _: Role) -> bool {
        true
    }

    fn check_recipient<'a>(
        &'a mut self,
        mail: CheckedMail<'a>,
        recipient: &'a Recipient,
    ) -> Checking<'a, Result<(), CheckReply>> {
        let (before, path) = (mail.envelope.recipients.len(), &recipient.path);
        let by = (mail.account, mail.mechanism);
        let shown = format!("{} {before} {path} {by:?}", mail.transaction);
        self.asked.lock().unwrap().push(shown);
        let path = path.to_string();
        let code = match path {
            path if path.starts_with("<barred") => Some((550, Enhanced(5, 7, 1))),
            path if path.starts_with("<ended") => Some((421, Enhanced(4, 7, 0))),
            _ => None,
        };
        let permits = self.permits.clone();
        Box::pin(async move {
            if let Some(permits) = permits {
                permits.acquire().await.unwrap().forget();
            }
            let text = "Not this one".to_owned();
            match code {
                Some((code, enhanced)) => Err(CheckReply { code, enhanced, text }),
                None => Ok(()),
            }
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

pub(crate) fn adding(addresses: &[&str]) -> EnvelopeChanges {
    let added = addresses.iter().map(|address| AddedRecipient {
        address: (*address).to_owned(),
        ..AddedRecipient::default()
    });
    EnvelopeChanges { added: added.collect(), ..EnvelopeChanges::default() }
}

/// The replies from MAIL on, without ids.
pub(crate) async fn send(
    fixture: &Fixture,
    role: Role,
    changes: EnvelopeChanges,
    to: &[&str],
) -> String {
    send_text(fixture, role, changes, to, "A: b\r\n\r\nc").await
}

pub(crate) async fn send_text(
    fixture: &Fixture,
    role: Role,
    changes: EnvelopeChanges,
    to: &[&str],
    text: &str,
) -> String {
    let (hello, from) = match role {
        Role::Lmtp => ("LHLO a\r\n".to_owned(), "s@x.test"),
        Role::Mx => ("EHLO a\r\n".to_owned(), "s@x.test"),
        Role::Submission => (format!("EHLO a\r\n{SIGN_IN}"), "alice@here.test"),
    };
    let to: String = to.iter().map(|to| format!("RCPT TO:<{to}>\r\n")).collect();
    let wire = format!("{hello}MAIL FROM:<{from}>\r\n{to}DATA\r\n{text}\r\n.\r\nQUIT\r\n");
    let checks = Changing { changes, ..Changing::default() };
    let server = Server::new(settings(role), fixture.desk.clone(), fixture.memory.clone());
    let replies = fixture.talk_to(server.checked_by(Arc::new(checks)), wire.as_bytes()).await;
    let replies = without_ids(&replies);
    let (_, after) = replies.split_once("250 2.1.0 Sender accepted\r\n").unwrap();
    after.replace("Stored\n", "Stored\r\n").replace("221 2.0.0 Goodbye\r\n", "")
}

pub(crate) const TAKEN: &str = "250 2.1.5 Recipient accepted\r\n";
pub(crate) const GO: &str = "354 Send the message, end with <CR><LF>.<CR><LF>\r\n";

pub(crate) async fn count(fixture: &Fixture, who: &str) -> usize {
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
         RCPT TO:<nobody@here.test>\r\nRCPT TO:<barred@far.test>\r\nRCPT TO:<ally@here.test>\r\n\
         DATA\r\nA: b\r\n\r\nc\r\n.\r\n\
         MAIL FROM:<alice@here.test>\r\nRCPT TO:<bob@here.test>\r\nRSET\r\n\
         MAIL FROM:<alice@here.test>\r\nRCPT TO:<bob@here.test>\r\nQUIT\r\n"
    );
    let replies =
        fixture.talk_to(server.checked_by(Arc::new(checks.clone())), wire.as_bytes()).await;
    assert!(replies.contains(&format!("{TAKEN}550 5.1.1 ")), "{replies}");
    assert!(
        replies.contains(&format!("\r\n550 5.7.1 Not this one\r\n{TAKEN}{GO}250 ")),
        "{replies}"
    );
    let asked = [
        (1, 0, "bob@here"),
        (1, 1, "barred@far"),
        (1, 1, "ally@here"),
        (2, 0, "bob@here"),
        (3, 0, "bob@here"),
    ];
    let asked = asked.map(|(transaction, before, who)| {
        let by = "(Some(\"alice@here.test\"), Some(\"PLAIN\"))";
        format!("{transaction} {before} <{who}.test> {by}")
    });
    assert_eq!(*checks.asked.lock().unwrap(), asked);
    assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (1, 1));
    assert_eq!(fixture.spool().await.len(), 0);
    fixture.close().await;
}

/// RFC 5321 §3.8: what follows 421 is not carried out.
#[tokio::test]
async fn a_check_ends_the_session_at_rcpt() {
    let fixture = Fixture::new().await;
    let server = Server::new(settings(Role::Mx), fixture.desk.clone(), fixture.memory.clone());
    // Where nothing is relayed, nobody else is asked of those who are elsewhere.
    let named = fixture.store.write("ended", |tx| {
        let bob = tx.find_account(&storage::Address::parse("bob@here.test")?)?.unwrap().id;
        tx.add_alias(bob, &storage::Address::parse("ended@here.test")?)
    });
    named.await.unwrap();
    let wire = "EHLO a\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<bob@here.test>\r\n\
                RCPT TO:<ended@here.test>\r\nDATA\r\nA: b\r\n\r\nc\r\n.\r\nQUIT\r\n";
    let checks = Arc::new(Changing::default());
    let replies = fixture.talk_to(server.checked_by(checks), wire.as_bytes()).await;
    assert!(replies.ends_with(&format!("{TAKEN}421 4.7.0 Not this one\r\n")), "{replies}");
    assert_eq!(count(&fixture, "bob").await, 0);
    fixture.close().await;
}

/// A client that pipelines has the replies that it is owed while a check thinks of what follows.
#[tokio::test]
async fn replies_do_not_wait_for_who_is_asked_of_a_recipient() {
    let fixture = Fixture::new().await;
    let permits = Arc::new(Semaphore::new(0));
    let checks = Changing { permits: Some(permits.clone()), ..Changing::default() };
    let server = Server::new(settings(Role::Mx), fixture.desk.clone(), fixture.memory.clone());
    let mut client = fixture.connect_to(server.checked_by(Arc::new(checks)));
    let wire = "EHLO a\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<bob@here.test>\r\n\
                RCPT TO:<alice@here.test>\r\nQUIT\r\n";
    client.write_all(wire.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    let mut hear_to_the_end_of = async |reply: &str| {
        while !heard.ends_with(reply.as_bytes()) {
            assert_ne!(client.read_buf(&mut heard).await.unwrap(), 0, "before {reply}");
        }
    };
    hear_to_the_end_of("250 2.1.0 Sender accepted\r\n").await;
    permits.add_permits(1);
    hear_to_the_end_of(TAKEN).await;
    permits.add_permits(1);
    hear_to_the_end_of(&format!("{TAKEN}221 2.0.0 Goodbye\r\n")).await;
    fixture.close().await;
}

#[tokio::test]
async fn recipients_are_taken_away_and_added() {
    let postgres = testkit::Postgres::shared().create_database();
    for database in [Database::Sqlite, Database::Postgres(postgres.url().to_owned())] {
        let fixture = Fixture::over(database).await;
        let changes = EnvelopeChanges { removed: vec![0], ..adding(&["ALICE@here.test"]) };
        let replies = send(&fixture, Role::Mx, changes, &["bob@here.test"]).await;
        assert_eq!(replies, format!("{TAKEN}{GO}250 2.0.0 Stored\r\n"));
        assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (0, 1));
        assert_eq!(
            fixture.receptions().await,
            ["smtp \"\" <> Inbox 11; ALICE@here.test: stored; bob@here.test: discarded"]
        );
        fixture.close().await;
    }
}

/// What is decided by whether a message leaves is decided by where it goes in the end.
#[tokio::test]
async fn long_lines_are_encoded_for_who_is_added_elsewhere() {
    let fixture = Fixture::new().await;
    let long = "long ".repeat(300);
    let text = format!("From: alice@here.test\r\n\r\n{long}");
    let to = ["bob@here.test"];
    send_text(&fixture, Role::Submission, EnvelopeChanges::default(), &to, &text).await;
    let add = adding(&["far@there.test"]);
    send_text(&fixture, Role::Submission, add, &to, &text).await;
    let inbox = fixture.inbox("bob@here.test").await;
    let is_encoded = |text: &[u8]| !String::from_utf8_lossy(text).contains(&long);
    assert_eq!(inbox.iter().map(|text| is_encoded(text)).collect::<Vec<_>>(), [false, true]);
    assert!(is_encoded(fixture.spooled_text().await.as_bytes()));
    fixture.close().await;
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
    assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (0, 0));
    let discarded = "bob@here.test: discarded; alice@here.test: discarded";
    let receptions = fixture.receptions().await;
    assert_eq!(receptions.iter().filter(|one| one.ends_with(discarded)).count(), 3);
    assert_eq!(receptions.len(), 3, "{receptions:?}");
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
    let mut changes = adding(&[]);
    changes.added.push(with);
    changes.sender = Some("other@y.test".to_owned());
    let replies = send(&fixture, Role::Mx, changes, &["bob@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}250 2.0.0 Stored\r\n"));
    let [[sender, envelope, recipient, parameters]] = &fixture.spool().await[..] else { panic!() };
    assert_eq!((sender.as_str(), recipient.as_str()), ("other@y.test", "far@there.test"));
    assert!(parameters.contains("\"NEVER\""), "{parameters}");
    // What was known of the sender was known of another; who is told of a failure is the new one.
    assert!(!envelope.contains("doubtful") && !envelope.contains("verified"), "{envelope}");
    let mut traced = [0, 0];
    for (sender, traced) in ["other@y.test", "s@x.test"].into_iter().zip(&mut traced) {
        let (begin, newest) = (Timestamp::from_micros(0), ReceptionCursor::NEWEST);
        let slice = fixture.store.read(move |tx| tx.find_receptions(sender, begin, newest));
        *traced = slice.await.unwrap().rows.len();
    }
    assert_eq!(traced, [1, 0]);
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
