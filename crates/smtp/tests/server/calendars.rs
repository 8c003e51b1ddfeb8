//! Calendar messages in mail that a server in front of this one checked (RFC 6047, RFC 8601).

use std::sync::Arc;
use std::time::Duration;

use mailauth::Methods;
use smtp::{Authenticity, AuthenticitySettings, Disowned, Role};
use storage::{Address, Home, NewAccount, NewList, Posting};

use crate::authenticity::Table;
use crate::support::{Fixture, settings};

const BY_FRONT: &str =
    "Authentication-Results: front.test; dmarc=pass header.from=elsewhere.test\r\n";

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// With carol, who has calendars, and `front.test`, which is believed.
async fn fixture(networks: &[&str]) -> Fixture {
    let mut fixture = Fixture::new().await;
    let write = fixture.store.write("carol", |tx| {
        tx.create_account(NewAccount {
            address: address("carol@here.test"),
            name: String::new(),
            role: storage::Role::Collaborator,
            password_hash: String::new(),
            quota_bytes: 0,
            mail_only: false,
        })
    });
    write.await.unwrap();
    let settings = AuthenticitySettings {
        authserv_id: "mx.here.test".to_owned(),
        methods: Methods { spf: false, dkim: true, dmarc: true, arc: false },
        obey: true,
        disowned: Disowned::Mark,
        defer: false,
        trusted_sealers: Vec::new(),
        trusted_networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
        trusted_servers: vec!["front.test".to_owned()],
        timeout: Duration::from_millis(20),
    };
    let checks = Authenticity::new(Arc::new(Table::default()), settings);
    fixture.desk = fixture.desk.clone().checking(Arc::new(checks));
    fixture
}

/// An invitation of Dan's to carol, by its UID.
fn invitation(uid: &str, fields: &str) -> String {
    format!(
        "{fields}From: Dan <dan@elsewhere.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n\r\n\
         BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nMETHOD:REQUEST\r\n\
         BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260110T100000Z\r\n\
         DURATION:PT1H\r\nORGANIZER:mailto:dan@elsewhere.test\r\n\
         ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:carol@here.test\r\n\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

async fn send(fixture: &Fixture, role: Role, to: &str, message: &str) {
    let hello = if role == Role::Lmtp { "LHLO" } else { "EHLO" };
    let wire = format!(
        "{hello} front.test\r\nMAIL FROM:<dan@elsewhere.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n\
         {message}.\r\nQUIT\r\n"
    );
    let replies = fixture.talk(settings(role), wire.as_bytes(), wire.len()).await;
    assert!(replies.contains("250 2.0.0 Stored"), "{replies}");
}

/// The UIDs in carol's calendars.
async fn meetings(fixture: &Fixture) -> Vec<String> {
    let read = fixture.store.read(|tx| {
        let carol = tx.find_account(&address("carol@here.test"))?.unwrap().id;
        let mut uids = Vec::new();
        for one in tx.list_collections(carol, Home::Calendars)? {
            if one.name != "inbox" {
                uids.extend(tx.list_objects(one.id)?.into_iter().map(|object| object.uid));
            }
        }
        Ok(uids)
    });
    read.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_named_server_found_is_believed_over_lmtp() {
    let fixture = fixture(&[]).await;
    for (uid, fields) in [
        ("unknown", String::new()),
        ("other", BY_FRONT.replace("front.test;", "other.test;")),
        ("failed", BY_FRONT.replace("pass", "fail")),
        ("another", BY_FRONT.replace("elsewhere", "another")),
        ("good", BY_FRONT.to_owned()),
    ] {
        send(&fixture, Role::Lmtp, "carol@here.test", &invitation(uid, &fields)).await;
    }
    // Whoever is not one's own may write what they like.
    send(&fixture, Role::Mx, "carol@here.test", &invitation("stranger", BY_FRONT)).await;
    assert_eq!(meetings(&fixture).await, ["good"]);
    assert_eq!(fixture.inbox("carol@here.test").await.len(), 6);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_where_a_server_of_ones_own_brings_it() {
    let fixture = fixture(&["192.0.2.0/24"]).await;
    send(&fixture, Role::Mx, "carol@here.test", &invitation("none", "")).await;
    send(&fixture, Role::Mx, "carol@here.test", &invitation("good", BY_FRONT)).await;
    assert_eq!(meetings(&fixture).await, ["good"]);
    fixture.close().await;
}

/// What the queue brings to a mailbox here later is believed as it is now.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_passes_on_who_the_author_is() {
    let fixture = fixture(&[]).await;
    let write = fixture.store.write("list", |tx| {
        let owner = tx.find_account(&address("alice@here.test"))?.unwrap().id;
        let list = tx.create_list(&NewList {
            address: address("crew@here.test"),
            description: String::new(),
            owner,
            posting: Posting::Anyone,
            team: None,
        })?;
        tx.add_list_member(list, &address("carol@here.test"))
    });
    write.await.unwrap();
    send(&fixture, Role::Lmtp, "crew@here.test", &invitation("one", BY_FRONT)).await;
    send(&fixture, Role::Lmtp, "crew@here.test", &invitation("two", "")).await;
    let authors: Vec<serde_json::Value> = fixture
        .spool()
        .await
        .iter()
        .map(|[_, envelope, ..]| serde_json::from_str::<serde_json::Value>(envelope).unwrap())
        .map(|envelope| envelope["author"].clone())
        .collect();
    assert_eq!(authors, [serde_json::json!("elsewhere.test"), serde_json::Value::Null]);
    fixture.close().await;
}
