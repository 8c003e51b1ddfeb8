//! The store end to end on each engine.

use std::sync::Arc;

use ids::{Clock, Timestamp};
use message::flag::{Flags, SystemFlags};

use crate::{
    Append, MailboxName, NewAccount, PreparedMessage, Role, Settings, StorageError, Store, Want,
};

struct Noon;
impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_700_000_000)
    }
}

fn open(folder: &std::path::Path) -> Store {
    Store::open(Settings::new(folder, Arc::new(Noon))).unwrap()
}

fn account(store: &Store) -> ids::AccountId {
    store
        .write_blocking("test", |tx| {
            tx.create_domain("example.test")?;
            tx.create_account(NewAccount {
                address: crate::Address::parse("julie@example.test")?,
                name: "Julie".to_owned(),
                role: Role::Collaborator,
                password_hash: String::new(),
                quota_bytes: 0,
                mail_only: false,
            })
        })
        .unwrap()
        .value
}

#[test]
fn what_was_promised_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let account = account(&store);
    let text = b"Subject: hello\r\n\r\nbody\r\n".repeat(3);
    let large = [
        b"Subject: large\r\n\r\n".to_vec(),
        (0..200_000).map(|n| (n * 7919 % 251) as u8).collect(),
    ]
    .concat();
    for bytes in [text.clone(), large.clone()] {
        let message = Arc::new(PreparedMessage::new(bytes));
        let copy = message.clone();
        store
            .account_write_blocking(account, "append", vec![message], move |tx| {
                let inbox = tx.find_mailbox(account, &MailboxName::parse("inbox")?)?.unwrap();
                let flags = Flags::new(SystemFlags::SEEN, Vec::new());
                tx.append_message(inbox.id, &copy, Append { flags, internal_date: None })
            })
            .unwrap();
    }
    store.close();
    drop(store);
    let store = open(folder.path());
    let inbox = store
        .read_blocking(|tx| tx.find_mailbox(account, &MailboxName::parse("INBOX")?))
        .unwrap()
        .unwrap();
    assert_eq!((inbox.messages, inbox.unseen), (2, 0));
    let view = store.open_view_blocking(account, inbox.id).unwrap();
    let snapshot = view.snapshot();
    let contents: Vec<_> = snapshot.entries(1..=2).map(|(_, entry)| entry.content()).collect();
    let loaded = store
        .read_blocking(move |tx| tx.load_contents(&contents, Want::HEADER | Want::TEXT))
        .unwrap();
    for (content, original) in loaded.iter().zip([text, large]) {
        let whole = [content.header.clone().unwrap(), content.text.clone().unwrap()].concat();
        assert!(whole == original);
    }
}

#[test]
fn one_failing_job_leaves_the_others_of_its_commit_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let account = account(&store);
    std::thread::scope(|scope| {
        for number in 0..30 {
            let store = &store;
            scope.spawn(move || {
                let outcome = store.account_write_blocking(account, "test", vec![], move |tx| {
                    tx.create_mailbox(&MailboxName::parse(&format!("m{number}"))?, None)?;
                    match number % 3 {
                        0 => Ok(()),
                        1 => Err(StorageError::Invalid("told to fail")),
                        _ => panic!("told to panic"),
                    }
                });
                assert_eq!(outcome.is_ok(), number % 3 == 0);
            });
        }
    });
    let tree = store.read_blocking(move |tx| tx.list_mailboxes(account)).unwrap();
    let made = tree.entries.iter().filter(|entry| entry.name.as_str().starts_with('m')).count();
    assert_eq!(made, 10);
    assert!(store.statistics().commits < 32);
}

#[test]
fn a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path());
    let second = Store::open(Settings::new(folder.path(), Arc::new(Noon)));
    assert!(matches!(second.err(), Some(StorageError::InUse(_))));
}
