//! What FETCH marks as read where the client goes before it has all of it.

use std::time::Duration;

use ids::{Clock, Uid, UidSet};
use storage::{Database, Fact, Subscription};
use testkit::Postgres;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::client::{Client, Status};
use crate::large;
use crate::scene::{House, ask, settings_for_tests};

/// Of messages of this size, eight are read together.
const MESSAGE_BYTES: usize = 60_000;
const MESSAGES: u32 = 20;

async fn check_client_gone(database: Database) {
    let house = House::build(database).await;
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, large::LOGIN).await;
    let message = large::message(MESSAGE_BYTES);
    for _ in 0..MESSAGES {
        large::append(&mut stream, &message).await;
    }
    ask(&mut stream, "SELECT INBOX").await;
    let mut changes = house.store.subscribe(house.account).await.unwrap();
    stream.write_all(b"a FETCH 1:* BODY[]\r\n").await.unwrap();
    // Eight and a ninth, which is of those that are never sent to their end.
    stream.read_exact(&mut vec![0; 9 * message.len()]).await.unwrap();
    drop(stream);
    let uids = |low, high| (low..=high).map(Uid::new).collect::<UidSet>();
    assert_eq!(changed_flags(&mut changes).await, uids(1, MESSAGES));
    assert_eq!(changed_flags(&mut changes).await, uids(9, MESSAGES));
    let mut reader = Client::sign_in(house.connect(settings_for_tests())).await;
    for command in ["EXAMINE INBOX", "FETCH 1:* FLAGS"] {
        assert_eq!(reader.run(command).await, Status::Ok);
    }
    let flags = |seq| if seq < 9 { "\\Seen" } else { "" };
    let expect = |seq| format!("* {seq} FETCH (FLAGS ({}))", flags(seq));
    assert_eq!(reader.lines, (1..=MESSAGES).map(expect).collect::<Vec<_>>());
    assert_eq!(house.close().await, Vec::<String>::new());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_nobody_got_are_unseen() {
    check_client_gone(Database::Sqlite).await;
    let database = Postgres::shared().create_database();
    check_client_gone(Database::Postgres(database.url().to_owned())).await;
}

/// The client goes while FETCH waits to mark a message for it.
#[tokio::test]
async fn a_mark_that_nobody_waited_for_is_taken_back() {
    let house = House::build(Database::Sqlite).await;
    house.add("INBOX", "smith", house.clock.now()).await.unwrap();
    let settings = settings_for_tests();
    let interval = settings.progress_interval;
    let mut stream = house.connect(settings);
    for command in [large::LOGIN, "SELECT INBOX"] {
        ask(&mut stream, command).await;
    }
    let mut changes = house.store.subscribe(house.account).await.unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (tell, holds) = tokio::sync::oneshot::channel();
    let (store, account) = (house.store.clone(), house.account);
    std::thread::spawn(move || {
        store.account_write_blocking(account, "hold", Vec::new(), move |_tx| {
            let _ = tell.send(());
            let _ = released.recv();
            Ok(())
        })
    });
    holds.await.unwrap();
    stream.write_all(b"a FETCH 1 BODY[]\r\n").await.unwrap();
    tokio::time::pause();
    let mut line = [0; b"* OK [INPROGRESS (\"a\" NIL NIL)] Still at it\r\n".len()];
    stream.read_exact(&mut line).await.unwrap();
    assert!(line.starts_with(b"* OK [INPROGRESS"), "{}", String::from_utf8_lossy(&line));
    drop(stream);
    // Now it finds out that the client is gone, and only then gets to mark the message.
    tokio::time::advance(interval).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    tokio::time::resume();
    drop(release);
    let first = UidSet::from_iter([Uid::new(1)]);
    assert_eq!(changed_flags(&mut changes).await, first);
    assert_eq!(changed_flags(&mut changes).await, first);
    assert_eq!(house.close().await, Vec::<String>::new());
}
