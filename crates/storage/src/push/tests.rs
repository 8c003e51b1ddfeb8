use std::sync::Arc;

use testkit::ManualClock;

use super::*;
use crate::testing::{TestStore, on_both_engines_with};
use crate::{CollectionName, Home, NewCollection};

fn new(token: &str, resource: &str) -> NewPush {
    NewPush {
        token: token.to_owned(),
        resource: format!("https://push.test/{resource}"),
        public_key: vec![4; 65],
        secret: vec![7; 16],
        triggers: PushTriggers { content: true, properties: false },
        expires: None,
    }
}

fn calendar(store: &TestStore, account: AccountId, name: &'static str) -> Collection {
    store
        .with(account, move |tx| {
            let name = CollectionName::parse(Home::Calendars, name)?;
            tx.create_collection(&name, &NewCollection::new(CollectionKind::Calendar), &[])
        })
        .unwrap()
}

fn register(
    store: &TestStore,
    (owner, actor): (AccountId, AccountId),
    collection: &Collection,
    new: NewPush,
) -> Result<PushRegistration> {
    let collection = collection.clone();
    store.write(move |tx| {
        tx.lock_sharing([owner, actor])?;
        tx.account_as(owner, actor)?.register_push(&collection, &new, 3)
    })
}

fn claim(store: &TestStore) -> Vec<DuePush> {
    let changed = store.inner().push_notices().take();
    assert!(!changed.others);
    let behind = store.read(move |tx| tx.pushes_behind(&changed.known)).unwrap();
    store.write(move |tx| tx.note_pushes(&behind)).unwrap();
    let at = now(store);
    let free = PushesUnderWay::default();
    if !store.read(move |tx| tx.has_due_pushes(at, &free)).unwrap() {
        return Vec::new();
    }
    store.write(|tx| tx.claim_pushes(10, &PushesUnderWay::default())).unwrap()
}

fn settle(store: &TestStore, push: &DuePush, outcome: PushOutcome) {
    let push = push.clone();
    store.write(move |tx| tx.settle_push(&push, outcome)).unwrap();
}

fn now(store: &TestStore) -> Timestamp {
    store.write(|tx| Ok(tx.now)).unwrap()
}

/// Something comes into a calendar.
fn put(store: &TestStore, owner: AccountId, calendar: &Collection, uid: &str) {
    let (calendar, uid) = (calendar.clone(), uid.to_owned());
    store.with(owner, move |tx| put_in(tx, &calendar, &uid)).unwrap();
}

fn put_in(tx: &mut AccountTx<'_, '_>, calendar: &Collection, uid: &str) -> Result<()> {
    let text = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:t\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:20260101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    );
    let name = crate::ObjectName::parse(&format!("{uid}.ics"))?;
    let object =
        crate::PreparedObject::calendar(text.into_bytes(), &crate::ObjectLimits::default());
    let object = object.map_err(|_| StorageError::Invalid("no object"))?;
    tx.put_object(calendar, &name, &object, &crate::Condition::default()).map(|_| ())
}

fn touch(store: &TestStore, owner: AccountId, calendar: &Collection) {
    let id = calendar.id;
    store
        .with(owner, move |tx| {
            tx.touch_collection(id)?;
            tx.record_fact(Some(id), crate::change::Fact::CollectionUpdated)
        })
        .unwrap();
}

fn on_both(test: impl Fn(&TestStore, &ManualClock)) {
    let clock = Arc::new(ManualClock::default());
    on_both_engines_with(|settings| settings.clock = clock.clone(), |store| test(store, &clock));
}

#[test]
fn what_changed_is_told_once_and_again_after_the_next_change() {
    on_both(|store, clock| {
        let julie = store.account("julie");
        let work = calendar(store, julie, "work");
        register(store, (julie, julie), &work, new("a", "1")).unwrap();
        assert!(claim(store).is_empty(), "what was before is not told");
        put(store, julie, &work, "one");
        put(store, julie, &work, "two");
        let claimed = claim(store);
        assert_eq!(claimed.len(), 1);
        let push = &claimed[0];
        assert_eq!(push.changed, PushTriggers { content: true, properties: false });
        assert_eq!((push.collection, push.resource.as_str()), (work.id, "https://push.test/1"));
        assert!(claim(store).is_empty(), "one daemon has it");
        // Something comes while it is told.
        put(store, julie, &work, "three");
        settle(store, push, PushOutcome::Told(5));
        assert!(claim(store).is_empty(), "not at once again");
        clock.advance_secs(5);
        let claimed = claim(store);
        assert_eq!(claimed.len(), 1);
        assert!(claimed[0].modseq > push.modseq);
        settle(store, &claimed[0], PushOutcome::Told(5));
        // What nobody wants to hear of.
        clock.advance_secs(5);
        touch(store, julie, &work);
        assert!(claim(store).is_empty());
        let at = now(store);
        let free = PushesUnderWay::default();
        let has_due = store.read(move |tx| tx.has_due_pushes(at, &free)).unwrap();
        assert!(!has_due, "it was passed over");
    });
}

