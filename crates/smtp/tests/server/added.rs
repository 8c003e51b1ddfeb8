//! Recipients that checks add: each has the message, or nobody has it.

use std::sync::Arc;

use ids::AccountId;
use smtp::Role;
use smtp::check::EnvelopeChanges;
use storage::{
    Address, Arrival, Claimed, Database, DeliveryPlan, Posting, Sorter, Sorting, Store, Verdict,
};

use crate::lists::with_list;
use crate::readdressing::{GO, TAKEN, adding, count, send, send_text};
use crate::receptions::give_rules;
use crate::support::{Fixture, settings};

const NOT_ADDED: &str = "451 4.3.5 The checks of this server are not in order, try later";

/// It has no reply of its own, over LMTP least of all; so nobody has the message. Nothing is wrong
/// with those that the client named, so it is told of no end.
#[tokio::test]
async fn who_cannot_be_added_has_the_message_refused_for_all() {
    let fixture = Fixture::new().await;
    let full = "452 4.2.2 This mailbox is full";
    for (added, reply) in [
        ("nobody@here.test", NOT_ADDED),
        ("blocked@here.test", NOT_ADDED),
        ("full@here.test", full),
        ("no address", NOT_ADDED),
        ("b\u{fc}ro@there.test", NOT_ADDED),
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
        format!(
            "smtp \"\" <> Inbox 11; bob@here.test: refused {NOT_ADDED}; \
             alice@here.test: refused {NOT_ADDED}"
        )
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

/// Where all those whom the client named are refused for now, it brings the message again: who was
/// added gets it then, and not each time. Where one of them has it, it does not come again for the
/// others.
#[tokio::test]
async fn who_is_added_has_once_what_comes_over_lmtp() {
    let postgres = testkit::Postgres::shared().create_database();
    let postgres = Database::Postgres(postgres.url().to_owned());
    for (database, is_sqlite) in [(Database::Sqlite, true), (postgres, false)] {
        let fixture = Fixture::over(database).await;
        let full = "452 4.2.2 This mailbox is full\r\n";
        let stored = "250 2.0.0 Stored\r\n";
        let add = adding(&["alice@here.test"]);
        let replies = send(&fixture, Role::Lmtp, add.clone(), &["full@here.test"]).await;
        assert_eq!(replies, format!("{TAKEN}{GO}{full}"));
        assert_eq!(count(&fixture, "alice").await, 0);
        let to = ["full@here.test", "bob@here.test"];
        let replies = send(&fixture, Role::Lmtp, add.clone(), &to).await;
        assert_eq!(replies, format!("{TAKEN}{TAKEN}{GO}{stored}{stored}"));
        assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (1, 1));
        let trace = "; full@here.test: queued; bob@here.test: stored; alice@here.test: stored";
        let receptions = fixture.receptions().await;
        assert!(receptions.last().unwrap().ends_with(trace), "{receptions:?}");
        // Who was taken away was to have it.
        let changes = EnvelopeChanges { removed: vec![1], ..add };
        let replies = send(&fixture, Role::Lmtp, changes, &to).await;
        assert_eq!(replies, format!("{TAKEN}{TAKEN}{GO}{stored}{stored}"));
        assert_eq!((count(&fixture, "bob").await, count(&fixture, "alice").await), (1, 2));
        // Where nothing was added, each recipient has its answer.
        let nothing = EnvelopeChanges::default();
        let replies = send(&fixture, Role::Lmtp, nothing, &to).await;
        assert_eq!(replies, format!("{TAKEN}{TAKEN}{GO}{full}{stored}"));
        if is_sqlite {
            let spool = fixture.spool().await;
            assert_eq!(spool.iter().map(|row| &row[2]).collect::<Vec<_>>(), ["full@here.test"; 2]);
        }
        fixture.close().await;
    }
}

#[tokio::test]
async fn a_list_that_is_added_asks_who_posts() {
    let fixture = with_list(Posting::Members).await;
    // A member, as the check has it; but anybody may name a sender of ours over SMTP.
    let sender = Some("bob@here.test".to_owned());
    let add = EnvelopeChanges { sender, ..adding(&["crew@here.test"]) };
    let replies = send(&fixture, Role::Mx, add.clone(), &["bob@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}{NOT_ADDED}\r\n"));
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

/// What it sent itself it does not take again; those whom the client named are no part of that.
#[tokio::test]
async fn a_list_that_is_added_and_sent_it_is_no_end_of_the_message() {
    let fixture = with_list(Posting::Anyone).await;
    let text = "Delivered-To: crew@here.test\r\nA: b\r\n\r\nc";
    for (added, to, reply) in [
        ("crew@here.test", "bob@here.test", NOT_ADDED),
        ("bob@here.test", "crew@here.test", "554 5.4.6"),
    ] {
        let replies = send_text(&fixture, Role::Mx, adding(&[added]), &[to], text).await;
        assert!(replies.starts_with(&format!("{TAKEN}{GO}{reply}")), "{replies}");
    }
    assert_eq!((count(&fixture, "bob").await, fixture.spool().await.len()), (0, 0));
    fixture.close().await;
}

/// Their number is bounded, and is not that which a client may name.
#[tokio::test]
async fn not_more_recipients_are_added_than_are_taken() {
    let fixture = Fixture::new().await;
    let added: Vec<String> = (0..1001).map(|number| format!("a{number}@far.test")).collect();
    let added: Vec<&str> = added.iter().map(String::as_str).collect();
    let replies = send(&fixture, Role::Mx, adding(&added), &["bob@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}{NOT_ADDED}\r\n"));
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

/// A script that refuses everything.
struct Refusing;

impl Sorter for Refusing {
    fn sort<'a>(&'a self, arrival: Arrival<'a>) -> Sorting<'a> {
        let (reason, instead) = ("Not me".to_owned(), Arc::new(nothing(arrival.rules)));
        Box::pin(async move { Ok(Verdict::Refuse { reason, instead }) })
    }

    fn settled(&self, _: AccountId, _: &DeliveryPlan, _: &[Claimed]) {}
}

/// A script in whose time an account goes.
struct Removing(Store);

impl Sorter for Removing {
    fn sort<'a>(&'a self, arrival: Arrival<'a>) -> Sorting<'a> {
        let plan = Arc::new(nothing(arrival.rules));
        Box::pin(async move {
            let removed = self.0.write("remove", |tx| {
                match tx.find_account(&Address::parse("alice@here.test")?)? {
                    Some(alice) => tx.remove_account(alice.id),
                    None => Ok(()),
                }
            });
            removed.await?;
            Ok(Verdict::Do(plan))
        })
    }

    fn settled(&self, _: AccountId, _: &DeliveryPlan, _: &[Claimed]) {}
}

fn nothing(rules: u64) -> DeliveryPlan {
    DeliveryPlan {
        rules,
        filings: Vec::new(),
        sends: Vec::new(),
        calendar: None,
        seen: Vec::new(),
        failure: None,
        script: None,
        notice: Arc::new(|_: &str| Vec::new()),
    }
}

/// RFC 5429 §2.1.1: who sends it is told in the transaction, archive or not.
#[tokio::test]
async fn what_those_who_were_named_refuse_is_refused_whoever_was_added() {
    let mut fixture = Fixture::new().await;
    give_rules(&fixture).await;
    fixture.desk = fixture.desk.clone().sorting(Arc::new(Refusing));
    let refused = format!("{TAKEN}{GO}550 5.7.1 Not me\r\n");
    let add = adding(&["alice@here.test", "far@there.test"]);
    let replies = send(&fixture, Role::Mx, add.clone(), &["bob@here.test"]).await;
    assert_eq!(replies, refused);
    // Nobody is left but who was added.
    let changes = EnvelopeChanges { removed: vec![0], ..adding(&["bob@here.test"]) };
    let replies = send(&fixture, Role::Mx, changes, &["alice@here.test"]).await;
    assert_eq!(replies, refused);
    assert_eq!((count(&fixture, "alice").await, fixture.spool().await.len()), (0, 0));
    let replies = send(&fixture, Role::Mx, add, &["bob@here.test", "ally@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{TAKEN}{GO}250 2.0.0 Stored\r\n"));
    assert_eq!(count(&fixture, "alice").await, 2);
    fixture.close().await;
}

#[tokio::test]
async fn an_added_account_that_is_gone_meanwhile_is_no_end_of_the_message() {
    let mut fixture = Fixture::new().await;
    give_rules(&fixture).await;
    fixture.desk = fixture.desk.clone().sorting(Arc::new(Removing(fixture.store.clone())));
    let add = adding(&["alice@here.test"]);
    let replies = send(&fixture, Role::Lmtp, add, &["bob@here.test"]).await;
    assert_eq!(replies, format!("{TAKEN}{GO}{NOT_ADDED}\r\n"));
    fixture.close().await;
}
