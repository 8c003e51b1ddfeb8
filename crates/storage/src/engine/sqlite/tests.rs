use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use ids::{AccountId, Clock, Timestamp};

use super::log_room::LogRoom;
use crate::sql::Value;
use crate::testing::new_account;
use crate::{
    Append, Content, Extent, MailboxName, PreparedMessage, ReadTx, Result, Settings, StorageError,
    Store, Want, WriteTx,
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

/// Keeps the writer busy until the answer is dropped, so that what is submitted meanwhile is one
/// batch.
fn hold(store: &Store) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let store = store.clone();
    thread::spawn(move || {
        store.write_blocking("hold", move |_| {
            begun.send(()).unwrap();
            // Ends when the sender is dropped.
            let _ = released.recv();
            Ok(())
        })
    });
    begins.recv().unwrap();
    release
}

/// Runs `jobs` in one batch; their outcomes in the same order.
fn in_one_batch(store: &Store, jobs: Vec<fn(&mut WriteTx<'_>) -> Result<()>>) -> Vec<Result<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let held = hold(store);
    runtime.block_on(async {
        let mut writes = tokio::task::JoinSet::new();
        let number = jobs.len();
        for (at, job) in jobs.into_iter().enumerate() {
            let store = store.clone();
            writes
                .spawn(async move { (at, store.write("test", job).await.map(|done| done.value)) });
        }
        // Every task submits at its first poll and then waits.
        tokio::task::yield_now().await;
        let submitted = store.statistics().submitted;
        assert!(submitted >= number as u64);
        drop(held);
        let mut outcomes = writes.join_all().await;
        outcomes.sort_by_key(|(at, _)| *at);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    })
}

fn domains(store: &Store) -> Vec<String> {
    let domains = store.read_blocking(|tx| tx.list_domains()).unwrap();
    domains.into_iter().map(|domain| domain.name).collect()
}

#[test]
fn what_waits_shares_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let before = store.statistics();
    let jobs: Vec<fn(&mut WriteTx<'_>) -> Result<()>> =
        (0..50).map(|_| (|_: &mut WriteTx<'_>| Ok(())) as fn(&mut WriteTx<'_>) -> _).collect();
    assert!(in_one_batch(&store, jobs).iter().all(Result::is_ok));
    let after = store.statistics();
    // One for the job that held the writer.
    assert_eq!(after.commits - before.commits, 2);
    assert_eq!((after.transactions - before.transactions, after.largest_batch), (51, 50));
}

fn create(tx: &mut WriteTx<'_>, name: &str) -> Result<()> {
    tx.create_domain(name).map(drop)
}

fn limit_pages(tx: &mut WriteTx<'_>, pages: &'static str) -> Result<()> {
    tx.sql.query(pages, &[], &mut |_| Ok(()))
}

#[test]
fn a_full_disk_fails_the_whole_commit_and_is_recovered_from() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write_blocking("test", |tx| limit_pages(tx, "PRAGMA max_page_count = 1")).unwrap();
    let outcomes = in_one_batch(
        &store,
        vec![
            |tx| create(tx, "before.test"),
            |tx| {
                let large = vec![b'x'; 4_000_000];
                let sql = "INSERT INTO blob (hash, size_bytes, stored_bytes, codec, place, data) \
                           VALUES (?1, 1, 1, 0, 0, ?2)";
                tx.sql.execute(sql, &[Value::Bytes(b"x"), Value::Bytes(&large)]).map(drop)
            },
            |tx| create(tx, "after.test"),
        ],
    );
    for outcome in &outcomes {
        let passes =
            matches!(outcome, Err(StorageError::Unavailable(_) | StorageError::NoSpace(_)));
        assert!(passes, "{outcome:?}");
    }
    assert!(matches!(outcomes[1], Err(StorageError::NoSpace(_))), "{:?}", outcomes[1]);
    assert_eq!(domains(&store), [""; 0]);
    let room = |tx: &mut WriteTx<'_>| limit_pages(tx, "PRAGMA max_page_count = 1000000");
    store.write_blocking("test", room).unwrap();
    store.write_blocking("test", |tx| create(tx, "later.test")).unwrap();
    assert_eq!(domains(&store), ["later.test"]);
}

