//! The spool on both engines: claims, outcomes, leases, lists.

mod damage;
mod waiting;

use std::sync::Arc;

use ids::{AccountId, Clock, ContentId, QueueDaemonId, SpoolId};
use testkit::ManualClock;

use super::*;
use crate::sql::Value;
use crate::testing::{TestStore, on_both_engines, on_both_engines_with};
use crate::{Append, PreparedMessage, StorageError, Want, WriteTx};

fn entry(account: Option<AccountId>, recipients: &[&str]) -> SpoolEntry {
    SpoolEntry {
        account,
        reverse_path: "julie@example.test".to_owned(),
        parameters: MailParameters::default(),
        recipients: recipients
            .iter()
            .map(|path| SpoolRecipient {
                forward_path: (*path).to_owned(),
                parameters: RcptParameters::default(),
            })
            .collect(),
    }
}

fn spool(store: &TestStore, recipients: &'static [&'static str]) -> SpoolId {
    let message = PreparedMessage::new(b"a: b\r\n\r\nbody".to_vec());
    store.write(move |tx| tx.spool(entry(None, recipients), &message)).unwrap()
}

fn register(store: &TestStore) -> QueueDaemonId {
    store.write(|tx| tx.register_queue_daemon(tx.now().plus_secs(60))).unwrap()
}

fn claim(tx: &mut WriteTx<'_>, daemon: QueueDaemonId, destination: &str) -> Result<Vec<String>> {
    let claim = Claim { daemon, destination: destination.to_owned(), limit: 10 };
    let claimed = tx.claim_spooled(&claim)?;
    Ok(claimed
        .iter()
        .flat_map(|message| {
            message.recipients.iter().map(|recipient| {
                format!("{} {} {}", message.id, recipient.forward_path, recipient.attempts)
            })
        })
        .collect())
}

fn claimed(store: &TestStore, daemon: QueueDaemonId, destination: &'static str) -> Vec<String> {
    store.write(move |tx| claim(tx, daemon, destination)).unwrap()
}

fn settle(
    store: &TestStore,
    daemon: QueueDaemonId,
    (spool, ordinal): (SpoolId, i64),
    fate: Fate,
) -> Vec<bool> {
    let outcome = Settlement { spool, ordinal, fate, answer: "250 2.0.0 ok".to_owned() };
    store.write(move |tx| tx.settle_spooled(daemon, spool, &[outcome])).unwrap()
}

fn totals(store: &TestStore, now: Timestamp) -> SpoolTotals {
    store.read(move |tx| tx.spool_totals(now)).unwrap()
}

/// `event forward-path` of everything that happened.
fn traces(store: &TestStore, spool: SpoolId) -> Vec<String> {
    let rows = store.read(move |tx| tx.spool_trace(spool)).unwrap();
    rows.iter().map(|row| format!("{} {}", row.event.as_str(), row.forward_path)).collect()
}

fn with_clock(test: impl Fn(&TestStore, &ManualClock)) {
    let clock = Arc::new(ManualClock::default());
    on_both_engines_with(|settings| settings.clock = clock.clone(), |store| test(store, &clock));
}

#[test]
fn what_was_accepted_stays_when_its_account_goes() {
    on_both_engines(|store| {
        let julie = store.account("julie");
        store
            .write(move |tx| {
                let message = PreparedMessage::new(b"a: b\r\n\r\nbody".to_vec());
                tx.spool(entry(Some(julie), &["a@x.test", "b@X.test"]), &message)?;
                tx.spool(entry(None, &["postmaster"]), &message)
            })
            .unwrap();
        store.write(move |tx| tx.remove_account(julie)).unwrap();
        let rows = store.read(|tx| {
            tx.sql.query_all(
                "SELECT s.account_id, r.ordinal, r.destination FROM spool s \
                 JOIN spool_recipient r ON r.spool_id = s.id ORDER BY s.id, r.ordinal",
                &[],
                |row| Ok((row.opt_int(0)?, row.int(1)?, row.text(2)?.to_owned())),
            )
        });
        let row = |ordinal, destination: &str| (None, ordinal, destination.to_owned());
        assert_eq!(rows.unwrap(), [row(0, "x.test"), row(1, "x.test"), row(0, "postmaster")]);
    });
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let small = |settings: &mut crate::Settings| settings.message_bytes_max = 10;
    on_both_engines_with(small, |store| {
        let refused = store
            .write(|tx| tx.spool(entry(None, &[]), &PreparedMessage::new(b"a: b\r\n".to_vec())));
        assert!(matches!(refused, Err(StorageError::Invalid(_))));
        let refused = store.write(|tx| {
            tx.spool(entry(None, &["a@x.test"]), &PreparedMessage::new(vec![b'x'; 11]))
        });
        assert!(matches!(refused, Err(StorageError::TooBig { .. })));
    });
}

