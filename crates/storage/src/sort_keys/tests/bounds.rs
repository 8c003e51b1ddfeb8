//! What making keys takes is bounded, in memory and in threads.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use tokio::sync::Semaphore;

use super::super::bounds::{Bounds, Turn};
use super::super::update::{Sizes, update};
use super::*;
use crate::{LimitKind, StorageError};

fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    matches!(std::pin::Pin::new(future).poll(&mut context), Poll::Pending)
}

/// `ids` alone, and no turns.
fn only(ids: usize) -> Bounds {
    Bounds { distinct: ids, named: ids, distinct_each: 0, named_each: 0, ..Bounds::default() }
}

fn made(
    store: &TestStore,
    snapshot: &Arc<Snapshot>,
    seqs: &[u32],
    want: &SortWant,
    bounds: Bounds,
) -> std::result::Result<(usize, usize), u64> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let keys = store.inner().sort_keys_within(snapshot, seqs, want, &bounds);
    match runtime.block_on(keys) {
        Ok(keys) => Ok((keys.keys().message_ids(), keys.keys().named_ids())),
        Err(StorageError::Limit { kind: LimitKind::MessageIds, max }) => Err(max),
        Err(other) => panic!("{other}"),
    }
}

/// Messages each with an id of its own, which name the same one as all others, and `others` more.
fn deliver(store: &TestStore, account: AccountId, inbox: CollectionId, at: u32, others: u32) {
    let named: String = (0..others).map(|other| format!(" <{at}-{other}@x>")).collect();
    append(store, account, inbox, &format!("Message-ID: <{at}@x>\r\nReferences: <all@x>{named}"));
}

#[test]
fn a_mailbox_names_so_many_ids() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let view = store.inner().open_view_blocking(account, inbox).unwrap();
        for at in 0..12 {
            deliver(store, account, inbox, at, 1);
        }
        let (snapshot, all) = (view.snapshot(), (1..=12).collect::<Vec<u32>>());
        let thread = want();
        let sort = SortWant { threads: false, ..want() };
        // 12 of their own, 12 others, one of all: 24 times one is named. First read one by one,
        // then from several blocks, which all name that of all.
        for is_stored in [false, true] {
            if is_stored {
                let sizes = Sizes { few: 3, most: 4 };
                update(store.inner(), account, &sizes, &|| false).unwrap();
            }
            store.inner().sort_key_cache().forget();
            let made =
                |seqs: &[u32], want: &SortWant, bounds| made(store, &snapshot, seqs, want, bounds);
            assert_eq!(made(&all, &thread, only(24)), Err(24), "{is_stored}");
            assert_eq!(made(&all, &thread, only(1)), Err(1));
            let more =
                |ids, distinct_each, named_each| Bounds { distinct_each, named_each, ..only(ids) };
            assert_eq!(made(&all, &thread, more(1, 2, 1)), Err(13), "named");
            assert_eq!(made(&all, &thread, more(0, 2, 3)), Err(24), "distinct");
            assert_eq!(made(&all, &sort, only(0)), Ok((0, 0)), "who sorts needs none");
            assert_eq!(made(&all, &thread, more(1, 2, 2)), Ok((25, 24)));
            // In memory they are, and nobody counts.
            assert_eq!(made(&all, &thread, only(0)), Ok((25, 24)));
        }
        // Few are read alone: 3 of one.
        for at in 12..32 {
            deliver(store, account, inbox, at, 0);
        }
        let snapshot = view.snapshot();
        store.inner().sort_key_cache().forget();
        let made =
            |seqs: &[u32], want: &SortWant, bounds| made(store, &snapshot, seqs, want, bounds);
        assert_eq!(made(&[1], &thread, only(2)), Err(2));
        assert_eq!(made(&[1], &thread, only(3)), Ok((3, 2)));
        // Who sorts where the keys in memory have ids, and there are too many by now.
        let all: Vec<u32> = (1..=32).collect();
        assert_eq!(made(&all, &thread, only(45)), Ok((45, 44)));
        deliver(store, account, inbox, 32, 0);
        let (snapshot, all) = (view.snapshot(), (1..=33).collect::<Vec<u32>>());
        let made =
            |want: &SortWant, bounds| super::bounds::made(store, &snapshot, &all, want, bounds);
        assert_eq!(made(&thread, only(45)), Err(45));
        assert_eq!(made(&sort, only(45)), Ok((0, 0)));
        assert_eq!(made(&thread, only(46)), Ok((46, 45)));
    });
}

#[test]
fn what_takes_much_waits_for_its_turn() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        let view = store.inner().open_view_blocking(account, inbox).unwrap();
        deliver(store, account, inbox, 0, 0);
        let (snapshot, want) = (view.snapshot(), want());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _entered = runtime.enter();
        let turns = store.inner().sort_key_cache().turns().clone();
        let count = turns.available_permits();
        let taken = turns.clone().try_acquire_many_owned(count as u32).unwrap();
        let heavy = Bounds { light_messages: 0, light_sorted: 0, ..Bounds::default() };
        for bounds in [heavy, Bounds { light_messages: 1, ..heavy }] {
            let mut waiting =
                Box::pin(store.inner().sort_keys_within(&snapshot, &[1], &want, &bounds));
            assert!(is_pending(&mut waiting));
        }
        drop(taken);
        assert_eq!(turns.available_permits(), count, "who gave up took none");
        let taken = turns.clone().try_acquire_many_owned(count as u32).unwrap();
        // What takes little does not wait.
        let light = Bounds::default();
        let light = store.inner().sort_keys_within(&snapshot, &[1], &want, &light);
        runtime.block_on(light).unwrap();
        store.inner().sort_key_cache().forget();
        drop(taken);
        let made = store.inner().sort_keys_within(&snapshot, &[1], &want, &heavy);
        runtime.block_on(made).unwrap();
        assert_eq!(turns.available_permits(), count);
        // Who does not ask for ids adds to keys that have them, with those of the new messages.
        deliver(store, account, inbox, 1, 0);
        let (snapshot, plain) = (view.snapshot(), SortWant { threads: false, ..want.clone() });
        let bounds = Bounds { light_sorted: usize::MAX, ..heavy };
        let taken = turns.clone().try_acquire_many_owned(count as u32).unwrap();
        let mut waiting =
            Box::pin(store.inner().sort_keys_within(&snapshot, &[1, 2], &plain, &bounds));
        assert!(is_pending(&mut waiting));
        drop(taken);
        runtime.block_on(waiting).unwrap();
    });
}

#[test]
fn a_turn_lasts_until_the_work_ends() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let turns = Arc::new(Semaphore::new(1));
    let turn = runtime.block_on(Turn::wait(&turns)).unwrap();
    let (end, ended) = mpsc::channel::<()>();
    {
        let mut working = pin!(turn.blocking("wait", move || {
            let _ = ended.recv();
            Ok(())
        }));
        assert!(is_pending(&mut working));
    }
    drop(turn);
    // Nobody waits for it any more, and it is not over.
    let mut next = Box::pin(Turn::wait(&turns));
    assert!(is_pending(&mut next));
    end.send(()).unwrap();
    runtime.block_on(next).unwrap();
    assert_eq!(turns.available_permits(), 1);
}