#[test]
fn a_job_that_ends_the_transaction_takes_its_batch_along() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let outcomes = in_one_batch(
        &store,
        vec![
            |tx| create(tx, "before.test"),
            |tx| {
                // What the engine may do by itself on a grave error.
                let sql = "ROLLBACK";
                tx.sql.execute(sql, &[]).map(drop)
            },
            |tx| create(tx, "after.test"),
        ],
    );
    assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
    assert_eq!(domains(&store), [""; 0]);
    store.write_blocking("test", |tx| create(tx, "later.test")).unwrap();
    assert_eq!(domains(&store), ["later.test"]);
}

/// A message whose stored body has about so many bytes.
fn message(number: usize, bytes: usize) -> Arc<PreparedMessage> {
    let mut rng = fastrand::Rng::with_seed(number as u64);
    let text: String = std::iter::repeat_with(|| rng.alphanumeric()).take(bytes).collect();
    Arc::new(PreparedMessage::new(format!("Subject: {number}\r\n\r\n{text}\r\n").into_bytes()))
}

/// Whether the writes of a batch may run again.
#[derive(Clone, Copy)]
enum Runs {
    Once,
    Again,
}

fn append(tx: &mut WriteTx<'_>, account: AccountId, message: &PreparedMessage) -> Result<()> {
    let mut tx = tx.account(account)?;
    let inbox = tx.find_mailbox(account, &MailboxName::parse("INBOX")?)?;
    let inbox = inbox.ok_or(StorageError::NotFound("mailbox"))?.id;
    tx.append_message(inbox, message, Append::default()).map(drop)
}

/// Puts each message into INBOX by a write of its own, all of them in one batch; those at `refused`
/// fail by themselves.
fn deliver_in_one_batch(
    store: &Store,
    account: AccountId,
    messages: &[Arc<PreparedMessage>],
    runs: Runs,
    refused: &'static [usize],
) -> Vec<Result<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let held = hold(store);
    runtime.block_on(async {
        let mut writes = tokio::task::JoinSet::new();
        for (at, message) in messages.iter().cloned().enumerate() {
            let store = store.clone();
            writes.spawn(async move {
                let named = vec![message.clone()];
                let write = move |tx: &mut WriteTx<'_>| {
                    append(tx, account, &message)?;
                    match refused.contains(&at) {
                        true => Err(StorageError::Conflict("it is refused")),
                        false => Ok(()),
                    }
                };
                let done = match runs {
                    Runs::Once => store.write_messages("test", named, write).await,
                    Runs::Again => store.deliver_messages(Extent::Any, "test", named, write).await,
                };
                (at, done.map(|done| done.value))
            });
        }
        // Every task submits at its first poll and then waits.
        tokio::task::yield_now().await;
        drop(held);
        let mut outcomes = writes.join_all().await;
        outcomes.sort_by_key(|(at, _)| *at);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    })
}

fn account(store: &Store) -> AccountId {
    let created = store.write_blocking("test", |tx| {
        tx.create_domain("example.test")?;
        tx.create_account(new_account("julie@example.test"))
    });
    created.unwrap().value
}

/// The subjects of the messages in INBOX, every byte of which is there.
fn delivered(store: &Store, account: AccountId) -> Vec<String> {
    assert_eq!(store.check_consistency().unwrap(), []);
    let subjects = store.read_blocking(|tx| {
        let inbox = tx.find_mailbox(account, &MailboxName::parse("INBOX")?)?.unwrap().id;
        let mut contents = Vec::new();
        tx.load_keys(inbox, |_, content, _| {
            contents.push(content);
            Ok(())
        })?;
        let contents = tx.load_contents(&contents, Want::HEADER | Want::TEXT)?;
        let header =
            |content: &Content| String::from_utf8_lossy(content.header().unwrap()).into_owned();
        Ok(contents.iter().map(header).collect::<Vec<_>>())
    });
    let subjects = subjects.unwrap();
    subjects.iter().map(|header| header[9..header.len() - 4].to_owned()).collect()
}

