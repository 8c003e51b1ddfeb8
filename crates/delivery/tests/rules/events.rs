//! RFC 6785: scripts started by what happens in mailboxes.

use std::sync::Arc;

use delivery::EventRunner;
use ids::{CollectionId, Uid, UidSet};
use storage::{Append, FlagChange, MailboxName, MetadataEntry, MetadataScope, PreparedMessage};

use crate::support::{Scene, free, name, on_both_engines, wait};

const HELLO: &str = "From: a@b.test\r\nTo: julie@example.test\r\nSubject: Hello\r\n\r\nHi\r\n";

fn mailbox(scene: &Scene, name: &str) -> CollectionId {
    let (julie, name) = (scene.julie, MailboxName::parse(name).unwrap());
    scene.store.read_blocking(move |tx| tx.find_mailbox(julie, &name)).unwrap().unwrap().id
}

/// Names this script for what happens in a mailbox.
fn script(scene: &Scene, mailbox_name: &str, text: &str) {
    let (julie, place, text) = (scene.julie, mailbox(scene, mailbox_name), text.to_owned());
    scene.account(move |tx| tx.put_script(&name("event"), text.as_bytes()));
    let entry =
        MetadataEntry { scope: MetadataScope::Shared, name: "/imapsieve/script".to_owned() };
    let values = [(entry, Some(b"event".to_vec()))];
    scene.store.write_blocking("test", move |tx| tx.set_metadata(julie, place, &values)).unwrap();
}

fn append(scene: &Scene, mailbox_name: &str) {
    let place = mailbox(scene, mailbox_name);
    let message = Arc::new(PreparedMessage::new(HELLO.as_bytes().to_vec()));
    let brought = vec![message.clone()];
    let work = move |tx: &mut storage::AccountTx<'_, '_>| {
        tx.append_message(place, &message, Append::default())
    };
    scene.store.account_write_blocking(scene.julie, "test", brought, work).unwrap();
    run(scene);
}

fn store_flags(scene: &Scene, mailbox_name: &str, uid: u32, flag: &str) {
    let place = mailbox(scene, mailbox_name);
    let flags = [message::flag::Flag::parse(flag.as_bytes()).unwrap()].into_iter().collect();
    scene.account(move |tx| {
        let uids = UidSet::from_iter([Uid::new(uid)]);
        tx.store_flags(place, &uids, FlagChange::Add(flags), None).map(|_| ())
    });
    run(scene);
}

fn run(scene: &Scene) {
    let runner = EventRunner::new(scene.store.clone(), free("mx.example.test"));
    wait(runner.run([scene.julie], &|| false));
    let julie = scene.julie;
    assert_eq!(scene.store.read_blocking(move |tx| tx.next_event(julie)).unwrap(), None);
}

/// RFC 6785 §5, example 1, and what actions do with the message itself (RFC 6785 §3).
#[test]
fn actions_come_on_top_of_the_command() {
    on_both_engines(|scene| {
        script(
            scene,
            "Archive",
            "require [\"copy\", \"environment\", \"imapsieve\"]; \
             if anyof (environment :is \"imap.cause\" \"APPEND\", \
             environment :is \"imap.cause\" \"COPY\") { \
             if environment :is \"imap.mailbox\" \"Archive\" { \
             redirect :copy \"actionitems@example.com\"; } }",
        );
        append(scene, "Archive");
        let sent = scene.sent();
        assert_eq!(sent.len(), 1);
        // RFC 6785 §3.4: it comes from the owner.
        assert_eq!(
            (sent[0].from.as_str(), sent[0].to.as_str()),
            ("julie@example.test", "actionitems@example.com")
        );
        // So the owner hears of it where nobody takes it.
        let mail = &sent[0].mail;
        assert_eq!((mail.verified, mail.doubtful, mail.sent_on), (true, false, true), "{mail:?}");
        assert_eq!(scene.mailbox("Archive"), [HELLO.trim()]);
        // Deliveries are no events.
        append(scene, "INBOX");
        scene.arrive("a@b.test", "julie@example.test", HELLO);
        run(scene);
        assert_eq!(scene.sent().len(), 0);
        let shown = |flags: &str| format!("{flags} {}", HELLO.trim());
        for (text, flags) in [
            ("discard;", "(\\Deleted)"),
            ("discard; keep;", ""),
            ("require \"fileinto\"; fileinto \"Junk\";", "(\\Deleted)"),
            ("require [\"fileinto\", \"copy\"]; fileinto :copy \"Junk\";", ""),
            ("require \"imap4flags\"; addflag \"\\\\Flagged\";", "(\\Flagged)"),
            ("require \"editheader\"; addheader \"X\" \"y\";", ""),
        ] {
            script(scene, "Archive", text);
            append(scene, "Archive");
            let last = scene.mailbox("Archive").pop().unwrap();
            assert_eq!(last.trim(), shown(flags).trim(), "{text}");
        }
        assert_eq!(scene.count("Junk"), 2);
        assert_eq!(scene.mailbox("Junk"), [HELLO.trim(), HELLO.trim()]);
    });
}