#[test]
fn a_recipient_is_in_one_pair_of_hands() {
    on_both_engines(|store| {
        let one = spool(store, &["a@x.test", "b@y.test", "c@X.test"]);
        let two = spool(store, &["d@x.test"]);
        let daemon = register(store);
        let expect =
            [format!("{one} a@x.test 0"), format!("{one} c@X.test 0"), format!("{two} d@x.test 0")];
        assert_eq!(claimed(store, daemon, "x.test"), expect);
        assert_eq!(claimed(store, daemon, "x.test"), [""; 0]);
        assert_eq!(claimed(store, daemon, "z.test"), [""; 0]);
        let backlog = store.read(|tx| tx.spool_backlog(10)).unwrap();
        let left: Vec<_> = backlog.iter().map(|one| (&*one.destination, one.recipients)).collect();
        assert_eq!(left, [("y.test", 1)]);
        // Given back untried, it is as it was.
        assert_eq!(settle(store, daemon, (one, 2), Fate::Untried), [true]);
        assert_eq!(claimed(store, daemon, "x.test"), [format!("{one} c@X.test 0")]);
    });
}

/// Nobody was asked: it is due later, with what was said to others, and was not tried.
#[test]
fn who_is_put_off_was_not_tried() {
    with_clock(|store, clock| {
        let one = spool(store, &["a@x.test"]);
        let daemon = register(store);
        claimed(store, daemon, "x.test");
        let due = clock.now().plus_secs(300);
        assert_eq!(settle(store, daemon, (one, 0), Fate::Postponed(due)), [true]);
        assert_eq!(settle(store, daemon, (one, 0), Fate::Postponed(due)), [false]);
        assert_eq!(traces(store, one), ["deferred a@x.test"]);
        let found = totals(store, clock.now());
        assert_eq!((found.deferred, found.fresh), (1, 0));
        assert_eq!(claimed(store, daemon, "x.test"), [""; 0]);
        clock.advance_secs(300);
        let message = store.write(move |tx| tx.claim_overdue(daemon, one)).unwrap().unwrap();
        let [found] = &message.recipients[..] else { panic!("{message:?}") };
        assert_eq!((found.attempts, found.attempted, &*found.answer), (0, None, "250 2.0.0 ok"));
    });
}

#[test]
fn outcomes_end_recipients_and_then_the_message() {
    with_clock(|store, clock| {
        let one = spool(store, &["a@x.test", "b@x.test", "c@x.test"]);
        let daemon = register(store);
        assert_eq!(claimed(store, daemon, "x.test").len(), 3);
        assert_eq!(settle(store, daemon, (one, 0), Fate::Delivered), [true]);
        assert_eq!(settle(store, daemon, (one, 0), Fate::Delivered), [false]);
        let later = clock.now().plus_secs(300);
        assert_eq!(settle(store, daemon, (one, 1), Fate::Deferred(later)), [true]);
        assert_eq!(settle(store, daemon, (one, 2), Fate::Failed), [true]);
        assert_eq!(claimed(store, daemon, "x.test"), [""; 0]);
        let row = store.read(|tx| tx.list_spooled(&SpoolFilter::default(), SpoolId::new(0), 10));
        let row = row.unwrap().pop().unwrap();
        assert_eq!((row.id, row.recipients.len(), row.size_bytes), (one, 1, 12));
        let recipient = &row.recipients[0];
        assert_eq!((recipient.attempts, recipient.due), (1, later));
        assert_eq!((recipient.attempted, &*recipient.answer), (Some(clock.now()), "250 2.0.0 ok"));
        let found = totals(store, clock.now());
        assert_eq!((found.messages, found.fresh, found.deferred), (1, 0, 1));
        let tried_at = clock.now();
        clock.advance_secs(300);
        let claim = Claim { daemon, destination: "x.test".to_owned(), limit: 10 };
        let again = store.write(move |tx| tx.claim_spooled(&claim)).unwrap();
        assert_eq!(again[0].recipients[0].attempted, Some(tried_at));
        assert_eq!(settle(store, daemon, (one, 1), Fate::Delivered), [true]);
        assert_eq!(totals(store, clock.now()), SpoolTotals::default());
        let expect =
            ["delivered a@x.test", "deferred b@x.test", "failed c@x.test", "delivered b@x.test"];
        assert_eq!(traces(store, one), expect);
        let found = store.read(|tx| tx.find_spool_traces("b@x.test", 1)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].spool, found[0].event), (one, TraceEvent::Delivered));
    });
}