#[test]
fn a_pack_that_cannot_be_written_fails_only_those_who_need_it() {
    [Runs::Once, Runs::Again].into_iter().for_each(check_pack_that_cannot_be_written);
}

fn check_pack_that_cannot_be_written(runs: Runs) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let account = account(&store);
    // 30 that go into packs only because so many write at once, and two that have to.
    let mut messages: Vec<_> = (0..30).map(|number| message(number, 4_000)).collect();
    messages.extend([message(30, 100_000), message(31, 100_000)]);
    let (packs, aside) = (folder.path().join("blobs"), folder.path().join("aside"));
    std::fs::rename(&packs, &aside).unwrap();
    let outcomes = deliver_in_one_batch(&store, account, &messages, runs, &[]);
    assert!(outcomes[..30].iter().all(Result::is_ok), "{outcomes:?}");
    for outcome in &outcomes[30..] {
        assert!(matches!(outcome, Err(StorageError::Unavailable(_))), "{outcome:?}");
    }
    std::fs::rename(&aside, &packs).unwrap();
    assert_eq!(delivered(&store, account).len(), 30);
    let outcomes = deliver_in_one_batch(&store, account, &messages[30..], runs, &[]);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(delivered(&store, account)[30..], ["30", "31"]);
}

#[test]
fn a_pack_that_does_not_become_durable_fails_only_those_who_name_it() {
    [Runs::Once, Runs::Again].into_iter().for_each(check_pack_that_does_not_become_durable);
}

fn check_pack_that_does_not_become_durable(runs: Runs) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let account = account(&store);
    let messages = [message(0, 100), message(1, 100_000), message(2, 100), message(3, 100_000)];
    // Takes what is written, and refuses to sync it.
    store.packs().unwrap().write_to(std::path::Path::new("/dev/null"));
    let outcomes = deliver_in_one_batch(&store, account, &messages, runs, &[]);
    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true, false]);
    assert_eq!(delivered(&store, account), ["0", "2"]);
    // The same once more: what was appended before is not relied on.
    let again = [messages[1].clone(), messages[3].clone()];
    let outcomes = deliver_in_one_batch(&store, account, &again, runs, &[]);
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(delivered(&store, account), ["0", "2", "1", "3"]);
}

/// One fails by itself, and then the pack with its body does not become durable.
#[test]
fn who_fails_does_not_rely_on_a_pack_that_did_not_become_durable() {
    for runs in [Runs::Once, Runs::Again] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let account = account(&store);
        let messages = [message(0, 100_000), message(1, 100_000)];
        store.packs().unwrap().write_to(std::path::Path::new("/dev/null"));
        let outcomes = deliver_in_one_batch(&store, account, &messages, runs, &[0]);
        assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
        let outcomes = deliver_in_one_batch(&store, account, &messages, runs, &[]);
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(delivered(&store, account), ["0", "1"]);
    }
}

