//! What waits is counted as it changes.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::sql::Dialect;

/// `destination recipients` of what waits, as it is told, after a look at the rows themselves.
fn waiting(store: &TestStore) -> Vec<String> {
    let backlog = store.read(|tx| tx.spool_backlog(10)).unwrap();
    let mut told: Vec<_> =
        backlog.iter().map(|one| format!("{} {}", one.destination, one.recipients)).collect();
    told.sort();
    let counted = store.read(|tx| {
        tx.sql.query_all(
            "SELECT destination, COUNT(*) FROM spool_recipient \
             WHERE held = 0 AND owner = 0 GROUP BY destination ORDER BY destination",
            &[],
            |row| Ok(format!("{} {}", row.text(0)?, row.int(1)?)),
        )
    });
    assert_eq!(told, counted.unwrap());
    told
}

fn change(store: &TestStore, change: SpoolChange, recipient: &str) -> u64 {
    let forward_path = Some(recipient.to_owned());
    let filter = SpoolFilter { forward_path, ..SpoolFilter::default() };
    let changed =
        store.write(move |tx| tx.change_spooled(change, &filter, SpoolId::new(0), 10)).unwrap();
    changed.0
}

#[test]
fn the_number_follows_whatever_is_done() {
    with_clock(|store, clock| {
        assert_eq!(waiting(store), [""; 0]);
        let daemon = register(store);
        let one = spool(store, &["a@x.test", "b@x.test", "c@x.test", "d@x.test", "e@y.test"]);
        assert_eq!(waiting(store), ["x.test 4", "y.test 1"]);
        assert_eq!(claimed(store, daemon, "x.test").len(), 4);
        assert_eq!(waiting(store), ["y.test 1"]);
        settle(store, daemon, (one, 0), Fate::Delivered);
        assert_eq!(waiting(store), ["y.test 1"]);
        settle(store, daemon, (one, 1), Fate::Deferred(clock.now().plus_secs(9)));
        settle(store, daemon, (one, 2), Fate::Untried);
        assert_eq!(waiting(store), ["x.test 2", "y.test 1"]);
        // Held while it is in hand, it does not wait when it is given back.
        assert_eq!(change(store, SpoolChange::Hold, "d@x.test"), 1);
        settle(store, daemon, (one, 3), Fate::Warned);
        assert_eq!(change(store, SpoolChange::Hold, "c@x.test"), 1);
        assert_eq!(waiting(store), ["x.test 1", "y.test 1"]);
        assert_eq!(change(store, SpoolChange::Retry, "b@x.test"), 1);
        assert_eq!(change(store, SpoolChange::Release, "c@x.test"), 1);
        assert_eq!(change(store, SpoolChange::Release, "d@x.test"), 1);
        assert_eq!(waiting(store), ["x.test 3", "y.test 1"]);
        assert_eq!(change(store, SpoolChange::Remove, "b@x.test"), 1);
        assert_eq!(change(store, SpoolChange::Hold, "c@x.test"), 1);
        assert_eq!(change(store, SpoolChange::Remove, "c@x.test"), 1);
        assert_eq!(waiting(store), ["x.test 1", "y.test 1"]);
        store.write(move |tx| tx.claim_overdue(daemon, one)).unwrap().unwrap();
        assert_eq!(waiting(store), [""; 0]);
        store.write(move |tx| tx.end_queue_daemon(daemon)).unwrap();
        assert_eq!(waiting(store), ["x.test 1", "y.test 1"]);
    });
}

#[test]
fn who_begins_anew_counts_what_the_dead_had() {
    with_clock(|store, clock| {
        spool(store, &["a@x.test", "b@x.test"]);
        let dead = register(store);
        assert_eq!(claimed(store, dead, "x.test").len(), 2);
        assert_eq!(change(store, SpoolChange::Hold, "b@x.test"), 1);
        clock.advance_secs(61);
        register(store);
        store.write(|tx| tx.end_dead_queue_daemons()).unwrap();
        assert_eq!(waiting(store), ["x.test 1"]);
    });
}