#[test]
fn the_dead_are_followed_by_the_living() {
    with_clock(|store, clock| {
        let one = spool(store, &["a@x.test"]);
        let dead = register(store);
        assert_eq!(claimed(store, dead, "x.test").len(), 1);
        assert_eq!(store.write(|tx| tx.end_dead_queue_daemons()).unwrap(), 0);
        clock.advance_secs(30);
        store.write(move |tx| tx.renew_queue_lease(dead, tx.now().plus_secs(60))).unwrap();
        clock.advance_secs(61);
        assert_eq!(store.write(|tx| tx.end_dead_queue_daemons()).unwrap(), 1);
        let renewed = store.write(move |tx| tx.renew_queue_lease(dead, tx.now().plus_secs(60)));
        assert!(matches!(renewed, Err(StorageError::Conflict(_))));
        let refused = store.write(move |tx| claim(tx, dead, "x.test"));
        assert!(matches!(refused, Err(StorageError::Conflict(_))));
        let living = register(store);
        assert!(living > dead);
        assert_eq!(claimed(store, living, "x.test"), [format!("{one} a@x.test 0")]);
        // What the one before says about it counts for nothing.
        assert_eq!(settle(store, dead, (one, 0), Fate::Delivered), [false]);
        store.write(move |tx| tx.end_queue_daemon(living)).unwrap();
        let last = register(store);
        assert_eq!(claimed(store, last, "x.test").len(), 1);
    });
}

/// The late ones, looked for two at a time.
fn late(store: &TestStore, before: Timestamp, which: Overdue) -> Vec<SpoolId> {
    let (mut found, mut after) = (Vec::new(), Some(OverdueCursor::START));
    while let Some(at) = after {
        let slice = store.read(move |tx| tx.spooled_before(before, which, at, 2)).unwrap();
        found.extend(slice.found);
        after = slice.next;
    }
    found
}

#[test]
fn what_is_late_is_found_whatever_it_is_due() {
    with_clock(|store, clock| {
        let one = spool(store, &["a@x.test"]);
        let held = spool(store, &["b@x.test"]);
        let hold = SpoolFilter { id: Some(held), ..SpoolFilter::default() };
        store
            .write(move |tx| tx.change_spooled(SpoolChange::Hold, &hold, SpoolId::new(0), 10))
            .unwrap();
        let daemon = register(store);
        claimed(store, daemon, "x.test");
        let tried_at = clock.now();
        settle(store, daemon, (one, 0), Fate::Deferred(tried_at.plus_secs(99_999)));
        clock.advance_secs(3600);
        let young = spool(store, &["c@x.test"]);
        let before = clock.now();
        let late = |which| late(store, before, which);
        assert_eq!(late(Overdue::Unwarned), [one]);
        let message = store.write(move |tx| tx.claim_overdue(daemon, one)).unwrap().unwrap();
        assert_eq!(message.recipients[0].answer, "250 2.0.0 ok");
        assert_eq!(message.recipients[0].attempted, Some(tried_at));
        assert_eq!(settle(store, daemon, (one, 0), Fate::Warned), [true]);
        assert_eq!(late(Overdue::Unwarned), []);
        assert_eq!(late(Overdue::All), [one]);
        assert_eq!(traces(store, one), ["deferred a@x.test", "warned a@x.test"]);
        assert_eq!(store.write(move |tx| tx.claim_overdue(daemon, held)).unwrap(), None);
        assert!(young > held);
    });
}