/// Of writes that may run again, those that fail leave nothing behind, and the others all they do.
#[test]
fn a_failure_undoes_only_its_own_write_however_often_the_others_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let runs = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let write_all = |fails: &[bool]| {
        let held = hold(&store);
        let mut writes = tokio::task::JoinSet::new();
        for (at, fails) in fails.iter().copied().enumerate() {
            let (store, runs) = (store.clone(), runs.clone());
            let write = move |tx: &mut WriteTx<'_>| {
                let run = runs.fetch_add(1, Ordering::Relaxed);
                create(tx, &format!("number{at}.test"))?;
                assert!(!(fails && at % 2 == 0), "this one panics");
                if fails { Err(StorageError::NotFound("what it seeks")) } else { Ok(run) }
            };
            let done =
                async move { store.deliver_messages(Extent::Any, "test", Vec::new(), write).await };
            writes.spawn_on(async move { (at, done.await.is_ok()) }, runtime.handle());
        }
        runtime.block_on(async {
            // Every task submits at its first poll and then waits.
            tokio::task::yield_now().await;
            drop(held);
            let mut outcomes = writes.join_all().await;
            outcomes.sort_unstable();
            outcomes.into_iter().map(|(_, is_ok)| is_ok).collect::<Vec<_>>()
        })
    };
    assert_eq!(write_all(&[false, true, false, true, true]), [true, false, true, false, false]);
    assert_eq!(domains(&store), ["number0.test", "number2.test"]);
    // The first failure ends the first attempt.
    assert_eq!(runs.load(Ordering::Relaxed), 2 + 5);
    assert_eq!(write_all(&[true]), [false]);
    assert_eq!(runs.load(Ordering::Relaxed), 2 + 5 + 1, "there is nobody to run it again for");
    assert_eq!(domains(&store), ["number0.test", "number2.test"]);
}

#[test]
fn the_last_owner_may_be_the_writer_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (owner, done) = (store.clone(), mpsc::channel());
    let finished = done.0;
    let (go, gone) = mpsc::channel::<()>();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let writing = tokio::spawn(async move {
            let captured = owner.clone();
            let outcome = owner.write("test", move |_| {
                // Waits until every other owner is gone.
                let _ = gone.recv();
                drop(captured);
                finished.send(()).unwrap();
                Ok(())
            });
            drop(outcome.await);
        });
        tokio::task::yield_now().await;
        writing.abort();
        let _ = writing.await;
    });
    drop(store);
    drop(go);
    let ended = done.1.recv_timeout(Duration::from_secs(60));
    ended.expect("the write ends within a minute");
}

#[test]
fn the_log_is_begun_anew_under_steady_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let log = folder.path().join("posthorn.db-wal");
    add_blobs(&store, 0..200, 1 << 20);
    let length = std::fs::metadata(log).unwrap().len();
    // How long the log gets before writing waits, and what was written meanwhile: a copy that is
    // under way ends before what it has not seen, and a busy disk takes its time for it.
    assert!(length < 160 << 20, "{length} bytes of 200 MiB are still in the log");
}

#[test]
fn what_is_behind_the_end_of_the_log_is_no_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    add_blobs(&store, 0..50, 32 << 10);
    // As after a crash: nothing of it was copied into the database.
    let after = tempfile::tempdir().unwrap();
    for name in ["posthorn.db", "posthorn.db-wal"] {
        std::fs::copy(folder.path().join(name), after.path().join(name)).unwrap();
    }
    let log = after.path().join("posthorn.db-wal");
    let length = std::fs::metadata(&log).unwrap().len();
    // Where there is room already, more of it is as good.
    let file = std::fs::OpenOptions::new().write(true).open(&log).unwrap();
    LogRoom::of(file, length).keep(length / 4096).unwrap();
    assert_eq!(std::fs::metadata(&log).unwrap().len(), length + (2 << 20));
    assert_eq!(count_blobs(&open(after.path())), 50);
}

fn add_blobs(store: &Store, hashes: std::ops::Range<u8>, size: usize) {
    for hash in hashes {
        let written = store.write_blocking("test", move |tx| {
            let sql = "INSERT INTO blob (hash, size_bytes, stored_bytes, codec, place, data) \
                       VALUES (?1, 1, 1, 0, 0, ?2)";
            tx.sql.execute(sql, &[Value::Bytes(&[hash]), Value::Bytes(&vec![hash; size])])
        });
        written.unwrap();
    }
}

fn count_blobs(store: &Store) -> i64 {
    let count = store
        .read_blocking(|tx| tx.sql.query_one("SELECT count(*) FROM blob", &[], |row| row.int(0)));
    count.unwrap().unwrap()
}