/// RFC 6785 §5, example 2; flags that a script changes start no script (RFC 6785 §2.2.3).
#[test]
fn changed_flags_start_a_script_once() {
    on_both_engines(|scene| {
        append(scene, "Archive");
        script(
            scene,
            "Archive",
            "require [\"enotify\", \"imap4flags\", \"environment\", \"imapsieve\"]; \
             if allof (hasflag \"\\\\Flagged\", \
             environment :contains \"imap.changedflags\" \"\\\\Flagged\", \
             environment \"imap.user\" \"julie@example.test\") { \
             removeflag \"\\\\Flagged\"; addflag \"$Told\"; \
             notify :message \"Important\" \"mailto:tim@example.com\"; }",
        );
        store_flags(scene, "Archive", 1, "\\Seen");
        assert_eq!(scene.sent().len(), 0);
        store_flags(scene, "Archive", 1, "\\Flagged");
        let sent = scene.sent();
        assert_eq!((sent.len(), sent[0].to.as_str()), (1, "tim@example.com"));
        assert_eq!(scene.mailbox("Archive"), [format!("(\\Seen $Told) {}", HELLO.trim())]);
    });
}

/// R-FILT-2, RFC 6785 §3.11: what fails leaves the message as it is, and the owner is told once.
#[test]
fn a_script_that_fails_leaves_the_message() {
    on_both_engines(|scene| {
        for (round, text) in [
            "require \"vacation\"; vacation \"away\"; discard;",
            "require \"fileinto\"; fileinto \"Nowhere\"; discard;",
            "no Sieve",
        ]
        .into_iter()
        .enumerate()
        {
            script(scene, "Archive", text);
            append(scene, "Archive");
            append(scene, "Archive");
            let told = scene.mailbox("INBOX");
            let told = told.iter().filter(|one| one.contains("mail filter \"event\" failed"));
            assert_eq!(told.count(), round + 1, "{text}");
        }
        // RFC 6785 §3.3: a copy that cannot be made is made nowhere else.
        assert_eq!(scene.count("INBOX"), 3);
        assert_eq!(scene.mailbox("Archive"), [HELLO.trim(); 6]);
    });
}

/// The UIDs of Julie's first event that no script ran for.
fn left(scene: &Scene) -> Option<UidSet> {
    let julie = scene.julie;
    let event = scene.store.read_blocking(move |tx| tx.next_event(julie)).unwrap();
    event.map(|event| event.uids)
}

/// Who copies many messages keeps nobody else waiting for all of them.
#[test]
fn scripts_run_in_turns() {
    on_both_engines(|scene| {
        let (from, to) = (mailbox(scene, "INBOX"), mailbox(scene, "Archive"));
        let message = Arc::new(PreparedMessage::new(HELLO.as_bytes().to_vec()));
        let all: UidSet = (1..=201).map(Uid::new).collect();
        let copied = all.clone();
        script(scene, "Archive", "keep;");
        let work = move |tx: &mut storage::AccountTx<'_, '_>| {
            for _ in 1..=201 {
                tx.append_message(from, &message, Append::default())?;
            }
            tx.copy_messages(from, &copied, to).map(drop)
        };
        let brought = vec![Arc::new(PreparedMessage::new(HELLO.as_bytes().to_vec()))];
        scene.store.account_write_blocking(scene.julie, "test", brought, work).unwrap();
        assert_eq!(left(scene), Some(all));
        let runner = EventRunner::new(scene.store.clone(), free("mx.example.test"));
        assert!(wait(runner.run_turn(scene.julie, &|| false)).unwrap());
        assert_eq!(left(scene), Some(UidSet::from_iter([Uid::new(201)])));
        assert!(!wait(runner.run_turn(scene.julie, &|| false)).unwrap());
        assert_eq!(left(scene), None);
    });
}
