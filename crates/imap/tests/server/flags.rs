//! Flags that others change, and keywords that come with them.

use std::time::Duration;

use ids::{Clock, Uid, UidSet};
use message::flag::{Flag, Flags, SystemFlags};
use storage::{AccountTx, Database, FlagChange, MailboxName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Client, Status};
use crate::large::LOGIN;
use crate::scene::{House, ask, settings_for_tests};

/// A client in IDLE that takes 64 KiB in 100 s, of much more that is to be told at once: it has two
/// minutes for each piece of that.
#[tokio::test]
async fn who_reads_slowly_is_told_of_all_flags() {
    let house = House::build(Database::Sqlite).await;
    house.add("INBOX", "smith", house.clock.now()).await.unwrap();
    let mut other = open(&house).await;
    for _ in 0..13 {
        assert_eq!(other.run("COPY 1:* INBOX").await, Status::Ok);
    }
    let mut stream = house.connect(settings_for_tests());
    for command in [LOGIN, "SELECT INBOX"] {
        ask(&mut stream, command).await;
    }
    stream.write_all(b"a IDLE\r\n").await.unwrap();
    let mut idling = [0; b"+ idling\r\n".len()];
    stream.read_exact(&mut idling).await.unwrap();
    assert_eq!(other.run("STORE 1:* +FLAGS.SILENT (\\Flagged)").await, Status::Ok);
    let told = |seq| format!("* {seq} FETCH (UID {seq} FLAGS (\\Flagged))\r\n");
    let expect = (1..=8192).map(told).collect::<String>();
    let (mut came, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    tokio::time::pause();
    while came.len() < expect.len() {
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "cut off after {} bytes of {}", came.len(), expect.len());
        came.extend_from_slice(&piece[..count]);
        tokio::time::advance(Duration::from_secs(100)).await;
    }
    tokio::time::resume();
    // Behind that it may have been told that the server is there still.
    assert!(came.starts_with(expect.as_bytes()), "{}", String::from_utf8_lossy(&came));
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// Storage forgets sets of flags that no message has any more, and with them keywords that a client
/// was told of: it is told of new ones all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyword_is_told_after_others_were_forgotten() {
    let house = House::build(Database::Sqlite).await;
    house.add("INBOX", "smith", house.clock.now()).await.unwrap();
    let all = (0..11).map(|number| format!("k{number:02}")).collect::<Vec<_>>();
    let mut other = open(&house).await;
    assert_eq!(other.run(&format!("STORE 1 FLAGS ({})", all.join(" "))).await, Status::Ok);
    let mut client = open(&house).await;
    assert!(client.lines[0].ends_with(&format!("{})", all.join(" "))), "{}", client.lines[0]);
    // More different sets than a view keeps of which no message has any; the last without keywords.
    let chosen = |bits: u32| {
        let names = all.iter().enumerate().filter(move |(at, _)| bits >> at & 1 == 1);
        names.map(|(_, name)| Flag::parse(name.as_bytes()).unwrap()).collect::<Flags>()
    };
    let writes = (1..1020).map(|bits| tokio::spawn(replace(&house, chosen(bits))));
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    for bits in 1..32 {
        replace(&house, Flags::new(SystemFlags::from_bits(bits), Vec::new())).await;
    }
    assert_eq!(other.run("STORE 1 FLAGS (new)").await, Status::Ok);
    assert_eq!(client.run("NOOP").await, Status::Ok);
    let [flags, permanent, fetch] = client.lines.as_slice() else { panic!("{:?}", client.lines) };
    assert!(flags.starts_with("* FLAGS (") && flags.ends_with(" new)"), "{flags}");
    assert!(permanent.starts_with("* OK [PERMANENTFLAGS ("), "{permanent}");
    assert_eq!(fetch, "* 1 FETCH (UID 1 FLAGS (new))");
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// Gives the first message these flags and no others.
fn replace(house: &House, flags: Flags) -> impl Future<Output = ()> + use<> {
    let (store, account) = (house.store.clone(), house.account);
    let replace = move |tx: &mut AccountTx<'_, '_>| {
        let inbox = tx.find_mailbox(account, &MailboxName::inbox())?.unwrap().id;
        let first = UidSet::from_iter([Uid::new(1)]);
        tx.store_flags(inbox, &first, FlagChange::Replace(flags), None).map(drop)
    };
    async move { drop(store.account_write(account, "test", replace).await.unwrap()) }
}

async fn open(house: &House) -> Client {
    let mut client = Client::sign_in(house.connect(settings_for_tests())).await;
    assert_eq!(client.run("SELECT INBOX").await, Status::Ok);
    client
}
