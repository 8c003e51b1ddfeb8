//! Checks and the envelope: recipients they refuse, recipients and senders they change.

use std::sync::{Arc, Mutex};

use smtp::check::{
    AddedRecipient, CheckReply, CheckSession, CheckedMail, Checking, ContentChecks,
    EnvelopeChanges, Verdict,
};
use smtp::render::Enhanced;
use smtp::types::Recipient;
use smtp::{Role, Server};
use storage::{Address, Database, Placement, Posting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

use crate::lists::with_list;
use crate::support::{Fixture, settings, without_ids};

const SIGN_IN: &str = "AUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n";

/// Wants these changes of every envelope, and no recipient whose address begins with `barred`.
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
        let refused = recipient.path.to_string().starts_with("<barred");
        let permits = self.permits.clone();
        Box::pin(async move {
            if let Some(permits) = permits {
                permits.acquire().await.unwrap().forget();
            }
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
    send_text(fixture, role, changes, to, "A: b\r\n\r\nc").await
}

async fn send_text(
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

/// It has no reply of its own, over LMTP least of all; so nobody has the message.
#[tokio::test]
async fn who_cannot_be_added_has_the_message_refused_for_all() {
    let fixture = Fixture::new().await;
    let full = "452 4.2.2 This mailbox is full";
    for (added, reply) in [
        ("nobody@here.test", "550 5.1.1 No such mailbox here"),
        ("blocked@here.test", "550 5.2.1 This mailbox takes no mail"),
        ("full@here.test", full),
        ("no address", "501 5.1.3 Recipient address is not valid"),
        ("b\u{fc}ro@there.test", "553 5.6.7 This recipient needs SMTPUTF8"),
    ] {
        for (role, answers) in [(Role::Mx, 1), (Role::Lmtp, 2), (Role::Submission, 1)] {
            for removed in [vec![], vec![0], vec![0, 1]] {
                let added = adding(&["ally@here.test", "far@there.test", added]);
                let changes = EnvelopeChanges { removed, ..added };
                let to = ["bob@here.test", "alice@here.test"];
                let replies = send(&fixture, role, changes, &to).await;
                let limit = ", it may hold 100 bytes";
                let limit = if role == Role::Submission && reply == full { limit } else { "" };
                let replied = format!("{reply}{limit}\r\n").repeat(answers);
                assert_eq!(replies, format!("{TAKEN}{TAKEN}{GO}{replied}"));
            }
        }
    }
    assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (0, 0));
    assert_eq!(fixture.spool().await.len(), 0);
    let receptions = fixture.receptions().await;
    assert_eq!(receptions.len(), 45);
    assert_eq!(
        receptions[0],
        "smtp \"\" <> Inbox 11; bob@here.test: refused 550 5.1.1 No such mailbox here; \
         alice@here.test: refused 550 5.1.1 No such mailbox here"
    );
    fixture.close().await;
}

/// Two addresses of one account, which has room for one of the two.
#[tokio::test]
async fn an_added_mailbox_that_fills_up_meanwhile_is_not_passed_over() {
    let postgres = testkit::Postgres::shared().create_database();
    for database in [Database::Sqlite, Database::Postgres(postgres.url().to_owned())] {
        let fixture = Fixture::over(database).await;
        let limited = fixture.store.write("quota", |tx| {
            let alice = tx.find_account(&Address::parse("alice@here.test")?)?.unwrap().id;
            tx.account(alice)?.set_quota(300)
        });
        limited.await.unwrap();
        for removed in [vec![], vec![0]] {
            let added = adding(&["alice@here.test", "ally@here.test"]);
            let changes = EnvelopeChanges { removed, ..added };
            let to = ["bob@here.test", "bob@here.test"];
            let replies = send(&fixture, Role::Lmtp, changes, &to).await;
            let full = "452 4.2.2 This mailbox is full\r\n";
            assert_eq!(replies, format!("{TAKEN}{TAKEN}{GO}{full}{full}"));
        }
        assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (0, 0));
        fixture.close().await;
    }
}

/// Where those whom the client named are refused for now, it brings the message again: who was added
/// gets it then, and not each time.
#[tokio::test]
async fn what_comes_again_over_lmtp_is_not_added_yet() {
    let fixture = Fixture::new().await;
    let full = "452 4.2.2 This mailbox is full\r\n";
    let add = adding(&["alice@here.test"]);
    let replies = send(&fixture, Role::Lmtp, add.clone(), &["full@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}{full}"));
    assert_eq!(count(&fixture, "alice").await, 0);
    // One of them has it, or was to have it.
    let to = ["full@here.test", "bob@here.test"];
    let replies = send(&fixture, Role::Lmtp, add.clone(), &to).await;
    assert_eq!(replies, format!("{TAKEN}{TAKEN}{GO}{full}250 2.0.0 Stored\r\n"));
    assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (1, 1));
    let changes = EnvelopeChanges { removed: vec![1], ..add };
    let replies = send(&fixture, Role::Lmtp, changes, &to).await;
    assert_eq!(replies, format!("{TAKEN}{TAKEN}{GO}{full}250 2.0.0 Stored\r\n"));
    assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (1, 2));
    fixture.close().await;
}

#[tokio::test]
async fn a_list_that_is_added_asks_who_posts() {
    let fixture = with_list(Posting::Members).await;
    // A member, as the check has it; but anybody may name a sender of ours over SMTP.
    let sender = Some("bob@here.test".to_owned());
    let add = EnvelopeChanges { sender, ..adding(&["crew@here.test"]) };
    let replies = send(&fixture, Role::Mx, add.clone(), &["bob@here.test"]).await;
    assert!(replies.starts_with(&format!("{TAKEN}{GO}550 5.7.2 ")), "{replies}");
    assert_eq!((count(&fixture, "bob").await, fixture.spool().await.len()), (0, 0));
    // Who is in front of this server has asked.
    let replies = send(&fixture, Role::Lmtp, add, &["bob@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}250 2.0.0 Stored\r\n"));
    let spool = fixture.spool().await;
    let of_list = spool.iter().map(|row| [row[0].as_str(), row[2].as_str()]);
    let sender = "crew+bounces@here.test";
    let expected = [[sender, "bob@here.test"], [sender, "x@there.test"]];
    assert_eq!(of_list.collect::<Vec<_>>(), expected);
    fixture.close().await;
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

/// Their number is bounded, and is not that which a client may name.
#[tokio::test]
async fn not_more_recipients_are_added_than_are_taken() {
    let fixture = Fixture::new().await;
    let added: Vec<String> = (0..1001).map(|number| format!("a{number}@far.test")).collect();
    let added: Vec<&str> = added.iter().map(String::as_str).collect();
    let replies = send(&fixture, Role::Mx, adding(&added), &["bob@here.test"]).await;
    let too_many = "452 4.5.3 Too many recipients, 1000 at a time are taken\r\n";
    assert_eq!(replies, format!("{TAKEN}{GO}{too_many}"));
    assert!(settings(Role::Mx).recipients_max <= 1000);
    let replies = send(&fixture, Role::Mx, adding(&added[..1000]), &["bob@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}250 2.0.0 Stored\r\n"));
    assert_eq!(fixture.spool().await.len(), 1000);
    // Nor is it that which an account may write to.
    let mut changed = (*fixture.store.settings()).clone();
    changed.sent_recipients_max = 1;
    fixture.store.replace_settings(changed);
    let add = adding(&["ally@here.test", "far@there.test"]);
    let replies = send(&fixture, Role::Submission, add, &["bob@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}250 2.0.0 Stored\r\n"));
    fixture.close().await;
}