#[test]
fn a_search_for_late_mail_is_done_in_steps() {
    with_clock(|store, clock| {
        let daemon = register(store);
        let first = spool(store, &["a@x.test"]);
        clock.advance_secs(1);
        // All in one instant.
        let same: Vec<SpoolId> = (0..3).map(|_| spool(store, &["b@x.test"])).collect();
        let in_hand = same[1];
        store.write(move |tx| tx.claim_overdue(daemon, in_hand)).unwrap().unwrap();
        clock.advance_secs(1);
        let before = clock.now();
        let step = |after| {
            store.read(move |tx| tx.spooled_before(before, Overdue::All, after, 2)).unwrap()
        };
        let one = step(OverdueCursor::START);
        assert_eq!((one.found, one.busy), (vec![first, same[0]], None));
        let two = step(one.next.unwrap());
        assert_eq!((two.found, two.busy), (vec![same[2]], one.next));
        let three = step(two.next.unwrap());
        assert_eq!(three, OverdueSlice { found: Vec::new(), next: None, busy: None });
    });
}

#[test]
fn what_is_to_be_sent_later_is_not_due_before() {
    with_clock(|store, clock| {
        let julie = store.account("julie");
        let begins = clock.now().plus_secs(3600);
        let terms = SpoolTerms { begins: Some(begins), ..SpoolTerms::default() };
        let message = PreparedMessage::new(b"a: b\r\n\r\nbody".to_vec());
        let put = move |tx: &mut WriteTx<'_>| {
            tx.spool_on(terms, entry(Some(julie), &["a@x.test"]), &message)
        };
        let later = store.write(put).unwrap();
        let daemon = register(store);
        assert_eq!(claimed(store, daemon, "x.test"), [""; 0]);
        let noticed = store.inner().spool_notices().take();
        assert_eq!(noticed.get("x.test"), Some(&begins));
        // An operator hurries it in vain.
        let all = SpoolFilter::default;
        let hurried = store
            .write(move |tx| tx.change_spooled(SpoolChange::Retry, &all(), SpoolId::new(0), 10));
        assert_eq!(hurried.unwrap(), (0, Some(later)));
        let now = clock.now();
        let listed = |begins_after| {
            let filter = SpoolFilter { begins_after, ..SpoolFilter::default() };
            store.read(move |tx| tx.list_spooled(&filter, SpoolId::new(0), 10)).unwrap()
        };
        assert_eq!(listed(Some(now))[0].begins, Some(begins));
        assert_eq!(listed(Some(begins)), []);
        assert_eq!(store.read(move |tx| tx.count_scheduled(julie, now)).unwrap(), 1);
        let found = totals(store, now);
        assert_eq!((found.messages, found.fresh, found.scheduled), (1, 0, 1));
        assert_eq!((found.oldest, found.since), (Some(now), Some(begins)));
        // Its patience begins when it does.
        clock.advance_secs(3601);
        let found = totals(store, clock.now());
        assert_eq!((found.fresh, found.scheduled), (1, 0));
        assert_eq!(late(store, begins, Overdue::All), []);
        assert_eq!(late(store, begins.plus_secs(1), Overdue::All), [later]);
        let claim = Claim { daemon, destination: "x.test".to_owned(), limit: 10 };
        let taken = store.write(move |tx| tx.claim_spooled(&claim)).unwrap();
        assert_eq!((taken.len(), taken[0].begins), (1, begins));
        let now = clock.now();
        assert_eq!(store.read(move |tx| tx.count_scheduled(julie, now)).unwrap(), 0);
    });
}