#[test]
fn what_an_older_version_spooled_is_counted_once_it_has_a_destination() {
    on_both_engines(|store| {
        spool(store, &["a@x.test", "b@y.test"]);
        let older = ["UPDATE spool_recipient SET destination = ''", "DELETE FROM spool_waiting"];
        store
            .write(move |tx| older.iter().try_for_each(|sql| tx.sql.execute(sql, &[]).map(drop)))
            .unwrap();
        assert_eq!(store.write(|tx| tx.adopt_spooled()).unwrap(), 2);
        assert_eq!(waiting(store), ["x.test 1", "y.test 1"]);
    });
}

#[test]
fn the_earliest_of_any_urgency_is_told() {
    with_clock(|store, clock| {
        let begin = clock.now();
        let put = |urgency, to: &'static str| {
            clock.advance_secs(1);
            let message = PreparedMessage::new(b"a: b\r\n\r\nbody".to_vec());
            let terms = SpoolTerms { urgency, ..SpoolTerms::default() };
            store.write(move |tx| tx.spool_on(terms, entry(None, &[to]), &message)).unwrap();
        };
        put(Urgency::Bulk, "a@z.test");
        put(Urgency::Normal, "a@x.test");
        put(Urgency::Normal, "b@z.test");
        put(Urgency::Urgent, "b@x.test");
        let backlog = store.read(|tx| tx.spool_backlog(10)).unwrap();
        let row = |destination: &str, secs| DestinationBacklog {
            destination: destination.to_owned(),
            recipients: 2,
            due: begin.plus_secs(secs),
        };
        assert_eq!(backlog, [row("z.test", 1), row("x.test", 2)]);
        let first = store.read(|tx| tx.spool_backlog(1)).unwrap();
        assert_eq!(first, [row("z.test", 1)]);
    });
}

#[test]
fn what_connections_counted_is_gathered() {
    on_both_engines(|store| {
        let daemon = register(store);
        let one = spool(store, &["a@x.test", "b@y.test"]);
        assert_eq!(claimed(store, daemon, "y.test").len(), 1);
        settle(store, daemon, (one, 1), Fate::Delivered);
        let rows = || {
            store
                .read(|tx| {
                    tx.sql.query_all(
                        "SELECT destination, slot, recipients FROM spool_waiting ORDER BY 1, 2",
                        &[],
                        |row| Ok((row.text(0)?.to_owned(), row.int(1)?, row.int(2)?)),
                    )
                })
                .unwrap()
        };
        // On PostgreSQL each connection has rows of its own.
        let own = store.read(|tx| Ok(tx.sql.dialect() == Dialect::Postgres)).unwrap();
        assert!(rows().iter().all(|(_, slot, _)| (*slot != 0) == own));
        for _ in 0..2 {
            store.write(|tx| tx.gather_waiting()).unwrap();
            assert_eq!(rows(), [("x.test".to_owned(), 0, 1)]);
        }
        assert_eq!(claimed(store, daemon, "x.test").len(), 1);
        store.write(|tx| tx.gather_waiting()).unwrap();
        assert_eq!(rows(), []);
    });
}

#[test]
fn no_question_reads_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let settings = crate::Settings::new(folder.path(), Arc::new(ManualClock::default()));
    let store = TestStore::new(crate::Store::open(settings).unwrap());
    let sql = format!("EXPLAIN QUERY PLAN {}", crate::spool::waiting::BACKLOG).leak();
    let plan = store
        .read(|tx| tx.sql.query_all(sql, &[Value::Int(10)], |row| Ok(row.text(3)?.to_owned())));
    let plan = plan.unwrap();
    let of_spool = plan.iter().filter(|step| step.contains("spool_recipient_due"));
    // Each from one place of the index, which none of them goes through from its beginning.
    assert_eq!(of_spool.filter(|step| step.starts_with("SEARCH ")).count(), 5, "{plan:?}");
    let scans = plan.iter().filter(|step| step.starts_with("SCAN "));
    assert!(scans.clone().all(|scan| !scan.contains("spool") && !scan.ends_with(" r")), "{plan:?}");
}

