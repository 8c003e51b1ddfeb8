//! What is written down of messages that were read: where each went, or why it was refused.

use std::sync::Arc;

use ids::AccountId;
use smtp::check::{
    CheckReply, CheckSession, CheckedMail, Checking, ContentChecks, EnvelopeChanges, Verdict,
};
use smtp::render::Enhanced;
use smtp::types::Recipient;
use smtp::{Role, Server};
use storage::{
    Address, Arrival, Claim, Claimed, Content, Database, DeliveryPlan, MailParameters, Outgoing,
    Placement, PreparedMessage, RcptParameters, ScriptName, Sorter, Sorting, SpoolEntry,
    SpoolRecipient, SpoolTerms, Want,
};

use crate::support::{Fixture, settings};

const SIGN_IN: &str = "AUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n";

async fn send(fixture: &Fixture, role: Role, from: &str, to: &[&str], message: &str) -> String {
    let (hello, sign_in) = match role {
        Role::Lmtp => ("LHLO a", ""),
        Role::Mx => ("EHLO a", ""),
        Role::Submission => ("EHLO a", SIGN_IN),
    };
    let to: String = to.iter().map(|to| format!("RCPT TO:<{to}>\r\n")).collect();
    let wire =
        format!("{hello}\r\n{sign_in}MAIL FROM:<{from}>\r\n{to}DATA\r\n{message}\r\n.\r\nQUIT\r\n");
    fixture.talk(settings(role), wire.as_bytes(), wire.len()).await
}

#[tokio::test]
async fn what_is_stored_or_queued_says_so() {
    let fixture = Fixture::new().await;
    let message = "Message-ID: <1@x.test>\r\n\r\nhello";
    let replies = send(&fixture, Role::Mx, "s@x.test", &["ally@here.test"], message).await;
    let to = ["bob@here.test", "far@there.test"];
    send(&fixture, Role::Submission, "alice@here.test", &to, "Message-ID: <2@x.test>\r\n\r\nb")
        .await;
    let big = format!("a: b\r\n\r\n{}", "0123456789\r\n".repeat(20));
    let to = ["full@here.test", "bob@here.test"];
    send(&fixture, Role::Lmtp, "s@x.test", &to, &big).await;
    assert_eq!(
        fixture.receptions().await,
        [
            "smtp \"\" <1@x.test> Inbox 33; ally@here.test: stored",
            "submission \"alice@here.test\" <2@x.test> Inbox 29; bob@here.test: stored; \
             far@there.test: queued",
            "lmtp \"\" <> Inbox 250; full@here.test: refused 452 4.2.2 This mailbox is full; \
             bob@here.test: stored",
        ]
    );
    let (_, id) = replies.split_once(", id ").unwrap();
    let number = u64::from_str_radix(&id[..16], 16).unwrap();
    let row = fixture.store.read(move |tx| tx.reception(number)).await.unwrap().unwrap();
    assert_eq!(row.reception.peer, "192.0.2.7");
    fixture.close().await;
}

#[tokio::test]
async fn what_is_refused_after_it_was_read_says_why() {
    let fixture = Fixture::new().await;
    let big = format!("a: b\r\n\r\n{}", "0123456789\r\n".repeat(20));
    send(&fixture, Role::Mx, "s@x.test", &["full@here.test"], &big).await;
    send(&fixture, Role::Mx, "s@x.test", &["bob@here.test"], "a\rb").await;
    let forged = "From: bob@here.test\r\n\r\nx";
    send(&fixture, Role::Submission, "alice@here.test", &["bob@here.test"], forged).await;
    let found = fixture.receptions().await;
    assert_eq!(found.len(), 3);
    for (found, expect) in found.iter().zip([
        "smtp \"\" <> Inbox 250; full@here.test: refused 452 4.2.2 ",
        "smtp \"\" <> Inbox 5; bob@here.test: refused 554 5.6.0 ",
        "submission \"alice@here.test\" <> Inbox 26; bob@here.test: refused 550 5.7.1 ",
    ]) {
        assert!(found.starts_with(expect), "{found} {expect}");
    }
    fixture.close().await;
}

