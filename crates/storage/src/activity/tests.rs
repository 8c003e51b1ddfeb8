use std::sync::Arc;

use ids::{AccountId, Clock, Timestamp};
use testkit::ManualClock;

use super::*;
use crate::testing::{TestStore, on_both_engines_with};

const POLICY: ActivityPolicy = ActivityPolicy {
    entries_max: 3,
    place_secs: Some(10 * 86_400),
    wrong_passwords: Some(4),
    told_again_secs: 7 * 86_400,
};

fn event(kind: ActivityKind, peer: &str, at: Timestamp) -> Activity {
    Activity {
        kind,
        protocol: "imap".to_owned(),
        peer: Some(peer.parse().unwrap()),
        program: String::new(),
        detail: String::new(),
        first: at,
        last: at,
        count: 1,
    }
}

/// Notes events; how many letters that puts into INBOX.
fn note(store: &TestStore, account: AccountId, events: Vec<Activity>) -> usize {
    let before = store.messages(store.mailbox(account, "INBOX")).len();
    store
        .with(account, move |tx| {
            for notice in tx.note_activity(&events, &POLICY)? {
                let letter = match &notice {
                    ActivityNotice::NewPlace(_) => "Subject: place\r\n\r\n".to_owned(),
                    ActivityNotice::WrongPasswords(count, _) => format!("Subject: {count}\r\n\r\n"),
                };
                tx.tell_activity(&notice, &POLICY, letter.into_bytes())?;
            }
            Ok(())
        })
        .unwrap();
    store.messages(store.mailbox(account, "INBOX")).len() - before
}

fn scene(test: impl Fn(&TestStore, AccountId, &ManualClock)) {
    let clock = Arc::new(ManualClock::default());
    on_both_engines_with(
        |settings| settings.clock = clock.clone(),
        |store| test(store, store.account("julie"), &clock),
    );
}

fn listed(store: &TestStore, account: AccountId) -> Vec<(ActivityKind, String, u64)> {
    let rows = store.read(move |tx| tx.list_activity(account, 100)).unwrap();
    let peer = |row: &Activity| row.peer.map(|peer| peer.to_string()).unwrap_or_default();
    rows.iter().map(|row| (row.kind, peer(row), row.count)).collect()
}

#[test]
fn equal_events_of_a_day_are_one_row() {
    use ActivityKind::SignedIn;
    scene(|store, julie, clock| {
        for _ in 0..3 {
            note(store, julie, vec![event(SignedIn, "192.0.2.1", clock.now())]);
            clock.advance_secs(10);
        }
        assert_eq!(listed(store, julie), [(SignedIn, "192.0.2.1".to_owned(), 3)]);
        clock.advance_secs(86_400);
        note(store, julie, vec![event(SignedIn, "192.0.2.1", clock.now())]);
        assert_eq!(listed(store, julie).len(), 2);
    });
}

#[test]
fn guesses_push_no_sign_in_out() {
    use ActivityKind::{SignedIn, WrongPassword};
    scene(|store, julie, clock| {
        note(store, julie, vec![event(SignedIn, "192.0.2.1", clock.now())]);
        for last in 1..=9 {
            clock.advance_secs(1);
            note(
                store,
                julie,
                vec![event(WrongPassword, &format!("198.51.100.{last}"), clock.now())],
            );
        }
        let rows = listed(store, julie);
        let peers: Vec<&str> = rows.iter().map(|(_, peer, _)| peer.as_str()).collect();
        // The fourth is the one the limit is measured by.
        let expect = ["198.51.100.9", "198.51.100.8", "198.51.100.7", "198.51.100.6", "192.0.2.1"];
        assert_eq!(peers, expect);
    });
}

#[test]
fn owners_hear_of_new_places_but_not_of_the_first() {
    use ActivityKind::SignedIn;
    scene(|store, julie, clock| {
        for (peer, letters) in [
            ("192.0.2.1", 0),
            ("192.0.2.200", 0),
            ("198.51.100.1", 1),
            ("198.51.100.2", 0),
            ("2001:db8::1", 1),
            ("2001:db8:0:ffff::1", 0),
            ("192.0.2.1", 0),
        ] {
            clock.advance_secs(60);
            let events = vec![event(SignedIn, peer, clock.now())];
            assert_eq!(note(store, julie, events), letters, "{peer}");
        }
        // What was not seen for so long is new again.
        clock.advance_secs(10 * 86_400);
        assert_eq!(note(store, julie, vec![event(SignedIn, "192.0.2.1", clock.now())]), 1);
        // So many a day and no more.
        let letters = (0..20).map(|third| {
            let peer = format!("203.0.{third}.1");
            note(store, julie, vec![event(SignedIn, &peer, clock.now())])
        });
        assert_eq!(letters.sum::<usize>(), 4);
    });
}

#[test]
fn owners_hear_of_many_wrong_passwords_once_in_a_while() {
    use ActivityKind::WrongPassword;
    scene(|store, julie, clock| {
        let wrong = |count| {
            let mut event = event(WrongPassword, "198.51.100.1", clock.now());
            event.count = count;
            note(store, julie, vec![event])
        };
        assert_eq!(wrong(3), 0);
        assert_eq!(wrong(1), 1);
        assert_eq!(wrong(50), 0);
        clock.advance_secs(7 * 86_400);
        assert_eq!(wrong(3), 0);
        assert_eq!(wrong(3), 1);
    });
}

#[test]
fn passwords_that_change_are_noted_and_rows_go_in_time() {
    scene(|store, julie, clock| {
        store.with(julie, |tx| tx.set_password_hash("$argon2id$other")).unwrap();
        assert_eq!(listed(store, julie), [(ActivityKind::PasswordChanged, String::new(), 1)]);
        clock.advance_secs(91 * 86_400);
        store.inner().maintain().unwrap();
        assert_eq!(listed(store, julie), []);
        note(store, julie, vec![event(ActivityKind::SignedIn, "192.0.2.1", clock.now())]);
        store.write(move |tx| tx.remove_account(julie)).unwrap();
    });
}
