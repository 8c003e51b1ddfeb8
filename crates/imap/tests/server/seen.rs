//! What FETCH marks as read: what was sent, and nothing before it was.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use ids::{Clock, Uid, UidSet};
use net::{Connection, ConnectionSettings, Service, Stream};
use storage::{AccountTx, Database, Fact, MailboxName, Subscription};
use testkit::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::{Client, Status};
use crate::large;
use crate::scene::{House, ask, settings_for_tests};

/// Of messages of this size, eight are read together.
const MESSAGE_BYTES: usize = 60_000;
const MESSAGES: u32 = 20;
/// So many messages are marked together.
const PART_MESSAGES: u32 = 2_000;

fn uids(low: u32, high: u32) -> UidSet {
    (low..=high).map(Uid::new).collect()
}

/// INBOX has [`MESSAGES`] messages.
async fn filled(database: Database) -> House {
    let house = House::build(database).await;
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, large::LOGIN).await;
    let message = large::message(MESSAGE_BYTES);
    for _ in 0..MESSAGES {
        large::append(&mut stream, &message).await;
    }
    house
}

/// A connection that has a mailbox open and holds so many bytes that nobody took; and its session.
async fn open(house: &House, mailbox: &str, bytes: usize) -> (DuplexStream, JoinHandle<()>) {
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4321);
    let (mut ours, theirs) = tokio::io::duplex(bytes);
    let stream = Stream::memory(theirs, address, address);
    let connection = Connection::new(stream, ConnectionSettings::default());
    let (service, shutdown) = (house.service(settings_for_tests()), house.shutdown.clone());
    let session = tokio::spawn(async move { service.serve(connection, shutdown).await });
    for command in [large::LOGIN, &format!("SELECT {mailbox}")] {
        ask(&mut ours, command).await;
    }
    (ours, session)
}

/// Of the messages in INBOX those of the numbers that `is_seen` says are, and they alone.
async fn expect_seen(house: &House, is_seen: impl Fn(u32) -> bool) {
    let mut reader = Client::sign_in(house.connect(settings_for_tests())).await;
    for command in ["EXAMINE INBOX", "FETCH 1:* FLAGS"] {
        assert_eq!(reader.run(command).await, Status::Ok);
    }
    let flags = |seq| if is_seen(seq) { "\\Seen" } else { "" };
    let expect = |seq| format!("* {seq} FETCH (FLAGS ({}))", flags(seq));
    let count = reader.uids.as_ref().map_or(0, Vec::len) as u32;
    assert_eq!(reader.lines, (1..=count).map(expect).collect::<Vec<_>>());
}

/// The messages of the next change of flags.
async fn changed_flags(changes: &mut Subscription) -> UidSet {
    let next = async {
        loop {
            let list = changes.next().await.unwrap();
            let flags = list.iter().find_map(|change| match &change.fact {
                Fact::FlagsChanged(uids) => Some(uids.clone()),
                _ => None,
            });
            if let Some(flags) = flags {
                return flags;
            }
        }
    };
    timeout(Duration::from_secs(20), next).await.expect("flags change no more")
}