#[derive(Clone)]
struct Always(Verdict);

impl ContentChecks for Always {
    fn looks_at(&self, _: Role) -> bool {
        true
    }

    fn begin(&self) -> Box<dyn CheckSession> {
        Box::new(self.clone())
    }
}

impl CheckSession for Always {
    fn asks_recipients(&self, _: Role) -> bool {
        false
    }

    fn check_recipient<'a>(
        &'a mut self,
        _: CheckedMail<'a>,
        _: &'a Recipient,
    ) -> Checking<'a, Result<(), CheckReply>> {
        Box::pin(async { Ok(()) })
    }

    fn check<'a>(&'a mut self, _: CheckedMail<'a>) -> Checking<'a, Verdict> {
        let verdict = self.0.clone();
        Box::pin(async move { verdict })
    }

    fn end(self: Box<Self>) -> Checking<'static, ()> {
        Box::pin(async {})
    }
}

#[tokio::test]
async fn what_checks_refuse_or_put_aside_says_so() {
    let fixture = Fixture::new().await;
    let refuse = CheckReply { code: 554, enhanced: Enhanced(5, 7, 1), text: "A virus".to_owned() };
    let envelope = EnvelopeChanges::default();
    for verdict in [
        Verdict::Refuse(refuse),
        Verdict::Accept { changed: None, placement: Placement::Junk, envelope },
    ] {
        let server = Server::new(settings(Role::Mx), fixture.desk.clone(), fixture.memory.clone());
        let wire = "EHLO a\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n\
                    a: b\r\n\r\n.\r\nQUIT\r\n";
        fixture.talk_to(server.checked_by(Arc::new(Always(verdict))), wire.as_bytes()).await;
    }
    assert_eq!(
        fixture.receptions().await,
        [
            "smtp \"\" <> Inbox 8; bob@here.test: refused 554 5.7.1 A virus",
            "smtp \"\" <> Junk 8; bob@here.test: stored",
        ]
    );
    fixture.close().await;
}

#[tokio::test]
async fn nothing_is_written_down_where_nobody_asks() {
    let fixture = Fixture::new().await;
    let mut changed = (*fixture.store.settings()).clone();
    changed.trace_receptions = false;
    fixture.store.replace_settings(changed);
    send(&fixture, Role::Mx, "s@x.test", &["bob@here.test", "full@here.test"], "a: b").await;
    send(&fixture, Role::Mx, "s@x.test", &["bob@here.test"], "a\rb").await;
    assert_eq!(fixture.receptions().await, [""; 0]);
    assert_eq!(fixture.inbox("bob@here.test").await.len(), 1);
    fixture.close().await;
}

/// Sends everything on, as a script does, without keeping it.
struct Onward;

impl Sorter for Onward {
    fn sort<'a>(&'a self, arrival: Arrival<'a>) -> Sorting<'a> {
        let entry = SpoolEntry {
            account: Some(arrival.account),
            reverse_path: arrival.reverse_path.to_owned(),
            parameters: MailParameters {
                verified: arrival.verified,
                doubtful: !arrival.is_believed,
                ..MailParameters::default()
            },
            recipients: vec![SpoolRecipient {
                forward_path: "far@there.test".to_owned(),
                parameters: RcptParameters::default(),
            }],
        };
        let send = Outgoing {
            entry,
            message: Arc::new(PreparedMessage::new(arrival.message.to_vec())),
            terms: SpoolTerms::default(),
            claim: None,
            counted: true,
            copy: None,
            is_forwarded: true,
        };
        let plan = DeliveryPlan {
            rules: arrival.rules,
            filings: Vec::new(),
            sends: vec![send],
            calendar: None,
            seen: Vec::new(),
            failure: None,
            script: None,
            notice: Arc::new(|trouble: &str| format!("Subject: {trouble}\r\n\r\n").into_bytes()),
        };
        Box::pin(async move { Ok(storage::Verdict::Do(Arc::new(plan))) })
    }

