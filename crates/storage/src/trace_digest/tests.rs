//! Digests on both engines: what they leave out is not there, what is there is found.

use std::sync::Arc;

use testkit::ManualClock;

use super::*;
use crate::testing::{TestStore, on_both_engines_with};
use crate::{Reception, ReceptionCursor};

const STRETCH: i64 = 4096;

fn with_clock(test: impl Fn(&TestStore, &ManualClock)) {
    let clock = Arc::new(ManualClock::default());
    on_both_engines_with(|settings| settings.clock = clock.clone(), |store| test(store, &clock));
}

/// Tells of messages numbered like this, in both logs.
fn tell(store: &TestStore, numbers: Range<i64>) {
    store
        .write(move |tx| {
            for number in numbers {
                let reverse_path = match number {
                    9 => String::new(),
                    10 | 5010 => "both@far.test".to_owned(),
                    _ => format!("from{number}@Far.test"),
                };
                let reception = Reception {
                    reverse_path,
                    message_id: format!("id{number}@far.test"),
                    forward_paths: vec![format!("to{number}@x.test"), "all@x.test".to_owned()],
                    ..Reception::default()
                };
                tx.note_reception(&reception, &[Vec::new(), Vec::new()])?;
                let (from, to) = (&reception.reverse_path, &reception.forward_paths[0]);
                let now = Value::Int(tx.now.as_micros());
                tx.sql.execute(
                    "INSERT INTO spool_trace \
                     (spool_id, at, accepted, event, reverse_path, forward_path, answer) \
                     VALUES (?1, ?2, ?2, 'delivered', ?3, ?4, '')",
                    &[Value::Int(number), now, Value::Text(from), Value::Text(to)],
                )?;
            }
            Ok(())
        })
        .unwrap();
}

fn digest(store: &TestStore) -> u64 {
    store.inner().digest_traces(&|| false).unwrap()
}

/// How many receptions and traces of an address or Message-ID there are.
fn found(store: &TestStore, wanted: &str) -> (usize, usize) {
    let (mut receptions, mut cursor) = (0, Some(ReceptionCursor::NEWEST));
    while let Some(at) = cursor {
        let since = Timestamp::from_micros(0);
        let slice =
            store.inner().read_blocking(|tx| tx.find_receptions(wanted, since, at)).unwrap();
        (receptions, cursor) = (receptions + slice.rows.len(), slice.next);
    }
    let traces = store.inner().read_blocking(|tx| tx.find_spool_traces(wanted, 100)).unwrap();
    (receptions, traces.len())
}

fn stretch(store: &TestStore, wanted: &str, within: Range<i64>) -> Option<Range<i64>> {
    let both = TraceLog::ALL.map(|log| {
        store.inner().read_blocking(|tx| tx.next_stretch(log, wanted, within.clone())).unwrap()
    });
    assert_eq!(both[0], both[1]);
    both[0].clone()
}

