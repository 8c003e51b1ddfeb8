mod tls;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use ids::{AccountId, CollectionId};
use testkit::ManualClock;

use super::connect;
use crate::sql::connection::Connection;
use crate::{
    Address, Append, Database, Delivery, Fact, FlagChange, MailboxName, NewAccount,
    PreparedMessage, Result, Role, Settings, StorageError, Store, Want,
};

/// What a proxy does to the next COMMIT.
const RELAY: u8 = 0;
/// The server never sees it.
const CUT_BEFORE: u8 = 1;
/// The server's answer is not seen.
const CUT_AFTER: u8 = 2;

/// Stands between a store and its server.
struct Proxy {
    url: String,
    next_commit: Arc<AtomicU8>,
    /// How often the client sent something.
    sent: Arc<AtomicUsize>,
}

impl Proxy {
    fn start(url: &str) -> Self {
        let (server, database) = url.rsplit_once('/').unwrap();
        let port: u16 = server.rsplit_once(':').unwrap().1.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let proxy = Self {
            url: format!("postgresql://postgres@127.0.0.1:{own}/{database}"),
            next_commit: Arc::default(),
            sent: Arc::default(),
        };
        let (next_commit, sent) = (proxy.next_commit.clone(), proxy.sent.clone());
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let muted = Arc::new(AtomicU8::new(0));
                let (to_client, from_server) =
                    (client.try_clone().unwrap(), server.try_clone().unwrap());
                let heard = muted.clone();
                std::thread::spawn(move || backward(from_server, to_client, &heard));
                let (next_commit, sent) = (next_commit.clone(), sent.clone());
                std::thread::spawn(move || forward(client, server, &next_commit, &sent, &muted));
            }
        });
        proxy
    }

    fn cut(&self, how: u8) {
        self.next_commit.store(how, Ordering::SeqCst);
    }
}

fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    next_commit: &AtomicU8,
    sent: &AtomicUsize,
    muted: &AtomicU8,
) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length) = client.read(&mut buffer)
        && length > 0
    {
        sent.fetch_add(1, Ordering::SeqCst);
        let bytes = &buffer[..length];
        if bytes.windows(7).any(|window| window == b"COMMIT\0") {
            match next_commit.swap(RELAY, Ordering::SeqCst) {
                CUT_BEFORE => break,
                CUT_AFTER => muted.store(1, Ordering::SeqCst),
                _ => {}
            }
        }
        if server.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

fn backward(mut server: TcpStream, mut client: TcpStream, muted: &AtomicU8) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(length) = server.read(&mut buffer)
        && length > 0
        && muted.load(Ordering::SeqCst) == 0
        && client.write_all(&buffer[..length]).is_ok()
    {}
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

struct Run {
    store: Store,
    _folder: tempfile::TempDir,
}

fn open(url: &str) -> Result<Run> {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::new(folder.path(), Arc::new(ManualClock::default()));
    settings.database = Database::Postgres(url.to_owned());
    settings.readers = 2;
    settings.writers = 2;
    Ok(Run { store: Store::open(settings)?, _folder: folder })
}

fn account(store: &Store, local: &str) -> AccountId {
    let address = format!("{local}@example.test");
    let created = store.write_blocking("test", move |tx| {
        if tx.find_domain("example.test")?.is_none() {
            tx.create_domain("example.test")?;
        }
        tx.create_account(NewAccount {
            address: Address::parse(&address)?,
            name: String::new(),
            role: Role::Collaborator,
            password_hash: String::new(),
            quota_bytes: 0,
            mail_only: false,
        })
    });
    created.unwrap().value
}

fn inbox(store: &Store, account: AccountId) -> CollectionId {
    let found = store.read_blocking(move |tx| tx.find_mailbox(account, &MailboxName::inbox()));
    found.unwrap().unwrap().id
}

fn raw(url: &str) -> Connection {
    Connection::open(&connect::parse(url).unwrap()).unwrap()
}

#[test]
fn a_commit_without_an_answer_is_looked_up() {
    let database = testkit::Postgres::shared().create_database();
    let proxy = Proxy::start(database.url());
    let run = open(&proxy.url).unwrap();
    let store = &run.store;
    let julie = account(store, "julie");
    let mut changes = store.subscribe_blocking(julie).unwrap();
    for (how, name, committed) in
        [(CUT_AFTER, "kept", true), (CUT_BEFORE, "gone", false), (RELAY, "after", true)]
    {
        proxy.cut(how);
        let told = store.account_write_blocking(julie, "test", vec![], move |tx| {
            tx.create_mailbox(&MailboxName::parse(name)?, None)
        });
        match &told {
            Ok(_) => assert!(committed, "{name}"),
            Err(cause) => {
                assert!(!committed, "{name}: {cause}");
                assert!(matches!(cause, StorageError::Unavailable(_)), "{cause:?}");
            }
        }
        let there = store
            .read_blocking(move |tx| tx.find_mailbox(julie, &MailboxName::parse(name)?))
            .unwrap();
        assert_eq!(there.is_some(), committed, "{name}");
        assert_eq!(changes.try_next().is_some(), committed, "{name}");
    }
}

#[test]
fn a_transaction_with_a_failed_statement_is_not_told_committed() {
    let database = testkit::Postgres::shared().create_database();
    let run = open(database.url()).unwrap();
    let swallow = |fail: bool| {
        run.store.write_blocking("test", move |tx| {
            tx.create_domain("made.test")?;
            if fail {
                let failed = tx.read.sql.execute("SELECT 1 / 0", &[]);
                assert!(failed.is_err());
            }
            Ok(())
        })
    };
    let find = || run.store.read_blocking(|tx| tx.find_domain("made.test")).unwrap().is_some();
    assert!(swallow(true).is_err());
    assert!(!find());
    swallow(false).unwrap();
    assert!(find());
}

#[test]
fn one_body_for_many_recipients_locks_nobody_out() {
    let database = testkit::Postgres::shared().create_database();
    let run = open(database.url()).unwrap();
    let store = &run.store;
    let (a, b) = (account(store, "a"), account(store, "b"));
    let message = |n: u8| {
        let bytes = format!("Received: {n}\r\n\r\nsame body\r\n").into_bytes();
        Arc::new(PreparedMessage::new(bytes))
    };
    let (one, two) = (message(1), message(2));
    let (delivered, wait) = mpsc::channel::<()>();
    let url = database.url();
    std::thread::scope(|scope| {
        let watch = url.to_owned();
        let first = scope.spawn(move || {
            store.write_with_blocking("test", vec![one.clone()], move |tx| {
                tx.account(a)?.deliver(&one, Delivery::default())?;
                delivered.send(()).unwrap();
                // The other one must wait for this one before this one goes on.
                wait_for_blocked_backend(&raw(&watch))?;
                tx.account(b)?.deliver(&one, Delivery::default())
            })
        });
        let second = scope.spawn(move || {
            wait.recv().unwrap();
            store.write_with_blocking("test", vec![two.clone()], move |tx| {
                tx.account(b)?.deliver(&two, Delivery::default())
            })
        });
        first.join().unwrap().unwrap();
        second.join().unwrap().unwrap();
    });
    let both = [b"Received: 1\r\n\r\nsame body\r\n", b"Received: 2\r\n\r\nsame body\r\n"];
    assert_eq!(inbox_messages(store, a), both[..1]);
    let mut found = inbox_messages(store, b);
    // The second waits for the first.
    found.sort();
    assert_eq!(found, both);
}

/// Returns as soon as a backend of the connection's database waits for another transaction to end.
/// Panics after a minute without one.
fn wait_for_blocked_backend(watch: &Connection) -> Result<()> {
    let waiting = "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
        WHERE a.datname = current_database() AND a.wait_event_type = 'Lock' \
        AND NOT l.granted AND l.locktype = 'transactionid'";
    let deadline = Instant::now() + Duration::from_secs(60);
    while watch.simple(waiting)?.is_none() {
        assert!(Instant::now() < deadline, "no backend waited for the first transaction");
        std::thread::yield_now();
    }
    Ok(())
}

/// The bytes of every message in the inbox of `account`, by UID.
fn inbox_messages(store: &Store, account: AccountId) -> Vec<Vec<u8>> {
    let inbox = store
        .read_blocking(|tx| tx.find_mailbox(account, &MailboxName::parse("INBOX")?))
        .unwrap()
        .unwrap();
    let view = store.open_view_blocking(account, inbox.id).unwrap();
    let snapshot = view.snapshot();
    let contents: Vec<_> =
        snapshot.entries(1..=inbox.messages).map(|(_, entry)| entry.content()).collect();
    let loaded = store
        .read_blocking(move |tx| tx.load_contents(&contents, Want::HEADER | Want::TEXT))
        .unwrap();
    loaded
        .iter()
        .map(|content| [content.header().unwrap(), content.text().unwrap()].concat())
        .collect()
}

#[test]
fn changes_of_a_daemon_that_died_untold_are_found() {
    let database = testkit::Postgres::shared().create_database();
    let run = open(database.url()).unwrap();
    let julie = account(&run.store, "julie");
    let mut changes = run.store.subscribe_blocking(julie).unwrap();
    let dying = raw(database.url());
    dying
        .simple(
            "SELECT pg_advisory_lock_shared(42); SELECT pg_notify('posthorn_change', '0:0:42'); \
             UPDATE account SET modseq = modseq + 1; \
             INSERT INTO change (account_id, modseq, ordinal, kind, at) \
             SELECT id, modseq, 0, 11, 0 FROM account",
        )
        .unwrap();
    drop(dying);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let told = runtime.block_on(changes.next()).unwrap();
    assert_eq!(told.iter().map(|change| &change.fact).collect::<Vec<_>>(), [&Fact::AccountUpdated]);
}

#[test]
fn what_stopped_a_migration_is_told() {
    let database = testkit::Postgres::shared().create_database();
    raw(database.url()).simple("CREATE TABLE domain (id BIGINT)").unwrap();
    let refused = open(database.url()).err().unwrap().to_string();
    assert!(refused.contains("already exists"), "{refused}");
}

#[test]
fn many_rows_take_few_round_trips() {
    const MESSAGES: u32 = 600;
    let database = testkit::Postgres::shared().create_database();
    let proxy = Proxy::start(database.url());
    let run = open(&proxy.url).unwrap();
    let store = &run.store;
    let julie = account(store, "julie");
    let inbox = inbox(store, julie);
    store
        .account_write_blocking(julie, "test", vec![], move |tx| {
            let message = PreparedMessage::new(b"a: b\r\n\r\n".to_vec());
            for _ in 0..MESSAGES {
                tx.append_message(inbox, &message, Append::default())?;
            }
            Ok(())
        })
        .unwrap();
    let store_flags = |names: &str, step: usize| {
        let uids: ids::UidSet = (1..=MESSAGES).step_by(step).map(ids::Uid::new).collect();
        let change = FlagChange::Add(crate::testing::flags(names));
        store
            .account_write_blocking(julie, "test", vec![], move |tx| {
                tx.store_flags(inbox, &uids, change, None)
            })
            .unwrap();
    };
    let sent = || proxy.sent.load(Ordering::SeqCst);
    let before = sent();
    // Messages that stand alone: a statement each.
    store_flags("Work", 2);
    store_flags("\\Deleted", 2);
    store.account_write_blocking(julie, "test", vec![], move |tx| tx.expunge(inbox, None)).unwrap();
    let took = sent() - before;
    assert!(took < 200, "{took}");
    let count = store
        .read_blocking(move |tx| {
            let sql = "SELECT COUNT(*), COUNT(CASE WHEN keywords = '' THEN 1 END) FROM message";
            tx.sql.query_one(sql, &[], |row| Ok((row.int(0)?, row.int(1)?)))
        })
        .unwrap();
    assert_eq!(count, Some((300, 300)));
}