#[test]
fn who_failed_is_tried_again_ever_later_and_then_no_more() {
    on_both(|store, clock| {
        let julie = store.account("julie");
        let work = calendar(store, julie, "work");
        register(store, (julie, julie), &work, new("a", "1")).unwrap();
        put(store, julie, &work, "one");
        // A daemon that is gone keeps it for some minutes.
        assert_eq!(claim(store).len(), 1);
        clock.advance_secs(180);
        for (asked, secs) in [(None, 30), (None, 60), (Some(500), 500), (None, 240)] {
            let claimed = claim(store);
            settle(store, &claimed[0], PushOutcome::Failed(asked));
            clock.advance_secs(secs - 1);
            assert!(claim(store).is_empty());
            clock.advance_secs(1);
        }
        for _ in 0..11 {
            settle(store, &claim(store)[0], PushOutcome::Failed(None));
            clock.advance_secs(3_600);
        }
        settle(store, &claim(store)[0], PushOutcome::Failed(None));
        clock.advance_secs(86_400);
        assert!(claim(store).is_empty(), "it is taken for dead");
        assert!(!store.write(move |tx| tx.remove_push(julie, "a")).unwrap());
    });
}

#[test]
fn subscriptions_are_renewed_bounded_and_expire() {
    on_both(|store, clock| {
        let julie = store.account("julie");
        let work = calendar(store, julie, "work");
        let both = (julie, julie);
        let first = register(store, both, &work, new("a", "1")).unwrap();
        assert_eq!(first.expires, now(store).plus_secs(7 * 86_400));
        let soon = Some(now(store).plus_secs(60));
        let again = register(store, both, &work, NewPush { expires: soon, ..new("b", "1") });
        let again = again.unwrap();
        assert_eq!((again.token.as_str(), Some(again.expires)), ("a", soon));
        register(store, both, &work, new("c", "2")).unwrap();
        register(store, both, &work, new("d", "3")).unwrap();
        let over = register(store, both, &work, new("e", "4"));
        assert!(matches!(over, Err(StorageError::Limit { max: 3, .. })), "{over:?}");
        clock.advance_secs(60);
        register(store, both, &work, new("e", "4")).unwrap();
        assert!(!store.write(move |tx| tx.remove_push(julie, "a")).unwrap());
        assert!(store.write(move |tx| tx.remove_push(julie, "e")).unwrap());
        for bad in [
            NewPush { resource: "http://push.test/".to_owned(), ..new("x", "") },
            NewPush { resource: format!("https://{}", "a".repeat(2000)), ..new("x", "") },
            NewPush { secret: vec![1; 15], ..new("x", "x") },
            NewPush { public_key: vec![1; 64], ..new("x", "x") },
            NewPush {
                triggers: PushTriggers { content: false, properties: false },
                ..new("x", "x")
            },
        ] {
            let refused = register(store, both, &work, bad);
            assert!(matches!(refused, Err(StorageError::Invalid(_))), "{refused:?}");
        }
        clock.advance_secs(7 * 86_400);
        put(store, julie, &work, "one");
        assert!(claim(store).is_empty());
    });
}

