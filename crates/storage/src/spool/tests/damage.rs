//! Rows that are no envelopes: nobody gets what they are of.

use super::*;

/// `forward-path attempts` of what a claim gives.
fn got(store: &TestStore, daemon: QueueDaemonId) -> Vec<String> {
    let claimed = claimed(store, daemon, "x.test");
    claimed.iter().filter_map(|one| one.split_once(' ')).map(|one| one.1.to_owned()).collect()
}

fn overdue(store: &TestStore, daemon: QueueDaemonId, spool: SpoolId) -> Vec<String> {
    let message = store.write(move |tx| tx.claim_overdue(daemon, spool)).unwrap();
    let recipients = message.into_iter().flat_map(|message| message.recipients);
    recipients.map(|recipient| recipient.forward_path).collect()
}

fn damage(store: &TestStore, sql: &'static str, spool: SpoolId) {
    let changed = store.write(move |tx| tx.sql.execute(sql, &[Value::Int(spool.get())])).unwrap();
    assert_eq!(changed, 1);
}

/// `forward-path attempts answer`, and in how many seconds each is due.
fn waiting(store: &TestStore, spool: SpoolId, now: Timestamp) -> Vec<(String, i64)> {
    let filter = SpoolFilter { id: Some(spool), ..SpoolFilter::default() };
    let rows = store.read(move |tx| tx.list_spooled(&filter, SpoolId::new(0), 10)).unwrap();
    let recipients = rows.iter().flat_map(|row| &row.recipients);
    let told = |one: &SpoolRowRecipient| {
        assert!(!one.owned && !one.held);
        let text = format!("{} {} {}", one.forward_path, one.attempts, one.answer);
        (text, one.due.as_secs() - now.as_secs())
    };
    let mut told: Vec<_> = recipients.map(told).collect();
    told.sort();
    told
}

const BAD: &str = "4.3.0 its envelope in the spool is damaged";

#[test]
fn what_is_no_envelope_is_deferred_and_given_to_nobody() {
    for bad in [
        "UPDATE spool SET envelope = '{\"requiretls\":tru' WHERE id = ?1",
        "UPDATE spool SET envelope = '' WHERE id = ?1",
        "UPDATE spool SET envelope = '{\"quarantine\":\"no\"}' WHERE id = ?1",
    ] {
        with_clock(|store, clock| {
            let one = spool(store, &["a@x.test", "b@x.test", "c@y.test"]);
            let two = spool(store, &["d@x.test"]);
            damage(store, bad, one);
            let daemon = register(store);
            assert_eq!(got(store, daemon), ["d@x.test 0"], "{bad}");
            settle(store, daemon, (two, 0), Fate::Delivered);
            // It waits, and is told of to who asks.
            let now = clock.now();
            let expect = |path: &str, attempts, answer: &str, secs| {
                (format!("{path} {attempts} {answer}"), secs)
            };
            let later = [
                expect("a@x.test", 1, BAD, 3600),
                expect("b@x.test", 1, BAD, 3600),
                expect("c@y.test", 0, "", 0),
            ];
            assert_eq!(waiting(store, one, now), later);
            assert_eq!(traces(store, one), ["deferred a@x.test", "deferred b@x.test"]);
            assert_eq!(got(store, daemon), [""; 0]);
            let due = store.read(|tx| tx.next_due_spooled("x.test")).unwrap();
            assert_eq!(due, Some(now.plus_secs(3600)));
            // Nor is it given up for its age.
            assert_eq!(overdue(store, daemon, one), [""; 0]);
            assert_eq!(waiting(store, one, now), later);
            // It goes once it is mended, with what it said.
            let mended = "UPDATE spool SET envelope = '{\"requiretls\":true}' WHERE id = ?1";
            damage(store, mended, one);
            clock.advance_secs(3600);
            let daemon = register(store);
            let claim = Claim { daemon, destination: "x.test".to_owned(), limit: 10 };
            let messages = store.write(move |tx| tx.claim_spooled(&claim)).unwrap();
            let said = messages.iter().map(|message| message.parameters.requiretls);
            assert_eq!(said.collect::<Vec<_>>(), [true]);
            assert_eq!(messages[0].recipients.len(), 2);
        });
    }
}

#[test]
fn a_recipient_that_is_damaged_keeps_back_no_other() {
    with_clock(|store, clock| {
        let one = spool(store, &["a@x.test", "b@x.test", "c@y.test", "d@y.test"]);
        let bad = "UPDATE spool_recipient SET parameters = '{\"notify\":7}' \
                   WHERE spool_id = ?1 AND ordinal = 1";
        damage(store, bad, one);
        let bad = "UPDATE spool_recipient SET parameters = 'NEVER' \
                   WHERE spool_id = ?1 AND ordinal = 2";
        damage(store, bad, one);
        let daemon = register(store);
        let claim = Claim { daemon, destination: "x.test".to_owned(), limit: 10 };
        let along = store.write(move |tx| {
            let mut messages = tx.claim_spooled(&claim)?;
            tx.claim_along(daemon, &mut messages, 10, |_, _| Ok(true))?;
            Ok(messages)
        });
        let messages = along.unwrap();
        let paths = messages.iter().flat_map(|message| &message.recipients);
        let paths: Vec<&str> = paths.map(|one| one.forward_path.as_str()).collect();
        assert_eq!(paths, ["a@x.test", "d@y.test"]);
        assert_eq!(traces(store, one), ["deferred b@x.test", "deferred c@y.test"]);
        for ordinal in [0, 3] {
            assert_eq!(settle(store, daemon, (one, ordinal), Fate::Delivered), [true]);
        }
        let expect = ["b@x.test", "c@y.test"].map(|path| (format!("{path} 1 {BAD}"), 3600));
        assert_eq!(waiting(store, one, clock.now()), expect);
    });
}
