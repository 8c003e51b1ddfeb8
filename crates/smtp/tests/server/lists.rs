//! Mail to lists: who may post, and what the spool then holds.

use smtp::Role;
use storage::{Address, ListChange, NewList, Posting};

use crate::support::{Fixture, settings, without_ids};

const SIGN_IN: &str = "AUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// `crew@here.test` with bob and `x@there.test`, of whom alice is the owner.
pub(crate) async fn with_list(posting: Posting) -> Fixture {
    let fixture = Fixture::new().await;
    let write = fixture.store.write("list", move |tx| {
        let owner = tx.find_account(&address("alice@here.test"))?.unwrap().id;
        let new = NewList {
            address: address("crew@here.test"),
            description: "The Crew".to_owned(),
            owner,
            posting,
            team: None,
        };
        let list = tx.create_list(&new)?;
        tx.add_list_member(list, &address("bob@here.test"))?;
        tx.add_list_member(list, &address("x@there.test"))
    });
    write.await.unwrap();
    fixture
}

/// The replies to what follows the greeting.
async fn say(fixture: &Fixture, role: Role, lines: &str) -> Vec<String> {
    let hello = if role == Role::Lmtp { "LHLO a" } else { "EHLO a" };
    let wire = format!("{hello}\r\n{lines}QUIT\r\n");
    let replies = fixture.talk(settings(role), wire.as_bytes(), wire.len()).await;
    let is_last = |line: &&str| line.as_bytes().get(3) == Some(&b' ');
    let replies = without_ids(&replies);
    let lines = replies.lines().filter(is_last).skip(2);
    lines.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

fn mail(from: &str, to: &[&str], header: &str) -> String {
    let mut lines = format!("MAIL FROM:<{from}> RET=FULL ENVID=e\r\n");
    for to in to {
        lines += &format!("RCPT TO:<{to}> NOTIFY=SUCCESS,FAILURE\r\n");
    }
    lines + &format!("DATA\r\n{header}\r\n\r\nHello.\r\n.\r\n")
}

#[tokio::test]
async fn a_message_to_a_list_is_spooled_for_its_members() {
    let fixture = with_list(Posting::Anyone).await;
    let header = "Subject: a\r\nList-Id: <other.test>\r\nFrom: y@there.test";
    let lines = mail("y@there.test", &["CREW@also.test", "alice@here.test"], header);
    let replies = say(&fixture, Role::Mx, &lines).await;
    let good = ["250 2.1.0", "250 2.1.5", "250 2.1.5", "354 Send", "250 2.0.0", "221 2.0.0"];
    assert_eq!(replies, good);
    assert_eq!(fixture.inbox("alice@here.test").await.len(), 1);
    let spool = fixture.spool().await;
    let of_list = |at: usize| [spool[at][0].as_str(), &spool[at][2], &spool[at][3]];
    let nothing = r#"{"notify":null,"orcpt":null}"#;
    assert_eq!(of_list(0), ["crew+bounces@here.test", "bob@here.test", nothing]);
    assert_eq!(of_list(1), ["crew+bounces@here.test", "x@there.test", nothing]);
    // What the poster is told, of both.
    assert_eq!([spool[2][0].as_str(), &spool[2][2]], ["", "y@there.test"]);
    assert_eq!(spool.len(), 3);
    // RFC 3461 §5.2.7.1: nothing of RET, ENVID, NOTIFY goes along.
    let envelope: serde_json::Value = serde_json::from_str(&spool[0][1]).unwrap();
    assert_eq!(
        (&envelope["ret"], &envelope["envid"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    let text = fixture.spooled_text().await;
    let head = "Precedence: list\r\nDelivered-To: crew@here.test\r\n\
                List-Id: The Crew\r\n <crew.here.test>\r\nList-Post: <mailto:crew@here.test>\r\n\
                List-Owner: <mailto:crew+owner@here.test>\r\nReceived: ";
    assert!(text.starts_with(head), "{text}");
    assert!(!text.contains("other.test") && !text.contains("Return-Path"), "{text}");
    assert!(text.ends_with("Subject: a\r\nFrom: y@there.test\r\n\r\nHello.\r\n"), "{text}");
    fixture.close().await;
}

/// RFC 3461 §5.2.7.1
#[tokio::test]
async fn who_asks_hears_that_a_list_has_it() {
    let fixture = with_list(Posting::Anyone).await;
    let lines = mail("ally@here.test", &["crew@here.test"], "From: ally@here.test");
    let replies = say(&fixture, Role::Submission, &format!("{SIGN_IN}{lines}")).await;
    assert_eq!(replies.last().map(String::as_str), Some("221 2.0.0"), "{replies:?}");
    let spool = fixture.spool().await;
    let paths: Vec<_> = spool.iter().map(|row| [row[0].as_str(), &row[2], &row[3]]).collect();
    let of_list = "crew+bounces@here.test";
    let report = ["", "ally@here.test", r#"{"notify":"NEVER","orcpt":null}"#];
    let nothing = r#"{"notify":null,"orcpt":null}"#;
    let expect = [[of_list, "bob@here.test", nothing], [of_list, "x@there.test", nothing], report];
    assert_eq!(paths, expect);
    fixture.close().await;
}

#[tokio::test]
async fn a_list_says_at_once_what_it_does_not_take() {
    let fixture = with_list(Posting::Members).await;
    let to_list = |from: &str| format!("MAIL FROM:<{from}>\r\nRCPT TO:<crew@here.test>\r\n");
    let refused = "550 5.7.2";
    for (role, lines, expect) in [
        (Role::Mx, to_list("y@there.test"), refused),
        (Role::Mx, to_list(""), refused),
        (Role::Mx, to_list("bob@here.test"), refused),
        (Role::Mx, to_list("x@there.test"), "250 2.1.5"),
        (Role::Lmtp, to_list("bob@here.test"), "250 2.1.5"),
        (Role::Submission, format!("{SIGN_IN}{}", to_list("ally@here.test")), "250 2.1.5"),
        (Role::Mx, "MAIL FROM:<>\r\nRCPT TO:<crew+bounces@here.test>\r\n".to_owned(), "250 2.1.5"),
        (Role::Mx, "MAIL FROM:<a@b>\r\nRCPT TO:<crew+x@here.test>\r\n".to_owned(), "550 5.1.1"),
    ] {
        let replies = say(&fixture, role, &lines).await;
        let reply = &replies[replies.len() - 2];
        assert_eq!(reply, expect, "{role:?} {lines}");
    }
    let write = fixture.store.write("list", |tx| {
        let list = tx.find_list(&address("crew@here.test"))?.unwrap().id;
        tx.remove_list_member(list, &address("bob@here.test"))?;
        tx.remove_list_member(list, &address("x@there.test"))?;
        let anyone = Some(Posting::Anyone);
        tx.update_list(list, &ListChange { posting: anyone, ..ListChange::default() })
    });
    write.await.unwrap();
    let replies = say(&fixture, Role::Mx, &to_list("y@there.test")).await;
    assert_eq!(replies[1], "550 5.2.4");
    fixture.close().await;
}

#[tokio::test]
async fn what_a_list_sent_is_not_posted_to_it_again() {
    let fixture = with_list(Posting::Anyone).await;
    let lines = mail("y@there.test", &["crew@here.test"], "Delivered-To: Crew@here.test");
    let replies = say(&fixture, Role::Mx, &lines).await;
    assert_eq!(replies[3], "554 5.4.6");
    assert_eq!(fixture.spool().await.len(), 0);
    fixture.close().await;
}

/// RFC 5321 §4.5.1, RFC 2142 §4
#[tokio::test]
async fn who_answers_for_a_domain_can_always_be_written_to() {
    let fixture = Fixture::new().await;
    let write = fixture.store.write("lists", |tx| {
        let owner = tx.find_account(&address("alice@here.test"))?.unwrap().id;
        for of in ["abuse@here.test", "postmaster@here.test"] {
            let (posting, description) = (Posting::Members, String::new());
            let new = NewList { address: address(of), description, owner, posting, team: None };
            let list = tx.create_list(&new)?;
            if of == "abuse@here.test" {
                tx.add_list_member(list, &address("bob@here.test"))?;
            }
        }
        let blocked = tx.find_account(&address("blocked@here.test"))?.unwrap().id;
        tx.create_domain("third.test")?;
        tx.join_organisation("third.test", "here.test")?;
        tx.add_alias(blocked, &address("abuse@third.test"))
    });
    write.await.unwrap();
    let to = ["abuse@here.test", "Postmaster@also.test", "abuse@third.test"];
    for from in ["y@there.test", ""] {
        let replies = say(&fixture, Role::Mx, &mail(from, &to, "Subject: a")).await;
        let good = ["250 2.1.0", "250 2.1.5", "250 2.1.5", "250 2.1.5", "354 Send", "250 2.0.0"];
        assert_eq!(replies[..6], good, "{from:?}");
    }
    let posted: Vec<_> = fixture.spool().await.into_iter().map(|row| row[2].clone()).collect();
    assert_eq!(posted.iter().filter(|to| *to == "bob@here.test").count(), 2, "{posted:?}");
    // Nobody is on the one list, and who had the address is blocked.
    assert_eq!(fixture.inbox("alice@here.test").await.len(), 4);
    fixture.close().await;
}