#[test]
fn they_go_with_the_rights_and_the_collection_and_the_account() {
    on_both(|store, clock| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        store.with(julie, |tx| tx.make_first_collections()).unwrap();
        let work = calendar(store, julie, "work");
        let of_max = (julie, max);
        let refused = register(store, of_max, &work, new("a", "1"));
        assert!(refused.is_err(), "{refused:?}");
        let id = work.id;
        let share = |rights| {
            store.with(julie, move |tx| tx.share_collection(id, max, rights)).unwrap();
        };
        share(CollectionRights::READ);
        register(store, of_max, &work, new("a", "1")).unwrap();
        let of_others = store.write(move |tx| tx.remove_push(julie, "a")).unwrap();
        assert!(!of_others, "it is not hers");
        put(store, julie, &work, "one");
        store.with(julie, |tx| tx.set_maintenance(true)).unwrap();
        assert!(claim(store).is_empty());
        store.with(julie, |tx| tx.set_maintenance(false)).unwrap();
        clock.advance_secs(300);
        let claimed = claim(store);
        assert_eq!(claimed.len(), 1);
        settle(store, &claimed[0], PushOutcome::Told(0));
        share(CollectionRights::NONE);
        assert!(claim(store).is_empty());
        assert!(!store.write(move |tx| tx.remove_push(max, "a")).unwrap(), "it is gone");
        share(CollectionRights::READ);
        register(store, of_max, &work, new("b", "1")).unwrap();
        register(store, (julie, julie), &work, new("c", "1")).unwrap();
        store.write(move |tx| tx.remove_account(max)).unwrap();
        store.with(julie, move |tx| tx.delete_collection(&work, &[])).unwrap();
        assert!(!store.write(move |tx| tx.remove_push(julie, "c")).unwrap());
    });
}

#[test]
fn nobody_hears_of_their_own_change_but_of_those_of_others() {
    on_both(|store, _| {
        let julie = store.account("julie");
        let work = calendar(store, julie, "work");
        register(store, (julie, julie), &work, new("a", "1")).unwrap();
        register(store, (julie, julie), &work, new("b", "2")).unwrap();
        let quietly = |uid: &'static str, quiet: QuietPushes| {
            let work = work.clone();
            store
                .with(julie, move |tx| {
                    let known = tx.up_to_date_pushes(&quiet)?;
                    put_in(tx, &work, uid)?;
                    tx.quiet_pushes(&known)
                })
                .unwrap();
        };
        quietly("one", QuietPushes::All);
        assert!(claim(store).is_empty());
        quietly("two", QuietPushes::Tokens(vec!["a".to_owned(), "zz".to_owned()]));
        let claimed = claim(store);
        assert_eq!(claimed.len(), 1);
        assert_eq!(claimed[0].resource, "https://push.test/2");
        settle(store, &claimed[0], PushOutcome::Told(0));
        // What somebody else did just before is not lost with it.
        put(store, julie, &work, "three");
        quietly("four", QuietPushes::All);
        assert_eq!(claim(store).len(), 2);
    });
}

#[test]
fn the_first_key_stays() {
    on_both(|store, _| {
        assert!(store.read(|tx| tx.find_push_key()).unwrap().is_none());
        let put = |byte| {
            let key = SealedPushKey { public_key: vec![byte], sealed_key: vec![byte, 0] };
            store.write(move |tx| tx.put_push_key(&key)).unwrap().public_key
        };
        assert_eq!((put(1), put(2)), (vec![1], vec![1]));
    });
}

/// What was lost on the way from a commit to who tells of it.
#[test]
fn what_nobody_heard_of_is_found_by_looking_at_all() {
    on_both(|store, clock| {
        let julie = store.account("julie");
        let work = calendar(store, julie, "work");
        register(store, (julie, julie), &work, new("a", "1")).unwrap();
        register(store, (julie, julie), &work, new("b", "2")).unwrap();
        store.inner().push_notices().take();
        let id = work.id;
        let lost = |uid| {
            put(store, julie, &work, uid);
            let known = std::collections::BTreeSet::from([id]);
            let noticed = store.inner().push_notices().take();
            assert_eq!(noticed, ChangedCollections { known, others: false });
        };
        lost("one");
        assert!(claim(store).is_empty());
        let look = || store.read(|tx| tx.next_push_look(&PushesUnderWay::default())).unwrap();
        assert_eq!(look(), None);
        let (behind, next) = store.read(|tx| tx.pushes_behind_of_all(0)).unwrap();
        assert_eq!((behind.len(), next), (2, None));
        store.write(move |tx| tx.note_pushes(&behind)).unwrap();
        assert_eq!(look(), Some(now(store)));
        let claimed = claim(store);
        assert_eq!(claimed.len(), 2);
        // A change that nobody heard of while it is told, and one that is heard of.
        lost("two");
        settle(store, &claimed[0], PushOutcome::Told(5));
        settle(store, &claimed[1], PushOutcome::Failed(None));
        put(store, julie, &work, "three");
        assert!(claim(store).is_empty(), "neither is due");
        clock.advance_secs(5);
        assert_eq!(claim(store).len(), 1);
        clock.advance_secs(25);
        assert_eq!(claim(store).len(), 1);
        clock.advance_secs(7 * 86_400);
        store.write(|tx| tx.remove_expired_pushes()).unwrap();
        assert_eq!(store.read(|tx| tx.pushes_behind_of_all(0)).unwrap(), (vec![], None));
    });
}

