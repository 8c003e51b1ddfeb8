//! What senders are told of mail that the queue brings to mailboxes here: what was done, not what
//! was planned.

use std::sync::Arc;

use ids::AccountId;
use storage::{
    Address, Arrival, Claimed, Database, DeliveryPlan, MailParameters, NewAccount, Outgoing,
    PreparedMessage, RcptParameters, ScriptName, Sorter, Sorting, SpoolEntry, SpoolRecipient,
    SpoolTerms, Verdict,
};

use crate::scene::Scene;
use crate::server::Server;

/// Sends everything on, as a script does, without keeping it.
struct Onward;

impl Sorter for Onward {
    fn sort<'a>(&'a self, arrival: Arrival<'a>) -> Sorting<'a> {
        let recipient = SpoolRecipient {
            forward_path: "far@a.test".to_owned(),
            parameters: RcptParameters::never(),
        };
        let send = Outgoing {
            entry: SpoolEntry {
                account: Some(arrival.account),
                reverse_path: arrival.reverse_path.to_owned(),
                parameters: MailParameters::default(),
                recipients: vec![recipient],
            },
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
        Box::pin(async move { Ok(Verdict::Do(Arc::new(plan))) })
    }

    fn settled(&self, _: AccountId, _: &DeliveryPlan, _: &[Claimed]) {}
}

/// Of bob, who has rules.
async fn with_bob(server: &Server, database: Database) -> Scene {
    let change_store = |changed: &mut storage::Settings| {
        changed.database = database;
        changed.sent_messages_max = 1;
    };
    let scene = Scene::sorting(Some(Arc::new(Onward)), &[server], |_| {}, change_store).await;
    let prepared = scene.store.write("bob", |tx| {
        let bob = tx.create_account(NewAccount {
            address: Address::parse("bob@here.test")?,
            name: String::new(),
            role: storage::Role::Collaborator,
            password_hash: String::new(),
            quota_bytes: 0,
            mail_only: true,
        })?;
        let (mut bob, name) = (tx.account(bob)?, ScriptName::parse("main")?);
        bob.put_script(&name, b"keep;")?;
        bob.activate_script(Some(&name))
    });
    prepared.await.unwrap();
    scene
}

/// R-ADDR-11: what is not sent on, for the account sent enough that day, is kept; RFC 3461 §5.2.3:
/// and the sender is told that it was delivered, not that it was relayed.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_success_tells_what_was_done() {
    let postgres = testkit::Postgres::shared().create_database();
    for database in [Database::Sqlite, Database::Postgres(postgres.url().to_owned())] {
        let far = Server::start().await;
        let scene = with_bob(&far, database).await;
        let wish = r#"{"notify":"SUCCESS"}"#;
        // The message for bob, the copy that is sent on, the report.
        let first = scene.send_from("julie@here.test", &["bob@here.test"], wish).await;
        scene.queue.wait_until(|counters| counters.delivered == 3 && counters.active == 0).await;
        let second = scene.send_from("julie@here.test", &["bob@here.test"], wish).await;
        scene.queue.wait_until(|counters| counters.delivered == 5 && counters.active == 0).await;
        assert_eq!(far.taken().len(), 1);
        let action = |report: &String| {
            let line = report.lines().find(|line| line.starts_with("Action: "));
            line.unwrap_or("none").to_owned()
        };
        let told: Vec<String> = scene.inbox().await.iter().map(action).collect();
        assert_eq!(told, ["Action: relayed", "Action: delivered"]);
        for (spool, expect) in [(first, "sent on as "), (second, "delivered to the mailbox")] {
            let trace = scene.trace(spool).await;
            assert!(trace.len() == 1 && trace[0].contains(expect), "{trace:?}");
        }
        scene.close().await;
    }
}
