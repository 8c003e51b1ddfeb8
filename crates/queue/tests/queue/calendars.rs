//! Calendar messages in what the queue brings to mailboxes here.

use storage::{
    Address, Home, NewAccount, NewList, Posting, PreparedMessage, RcptParameters, SpoolEntry,
    SpoolRecipient, SpoolTerms,
};

use crate::scene::{Scene, read};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// With ann, who has calendars and is on the list `crew@here.test`.
async fn with_ann() -> Scene {
    let scene = Scene::new(&[]).await;
    let write = scene.store.write("ann", |tx| {
        let ann = tx.create_account(NewAccount {
            address: address("ann@here.test"),
            name: String::new(),
            role: storage::Role::Collaborator,
            password_hash: String::new(),
            quota_bytes: 0,
            mail_only: false,
        })?;
        let list = tx.create_list(&NewList {
            address: address("crew@here.test"),
            description: String::new(),
            owner: ann,
            posting: Posting::Anyone,
            team: None,
        })?;
        tx.add_list_member(list, &address("ann@here.test"))
    });
    write.await.unwrap();
    scene
}

/// Spools an invitation of Dan's to ann, by its UID.
async fn spool(scene: &Scene, uid: &str, to: &str, envelope: &str) {
    let text = format!(
        "From: Dan <dan@elsewhere.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n\r\n\
         BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nMETHOD:REQUEST\r\n\
         BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260110T100000Z\r\n\
         DURATION:PT1H\r\nORGANIZER:mailto:dan@elsewhere.test\r\n\
         ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:ann@here.test\r\n\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    );
    let message = PreparedMessage::new(text.into_bytes());
    let recipient =
        SpoolRecipient { forward_path: to.to_owned(), parameters: RcptParameters::default() };
    let entry = SpoolEntry {
        account: None,
        reverse_path: "dan@elsewhere.test".to_owned(),
        parameters: read(envelope),
        recipients: vec![recipient],
    };
    let write =
        scene.store.write("spool", move |tx| tx.spool_on(SpoolTerms::default(), entry, &message));
    write.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_author_that_reception_found_is_believed() {
    let scene = with_ann().await;
    let known = r#"{"body":"7BIT","author":"elsewhere.test"}"#;
    for (uid, to, envelope) in [
        ("unknown", "ann@here.test", r#"{"body":"7BIT"}"#),
        ("another", "ann@here.test", r#"{"body":"7BIT","author":"another.test"}"#),
        ("spam", "ann@here.test", r#"{"author":"elsewhere.test","quarantine":true}"#),
        ("plain", "ann@here.test", known),
        ("list", "crew@here.test", known),
        ("list-unknown", "crew@here.test", "{}"),
    ] {
        spool(&scene, uid, to, envelope).await;
    }
    // Six came, and two of them again from the list.
    scene.queue.wait_until(|counters| counters.delivered == 8 && counters.active == 0).await;
    let read = scene.store.read(|tx| {
        let ann = tx.find_account(&address("ann@here.test"))?.unwrap().id;
        let mut uids = Vec::new();
        for one in tx.list_collections(ann, Home::Calendars)? {
            if one.name != "inbox" {
                uids.extend(tx.list_objects(one.id)?.into_iter().map(|object| object.uid));
            }
        }
        uids.sort();
        Ok(uids)
    });
    assert_eq!(read.await.unwrap(), ["list", "plain"]);
    scene.close().await;
}
