//! A client that watches everything with NOTIFY, keeps a copy of the open mailbox and the counts
//! of the others from what it is told unasked, while others change them: at the end both must be
//! what a fresh reader sees. And how a burst is survived.

use std::collections::BTreeMap;
use std::time::Duration;

use ids::{Clock, Uid, UidSet};
use message::flag::Flag;
use storage::{AccountTx, AclChange, Database, FlagChange, MailboxName, Rights};
use testkit::SeededRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Client, Status};
use crate::large;
use crate::scene::{House, ask, settings_for_tests, tagged_of};

const CHANGES: usize = 200;
const WATCH: &str = "NOTIFY SET STATUS (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange)) \
                     (personal (MessageNew MessageExpunge FlagChange MailboxName))";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_watches_knows_everything() {
    let mut rng = SeededRng::from_env("who_watches_knows_everything");
    let house = House::build(Database::Sqlite).await;
    let mut other = open(&house, "Sent").await;
    let mut watcher = open(&house, "INBOX").await;
    let mut known = BTreeMap::new();
    assert_eq!(watcher.run(WATCH).await, Status::Ok);
    learn(&mut known, &watcher);
    for _ in 0..CHANGES {
        assert_ne!(other.run(&random_change(&mut rng)).await, Status::Bye);
        if rng.u8(0..20) == 0 {
            let command = ["NOOP", "UID SEARCH ALL", "LIST \"\" *"][rng.usize(0..3)];
            assert_eq!(watcher.run(command).await, Status::Ok);
            learn(&mut known, &watcher);
        }
    }
    assert_eq!(watcher.run("NOOP").await, Status::Ok);
    learn(&mut known, &watcher);
    let mut fresh = BTreeMap::new();
    let mut reader = open(&house, "Drafts").await;
    let command = "LIST \"\" * RETURN (STATUS (MESSAGES UIDNEXT))";
    assert_eq!(reader.run(command).await, Status::Ok);
    learn(&mut fresh, &reader);
    for (name, counts) in &fresh {
        if name != "INBOX" && counts[0] > 0 {
            assert_eq!(known.get(name), Some(counts), "{name}, {rng:?}");
        }
    }
    let known = watcher.uids.clone().unwrap();
    assert_eq!(reader.run("SELECT INBOX").await, Status::Ok);
    assert_eq!(reader.run("UID FETCH 1:* (FLAGS)").await, Status::Ok);
    assert_eq!(known, reader.uids.clone().unwrap());
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// More than the feed keeps for a session that does not listen is read from the change log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_caught_up_with() {
    let house = House::build(Database::Sqlite).await;
    let mut watcher = open(&house, "INBOX").await;
    assert_eq!(watcher.run(WATCH).await, Status::Ok);
    let mut other = open(&house, "Drafts").await;
    for _ in 0..80 {
        assert_eq!(other.run("APPEND Sent {6+}\r\na: b\r\n").await, Status::Ok);
    }
    assert_eq!(watcher.run("NOOP").await, Status::Ok);
    let mut known = BTreeMap::new();
    learn(&mut known, &watcher);
    assert_eq!(known["Sent"], [80, 81]);
    assert!(!watcher.lines.iter().any(|line| line.contains("NOTIFICATIONOVERFLOW")));
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// RFC 5465 §3.1: what would be too expensive is refused, and nothing is watched then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mailboxes_of_so_many_accounts_are_watched_and_no_more() {
    let house = House::build(Database::Sqlite).await;
    let share = async |number: usize| {
        let owner = house.add_account(&format!("owner{number}")).await;
        let change = AclChange::Set(Rights::parse("lr").unwrap());
        let write = house.store.write("fixture", move |tx| {
            let inbox = tx.find_mailbox(owner, &MailboxName::inbox())?.unwrap().id;
            tx.set_acl(owner, inbox, "julie@example.test", change)
        });
        write.await.unwrap();
    };
    for number in 1..64 {
        share(number).await;
    }
    let mut stream = house.connect(settings_for_tests());
    ask(&mut stream, "LOGIN julie@example.test \"right password\"").await;
    let watch = "NOTIFY SET (subtree \"Other Users\" (MessageNew MessageExpunge))";
    ask(&mut stream, watch).await;
    share(64).await;
    let refused = "fixture NO [NOTIFICATIONOVERFLOW] Mailboxes of too many accounts\r\n";
    assert_eq!(tagged_of(&mut stream, watch).await, refused);
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// A command that came at the same time as an expunge may not tell of it: it is told after that.
#[tokio::test]
async fn what_a_command_holds_back_is_told_after_it() {
    let house = House::build(Database::Sqlite).await;
    for name in ["smith", "rfc9051"] {
        house.add("INBOX", name, house.clock.now()).await.unwrap();
    }
    let mut stream = house.connect(settings_for_tests());
    for command in ["LOGIN julie@example.test \"right password\"", "SELECT INBOX", WATCH] {
        ask(&mut stream, command).await;
    }
    let (account, inbox) = (house.account, MailboxName::inbox());
    // The server's half shares the thread: it finds both when it runs next.
    stream.write_all(b"a FETCH 2 UID\r\n").await.unwrap();
    let expunge = move |tx: &mut AccountTx<'_, '_>| {
        let inbox = tx.find_mailbox(account, &inbox)?.unwrap().id;
        let deleted = FlagChange::Add([Flag::parse(b"\\Deleted").unwrap()].into_iter().collect());
        let first = UidSet::from_iter([Uid::new(1)]);
        tx.store_flags(inbox, &first, deleted, None)?;
        tx.expunge(inbox, None).map(drop)
    };
    let store = house.store.clone();
    let write = move || store.account_write_blocking(account, "test", Vec::new(), expunge);
    std::thread::spawn(write).join().unwrap().unwrap();
    let expect = "* 2 FETCH (UID 2)\r\na OK FETCH completed\r\n* 1 EXPUNGE\r\n";
    let mut told = vec![0; expect.len()];
    let telling = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut told));
    telling.await.expect("nothing more is told").unwrap();
    assert_eq!(String::from_utf8(told).unwrap(), expect);
}