    fn settled(&self, _: AccountId, _: &DeliveryPlan, _: &[Claimed]) {}
}

/// Gives Bob rules.
pub(crate) async fn give_rules(fixture: &Fixture) {
    let prepared = fixture.store.write("rules", |tx| {
        let bob = tx.find_account(&Address::parse("bob@here.test")?)?.unwrap().id;
        let (mut bob, name) = (tx.account(bob)?, ScriptName::parse("main")?);
        bob.put_script(&name, b"keep;")?;
        bob.activate_script(Some(&name))
    });
    prepared.await.unwrap();
}

/// RFC 5321 §6.1: whose copies could not be brought out is told where the message was believed,
/// also where nobody proved it here.
#[tokio::test]
async fn rules_hear_whether_a_sender_is_believed() {
    let mut fixture = Fixture::new().await;
    fixture.desk = fixture.desk.clone().sorting(Arc::new(Onward));
    give_rules(&fixture).await;
    for (role, from, expect) in [
        (Role::Lmtp, "s@x.test", (false, true)),
        (Role::Mx, "s@x.test", (false, true)),
        (Role::Mx, "alice@here.test", (false, false)),
        (Role::Submission, "alice@here.test", (true, true)),
    ] {
        send(&fixture, role, from, &["bob@here.test"], "a: b\r\n\r\nc").await;
        let spool = fixture.spool().await;
        let parameters: MailParameters = serde_json::from_str(&spool.last().unwrap()[1]).unwrap();
        assert_eq!((parameters.verified, !parameters.doubtful), expect, "{role:?} {from}");
    }
    fixture.close().await;
}

/// R-ADDR-11: what is not sent on is kept, and its sender is told that, not what was planned.
#[tokio::test]
async fn what_the_limit_keeps_here_is_not_told_of_as_relayed() {
    let postgres = testkit::Postgres::shared().create_database();
    for database in [Database::Sqlite, Database::Postgres(postgres.url().to_owned())] {
        let mut fixture = Fixture::over(database).await;
        fixture.desk = fixture.desk.clone().sorting(Arc::new(Onward));
        let mut changed = (*fixture.store.settings()).clone();
        changed.sent_messages_max = 1;
        fixture.store.replace_settings(changed);
        give_rules(&fixture).await;
        for expect in ["sent-on", "stored"] {
            let wire = "EHLO a\r\nMAIL FROM:<s@x.test>\r\n\
                        RCPT TO:<bob@here.test> NOTIFY=SUCCESS\r\nDATA\r\n\
                        Message-ID: <1@x.test>\r\n\r\nhi\r\n.\r\nQUIT\r\n";
            fixture.talk(settings(Role::Mx), wire.as_bytes(), wire.len()).await;
            let found = fixture.receptions().await;
            let last = format!("; bob@here.test: {expect}");
            assert!(found.last().unwrap().ends_with(&last), "{found:?}");
        }
        let claimed = fixture.store.write("claim", |tx| {
            let daemon = tx.register_queue_daemon(tx.now().plus_secs(60))?;
            let destination = "x.test".to_owned();
            tx.claim_spooled(&Claim { daemon, destination, limit: 9 })
        });
        let ids: Vec<_> =
            claimed.await.unwrap().value.into_iter().map(|message| message.content).collect();
        let contents = fixture.store.read(move |tx| tx.load_contents(&ids, Want::TEXT)).await;
        let action = |content: &Content| {
            let text = String::from_utf8(content.text().unwrap().to_vec()).unwrap();
            text.lines().find(|line| line.starts_with("Action: ")).unwrap().to_owned()
        };
        let reports: Vec<String> = contents.unwrap().iter().map(action).collect();
        assert_eq!(reports, ["Action: relayed", "Action: delivered"]);
        fixture.close().await;
    }
}
