use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use ids::{Clock, Timestamp};

use crate::sql::Value;
use crate::{Result, Settings, StorageError, Store, WriteTx};

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
    for outcome in outcomes {
        assert!(matches!(outcome, Err(StorageError::Unavailable(_))), "{outcome:?}");
    }
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
    done.1.recv().unwrap();
}

#[test]
fn the_log_is_begun_anew_under_steady_writing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let log = folder.path().join("posthorn.db-wal");
    for round in 0..120u8 {
        store
            .write_blocking("test", move |tx| {
                let bytes = vec![round; 1 << 20];
                let sql = "INSERT INTO blob (hash, size_bytes, stored_bytes, codec, place, data) \
                           VALUES (?1, 1, 1, 0, 0, ?2)";
                tx.sql.execute(sql, &[Value::Bytes(&[round]), Value::Bytes(&bytes)])
            })
            .unwrap();
    }
    let length = std::fs::metadata(log).unwrap().len();
    // What may wait to be copied, and the transaction that comes on top.
    assert!(length < 80 << 20, "{length} bytes of 120 MiB are still in the log");
}