/// Text that a search with UPDATE asks for of large messages, or of many, is left to the client to
/// fetch: what NOTIFY asks for beside it is told all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flags_are_told_of_what_is_too_large() {
    let house = House::for_messages_of(Database::Sqlite, 1024 * 1024).await;
    let mut watcher = open(&house, "INBOX").await;
    for command in [
        "SEARCH RETURN (COUNT UPDATE (BODY[TEXT])) ALL",
        "NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge))",
    ] {
        assert_eq!(watcher.run(command).await, Status::Ok);
    }
    let mut other = house.connect(settings_for_tests());
    ask(&mut other, large::LOGIN).await;
    large::append(&mut other, &large::message(600 * 1024)).await;
    assert_eq!(watcher.run("NOOP").await, Status::Ok);
    let fetched = |client: &Client| -> Vec<String> {
        client.lines.iter().filter(|line| line.contains(" FETCH ")).cloned().collect()
    };
    assert_eq!(fetched(&watcher), ["* 1 FETCH (UID 1 FLAGS (\\Recent))"]);
    // Nothing is told unasked of these.
    drop(watcher);
    let mut follower = open(&house, "INBOX").await;
    let search = "SEARCH RETURN (COUNT UPDATE (UID RFC822.SIZE BODY[TEXT])) ALL";
    assert_eq!(follower.run(search).await, Status::Ok);
    let message = large::message(400 * 1024);
    for _ in 0..4 {
        large::append(&mut other, &message).await;
    }
    assert_eq!(follower.run("NOOP").await, Status::Ok);
    let told = fetched(&follower);
    assert_eq!(told.len(), 4);
    assert!(told.iter().take(3).all(|line| line.contains("BODY[TEXT]")));
    assert_eq!(told[3], format!("* 5 FETCH (UID 5 RFC822.SIZE {})", message.len()));
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// Annotations of the server are heard in the feed of one account, and however much happens there,
/// who watches them is told of all else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_in_the_oldest_account_is_no_overflow() {
    let house = House::build(Database::Sqlite).await;
    house.add_account("max").await;
    let mut watcher = Client::sign_in_as(house.connect(settings_for_tests()), "max").await;
    let notify = "NOTIFY SET (personal (MailboxName ServerMetadataChange))";
    assert_eq!(watcher.run(notify).await, Status::Ok);
    // Facts of one transaction, more than are looked at together.
    let much = |tx: &mut AccountTx<'_, '_>| {
        let name = MailboxName::parse("much").unwrap();
        for _ in 0..5_001 {
            tx.subscribe(&name)?;
            tx.unsubscribe(&name)?;
        }
        Ok(())
    };
    house.write(much).await;
    let mut other = house.connect(settings_for_tests());
    ask(&mut other, "LOGIN max@example.test \"right password\"").await;
    for name in ["one", "two"] {
        ask(&mut other, &format!("CREATE {name}")).await;
        assert_eq!(watcher.run("NOOP").await, Status::Ok);
        assert_eq!(watcher.lines, [format!("* LIST (\\HasNoChildren \\Subscribed) \"/\" {name}")]);
    }
    assert_eq!(house.close().await, Vec::<String>::new());
}

/// MESSAGES and UIDNEXT of each mailbox, as told last.
fn learn(known: &mut BTreeMap<String, [u32; 2]>, client: &Client) {
    for line in &client.lines {
        let Some(rest) = line.strip_prefix("* STATUS ") else { continue };
        let (name, items) = rest.split_once(" (").unwrap();
        let number = |item: &str| {
            let (_, rest) = items.split_once(&format!("{item} "))?;
            rest.split([' ', ')']).next()?.parse::<u32>().ok()
        };
        if let (Some(messages), Some(next)) = (number("MESSAGES"), number("UIDNEXT")) {
            known.insert(name.to_owned(), [messages, next]);
        }
    }
}

async fn open(house: &House, mailbox: &str) -> Client {
    let mut client = Client::sign_in(house.connect(settings_for_tests())).await;
    assert_eq!(client.run(&format!("SELECT {mailbox}")).await, Status::Ok);
    client
}

fn random_change(rng: &mut SeededRng) -> String {
    let mailbox = ["INBOX", "INBOX", "Sent", "Archive"][rng.usize(0..4)];
    let uid = rng.u32(1..40);
    match rng.u8(0..9) {
        0..=2 => format!("APPEND {mailbox} (\\Seen) {{9+}}\r\na: b\r\n\r\nc"),
        3 => format!("SELECT {mailbox}"),
        4 => format!("UID STORE {uid}:{} +FLAGS.SILENT (\\Deleted)", uid + 3),
        5 => "EXPUNGE".to_owned(),
        6 => format!("UID COPY {uid} {mailbox}"),
        7 => format!("UID MOVE {uid} {mailbox}"),
        _ => format!("UID STORE {uid} -FLAGS.SILENT (\\Seen)"),
    }
}