#[test]
fn what_is_to_be_sent_later_is_bounded() {
    on_both_engines_with(
        |settings| settings.scheduled_messages_max = 2,
        |store| {
            let julie = store.account("julie");
            let put = |account| {
                store.write(move |tx| {
                    let begins = Some(tx.now().plus_secs(60));
                    let terms = SpoolTerms { begins, ..SpoolTerms::default() };
                    let message = PreparedMessage::new(b"a: b\r\n\r\nbody".to_vec());
                    tx.spool_on(terms, entry(account, &["a@x.test"]), &message)
                })
            };
            put(Some(julie)).unwrap();
            put(Some(julie)).unwrap();
            assert!(matches!(put(Some(julie)), Err(StorageError::Limit { max: 2, .. })));
            put(None).unwrap();
        },
    );
}

#[test]
fn the_urgent_go_first_and_bulk_last() {
    with_clock(|store, clock| {
        let put = |urgency| {
            clock.advance_secs(1);
            store
                .write(move |tx| {
                    let terms = SpoolTerms { urgency, ..SpoolTerms::default() };
                    let message = PreparedMessage::new(b"a: b\r\n\r\nbody".to_vec());
                    tx.spool_on(terms, entry(None, &["a@x.test", "b@x.test"]), &message)
                })
                .unwrap()
        };
        let (bulk, normal) = (put(Urgency::Bulk), put(Urgency::Normal));
        let (urgent, last) = (put(Urgency::Urgent), put(Urgency::Bulk));
        let daemon = register(store);
        let claim = Claim { daemon, destination: "x.test".to_owned(), limit: 5 };
        let taken = store.write(move |tx| tx.claim_spooled(&claim)).unwrap();
        let taken: Vec<_> = taken.iter().map(|one| (one.id, one.recipients.len())).collect();
        assert_eq!(taken, [(urgent, 2), (normal, 2), (bulk, 1)]);
        let due = store.read(|tx| tx.next_due_spooled("x.test")).unwrap();
        assert_eq!(due, Some(clock.now().plus_secs(-3)));
        let filter = SpoolFilter { id: Some(last), ..SpoolFilter::default() };
        let rows = store.read(move |tx| tx.list_spooled(&filter, SpoolId::new(0), 1)).unwrap();
        assert_eq!(rows[0].recipients[0].urgency, Urgency::Bulk);
    });
}

#[test]
fn deadlines_are_found_and_told_once() {
    with_clock(|store, clock| {
        let deadline = clock.now().plus_secs(120);
        let terms = SpoolTerms { deadline: Some(deadline), ..SpoolTerms::default() };
        let one = store
            .write(move |tx| {
                let message = PreparedMessage::new(b"a: b\r\n\r\nbody".to_vec());
                tx.spool_on(terms, entry(None, &["a@x.test"]), &message)
            })
            .unwrap();
        spool(store, &["b@x.test"]);
        let past = |before| late(store, before, Overdue::PastDeadline);
        assert_eq!(past(clock.now()), []);
        clock.advance_secs(121);
        assert_eq!(past(clock.now()), [one]);
        let daemon = register(store);
        let message = store.write(move |tx| tx.claim_overdue(daemon, one)).unwrap().unwrap();
        assert!(!message.recipients[0].told_deadline);
        assert_eq!(message.recipients[0].attempted, None);
        assert_eq!(settle(store, daemon, (one, 0), Fate::ToldDeadline), [true]);
        assert_eq!(past(clock.now()), []);
        assert_eq!(traces(store, one), ["warned a@x.test"]);
        let message = store.write(move |tx| tx.claim_overdue(daemon, one)).unwrap().unwrap();
        let recipient = &message.recipients[0];
        assert_eq!((recipient.told_deadline, recipient.warned), (true, false));
        settle(store, daemon, (one, 0), Fate::Untried);
    });
}

