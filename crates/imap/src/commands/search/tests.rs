//! What a search keeps in memory, and what it takes of the work that a command may make.

use std::num::NonZeroU32;

use message::date::Day;
use message::flag::SystemFlags;
use storage::{Append, Database, MailboxName, PreparedMessage};
use testhouse::House;

use super::*;
use crate::types::SequenceSet;

/// A house with so many messages in INBOX, every second of them seen, and the view of it.
async fn filled(messages: usize) -> (House, Arc<Snapshot>) {
    let house = House::build(Database::Sqlite, None, |_| {}).await;
    let account = house.account;
    house
        .write(move |tx| {
            let inbox = tx.find_mailbox(account, &MailboxName::inbox())?.unwrap().id;
            for number in 0..messages {
                let text = format!("Subject: {number}\r\n\r\nx\r\n");
                let message = PreparedMessage::new(text.into_bytes());
                let mut append = Append::default();
                if number % 2 == 1 {
                    append.flags.system = SystemFlags::SEEN;
                }
                tx.append_message(inbox, &message, append)?;
            }
            Ok(())
        })
        .await;
    let find = move |tx: &mut storage::ReadTx<'_>| tx.find_mailbox(account, &MailboxName::inbox());
    let inbox = house.store.read(find).await.unwrap().unwrap().id;
    let view = house.store.open_view(account, inbox).await.unwrap();
    let known = view.snapshot();
    (house, known)
}

/// Asks for `key` in `known` with so much work left.
async fn compiled(
    house: &House,
    known: &Snapshot,
    key: &SearchKey,
    [saved, recent]: [&Arc<NumberSet>; 2],
    work: u64,
) -> Result<Program> {
    let (actor, collation, work) = (house.account, Collation::default(), &Work::new(work));
    compile(&house.store, Asked { key, known, saved, recent, actor, collation, work }).await
}

fn is_limit(error: &CommandError) -> bool {
    matches!(error, CommandError::Refused { code: Some(Code::Limit), .. })
}

/// Every second number.
fn scattered() -> Arc<NumberSet> {
    Arc::new((1..1000).step_by(2).collect())
}

#[tokio::test]
async fn a_set_is_kept_once_however_often_it_is_named() {
    let (house, known) = filled(3).await;
    let (saved, recent, followed) = (scattered(), scattered(), scattered());
    let mut keys = vec![SearchKey::Recent, SearchKey::Old, SearchKey::New];
    for _ in 0..100 {
        keys.push(SearchKey::Seqs(SequenceSet::Saved));
        keys.push(SearchKey::Not(Box::new(SearchKey::Uids(SequenceSet::Saved))));
        keys.push(SearchKey::Saved(followed.clone()));
    }
    let key = SearchKey::And(keys);
    let followed_before = Arc::strong_count(&followed);
    let sets = [&saved, &recent];
    let program = compiled(&house, &known, &key, sets, u64::MAX).await.unwrap();
    assert_eq!(Arc::strong_count(&saved), 1 + 200);
    assert_eq!(Arc::strong_count(&recent), 1 + 3);
    assert_eq!(Arc::strong_count(&followed), followed_before + 100);
    // 500 ranges are halved eight times.
    assert_eq!(program.size(), 1 + 3 + (1 + 3) + (1 + 3 + 1) + 100 * (3 + 4 + 3));
}

#[tokio::test]
async fn the_answer_to_a_row_key_is_kept_once() {
    let (house, known) = filled(3).await;
    let keys = [SearchKey::SavedBefore(Day::new(30_000)), SearchKey::SavedSince(Day::new(0))];
    let key = SearchKey::And(keys.into_iter().cycle().take(40).collect());
    let nothing = Arc::default();
    let work = &Work::new(2 * 64 * 1000);
    let asked = Asked {
        key: &key,
        known: &known,
        saved: &nothing,
        recent: &nothing,
        actor: house.account,
        collation: Collation::default(),
        work,
    };
    let rows = RowKeys::load(&house.store, &asked).await.unwrap();
    let answers = |day| {
        let uids = rows.uids_of(&SearchKey::SavedSince(Day::new(day))).unwrap();
        (uids.to_string(), Arc::strong_count(&uids))
    };
    assert_eq!(answers(0), ("1:3".to_owned(), 2));
    assert_eq!(answers(1), (String::new(), 1));
    // There was work for both, and there is none for another.
    assert!(!work.is_spent());
    let refused = RowKeys::load(&house.store, &asked).await.unwrap_err();
    assert!(is_limit(&refused), "{refused}");
}

#[tokio::test]
async fn many_tests_are_made_some_at_a_time() {
    let (house, known) = filled(9).await;
    let key = SearchKey::And(vec![
        SearchKey::Has(SystemFlags::SEEN),
        SearchKey::Or(
            Box::new(SearchKey::Seqs(SequenceSet::single(NonZeroU32::new(6).unwrap()))),
            Box::new(SearchKey::Body("x".to_owned())),
        ),
    ]);
    let nothing = Arc::default();
    let mut among = NumberSet::from_iter([1, 9]);
    among.insert_range(3, 7);
    for (at_once, work) in [(1, 1 << 20), (13, 1 << 20), (1 << 20, 7 * 5 * 16)] {
        let program = compiled(&house, &known, &key, [&nothing, &nothing], work).await.unwrap();
        let program = Arc::new(program);
        let tested = first_stage_aside(&known, &among, &program, at_once).await.unwrap();
        assert_eq!(tested, first_stage(&known, &among, &program));
        let [found, open] = [tested.0, tested.1].map(|seqs| seqs.to_string());
        assert_eq!((&*found, &*open), ("6", "4"), "{at_once}");
    }
    let program = compiled(&house, &known, &key, [&nothing, &nothing], 7 * 5 * 16 - 1).await;
    let program = Arc::new(program.unwrap());
    let refused = first_stage_aside(&known, &among, &program, 1).await.unwrap_err();
    assert!(is_limit(&refused), "{refused}");
}

#[test]
fn who_hangs_up_keeps_the_turn_of_what_has_begun() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let is_pending = |future: std::pin::Pin<&mut dyn Future<Output = Result<()>>>| {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        future.poll(&mut context).is_pending()
    };
    let turns = Arc::new(Semaphore::new(1));
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let work = move || ended.recv().unwrap_or_default();
    let mut working = Box::pin(off_thread_in_turn(&turns, ORDERED_IN_PLACE + 1, work));
    assert!(is_pending(working.as_mut()));
    drop(working);
    let given_up = || unreachable!("nobody waits for it");
    let mut waiting = Box::pin(off_thread_in_turn(&turns, ORDERED_IN_PLACE + 1, given_up));
    assert!(is_pending(waiting.as_mut()));
    drop(waiting);
    // What takes little does not wait.
    runtime.block_on(off_thread_in_turn(&turns, ORDERED_IN_PLACE, || ())).unwrap();
    end.send(()).unwrap();
    runtime.block_on(off_thread_in_turn(&turns, ORDERED_IN_PLACE + 1, || ())).unwrap();
    assert_eq!(turns.available_permits(), 1);
}
