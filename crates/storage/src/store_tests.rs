//! The store end to end on each engine.

use std::sync::Arc;

use ids::{Clock, Timestamp};
use message::flag::{Flags, SystemFlags};

use crate::{
    Append, Database, MailboxName, NewAccount, PreparedMessage, Role, Settings, StorageError,
    Store, Want,
};

struct Noon;
impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_700_000_000)
    }
}

fn open(database: &Database, folder: &std::path::Path) -> Store {
    let mut settings = Settings::new(folder, Arc::new(Noon));
    settings.database = database.clone();
    Store::open(settings).unwrap()
}

fn on_both_engines(test: impl Fn(&Database)) {
    test(&Database::Sqlite);
    let database = testkit::Postgres::shared().create_database();
    test(&Database::Postgres(database.url().to_owned()));
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
    on_both_engines(promised_is_there);
}

fn promised_is_there(database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(database, folder.path());
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
                tx.append_message(inbox.id, &copy, Append { flags, ..Append::default() })
            })
            .unwrap();
    }
    store.close();
    drop(store);
    let store = open(database, folder.path());
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
        let whole = [content.header().unwrap(), content.text().unwrap()].concat();
        assert!(whole == original);
    }
}

#[test]
fn one_failing_job_leaves_the_others_of_its_commit_alone() {
    on_both_engines(failing_jobs);
}

fn failing_jobs(database: &Database) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(database, folder.path());
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
}

#[test]
fn a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(&Database::Sqlite, folder.path());
    let second = Store::open(Settings::new(folder.path(), Arc::new(Noon)));
    assert!(matches!(second.err(), Some(StorageError::InUse(_))));
}

#[test]
fn daemons_on_one_database_follow_each_other() {
    let database = testkit::Postgres::shared().create_database();
    let database = Database::Postgres(database.url().to_owned());
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [one, two] = folders.each_ref().map(|folder| open(&database, folder.path()));
    let account = account(&one);
    let inbox = find_inbox(&one, account);
    let view = two.open_view_blocking(account, inbox).unwrap();
    let mut watch = view.watch();
    for round in 0..20 {
        let writer = if round % 2 == 0 { &one } else { &two };
        append(writer, account, inbox, format!("Subject: {round}\r\n\r\n").into_bytes());
    }
    // Waits for notices, however long they take.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let whole = runtime.block_on(watch.wait_for(|snapshot| snapshot.exists() == 20)).unwrap();
    let uids: Vec<u32> = whole.entries(1..=20).map(|(_, entry)| entry.uid().get()).collect();
    assert_eq!(uids, (1..=20).collect::<Vec<_>>());
}

fn find_inbox(store: &Store, account: ids::AccountId) -> ids::CollectionId {
    let name = MailboxName::parse("INBOX").unwrap();
    store.read_blocking(move |tx| tx.find_mailbox(account, &name)).unwrap().unwrap().id
}

fn append(store: &Store, account: ids::AccountId, mailbox: ids::CollectionId, bytes: Vec<u8>) {
    let message = Arc::new(PreparedMessage::new(bytes));
    let copy = message.clone();
    store
        .account_write_blocking(account, "append", vec![message], move |tx| {
            tx.append_message(mailbox, &copy, Append::default())
        })
        .unwrap();
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    on_both_engines(|database| {
        let folder = tempfile::tempdir().unwrap();
        let store = open(database, folder.path());
        let newer = "INSERT INTO schema_version (version, checksum, applied) VALUES (99, '', 0)";
        store.write_blocking("test", move |tx| tx.sql.execute(newer, &[])).unwrap();
        store.close();
        drop(store);
        let mut settings = Settings::new(folder.path(), Arc::new(Noon));
        settings.database = database.clone();
        let refused = Store::open(settings).err();
        let Some(StorageError::Unavailable(text)) = refused else { panic!("{refused:?}") };
        assert!(text.contains("version 99, made by a newer Posthorn"), "{text}");
    });
}