#[test]
fn the_file_of_the_log_stays_and_what_it_held_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("posthorn.db-wal");
    let length = || std::fs::metadata(&log).unwrap().len();
    let store = open(folder.path());
    add_blobs(&store, 0..50, 64 << 10);
    store.close();
    drop(store);
    let kept = length();
    assert!(kept > 3 << 20, "{kept} bytes");
    // All of it is in the database alone.
    let alone = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("posthorn.db"), alone.path().join("posthorn.db")).unwrap();
    assert_eq!(count_blobs(&open(alone.path())), 50);

    let store = open(folder.path());
    let pages = store
        .read_blocking(|tx| tx.sql.query_one("PRAGMA wal_checkpoint(NOOP)", &[], |row| row.int(1)));
    let pages = pages.unwrap().unwrap();
    // Opening it writes a page.
    assert!(pages < 8, "{pages} pages are taken for new");
    assert_eq!(count_blobs(&store), 50);
    add_blobs(&store, 50..60, 64 << 10);
    assert_eq!((count_blobs(&store), length()), (60, kept), "it is written over");
    // As after a crash: the log ends where what was written before begins.
    let after = tempfile::tempdir().unwrap();
    for name in ["posthorn.db", "posthorn.db-wal"] {
        std::fs::copy(folder.path().join(name), after.path().join(name)).unwrap();
    }
    assert_eq!(count_blobs(&open(after.path())), 60);
}

/// The copy that is under way when the store is closed is waited for.
#[test]
fn a_log_that_is_being_copied_is_empty_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let written = store.write_blocking("test", move |tx| {
        let sql = "INSERT INTO blob (hash, size_bytes, stored_bytes, codec, place, data) \
                   VALUES (?1, 1, 1, 0, 0, ?2)";
        let bytes = vec![1; 20 << 20];
        (0..3u8).try_for_each(|hash| {
            tx.sql.execute(sql, &[Value::Bytes(&[hash]), Value::Bytes(&bytes)]).map(drop)
        })
    });
    written.unwrap();
    let database = folder.path().join("posthorn.db");
    while std::fs::metadata(&database).unwrap().len() < 1 << 20 {
        thread::yield_now();
    }
    store.close();
    let log = std::fs::read(folder.path().join("posthorn.db-wal")).unwrap();
    assert_eq!((log.len() > 60 << 20, &log[..32]), (true, &[0; 32][..]));
}

#[test]
fn the_log_is_beside_what_a_link_leads_to() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, target) = (folder.path().join("posthorn.db"), elsewhere.path().join("posthorn.db"));
    open(folder.path()).close();
    std::fs::rename(&path, &target).unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    std::fs::remove_file(folder.path().join("posthorn.db-wal")).unwrap();
    let store = open(folder.path());
    add_blobs(&store, 0..10, 64 << 10);
    store.close();
    let log = std::fs::read(elsewhere.path().join("posthorn.db-wal")).unwrap();
    assert_eq!((log.len() > 10 << 16, &log[..32]), (true, &[0; 32][..]));
}

/// Somebody moves the directory of a daemon that runs, and puts another in its place.
#[test]
fn the_log_that_is_emptied_at_the_end_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    add_blobs(&store, 0..10, 64 << 10);
    let (path, moved) = (folder.path().join("posthorn.db-wal"), folder.path().join("moved"));
    std::fs::rename(&path, &moved).unwrap();
    std::fs::write(&path, [1; 64]).unwrap();
    store.close();
    assert_eq!(std::fs::read(&path).unwrap(), [1; 64]);
    assert_eq!(std::fs::read(&moved).unwrap()[..32], [0; 32]);
}