#[test]
fn operators_hold_release_hurry_and_remove() {
    with_clock(|store, clock| {
        let one = spool(store, &["a@x.test", "b@y.test"]);
        let two = spool(store, &["c@x.test"]);
        let change = |change, filter: SpoolFilter| {
            store.write(move |tx| tx.change_spooled(change, &filter, SpoolId::new(0), 10)).unwrap()
        };
        let at_x = SpoolFilter { destination: Some("x.test".to_owned()), ..SpoolFilter::default() };
        assert_eq!(change(SpoolChange::Hold, at_x.clone()), (2, Some(two)));
        assert_eq!(change(SpoolChange::Hold, at_x.clone()), (0, Some(two)));
        let daemon = register(store);
        assert_eq!(claimed(store, daemon, "x.test"), [""; 0]);
        assert_eq!(claimed(store, daemon, "y.test").len(), 1);
        store.inner().spool_notices().take();
        let to_c =
            SpoolFilter { forward_path: Some("c@x.test".to_owned()), ..SpoolFilter::default() };
        assert_eq!(change(SpoolChange::Release, to_c.clone()), (1, Some(two)));
        let noticed = store.inner().spool_notices().take();
        assert_eq!(noticed.into_keys().collect::<Vec<_>>(), ["x.test"]);
        assert_eq!(claimed(store, daemon, "x.test"), [format!("{two} c@x.test 0")]);
        settle(store, daemon, (two, 0), Fate::Deferred(clock.now().plus_secs(1000)));
        assert_eq!(change(SpoolChange::Retry, to_c), (1, Some(two)));
        assert_eq!(claimed(store, daemon, "x.test"), [format!("{two} c@x.test 1")]);
        let found = totals(store, clock.now());
        assert_eq!((found.messages, found.held, found.owned), (2, 1, 2));
        assert_eq!(change(SpoolChange::Remove, SpoolFilter::default()), (3, Some(two)));
        // It was removed while it was in hand.
        assert_eq!(settle(store, daemon, (two, 0), Fate::Delivered), [false]);
        assert_eq!(totals(store, clock.now()), SpoolTotals::default());
        let held = ["held a@x.test", "removed a@x.test", "removed b@y.test"];
        let mut found = traces(store, one);
        found.sort();
        assert_eq!(found, held);
    });
}

#[test]
fn filters_mean_what_all_their_parts_mean() {
    on_both_engines(|store| {
        let one = spool(store, &["a@x.test", "b@y.test"]);
        let two = spool(store, &["c@x.test"]);
        let ids = |filter: SpoolFilter, after: SpoolId| -> Vec<SpoolId> {
            let rows = store.read(move |tx| tx.list_spooled(&filter, after, 10)).unwrap();
            rows.iter().map(|row| row.id).collect()
        };
        let none = SpoolFilter::default;
        let text = |text: &str| Some(text.to_owned());
        let start = SpoolId::new(0);
        assert_eq!(ids(none(), start), [one, two]);
        assert_eq!(ids(none(), one), [two]);
        assert_eq!(ids(SpoolFilter { id: Some(two), ..none() }, start), [two]);
        assert_eq!(ids(SpoolFilter { destination: text("y.test"), ..none() }, start), [one]);
        assert_eq!(ids(SpoolFilter { reverse_path: text(""), ..none() }, start), []);
        let julie = SpoolFilter { reverse_path: text("julie@example.test"), ..none() };
        assert_eq!(ids(SpoolFilter { forward_path: text("c@x.test"), ..julie }, start), [two]);
        assert_eq!(ids(SpoolFilter { held: Some(true), ..none() }, start), []);
        assert_eq!(ids(SpoolFilter { held: Some(false), ..none() }, start), [one, two]);
    });
}

#[test]
fn what_an_older_version_spooled_is_adopted() {
    on_both_engines(|store| {
        let one = spool(store, &["a@x.test", "\"b@c\"@Y.test"]);
        store
            .write(|tx| {
                tx.sql.execute("UPDATE spool_recipient SET destination = '', due = 0", &[])?;
                tx.sql.execute("DELETE FROM spool_waiting", &[])
            })
            .unwrap();
        store.inner().spool_notices().take();
        assert_eq!(store.write(|tx| tx.adopt_spooled()).unwrap(), 2);
        assert_eq!(store.write(|tx| tx.adopt_spooled()).unwrap(), 0);
        let noticed = store.inner().spool_notices().take();
        assert_eq!(noticed.into_keys().collect::<Vec<_>>(), ["x.test", "y.test"]);
        let daemon = register(store);
        assert_eq!(claimed(store, daemon, "y.test"), [format!("{one} \"b@c\"@Y.test 0")]);
    });
}