/// A claim looks at few recipients of its messages, and at no others; what is to be sent later is
/// counted without a look at the rest.
#[test]
fn what_goes_along_or_later_is_found_by_keys() {
    let by_key = &["(spool_id=? AND ordinal>? AND ordinal<?)"][..];
    let by_begin = &["spool_begins", "SEARCH r "][..];
    with_clock(|store, _| {
        let is_sqlite = store.read(|tx| Ok(tx.sql.dialect())).unwrap() == Dialect::Sqlite;
        let questions = match is_sqlite {
            true => vec![
                (super::super::along::LOOK, 5, by_key),
                (super::super::list::SCHEDULED, 1, by_begin),
            ],
            false => {
                vec![(super::super::along::LOOK, 5, &["Limit", "Index Cond: ((spool_id ="][..])]
            }
        };
        for (sql, params, is_by) in questions {
            let explain = if is_sqlite { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
            let mut sql = format!("{explain} {sql}");
            (1..=params).for_each(|number| sql = sql.replace(&format!("?{number}"), "1"));
            let (sql, column): (&'static str, _) = (sql.leak(), if is_sqlite { 3 } else { 0 });
            let plan = store.read(move |tx| {
                if !is_sqlite {
                    // The table is empty.
                    tx.sql.execute("SET LOCAL enable_seqscan = off", &[])?;
                    tx.sql.execute("SET LOCAL enable_bitmapscan = off", &[])?;
                }
                tx.sql.query_all(sql, &[], |row| Ok(row.text(column)?.to_owned()))
            });
            let plan = plan.unwrap().join("; ");
            assert!(is_by.iter().all(|by| plan.contains(by)), "{plan}");
            // It ends where enough were looked at: nothing is sorted first.
            assert!(params == 1 || !(plan.contains("Sort") || plan.contains("B-TREE")), "{plan}");
        }
    });
}

/// One writer less, however it ends.
struct Leaving<'a>(&'a AtomicUsize);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Whoever looks sees the number and the rows of one moment, whatever is written and gathered then.
#[test]
fn gathering_beside_writers_loses_no_number() {
    let many = |settings: &mut crate::Settings| (settings.writers, settings.readers) = (6, 2);
    on_both_engines_with(many, |store| {
        let daemon = register(store);
        let work = || {
            for _ in 0..15 {
                spool(store, &["a@x.test", "b@x.test", "c@y.test"]);
                // Popular destinations, that all of them change.
                let claim = Claim { daemon, destination: "x.test".to_owned(), limit: 3 };
                let claimed = store.write(move |tx| tx.claim_spooled(&claim)).unwrap();
                for (number, message) in claimed.iter().enumerate() {
                    for recipient in &message.recipients {
                        let fate = if number == 0 { Fate::Delivered } else { Fate::Untried };
                        settle(store, daemon, (message.id, recipient.ordinal), fate);
                    }
                }
                change(store, SpoolChange::Hold, "c@y.test");
                change(store, SpoolChange::Release, "c@y.test");
            }
        };
        let busy = AtomicUsize::new(4);
        let is_busy = || busy.load(Ordering::Acquire) > 0;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let (work, busy) = (&work, &busy);
                scope.spawn(move || {
                    let _leaving = Leaving(busy);
                    work();
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    while is_busy() {
                        store.write(|tx| tx.gather_waiting()).unwrap();
                    }
                });
            }
            while is_busy() {
                let wrong = store.read(crate::check::check_consistency).unwrap();
                assert_eq!(wrong, []);
            }
        });
        store.write(|tx| tx.gather_waiting()).unwrap();
        assert!(waiting(store).contains(&"y.test 60".to_owned()));
        let rows = store.read(|tx| {
            let rows = "SELECT COUNT(*), COUNT(DISTINCT destination) FROM spool_waiting";
            tx.sql.query_one(rows, &[], |row| Ok((row.int(0)?, row.int(1)?)))
        });
        let (rows, destinations) = rows.unwrap().unwrap();
        assert_eq!(rows, destinations, "gathered");
    });
}

