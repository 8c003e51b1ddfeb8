//! R-ADDR-11: what an account may send is said with the limit, and what is refused is not counted.

use ids::AccountId;
use smtp::Role;
use storage::SendingLimits;

use crate::support::{Fixture, settings};

async fn alice(fixture: &Fixture) -> AccountId {
    let alice = storage::Address::parse("alice@here.test").unwrap();
    fixture.store.read(move |tx| Ok(tx.find_account(&alice)?.unwrap().id)).await.unwrap()
}

/// The reply to one message of alice's to these.
async fn send(fixture: &Fixture, to: &[&str]) -> String {
    let recipients: String = to.iter().map(|to| format!("RCPT TO:<{to}>\r\n")).collect();
    let wire = format!(
        "EHLO a\r\nAUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n\
         MAIL FROM:<alice@here.test>\r\n{recipients}DATA\r\nFrom: alice@here.test\r\n\r\nb\r\n\
         .\r\nQUIT\r\n"
    );
    let replies = fixture.talk(settings(Role::Submission), wire.as_bytes(), wire.len()).await;
    let after = replies.split_once("354 ").unwrap().1;
    crate::support::without_ids(after).lines().nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn an_account_sends_so_many_messages_to_so_many() {
    let fixture = Fixture::new().await;
    let account = alice(&fixture).await;
    let limits = SendingLimits {
        messages_max: Some(2),
        recipients_max: Some(2),
        ..SendingLimits::default()
    };
    let set = fixture.store.write("test", move |tx| tx.set_sending_limits(account, limits));
    set.await.unwrap();
    let three = ["x@y.test", "bob@here.test", "z@y.test"];
    assert_eq!(send(&fixture, &three[..2]).await, "250 2.0.0 Stored");
    let refused = "550 5.5.3 This account may write to 2 recipients at a time";
    assert_eq!(send(&fixture, &three).await, refused);
    assert_eq!(send(&fixture, &["bob@here.test"]).await, "250 2.0.0 Stored");
    let refused = "450 4.7.1 This account may send 2 messages a day, try again tomorrow";
    assert_eq!(send(&fixture, &["bob@here.test"]).await, refused);
    assert_eq!(fixture.spool().await.len(), 1);
    assert_eq!(fixture.inbox("bob@here.test").await.len(), 2);
    fixture.clock.advance_secs(86_400);
    assert_eq!(send(&fixture, &["bob@here.test"]).await, "250 2.0.0 Stored");
    fixture.close().await;
}

#[tokio::test]
async fn people_of_ours_hear_how_much_a_full_mailbox_may_hold() {
    let fixture = Fixture::new().await;
    let told = "452 4.2.2 This mailbox is full, it may hold 100 bytes";
    assert_eq!(send(&fixture, &["full@here.test"]).await, told);
    // What is announced as too large is refused before it is sent.
    let wire = "EHLO a\r\nAUTH PLAIN AGFsaWNlQGhlcmUudGVzdABzZWNyZXQgb25l\r\n\
                MAIL FROM:<alice@here.test> SIZE=101\r\nRCPT TO:<full@here.test>\r\nQUIT\r\n";
    let replies = fixture.talk(settings(Role::Submission), wire.as_bytes(), wire.len()).await;
    assert!(replies.contains(&format!("{told}\r\n221")), "{replies}");
    fixture.close().await;
}