/// On a runtime that can do without a thread, who writes alone writes there; in company all wait
/// for the thread that writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_writes_alone_writes_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let thread_of_a_write = |_: &mut WriteTx<'_>| Ok(thread::current().id());
    let here = thread::current().id();
    let brief = |closure| store.write_of(Extent::Brief, "test", closure);
    assert_eq!(brief(thread_of_a_write).await.unwrap().value, here);
    let other = store.write("test", thread_of_a_write).await.unwrap().value;
    assert_ne!(other, here, "that may be much work");
    let held = hold(&store);
    let mut one = pin!(brief(thread_of_a_write));
    let mut other = pin!(brief(thread_of_a_write));
    let wait = std::future::poll_fn(|cx| {
        Poll::Ready(one.as_mut().poll(cx).is_pending() && other.as_mut().poll(cx).is_pending())
    });
    assert!(wait.await);
    drop(held);
    let (one, other) = (one.await.unwrap().value, other.await.unwrap().value);
    assert_eq!((one != here, one), (true, other));
    // The last was not alone; this one is.
    assert_eq!(brief(thread_of_a_write).await.unwrap().value, one);
    // It may be told of its outcome before the writer is free again.
    while brief(thread_of_a_write).await.unwrap().value != here {}
    store.close();
    assert!(brief(thread_of_a_write).await.is_err(), "nobody writes any more");
}

/// What panics is one write; the next writes all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_panics_where_it_is_ends_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let panics = store.write_of(Extent::Brief, "test", |tx| -> Result<()> {
        tx.create_domain("lost.test")?;
        panic!("on purpose")
    });
    assert!(matches!(panics.await, Err(StorageError::Internal(_))));
    let written = store.write_of(Extent::Brief, "test", |tx| tx.create_domain("kept.test")).await;
    written.unwrap();
    let domains = store.read_blocking(|tx| tx.list_domains()).unwrap();
    assert_eq!(domains.len(), 1);
}

#[test]
fn another_database_may_be_put_in_the_place_of_one_that_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("posthorn.db"), folder.path().join("copy"));
    let again = |range, size| {
        let store = open(folder.path());
        add_blobs(&store, range, size);
        store.close();
    };
    again(0..10, 64 << 10);
    std::fs::copy(&path, &copy).unwrap();
    again(10..40, 64 << 10);
    std::fs::rename(&copy, &path).unwrap();
    let store = open(folder.path());
    assert_eq!(count_blobs(&store), 10);
    add_blobs(&store, 60..70, 64 << 10);
    let text = |tx: &mut ReadTx<'_>| {
        tx.sql.query_one("PRAGMA integrity_check", &[], |row| Ok(row.text(0)?.to_owned()))
    };
    assert_eq!(store.read_blocking(text).unwrap().as_deref(), Some("ok"));
    assert_eq!(count_blobs(&store), 20);
}

#[test]
fn a_log_that_grew_very_long_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    // One transaction is in the log as a whole.
    let written = store.write_blocking("test", move |tx| {
        let sql = "INSERT INTO blob (hash, size_bytes, stored_bytes, codec, place, data) \
                   VALUES (?1, 1, 1, 0, 0, ?2)";
        let bytes = vec![1; 20 << 20];
        for hash in 0..6u8 {
            tx.sql.execute(sql, &[Value::Bytes(&[hash]), Value::Bytes(&bytes)])?;
        }
        Ok(())
    });
    written.unwrap();
    store.close();
    drop(store);
    assert_eq!(std::fs::metadata(folder.path().join("posthorn.db-wal")).unwrap().len(), 0);
    assert_eq!(count_blobs(&open(folder.path())), 6);
}

/// A pass over very many rows leaves none of their pages with this process.
#[test]
fn what_reads_through_maps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write_blocking("test", |tx| tx.create_domain("example.test")).unwrap();
    let seen = |tx: &mut ReadTx<'_>| {
        let mapped = tx.sql.query_one("PRAGMA mmap_size", &[], |row| row.int(0))?;
        Ok((mapped, tx.list_domains()?.len()))
    };
    assert_eq!(store.read_blocking(seen).unwrap(), (Some(1 << 40), 1));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let through = runtime.block_on(store.read_through(seen)).unwrap();
    assert_eq!(through, (Some(0), 1));
}