/// The client goes in the middle of the second batch.
async fn check_client_gone(database: Database) {
    let house = filled(database).await;
    let (mut stream, session) = open(&house, "INBOX", 64 * 1024).await;
    let mut changes = house.store.subscribe(house.account).await.unwrap();
    stream.write_all(b"a FETCH 1:* BODY[]\r\n").await.unwrap();
    // Eight and a ninth, which is of those that are never sent to their end.
    stream.read_exact(&mut vec![0; 9 * large::message(MESSAGE_BYTES).len()]).await.unwrap();
    drop(stream);
    session.await.unwrap();
    assert_eq!(changed_flags(&mut changes).await, uids(1, 8));
    assert!(changes.try_next().is_none());
    expect_seen(&house, |seq| seq < 9).await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_nobody_got_are_unseen() {
    check_client_gone(Database::Sqlite).await;
    let database = Postgres::shared().create_database();
    check_client_gone(Database::Postgres(database.url().to_owned())).await;
}

/// An answer so short that it waits in a buffer, for a client that is gone when it is made. On one
/// thread, so that the session finds both at once.
async fn check_short_answer(database: Database) {
    let house = House::build(database).await;
    for name in ["smith", "multipart"] {
        house.add("INBOX", name, house.clock.now()).await.unwrap();
    }
    let (mut stream, session) = open(&house, "INBOX", 64 * 1024).await;
    stream.write_all(b"a FETCH 1:* BODY[]\r\n").await.unwrap();
    drop(stream);
    session.await.unwrap();
    expect_seen(&house, |_| false).await;
    // Of one that ends in the middle of the answer nobody knows what was read.
    let (mut stream, session) = open(&house, "INBOX", 100).await;
    stream.write_all(b"a FETCH 1:* BODY[]\r\n").await.unwrap();
    stream.read_exact(&mut [0; 50]).await.unwrap();
    drop(stream);
    session.await.unwrap();
    expect_seen(&house, |_| false).await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_short_answer_that_never_left_marks_nothing() {
    check_short_answer(Database::Sqlite).await;
    let database = Postgres::shared().create_database();
    check_short_answer(Database::Postgres(database.url().to_owned())).await;
}

/// One client reads all while another that asked before has not come to an end, and never will.
async fn check_two_readers(database: Database) {
    let house = filled(database).await;
    let (mut stream, session) = open(&house, "INBOX", 64 * 1024).await;
    stream.write_all(b"a FETCH 1:* BODY[]\r\n").await.unwrap();
    stream.read_exact(&mut [0; 1000]).await.unwrap();
    let mut reader = Client::sign_in(house.connect(settings_for_tests())).await;
    for command in ["SELECT INBOX", "FETCH 1:* BODY[]"] {
        assert_eq!(reader.run(command).await, Status::Ok);
    }
    drop(stream);
    session.await.unwrap();
    expect_seen(&house, |_| true).await;
    assert_eq!(house.close().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_has_read_stays_seen() {
    check_two_readers(Database::Sqlite).await;
    let database = Postgres::shared().create_database();
    check_two_readers(Database::Postgres(database.url().to_owned())).await;
}

/// Does something in the account, and lets nobody else write until the sender is dropped.
async fn hold(
    house: &House,
    work: impl FnOnce(&mut AccountTx<'_, '_>) -> storage::Result<()> + Send + 'static,
) -> Sender<()> {
    let (release, released) = channel::<()>();
    let (tell, holds) = tokio::sync::oneshot::channel();
    let (store, account) = (house.store.clone(), house.account);
    std::thread::spawn(move || {
        store.account_write_blocking(account, "hold", Vec::new(), move |tx| {
            work(tx)?;
            let _ = tell.send(());
            let _ = released.recv();
            Ok(())
        })
    });
    holds.await.unwrap();
    release
}

/// Reads the answer to FETCH for the message `smith`, all but what comes after it.
async fn read_smith(stream: &mut DuplexStream) {
    let smith = testhouse::message_file("smith");
    let begin = format!("* 1 FETCH (BODY[] {{{}}}\r\n", smith.len());
    large::expect(stream, &[begin.as_bytes(), &smith, b" FLAGS (\\Seen \\Recent))\r\n"].concat())
        .await;
}

/// The client has got its answer and goes while the message waits to be marked.
#[tokio::test]
async fn what_was_sent_is_marked_though_nobody_waits() {
    let house = House::build(Database::Sqlite).await;
    house.add("INBOX", "smith", house.clock.now()).await.unwrap();
    let (mut stream, session) = open(&house, "INBOX", 64 * 1024).await;
    let mut changes = house.store.subscribe(house.account).await.unwrap();
    let release = hold(&house, |_tx| Ok(())).await;
    stream.write_all(b"a FETCH 1 BODY[]\r\n").await.unwrap();
    read_smith(&mut stream).await;
    drop((stream, release));
    session.await.unwrap();
    assert_eq!(changed_flags(&mut changes).await, uids(1, 1));
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// The mailbox is deleted between the answer and its mark: what was asked for was sent.
#[tokio::test]
async fn an_answer_is_good_where_its_mark_fails() {
    let house = House::build(Database::Sqlite).await;
    house.write(|tx| tx.create_mailbox(&MailboxName::parse("box")?, None).map(drop)).await;
    house.add("box", "smith", house.clock.now()).await.unwrap();
    let (mut stream, session) = open(&house, "box", 64 * 1024).await;
    let release = hold(&house, |tx| tx.delete_mailbox(&MailboxName::parse("box")?)).await;
    stream.write_all(b"a FETCH 1 BODY[]\r\n").await.unwrap();
    read_smith(&mut stream).await;
    drop(release);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    // Who waits for long is told that it goes on.
    let said: Vec<&str> = rest.lines().filter(|line| !line.contains("[INPROGRESS")).collect();
    // It was said to be read, and is not.
    let unseen = "* 1 FETCH (UID 1 FLAGS (\\Recent))";
    assert_eq!(said, [unseen, "a OK FETCH completed", "* BYE The selected mailbox is gone"]);
    session.await.unwrap();
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// Many messages are marked part by part; each says so of itself.
#[tokio::test]
async fn a_long_answer_marks_as_it_goes() {
    let house = House::build(Database::Sqlite).await;
    house.add("INBOX", "smith", house.clock.now()).await.unwrap();
    let mut client = Client::sign_in(house.connect(settings_for_tests())).await;
    assert_eq!(client.run("SELECT INBOX").await, Status::Ok);
    for _ in 0..11 {
        assert_eq!(client.run("COPY 1:* INBOX").await, Status::Ok);
    }
    let mut changes = house.store.subscribe(house.account).await.unwrap();
    assert_eq!(client.run("FETCH 1:* BODY[TEXT]").await, Status::Ok);
    assert_eq!(changed_flags(&mut changes).await, uids(1, PART_MESSAGES));
    assert_eq!(changed_flags(&mut changes).await, uids(PART_MESSAGES + 1, 2048));
    assert_eq!(client.lines.len(), 2048);
    for (line, seq) in client.lines.iter().zip(1..) {
        assert!(line.starts_with(&format!("* {seq} FETCH (BODY[TEXT]")), "{line} for {seq}");
        assert!(line.contains("FLAGS (\\Seen"), "{line}");
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}