#[test]
fn a_search_leaves_out_what_holds_nothing_of_it() {
    with_clock(|store, clock| {
        tell(store, 1..2 * STRETCH);
        clock.advance_secs(SETTLED_SECS);
        assert_eq!(digest(store), 0);
        clock.advance_secs(1);
        // The second stretch lacks a row.
        assert_eq!(digest(store), 2);
        tell(store, 2 * STRETCH..2 * STRETCH + 3);
        assert_eq!(digest(store), 0);
        clock.advance_secs(SETTLED_SECS + 1);
        assert_eq!(digest(store), 2);
        let (first, second, end) = (STRETCH + 1, 2 * STRETCH + 1, 2 * STRETCH + 3);

        assert_eq!(stretch(store, "nobody@x.test", 0..end), Some(second..end));
        assert_eq!(stretch(store, "nobody@x.test", 0..second), None);
        assert_eq!(stretch(store, "to5@x.test", 0..second), Some(0..first));
        assert_eq!(stretch(store, "TO5@x.test", 7..second), Some(7..first));
        assert_eq!(stretch(store, "to5000@x.test", 0..second), Some(first..second));
        assert_eq!(stretch(store, "from5000@far.test", 0..second - 1), Some(first..second - 1));
        // The null sender, and one that stands in stretches side by side.
        assert_eq!(stretch(store, "", 0..second), Some(0..first));
        assert_eq!(found(store, ""), (1, 1));
        assert_eq!(stretch(store, "both@far.test", 0..end), Some(0..end));
        assert_eq!(stretch(store, "both@far.test", 7..second), Some(7..second));
        assert_eq!(found(store, "both@far.test"), (2, 2));
        for number in [1, 2, STRETCH, STRETCH + 1, 2 * STRETCH, 2 * STRETCH + 2] {
            for wanted in [format!("to{number}@x.test"), format!("from{number}@Far.test")] {
                assert_eq!(found(store, &wanted), (1, 1), "{wanted}");
            }
            assert_eq!(found(store, &format!("id{number}@far.test")), (1, 0));
        }
        assert_eq!(found(store, "TO5@x.test"), (1, 0));
        assert_eq!(found(store, "all@x.test"), (2 * STRETCH as usize + 2, 0));
        assert_eq!(found(store, "nobody@x.test"), (0, 0));
    });
}

#[test]
fn digests_go_with_their_rows() {
    with_clock(|store, clock| {
        let digests = || {
            let count = "SELECT COUNT(*) FROM trace_digest";
            store
                .inner()
                .read_blocking(|tx| tx.sql.query_one(count, &[], |row| row.int(0)))
                .unwrap()
        };
        tell(store, 1..STRETCH + 1);
        clock.advance_secs(SETTLED_SECS + 1);
        assert_eq!((digest(store), digests()), (2, Some(2)));
        clock.advance_secs(400 * 86_400);
        store.inner().maintain().unwrap();
        assert_eq!(digests(), Some(0));
        // Where numbers begin anew, nothing of before is in their way.
        tell(store, 7_000..7_001);
        assert_eq!(found(store, "to7000@x.test"), (1, 1));
    });
}

#[test]
fn what_holds_too_much_holds_all() {
    let mut keys = Keys::default();
    (0..=KEYS_MAX).for_each(|n| keys.add(&n.to_string()));
    assert_eq!(keys.digest(), [0xff]);
    assert!(may_hold(&keys.digest(), Key::of("anything")));
    assert_eq!(Keys::default().digest(), [0u8; 0]);
    assert!(!may_hold(&[], Key::of("anything")));
    let mut keys = Keys::default();
    (0..4096).for_each(|n| keys.add(&n.to_string()));
    let digest = keys.digest();
    let wrong = (4096..14_096).filter(|n| may_hold(&digest, Key::of(&n.to_string()))).count();
    assert!((0..4096).all(|n| may_hold(&digest, Key::of(&n.to_string()))));
    assert!(wrong < 200, "{wrong}");
}

/// A row whose texts are none.
struct Unreadable;

impl Row for Unreadable {
    fn int(&self, _: usize) -> Result<i64> {
        Ok(0)
    }

    fn opt_int(&self, _: usize) -> Result<Option<i64>> {
        Ok(None)
    }

    fn text(&self, _: usize) -> Result<&str> {
        Err(crate::StorageError::Corrupt("a test".to_owned()))
    }

    fn opt_text(&self, _: usize) -> Result<Option<&str>> {
        Ok(None)
    }

    fn bytes(&self, _: usize) -> Result<&[u8]> {
        Ok(&[])
    }

    fn opt_bytes(&self, _: usize) -> Result<Option<&[u8]>> {
        Ok(None)
    }
}

#[test]
fn what_cannot_be_read_may_hold_all() {
    for log in TraceLog::ALL {
        let mut keys = Keys::default();
        log.add_keys(&Unreadable, &mut keys);
        assert_eq!(keys.digest(), [0xff]);
    }
}