#[test]
fn claims_go_by_the_index() {
    on_both_engines(|store| {
        spool(store, &["a@x.test"]);
        let daemon = register(store);
        // The oldest first, and no more than asked for.
        for _ in 0..5 {
            spool(store, &["b@x.test", "c@x.test"]);
        }
        let claim = Claim { daemon, destination: "x.test".to_owned(), limit: 4 };
        let messages = store.write(move |tx| tx.claim_spooled(&claim)).unwrap();
        let counts: Vec<usize> = messages.iter().map(|one| one.recipients.len()).collect();
        assert_eq!(counts, [1, 2, 1]);
        let owned = store.read(move |tx| {
            let sql = "SELECT COUNT(*) FROM spool_recipient WHERE owner = ?1";
            tx.sql.query_one(sql, &[Value::Int(daemon.get())], |row| row.int(0))
        });
        assert_eq!(owned.unwrap(), Some(4));
    });
}

#[test]
fn traces_go_when_their_days_are_over() {
    with_clock(|store, clock| {
        let one = spool(store, &["a@x.test", "b@x.test"]);
        let daemon = register(store);
        claimed(store, daemon, "x.test");
        settle(store, daemon, (one, 0), Fate::Delivered);
        clock.advance_secs(8 * 86_400);
        settle(store, daemon, (one, 1), Fate::Delivered);
        store.inner().maintain().unwrap();
        assert_eq!(traces(store, one).len(), 2);
        clock.advance_secs(7 * 86_400);
        store.inner().maintain().unwrap();
        assert_eq!(traces(store, one), ["delivered b@x.test"]);
    });
}

/// What is only sent on is not looked into; a mailbox takes nothing that was not.
#[test]
fn a_message_for_elsewhere_is_its_bytes() {
    on_both_engines(|store| {
        let account = store.account("julie");
        let inbox = store.mailbox(account, "INBOX");
        for (text, header_bytes) in [
            ("Subject: x\r\n y\r\nno field\r\n\r\nbody\r\n\r\n.", 28),
            ("Subject: x\n\nbody\n", 12),
            ("Subject: x\r\n\r\n", 14),
            ("Subject: x", 10),
            ("\r\nbody\r\n", 2),
            ("", 0),
        ] {
            let bytes = || text.as_bytes().to_vec();
            let elsewhere = || PreparedMessage::for_elsewhere(bytes());
            let read = PreparedMessage::new(bytes());
            assert_eq!(
                (elsewhere().hash, elsewhere().size()),
                (read.hash, read.size()),
                "{text:?}"
            );
            // Beside a mailbox that takes the same bytes, in both orders.
            for is_first in [true, false] {
                let (sent_on, read) = (elsewhere(), PreparedMessage::new(bytes()));
                let spooled = store.write(move |tx| {
                    if !is_first {
                        tx.account(account)?.append_message(inbox, &read, Append::default())?;
                    }
                    let spooled = tx.spool(entry(None, &["a@x.test"]), &sent_on)?;
                    if is_first {
                        tx.account(account)?.append_message(inbox, &read, Append::default())?;
                    }
                    Ok(spooled)
                });
                let spooled = spooled.unwrap();
                let found = store.read(move |tx| {
                    let sql = "SELECT content_id FROM spool WHERE id = ?1";
                    let id = [Value::Int(spooled.get())];
                    let content = tx.sql.query_one(sql, &id, |row| row.int(0))?.unwrap();
                    tx.load_contents(&[ContentId::new(content)], Want::HEADER | Want::TEXT)
                });
                let found = found.unwrap().remove(0);
                assert_eq!(found.header().unwrap(), &text.as_bytes()[..header_bytes], "{text:?}");
                assert_eq!(found.text().unwrap(), &text.as_bytes()[header_bytes..], "{text:?}");
            }
        }
        let append = store.write(move |tx| {
            let message = PreparedMessage::for_elsewhere(b"Subject: x\r\n\r\n".to_vec());
            tx.account(account)?.append_message(inbox, &message, Append::default())
        });
        assert!(matches!(append, Err(StorageError::Internal(_))));
    });
}