#[test]
fn who_is_blocked_waits() {
    on_both(|store, clock| {
        let julie = store.account("julie");
        let work = calendar(store, julie, "work");
        register(store, (julie, julie), &work, new("a", "1")).unwrap();
        put(store, julie, &work, "one");
        store.with(julie, |tx| tx.set_blocked(true)).unwrap();
        assert!(claim(store).is_empty());
        store.with(julie, |tx| tx.set_blocked(false)).unwrap();
        clock.advance_secs(300);
        assert_eq!(claim(store).len(), 1);
    });
}

/// Who has many programs at a push service that is slow does not keep others waiting.
#[test]
fn an_account_has_no_more_than_its_share_under_way() {
    on_both(|store, clock| {
        let (julie, max) = (store.account("julie"), store.account("max"));
        let of = |account, names: [&'static str; 2]| {
            for name in names {
                let calendar = calendar(store, account, name);
                for token in ["1", "2", "3"].map(|number| format!("{name}{number}")) {
                    let added = calendar.clone();
                    let pushes = store.write(move |tx| {
                        tx.lock_sharing([account, account])?;
                        tx.account(account)?.register_push(&added, &new(&token, &token), 9)
                    });
                    pushes.unwrap();
                }
                put(store, account, &calendar, "one");
            }
        };
        of(julie, ["a", "b"]);
        of(max, ["c", "d"]);
        let changed = store.inner().push_notices().take();
        let behind = store.read(move |tx| tx.pushes_behind(&changed.known)).unwrap();
        store.write(move |tx| tx.note_pushes(&behind)).unwrap();
        let mut under_way = PushesUnderWay::default();
        let mut claim = |max| {
            let known = under_way.clone();
            let claimed = store.write(move |tx| tx.claim_pushes(max, &known)).unwrap();
            claimed.iter().for_each(|push| under_way.begin(push.account));
            (claimed, under_way.clone())
        };
        let accounts =
            |claimed: &[DuePush]| claimed.iter().map(|push| push.account).collect::<Vec<_>>();
        let (first, _) = claim(6);
        assert_eq!(accounts(&first), [julie; 4], "two are left");
        let (second, mut full) = claim(6);
        assert_eq!(accounts(&second), [max; 4]);
        assert!(claim(6).0.is_empty());
        let at = now(store);
        let seen = full.clone();
        assert!(!store.read(move |tx| tx.has_due_pushes(at, &seen)).unwrap());
        let seen = full.clone();
        assert_eq!(store.read(move |tx| tx.next_push_look(&seen)).unwrap(), None);
        // One is over.
        full.end(julie);
        let seen = full.clone();
        assert_eq!(store.read(move |tx| tx.next_push_look(&seen)).unwrap(), Some(at));
        let third = store.write(move |tx| tx.claim_pushes(6, &full)).unwrap();
        assert_eq!(accounts(&third), [julie]);
        // What was not tried did not fail, however often.
        for _ in 0..20 {
            settle(store, &third[0], PushOutcome::Later(30));
            clock.advance_secs(30);
        }
        let (behind, _) = store.read(|tx| tx.pushes_behind_of_all(0)).unwrap();
        assert!(behind.contains(&third[0].id));
    });
}

#[test]
fn more_changes_than_are_remembered_are_others() {
    let notices = PushNotices::default();
    let change = |id| crate::Change {
        account: AccountId::new(1),
        modseq: ModSeq::new(1),
        collection: Some(ids::CollectionId::new(id)),
        fact: crate::change::Fact::CollectionUpdated,
    };
    let mailbox = crate::Change { fact: crate::change::Fact::MailboxCreated, ..change(1) };
    notices.note(&[mailbox]);
    assert_eq!(notices.take(), ChangedCollections::default());
    (0..1_001).for_each(|id| notices.note(&[change(id)]));
    notices.note(&[change(7)]);
    let taken = notices.take();
    assert_eq!((taken.known.len(), taken.others), (1, true));
    notices.lose();
    assert!(notices.take().others);
}