#[test]
fn what_goes_the_same_way_is_claimed_along() {
    with_clock(|store, _| {
        let daemon = register(store);
        spool(store, &["a@x.test", "b@y.test", "c@z.test", "d@y.test", "e@w.test"]);
        spool(store, &["f@y.test"]);
        assert_eq!(change(store, SpoolChange::Hold, "e@w.test"), 1);
        let along = |limit| {
            let taken = store.write(move |tx| {
                let claim = Claim { daemon, destination: "x.test".to_owned(), limit: 10 };
                let mut messages = tx.claim_spooled(&claim)?;
                tx.claim_along(daemon, &mut messages, limit, |_, other| {
                    Ok(matches!(other, "y.test" | "w.test"))
                })?;
                Ok(messages)
            });
            let paths = |message: &ClaimedMessage| {
                let path = |one: &ClaimedRecipient| one.forward_path.clone();
                message.recipients.iter().map(path).collect::<Vec<_>>()
            };
            taken.unwrap().iter().map(paths).collect::<Vec<_>>()
        };
        // Neither what is held nor another message.
        assert_eq!(along(9), [["a@x.test", "b@y.test", "d@y.test"]]);
        assert_eq!(waiting(store), ["y.test 1", "z.test 1"]);
        assert_eq!(along(9), [[""; 0]; 0]);
        store.write(move |tx| tx.end_queue_daemon(daemon)).unwrap();
        let daemon = register(store);
        let taken = store.write(move |tx| {
            let claim = Claim { daemon, destination: "x.test".to_owned(), limit: 10 };
            let mut messages = tx.claim_spooled(&claim)?;
            tx.claim_along(daemon, &mut messages, 1, |_, _| Ok(true))?;
            Ok(messages)
        });
        let taken = taken.unwrap();
        assert_eq!(taken[0].recipients.len(), 2);
        assert_eq!(taken[0].recipients[1].forward_path, "b@y.test");
        assert_eq!(waiting(store), ["y.test 2", "z.test 1"]);
    });
}

/// However many recipients stand before those that go along, and whatever keeps these: who is
/// behind them is found by a claim that begins there.
#[test]
fn what_goes_along_is_looked_for_from_where_the_claim_is() {
    with_clock(|store, _| {
        let daemon = register(store);
        // The first goes along with nobody; then 300 that nobody brings; then 60 each with its own.
        let path = |number: usize| match number {
            1..=300 => format!("x{number}@alone.test"),
            _ => format!("x@{number}.test"),
        };
        let paths: Vec<String> = (0..361).map(path).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let (entry, message) =
            (entry(None, &paths), PreparedMessage::new(b"a: b\r\n\r\n".to_vec()));
        store.write(move |tx| tx.spool(entry, &message)).unwrap();
        let along = |destination: &str| {
            let claim = Claim { daemon, destination: destination.to_owned(), limit: 10 };
            let taken = store.write(move |tx| {
                let mut messages = tx.claim_spooled(&claim)?;
                tx.claim_along(daemon, &mut messages, 50, |_, other| Ok(other != "alone.test"))?;
                Ok(messages)
            });
            let of = |message: &ClaimedMessage| {
                message.recipients.iter().map(|one| one.ordinal).collect::<Vec<_>>()
            };
            taken.unwrap().iter().flat_map(of).collect::<Vec<_>>()
        };
        // It looks at 200, none of which goes along.
        assert_eq!(along("0.test"), [0]);
        // It looks behind itself, and then from the first one on.
        assert_eq!(along("350.test"), (350..361).collect::<Vec<_>>());
        assert_eq!(along("301.test"), (301..350).collect::<Vec<_>>());
        assert_eq!(along("301.test"), [0; 0]);
        let waiting: i64 = store
            .read(|tx| {
                let sum = "SELECT CAST(SUM(recipients) AS BIGINT) FROM spool_waiting";
                Ok(tx.sql.query_one(sum, &[], |row| row.int(0))?.unwrap())
            })
            .unwrap();
        assert_eq!(waiting, 300);
    });
}
